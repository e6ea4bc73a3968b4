"""The wire: pipelining and splits, limits, time, hang-ups, faults of ours, the end of the service."""

from __future__ import annotations

import logging
import re
import socket
import threading
import time

import pytest

from mailserver.delivery import inbound
from tests.mailserver.mailroom import Talk, mails
from tests.mailserver.servers.transactions import MESSAGE, OPENING, transaction


def test_a_session_in_every_split(room):
    before = (
        b"EHLO a.example\r\nMAIL FROM:<x@y.example> SIZE=10\r\nRCPT TO:<an@city.vn>\r\nRCPT TO:<no@city.vn>\r\nDATA\r\n"
    )
    after = b"Subject: x\r\n\r\n..body\r\n.\r\nRSET\r\nNOOP\r\nQUIT\r\n"
    expected = None
    for cut in range(max(len(before), len(after))):
        with Talk(room) as talk:
            talk.send(before[:cut])
            time.sleep(0.0005)
            talk.send(before[cut:])
            replies = [talk.reply() for _ in range(5)]
            talk.send(after[:cut])
            time.sleep(0.0005)
            talk.send(after[cut:])
            replies += [talk.reply() for _ in range(5)]
        shape = [re.sub(r"as \w+$", "as", reply.split("\n")[-1]) for reply in replies]
        expected = expected or shape
        assert shape == expected
    assert [line[:9] for line in expected] == [
        "250 START",
        "250 2.1.0",
        "250 2.1.5",
        "550 5.1.1",
        "354 End d",
        "250 2.0.0",
        "250 2.0.0",
        "250 2.0.0",
        "221 2.0.0",
        "",
    ]
    assert {mail.split(b"\r\n\r\n")[1] for mail in mails(room.office.store, "an")} == {b".body\r\n"}


@pytest.mark.parametrize("use_uvloop", [True, False])
def test_byte_by_byte(make_room, use_uvloop):
    room = make_room(use_uvloop=use_uvloop)
    with Talk(room) as talk:
        talk.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in b"EHLO a.example\r\n" + OPENING:
            talk.send(bytes([octet]))
        assert [talk.reply()[:3] for _ in range(4)] == ["250", "250", "250", "354"]
        for octet in MESSAGE + b".\r\n":
            talk.send(bytes([octet]))
        assert talk.reply().startswith("250 2.0.0")


def test_replies_of_a_group_come_in_one_piece(room):
    with Talk(room) as talk:
        talk.hello()
        talk.send(b"NOOP\r\n" * 50)
        time.sleep(0.1)
        octets = talk.socket.recv(65536)
        assert octets == b"250 2.0.0 OK\r\n" * 50


