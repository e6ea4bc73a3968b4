"""SORT and THREAD.

Standards: RFC 5256 §3, §5; RFC 5957 §5 (DISPLAYFROM, DISPLAYTO); RFC 5267 §5 (RETURN in SORT);
RFC 6203 §6, §7 (RELEVANCY).
Limits: 20 sort criteria a command.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mailserver.imap.grammar.results import parse_returns
from mailserver.imap.grammar.search import Search, parse_program
from mailserver.imap.grammar.syntax import Cursor, SyntaxFault

MAX_CRITERIA = 20


class SortKey(Enum):
    ARRIVAL = b"ARRIVAL"
    CC = b"CC"
    DATE = b"DATE"
    DISPLAYFROM = b"DISPLAYFROM"
    DISPLAYTO = b"DISPLAYTO"
    FROM = b"FROM"
    RELEVANCY = b"RELEVANCY"
    SIZE = b"SIZE"
    SUBJECT = b"SUBJECT"
    TO = b"TO"


class Algorithm(Enum):
    ORDEREDSUBJECT = b"ORDEREDSUBJECT"
    REFERENCES = b"REFERENCES"
    REFS = b"REFS"


# A key, and whether it is reversed.
Criterion = tuple[SortKey, bool]


@dataclass(frozen=True, slots=True)
class Sort:
    criteria: tuple[Criterion, ...]
    search: Search

    @property
    def by_relevancy(self) -> bool:
        return any(key is SortKey.RELEVANCY for key, _ in self.criteria)


@dataclass(frozen=True, slots=True)
class Thread:
    algorithm: Algorithm
    search: Search


_KEYS = {each.value: each for each in SortKey}
_ALGORITHMS = {each.value: each for each in Algorithm}


def parse_sort(cursor: Cursor, by_uid: bool) -> Sort:
    """sort = ["UID" SP] "SORT" [search-return-opts] SP sort-criteria SP search-criteria"""
    cursor.space()
    returns = parse_returns(cursor)
    criteria = _criteria(cursor)
    cursor.space()
    charset = _charset(cursor)
    # Some programs say RETURN only here; no search key is called so.
    returns = returns or parse_returns(cursor)
    sort = Sort(criteria, parse_program(cursor, by_uid, charset, returns))
    if sort.by_relevancy and not sort.search.fuzzy:
        raise SyntaxFault("RELEVANCY is for FUZZY searches")  # RFC 6203 §6
    return sort


def parse_thread(cursor: Cursor, by_uid: bool) -> Thread:
    """thread = ["UID" SP] "THREAD" SP thread-alg SP search-criteria"""
    cursor.space()
    algorithm = _ALGORITHMS.get(cursor.keyword())
    if algorithm is None:
        raise SyntaxFault("Unknown threading algorithm")
    cursor.space()
    charset = _charset(cursor)
    return Thread(algorithm, parse_program(cursor, by_uid, charset))


def _criteria(cursor: Cursor) -> tuple[Criterion, ...]:
    """sort-criteria = "(" sort-criterion *(SP sort-criterion) ")"; sort-criterion = ["REVERSE" SP] sort-key"""
    cursor.need(b"(")
    criteria: list[Criterion] = []
    while True:
        word = cursor.keyword()
        reverse = word == b"REVERSE"
        if reverse:
            cursor.space()
            word = cursor.keyword()
        key = _KEYS.get(word)
        if key is None:
            raise SyntaxFault("Unknown sort key")
        criteria.append((key, reverse))
        if len(criteria) > MAX_CRITERIA:
            raise SyntaxFault("Too many sort keys")
        if cursor.skip(b")"):
            return tuple(criteria)
        cursor.space()


def _charset(cursor: Cursor) -> bytes:
    """The charset is not optional here (RFC 5256 §3)."""
    charset = cursor.astring().upper()
    cursor.space()
    return charset
