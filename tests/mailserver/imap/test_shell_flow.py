"""The shell on a port: large messages, slow readers, those who go away in the middle."""

from __future__ import annotations

import random
import socket
import struct

import pytest

from mailserver.imap import fetching, steps
from mailserver.servers import imap as shell
from tests.mailserver.imap.talk import the_connection, wait_until


def large_message(size, seed=1):
    line = random.Random(seed).randbytes(36).hex().encode() + b"\r\n"
    return b"From: a@b\r\nSubject: large\r\n\r\n" + line * (size // len(line))


@pytest.mark.parametrize("plus", [b"", b"+"])
def test_a_large_message_there_and_back(live, plus):
    octets = large_message(2_500_000)
    with live.connect() as client:
        client.log_in()
        client.say(b"a APPEND INBOX {%d%b}\r\n" % (len(octets), plus))
        if not plus:
            assert client.read_line() == b"+ OK"
        client.say(octets + b"\r\n")
        assert client.read_line().startswith(b"a OK [APPENDUID ")
        client.ask("SELECT INBOX")
        client.say(b"b FETCH 1 (UID BODY.PEEK[])\r\n")
        assert client.read_line() == b"* 1 FETCH (UID 1 BODY[] {%d}" % len(octets)
        while len(client.buffer) < len(octets):
            client.buffer += client.socket.recv(1 << 20)
        assert client.buffer[: len(octets)] == octets
        client.buffer = client.buffer[len(octets) :]
        assert client.read_line() == b")"
        assert client.read_line() == b"b OK FETCH completed"
        assert client.ask("FETCH 1 BODY.PEEK[TEXT]<2000000.5>")[0] == "* 1 FETCH (BODY[TEXT]<2000000> {5}"
    store = live.services.sessions.store
    assert list(store.blobs.incoming.iterdir()) == []


def test_who_goes_away_in_the_middle_of_a_message_leaves_nothing(live):
    store = live.services.sessions.store
    with live.connect() as client:
        client.log_in()
        client.say(b"a APPEND INBOX {2000000+}\r\n" + b"x" * 700_000)
        wait_until(lambda: list(store.blobs.incoming.iterdir()))
    wait_until(lambda: not live.services.connections)
    assert list(store.blobs.incoming.iterdir()) == []
    assert live.services.sessions.presence.mine == {}


def test_a_refused_large_message_leaves_nothing(live, office):
    from tests.mailserver.mailroom import set_quota

    set_quota(office, "an", 1_000_000)
    store = live.services.sessions.store
    octets = large_message(1_500_000)
    with live.connect() as client:
        client.log_in()
        for target, code in ((b"INBOX", "OVERQUOTA"), (b"nowhere", "TRYCREATE")):
            lines = client.ask(b"APPEND %b {%d+}\r\n%b" % (target, len(octets), octets))
            assert lines[-1].startswith(f"t NO [{code}]"), lines
        assert client.ask("STATUS INBOX (MESSAGES)")[0] == "* STATUS INBOX (MESSAGES 0)"
        lines = client.ask("GETQUOTAROOT INBOX")
        assert lines[1] == '* QUOTA "User quota" (STORAGE 0 976 MESSAGE 0 4294967295 MAILBOX 6 10000)'
    wait_until(lambda: not live.services.connections)
    assert list(store.blobs.incoming.iterdir()) == []


def test_a_slow_reader_holds_up_only_himself(live):
    octets = large_message(2_900_000)
    slow = live.connect()
    slow.log_in()
    slow.ask(b"APPEND INBOX {%d+}\r\n%b" % (len(octets), octets))
    slow.ask("SELECT INBOX")
    slow.say(b"".join(b"f%d FETCH 1 BODY.PEEK[]\r\n" % number for number in range(20)))
    connection = the_connection(live)
    wait_until(lambda: connection._is_paused_writing)
    # What waits for him is bounded, though 58 MB were asked for.
    assert connection._transport.get_write_buffer_size() < 2_000_000
    with live.connect() as other:
        other.log_in()
        for _ in range(20):
            assert other.ask("STATUS INBOX (MESSAGES)")[-1].startswith("t OK")
    # In the end he gets all of it, in order.
    got, wanted = b"", b"f19 OK FETCH completed\r\n"
    size = 0
    while not got.endswith(wanted):
        octets_read = slow.socket.recv(1 << 20)
        assert octets_read
        size += len(octets_read)
        got = (got + octets_read)[-100:]
    assert size > 20 * len(octets)
    slow.close()


def test_a_slow_reader_of_one_long_answer(live):
    """Threads run ahead of the loop, but not of the client."""
    octets = large_message(2_900_000)
    slow = live.connect()
    slow.log_in()
    slow.ask(b"APPEND INBOX {%d+}\r\n%b" % (len(octets), octets))
    slow.ask("SELECT INBOX")
    for _ in range(4):
        assert slow.ask("COPY 1:* INBOX")[-1].startswith("t OK")
    slow.say(b"f FETCH 1:16 BODY.PEEK[]\r\n")
    connection = the_connection(live)
    wait_until(lambda: connection._is_paused_writing and not connection._waits)
    assert connection._transport.get_write_buffer_size() < 4_000_000  # of 46 MB
    got, size = b"", 0
    while not got.endswith(b"f OK FETCH completed\r\n"):
        octets_read = slow.socket.recv(1 << 20)
        assert octets_read
        size += len(octets_read)
        got = (got + octets_read)[-100:]
    assert 16 * len(octets) < size < 16 * len(octets) + 10_000
    slow.close()


@pytest.mark.parametrize(("gather", "ahead", "pieces"), [(1, 1, 3), (100, 10_000, 2), (400_000, 1_000_000, 32)])
def test_long_answers_arrive_whole_and_in_order(live, monkeypatch, gather, ahead, pieces):
    """However a thread and the loop share the work."""
    monkeypatch.setattr(steps, "GATHER", gather)
    monkeypatch.setattr(shell, "AHEAD", ahead)
    monkeypatch.setattr(shell, "PIECES", pieces)
    monkeypatch.setattr(fetching, "LARGE", 1)
    monkeypatch.setattr(fetching, "FIRST_ROWS", 3)
    monkeypatch.setattr(fetching, "PIECE", 500)
    with live.connect() as client:
        client.log_in()
        message = b"Subject: x\r\n\r\n" + b"0123456789abcdef\r\n" * 300
        client.ask(b"APPEND INBOX" + b" {%d+}\r\n%b" % (len(message), message) * 40)
        client.ask("SELECT INBOX")
        for _ in range(3):
            lines = client.ask("FETCH 1:* (UID ENVELOPE BODY.PEEK[HEADER])")
            assert [line.split()[1] for line in lines if " FETCH (UID" in line] == [str(n) for n in range(1, 41)]
            assert lines[-1] == "t OK FETCH completed"
            lines = client.ask("FETCH 1:* BODY.PEEK[]")
            assert sum("0123456789abcdef" in line for line in lines) == 40 * 300
            assert [line.split()[1] for line in lines if " FETCH (BODY" in line] == [str(n) for n in range(1, 41)]


def test_a_reader_who_stopped_is_cut_off(live):
    octets = large_message(2_900_000)
    slow = live.connect()
    slow.log_in()
    slow.ask(b"APPEND INBOX {%d+}\r\n%b" % (len(octets), octets))
    slow.ask("SELECT INBOX")
    slow.say(b"f FETCH 1 BODY.PEEK[]\r\n" * 20)
    connection = the_connection(live)
    wait_until(lambda: connection._is_paused_writing)
    assert live.on_loop(connection.look, live.loop.time() + 10) == shell.LOOK
    assert live.on_loop(connection.look, live.loop.time() + shell.STALLED_TIME + 1) is None
    wait_until(lambda: not live.services.connections)
    slow.close()


def test_who_resets_while_served_is_forgotten(live):
    octets = large_message(2_900_000)
    client = live.connect()
    client.log_in()
    client.ask(b"APPEND INBOX {%d+}\r\n%b" % (len(octets), octets))
    client.ask("SELECT INBOX")
    client.say(b"f FETCH 1 BODY.PEEK[]\r\n" * 20)
    wait_until(lambda: the_connection(live)._is_paused_writing)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    wait_until(lambda: not live.services.connections)
    wait_until(lambda: live.services.sessions.presence.mine == {})
