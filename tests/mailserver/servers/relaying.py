"""Messages handed in for the relay, and what waits in its spool."""

from __future__ import annotations

import time

from sqlalchemy import select

from mailserver.delivery import spool
from mailserver.store.tables import spool_lane
from tests.mailserver.mailroom import Talk

MESSAGE = (
    b"From: An <an@city.vn>\r\nTo: x@far.example\r\nDate: Mon, 23 Nov 2026 10:00:00 +0700\r\n"
    b"Message-ID: <m1@city.vn>\r\nSubject: hop\r\n\r\n.body\r\n"
)


def submit(room, *recipients, message=MESSAGE, sender="an@city.vn", parameters=""):
    with Talk(room, "submissions") as talk:
        talk.hello()
        assert talk.log_in().startswith("235")
        replies = talk.asks(f"MAIL FROM:<{sender}>{parameters}", *(f"RCPT TO:{each}" for each in recipients), "DATA")
        assert replies[-1].startswith("354"), replies
        talk.send(message.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        assert talk.reply().startswith("250")


def until(condition, seconds=15):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)
    return found


def items(room):
    with room.office.store.read() as connection:
        return spool.load_items(connection)


def waiting(room):
    return {each.forward_path: each for item in items(room) for each in item.recipients}


def is_empty(room):
    return not items(room)


def move_time(room, clock, seconds):
    clock.pass_by(seconds)
    room.call(room.relay._wake.set)


def lane_rows(room):
    with room.office.store.read() as connection:
        return list(connection.execute(select(spool_lane)))
