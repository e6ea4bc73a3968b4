"""BODY[…] and BINARY[…]: which octets of a message a section names.

Most sections are one stretch of the message and are found as offsets (``stretch``), so that a large one can be sent
in slices without ever being whole in memory.  Chosen header fields and decoded parts are made (``made``).

Standards: RFC 9051 §6.4.5, §6.4.5.1, §7.5.2; RFC 3516 §4.2, §4.3 (BINARY).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from mailserver.imap.grammar.fetch import Piece, Section
from mailserver.imap.grammar.responses import UnknownEncoding
from mailserver.message.headers import select_fields
from mailserver.message.structure import Part, part_at
from mailserver.message.trace import TRACE_FIELDS
from mailserver.message.transfer import decode_transfer

_LINE_END = b"\r\n"
_LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyz")


def is_of_header(section: Section) -> bool:
    """Whether the section is found in the message's own header alone."""
    return not section.part and not section.binary and section.piece in (Piece.HEADER, Piece.FIELDS, Piece.FIELDS_NOT)


def column_of(section: Section) -> str:
    """Of a section of the header alone, the store's column that it is found in."""
    below = section.piece is Piece.FIELDS and TRACE_FIELDS.isdisjoint(section.fields)
    return "fields" if below else "header"


def is_whole(item: object) -> bool:
    """Whether it is BODY[], all of it."""
    return (
        isinstance(item, Section)
        and item.piece is Piece.ALL
        and not item.part
        and not item.binary
        and item.partial is None
    )


def header_selector(section: Section) -> Callable[[bytes], bytes]:
    """A function from the header block to the section's octets."""
    select = _fields_selector(section.piece, section.fields)
    if section.partial is None:
        return select
    offset, count = section.partial
    return lambda header: select(header)[offset : offset + count]


@lru_cache(maxsize=512)
def _fields_selector(piece: Piece, fields: tuple[bytes, ...]) -> Callable[[bytes], bytes]:
    if piece is Piece.HEADER:
        return lambda header: header
    names = [name.decode("ascii") for name in fields]
    if piece is Piece.FIELDS_NOT:
        return lambda header: select_fields(header, names, but=True)
    # field = field-name *WSP ":" unstructured CRLF, with FWS (RFC 5322 §2.2, §4.5).  Every field is looked for with
    # the line end before it, and letters in both cases: with flags instead it takes three times as long.
    # Most lines are passed over by their first letter.
    letters = b"".join(
        dict.fromkeys(re.escape(each) for name in fields for each in (name[:1].lower(), name[:1].upper()))
    )
    find = re.compile(
        rb"\n%b(?:%b)[ \t]*:[^\n]*+(?:\n[ \t][^\n]*+)*+"
        % (
            b"(?=[%b])" % letters if b"" not in fields else b"",
            b"|".join(_in_any_case(name) for name in fields),
        )
    ).findall

    def select(header: bytes) -> bytes:
        found = b"".join(find(b"\n" + header))
        # RFC 9051 §7.5.2: the blank line is part of the answer whatever fields were chosen.
        return found[1:] + b"\n\r\n" if found else _LINE_END

    return select


def _in_any_case(name: bytes) -> bytes:
    return b"".join(
        b"[%c%c]" % (octet, octet ^ 32) if octet | 32 in _LETTERS else re.escape(b"%c" % octet) for octet in name
    )


def needs_tree(section: Section) -> bool:
    """Whether the section's place depends on the MIME tree."""
    return bool(section.part) or section.binary


def stretch(section: Section, size: int, header_size: int, tree: Part | None) -> tuple[int, int] | None:
    """(start, stop) of the section before its partial is applied; None if the message has no such part.

    ``tree`` may be None where ``needs_tree`` says so.
    """
    if not section.part:
        if section.piece is Piece.TEXT:
            return header_size, size
        if section.piece is Piece.ALL:
            return 0, size
        return 0, header_size
    assert tree is not None
    part = part_at(tree, section.part)
    if part is None:
        return None
    if section.piece is Piece.ALL:
        return part.body_start, part.end
    if section.piece is Piece.MIME:
        return part.header_start, part.body_start
    # HEADER, HEADER.FIELDS and TEXT are of a message inside this one (RFC 9051 §6.4.5.1).
    if not part.is_message:
        return None
    inner = part.parts[0]
    if section.piece is Piece.TEXT:
        return inner.body_start, inner.end
    return inner.header_start, inner.body_start


def is_stretch(section: Section) -> bool:
    """Whether the section's octets stand in the message as they are."""
    return not section.binary and section.piece not in (Piece.FIELDS, Piece.FIELDS_NOT)


def cut(octets: bytes, partial: tuple[int, int] | None) -> bytes:
    return octets if partial is None else octets[partial[0] : partial[0] + partial[1]]


def made(section: Section, octets: bytes) -> bytes:
    """The chosen fields of the header that ``stretch`` found, without the partial."""
    return _fields_selector(section.piece, section.fields)(octets)


def decoded(encoding: str, octets: bytes) -> bytes:
    """A part without its transfer encoding.  Raises UnknownEncoding."""
    plain = decode_transfer(encoding, octets)
    if plain is None:
        raise UnknownEncoding
    return plain
