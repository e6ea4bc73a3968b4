"""LIST and STATUS: which mailboxes, and what of them.

Standards: RFC 9051 §6.3.9, §6.3.11, RFC 5258 (LIST-EXTENDED), RFC 5819 (LIST-STATUS), RFC 6154 (SPECIAL-USE),
RFC 3501 §6.3.9 (LSUB), RFC 8440 (LIST-MYRIGHTS), RFC 9590 (LIST-METADATA).
Limits: 50 patterns a command.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailserver.imap.grammar.metadata import entries
from mailserver.imap.grammar.syntax import Cursor, SyntaxFault

MAX_PATTERNS = 50

STATUS_ITEMS = frozenset(
    (
        b"MESSAGES",
        b"UIDNEXT",
        b"UIDVALIDITY",
        b"UNSEEN",
        b"DELETED",
        b"SIZE",
        b"RECENT",
        b"HIGHESTMODSEQ",
        b"APPENDLIMIT",
        b"DELETED-STORAGE",
        b"MAILBOXID",
    )
)
_SELECTION = frozenset((b"SUBSCRIBED", b"REMOTE", b"RECURSIVEMATCH", b"SPECIAL-USE"))
_RETURN = frozenset((b"SUBSCRIBED", b"CHILDREN", b"SPECIAL-USE", b"MYRIGHTS"))


@dataclass(frozen=True, slots=True)
class List:
    """``extended`` is the syntax of RFC 5258, in which an empty pattern has no special meaning."""

    reference: bytes
    patterns: tuple[bytes, ...]
    selection: frozenset[bytes] = frozenset()
    returns: frozenset[bytes] = frozenset()
    status: tuple[bytes, ...] = ()
    extended: bool = False
    metadata: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lsub:
    reference: bytes
    pattern: bytes


@dataclass(frozen=True, slots=True)
class Status:
    mailbox: bytes
    items: tuple[bytes, ...]


def parse_list(cursor: Cursor) -> List:
    """list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]"""
    cursor.space()
    selection: frozenset[bytes] = frozenset()
    returns: frozenset[bytes] = frozenset()
    status: tuple[bytes, ...] = ()
    metadata: tuple[str, ...] = ()
    extended = False
    if cursor.peek() == b"(":
        selection = _selection(cursor)
        extended = True
        cursor.space()
    reference = cursor.astring()
    cursor.space()
    if cursor.peek() == b"(":
        patterns = _patterns(cursor)
        extended = True
    else:
        patterns = (cursor.list_mailbox(),)
    if not cursor.at_end():
        cursor.space()
        if not cursor.skip_word(b"RETURN"):
            cursor.fail("RETURN")
        cursor.space()
        returns, status, metadata = _return_options(cursor)
        extended = True
    cursor.end()
    return List(reference, patterns, selection, returns, status, extended, metadata)


def _selection(cursor: Cursor) -> frozenset[bytes]:
    options: set[bytes] = set()
    cursor.need(b"(")
    while not cursor.skip(b")"):
        if options:
            cursor.space()
        option = cursor.keyword()
        if option not in _SELECTION:
            raise SyntaxFault("Unknown LIST selection option")
        options.add(option)
    # RFC 9051 §6.3.9.1: RECURSIVEMATCH only together with an option that selects.
    if b"RECURSIVEMATCH" in options and not options & {b"SUBSCRIBED", b"SPECIAL-USE"}:
        raise SyntaxFault("RECURSIVEMATCH needs another selection option")
    return frozenset(options)


def _patterns(cursor: Cursor) -> tuple[bytes, ...]:
    cursor.need(b"(")
    patterns = [cursor.list_mailbox()]
    while not cursor.skip(b")"):
        cursor.space()
        patterns.append(cursor.list_mailbox())
        if len(patterns) > MAX_PATTERNS:
            raise SyntaxFault("Too many patterns")
    return tuple(patterns)


def _return_options(cursor: Cursor) -> tuple[frozenset[bytes], tuple[bytes, ...], tuple[str, ...]]:
    options = set()
    status: tuple[bytes, ...] = ()
    metadata: tuple[str, ...] = ()
    first = True
    cursor.need(b"(")
    while not cursor.skip(b")"):
        if not first:
            cursor.space()
        first = False
        option = cursor.keyword()
        if option == b"STATUS":
            cursor.space()
            status = _status_items(cursor)
        elif option == b"METADATA":
            cursor.space()
            metadata = entries(cursor)
        elif option in _RETURN:
            options.add(option)
        else:
            raise SyntaxFault("Unknown LIST return option")
    return frozenset(options), status, metadata


def parse_lsub(cursor: Cursor) -> Lsub:
    cursor.space()
    reference = cursor.astring()
    cursor.space()
    pattern = cursor.list_mailbox()
    cursor.end()
    return Lsub(reference, pattern)


def parse_status(cursor: Cursor) -> Status:
    """status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")" """
    cursor.space()
    mailbox = cursor.astring()
    cursor.space()
    items = _status_items(cursor)
    cursor.end()
    return Status(mailbox, items)


def _status_items(cursor: Cursor) -> tuple[bytes, ...]:
    cursor.need(b"(")
    items: dict[bytes, None] = {}
    while True:
        item = cursor.keyword()
        if item not in STATUS_ITEMS:
            raise SyntaxFault("Unknown STATUS item")
        items[item] = None
        if cursor.skip(b")"):
            return tuple(items)
        cursor.space()
