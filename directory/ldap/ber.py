"""The Basic Encoding Rules as LDAP uses them: a reader over octets with a budget, a writer, and a framer.

Standards: X.690 §8; RFC 4511 §5.1 (definite lengths only, OCTET STRING primitive only, TRUE is written FF).
Limits: tags below 31; a message, its depth and the number of its elements are limited, and a length that goes beyond
what is there is found before anything is kept for it.
"""

from __future__ import annotations

from collections.abc import Iterable

BOOLEAN, INTEGER, OCTETS, ENUMERATED, SEQUENCE, SET = 0x01, 0x02, 0x04, 0x0A, 0x30, 0x31
CONSTRUCTED = 0x20

MAX_DEPTH = 40
MAX_ELEMENTS = 10_000
# maxInt (RFC 4511 §4.1.1)
MAX_INTEGER = 2**31 - 1
_MAX_INTEGER_OCTETS = 8
_MAX_LENGTH_OCTETS = 8


class BerFault(Exception):
    """The octets are not what the rules ask for; the text is safe to show."""


def context(number: int, *, constructed: bool = False) -> int:
    """The identifier of [number]."""
    return 0x80 | number | (CONSTRUCTED if constructed else 0)


def application(number: int, *, constructed: bool = True) -> int:
    return 0x40 | number | (CONSTRUCTED if constructed else 0)


# Reading


def header(octets: bytes | bytearray, start: int, end: int) -> tuple[int, int, int] | None:
    """(tag, where the content begins, its length); None when the header is not all there.  Raises BerFault."""
    if end - start < 2:
        return None
    tag, first = octets[start], octets[start + 1]
    if tag & 0x1F == 0x1F:
        raise BerFault("tag too large")
    if first < 0x80:
        return tag, start + 2, first
    count = first & 0x7F
    if not count:
        raise BerFault("indefinite length")  # RFC 4511 §5.1
    if count > _MAX_LENGTH_OCTETS:
        raise BerFault("length too long")
    if end - start < 2 + count:
        return None
    return tag, start + 2 + count, int.from_bytes(octets[start + 2 : start + 2 + count], "big")


class _Budget:
    __slots__ = ("elements",)

    def __init__(self, elements: int) -> None:
        self.elements = elements


class Reader:
    """The elements of one constructed content, one after the other."""

    __slots__ = ("_at", "_budget", "_depth", "_end", "_octets")

    def __init__(
        self,
        octets: bytes,
        start: int = 0,
        end: int | None = None,
        *,
        depth: int = 0,
        budget: _Budget | None = None,
    ) -> None:
        if depth > MAX_DEPTH:
            raise BerFault("nested too deeply")
        self._octets = octets
        self._at = start
        self._end = len(octets) if end is None else end
        self._depth = depth
        self._budget = budget or _Budget(MAX_ELEMENTS)

    @property
    def tag(self) -> int | None:
        """Of the next element; None at the end."""
        return self._octets[self._at] if self._at < self._end else None

    def _take(self, tag: int) -> tuple[int, int]:
        found = header(self._octets, self._at, self._end)
        if found is None:
            raise BerFault("an element is missing or cut short")
        there, start, length = found
        if there != tag:
            raise BerFault(f"element {there:02x} where {tag:02x} was expected")
        if length > self._end - start:
            raise BerFault("an element is longer than what holds it")
        self._budget.elements -= 1
        if self._budget.elements < 0:
            raise BerFault("too many elements")
        self._at = start + length
        return start, self._at

    def inside(self, tag: int = SEQUENCE) -> Reader:
        start, end = self._take(tag)
        return Reader(self._octets, start, end, depth=self._depth + 1, budget=self._budget)

    def octets(self, tag: int = OCTETS) -> bytes:
        start, end = self._take(tag)
        return self._octets[start:end]

    def text(self, tag: int = OCTETS) -> str:
        """An LDAPString (RFC 4511 §4.1.2)."""
        try:
            return self.octets(tag).decode("utf-8")
        except UnicodeDecodeError:
            raise BerFault("not UTF-8") from None

    def integer(self, tag: int = INTEGER, low: int = 0, high: int = MAX_INTEGER) -> int:
        start, end = self._take(tag)
        if not 0 < end - start <= _MAX_INTEGER_OCTETS:
            raise BerFault("an integer has no octets, or too many")
        value = int.from_bytes(self._octets[start:end], "big", signed=True)
        if not low <= value <= high:
            raise BerFault("an integer is out of range")
        return value

    def boolean(self, tag: int = BOOLEAN) -> bool:
        """Anything but 0 is true: some clients write 01 (X.690 §8.2.2)."""
        start, end = self._take(tag)
        if end - start != 1:
            raise BerFault("a boolean has one octet")
        return self._octets[start] != 0

    def skip(self) -> None:
        """Pass over the next element, whatever it is (RFC 4511 §4: extensibility)."""
        tag = self.tag
        if tag is not None:
            self._take(tag)

    def rest(self) -> bytes:
        """All that has not been read."""
        return self._octets[self._at : self._end]

    def end(self) -> None:
        if self._at != self._end:
            raise BerFault("more than was expected")


class Framer:
    """Octets as they come → whole LDAPMessages."""

    __slots__ = ("_at", "_buffer", "limit")

    def __init__(self, limit: int) -> None:
        self._buffer = bytearray()
        self._at = 0
        self.limit = limit

    def feed(self, octets: bytes) -> None:
        self._buffer += octets

    @property
    def has_unread(self) -> bool:
        return self._at < len(self._buffer)

    def next(self) -> bytes | None:
        """The content of the next message's SEQUENCE, or None.  Raises BerFault: nothing after it can be read."""
        buffer, end = self._buffer, len(self._buffer)
        if self._at < end and buffer[self._at] != SEQUENCE:
            raise BerFault("not an LDAP message")
        found = header(buffer, self._at, end)
        if found is None:
            return None
        _, start, length = found
        if length > self.limit:
            raise BerFault("message too long")
        if end - start < length:
            return None
        message = bytes(buffer[start : start + length])
        self._at = start + length
        if self._at == end or self._at > self.limit:
            del buffer[: self._at]
            self._at = 0
        return message


# Writing


def element(tag: int, content: bytes) -> bytes:
    return header_of(tag, len(content)) + content


def header_of(tag: int, length: int) -> bytes:
    """What stands before a content of this length."""
    if length < 0x80:
        return bytes((tag, length))
    if 0x100 <= length < 0x10000:  # as most entries
        return bytes((tag, 0x82, length >> 8, length & 0xFF))
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size, "big")


def sequence(parts: Iterable[bytes], tag: int = SEQUENCE) -> bytes:
    return element(tag, b"".join(parts))


def integer(value: int, tag: int = INTEGER) -> bytes:
    return element(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def octets(value: bytes | str, tag: int = OCTETS) -> bytes:
    return element(tag, value.encode("utf-8") if isinstance(value, str) else value)


def boolean(value: bool, tag: int = BOOLEAN) -> bytes:
    return element(tag, b"\xff" if value else b"\x00")
