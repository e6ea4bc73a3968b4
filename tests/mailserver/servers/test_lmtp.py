"""LMTP: a reply for each recipient, and only for networks that may."""

from __future__ import annotations

import smtplib
from ipaddress import ip_network

import pytest

from tests.mailserver.mailroom import Talk, mails, set_quota

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"


@pytest.fixture
def talk(room):
    with Talk(room, "lmtp") as talk:
        assert talk.ask("LHLO here").startswith("250-mail.city.vn")
        yield talk


def offer(talk, *recipients):
    return [
        reply[:9]
        for reply in talk.asks("MAIL FROM:<x@y.example>", *(f"RCPT TO:<{each}>" for each in recipients), "DATA")
    ]


def test_a_reply_for_each_recipient(talk, room):
    assert offer(talk, "an@city.vn", "nobody@city.vn", "binh@city.vn", "an@city.vn") == [
        "250 2.1.0",
        "250 2.1.5",
        "550 5.1.1",
        "250 2.1.5",
        "250 2.1.5",
        "354 End d",
    ]
    talk.send(MESSAGE + b".\r\n")
    assert [talk.reply()[:9] for _ in range(3)] == ["250 2.0.0"] * 3
    assert talk.is_alive()
    assert [len(mails(room.office.store, name)) for name in ("an", "binh")] == [1, 1]
    assert b" with LMTP id " in mails(room.office.store, "an")[0]


@pytest.mark.parametrize("data", [b"a\nb\r\n.\r\n", b"x" * 1_100_000 + b"\r\n.\r\n"])
def test_an_unfit_message_is_refused_to_each(talk, data):
    offer(talk, "an@city.vn", "binh@city.vn")
    talk.send(data)
    assert [talk.reply()[:1] for _ in range(2)] == ["5", "5"]
    assert talk.is_alive()


def test_without_a_valid_recipient_data_is_refused(talk):
    assert offer(talk, "nobody@city.vn") == ["250 2.1.0", "550 5.1.1", "503 5.5.1"]


def test_smtp_greetings_do_not_work(room):
    with Talk(room, "lmtp") as talk:
        assert talk.ask("EHLO x").startswith("500 5.5.1")
        assert talk.ask("HELO x").startswith("500 5.5.1")
        assert talk.ask("MAIL FROM:<>").startswith("503 5.5.1")


def test_other_networks_are_turned_away(make_room):
    room = make_room(smtp={"lmtp_networks": (ip_network("10.0.0.0/8"),)})
    with Talk(room, "lmtp") as talk:
        assert talk.greeting.startswith("554 5.7.1")
        assert talk.has_hung_up()


def test_a_mailbox_that_turns_out_to_be_full(talk, room):
    set_quota(room.office, "an", 5)
    assert offer(talk, "an@city.vn")[1] == "250 2.1.5"  # no size was declared
    talk.send(MESSAGE + b".\r\n")
    assert talk.reply().startswith("452 4.2.2")


def test_no_relaying(talk):
    assert offer(talk, "x@far.example")[1] == "550 5.7.1"


def test_smtplib_speaks_it_too(room):
    with smtplib.LMTP("127.0.0.1", room.ports["lmtp"]) as client:
        client.ehlo("here")
        client.mail("x@y.example")
        for name in ("an", "binh"):
            assert client.rcpt(f"{name}@city.vn")[0] == 250
        client.docmd("DATA")
        client.send(MESSAGE + b".\r\n")
        assert [client.getreply()[0] for _ in range(2)] == [250, 250]
        client.quit()
    assert len(mails(room.office.store, "binh")) == 1
