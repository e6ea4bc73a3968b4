"""The doctor asks whether the key process is there, and looks at the files of its key."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from mailserver.config import Config, Storage
from mailserver.config.pki import Pki
from mailserver.doctor.keys import check_keys, key_files
from mailserver.doctor.verdicts import Verdict
from tests.webmail.certified_hall import certified_hall


def config_at(folder: Path, **pki: object) -> Config:
    return dataclasses.replace(
        Config(),
        storage=Storage(data=str(folder)),
        pki=Pki(enrol=True, **pki),  # type: ignore[arg-type]
    )


def test_it_answers_until_it_is_gone(tmp_path):
    config = config_at(tmp_path)
    with certified_hall(tmp_path) as made:
        directory = made.hall.services.directory

        def ask() -> list[Verdict]:
            with directory.read() as conn:
                return check_keys(config, conn)

        [there] = ask()
        assert there.code == "keys.answers"
        assert there.values["managed"] > 0
        assert there.values["sealed"] == 0
        made.holder.stop()
        assert [each.code for each in ask()] == ["keys.silent"]
        with directory.read() as conn:
            assert check_keys(dataclasses.replace(config, pki=Pki()), conn) == []


@pytest.mark.parametrize(
    ("place", "files"),
    [("file:w.key", ["w.key"]), ("pkcs11:token=t;object=o", []), ("stdin", [])],
)
def test_where_its_key_lies(tmp_path, place, files):
    found = key_files(config_at(tmp_path, wrapping_key=place, former_wrapping_key="file:old.key"))
    assert found == [tmp_path / each for each in (*files, "old.key")]
