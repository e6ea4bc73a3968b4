"""RETURN (…): what a client wants to hear of what SEARCH, SORT and ESEARCH find.

Standards: RFC 4466 §2.6 and RFC 9051 §6.4.4 (search-return-opts), RFC 4731 §3.1, RFC 5182 (SAVE),
RFC 5267 §4 (CONTEXT, UPDATE, PARTIAL), RFC 9394 §3 and §4 (PARTIAL from the end).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from mailserver.imap.grammar.syntax import Cursor, SyntaxFault

T = TypeVar("T")

_ITEMS = frozenset((b"MIN", b"MAX", b"ALL", b"COUNT", b"SAVE"))
_HINTS = frozenset((b"CONTEXT", b"UPDATE"))


@dataclass(frozen=True, slots=True)
class Partial:
    """Places in a result, counted from 1, or back from -1, which is the last.  ``written`` is sent back."""

    first: int
    last: int
    written: bytes

    def of(self, found: Sequence[T]) -> Sequence[T]:
        """The part, in the result's own order."""
        start, end = self.span(len(found))
        return found[start:end]

    def span(self, count: int) -> tuple[int, int]:
        """Where it begins and ends among so many; places beyond are no fault (RFC 9394 §3.1)."""
        low, high = sorted((abs(self.first), abs(self.last)))
        if self.first > 0:
            return min(low - 1, count), min(high, count)
        return max(count - high, 0), max(count - low + 1, 0)


@dataclass(frozen=True, slots=True)
class Returns:
    """``items`` are MIN, MAX, ALL, COUNT and SAVE; ``updates`` is UPDATE.  CONTEXT is only a hint (RFC 5267 §4.2)."""

    items: frozenset[bytes] = frozenset()
    partial: Partial | None = None
    updates: bool = False

    @property
    def saves(self) -> bool:
        return b"SAVE" in self.items


ALL = Returns(frozenset((b"ALL",)))


def parse_returns(cursor: Cursor) -> Returns | None:
    """[ "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")" SP ], None where there is none"""
    if not cursor.skip_word(b"RETURN"):
        return None
    cursor.space()
    cursor.need(b"(")
    named: set[bytes] = set()
    partial = None
    while not cursor.skip(b")"):
        if named:
            cursor.space()
        option = cursor.keyword()
        if option == b"PARTIAL":
            if partial is not None:
                raise SyntaxFault("PARTIAL may be asked for once")
            cursor.space()
            partial = parse_partial(cursor)
        elif option not in _ITEMS | _HINTS:
            raise SyntaxFault("Unknown RETURN option")
        named.add(option)
    cursor.space()
    if partial is not None and b"ALL" in named:
        raise SyntaxFault("PARTIAL and ALL exclude each other")  # RFC 9394 §3.1
    items = frozenset(named) & _ITEMS
    if not named:
        items = ALL.items  # RFC 4731 §3.1
    return Returns(items, partial, b"UPDATE" in named)


def parse_partial(cursor: Cursor) -> Partial:
    """partial-range = nz-number ":" nz-number / "-" nz-number ":" "-" nz-number"""
    start = cursor.at
    sign = -1 if cursor.skip(b"-") else 1
    first = cursor.nz_number()
    cursor.need(b":")
    if sign < 0:
        cursor.need(b"-")
    last = cursor.nz_number()
    return Partial(sign * first, sign * last, cursor.text[start : cursor.at])
