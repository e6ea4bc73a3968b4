"""What FETCH may ask for.

Standards: RFC 9051 §6.4.5, RFC 3501 §6.4.5 (RFC822 and its kin), RFC 7162 §3.1.4 (MODSEQ, CHANGEDSINCE),
RFC 3516 (BINARY), RFC 8474 §5 (EMAILID, THREADID), RFC 8970 (PREVIEW), RFC 8514 (SAVEDATE), RFC 9394 (PARTIAL).
Limits: 100 items a command; 100 header field names of 2,000 octets together an item; parts 50 levels deep.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache

from mailserver.imap.grammar.framing import Framed
from mailserver.imap.grammar.partial import Partial, parse_partial
from mailserver.imap.grammar.syntax import MAX_NUMBER64, Cursor, SequenceSet, SyntaxFault

MAX_ITEMS = 100
MAX_FIELDS = 100
MAX_FIELD_NAMES = 2000
MAX_PART_DEPTH = 50


class Attribute(Enum):
    """A data item without arguments; the value is its name on the wire."""

    # Plans are looked up by lists of items; to hash a name each time would take as long as to follow the plan.
    __hash__ = object.__hash__

    UID = b"UID"
    FLAGS = b"FLAGS"
    INTERNALDATE = b"INTERNALDATE"
    SIZE = b"RFC822.SIZE"
    ENVELOPE = b"ENVELOPE"
    BODY = b"BODY"
    BODYSTRUCTURE = b"BODYSTRUCTURE"
    MODSEQ = b"MODSEQ"
    EMAILID = b"EMAILID"
    THREADID = b"THREADID"
    PREVIEW = b"PREVIEW"
    SAVEDATE = b"SAVEDATE"


class Piece(Enum):
    """Which octets of a part."""

    __hash__ = object.__hash__

    ALL = b""
    HEADER = b"HEADER"
    FIELDS = b"HEADER.FIELDS"
    FIELDS_NOT = b"HEADER.FIELDS.NOT"
    TEXT = b"TEXT"
    MIME = b"MIME"


@dataclass(frozen=True, slots=True)
class Section:
    """BODY[…], BINARY[…] and RFC822…: some octets.  ``label`` is the item's name in the answer."""

    label: bytes
    part: tuple[int, ...] = ()
    piece: Piece = Piece.ALL
    fields: tuple[bytes, ...] = ()  # lower case
    partial: tuple[int, int] | None = None  # offset, count
    peek: bool = False
    binary: bool = False


@dataclass(frozen=True, slots=True)
class BinarySize:
    label: bytes
    section: Section  # whose octets are counted


Item = Attribute | Section | BinarySize

_FAST = (Attribute.FLAGS, Attribute.INTERNALDATE, Attribute.SIZE)
_MACROS: dict[bytes, tuple[Item, ...]] = {
    b"FAST": _FAST,
    b"ALL": (*_FAST, Attribute.ENVELOPE),
    b"FULL": (*_FAST, Attribute.ENVELOPE, Attribute.BODY),
}
_ATTRIBUTES: dict[bytes, Attribute] = {each.value: each for each in Attribute}
# RFC 3501 §6.4.5: names from before sections.
_OLD_SECTIONS: dict[bytes, Section] = {
    b"RFC822": Section(b"RFC822"),
    b"RFC822.HEADER": Section(b"RFC822.HEADER", piece=Piece.HEADER, peek=True),
    b"RFC822.TEXT": Section(b"RFC822.TEXT", piece=Piece.TEXT),
}
# field-name = 1*ftext (RFC 5322 §3.6.8); it is echoed, so nothing else may pass.
_FIELD_NAME = re.compile(rb"[\x21-\x39\x3b-\x7e]{1,100}")
_PIECES: dict[bytes, Piece] = {each.value: each for each in Piece if each.value}


@dataclass(frozen=True, slots=True)
class Fetch:
    messages: SequenceSet
    items: tuple[Item, ...]
    by_uid: bool = False
    changed_since: int | None = None
    vanished: bool = False
    partial: Partial | None = None


