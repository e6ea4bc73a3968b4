"""Scanners and what follows from them, live: mail from outside, from our own people, and the quarantine."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable

import pytest

from mailserver.delivery import queue, submission
from mailserver.delivery.queue import QUARANTINED, Choice
from mailserver.delivery.submission import Submission
from mailserver.refusals import Unwanted
from mailserver.store.mailboxes import special_mailbox
from mailserver.store.reading import placements
from tests.mailserver.delivery.test_delivery import account
from tests.mailserver.mailroom import Talk, mails
from tests.mailserver.servers.relaying import submit, until
from tests.mailserver.servers.test_mx import deliver

VIRUS, SPAM, ODD = b"test-virus", b"test-spam", b"test-odd"


class Scanner:
    """A clamd, rspamd or milter that knows three words."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._serve = serve
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._serve(connection)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


def clamd(connection: socket.socket) -> None:
    heard = b""
    while not heard.endswith(bytes(4)):
        heard += connection.recv(65536)
    connection.sendall(b"stream: Test.Virus FOUND\0" if VIRUS in heard else b"stream: OK\0")


def rspamd(connection: socket.socket) -> None:
    heard = b""
    while b"\r\n\r\n" not in heard:
        heard += connection.recv(65536)
    head, _, body = heard.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    action = "add header" if SPAM in body else "quarantine" if ODD in body else "no action"
    answer = json.dumps({"action": action, "score": 7, "required_score": 15, "symbols": {"TEST": {}}}).encode()
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))


def milter(connection: socket.socket) -> None:
    """Goes on with everything, and puts a field in front at the end."""
    stream = connection.makefile("rwb")
    while length := int.from_bytes(stream.read(4), "big"):
        command = stream.read(length)[:1]
        if command == b"O":
            stream.write(b"\0\0\0\rO\0\0\0\6\0\0\0\1\0\0\0\0")
        elif command == b"E":
            stream.write(b"\0\0\0\x0chX-Seen\0yes\0\0\0\0\1c")
        elif command == b"Q":
            return
        elif command != b"D":
            stream.write(b"\0\0\0\1c")
        stream.flush()


@pytest.fixture
def scanners():
    started = {"clamav": Scanner(clamd), "rspamd": Scanner(rspamd)}
    yield {name: scanner.address for name, scanner in started.items()}
    for scanner in started.values():
        scanner.close()


def letter(body: bytes) -> bytes:
    return (
        b"From: An <an@city.vn>\r\nTo: binh@city.vn\r\nDate: Mon, 23 Nov 2026 10:00:00 +0700\r\n"
        b"Message-ID: <m1@city.vn>\r\nSubject: x\r\n\r\n" + body + b"\r\n"
    )


def from_outside(room, body: bytes, *recipients: str) -> str:
    with Talk(room) as talk:
        talk.hello()
        message = letter(body).replace(b"an@city.vn", b"x@far.example")
        return deliver(talk, message, *(recipients or ("an@city.vn",)), sender="x@far.example")


def junk(room, name: str) -> int:
    with room.office.store.read() as connection:
        found = special_mailbox(connection, name, "\\Junk")
        return len(placements(connection, found.id)) if found else 0


def quarantined(room):
    return queue.list_queued(room.office.store, Choice(state=QUARANTINED))


def test_each_scanner_has_its_say(make_room, scanners):
    room = make_room(scanners=scanners)
    assert from_outside(room, b"nothing").startswith("250")
    assert from_outside(room, VIRUS) == "554 5.7.1 The message holds a virus: Test.Virus"
    assert from_outside(room, SPAM).startswith("250")
    assert len(mails(room.office.store, "an")) == 1
    assert junk(room, "an") == 1
    room.office.store.write(lambda tx: None).result()
    with room.office.store.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT action, outcome FROM message_trace JOIN recipient_trace USING (reference) ORDER BY action"
        ).all()
    assert [tuple(row) for row in rows] == [("accept", "inbox"), ("junk", "junk"), ("refuse", "refuse")]


