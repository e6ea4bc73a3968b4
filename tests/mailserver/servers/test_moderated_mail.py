"""A moderated group over the wire: every door takes its mail, and no member has it before a moderator has said so."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import update

from directory import tables
from directory.mail import group_rights
from mailserver.delivery import moderation
from tests.mailserver.mailroom import PEOPLE, Mailroom, Talk, mails

MARK = b"\nSubject: over the wire\r\n"


def until(condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)
    return found


def send(talk: Talk, sender: str, recipient: str) -> str:
    replies = talk.asks(f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient}>", "DATA")
    assert [reply[:3] for reply in replies] == ["250", "250", "354"], replies
    talk.send(
        b"From: <" + sender.encode() + b">\r\nTo: everyone@city.vn\r\nDate: Mon, 23 Nov 2026 10:00:00 +0700\r\n"
        b"Subject: over the wire\r\n\r\nbody\r\n.\r\n"
    )
    return talk.reply()


def received(room: Mailroom) -> dict[str, int]:
    return {
        name: sum(MARK in mail.partition(b"\r\n\r\n")[0] + b"\r\n" for mail in mails(room.office.store, name))
        for name in PEOPLE
    }


def test_every_door_takes_it_and_none_lets_it_through(make_room: Callable[..., Mailroom]) -> None:
    room = make_room(with_relay=True)
    with room.office.directory.write() as conn:
        conn.execute(update(tables.mail_group).where(tables.mail_group.c.id == "everyone").values(is_moderated=True))
        group_rights.set_moderators(conn, "test", "everyone", ["chi"])
    with Talk(room) as outside:
        outside.hello()
        assert send(outside, "x@y.example", "everyone@city.vn").startswith("250 2.0.0")
    with Talk(room, "lmtp") as lmtp:
        lmtp.ask("LHLO here")
        assert send(lmtp, "x@y.example", "everyone@city.vn").startswith("250 2.0.0")
    with Talk(room, "submissions") as submission:
        submission.hello()
        assert submission.log_in("binh").startswith("235")
        assert send(submission, "binh@city.vn", "everyone@city.vn").startswith("250 2.0.0")
        # what goes elsewhere besides is not held up
        assert send(submission, "binh@city.vn", "dung@city.vn").startswith("250 2.0.0")
    waiting = moderation.waiting(room.office.store)
    assert [each.moderation for each in waiting] == ["everyone@city.vn"] * 3
    assert received(room) == {"an": 0, "binh": 0, "chi": 0, "dung": 1}
    assert sum(b"Auto-Submitted: auto-generated" in mail for mail in mails(room.office.store, "chi")) == 3
    first, second, third = (each.id for each in waiting)
    moderation.reject(room.office, "chi@city.vn", [second], origin="test", reason="")
    moderation.approve(
        room.office.store, room.office.directory, "chi@city.vn", [first, third], origin="test", reason=""
    )  # fmt: skip
    until(lambda: received(room) == {"an": 2, "binh": 2, "chi": 2, "dung": 3})
    assert moderation.waiting(room.office.store) == []
