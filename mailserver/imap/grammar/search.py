"""What SEARCH may ask for, as a tree.

Strings stay octets here: the charset that the command names is applied when the search is run.

Standards: RFC 9051 §6.4.4, RFC 3501 §6.4.4 (NEW, OLD, RECENT), RFC 7162 §3.1.5 (MODSEQ), RFC 8474 §6 (EMAILID,
THREADID), RFC 5032 (OLDER, YOUNGER), RFC 8514 §4.3 (SAVEDBEFORE and its kin), RFC 6203 §3, §7 (FUZZY).
Limits: 1,000 keys a command, 50 levels deep; 50 of them that look for words fuzzily.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum

from mailserver.imap.grammar.results import Returns, parse_returns
from mailserver.imap.grammar.syntax import MAX_NUMBER, Cursor, SequenceSet, SyntaxFault

MAX_KEYS = 1000
MAX_DEPTH = 50
MAX_FUZZY = 50


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
    fuzzy: bool = False


@dataclass(frozen=True, slots=True)
class Header:
    """A header field that contains a string; the empty string asks only for the field."""

    field: bytes
    octets: bytes
    fuzzy: bool = False


class DateOf(Enum):
    ARRIVAL = "internal date"
    SENT = "Date field"
    SAVED = "save date"  # RFC 8514


@dataclass(frozen=True, slots=True)
class Day:
    """From the day ``first`` up to, without, ``end``."""

    of: DateOf
    first: date | None
    end: date | None


@dataclass(frozen=True, slots=True)
class Within:
    """The internal date is this many seconds ago, or more if ``older``, or less (RFC 5032 §2)."""

    older: bool
    seconds: int


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
class Recent:
    """\\Recent to this session (RFC 3501 §6.4.4)."""


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


Key = (
    All
    | Flagged
    | Messages
    | Contains
    | Header
    | Day
    | Within
    | Larger
    | Smaller
    | ChangedFrom
    | ObjectId
    | Recent
    | Not
    | Or
    | And
)


NOTHING = Not(All())


@dataclass(frozen=True, slots=True)
class Search:
    """``returns`` is None for a search without RETURN; ``fuzzy`` tells that FUZZY stood somewhere in the key."""

    key: Key
    by_uid: bool = False
    charset: bytes | None = None
    returns: Returns | None = None
    fuzzy: bool = False

    @property
    def wants_relevancy(self) -> bool:
        return self.returns is not None and self.returns.relevancy


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
    b"RECENT": Recent(),
    b"NEW": And((Recent(), Not(Flagged("\\Seen")))),
    b"OLD": Not(Recent()),
    b"SAVEDATESUPPORTED": All(),  # RFC 8514 §4.3: our store knows it of every message
}
_CONTAINS: dict[bytes, Where] = {each.value.upper().encode(): each for each in Where}
_ONE_DAY = 1


def parse_search(cursor: Cursor, by_uid: bool) -> Search:
    """search = "SEARCH" [search-return-opts] SP ["CHARSET" SP charset SP] search-key *(SP search-key)"""
    cursor.space()
    returns = parse_returns(cursor)
    charset = None
    if cursor.skip_word(b"CHARSET"):
        cursor.space()
        charset = cursor.astring().upper()
        cursor.space()
    return parse_program(cursor, by_uid, charset, returns)


def parse_program(cursor: Cursor, by_uid: bool, charset: bytes | None, returns: Returns | None = None) -> Search:
    """search-key *(SP search-key), to the command's end"""
    parser = _Parser(cursor)
    key = parser.keys(b"", 0)
    cursor.end()
    search = Search(key, by_uid, charset, returns, parser.met_fuzzy)
    if search.wants_relevancy and not search.fuzzy:
        raise SyntaxFault("RELEVANCY is for FUZZY searches")  # RFC 6203 §4
    return search


class _Parser:
    """search-key, by recursion that is counted."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self.count = 0
        self.met_fuzzy = False
        self._is_fuzzy = False
        self._fuzzy_count = 0

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
        if word == b"FUZZY":
            return self.fuzzy(depth)
        if word not in _WITH_ARGUMENT:
            raise SyntaxFault("Unknown search key")
        cursor.space()
        key = _WITH_ARGUMENT[word](cursor)
        if not self._is_fuzzy or not isinstance(key, Contains | Header):
            return key  # all other keys are matched exactly, as RFC 6203 §5 leaves to us
        self._fuzzy_count += 1
        if self._fuzzy_count > MAX_FUZZY:
            raise SyntaxFault("The search is too large")  # RFC 6203 §8
        return replace(key, fuzzy=True)

    def fuzzy(self, depth: int) -> Key:
        """search-key =/ "FUZZY" SP search-key: of all that is in it."""
        self.cursor.space()
        self.met_fuzzy = True
        outer, self._is_fuzzy = self._is_fuzzy, True
        key = self.key(depth + 1)
        self._is_fuzzy = outer
        return key


def _header(cursor: Cursor) -> Key:
    field = cursor.astring()
    cursor.space()
    return Header(field.lower(), cursor.astring())


def _from_to(first: int, last: int) -> Key:
    """UIDs between two, which may be none."""
    return Messages(SequenceSet(((first, last),)), by_uid=True) if first <= last else Not(All())


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


def _day(of: DateOf, word: str) -> Callable[[Cursor], Key]:
    def parse(cursor: Cursor) -> Key:
        day = cursor.date()
        if word == "before":
            return Day(of, None, day)
        return Day(of, day, _after(day) if word == "on" else None)

    return parse


_WITH_ARGUMENT: dict[bytes, Callable[[Cursor], Key]] = {
    **{word: _contains(where) for word, where in _CONTAINS.items()},
    **{
        prefix + word.upper().encode(): _day(of, word)
        for prefix, of in ((b"", DateOf.ARRIVAL), (b"SENT", DateOf.SENT), (b"SAVED", DateOf.SAVED))
        for word in ("before", "on", "since")
    },
    b"OLDER": lambda cursor: Within(True, cursor.nz_number()),
    b"YOUNGER": lambda cursor: Within(False, cursor.nz_number()),
    b"HEADER": _header,
    b"KEYWORD": lambda cursor: Flagged(cursor.flag()),
    b"UNKEYWORD": lambda cursor: Not(Flagged(cursor.flag())),
    b"LARGER": lambda cursor: Larger(cursor.number64()),
    b"SMALLER": lambda cursor: Smaller(cursor.number64()),
    b"UID": lambda cursor: Messages(cursor.sequence_set(), by_uid=True),
    b"UIDAFTER": lambda cursor: _from_to(cursor.nz_number() + 1, MAX_NUMBER),  # RFC 9738 §3.2
    b"UIDBEFORE": lambda cursor: _from_to(1, cursor.nz_number() - 1),
    b"MODSEQ": _modseq,
    b"EMAILID": lambda cursor: ObjectId(False, cursor.astring()),
    b"THREADID": lambda cursor: ObjectId(True, cursor.astring()),
}
