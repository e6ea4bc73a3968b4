"""What SEARCH may ask for, as a tree.

Strings stay octets here: the charset that the command names is applied when the search is run.

Standards: RFC 9051 §6.4.4, RFC 3501 §6.4.4 (NEW, OLD, RECENT), RFC 4731 (ESEARCH), RFC 5182 (SAVE),
RFC 7162 §3.1.5 (MODSEQ), RFC 8474 §6 (EMAILID, THREADID).
Limits: 1,000 keys a command, 50 levels deep.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import Enum

from mailserver.imap.grammar.syntax import Cursor, SequenceSet, SyntaxFault

MAX_KEYS = 1000
MAX_DEPTH = 50


@dataclass(frozen=True, slots=True)
class All:
    """Every message."""


@dataclass(frozen=True, slots=True)
class Flagged:
    """Has a flag: ``\\Seen`` and its kin, or a keyword."""

    flag: str


@dataclass(frozen=True, slots=True)
class Messages:
    set: SequenceSet
    by_uid: bool


class Where(Enum):
    SUBJECT = "subject"
    FROM = "from"
    TO = "to"
    CC = "cc"
    BCC = "bcc"
    BODY = "body"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Contains:
    where: Where
    octets: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """A header field that contains a string; the empty string asks only for the field."""

    field: bytes
    octets: bytes


@dataclass(frozen=True, slots=True)
class Day:
    """The internal date, or the Date field (``sent``), from the day ``first`` up to, without, ``end``."""

    sent: bool
    first: date | None
    end: date | None


@dataclass(frozen=True, slots=True)
class Larger:
    size: int


@dataclass(frozen=True, slots=True)
class Smaller:
    size: int


@dataclass(frozen=True, slots=True)
class ChangedFrom:
    """MODSEQ: changed at this modseq or after (RFC 7162 §3.1.5)."""

    modseq: int


@dataclass(frozen=True, slots=True)
class ObjectId:
    """EMAILID or THREADID."""

    thread: bool
    value: bytes


@dataclass(frozen=True, slots=True)
class Not:
    key: Key


@dataclass(frozen=True, slots=True)
class Or:
    left: Key
    right: Key


@dataclass(frozen=True, slots=True)
class And:
    keys: tuple[Key, ...]


Key = All | Flagged | Messages | Contains | Header | Day | Larger | Smaller | ChangedFrom | ObjectId | Not | Or | And

NOTHING = Not(All())


@dataclass(frozen=True, slots=True)
class Search:
    """``returns`` is None for a search without RETURN, else the options named."""

    key: Key
    by_uid: bool = False
    charset: bytes | None = None
    returns: frozenset[bytes] | None = None


_FLAG_KEYS: dict[bytes, Key] = {
    b"ALL": All(),
    b"ANSWERED": Flagged("\\Answered"),
    b"DELETED": Flagged("\\Deleted"),
    b"DRAFT": Flagged("\\Draft"),
    b"FLAGGED": Flagged("\\Flagged"),
    b"SEEN": Flagged("\\Seen"),
    b"UNANSWERED": Not(Flagged("\\Answered")),
    b"UNDELETED": Not(Flagged("\\Deleted")),
    b"UNDRAFT": Not(Flagged("\\Draft")),
    b"UNFLAGGED": Not(Flagged("\\Flagged")),
    b"UNSEEN": Not(Flagged("\\Seen")),
    # No message of ours is \Recent (RFC 9051 Appendix A dropped it): none is new, all are old.
    b"RECENT": NOTHING,
    b"NEW": NOTHING,
    b"OLD": All(),
}
_CONTAINS: dict[bytes, Where] = {each.value.upper().encode(): each for each in Where}
_RETURNS = frozenset((b"MIN", b"MAX", b"ALL", b"COUNT", b"SAVE"))
_ONE_DAY = 1


def parse_search(cursor: Cursor, by_uid: bool) -> Search:
    """search = "SEARCH" [search-return-opts] SP ["CHARSET" SP charset SP] search-key *(SP search-key)"""
    returns = None
    charset = None
    cursor.space()
    if cursor.skip_word(b"RETURN"):
        cursor.space()
        returns = _return_options(cursor)
        cursor.space()
    if cursor.skip_word(b"CHARSET"):
        cursor.space()
        charset = cursor.astring().upper()
        cursor.space()
    key = _Parser(cursor).keys(b"", 0)
    cursor.end()
    return Search(key, by_uid, charset, returns)


def _return_options(cursor: Cursor) -> frozenset[bytes]:
    cursor.need(b"(")
    options: set[bytes] = set()
    while not cursor.skip(b")"):
        if options:
            cursor.space()
        option = cursor.keyword()
        if option not in _RETURNS:
            raise SyntaxFault("Unknown RETURN option")
        options.add(option)
    return frozenset(options)


class _Parser:
    """search-key, by recursion that is counted."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self.count = 0

    def keys(self, end: bytes, depth: int) -> Key:
        """One or more keys, all of which must hold."""
        found = [self.key(depth)]
        while not (self.cursor.skip(end) if end else self.cursor.at_end()):
            self.cursor.space()
            found.append(self.key(depth))
        return found[0] if len(found) == 1 else And(tuple(found))

    def key(self, depth: int) -> Key:
        self.count += 1
        if depth > MAX_DEPTH or self.count > MAX_KEYS:
            raise SyntaxFault("The search is too large")
        cursor = self.cursor
        if cursor.skip(b"("):
            return self.keys(b")", depth + 1)
        if cursor.looks_like_sequence_set():
            return Messages(cursor.sequence_set(), by_uid=False)
        word = cursor.keyword()
        if word in _FLAG_KEYS:
            return _FLAG_KEYS[word]
        if word == b"NOT":
            cursor.space()
            return Not(self.key(depth + 1))
        if word == b"OR":
            cursor.space()
            left = self.key(depth + 1)
            cursor.space()
            return Or(left, self.key(depth + 1))
        if word not in _WITH_ARGUMENT:
            raise SyntaxFault("Unknown search key")
        cursor.space()
        return _WITH_ARGUMENT[word](cursor)


