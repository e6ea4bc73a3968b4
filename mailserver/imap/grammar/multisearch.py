"""ESEARCH, which may search many mailboxes, and CANCELUPDATE.

Standards: RFC 7377 §2.2, §4 (MULTISEARCH); RFC 5465 §8 (filter-mailboxes); RFC 5267 §5 (CANCELUPDATE).
Limits: 500 mailbox names and 50 sources an ESEARCH, 50 tags a CANCELUPDATE.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mailserver.imap.grammar.notify import MAX_NAMES, mailbox_names
from mailserver.imap.grammar.results import ALL, parse_returns
from mailserver.imap.grammar.search import Search, parse_program
from mailserver.imap.grammar.syntax import Cursor, SyntaxFault

MAX_SOURCES = 50
MAX_TAGS = 50


class SourceKind(Enum):
    SELECTED = b"SELECTED"
    INBOXES = b"INBOXES"
    PERSONAL = b"PERSONAL"
    SUBSCRIBED = b"SUBSCRIBED"
    SUBTREE = b"SUBTREE"
    SUBTREE_ONE = b"SUBTREE-ONE"
    MAILBOXES = b"MAILBOXES"


_KINDS = {each.value: each for each in SourceKind}
_NAMED = frozenset((SourceKind.SUBTREE, SourceKind.SUBTREE_ONE, SourceKind.MAILBOXES))


@dataclass(frozen=True, slots=True)
class Source:
    kind: SourceKind
    names: tuple[bytes, ...] = ()


SELECTED = (Source(SourceKind.SELECTED),)


@dataclass(frozen=True, slots=True)
class MultiSearch:
    sources: tuple[Source, ...]
    search: Search


@dataclass(frozen=True, slots=True)
class CancelUpdate:
    tags: tuple[bytes, ...]


def parse_esearch(cursor: Cursor) -> MultiSearch:
    """esearch = "ESEARCH" [SP esearch-source-opts] [SP search-return-opts] SP search-program"""
    cursor.space()
    sources: tuple[Source, ...] = SELECTED
    if cursor.skip_word(b"IN"):
        cursor.space()
        sources = _sources(cursor)
        cursor.space()
    returns = parse_returns(cursor) or ALL
    charset = None
    if cursor.skip_word(b"CHARSET"):
        cursor.space()
        charset = cursor.astring().upper()
        cursor.space()
    # RFC 7377 §2.1: numbers mean nothing in mailboxes that are not selected, so UIDs are told.
    return MultiSearch(sources, parse_program(cursor, True, charset, returns))


def _sources(cursor: Cursor) -> tuple[Source, ...]:
    """esearch-source-opts = "IN" SP "(" filter-mailboxes *(SP filter-mailboxes) [SP "(" scope-options ")"] ")" """
    cursor.need(b"(")
    sources: list[Source] = []
    count = 0
    while True:
        kind = _KINDS.get(cursor.keyword())
        if kind is None:
            raise SyntaxFault("Unknown choice of mailboxes")
        names: tuple[bytes, ...] = ()
        if kind in _NAMED:
            cursor.space()
            names = mailbox_names(cursor)
        sources.append(Source(kind, names))
        count += len(names)
        if len(sources) > MAX_SOURCES or count > MAX_NAMES:
            raise SyntaxFault("Too many mailboxes")
        if cursor.skip(b")"):
            return tuple(sources)
        cursor.space()
        if cursor.peek() == b"(":
            raise SyntaxFault("Unknown scope option")  # RFC 7377 §4 defines none


def parse_cancel_update(cursor: Cursor) -> CancelUpdate:
    """ "CANCELUPDATE" 1*(SP quoted)"""
    tags = []
    while True:
        cursor.space()
        tags.append(cursor.astring())
        if len(tags) > MAX_TAGS:
            raise SyntaxFault("Too many tags")
        if cursor.at_end():
            return CancelUpdate(tuple(tags))
