"""Connections through proxies, live: who the client is, over clear SMTP and TLS; and who is not believed."""

from __future__ import annotations

import socket
import ssl
import struct
from ipaddress import ip_network

import pytest

from security.tls import client_context
from tests.mailserver.mailroom import LOOPBACK, Talk, mails

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"
V1 = b"PROXY TCP4 192.0.2.7 198.51.100.2 4321 25\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
# Their mail is not checked: no name server is here to be asked.
TRUSTED = {"networks": (ip_network("0.0.0.0/0"), ip_network("::/0"))}
ELSEWHERE = (ip_network("198.51.100.0/24"),)


def v2(address):
    packed = socket.inet_pton(socket.AF_INET6, address)
    return SIGNATURE + b"\x21\x21" + struct.pack(">H", 36) + packed + bytes(16) + struct.pack(">HH", 1, 25)


LOCAL = SIGNATURE + b"\x20\x00\0\0"


@pytest.fixture
def proxied(make_room):
    return make_room(reception={"proxy_networks": LOOPBACK}, trust=TRUSTED)


class Through(Talk):
    """A client of a proxy."""

    def __init__(self, room, header, service="smtp", *, tls=False):
        self.room, self.buffer = room, b""
        self.socket = room.connect(service)
        self.send(header)
        if tls:
            self.socket = client_context(ca_file=room.ca_file).wrap_socket(self.socket, server_hostname="127.0.0.1")
        self.greeting = self.reply()


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        (V1, b"[192.0.2.7]"),
        (v2("2001:db8::7"), b"[IPv6:2001:db8::7]"),
        (LOCAL, b"[127.0.0.1]"),
        (b"PROXY UNKNOWN\r\n", b"[127.0.0.1]"),
    ],
)
def test_the_client_is_who_the_proxy_says(proxied, header, shown):
    with Through(proxied, header) as talk:
        assert talk.greeting.startswith("220 ")
        talk.hello()
        talk.asks("MAIL FROM:<x@y.example>", "RCPT TO:<an@city.vn>", "DATA")
        talk.send(MESSAGE + b".\r\n")
        assert talk.reply().startswith("250")
    assert b"Received: from client.example (" + shown + b")\r\n" in mails(proxied.office.store, "an")[0]


def test_commands_may_come_in_one_piece_with_the_header(proxied):
    with Through(proxied, V1 + b"EHLO a\r\nNOOP\r\n") as talk:
        assert talk.greeting.startswith("220 ")
        assert talk.reply().startswith("250-")
        assert talk.reply() == "250 2.0.0 OK"


def test_tls_follows_the_header(proxied):
    with Through(proxied, v2("2001:db8::7"), "submissions", tls=True) as talk:
        assert talk.greeting.startswith("220 ")
        talk.hello()
        assert talk.log_in().startswith("235")


def test_starttls_behind_a_proxy(proxied):
    with Through(proxied, V1, "submission") as talk:
        talk.hello()
        talk.start_tls()
        talk.hello()
        assert talk.log_in().startswith("235")


@pytest.mark.parametrize(
    "octets", [b"EHLO client.example\r\n", b"PROXY TCP4 mail.example 198.51.100.2 1 25\r\n", SIGNATURE + b"\x41\0\0\0"]
)
def test_a_proxy_that_sends_no_header_is_hung_up_on(proxied, octets):
    with Through(proxied, octets) as talk:
        assert talk.greeting == ""


def test_a_proxy_that_goes_away_harms_nobody(proxied):
    for octets in (b"", b"PROXY", V1[:-1], v2("2001:db8::7")[:20]):
        with socket.create_connection(("127.0.0.1", proxied.ports["smtp"])) as gone:
            gone.sendall(octets)
    with Through(proxied, V1 + b"EHLO a\r\n", "submissions") as talk:  # in clear where TLS is due
        assert not talk.greeting.startswith("220")
    with Through(proxied, V1) as talk:
        assert talk.is_alive()


