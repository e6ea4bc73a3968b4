"""RETURN (…): what a client wants to hear of what SEARCH, SORT and ESEARCH find.

Standards: RFC 4466 §2.6 and RFC 9051 §6.4.4 (search-return-opts), RFC 4731 §3.1, RFC 5182 (SAVE),
RFC 5267 §4 (CONTEXT, UPDATE, PARTIAL), RFC 9394 §3 (PARTIAL from the end),
RFC 5465 §7 (items of new messages with UPDATE), RFC 6203 §4 (RELEVANCY).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mailserver.imap.grammar.fetch import Item, Section, parse_items
from mailserver.imap.grammar.partial import Partial, parse_partial
from mailserver.imap.grammar.syntax import Cursor, SyntaxFault

_ITEMS = frozenset((b"MIN", b"MAX", b"ALL", b"COUNT", b"SAVE"))
_HINTS = frozenset((b"CONTEXT", b"UPDATE"))


@dataclass(frozen=True, slots=True)
class Returns:
    """``items`` are MIN, MAX, ALL, COUNT and SAVE; ``updates`` is UPDATE, ``fetches`` what it wants of new messages.
    CONTEXT is only a hint (RFC 5267 §4.2).  ``relevancy`` asks for the scores of what is found."""

    items: frozenset[bytes] = frozenset()
    partial: Partial | None = None
    updates: bool = False
    fetches: tuple[Item, ...] = ()
    relevancy: bool = False

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
    fetches: tuple[Item, ...] = ()
    while not cursor.skip(b")"):
        if named:
            cursor.space()
        option = cursor.keyword()
        if option == b"PARTIAL":
            if partial is not None:
                raise SyntaxFault("PARTIAL may be asked for once")
            cursor.space()
            partial = parse_partial(cursor)
        elif option == b"UPDATE" and cursor.skip(b" ("):
            # modifier-update =/ "UPDATE" [SP "(" fetch-att *(SP fetch-att) ")"] (RFC 5465 §7)
            cursor.at -= 1
            # Nobody reads what is told unasked: it marks nothing as seen.
            fetches = tuple(
                replace(item, peek=True) if isinstance(item, Section) else item for item in parse_items(cursor)
            )
        elif option not in _ITEMS | _HINTS | {b"RELEVANCY"}:
            raise SyntaxFault("Unknown RETURN option")
        named.add(option)
    cursor.space()
    if partial is not None and b"ALL" in named:
        raise SyntaxFault("PARTIAL and ALL exclude each other")  # RFC 9394 §3.1
    items = frozenset(named) & _ITEMS
    if not named:
        items = ALL.items  # RFC 4731 §3.1
    return Returns(items, partial, b"UPDATE" in named, fetches, b"RELEVANCY" in named)
