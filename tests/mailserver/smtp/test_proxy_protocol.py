"""PROXY 1 and 2: the address, exactly the header's octets, and nothing else believed."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.smtp.proxy_protocol import Forwarded, ProxyFault, ProxyReader, crc32c

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def block(source, port=4321, *, command=0x21, family=None, more=b""):
    address = ip_address(source)
    other = bytes(len(address.packed))
    body = address.packed + other + struct.pack(">HH", port, 25) + more
    kind = family if family is not None else (0x11 if address.version == 4 else 0x21)
    return SIGNATURE + bytes([command, kind]) + struct.pack(">H", len(body)) + body


def read(stream):
    """The answer, and what was left unread."""
    reader = ProxyReader()
    at = 0
    while True:
        wanted = reader.wanted
        assert wanted > 0
        piece = stream[at : at + wanted]
        if not piece:
            raise EOFError
        at += len(piece)
        if (client := reader.feed(piece)) is not None:
            return client, stream[at:]


@pytest.mark.parametrize(
    ("header", "client"),
    [
        (b"PROXY TCP4 192.0.2.1 198.51.100.2 4321 25\r\n", Forwarded("192.0.2.1", 4321)),
        (b"PROXY TCP6 2001:DB8::1 2001:db8::2 0 65535\r\n", Forwarded("2001:db8::1", 0)),
        (b"PROXY UNKNOWN\r\n", Forwarded()),
        (b"PROXY UNKNOWN ffff:f...f:ffff 1 2\r\n", Forwarded()),
        (block("192.0.2.1"), Forwarded("192.0.2.1", 4321)),
        (block("2001:db8::1", 1), Forwarded("2001:db8::1", 1)),
        (block("192.0.2.1", command=0x20), Forwarded()),  # LOCAL
        (SIGNATURE + b"\x21\x00\0\0", Forwarded()),  # unspecified
        (SIGNATURE + b"\x21\x31\0\xd8" + bytes(216), Forwarded()),  # Unix sockets
        (block("192.0.2.1", more=b"\x02\0\x03abc\x04\0\0"), Forwarded("192.0.2.1", 4321)),
    ],
)
def test_headers(header, client):
    assert read(header + b"EHLO a\r\n") == (client, b"EHLO a\r\n")


@pytest.mark.parametrize(
    "header",
    [
        b"EHLO client.example\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.2 4321\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.2 04321 25\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.2 65536 25\r\n",
        b"PROXY TCP4 192.0.2.1  198.51.100.2 1 25\r\n",
        b"PROXY TCP4 2001:db8::1 2001:db8::2 1 25\r\n",
        b"PROXY TCP6 192.0.2.1 198.51.100.2 1 25\r\n",
        b"PROXY TCP4 192.0.2.256 198.51.100.2 1 25\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.2 1 25\nEHLO x\r\n",
        b"PROXY UNKNOWNX\r\n",
        b"PROXY UDP4 192.0.2.1 198.51.100.2 1 25\r\n",
        b"proxy TCP4 192.0.2.1 198.51.100.2 1 25\r\n",
        b"PROXY UNKNOWN " + b"x" * 200 + b"\r\n",
        SIGNATURE[:-1] + b"\r\x21\x11\0\x0c" + bytes(12),
        block("192.0.2.1", command=0x11),  # version 1 in version 2's clothes
        block("192.0.2.1", command=0x22),
        block("192.0.2.1", family=0x12),  # UDP
        block("192.0.2.1", family=0x21),  # too short for IPv6
        block("192.0.2.1", more=b"\x02\0\x09abc"),
        block("192.0.2.1", more=b"\x02\0"),
        block("192.0.2.1", more=b"\x03\0\x04abcd"),  # wrong checksum
        SIGNATURE + b"\x21\x11\xff\xff" + bytes(0xFFFF),
    ],
)
def test_what_is_no_header(header):
    with pytest.raises(ProxyFault):
        read(header)


def test_a_checksum_that_is_right():
    plain = block("192.0.2.1", more=b"\x03\0\x04" + bytes(4))
    header = plain[:-4] + crc32c(plain).to_bytes(4, "big")
    assert read(header)[0].address == "192.0.2.1"
    assert crc32c(b"123456789") == 0xE3069283


@given(st.binary(max_size=300))
def test_any_octets_end(octets):
    for start in (b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21\x11"):
        try:
            client, rest = read(start + octets)
        except (ProxyFault, EOFError):
            continue
        assert len(rest) < len(octets) + len(start)
        assert client.address == "" or ip_address(client.address)