def test_many_messages_on_one_connection_pipelined_behind_each_other(room):
    with Talk(room) as talk:
        talk.hello()
        talk.send(OPENING)
        for _ in range(20):
            assert [talk.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
            talk.send(MESSAGE + b".\r\n" + OPENING)  # RFC 2920 §3.1: a new group may follow the end of data at once
            assert talk.reply().startswith("250 2.0.0")
    assert len(mails(room.office.store, "an")) == 20


@pytest.mark.parametrize("command", ["NOOP", "RSET", "NOOP ignored words", "rset", "nOoP"])
def test_plain_commands(room, command):
    with Talk(room) as talk:
        assert talk.ask(command).startswith("250 2.0.0")


@pytest.mark.parametrize(
    ("lines", "reply"),
    [
        (["MAIL FROM:<a@b.vn>"], "503 5.5.1"),
        (["EHLO"], "501 5.5.4"),
        (["HELO"], "501 5.5.4"),
        (["EHLO a", "RCPT TO:<an@city.vn>"], "503 5.5.1"),
        (["EHLO a", "DATA"], "503 5.5.1"),
        (["EHLO a", "MAIL FROM:<a@b.vn>", "MAIL FROM:<a@b.vn>"], "503 5.5.1"),
        (["EHLO a", "MAIL FROM:<a@b.vn>", "DATA"], "503 5.5.1"),
        (["EHLO a", "MAIL FROM:<a@b.vn>", "RSET", "RCPT TO:<an@city.vn>"], "503 5.5.1"),
        (["EHLO a", "MAIL FROM:<a@b.vn>", "EHLO a", "RCPT TO:<an@city.vn>"], "503 5.5.1"),
        (["EHLO a", "MAIL FROM:<a@b.vn>", "RCPT TO:<an@city.vn>", "DATA now"], "501 5.5.4"),
        (["EHLO a", "MAIL FROM:a@b.vn"], "501 5.5.4"),
        (["EHLO a", "MAIL"], "501 5.5.4"),
        (["HELO a", "MAIL FROM:<a@b.vn> SIZE=1"], "555 5.5.4"),
        (["RSET x"], "501 5.5.4"),
        (["QUIT x"], "501 5.5.4"),
        (["STARTTLS x"], "501 5.5.4"),
        (["VRFY"], "501 5.5.4"),
        (["VRFY an@city.vn"], "252 2.5.0"),
        (["VRFY nobody@city.vn"], "252 2.5.0"),
        (["EXPN everyone"], "502 5.5.1"),
        (["HELP"], "214"),
        (["XYZZY"], "500 5.5.1"),
        ([""], "500 5.5.1"),
        ([" "], "500 5.5.1"),
        (["TURN"], "500 5.5.1"),
        (["LHLO a"], "500 5.5.1"),
    ],
)
def test_out_of_order_and_out_of_place(room, lines, reply):
    with Talk(room) as talk:
        for line in lines[:-1]:
            assert talk.ask(line)[:1] == "2"
        assert talk.ask(lines[-1]).startswith(reply)
        assert talk.is_alive()


def test_every_reply_but_greetings_has_an_enhanced_code(room):
    lines = [
        "NOOP",
        "MAIL FROM:<a@b>",
        "EHLO x",
        "MAIL FROM:<a@b",
        "MAIL FROM:<a@b>",
        "RCPT TO:<x>",
        "RCPT TO:<x@y>",
        "RCPT TO:<an@city.vn>",
        "AUTH PLAIN",
        "HELP",
        "VRFY x",
        "EXPN x",
        "FOO",
        "RSET",
        "MAIL FROM:<> SIZE=9999999999",
        "DATA x",
        "QUIT",
    ]
    with Talk(room) as talk:
        for line in lines:
            reply = talk.ask(line)
            if not line.startswith("EHLO"):
                assert re.match(r"([245])\d\d[ -]\1\.\d{1,3}\.\d{1,3} ", reply), reply


# -- limits


@pytest.mark.parametrize(
    ("verb", "length", "fits"),
    [
        ("NOOP", 512, True),
        ("NOOP", 513, False),
        ("MAIL FROM:<a@b> X", 600, True),
        ("NOOP", 20_000, False),
        ("NOOP", 100_000, False),
    ],
)
def test_the_length_of_a_line(room, verb, length, fits):
    with Talk(room) as talk:
        talk.hello()
        reply = talk.ask(verb + " " + "x" * (length - len(verb) - 3))
        assert reply.startswith("500 5.5.2") is not fits
        assert talk.is_alive()  # still in step


def test_limits_of_one_connection_are_not_those_of_another(room):
    with Talk(room) as first, Talk(room) as second:
        for _ in range(20):
            first.hello()
        assert second.ask("NOOP " + "x" * 600).startswith("500 5.5.2")
        assert second.hello().startswith("250")


def test_errors_have_a_budget_and_a_delivery_renews_it(room):
    with Talk(room) as talk:
        talk.hello()
        for _ in range(3):
            for _ in range(15):
                assert talk.ask("FOO").startswith("500")
            assert transaction(talk).startswith("250")
        replies = [talk.ask("FOO")[:9] for _ in range(21)]
        assert replies == ["500 5.5.1"] * 21
        assert talk.reply().startswith("421 4.7.0")
        assert talk.has_hung_up()


def test_a_harvester_is_cut_off(room):
    with Talk(room) as talk:
        talk.hello()
        talk.ask("MAIL FROM:<x@y.example>")
        talk.send(b"".join(b"RCPT TO:<guess%d@city.vn>\r\n" % number for number in range(1000)))
        replies = []
        while reply := talk.reply():
            replies.append(reply[:3])
        assert replies == ["550"] * 21 + ["421"]


def test_idle_chatter_has_a_budget(room):
    with Talk(room) as talk:
        talk.send(b"NOOP\r\n" * 500)
        replies = []
        while reply := talk.reply():
            replies.append(reply[:3])
        assert replies[-1] == "421"
        assert len(replies) < 450


def test_connections_of_one_client(make_room):
    room = make_room(smtp={"max_connections_per_client": 2})
    with Talk(room) as first, Talk(room):
        with Talk(room) as third:
            assert third.greeting.startswith("421 4.7.0")
            assert third.has_hung_up()
        first.ask("QUIT")
        assert first.has_hung_up()
        deadline = time.monotonic() + 10
        while len(room.clients) > 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        with Talk(room) as fourth:
            assert fourth.greeting.startswith("220 ")


@pytest.mark.parametrize(
    "noise",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /x HTTP/1.0\r\n\r\n",
        b"get / HTTP/1.1\r\n",
        b"HEAD / x\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\n",
    ],
)
def test_other_protocols_are_dropped_without_a_word(room, noise):
    with Talk(room) as talk:
        talk.send(noise)
        while reply := talk.reply():
            assert reply.startswith("500 5.5.2")  # at most: that is no line


