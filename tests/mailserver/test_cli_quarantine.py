"""``citymail quarantine``: what is there and why, and the two ways out of it, both on record."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mailserver.cli import main
from mailserver.config import load
from mailserver.delivery import spool
from mailserver.store import Store
from mailserver.store.messages import insert_message

MESSAGE = b"From: x@far.example\r\nTo: an@thanhpho.example\r\nSubject: Bill\r\n\r\nsecret body\r\n"


@pytest.fixture
def citymail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, status: int = 0) -> Any:
        done = CliRunner().invoke(main, [str(each) for each in arguments], catch_exceptions=False)
        assert done.exit_code == status, done.output
        return done

    return run


@pytest.fixture
def config(citymail: Callable[..., Any], tmp_path: Path) -> Path:
    citymail("init", "--domain", "thanhpho.example", "--data", "data", "citymail.toml")
    return tmp_path / "citymail.toml"


@pytest.fixture
def ids(config: Path) -> list[int]:
    """Three messages in quarantine, and one that an operator holds."""
    loaded = load(config)
    store = Store(loaded.store_url, loaded.data)

    def put(tx: Any) -> list[int]:
        made = []
        for number in range(4):
            message_id = insert_message(tx, store.prepare(MESSAGE))
            recipients = [spool.SpoolRecipient(f"r{number}@thanhpho.example")]
            more = {"quarantine": f"clamav: Virus.{number}"} if number < 3 else {"held": True}
            made.append(spool.put(tx, message_id, spool.Envelope("x@far.example"), recipients, **more))
        return made

    made = store.write(put).result()
    store.close()
    return made


def test_what_is_there_and_why(citymail: Callable[..., Any], config: Path, ids: list[int]) -> None:
    said = citymail("quarantine", "list", "--lang", "en", "--config", config).stdout
    assert said.count("because: clamav: Virus.") == 3
    assert "to r0@thanhpho.example" in said
    assert "r3@" not in said
    listed = json.loads(citymail("quarantine", "list", "--json", "--config", config).stdout)
    assert [item["id"] for item in listed] == ids[:3]
    shown = citymail("quarantine", "show", ids[1], "--lang", "vi", "--config", config).stdout
    assert "lý do: clamav: Virus.1" in shown
    assert "Subject: Bill" in shown
    assert "secret" not in shown


def test_what_a_message_says_does_not_steer_the_terminal(citymail: Callable[..., Any], config: Path) -> None:
    loaded = load(config)
    store = Store(loaded.store_url, loaded.data)
    octets = b"Subject: =?utf-8?q?bill=1b=5b2J=0A9__released?=\r\nX: \x1b]0;owned\x07 \xe2\x80\xae\r\n\r\nbody\r\n"

    def put(tx: Any, **more: Any) -> None:
        message_id = insert_message(tx, store.prepare(octets))
        spool.put(tx, message_id, spool.Envelope(""), [spool.SpoolRecipient("r@thanhpho.example")], **more)

    store.write(lambda tx: put(tx, quarantine="clamav: \x1b[31mVirus")).result()
    store.write(put).result()
    store.close()
    for command in (["quarantine", "list"], ["quarantine", "show", 1], ["queue", "list"], ["queue", "show", 2]):
        said = citymail(*command, "--config", config).stdout
        assert all(line.isprintable() for line in said.split("\n")), said
        assert not any(line.startswith("9") for line in said.split("\n")), said
    assert "X: \\x1b]0;owned\\x07" in said


def test_both_ways_out_are_on_record(citymail: Callable[..., Any], config: Path, ids: list[int]) -> None:
    said = citymail("quarantine", "release", ids[0], "--by", "an", "--lang", "en", "--config", config).stdout
    assert "1 messages released" in said
    said = citymail("quarantine", "remove", ids[1], ids[2], "--lang", "vi", "--config", config).stdout
    assert "đã hủy 2 thư" in said
    assert "Nothing is in quarantine" in citymail("quarantine", "list", "--lang", "en", "--config", config).stdout
    record = citymail("audit", "search", "--action", "quarantine", "--json", "--config", config).stdout
    assert record.count("quarantine.remove") == 2
    assert record.count("quarantine.release") == 1
    assert "Virus.1" in record
    waiting = json.loads(citymail("queue", "list", "--json", "--config", config).stdout)
    assert [item["id"] for item in waiting] == [ids[0], ids[3]]


def test_what_is_not_there(citymail: Callable[..., Any], config: Path, ids: list[int]) -> None:
    assert "No message 999" in citymail("quarantine", "show", 999, "--lang", "en", "--config", config, status=3).stderr
    # One that is held by an operator is not in quarantine, and none of several is touched.
    citymail("quarantine", "release", ids[0], ids[3], "--config", config, status=3)
    assert len(json.loads(citymail("quarantine", "list", "--json", "--config", config).stdout)) == 3
