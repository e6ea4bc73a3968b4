"""APPEND and REPLACE: messages as literals, or put together from texts and parts of other messages.

Standards: RFC 9051 §6.3.12; RFC 3502 (MULTIAPPEND), RFC 3516 §7 (literal8), RFC 4469 §5 (CATENATE),
RFC 6855 §4 (UTF8), RFC 8508 §5 (REPLACE), RFC 4466 §2.
Limits: 2,000 messages in one APPEND, 1,000 pieces in one CATENATE, 200 flags a message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from mailserver.imap.grammar.framing import Literal
from mailserver.imap.grammar.syntax import STAR, Cursor, SyntaxFault

MAX_APPENDED = 2000
MAX_PIECES = 1000
MAX_FLAGS = 200


@dataclass(frozen=True, slots=True)
class Url:
    """A message, or a part of one, that the server has already; see ``grammar.urls``."""

    octets: bytes


Piece = Literal | Url


class Appended(NamedTuple):  # of which a command may have thousands
    """One message of APPEND: its octets, or the pieces that are to be joined; ``date`` in epoch seconds, and
    the ``zone`` that it was written in, in minutes.

    ``binary``: it came as a literal8, which may hold NUL.
    """

    flags: tuple[str, ...]
    date: int | None
    content: Literal | tuple[Piece, ...]
    binary: bool = False
    zone: int | None = None


@dataclass(frozen=True, slots=True)
class Append:
    mailbox: bytes
    messages: tuple[Appended, ...]


@dataclass(frozen=True, slots=True)
class Replace:
    """``number`` is a message number, STAR for the last, or a UID."""

    number: int
    mailbox: bytes
    message: Appended
    by_uid: bool


def parse_append(cursor: Cursor) -> Append:
    """append = "APPEND" SP mailbox 1*append-message"""
    cursor.space()
    mailbox = cursor.astring()
    messages = []
    while not cursor.at_end():
        messages.append(_message(cursor))
        if len(messages) > MAX_APPENDED:
            raise SyntaxFault("Too many messages")
    if not messages:
        cursor.fail("a message")
    return Append(mailbox, tuple(messages))


def parse_replace(cursor: Cursor, by_uid: bool) -> Replace:
    """replace = "REPLACE" SP seq-number SP mailbox append-message; seq-number may be "*", by UID too"""
    cursor.space()
    number = STAR if cursor.skip(b"*") else cursor.nz_number()
    cursor.space()
    mailbox = cursor.astring()
    message = _message(cursor)
    cursor.end()
    return Replace(number, mailbox, message, by_uid)


def _message(cursor: Cursor) -> Appended:
    """append-message = [SP flag-list] [SP date-time] SP append-data"""
    cursor.space()
    flags: tuple[str, ...] = ()
    date = zone = None
    if cursor.peek() == b"(":
        flags = cursor.flag_list()
        if len(flags) > MAX_FLAGS:
            raise SyntaxFault("Too many flags")
        cursor.space()
    if cursor.peek() == b'"':
        date, zone = cursor.date_time()
        cursor.space()
    if cursor.skip_word(b"UTF8"):
        return Appended(flags, date, _utf8(cursor), True, zone)
    if cursor.skip_word(b"CATENATE"):
        pieces, binary = _pieces(cursor)
        return Appended(flags, date, pieces, binary, zone)
    binary = cursor.skip(b"~")
    return Appended(flags, date, cursor.literal(), binary, zone)


def _utf8(cursor: Cursor) -> Literal:
    """utf8-literal = "UTF8" SP "(" literal8 ")" """
    cursor.space()
    cursor.need(b"(~")
    octets = cursor.literal()
    cursor.need(b")")
    return octets


def _pieces(cursor: Cursor) -> tuple[tuple[Piece, ...], bool]:
    """append-data =/ "CATENATE" SP "(" cat-part *(SP cat-part) ")", and whether a text came as a literal8"""
    cursor.space()
    cursor.need(b"(")
    pieces: list[Piece] = []
    binary = False
    while True:
        if cursor.skip_word(b"URL"):
            cursor.space()
            pieces.append(Url(cursor.astring()))
        elif cursor.skip_word(b"UTF8"):
            pieces.append(_utf8(cursor))
            binary = True
        elif cursor.skip_word(b"TEXT"):
            cursor.space()
            binary = cursor.skip(b"~") or binary
            pieces.append(cursor.literal())
        else:
            cursor.fail("TEXT or URL")
        if len(pieces) > MAX_PIECES:
            raise SyntaxFault("Too many pieces")
        if cursor.skip(b")"):
            return tuple(pieces), binary
        cursor.space()
