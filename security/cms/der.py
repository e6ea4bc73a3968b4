"""DER in small: an element's parts as slices of its own octets, and elements from parts.

For what is signed or hashed, whose octets must stay what they are; values are asn1crypto's.

Standards: X.690 §8, §10; RFC 5652 §2.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from security.cms.reasons import malformed

INTEGER, OCTET_STRING, NULL, OID, SEQUENCE, SET = 0x02, 0x04, 0x05, 0x06, 0x30, 0x31
BIT_STRING = 0x03
CONSTRUCTED = 0x20


class Element(NamedTuple):
    tag: int
    octets: bytes  # with tag and length
    content: bytes

    def parts(self) -> list[Element]:
        return list(elements(self.content))


def elements(octets: bytes) -> Iterator[Element]:
    """One after the other, to the end.  Raises CmsFault."""
    at = 0
    while at < len(octets):
        start = at
        if at + 2 > len(octets):
            raise malformed("an element is cut off")
        tag, length = octets[at], octets[at + 1]
        at += 2
        if length >= 0x80:
            count = length - 0x80
            if not 1 <= count <= 4 or at + count > len(octets):
                raise malformed("the length of an element cannot be read")
            length = int.from_bytes(octets[at : at + count], "big")
            at += count
        if tag & 0x1F == 0x1F or at + length > len(octets):
            raise malformed("an element is cut off or has a long tag")
        yield Element(tag, octets[start : at + length], octets[at : at + length])
        at += length


def one(octets: bytes, tag: int) -> Element:
    """The one element that these octets are."""
    found = list(elements(octets))
    if len(found) != 1 or found[0].tag != tag:
        raise malformed(f"expected one element with the tag {tag:#04x}")
    return found[0]


def length_of(count: int) -> bytes:
    """X.690 §10.1: in as few octets as will do."""
    if count < 0x80:
        return bytes((count,))
    octets = count.to_bytes((count.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets


def element(tag: int, *parts: bytes) -> bytes:
    return b"".join((bytes((tag,)), length_of(sum(map(len, parts))), *parts))


def set_of(parts: list[bytes]) -> bytes:
    """X.690 §11.6: in ascending order of their octets."""
    return element(SET, *sorted(parts))


def integer(value: int) -> bytes:
    return element(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def oid(dotted: str) -> bytes:
    first, second, *others = map(int, dotted.split("."))
    encoded = bytearray()
    for arc in (first * 40 + second, *others):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | arc & 0x7F)
        encoded += bytes(reversed(groups))
    return element(OID, bytes(encoded))


def dotted(content: bytes) -> str:
    """The content of an OBJECT IDENTIFIER as text.  Raises CmsFault."""
    arcs, arc = [], 0
    if not content or content[-1] & 0x80 or len(content) > 64:
        raise malformed("an object identifier cannot be read")
    for octet in content:
        arc = arc << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))
