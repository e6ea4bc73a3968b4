"""Who is not named says in vain for whom it speaks: XCLIENT, XFORWARD, PROXY headers."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from tests.mailserver.mailroom import Talk, mails

ELSEWHERE = {"proxy_networks": (ip_network("192.0.2.0/24"),), "xclient_networks": (ip_network("192.0.2.0/24"),)}


@pytest.mark.parametrize("service", ["smtp", "submission", "lmtp"])
@pytest.mark.parametrize("named", [{}, ELSEWHERE], ids=["nobody is named", "others are named"])
@pytest.mark.parametrize(
    "line",
    [
        "XCLIENT ADDR=192.0.2.1 NAME=localhost",
        "xclient addr=192.0.2.1",
        "XCLIENT LOGIN=dung@city.vn",
        "XCLIENT",
        "XFORWARD ADDR=192.0.2.1",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 25",
    ],
)
def test_it_is_refused_and_changes_nothing(make_room, service, named, line):
    room = make_room(reception=named)
    with Talk(room, service) as talk:
        hello = "LHLO" if service == "lmtp" else "EHLO"
        assert "XCLIENT" not in talk.ask(f"{hello} a.example")
        assert talk.ask(line)[:9] in ("550 5.7.0", "500 5.5.1")
        if service == "submission":
            assert talk.ask("MAIL FROM:<dung@city.vn>").startswith("530")
            return
        talk.asks("MAIL FROM:<x@y.example>", "RCPT TO:<an@city.vn>", "DATA")
        talk.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
        assert talk.reply().startswith("250")
    assert b"([127.0.0.1])" in mails(room.office.store, "an")[0]


def test_it_is_refused_in_one_piece_with_what_would_profit(room):
    with Talk(room) as talk:
        talk.send(b"XCLIENT ADDR=192.0.2.1\r\nEHLO a\r\nMAIL FROM:<x@y.example>\r\nRCPT TO:<ban@far.example>\r\n")
        assert [talk.reply()[:3] for _ in range(4)] == ["550", "250", "250", "550"]
