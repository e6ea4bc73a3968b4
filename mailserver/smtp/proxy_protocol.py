"""The header in which a proxy says who the client behind it is: octets in, an address out.

``ProxyReader`` tells how many octets may be read without taking any of what follows the header, which belongs to SMTP,
IMAP or TLS.

Standards: The PROXY protocol, versions 1 and 2 (HAProxy, 2020), §2.
Limits: only TCP over IPv4 and IPv6 names a client; a proxy's own connections (LOCAL, UNKNOWN) and Unix sockets keep the
address they come from.  Of the additions (TLV) only the checksum is looked at.
"""

from __future__ import annotations

import ipaddress
import re
import struct
from dataclasses import dataclass

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_HEAD = 16
# §2.1: the longest line of version 1, CRLF included.
_LONGEST_LINE = 107
# Version 2 would allow 65,535; what proxies send is a tenth of this.
_LONGEST_BLOCK = 4096
_PORT = r"(0|[1-9][0-9]{0,4})"
_LINE = re.compile(rf"PROXY TCP([46]) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+) {_PORT} {_PORT}")
_CHECKSUM = 0x03


class ProxyFault(ValueError):
    """The octets are no such header."""


@dataclass(frozen=True, slots=True)
class Forwarded:
    """Who the client is; ``address`` is empty where the proxy speaks for itself."""

    address: str = ""
    port: int = 0


class ProxyReader:
    """Feed it exactly what was read, ``wanted`` octets at most, until it has an answer."""

    def __init__(self) -> None:
        self._octets = b""

    @property
    def wanted(self) -> int:
        octets = self._octets
        if len(octets) < len(_SIGNATURE):
            return len(_SIGNATURE) - len(octets)  # no header of either version is shorter
        if octets.startswith(_SIGNATURE):
            if len(octets) < _HEAD:
                return _HEAD - len(octets)
            return _HEAD + self._block_size() - len(octets)
        return 1 if octets.endswith(b"\r") else 2  # a line that is to end needs so many at least

    def feed(self, octets: bytes) -> Forwarded | None:
        """The client, or None until more has come.  Raises ProxyFault."""
        self._octets += octets
        octets = self._octets
        if octets.startswith(_SIGNATURE):
            if len(octets) >= _HEAD and len(octets) == _HEAD + self._block_size():
                return _read_block(octets)
        elif octets.startswith(b"PROXY "):
            if octets.endswith(b"\r\n"):
                return _read_line(octets)
            if len(octets) >= _LONGEST_LINE:
                raise ProxyFault("the line is too long")
        elif not _SIGNATURE.startswith(octets) and not b"PROXY ".startswith(octets):
            raise ProxyFault("no PROXY header")
        return None

    def _block_size(self) -> int:
        size: int = struct.unpack_from(">H", self._octets, 14)[0]
        if size > _LONGEST_BLOCK:
            raise ProxyFault(f"a header of {size} octets")
        return size


def _read_line(octets: bytes) -> Forwarded:
    """Version 1 (§2.1)."""
    try:
        text = octets[:-2].decode("ascii")
    except UnicodeDecodeError:
        raise ProxyFault("not ASCII") from None
    if "\r" in text or "\n" in text or "\0" in text:
        raise ProxyFault("a control character")
    if text.startswith("PROXY UNKNOWN") and text[13:14] in ("", " "):
        return Forwarded()
    match = _LINE.fullmatch(text)
    if match is None:
        raise ProxyFault("malformed line")
    family, source, destination, port, other_port = match.groups()
    kind = ipaddress.IPv4Address if family == "4" else ipaddress.IPv6Address
    try:
        address = kind(source)
        kind(destination)
    except ValueError as fault:
        raise ProxyFault(str(fault)) from None
    if max(int(port), int(other_port)) > 65_535:
        raise ProxyFault("no such port")
    return Forwarded(str(address), int(port))


def _read_block(octets: bytes) -> Forwarded:
    """Version 2 (§2.2)."""
    version, family = octets[12], octets[13]
    if version >> 4 != 2 or version & 15 not in (0, 1):
        raise ProxyFault(f"version and command {version:#04x}")
    if version & 15 == 0:  # LOCAL: the proxy itself, as when it looks whether we live
        return Forwarded()
    layout = {0x11: ">4s4sHH", 0x21: ">16s16sHH"}.get(family)
    if layout is None:
        if family in (0x00, 0x31, 0x32):  # unspecified, Unix sockets
            return Forwarded()
        raise ProxyFault(f"family {family:#04x}")
    if len(octets) < _HEAD + struct.calcsize(layout):
        raise ProxyFault("the addresses are cut off")
    source, _, port, _ = struct.unpack_from(layout, octets, _HEAD)
    _check_additions(octets, _HEAD + struct.calcsize(layout))
    return Forwarded(str(ipaddress.ip_address(source)), port)


def _check_additions(octets: bytes, at: int) -> None:
    """§2.2: type, length, value; a checksum covers the whole header, itself taken as zeros."""
    while at < len(octets):
        if at + 3 > len(octets):
            raise ProxyFault("an addition is cut off")
        kind, size = struct.unpack_from(">BH", octets, at)
        at += 3
        if at + size > len(octets):
            raise ProxyFault("an addition is cut off")
        if kind == _CHECKSUM:
            given = octets[at : at + size]
            if size != 4 or crc32c(octets[:at] + bytes(4) + octets[at + 4 :]) != int.from_bytes(given, "big"):
                raise ProxyFault("wrong checksum")
        at += size


def crc32c(octets: bytes) -> int:
    """Castagnoli's CRC-32, as iSCSI has it."""
    rest = 0xFFFFFFFF
    for octet in octets:
        rest = _CRC[(rest ^ octet) & 0xFF] ^ (rest >> 8)
    return rest ^ 0xFFFFFFFF


def _crc_of(octet: int) -> int:
    for _ in range(8):
        octet = octet >> 1 ^ (0x82F63B78 if octet & 1 else 0)
    return octet


_CRC = tuple(_crc_of(octet) for octet in range(256))