# -- faults of ours


@pytest.mark.parametrize("where", ["offer_recipient", "receive"])
def test_a_fault_is_451_with_a_reference_that_is_in_the_log(room, monkeypatch, caplog, where):
    def broken(*_):
        raise ValueError("secret detail")

    with Talk(room) as talk, caplog.at_level(logging.ERROR, "citymail.smtp"):
        talk.hello()
        with monkeypatch.context() as patch:
            patch.setattr(inbound, where, broken)
            if where == "receive":
                reply = transaction(talk)
            else:
                talk.ask("MAIL FROM:<x@y.example>")
                reply = talk.ask("RCPT TO:<an@city.vn>")
                talk.ask("RSET")
        assert reply.startswith("451 4.3.0 ")
        assert "secret" not in reply
        reference = re.search(r"reference (\w+)", reply)[1]
        assert f"reference={reference}" in caplog.text
        assert "secret detail" in caplog.text
        assert transaction(talk).startswith("250 ")


def test_a_full_disk_is_temporary(room, monkeypatch):
    monkeypatch.setattr(type(room.office), "incoming", room.office.incoming / "missing")
    with Talk(room) as talk:
        talk.hello()
        talk.send(OPENING)
        assert [talk.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
        talk.send(b"x" * 500_000 + b"\r\n.\r\n")
        assert talk.reply().startswith("451 4.3.0 ")
        assert talk.is_alive()


def test_a_store_that_cannot_write_is_temporary(room, monkeypatch):
    from concurrent.futures import Future

    from mailserver.refusals import TryLater

    def refuse(*_arguments, **_more):
        future = Future()
        future.set_exception(TryLater(reason="database is locked"))
        return future

    room.office.inbox_of("an")
    monkeypatch.setattr(type(room.office.store), "write", refuse)
    with Talk(room) as talk:
        talk.hello()
        reply = transaction(talk)
        assert reply.startswith("451 4.3.0 ")
        assert "locked" not in reply


# -- the end of the service


def test_sessions_end_politely_when_the_service_does(room):
    idle, busy = Talk(room), Talk(room)
    with idle, busy:
        busy.hello()
        busy.send(OPENING)
        assert [busy.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
        room.call(room.clients.retire)
        assert idle.reply().startswith("421 4.3.2")
        assert idle.has_hung_up()
        with Talk(room) as late:
            assert late.greeting.startswith("421 4.3.2")
        busy.send(MESSAGE + b".\r\n")
        assert busy.reply().startswith("250 2.0.0")
        assert busy.reply().startswith("421 4.3.2")
        assert busy.has_hung_up()
    assert len(mails(room.office.store, "an")) == 1


def test_many_clients_at_once(room):
    def work(number):
        with Talk(room) as talk:
            talk.hello()
            for _ in range(10):
                assert transaction(talk).startswith("250 ")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(mails(room.office.store, "an")) == 100
    references = {re.search(rb"with ESMTP id (\w+)", mail)[1] for mail in mails(room.office.store, "an")}
    assert len(references) == 100
