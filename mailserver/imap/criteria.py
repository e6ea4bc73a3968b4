"""SEARCH keys → tests, decided as early as they can be.

A test is put to a message in up to three steps, and stops as soon as the answer is certain:

1. ``sql``: a condition on stored columns that every matching message fulfils.  If ``exact``, it alone decides.
2. ``by_row``: True, False, or None for "not from the columns".
3. ``by_message``: the message's own header or text is read.

``And``, ``Or`` and ``Not`` combine them; None counts as "maybe" (Kleene's three values).

Text is compared as the whole product does (``directory.names.fold``): a word without marks finds every spelling, a
word with marks only its own.

Standards: RFC 9051 §6.4.4; RFC 7162 §3.1.5; RFC 8474 §6; RFC 5032 (OLDER, YOUNGER); RFC 8514 §4.3 (save dates).
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, or_, true
from sqlalchemy import not_ as sql_not

from directory.names import fold
from mailserver.imap.fetch_plan import email_id, thread_id
from mailserver.imap.found import FoundMessage
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
    Smaller,
    Where,
    Within,
)
from mailserver.imap.grammar.syntax import MONTHS
from mailserver.message.summary import SEARCH_LIMIT, TEXT_LIMIT
from mailserver.store.flags import FIRST_KEYWORD_BIT, system_bit
from mailserver.store.tables import message, placement

_EPOCH = date(1970, 1, 1).toordinal()
_DAY = 86_400
# Zones reach from -1200 to +1400: so far can a Date field's own day be from ours.
_ZONES = 15 * 3600
# As many ranges as a statement takes in its stride.
_SQL_RANGES = 200

ByRow = Callable[[Any], bool | None]
ByMessage = Callable[[FoundMessage], bool]
Ranges = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Test:
    sql: ColumnElement[bool] | None
    exact: bool
    by_row: ByRow
    by_message: ByMessage
    columns: frozenset[str] = frozenset()
    needs_body: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """What keys mean in this session: its keywords, its UIDs, its days; now."""

    keywords: tuple[str, ...]
    uid_ranges: Callable[[Messages], Ranges]
    utc_offset: int
    decode: Callable[[bytes], str]
    now: int


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
            return Test(true(), True, lambda row: True, lambda found: True)
        case Flagged(flag):
            return _flag(flag, context.keywords)
        case Messages():
            return _messages(context.uid_ranges(key))
        case Contains(where, octets):
            return _contains(where, context.decode(octets))
        case Header(field, octets):
            return _header(field.decode("latin-1"), context.decode(octets))
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


def _nothing() -> Test:
    return Test(false(), True, lambda row: False, lambda found: False)


def _flag(flag: str, keywords: tuple[str, ...]) -> Test:
    bit = system_bit(flag)
    if not bit:
        # Keywords are one in any case (RFC 9051 §2.3.2).
        folded = [keyword.lower() for keyword in keywords]
        if flag.lower() not in folded:
            return _nothing()
        bit = 1 << (FIRST_KEYWORD_BIT + folded.index(flag.lower()))
    return _column(placement.c.flags.op("&")(bit) != 0, "flags", lambda row: bool(row.flags & bit))


def _messages(ranges: Ranges) -> Test:
    if not ranges:
        return _nothing()
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
        return _nothing()
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
    name = "saved_at" if key.of is DateOf.SAVED else "internal_date"
    column = placement.c[name]
    date_of = attrgetter(name)
    if key.first is not None and key.end is not None:
        first, end = _start(key.first, utc_offset), _start(key.end, utc_offset)
        return _column(and_(column >= first, column < end), name, lambda row: first <= date_of(row) < end)
    if key.first is not None:
        since = _start(key.first, utc_offset)
        return _column(column >= since, name, lambda row: bool(date_of(row) >= since))
    assert key.end is not None
    before = _start(key.end, utc_offset)
    return _column(column < before, name, lambda row: bool(date_of(row) < before))


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


# Text


def text_test(word: str) -> Callable[[str], bool]:
    """Whether a text holds a word: as folded if the word has no marks, else as written in any case."""
    word = unicodedata.normalize("NFC", word)
    folded = fold(word)
    exact = word.casefold()
    if folded != exact:
        return lambda text: not text.isascii() and exact in unicodedata.normalize("NFC", text).casefold()
    if not folded.isascii():
        return lambda text: folded in fold(text)
    stripped = folded.encode("ascii")

    def holds(text: str) -> bool:
        if text.isascii():
            return folded in text.lower()
        # What folding leaves of ASCII letters, by way of C: three times faster, and only ever too generous.
        rough = unicodedata.normalize("NFD", text.casefold().replace("đ", "d")).encode("ascii", "ignore")
        return stripped in rough and folded in fold(text)

    return holds


def _like(word: str) -> ColumnElement[bool]:
    """A necessary condition for a word in subject, names or addresses; a column cut short proves nothing."""
    escaped = fold(word).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return or_(
        message.c.search_text.like(f"%{escaped}%", escape="\\"), func.length(message.c.search_text) >= SEARCH_LIMIT
    )


def _contains(where: Where, word: str) -> Test:
    if not word:
        return Test(true(), True, lambda row: True, lambda found: True)  # the empty string is in every text
    holds = text_test(word)
    if where is Where.TEXT:
        return Test(None, False, _unknown, lambda found: found.has_text(holds), needs_body=True)
    if where is Where.BODY:
        return Test(None, False, _unknown, lambda found: found.has_body_text(holds), needs_body=True)
    field = where.value

    def by_message(found: FoundMessage) -> bool:
        return any(holds(value) for value in found.field(field))

    if where is Where.SUBJECT:
        return Test(
            _like(word),
            False,
            lambda row: None if len(row.subject) >= TEXT_LIMIT else holds(row.subject),
            by_message,
            frozenset(("subject",)),
        )
    if where is Where.FROM:
        # Only the first author is in the columns: what is not there may be in the field.
        return Test(
            _like(word),
            False,
            lambda row: holds(f"{row.author_name} <{row.author_address}>") or None,
            by_message,
            frozenset(("author_name", "author_address")),
        )
    if where is Where.TO:
        return Test(_like(word), False, lambda row: holds(row.to_text) or None, by_message, frozenset(("to_text",)))
    return Test(_like(word), False, _unknown, by_message)


def _unknown(row: Any) -> bool | None:
    return None


def _header(field: str, word: str) -> Test:
    if field == "subject" and word:
        return _contains(Where.SUBJECT, word)
    holds = text_test(word) if word else lambda text: True
    return Test(None, False, _unknown, lambda found: any(holds(value) for value in found.field(field)))
