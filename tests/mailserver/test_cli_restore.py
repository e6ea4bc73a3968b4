"""``citymail mailbox restore``, as an administrator uses it at 3 a.m."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from directory.cli.context import where, who
from directory.database import CITY_TIME, open_directory
from directory.record import search
from mailserver.cli import main
from mailserver.config import load
from mailserver.store import Store, mailboxes, messages
from mailserver.store.messages import Target

Citymail = Callable[..., Result]
EVERYTHING = [(1, 1 << 32)]


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
    return run


@pytest.fixture
def store(citymail: Citymail, tmp_path: Path) -> Iterator[Store]:
    assert citymail
    config = load(tmp_path / "c.toml")
    opened = Store(config.store_url, config.data)
    yield opened
    assert opened.check_consistency() == []
    opened.close()


@pytest.fixture
def account_id(citymail: Citymail) -> str:
    return str(json.loads(citymail("official", "show", "an", "--json").stdout)["account_id"])


def append(store: Store, mailbox_id: int, subject: str, flags: tuple[str, ...] = ()) -> None:
    content = store.prepare(f"From: chi@x.example\r\nSubject: {subject}\r\n\r\nThư\r\n".encode())
    store.write(lambda tx: messages.append(tx, content, [Target(mailbox_id, flags)])).result()


def subjects(store: Store, account_id: str, name: str) -> list[str]:
    from mailserver.store import reading

    with store.read() as connection:
        found = mailboxes.find_mailbox(connection, account_id, name)
        assert found is not None
        return [row[0] for row in reading.fetch(connection, found.id, EVERYTHING, ("subject",))]


def test_what_was_removed_comes_back_once(citymail: Citymail, store: Store, account_id: str, tmp_path: Path) -> None:
    inbox = store.maildrop(account_id)
    plans = store.write(lambda tx: mailboxes.create_mailbox(tx, account_id, "Kế hoạch")).result()
    append(store, inbox.id, "một")
    append(store, inbox.id, "hai")
    append(store, plans.id, "ba")
    assert citymail("mailbox", "restore", "an").stdout == "Nothing to restore.\n"
    store.write(lambda tx: messages.remove(tx, inbox.id, EVERYTHING)).result()
    store.write(lambda tx: mailboxes.delete_mailbox(tx, account_id, "Kế hoạch")).result()

    said = citymail("mailbox", "restore", "an", "--dry-run").stdout
    assert said.startswith("3 messages (")
    assert "Kế hoạch  chi@x.example  ba" in said
    assert subjects(store, account_id, "INBOX") == []

    answer = json.loads(citymail("mailbox", "restore", "an", "--mailbox", "kế hoạch", "--json").stdout)
    assert (answer["restored"], answer["mailboxes"], answer["dry_run"]) == (1, {"Kế hoạch": 1}, False)
    assert [(each["subject"], each["from"]) for each in answer["messages"]] == [("ba", "chi@x.example")]
    said = citymail(
        "mailbox", "restore", "an@thanhpho.example", "--reason", "xóa nhầm", "--by", "truc.dem", lang="vi"
    ).stdout
    assert said == "Đã khôi phục 2 thư: INBOX 2.\n"
    assert citymail("mailbox", "restore", "an", lang="vi").stdout == "Không có gì để khôi phục.\n"
    assert subjects(store, account_id, "INBOX") == ["một", "hai"]
    assert subjects(store, account_id, "Kế hoạch") == ["ba"]

    directory = open_directory(load(tmp_path / "c.toml").directory_url)
    with directory.read() as conn:
        told = [
            (entry.actor, json.loads(entry.details))
            for entry in search(conn, subjects=["an@thanhpho.example"])
            if entry.action == "mailbox.restore"
        ]
    directory.close()
    assert told[0] == ("truc.dem", {"origin": f"{where()} ({who()})", "reason": "xóa nhầm", "restored": {"INBOX": 2}})


def test_since_when_and_into_what(citymail: Citymail, store: Store, account_id: str) -> None:
    inbox = store.maildrop(account_id)
    append(store, inbox.id, "một")
    append(store, inbox.id, "nháp", ("\\Draft",))
    store.write(lambda tx: messages.remove(tx, inbox.id, EVERYTHING)).result()
    tomorrow = datetime.now(CITY_TIME) + timedelta(days=1)
    for since in (f"{tomorrow:%Y-%m-%d}", f"{tomorrow:%d/%m/%Y}", f"{tomorrow:%Y-%m-%d %H:%M}"):
        assert citymail("mailbox", "restore", "an", "--since", since).stdout == "Nothing to restore.\n"
    yesterday = datetime.now(CITY_TIME) - timedelta(days=1)
    said = citymail(
        *("mailbox", "restore", "an", "--since", f"{yesterday:%d/%m/%Y %H:%M}", "--into", "Khôi phục", "--dry-run")
    ).stdout
    assert "Khôi phục  chi@x.example  một" in said
    citymail("mailbox", "restore", "an", "--into", "a//b", status=1)
    citymail("mailbox", "restore", "an", "--into", "Khôi phục")
    assert subjects(store, account_id, "Khôi phục") == ["một"]
    citymail("mailbox", "restore", "an", "--drafts")
    assert subjects(store, account_id, "INBOX") == ["nháp"]


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("khong.co",), 3, "There is no mailbox khong.co."),
        (("an", "--since", "hôm qua"), 2, "hôm qua is no day or time"),
        (("an", "--since", "2026-11-22 25:00"), 2, "is no day or time"),
    ],
)
def test_what_cannot_be_meant_is_said(citymail: Citymail, arguments: tuple[str, ...], status: int, told: str) -> None:
    assert told in citymail("mailbox", "restore", *arguments, status=status).stderr
