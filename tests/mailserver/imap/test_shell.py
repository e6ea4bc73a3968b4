"""The shell on a port: limits before login, members, pushes, shutting down, many at once."""

from __future__ import annotations

import random
import threading
from ipaddress import ip_network

import pytest

from mailserver.servers import imap as shell
from mailserver.store import mailboxes
from tests.mailserver.imap.talk import LOGIN, Live, the_connection, wait_until
from tests.mailserver.imap.test_histories import Picture
from tests.mailserver.mailroom import PASSWORD

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