def test_nobody_else_is_believed(make_room):
    room = make_room(reception={"proxy_networks": ELSEWHERE})
    with Talk(room) as talk:
        assert talk.greeting.startswith("220 ")
        assert talk.ask(V1.decode().strip()).startswith("500 5.5.1")
        assert talk.is_alive()
    with Talk(room) as talk:
        talk.send(LOCAL)
        while reply := talk.reply():  # empty lines, and then a NUL
            assert reply.startswith("500 ")
    with room.connect("submissions") as talk:
        talk.sendall(V1)
        with pytest.raises((ssl.SSLError, OSError)):
            client_context(ca_file=room.ca_file).wrap_socket(talk, server_hostname="127.0.0.1")


def test_limits_are_those_of_the_client(make_room):
    room = make_room(reception={"proxy_networks": LOOPBACK}, smtp={"max_connections_per_client": 1})
    with Through(room, V1) as first, Through(room, V1) as second, Through(room, v2("2001:db8::7")) as third:
        assert first.greeting.startswith("220 ")
        assert second.greeting.startswith("421 4.7.0")
        assert third.greeting.startswith("220 ")


# XCLIENT


@pytest.fixture
def filtered(make_room):
    return make_room(reception={"xclient_networks": LOOPBACK}, trust=TRUSTED)


def test_a_filter_says_for_whom_it_speaks(filtered):
    with Talk(filtered) as talk:
        assert "XCLIENT NAME ADDR PORT PROTO HELO DESTADDR DESTPORT" in talk.hello()
        assert talk.ask("XCLIENT NAME=far.example ADDR=192.0.2.7 PORT=5 HELO=told.example PROTO=ESMTP").startswith(
            "220"
        )
        # As if it had just connected, but for what was said of it.
        assert talk.ask("RCPT TO:<an@city.vn>").startswith("503")
        talk.asks("MAIL FROM:<x@y.example>", "RCPT TO:<an@city.vn>", "DATA")
        talk.send(MESSAGE + b".\r\n")
        assert talk.reply().startswith("250")
        assert talk.ask("XCLIENT ADDR=IPV6:2001:db8::7 NAME=[UNAVAILABLE]").startswith("220")
        assert talk.ask("MAIL FROM:<x@y.example>").startswith("503")
        talk.hello()
        talk.ask("MAIL FROM:<x@y.example>")
        assert talk.ask("XCLIENT ADDR=192.0.2.8").startswith("503 5.5.1")
        talk.asks("RCPT TO:<an@city.vn>", "DATA")
        talk.send(MESSAGE + b".\r\n")
        assert talk.reply().startswith("250")
        assert talk.ask("XCLIENT ADDR=mail").startswith("501 5.5.4")
    first, second = mails(filtered.office.store, "an")
    assert b"from told.example ([192.0.2.7])" in first
    assert b"from client.example ([IPv6:2001:db8::7])" in second


def test_a_login_does_not_outlast_xclient(filtered):
    with Talk(filtered, "submissions") as talk:
        talk.hello()
        assert talk.log_in().startswith("235")
        assert talk.ask("XCLIENT ADDR=192.0.2.7").startswith("220")
        talk.hello()
        assert talk.ask("MAIL FROM:<an@city.vn>").startswith("530")


def test_who_is_spoken_for_counts_for_the_limits(make_room):
    room = make_room(reception={"xclient_networks": LOOPBACK}, smtp={"max_connections_per_client": 2})
    with Talk(room) as first, Talk(room) as second:
        assert first.ask("XCLIENT ADDR=192.0.2.7").startswith("220")
        assert second.ask("XCLIENT ADDR=192.0.2.7").startswith("220")
        with Talk(room) as third:
            assert third.ask("XCLIENT ADDR=192.0.2.7").startswith("421 4.7.0")
            assert third.has_hung_up()
    room.on_loop(room.clients.drain())
    assert len(room.clients) == 0


def test_xclient_changes_nothing_about_who_may_say_it(make_room):
    room = make_room(reception={"xclient_networks": ELSEWHERE, "proxy_networks": LOOPBACK})
    with Through(room, V1) as talk:
        assert "XCLIENT" not in talk.hello()
        assert talk.ask("XCLIENT ADDR=198.51.100.1").startswith("550 5.7.0")
        assert talk.ask("XCLIENT ADDR=198.51.100.1").startswith("550 5.7.0")
