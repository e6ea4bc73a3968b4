"""``citymail mailbox share`` and its kin: what they write is what IMAP and ``access`` read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from directory.database import open_directory
from directory.mail.accounts import account_by_login
from directory.record import search
from mailserver import access
from mailserver.cli import main
from mailserver.config import load
from mailserver.store import Store, readers

Citymail = Callable[..., Result]


@pytest.fixture
def citymail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Citymail:
    for name in list(os.environ):
        if name.startswith("CITYMAIL"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, status: int = 0, lang: str = "en") -> Result:
        done = CliRunner().invoke(main, list(arguments), env={"CITYMAIL_CONFIG": "c.toml", "CITYMAIL_LANG": lang})
        assert done.exit_code == status, f"{done.output}{done.exception!r}"
        return done

    CliRunner().invoke(main, ["init", "--domain", "thanhpho.example", "--data", "data", "c.toml"])
    run("official", "add", "--name", "Nguyễn Văn An", "--address", "an")
    run("official", "add", "--name", "Trần Thị Bình", "--address", "binh")
    return run


def rights(tmp_path: Path, owner: str, reader: str, name: str) -> tuple[str, bool]:
    """What ``access`` says, and whether the reader has his own seen state."""
    config = load(tmp_path / "c.toml")
    directory, store = open_directory(config.directory_url), Store(config.store_url, config.data)
    try:
        with directory.read() as reading, store.read() as connection:
            account = account_by_login(reading, reader)
            assert account is not None
            place = access.find(reading, connection, account, f"Other Users/{owner}/{name}")
            assert place is not None
            return access.ordered(place.rights), isinstance(place.key, readers.ReadersMailbox)
    finally:
        assert store.check_consistency() == []
        store.close()
        directory.close()


def test_share_unshare_seen(citymail: Citymail, tmp_path: Path) -> None:
    assert citymail("mailbox", "shares", "an").stdout == "Nothing is shared by name.\n"
    assert citymail("mailbox", "share", "an", "binh", "--rights", "lrsw").stdout == "binh: lrsw in INBOX\n"
    assert rights(tmp_path, "an", "binh", "INBOX") == ("lrsw", False)
    citymail("mailbox", "share", "an", "anyone", "--all", "--rights", "lr")
    assert rights(tmp_path, "an", "binh", "Sent") == ("lr", False)
    citymail("mailbox", "share", "an", "binh@thanhpho.example", "--name", "Sent", "--rights", "r", "--take-away")
    assert rights(tmp_path, "an", "binh", "Sent") == ("l", False)
    answer = json.loads(citymail("mailbox", "shares", "an", "--json").stdout)
    inbox = next(each for each in answer if each["mailbox"] == "INBOX")
    assert inbox == {
        "mailbox": "INBOX",
        "entries": [{"whom": "binh@thanhpho.example", "rights": "lrsw"}, {"whom": "anyone", "rights": "lr"}],
        "private_seen": False,
    }
    citymail("mailbox", "unshare", "an", "binh", "--name", "Sent", "--take-away")
    assert rights(tmp_path, "an", "binh", "Sent") == ("lr", False)
    said = citymail("mailbox", "seen", "an", "private", lang="vi").stdout
    assert said == "INBOX: trạng thái đã đọc riêng từng người đọc\n"
    assert rights(tmp_path, "an", "binh", "INBOX") == ("lrsw", True)
    said = citymail("mailbox", "shares", "an").stdout
    assert "INBOX: seen state is every reader's own\n    binh@thanhpho.example  lrsw\n" in said
    citymail("mailbox", "seen", "an", "shared", "--all")
    citymail("mailbox", "unshare", "an", "binh")
    assert rights(tmp_path, "an", "binh", "INBOX") == ("lr", False)


def test_what_is_wrong_is_said(citymail: Citymail) -> None:
    assert "no mailbox nobody" in citymail("mailbox", "share", "nobody", "binh", status=3).stderr
    assert "no mailbox an: Plans" in citymail("mailbox", "share", "an", "binh", "--name", "Plans", status=3).stderr
    assert "no official, unit or group nobody" in citymail("mailbox", "share", "an", "nobody", status=3).stderr
    assert "q are not rights" in citymail("mailbox", "share", "an", "binh", "--rights", "lq", status=1).stderr
    assert "every right" in citymail("mailbox", "share", "an", "an", status=1).stderr


def test_it_is_recorded(citymail: Citymail, tmp_path: Path) -> None:
    citymail("mailbox", "share", "an", "binh", "--by", "tuấn")
    directory = open_directory(load(tmp_path / "c.toml").directory_url)
    try:
        with directory.read() as reading:
            found = [each for each in search(reading) if each.action == "mailbox.share"]
    finally:
        directory.close()
    assert [(each.actor, each.subject) for each in found] == [("tuấn", "an@thanhpho.example")]