def parse_fetch(cursor: Cursor, by_uid: bool) -> Fetch:
    """fetch = "FETCH" SP sequence-set SP ("ALL" / … / "(" fetch-att *(SP fetch-att) ")") [fetch-modifiers]"""
    cursor.space()
    messages = cursor.sequence_set()
    cursor.space()
    asked = cursor.rest_if_short()
    if asked:
        with contextlib.suppress(SyntaxFault):  # told below, with its right place
            return Fetch(messages, *_recalled(asked, by_uid))
    return Fetch(messages, *_asked(cursor, by_uid))


# What a Fetch holds behind its messages.
_Asked = tuple[tuple[Item, ...], bool, int | None, bool, Partial | None]


@lru_cache(maxsize=512)
def _recalled(text: bytes, by_uid: bool) -> _Asked:
    """Clients ask for the same few lists of items all day."""
    return _asked(Cursor(Framed(text)), by_uid)


def _asked(cursor: Cursor, by_uid: bool) -> _Asked:
    items: list[Item] = []
    if cursor.skip(b"("):
        items += _items(cursor)
        while not cursor.skip(b")"):
            cursor.space()
            items += _items(cursor)
            if len(items) > MAX_ITEMS:
                raise SyntaxFault("Too many items")
    else:
        items += _items(cursor, macros=True)
    changed_since, vanished, partial = None, False, None
    if not cursor.at_end():
        cursor.space()
        changed_since, vanished, partial = _modifiers(cursor)
        # RFC 7162 §3.2.6: only by UID, and only with CHANGEDSINCE.  RFC 9394 §3.3 describes PARTIAL by UID, but its
        # grammar has it for both, and so has Cyrus.
        if vanished and not by_uid:
            raise SyntaxFault("VANISHED is for UID FETCH only")
        if changed_since is not None and Attribute.MODSEQ not in items:
            items.append(Attribute.MODSEQ)  # CHANGEDSINCE asks for it, RFC 7162 §3.1.4.1
    cursor.end()
    return tuple(dict.fromkeys(items)), by_uid, changed_since, vanished, partial


def parse_items(cursor: Cursor) -> tuple[Item, ...]:
    """ "(" fetch-att *(SP fetch-att) ")", as other commands have it (RFC 5465 §8)."""
    cursor.need(b"(")
    items = list(_items(cursor))
    while not cursor.skip(b")"):
        cursor.space()
        items += _items(cursor)
        if len(items) > MAX_ITEMS:
            raise SyntaxFault("Too many items")
    return tuple(dict.fromkeys(items))


def _modifiers(cursor: Cursor) -> tuple[int | None, bool, Partial | None]:
    """fetch-modifiers of RFC 4466; we know CHANGEDSINCE and VANISHED (RFC 7162 §7) and PARTIAL (RFC 9394 §4)."""
    cursor.need(b"(")
    modseq: int | None = None
    vanished = False
    partial = None
    while True:
        name = cursor.keyword()
        if name == b"CHANGEDSINCE" and modseq is None:
            cursor.space()
            modseq = cursor.nz_number64()
        elif name == b"VANISHED":
            vanished = True
        elif name == b"PARTIAL" and partial is None:
            cursor.space()
            partial = parse_partial(cursor)
        else:
            raise SyntaxFault("Unknown FETCH modifier")
        if cursor.skip(b")"):
            break
        cursor.space()
    if vanished and modseq is None:
        raise SyntaxFault("VANISHED needs CHANGEDSINCE")
    return modseq, vanished, partial


# BODY[…] has brackets, which no atom holds: a name ends at the first of them.
def _items(cursor: Cursor, macros: bool = False) -> tuple[Item, ...]:
    name = cursor.keyword_before_bracket()
    if cursor.peek() == b"[":
        return (_bracketed(cursor, name),)
    if macros and name in _MACROS:
        return _MACROS[name]
    if name in _ATTRIBUTES:
        attribute = _ATTRIBUTES[name]
        if attribute is Attribute.PREVIEW and cursor.skip(b" ("):
            # LAZY: we always have it at hand (RFC 8970 §3.1).
            if cursor.keyword() != b"LAZY":
                raise SyntaxFault("Unknown PREVIEW modifier")
            cursor.need(b")")
        return (attribute,)
    if name in _OLD_SECTIONS:
        return (_OLD_SECTIONS[name],)
    raise SyntaxFault("Unknown FETCH item")


