"""SEARCH keys → tests, decided as early as they can be.

A test is put to a message in up to three steps, and stops as soon as the answer is certain:

1. ``sql``: a condition on stored columns that every matching message fulfils.  If ``exact``, it alone decides.
2. ``by_row``: True, False, or None for "not from the columns".
3. ``by_message``: the message's own header or text is read.

``And``, ``Or`` and ``Not`` combine them; None counts as "maybe" (Kleene's three values).

Words are the matter of ``text_criteria``.

Standards: RFC 9051 §6.4.4; RFC 7162 §3.1.5; RFC 8474 §6; RFC 5032 (OLDER, YOUNGER); RFC 8514 §4.3 (save dates).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, func, literal, or_, true
from sqlalchemy import not_ as sql_not

from mailserver.imap import relevance
from mailserver.imap.criterion import Test, everything, nothing
from mailserver.imap.fetch_plan import email_id, thread_id
from mailserver.imap.grammar.search import (
    All,
    And,
    ChangedFrom,
    Contains,
    DateOf,
    Day,
    Flagged,
    Header,
    Key,
    Larger,
    Messages,
    Not,
    ObjectId,
    Or,
    Recent,
    Smaller,
    Within,
)
from mailserver.imap.grammar.syntax import MONTHS
from mailserver.imap.text_criteria import contains, header
from mailserver.store.flags import FIRST_KEYWORD_BIT, system_bit
from mailserver.store.fulltext import Lookup
from mailserver.store.tables import message, placement

_EPOCH = date(1970, 1, 1).toordinal()
_DAY = 86_400
# Later than any date, and if negative, earlier.
_FAR = 1 << 60
# Zones reach from -1200 to +1400: so far can a Date field's own day be from ours.
_ZONES = 15 * 3600
# As many ranges as a statement takes in its stride.
_SQL_RANGES = 200

Ranges = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Context:
    """What keys mean in this session: its keywords, its UIDs, its days; now; what its index knows."""

    keywords: tuple[str, ...]
    uid_ranges: Callable[[Messages], Ranges]
    utc_offset: int
    decode: Callable[[bytes], str]
    now: int
    lookup: Lookup | None = None
    recents: Ranges = ()


def compile_key(key: Key, context: Context) -> Test:
    if isinstance(key, And):
        return _all([compile_key(each, context) for each in key.keys])
    if isinstance(key, Or):
        return _either(compile_key(key.left, context), compile_key(key.right, context))
    if isinstance(key, Not):
        return _not(compile_key(key.key, context))
    return _leaf(key, context)


def _leaf(key: Key, context: Context) -> Test:
    match key:
        case All():
            return everything()
        case Flagged(flag):
            return _flag(flag, context.keywords)
        case Recent():
            return _messages(context.recents)
        case Messages():
            return _messages(context.uid_ranges(key))
        case Contains(where, octets, fuzzy):
            test = relevance.contains if fuzzy else contains
            return test(where, context.decode(octets), context.lookup)
        case Header():
            of_field = relevance.header if key.fuzzy else header
            return of_field(key, context.decode(key.octets), context.lookup)
        case Day():
            return _sent(key, context.utc_offset) if key.of is DateOf.SENT else _stored(key, context.utc_offset)
        case Within():
            return _within(key, context.now)
        case Larger(size):
            return _column(message.c.size > size, "size", lambda row: row.size > size)
        case Smaller(size):
            return _column(message.c.size < size, "size", lambda row: row.size < size)
        case ChangedFrom(modseq):
            return _column(placement.c.modseq >= modseq, "modseq", lambda row: row.modseq >= modseq)
        case ObjectId(thread, value):
            return _thread(value) if thread else _email(value)
    raise TypeError(f"no test for {key!r}")


# Combining


def _all(tests: list[Test]) -> Test:
    conditions = [test.sql for test in tests if test.sql is not None]

    def by_row(row: Any) -> bool | None:
        outcome: bool | None = True
        for test in tests:
            each = test.by_row(row)
            if each is False:
                return False
            if each is None:
                outcome = None
        return outcome

    return Test(
        and_(true(), *conditions) if conditions else None,
        all(test.exact for test in tests),
        by_row,
        # What the row decides comes first: a body is read only for what is left.
        lambda found: all(test.by_message(found) for test in sorted(tests, key=lambda each: each.needs_body)),
        frozenset().union(*(test.columns for test in tests)),
        any(test.needs_body for test in tests),
    )


def _either(left: Test, right: Test) -> Test:
    def by_row(row: Any) -> bool | None:
        one, other = left.by_row(row), right.by_row(row)
        if one or other:
            return True
        return None if one is None or other is None else False

    both = left.sql is not None and right.sql is not None
    return Test(
        or_(left.sql, right.sql) if left.sql is not None and right.sql is not None else None,
        both and left.exact and right.exact,
        by_row,
        lambda found: left.by_message(found) or right.by_message(found),
        left.columns | right.columns,
        left.needs_body or right.needs_body,
    )


def _not(test: Test) -> Test:
    def by_row(row: Any) -> bool | None:
        outcome = test.by_row(row)
        return None if outcome is None else not outcome

    return Test(
        sql_not(test.sql) if test.exact and test.sql is not None else None,
        test.exact,
        by_row,
        lambda found: not test.by_message(found),
        test.columns,
        test.needs_body,
    )


# Columns


def _column(sql: ColumnElement[bool], column: str, decide: Callable[[Any], bool]) -> Test:
    return Test(sql, True, decide, lambda found: decide(found.row), frozenset((column,)))


def _flag(flag: str, keywords: tuple[str, ...]) -> Test:
    bit = system_bit(flag)
    if not bit:
        # Keywords are one in any case (RFC 9051 §2.3.2).
        folded = [keyword.lower() for keyword in keywords]
        if flag.lower() not in folded:
            return nothing()
        bit = 1 << (FIRST_KEYWORD_BIT + folded.index(flag.lower()))
    return _column(placement.c.flags.op("&")(bit) != 0, "flags", lambda row: bool(row.flags & bit))


def _messages(ranges: Ranges) -> Test:
    if not ranges:
        return nothing()
    firsts = [first for first, _ in ranges]

    def holds(uid: int) -> bool:
        place = bisect_right(firsts, uid) - 1
        return place >= 0 and uid <= ranges[place][1]

    if len(ranges) <= _SQL_RANGES:
        condition = or_(*(placement.c.uid.between(first, last) for first, last in ranges))
        return Test(condition, True, lambda row: holds(row.uid), lambda found: holds(found.row.uid))
    span = placement.c.uid.between(ranges[0][0], ranges[-1][1])
    return Test(span, False, lambda row: holds(row.uid), lambda found: holds(found.row.uid))


def _email(value: bytes) -> Test:
    if re.fullmatch(rb"M[1-9]\d{0,17}", value) is None:
        return nothing()
    wanted = int(value[1:])
    return _column(placement.c.message_id == wanted, "message_id", lambda row: email_id(row.message_id) == value)


def _thread(value: bytes) -> Test:
    def decide(row: Any) -> bool:
        return thread_id(row.thread_key) == value

    return Test(None, False, decide, lambda found: decide(found.row), frozenset(("thread_key",)))


# Dates


def _start(day: date, utc_offset: int) -> int:
    """Epoch seconds at which a day begins."""
    return (day.toordinal() - _EPOCH) * _DAY - utc_offset


def _stored(key: Day, utc_offset: int) -> Test:
    """The internal date, or the save date (RFC 8514 §4.3)."""
    if key.of is DateOf.SAVED:
        return _between(key, placement.c.saved_at + utc_offset, lambda row: row.saved_at + utc_offset, "saved_at")
    # As it is shown, whatever the zone (RFC 9051 §6.4.4).
    return _between(
        key,
        placement.c.internal_date + func.coalesce(placement.c.zone * literal(60, BigInteger), utc_offset),
        lambda row: row.internal_date + (utc_offset if row.zone is None else row.zone * 60),
        *("internal_date", "zone"),
    )


def _between(key: Day, column: ColumnElement[Any], local: Callable[[Any], int], *columns: str) -> Test:
    """``column`` and ``local``: seconds since 1970 on a clock of that place."""
    first = -_FAR if key.first is None else _start(key.first, 0)
    end = _FAR if key.end is None else _start(key.end, 0)
    return Test(
        and_(column >= first, column < end),
        True,
        lambda row: first <= local(row) < end,
        lambda found: first <= local(found.row) < end,
        frozenset(columns),
    )


def _within(key: Within, now: int) -> Test:
    column = placement.c.internal_date
    moment = now - key.seconds
    # RFC 5032 §2: both include the very second.
    if key.older:
        return _column(column <= moment, "internal_date", lambda row: bool(row.internal_date <= moment))
    return _column(column >= moment, "internal_date", lambda row: bool(row.internal_date >= moment))


# env-date begins the ENVELOPE: ("Thu, 5 Mar 2026 23:10:00 -0800" …
_ENVELOPE_DATE = re.compile(rb'\("(?:[A-Za-z]{2,9},? +)?(\d{1,2})[ -]+([A-Za-z]{3})[a-z]*[ -]+(\d{4})')


def _sent(key: Day, utc_offset: int) -> Test:
    """The Date field's own day, whatever its zone (RFC 9051 §6.4.4): near the edges its text is looked at."""
    first = None if key.first is None else _start(key.first, 0)
    end = None if key.end is None else _start(key.end, 0)
    column = message.c.sent_at
    conditions: list[ColumnElement[bool]] = [column.is_not(None)]
    if first is not None:
        conditions.append(column >= first - _ZONES)
    if end is not None:
        conditions.append(column < end + _ZONES)

    def decide(row: Any) -> bool:
        sent_at = row.sent_at
        if sent_at is None:
            return False
        far_from = [edge for edge in (first, end) if edge is not None and abs(sent_at - edge) < _ZONES]
        if far_from:
            written = _written_day(row.envelope)
            sent_at = sent_at + utc_offset if written is None else written
        return (first is None or sent_at >= first) and (end is None or sent_at < end)

    return Test(and_(*conditions), False, decide, lambda found: decide(found.row), frozenset(("sent_at", "envelope")))


def _written_day(envelope: bytes) -> int | None:
    """Epoch seconds of the day written in the Date field, as if it were of Greenwich."""
    match = _ENVELOPE_DATE.match(envelope)
    if match is None:
        return None
    try:
        return _start(date(int(match[3]), MONTHS.index(match[2].lower()) + 1, int(match[1])), 0)
    except ValueError:
        return None
