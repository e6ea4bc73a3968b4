"""GETMETADATA, SETMETADATA: octets ↔ values.

Entry names are one in any case, so they are kept in lower case.

Standards: RFC 5464 §3.2, §4, §5; RFC 9590 §5.
Limits: 100 entries a command, 1,000 octets an entry's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mailserver.imap.grammar.responses import quoted
from mailserver.imap.grammar.syntax import Cursor, SyntaxFault

MAX_ENTRIES = 100
_MAX_NAME = 1000
INFINITY = 1 << 30
# Components divided by "/", at least two; no "*" or "%", no control characters (§3.2).
_ENTRY = re.compile(rb"(?:/[^\x00-\x1f\x7f/*%\x80-\xff]+){2,}")
_PLAIN_NAME = re.compile(rb"[A-Za-z0-9._/$+:-]+")
_SCOPES = (b"/private/", b"/shared/")
_VENDORS = (b"/private/vendor/", b"/shared/vendor/")
_DEPTHS = {b"0": 0, b"1": 1, b"INFINITY": INFINITY}


@dataclass(frozen=True, slots=True)
class GetMetadata:
    """``depth``: levels below each entry that are wanted too; ``max_size``: octets of the largest value to be sent."""

    mailbox: bytes
    entries: tuple[str, ...]
    depth: int = 0
    max_size: int | None = None


@dataclass(frozen=True, slots=True)
class SetMetadata:
    mailbox: bytes
    values: tuple[tuple[str, bytes | None], ...]


def parse_get_metadata(cursor: Cursor) -> GetMetadata:
    """getmetadata = "GETMETADATA" [SP getmetadata-options] SP mailbox SP entries

    The RFC's own examples have the options behind the mailbox (§4.2.1): so they may stand there too.
    """
    cursor.space()
    options: dict[bytes, int] = {}
    if cursor.peek() == b"(":
        options = _options(cursor)
        cursor.space()
    mailbox = cursor.astring()
    cursor.space()

    if not options and cursor.peek() == b"(" and _OPTIONS_FOLLOW.match(cursor.text, cursor.at):
        options = _options(cursor)
        cursor.space()
    listed = entries(cursor)
    cursor.end()
    return GetMetadata(mailbox, listed, options.get(b"DEPTH", 0), options.get(b"MAXSIZE"))


_OPTIONS_FOLLOW = re.compile(rb"\((?:DEPTH|MAXSIZE) ", re.IGNORECASE)


def _options(cursor: Cursor) -> dict[bytes, int]:
    options: dict[bytes, int] = {}
    cursor.need(b"(")
    while True:
        option = cursor.keyword()
        if option in options:
            raise SyntaxFault("An option is given twice")
        cursor.space()
        if option == b"MAXSIZE":
            options[option] = cursor.number()
        elif option == b"DEPTH":
            depth = cursor.keyword()
            if depth not in _DEPTHS:
                raise SyntaxFault("Expected 0, 1 or infinity")
            options[option] = _DEPTHS[depth]
        else:
            raise SyntaxFault("Unknown GETMETADATA option")
        if cursor.skip(b")"):
            return options
        cursor.space()


def entries(cursor: Cursor) -> tuple[str, ...]:
    """entries = entry / "(" entry *(SP entry) ")" """
    if not cursor.skip(b"("):
        return (_entry(cursor.astring(), whole=False),)
    found: dict[str, None] = {}
    while True:
        found[_entry(cursor.astring(), whole=False)] = None
        if len(found) > MAX_ENTRIES:
            raise SyntaxFault("Too many entries")
        if cursor.skip(b")"):
            return tuple(found)
        cursor.space()


def parse_set_metadata(cursor: Cursor) -> SetMetadata:
    """setmetadata = "SETMETADATA" SP mailbox SP "(" entry SP value *(SP entry SP value) ")" """
    cursor.space()
    mailbox = cursor.astring()
    cursor.space()
    cursor.need(b"(")
    values: dict[str, bytes | None] = {}
    while True:
        entry = _entry(cursor.astring(), whole=True)
        cursor.space()
        values[entry] = _value(cursor)
        if len(values) > MAX_ENTRIES:
            raise SyntaxFault("Too many entries")
        if cursor.skip(b")"):
            break
        cursor.space()
    cursor.end()
    return SetMetadata(mailbox, tuple(values.items()))


def _value(cursor: Cursor) -> bytes | None:
    """value = nstring / literal8"""
    if cursor.skip(b"~"):
        octets = cursor.literal()
        if not isinstance(octets, bytes):
            raise SyntaxFault("The value is too long")
        return octets
    return cursor.nstring()


def _entry(name: bytes, *, whole: bool) -> str:
    """An entry's name; what is only asked for (not ``whole``) may be one above others, for DEPTH."""
    name = name.lower()
    is_above = not whole and name in (b"/private", b"/shared")
    if len(name) > _MAX_NAME or not (is_above or (_ENTRY.fullmatch(name) and name.startswith(_SCOPES))):
        raise SyntaxFault("Not the name of an entry")
    if whole and name.startswith(_VENDORS) and name.count(b"/") < 4:
        raise SyntaxFault("A vendor's entry has at least four components")  # §3.2
    return name.decode("ascii")


def metadata_values(mailbox: bytes, values: Mapping[str, bytes | None]) -> bytes:
    """METADATA with values (§4.4.1); ``mailbox`` as it is written."""
    listed = b" ".join(b"%b %b" % (_name_text(entry), value_text(value)) for entry, value in values.items())
    return b"* METADATA %b (%b)\r\n" % (mailbox, listed)


def metadata_names(mailbox: bytes, names: Iterable[str]) -> bytes:
    """METADATA without values: they changed (§4.4.2)."""
    return b"* METADATA %b %b\r\n" % (mailbox, b" ".join(_name_text(name) for name in names))


def _name_text(entry: str) -> bytes:
    """As the RFC's examples write it: clients look for a name without quotes."""
    octets = entry.encode("ascii")
    return octets if _PLAIN_NAME.fullmatch(octets) else quoted(octets)


def value_text(value: bytes | None) -> bytes:
    if value is None:
        return b"NIL"
    return b"~{%d}\r\n%b" % (len(value), value) if b"\x00" in value else quoted(value)
