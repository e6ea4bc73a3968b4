"""Completion: what the sender means by the few letters typed so far.

Any word of a name by its beginning, in any order (``an ngu``), initials (``nva``), the address, a unit's
short name; for heads of section and above also title and unit (``chủ tịch sài gòn``).  Marks may be left out;
where they are typed, what has exactly these comes first.

The index is in the order of showing, so a common word costs no sorting; of several words the rarest leads and
the others are looked up per entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import bindparam, exists, func, select

from directory.addresses import normalise
from directory.database import Question, Reading, Writing
from directory.names import fold, tidy, words
from directory.search_index import MAX_WORD, written
from directory.tables import account, mail_group, search_entry, search_word

MAX_WORDS = 5
# An estimate needs to tell rare from common only.
_COUNTED = 5_000
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Suggestion:
    name: str
    address: str
    title: str
    unit: str
    kind: Literal["person", "unit", "group"]


def _prefix(column: Any, number: int) -> Any:
    return (column >= bindparam(f"low{number}")) & (column < bindparam(f"high{number}"))


def _matching(count: int) -> Question:
    statement = select(search_word.c.entry_id).where(_prefix(search_word.c.word, 0))
    for number in range(1, count):
        other = search_word.alias(f"w{number}")
        statement = statement.where(
            exists().where(other.c.entry_id == search_word.c.entry_id, _prefix(other.c.word, number))
        )
    return Question(
        statement.order_by(search_word.c.word, search_word.c.rank, search_word.c.entry_id).limit(
            bindparam("limit", type_=search_word.c.entry_id.type)
        )
    )


_MATCHING = {count: _matching(count) for count in range(1, MAX_WORDS + 1)}
_FREQUENCY = Question(
    select(func.count()).select_from(
        select(search_word.c.entry_id).where(_prefix(search_word.c.word, 0)).limit(_COUNTED).subquery()
    )
)
_BY_ADDRESS = Question(
    select(search_entry.c.id)
    .where(_prefix(search_entry.c.address, 0))
    .order_by(search_entry.c.address)
    .limit(bindparam("limit", type_=search_entry.c.id.type))
)


def complete(conn: Reading | Writing, text: str, limit: int = 10) -> list[Suggestion]:
    """At most ``limit`` suggestions, best first."""
    text = tidy(text[:200])
    if "@" in text:
        low = normalise(text)
        entries = [entry for (entry,) in conn.rows(_BY_ADDRESS, low0=low, high0=low + _LAST, limit=limit)]
        return _suggestions(conn, entries)[:limit]
    typed = list(dict.fromkeys(word[:MAX_WORD] for word in words(written(text))))[:MAX_WORDS]
    if not typed:
        return []
    folded = list(dict.fromkeys(fold(word) for word in typed))
    entries = []
    if typed != folded:
        entries = _entries(conn, typed, 2 * limit)
    if len(entries) < limit:
        entries += _entries(conn, folded, 2 * limit)
    found = _suggestions(conn, list(dict.fromkeys(entries)))
    exact = set(typed)
    found.sort(key=lambda suggestion: _misses(suggestion, exact))
    return found[:limit]


def _misses(suggestion: Suggestion, typed: set[str]) -> int:
    """How many typed words are not whole words of the name as written; sorting by it keeps equal ones in
    order.
    """
    return len(typed - set(words(written(suggestion.name))))


def _entries(conn: Reading | Writing, typed: Sequence[str], limit: int) -> list[int]:
    ordered = list(typed)
    if len(ordered) > 1:
        ordered.sort(key=lambda word: _frequency(conn, word))
    ranges: dict[str, Any] = {}
    for number, word in enumerate(ordered):
        ranges[f"low{number}"], ranges[f"high{number}"] = word, word + _LAST
    # an entry may match by several of its words
    rows = conn.rows(_MATCHING[len(ordered)], limit=limit + limit // 2, **ranges)
    return list(dict.fromkeys(entry for (entry,) in rows))[:limit]


def _frequency(conn: Reading | Writing, word: str) -> int:
    shelf = conn.memory.shelf("word frequencies")
    known: int | None = shelf.get(word)
    if known is None:
        row = conn.row(_FREQUENCY, low0=word, high0=word + _LAST)
        known = shelf[word] = int(row[0]) if row else 0
    return known


def _suggestions(conn: Reading | Writing, entries: list[int]) -> list[Suggestion]:
    """In the order of ``entries``."""
    if not entries:
        return []
    statement = (
        select(
            search_entry.c.id,
            search_entry.c.kind,
            search_entry.c.address,
            account.c.name,
            account.c.title,
            account.c.unit_name,
            mail_group.c.name.label("group_name"),
        )
        .outerjoin(account, account.c.id == search_entry.c.subject_id)
        .outerjoin(mail_group, mail_group.c.id == search_entry.c.subject_id)
        .where(search_entry.c.id.in_(entries))
    )
    found = {
        row.id: Suggestion(
            row.name if row.name is not None else row.group_name or "",
            row.address,
            row.title or "",
            row.unit_name or "",
            row.kind,
        )
        for row in conn.execute(statement)
    }
    return [found[entry] for entry in entries if entry in found]