def test_large_messages_are_scanned_in_their_files(make_room, scanners):
    room = make_room(scanners=scanners)
    assert from_outside(room, b"x" * 70 + b"\r\n" * 200_000 + VIRUS).startswith("554 5.7.1")
    assert mails(room.office.store, "an") == []


def test_a_scanner_that_is_down_defers_or_lets_pass(make_room):
    nobody = {"clamav": "127.0.0.1:1"}
    assert from_outside(make_room(scanners=nobody), b"x").startswith("451 4.7.1")
    assert from_outside(make_room(scanners={**nobody, "if_it_fails": "accept"}), b"x").startswith("250")


def test_the_quarantine_holds_until_somebody_releases(make_room, scanners):
    room = make_room(scanners=scanners, with_relay=True)
    assert from_outside(room, ODD, "an@city.vn", "binh@city.vn").startswith("250")
    (item,) = quarantined(room)
    assert [each.forward_path for each in item.recipients] == ["an@city.vn", "binh@city.vn"]
    assert "rspamd" in item.quarantine
    # Nothing that is done to the queue does anything to it.
    for change in (queue.release, queue.retry, queue.remove):
        assert change(room.office.store, Choice()) == 0
    assert queue.list_queued(room.office.store) == []
    assert mails(room.office.store, "an") == []
    assert queue.release(room.office.store, Choice(ids=(item.id,), state=QUARANTINED)) == 1
    until(lambda: mails(room.office.store, "an") and mails(room.office.store, "binh"))
    assert mails(room.office.store, "an")[0].startswith(b"Return-Path: <x@far.example>")
    assert quarantined(room) == []


def test_what_is_removed_is_gone(make_room, scanners):
    room = make_room(scanners={**scanners, "on_virus": "quarantine"}, with_relay=True)
    assert from_outside(room, VIRUS).startswith("250")
    (item,) = quarantined(room)
    assert item.quarantine == "clamav: Test.Virus"
    assert queue.remove(room.office.store, Choice(ids=(item.id,), state=QUARANTINED)) == 1
    assert quarantined(room) == []


def test_our_own_people_are_scanned_too(make_room, scanners):
    room = make_room(scanners=scanners)
    submit(room, "<binh@city.vn>", message=letter(b"nothing"))
    with Talk(room, "submissions") as talk:
        talk.hello()
        talk.log_in()
        talk.asks("MAIL FROM:<an@city.vn>", "RCPT TO:<binh@city.vn>", "DATA")
        talk.send(letter(VIRUS) + b".\r\n")
        assert talk.reply().startswith("554 5.7.1")
    submit(room, "<binh@city.vn>", message=letter(SPAM))  # of ours nothing is junk
    assert len(mails(room.office.store, "binh")) == 2
    submit(room, "<binh@city.vn>", "<x@far.example>", message=letter(ODD))
    (item,) = quarantined(room)
    assert [each.forward_path for each in item.recipients] == ["binh@city.vn", "x@far.example"]


def test_the_webmail_sends_through_the_same_scanners(make_room, scanners):
    office = make_room(scanners=scanners).office
    order = Submission(account(office, "an"), "an@city.vn", ("binh@city.vn",), letter(VIRUS), "webmail", "192.0.2.1")
    with pytest.raises(Unwanted):
        submission.submit(office, order)
    assert mails(office.store, "binh") == []


def test_own_mail_may_be_left_out(make_room, scanners):
    room = make_room(scanners={**scanners, "own_mail": False})
    submit(room, "<binh@city.vn>", message=letter(VIRUS))
    assert len(mails(room.office.store, "binh")) == 1
    assert from_outside(room, VIRUS).startswith("554")


def test_what_a_milter_adds_stands_in_front(make_room):
    scanner = Scanner(milter)
    room = make_room(scanners={"milters": (scanner.address,)})
    assert from_outside(room, b"x").startswith("250")
    assert from_outside(room, b"\r\n" * 200_000).startswith("250")
    scanner.close()
    for message in mails(room.office.store, "an"):
        trace, _, rest = message.partition(b"X-Seen: yes\r\n")
        assert trace.startswith(b"Return-Path:")
        assert rest.startswith(b"From: ")
