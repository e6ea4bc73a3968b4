"""XCLIENT's attributes."""

from __future__ import annotations

import pytest

from mailserver.smtp.parameters import SyntaxFault
from mailserver.smtp.xclient import ClientFacts, parse_xclient


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("ADDR=192.0.2.1", ClientFacts(address="192.0.2.1")),
        ("addr=IPv6:2001:DB8::1 port=25", ClientFacts(address="2001:db8::1", port="25")),
        ("NAME=[UNAVAILABLE] ADDR=[unavailable]", ClientFacts(name="", address="")),
        ("NAME=a+2Bb.example PROTO=esmtp HELO=x", ClientFacts(name="a+b.example", protocol="ESMTP", hello="x")),
        ("ADDR=", ClientFacts(address="")),
        ("DESTADDR=198.51.100.1 DESTPORT=25", ClientFacts()),
    ],
)
def test_facts(text, facts):
    assert parse_xclient(text) == facts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ADDR",
        "ADDR=mail.example",
        "ADDR=192.0.2.1 ADDR=192.0.2.2",
        "LOGIN=an",
        "NAME=a+0D+0Ab",
        "PROTO=LMTP",
        "PORT=65536",
        "PORT=x",
        "HELO=" + "x" * 256,
        "DESTADDR=x",
    ],
)
def test_what_is_refused(text):
    with pytest.raises(SyntaxFault) as fault:
        parse_xclient(text)
    assert fault.value.reply.code == 501
