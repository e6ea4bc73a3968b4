"""The shell on a port: TLS, limits before login, slow readers, shutting down, many at once."""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from base64 import b64encode
from ipaddress import ip_network

import pytest

from mailserver.imap import fetching
from mailserver.servers import imap as shell
from mailserver.store import mailboxes
from security.tls import server_context
from tests.mailserver.imap.talk import LOGIN, Live
from tests.mailserver.imap.test_histories import Picture
from tests.mailserver.mailroom import PASSWORD


def wait_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "in vain"
        time.sleep(0.005)


def the_connection(live):
    """The one connection, seen from the server."""
    wait_until(lambda: len(live.services.connections) == 1)
    return next(iter(live.services.connections))


# TLS


def test_starttls(live, certificate):
    with live.connect() as client:
        assert b" STARTTLS" in client.read_line()
        assert client.ask("STARTTLS") == ["t OK Begin TLS negotiation now"]
        client.start_tls(certificate.ca_file)
        # What was said before counts no more, and what is offered now is different (RFC 9051 §6.2.1).
        lines = client.ask("CAPABILITY")
        assert " STARTTLS" not in lines[0]
        assert "AUTH=PLAIN" in lines[0]
        assert client.ask("STARTTLS")[-1].startswith("t BAD")
        assert client.ask(f"LOGIN {LOGIN} {PASSWORD}")[-1].startswith("t OK")
        assert client.ask("SELECT INBOX")[-1].startswith("t OK")


@pytest.mark.parametrize("injected", [b"t LOGIN x y\r\n", b"x", b"\r\n", b"t {5+}\r\nab"])
def test_octets_behind_starttls_end_the_connection(live, injected):
    with live.connect() as client:
        client.read_line()
        client.say(b"t STARTTLS\r\n" + injected)
        lines = []
        while (line := client.read_line()) is not None:
            lines.append(line)
        assert len(lines) <= 1, "only the answer to STARTTLS may come"
    wait_until(lambda: not live.services.connections)


def test_a_broken_handshake_ends_the_connection(live):
    with live.connect() as client:
        client.read_line()
        assert client.ask("STARTTLS")[-1].startswith("t OK")
        client.say(b"t NOOP\r\n" * 10)
        assert client.has_hung_up() or client.has_hung_up()
    wait_until(lambda: not live.services.connections)


def test_implicit_tls(live, certificate):
    client = live.connect("imaps")
    client.start_tls(certificate.ca_file)
    with client:
        greeting = client.read_line()
        assert b"STARTTLS" not in greeting
        assert b"LOGINDISABLED" not in greeting
        assert client.ask(f"LOGIN {LOGIN} {PASSWORD}")[-1].startswith("t OK")


def test_no_password_in_the_clear(make_office, certificate):
    server = Live(make_office(), tls_context=server_context(certificate.certificate, certificate.key))
    try:
        with server.connect() as client:
            greeting = client.read_line()
            assert b"LOGINDISABLED" in greeting
            assert b"AUTH=" not in greeting
            assert client.ask(f"LOGIN {LOGIN} {PASSWORD}") == ["t NO [PRIVACYREQUIRED] Use TLS first"]
            secret = b64encode(f"\0{LOGIN}\0{PASSWORD}".encode()).decode()
            assert client.ask(f"AUTHENTICATE PLAIN {secret}") == ["t NO [PRIVACYREQUIRED] Use TLS first"]
            assert client.ask("STARTTLS")[-1].startswith("t OK")
            client.start_tls(certificate.ca_file)
            assert client.ask(f"AUTHENTICATE PLAIN {secret}")[-1].startswith("t OK")
    finally:
        server.close()


def test_on_plain_asyncio_too(office, certificate):
    server = Live(office, tls_context=server_context(certificate.certificate, certificate.key), use_uvloop=False)
    try:
        with server.connect() as client:
            client.read_line()
            assert client.ask("STARTTLS")[-1].startswith("t OK")
            client.start_tls(certificate.ca_file)
            assert client.ask(f"LOGIN {LOGIN} {PASSWORD}")[-1].startswith("t OK")
            assert client.ask('LIST "" *')[-1] == "t OK LIST completed"
    finally:
        server.close()


# Strangers