def _bracketed(cursor: Cursor, name: bytes) -> Item:
    if name in (b"BODY", b"BODY.PEEK", b"BINARY", b"BINARY.PEEK"):
        return _section(cursor, peek=name.endswith(b".PEEK"), name=name.removesuffix(b".PEEK"))
    if name == b"BINARY.SIZE":
        section = _section(cursor, peek=True, name=name)
        if section.partial is not None:
            raise SyntaxFault("A size has no partial")
        return BinarySize(section.label, section)
    raise SyntaxFault("Unknown FETCH item")


def _part(cursor: Cursor) -> tuple[int, ...]:
    """section-part = nz-number *("." nz-number), or nothing"""
    numbers: list[int] = []
    while cursor.peek().isdigit():
        numbers.append(cursor.nz_number())
        if len(numbers) > MAX_PART_DEPTH:
            raise SyntaxFault("Too deeply nested")
        if not cursor.followed_by_dot_and_digit():
            break
        cursor.need(b".")
    return tuple(numbers)


def parse_section(octets: bytes, partial: tuple[int, int] | None) -> Section:
    """A section as it stands between the brackets of BODY[…].  Raises SyntaxFault."""
    cursor = Cursor(Framed(b"[" + octets + b"]"))
    section = _section(cursor, peek=True)
    cursor.end()
    return replace(section, partial=partial)


def _section(cursor: Cursor, peek: bool, name: bytes = b"BODY") -> Section:
    """section-spec = section-msgtext / (section-part ["." section-text])

    RFC 3516 §3 knows no section-text in BINARY; Dovecot does, and clients and tests came to rely on it.  A header or
    the text of a message has no transfer encoding of its own, so these are the octets that BODY would give.
    """
    cursor.need(b"[")
    part = _part(cursor)
    piece = Piece.ALL
    fields: tuple[bytes, ...] = ()
    written = _dotted(part)
    if cursor.peek() != b"]":
        if part:
            cursor.need(b".")
            written += b"."
        word = cursor.keyword()
        if word not in _PIECES or (word == b"MIME" and not part):
            raise SyntaxFault("Unknown section")
        piece = _PIECES[word]
        written += word
        if piece in (Piece.FIELDS, Piece.FIELDS_NOT):
            cursor.space()
            fields = _field_names(cursor)
            written += b" (" + b" ".join(_astring(field) for field in fields) + b")"
    cursor.need(b"]")
    binary = name != b"BODY"
    partial, suffix = _partial(cursor, open_end=binary)
    label = name + b"[" + written + b"]" + suffix
    lower = tuple(field.lower() for field in fields)
    return Section(label, part, piece, lower, partial, peek, binary and piece is Piece.ALL)


def _field_names(cursor: Cursor) -> tuple[bytes, ...]:
    """header-list = "(" header-fld-name *(SP header-fld-name) ")" """
    cursor.need(b"(")
    names = [cursor.astring()]
    while not cursor.skip(b")"):
        cursor.space()
        names.append(cursor.astring())
        if len(names) > MAX_FIELDS or sum(map(len, names)) > MAX_FIELD_NAMES:
            raise SyntaxFault("Too many header fields")
    for name in names:
        if _FIELD_NAME.fullmatch(name) is None:
            raise SyntaxFault("Not a header field name")
    return tuple(names)


def _astring(name: bytes) -> bytes:
    if any(octet in b'(){%*"\\' for octet in name):
        return b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return name


def _partial(cursor: Cursor, *, open_end: bool = False) -> tuple[tuple[int, int] | None, bytes]:
    """partial = "<" number64 "." nz-number64 ">"; the answer names only the origin (RFC 9051 §7.5.2)

    ``open_end``: some clients leave out the count of BINARY, as Dovecot lets them, and mean all that follows.
    """
    if not cursor.skip(b"<"):
        return None, b""
    offset = cursor.number64()
    if open_end and cursor.skip(b">"):
        return (offset, MAX_NUMBER64), b"<%d>" % offset
    cursor.need(b".")
    count = cursor.nz_number64()
    cursor.need(b">")
    return (offset, count), b"<%d>" % offset


def _dotted(part: tuple[int, ...]) -> bytes:
    return b".".join(b"%d" % number for number in part)
