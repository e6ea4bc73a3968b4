"""SMTP clients that are silent, slow, or gone: what they cost, and what they leave."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest

from mailserver.delivery import inbound
from mailserver.servers import smtp as wire
from mailserver.servers import smtp_stream as stream
from tests.mailserver.mailroom import Talk, mails
from tests.mailserver.servers.transactions import MESSAGE, OPENING, transaction

CHUNK = b"EHLO a\r\nMAIL FROM:<x@y.example>\r\nRCPT TO:<an@city.vn>\r\nBDAT 300000\r\n" + b"x" * 290_000

# -- time


@pytest.fixture
def impatient(monkeypatch):
    # Long enough for a client on a busy machine to be in time where it means to.
    monkeypatch.setattr(wire, "GREETED_TIMEOUT", 0.9)
    monkeypatch.setattr(wire, "COMMAND_TIMEOUT", 0.9)
    monkeypatch.setattr(stream, "COMMAND_TIMEOUT", 0.9)
    monkeypatch.setattr(stream, "BLOCK_TIMEOUT", 0.9)
    monkeypatch.setattr(stream, "DATA_TIMEOUT", 1.2)


@pytest.mark.parametrize(
    "start", [b"", b"EH", b"EHLO a\r\n", b"EHLO a\r\nMAIL FROM:<>\r\n", b"EHLO a\r\n" + OPENING, CHUNK]
)
def test_a_silent_client_is_sent_away(impatient, room, start):
    with Talk(room) as talk:
        talk.send(start)
        replies = []
        while reply := talk.reply():
            replies.append(reply)
        assert replies[-1].startswith("421 4.4.2")
    assert mails(room.office.store, "an") == []


def test_a_slow_client_with_data_is_sent_away(impatient, room):
    with Talk(room) as talk:
        talk.hello()
        talk.send(OPENING)
        assert [talk.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
        with pytest.raises(OSError):  # noqa: PT012
            for _ in range(100):
                talk.send(b"x")  # each in time, all together too slow
                time.sleep(0.1)
    assert mails(room.office.store, "an") == []


def test_a_slow_client_with_a_chunk_is_sent_away(impatient, room):
    with Talk(room) as talk:
        talk.send(CHUNK.replace(b"300000", b"1000")[:-290_000])
        with pytest.raises(OSError):  # noqa: PT012
            for _ in range(100):
                talk.send(b"x")
                time.sleep(0.1)
    assert mails(room.office.store, "an") == []


def test_chunks_that_come_whole_and_seldom_end_too(impatient, room):
    with Talk(room) as talk:
        talk.hello()
        talk.asks("MAIL FROM:<x@y.example>", "RCPT TO:<an@city.vn>")
        replies = []
        for _ in range(100):
            talk.send(b"BDAT 20\r\n" + b"x" * 20)
            if not (reply := talk.reply()).startswith("250"):
                break
            replies.append(reply)
            time.sleep(0.3)
        assert reply.startswith("421 4.4.2")
        assert replies


def test_a_client_that_reads_nothing_is_owed_little_and_sent_away(impatient, room, monkeypatch):
    monkeypatch.setattr(stream, "TLS_TIMEOUT", 0.5)
    message = b"MAIL FROM:<x@y.example>\r\nRCPT TO:<an@city.vn>\r\nBDAT 14 LAST\r\nSubject: x\r\n\r\n"
    with Talk(room) as talk:
        talk.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        talk.hello()
        (session,) = room.clients._open
        transport = session.transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        for _ in range(100):
            talk.send(b"HELP\r\n" * 300 + message)  # some 5 MB of answers
            assert transport.get_write_buffer_size() < 300_000
            if not len(room.clients):
                break
        until_nobody_is_there(room)


def until_nobody_is_there(room):
    deadline = time.monotonic() + 20
    while len(room.clients) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(room.clients) == 0


def test_a_busy_client_is_not_sent_away(impatient, room):
    with Talk(room) as talk:
        talk.hello()
        for _ in range(6):
            time.sleep(0.2)
            assert talk.is_alive()


def test_our_own_time_is_not_the_clients(impatient, room, monkeypatch):
    real = inbound.receive

    def slow(*arguments):
        time.sleep(1.2)
        return real(*arguments)

    monkeypatch.setattr(inbound, "receive", slow)
    with Talk(room) as talk:
        talk.hello()
        assert transaction(talk).startswith("250 ")


# -- clients that go away


@pytest.mark.parametrize("start", [b"", b"EHLO a\r\nMAI", b"EHLO a\r\n" + OPENING, CHUNK])
@pytest.mark.parametrize("reset", [False, True])
def test_a_client_that_goes_away_leaves_nothing(room, start, reset):
    with Talk(room) as talk:
        talk.send(start)
        if start.endswith(b"DATA\r\n"):
            assert [talk.reply()[:3] for _ in range(4)] == ["250", "250", "250", "354"]
            talk.send(b"half a mess")
        if reset:
            talk.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    deadline = time.monotonic() + 10
    while len(room.clients) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(room.clients) == 0
    assert mails(room.office.store, "an") == []
    assert not list(room.office.incoming.iterdir())


@pytest.mark.parametrize("shut", [socket.SHUT_WR, socket.SHUT_RDWR])
def test_a_client_that_goes_away_before_354(room, shut):
    for _ in range(20):
        with Talk(room) as talk:
            talk.send(b"EHLO a\r\n" + OPENING)
            talk.socket.shutdown(shut)
    deadline = time.monotonic() + 10
    while len(room.clients) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(room.clients) == 0
    assert [task for task in room.call(asyncio.all_tasks) if "_handle_client" in repr(task)] == []


def test_a_half_closed_client_gets_its_reply(room):
    with Talk(room) as talk:
        talk.hello()
        talk.send(OPENING)
        assert [talk.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
        talk.send(MESSAGE + b".\r\n")
        talk.socket.shutdown(socket.SHUT_WR)
        assert talk.reply().startswith("250 2.0.0")
        assert talk.has_hung_up()
    assert len(mails(room.office.store, "an")) == 1


def test_a_client_that_hangs_up_during_the_commit_does_not_cancel_it(room, monkeypatch):
    entered, leave = threading.Event(), threading.Event()
    store = room.office.store
    real = type(store).write

    def write(self, job, *arguments, **more):
        def slow(tx):
            entered.set()
            leave.wait(10)
            return job(tx)

        return real(self, slow, *arguments, **more)

    room.office.inbox_of("an")
    monkeypatch.setattr(type(store), "write", write)
    with Talk(room) as talk:
        talk.hello()
        talk.send(OPENING)
        assert [talk.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
        talk.send(MESSAGE + b".\r\n")
        assert entered.wait(10)
    time.sleep(0.1)
    leave.set()
    deadline = time.monotonic() + 10
    while not mails(store, "an") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(mails(store, "an")) == 1