def _header(cursor: Cursor) -> Key:
    field = cursor.astring()
    cursor.space()
    return Header(field.lower(), cursor.astring())


def _modseq(cursor: Cursor) -> Key:
    """MODSEQ [entry-name SP entry-type-req SP] mod-sequence-valzer"""
    # One modseq a message: the entry is ignored, RFC 7162 §3.1.5.
    if cursor.peek() == b'"':
        cursor.string()
        cursor.space()
        if cursor.keyword() not in (b"PRIV", b"SHARED", b"ALL"):
            raise SyntaxFault("Expected priv, shared or all")
        cursor.space()
    return ChangedFrom(cursor.number64())


def _after(day: date) -> date:
    return date.fromordinal(min(day.toordinal() + _ONE_DAY, date.max.toordinal()))


def _contains(where: Where) -> Callable[[Cursor], Key]:
    return lambda cursor: Contains(where, cursor.astring())


def _day(sent: bool, word: str) -> Callable[[Cursor], Key]:
    def parse(cursor: Cursor) -> Key:
        day = cursor.date()
        if word == "before":
            return Day(sent, None, day)
        return Day(sent, day, _after(day) if word == "on" else None)

    return parse


_WITH_ARGUMENT: dict[bytes, Callable[[Cursor], Key]] = {
    **{word: _contains(where) for word, where in _CONTAINS.items()},
    b"BEFORE": _day(False, "before"),
    b"ON": _day(False, "on"),
    b"SINCE": _day(False, "since"),
    b"SENTBEFORE": _day(True, "before"),
    b"SENTON": _day(True, "on"),
    b"SENTSINCE": _day(True, "since"),
    b"HEADER": _header,
    b"KEYWORD": lambda cursor: Flagged(cursor.flag()),
    b"UNKEYWORD": lambda cursor: Not(Flagged(cursor.flag())),
    b"LARGER": lambda cursor: Larger(cursor.number64()),
    b"SMALLER": lambda cursor: Smaller(cursor.number64()),
    b"UID": lambda cursor: Messages(cursor.sequence_set(), by_uid=True),
    b"MODSEQ": _modseq,
    b"EMAILID": lambda cursor: ObjectId(False, cursor.astring()),
    b"THREADID": lambda cursor: ObjectId(True, cursor.astring()),
}