@pytest.mark.parametrize(
    "words",
    [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /a1 HTTP/1.1\r\n\r\n", b"EHLO x\r\n", b"\x16\x03\x01\x02\x00\x01"],
)
def test_other_protocols_are_dropped_at_once(live, words):
    with live.connect() as client:
        client.read_line()
        client.say(words)
        assert client.has_hung_up()


def test_a_stranger_with_many_faults_is_sent_away(live):
    with live.connect() as client:
        client.read_line()
        client.say(b"a FROB\r\n" * 20)
        lines = []
        while (line := client.read_line()) is not None:
            lines.append(line)
        assert lines[-1] == b"* BYE Too many faults"
        assert len(lines) == 11


def test_a_strangers_large_literal_breaks_off(live):
    with live.connect() as client:
        client.read_line()
        client.say(b"a LOGIN {1000000+}\r\n")
        assert client.read_line() == b"a BAD [TOOBIG] Literal is too large"
        assert client.read_line() == b"* BYE [TOOBIG] Literal is too large"
        assert client.has_hung_up()


def test_a_stranger_costs_little_memory(live):
    with live.connect() as client:
        client.read_line()
        client.say(b"a LOGIN " + b"x" * 100_000)
        assert client.read_line() == b"a BAD Line is too long"
        client.say(b"\r\nb NOOP\r\n")
        assert client.read_line() == b"b OK NOOP completed"
        assert the_connection(live)._framer.buffered == 0


def test_who_does_not_log_in_is_sent_away(live):
    with live.connect() as client:
        client.read_line()
        connection = the_connection(live)
        later = live.loop.time() + shell.LOGIN_TIME + 1
        assert live.on_loop(connection.look, live.loop.time()) == shell.LOOK
        assert live.on_loop(connection.look, later) is None
        assert client.read_line() == b"* BYE Log in sooner"
        assert client.has_hung_up()


def test_a_strangers_guess_locks_nobody_out(make_office):
    office = make_office(login={"plaintext_networks": (ip_network("127.0.0.0/8"),), "never_slowed": ()})
    server = Live(office)
    try:
        with server.connect() as client:
            client.read_line()
            assert client.ask(f"LOGIN {LOGIN} wrong-password")[-1].startswith("t NO [AUTHENTICATIONFAILED]")
        with server.connect() as client:
            # The right one still opens.
            client.log_in()
    finally:
        server.close()


# Members


def test_autologout_not_before_half_an_hour(live):
    with live.connect() as client:
        client.log_in()
        connection = the_connection(live)
        now = live.loop.time()
        assert live.on_loop(connection.look, now + 1790) == shell.LOOK
        assert live.on_loop(connection.look, now + 1810) is None
        assert client.read_line() == b"* BYE Autologout; idle for too long"
        assert client.has_hung_up()


def test_signs_of_life_while_idling(live):
    with live.connect() as client:
        client.log_in()
        client.ask("SELECT INBOX")
        client.say(b"i IDLE\r\n")
        assert client.read_line() == b"+ idling"
        connection = the_connection(live)
        assert live.on_loop(connection.look, live.loop.time() + shell.SIGN_OF_LIFE + 1) == shell.LOOK
        assert client.read_line() == b"* OK Still here"


def test_a_locked_account_is_out(live, office, clock):
    from tests.mailserver.mailroom import set_status

    with live.connect() as client, live.connect() as idler:
        client.log_in()
        idler.log_in()
        idler.say(b"i IDLE\r\n")
        assert idler.read_line() == b"+ idling"
        set_status(office, "an", "locked")
        clock.pass_by(120)
        assert client.ask("NOOP") == ["t NO This account is locked, or its password was changed"]
        assert client.read_line() == b"* BYE This account is locked, or its password was changed"
        assert client.has_hung_up()
        wait_until(lambda: len(live.services.connections) == 1)
        assert live.on_loop(the_connection(live).look, live.loop.time() + shell.SIGN_OF_LIFE + 1) is None
        assert idler.read_line() == b"* BYE This account is locked, or its password was changed"


def test_too_many_connections_of_one_account(make_office):
    office = make_office(
        login={"plaintext_networks": (ip_network("127.0.0.0/8"),)}, imap={"max_connections_per_account": 2}
    )
    server = Live(office)
    try:
        with server.connect() as one, server.connect() as two, server.connect() as three:
            one.log_in()
            two.log_in()
            three.read_line()
            assert three.ask(f"LOGIN {LOGIN} {PASSWORD}")[-1].startswith("t NO [LIMIT]")
            one.ask("LOGOUT")
            wait_until(lambda: server.services.sessions.presence.count("imap account an") == 1)
            assert three.ask(f"LOGIN {LOGIN} {PASSWORD}")[-1].startswith("t OK")
    finally:
        server.close()


def test_mail_is_pushed_to_who_idles(live):
    with live.connect() as idler, live.connect() as client:
        idler.log_in()
        client.log_in()
        idler.ask("SELECT INBOX")
        idler.say(b"i IDLE\r\n")
        assert idler.read_line() == b"+ idling"
        for count in range(1, 20):
            assert client.ask(b"APPEND INBOX {6+}\r\na: b\r\n")[-1].startswith("t OK")
            assert [idler.read_line(), idler.read_line()] == [b"* %d EXISTS" % count, b"* %d RECENT" % count]
        idler.say(b"DONE\r\n")
        assert idler.read_line() == b"i OK IDLE completed"


def test_pipelined_commands_keep_their_order(live):
    with live.connect() as client:
        client.log_in()
        client.say(
            b"a SELECT INBOX\r\n"
            + b"b APPEND INBOX {6+}\r\na: b\r\n\r\n" * 3
            + b"c STORE 1:3 +FLAGS.SILENT (\\Deleted)\r\nd EXPUNGE\r\ne FETCH 1 UID\r\nf LOGOUT\r\ng NOOP\r\n"
        )
        lines = []
        while (line := client.read_line()) is not None:
            lines.append(line.decode())
        tagged = [line.split()[:2] for line in lines if line[1] == " " and line[0] not in "*+"]
        assert tagged == [
            ["a", "OK"], ["b", "OK"], ["b", "OK"], ["b", "OK"], ["c", "OK"], ["d", "OK"], ["e", "BAD"], ["f", "OK"]
        ]  # fmt: skip
        assert [line for line in lines if "EXPUNGE" in line and line.startswith("* ")] == [
            "* 3 EXPUNGE", "* 2 EXPUNGE", "* 1 EXPUNGE"
        ]  # fmt: skip


def test_a_flood_of_commands_is_taken_as_fast_as_it_is_run(live):
    with live.connect() as client:
        client.log_in()
        count = 20_000
        sender = threading.Thread(target=client.say, args=(b"x NOOP\r\n" * count,))
        sender.start()
        assert [client.read_line() for _ in range(count)] == [b"x OK NOOP completed"] * count
        sender.join()
        assert the_connection(live)._framer.buffered == 0


# Large messages


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
    monkeypatch.setattr(shell, "GATHER", gather)
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


# The end


def test_draining_says_bye(live):
    with live.connect() as stranger, live.connect() as member, live.connect() as idler, live.connect() as authing:
        stranger.read_line()
        member.log_in()
        idler.log_in()
        idler.say(b"i IDLE\r\n")
        idler.read_line()
        authing.read_line()
        authing.say(b"a AUTHENTICATE PLAIN\r\n")
        authing.read_line()
        live.drain().result(10)
        for client in (stranger, member, idler, authing):
            assert client.read_line() == b"* BYE Shutting down"
            assert client.has_hung_up()
        with live.connect() as late:
            assert late.read_line() == b"* BYE Shutting down"
            assert late.has_hung_up()


def test_three_clients_at_once(live):
    """The random histories of test_histories, this time truly at the same time."""
    faults = []

    class Threaded(Picture):
        def __init__(self, wire, seed):
            self.chance, self.uids, self.flags, self.condstore = random.Random(seed), [], {}, False
            self.client = wire
            self.read(wire.ask("SELECT INBOX"), may_expunge=True)

        def ask(self, command, *, may_expunge=True):
            lines = self.client.ask(command)
            assert not any("SERVERBUG" in line or "BYE" in line for line in lines), lines
            self.read(lines[:-1], may_expunge=may_expunge)
            return lines

        def act(self):
            if self.chance.random() < 0.3 or not self.uids:
                lines = self.client.ask(b"APPEND INBOX {6+}\r\na: b\r\n")
                assert lines[-1].startswith("t OK"), lines
                self.read(lines, may_expunge=True)
                return
            number = self.number()
            command, may_expunge = self.chance.choice(
                [
                    (f"STORE {number} +FLAGS (\\Flagged $K{number % 5})", False),
                    (f"STORE {number} +FLAGS (\\Deleted)", False),
                    ("EXPUNGE", True),
                    (f"COPY {number} INBOX", True),
                    (f"MOVE {number} INBOX", True),
                    ("FETCH 1:* (UID FLAGS)", False),
                    ("UID SEARCH ALL", True),
                    ("NOOP", True),
                ]
            )
            self.ask(command, may_expunge=may_expunge)

    def live_one(seed):
        try:
            with live.connect() as wire:
                wire.log_in()
                picture = Threaded(wire, seed)
                for _ in range(80):
                    picture.act()
                finished.wait(60)
                picture.ask("NOOP")
                picture.ask("UID FETCH 1:* (UID)")
                pictures.append(picture.uids)
        except Exception as fault:
            faults.append(fault)
            raise

    pictures = []
    finished = threading.Barrier(3)
    threads = [threading.Thread(target=live_one, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert faults == []
    store = live.services.sessions.store
    with store.read() as connection:
        inbox = mailboxes.find_mailbox(connection, "an", "INBOX")
    assert [len(uids) for uids in pictures] == [inbox.messages] * 3
    assert pictures[0] == pictures[1] == pictures[2]
