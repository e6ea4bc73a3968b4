"""Messages in the order of sort criteria.

The database sorts where it can; the display names of RFC 5957, and few messages of many, are sorted here.

Standards: RFC 5256 §3; RFC 5957 §3, §4; RFC 5255 §4.3 (I18NLEVEL=1: texts by i;unicode-casemap);
RFC 6203 §6 (the most relevant first).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from types import MappingProxyType
from typing import Any

from mailserver.imap.grammar.sort import Criterion, SortKey
from mailserver.imap.selected import SelectedMailbox
from mailserver.message.encoded_words import decode_words
from mailserver.message.subject import casemap
from mailserver.store import Store, ordering
from mailserver.store.reading import as_ranges

_COLUMNS: dict[SortKey, str] = {
    SortKey.ARRIVAL: "internal_date",
    SortKey.CC: "sort_cc",
    SortKey.DATE: "sent",
    SortKey.DISPLAYFROM: "envelope",
    SortKey.DISPLAYTO: "envelope",
    SortKey.FROM: "sort_from",
    SortKey.RELEVANCY: "uid",
    SortKey.SIZE: "size",
    SortKey.SUBJECT: "base_subject",
    SortKey.TO: "sort_to",
}
# Where an address list stands in ENVELOPE (RFC 9051 §7.5.2).
_PLACES = {SortKey.DISPLAYFROM: 2, SortKey.DISPLAYTO: 5}
_SORTED_HERE = frozenset((*_PLACES, SortKey.RELEVANCY))
_NONE: Mapping[int, int] = MappingProxyType({})


def ordered(
    store: Store,
    view: SelectedMailbox,
    criteria: Sequence[Criterion],
    found: Sequence[int],
    *,
    are_all: bool = False,
    scores: Mapping[int, int] = _NONE,
) -> list[int]:
    """The messages by the criteria, then by UID.  ``found`` ascends; those that are gone are left out.

    ``are_all``: no other messages lie between them.  ``scores`` are for RELEVANCY.
    """
    if not found:
        return []
    if len(found) * 4 >= view.count and not any(key in _SORTED_HERE for key, _ in criteria):
        uids = _sorted_there(store, view.mailbox_id, criteria, (found[0], found[-1]))
        if are_all:
            return uids
        wanted = set(found)
        return [uid for uid in uids if uid in wanted]
    return _sorted_here(store, view.mailbox_id, criteria, as_ranges(found), scores)


def ordered_below(store: Store, mailbox_id: int, criteria: Sequence[Criterion], uid_next: int) -> list[int]:
    """All messages below a UID."""
    stretch = (1, uid_next - 1)
    if any(key in _SORTED_HERE for key, _ in criteria):
        return _sorted_here(store, mailbox_id, criteria, [stretch])
    return _sorted_there(store, mailbox_id, criteria, stretch)


def _sorted_there(store: Store, mailbox_id: int, criteria: Sequence[Criterion], stretch: tuple[int, int]) -> list[int]:
    columns = [(_COLUMNS[key], reverse) for key, reverse in criteria]
    with store.read() as connection:
        return ordering.sorted_uids(connection, mailbox_id, columns, [stretch])


def _sorted_here(
    store: Store,
    mailbox_id: int,
    criteria: Sequence[Criterion],
    ranges: Sequence[tuple[int, int]],
    scores: Mapping[int, int] = _NONE,
) -> list[int]:
    rows = keys_of(store, mailbox_id, criteria, ranges, scores)
    # One key after the other, the last first: each sort keeps the order of the one before among equals.
    for place, (_, reverse) in reversed(list(enumerate(criteria, 1))):
        rows.sort(key=itemgetter(place), reverse=reverse)
    return [row[0] for row in rows]


def keys_of(
    store: Store,
    mailbox_id: int,
    criteria: Sequence[Criterion],
    ranges: Sequence[tuple[int, int]],
    scores: Mapping[int, int] = _NONE,
) -> list[tuple[Any, ...]]:
    """Tuples (uid, key, …), by UID; keys compare as their criterion says."""
    columns = [_COLUMNS[key] for key, _ in criteria]
    makers = [
        (lambda uid: -scores.get(uid, 0)) if key is SortKey.RELEVANCY else _MAKERS.get(key) for key, _ in criteria
    ]
    with store.read() as connection:
        rows: Iterable[Any] = ordering.keys_of(connection, mailbox_id, columns, ranges)
        if not any(makers):
            return [tuple(row) for row in rows]
        return [
            (row[0], *(value if make is None else make(value) for make, value in zip(makers, row[1:], strict=True)))
            for row in rows
        ]


# Display names

_TOKEN = re.compile(rb'\(|\)|NIL|"((?:[^"\\]|\\.)*+)"|\{(\d+)\}\r\n', re.DOTALL)
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)


def display_key(envelope: bytes, place: int) -> str:
    """The sort value of the first address of a list in ENVELOPE (RFC 5957 §3)."""
    name, mailbox, host = _first_address(envelope, place)
    shown = decode_words(name.decode("latin-1")) if name else ""
    if shown:
        return _casemap(shown)
    if mailbox is None:
        return ""
    return _casemap((mailbox if host is None else mailbox + b"@" + host).decode("latin-1"))


_casemap = lru_cache(maxsize=4096)(casemap)
_MAKERS: dict[SortKey, Any] = {
    key: (lambda envelope, place=place: display_key(envelope, place)) for key, place in _PLACES.items()
}
Text = bytes | None


def _first_address(envelope: bytes, place: int) -> tuple[Text, Text, Text]:
    """(addr-name, addr-mailbox, addr-host) of the first address of the list at this place."""
    depth = items = at = 0
    strings: list[Text] = []
    while match := _TOKEN.search(envelope, at):
        token, at = match[0], match.end()
        if token == b"(":
            depth += 1
            continue
        value: Text = None
        if token == b")":
            depth -= 1
            if depth == 2 and items == place:
                break  # of its first address
        elif match[2] is not None:
            end = at + int(match[2])
            value, at = envelope[at:end], end
        elif match[1] is not None:
            value = _ESCAPE.sub(rb"\1", match[1])
        if depth == 3 and items == place and token != b")":
            strings.append(value)
        if depth == 1:
            if items == place:
                break  # NIL: no address
            items += 1
    if len(strings) != 4:
        return None, None, None
    return strings[0], strings[2], strings[3]
