"""A signature on its way through the servers: what our people send still verifies where it arrives."""

from __future__ import annotations

import time

import pytest

from directory.dkim import keys as dkim_keys
from security.dkim import read_message, verify
from tests.dns_table import DnsTable
from tests.mailserver.mailroom import Talk
from tests.mailserver.servers.far_away import FarServer

EHLO_SEVEN = "250-far.example\r\n250-PIPELINING\r\n250 SIZE 5000000"
HEADER = (
    b"From: An <an@city.vn>\r\nTo: x@far.example\r\nDate: Mon, 23 Nov 2026 10:00:00 +0700\r\n"
    b"Message-ID: <m1@city.vn>\r\nSubject: hop\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
)
BODIES = {
    "dots": b"\r\n.\r\n..\r\n. \r\n.body\r\n\r\n\r\n",
    "empty": b"\r\n",
    "no body": b"",
    "eight bits": b"Content-Transfer-Encoding: 8bit\r\n\r\n" + "Kính gửi quý cơ quan \r\n.\r\n".encode(),
    "in a file": b"\r\n" + b".%069d\r\n" * 4000 % tuple(range(4000)),
    "eight bits in a file": b"\r\n" + "Kính gửi quý cơ quan\r\n".encode() * 9_500,
}


@pytest.fixture
def zone_of_city():
    """A DNS with the room's keys."""

    def make(room) -> DnsTable:
        with room.office.directory.write() as conn:
            keys = dkim_keys.make(conn, "test", "city.vn")
            for key in keys:
                dkim_keys.activate(conn, "test", "city.vn", key.selector, unseen=True)
        return DnsTable({(key.name, "TXT"): [key.record.encode()] for key in keys})

    return make


@pytest.mark.parametrize("ehlo", [None, EHLO_SEVEN], ids=["8BITMIME", "seven bits"])
def test_what_arrives_elsewhere_verifies(make_room, zone_of_city, ehlo):
    far = FarServer() if ehlo is None else FarServer({"EHLO": ehlo})
    try:
        room = make_room(with_relay=True, relay={"routes": {"far.example": f"127.0.0.1:{far.port}"}})
        dns = zone_of_city(room)
        with Talk(room, "submissions") as talk:
            talk.hello()
            assert talk.log_in().startswith("235")
            for name, body in BODIES.items():
                octets = HEADER.replace(b"hop", name.encode()) + body
                eight = " BODY=8BITMIME" if not octets.isascii() else ""
                replies = talk.asks(f"MAIL FROM:<an@city.vn>{eight}", "RCPT TO:<x@far.example>", "DATA")
                assert replies[-1].startswith("354"), replies
                stuffed = octets.replace(b"\r\n.", b"\r\n..")
                talk.send(stuffed + b".\r\n")
                assert talk.reply().startswith("250")
        deadline = time.monotonic() + 30
        while len(far.messages) < len(BODIES) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(far.messages) == len(BODIES)
        for message in far.messages:
            found = dns.run(verify(read_message(message.octets), room.office.now()))
            assert [(one.status, one.algorithm, one.reason) for one in found] == [
                ("pass", "rsa-sha256", ""),
                ("pass", "ed25519-sha256", ""),
            ], message.octets[-300:]
            assert message.octets.isascii()
    finally:
        far.close()
