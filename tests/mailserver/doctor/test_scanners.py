"""The doctor shows a harmless message to each scanner."""

from __future__ import annotations

import dataclasses

import pytest

from mailserver.config import Config, Scanners
from mailserver.doctor.scanners import check_scanners
from mailserver.doctor.verdicts import Grade
from tests.mailserver.scanning.test_panel import clamd_says, listening


def verdicts(**settings: object) -> list[tuple[Grade, str, str]]:
    config = dataclasses.replace(Config(), scanners=Scanners(**settings))  # type: ignore[arg-type]
    return [(each.grade, each.code, each.subject) for each in check_scanners(config, 1_795_400_000)]


def test_where_there_are_none_there_is_nothing_to_say():
    assert verdicts() == []


@pytest.mark.parametrize(
    ("answer", "grade", "code"),
    [
        (b"stream: OK\0", Grade.GOOD, "scanner.looks"),
        (b"stream: Harsh.Rule FOUND\0", Grade.WARNING, "scanner.harsh"),
        (b"nonsense\0", Grade.BAD, "scanner.silent"),
    ],
)
def test_what_it_answers(tmp_path, answer, grade, code):
    with listening(tmp_path / "clamd", clamd_says(answer)):
        assert verdicts(clamav=str(tmp_path / "clamd")) == [(grade, code, "clamav")]


def test_one_that_is_not_there(tmp_path):
    nowhere = str(tmp_path / "nobody")
    assert verdicts(rspamd=nowhere) == [(Grade.BAD, "scanner.silent", "rspamd")]
    assert verdicts(rspamd=nowhere, if_it_fails="accept") == [(Grade.BAD, "scanner.passed-by", "rspamd")]
