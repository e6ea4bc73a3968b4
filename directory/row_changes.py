"""Rows as an operation changes them, each with what it was: carried out, written down, and taken back.

Taking back works only while every row still stands as the operation left it; otherwise nothing is touched.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from directory.database import Writing
from directory.faults import Fault
from directory.tables import metadata

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One row.  Without ``before`` it is made, without ``after`` removed; otherwise both name what changes."""

    table: str
    key: Row
    before: Row | None
    after: Row | None

    @property
    def shape(self) -> tuple[str, tuple[str, ...], tuple[str, ...] | None, tuple[str, ...] | None]:
        before = tuple(self.before) if self.before is not None else None
        return self.table, tuple(self.key), before, tuple(self.after) if self.after is not None else None

    def reversed(self) -> Change:
        return Change(self.table, self.key, self.after, self.before)


def made(table: str, key: tuple[str, ...], row: Row) -> Change:
    return Change(table, {column: row[column] for column in key}, None, row)


def carry_out(conn: Writing, changes: Iterable[Change], *, overtaken: str = "plan-overtaken") -> None:
    """In order; neighbours of one shape go to the database together.  Raises Fault (``overtaken``) where a row is not
    as before.
    """
    for _, group in groupby(changes, key=lambda change: change.shape):
        together = list(group)
        if _write(conn, together) != len(together):
            raise Fault(overtaken, what=", ".join(_stale(conn, together)) or together[0].table)


def _write(conn: Writing, changes: list[Change]) -> int:
    first = changes[0]
    table = metadata.tables[first.table]
    if first.before is None:
        assert first.after is not None
        conn.execute(insert(table), [dict(change.after or {}) for change in changes])
        return len(changes)
    conditions = [table.c[column] == bindparam(f"key_{column}") for column in first.key]
    conditions += [
        table.c[column].is_not_distinct_from(bindparam(f"old_{column}", type_=table.c[column].type))
        for column in first.before
    ]
    parameters = [
        {f"key_{column}": value for column, value in change.key.items()}
        | {f"old_{column}": value for column, value in (change.before or {}).items()}
        | {f"new_{column}": value for column, value in (change.after or {}).items()}
        for change in changes
    ]
    if first.after is None:
        return conn.execute(delete(table).where(*conditions), parameters).rowcount
    values = {column: bindparam(f"new_{column}", type_=table.c[column].type) for column in first.after}
    return conn.execute(update(table).where(*conditions).values(**values), parameters).rowcount


def _stale(conn: Writing, changes: list[Change]) -> list[str]:
    """The first rows that are neither as they should have been nor as this transaction made them."""
    found: list[str] = []
    for change in changes:
        table = metadata.tables[change.table]
        conditions = [table.c[column] == value for column, value in change.key.items()]
        wanted = change.after if change.after is not None else {}
        row = conn.execute(select(table).where(*conditions)).mappings().first()
        as_made = row is not None and all(row[column] == value for column, value in wanted.items())
        if (row is None) != (change.after is None) or not as_made:
            found.append(f"{change.table} {' '.join(str(value) for value in change.key.values())}")
            if len(found) == 5:
                break
    return found


def text_of_row(row: Row | None) -> str | None:
    """Octets are derived from the rest of their row (sort keys) and are not compared again."""
    return None if row is None else json.dumps(_plain(row))


def _plain(row: Row | None) -> Row | None:
    return None if row is None else {column: value for column, value in row.items() if not isinstance(value, bytes)}


def as_text(changes: Iterable[Change]) -> str:
    """A few changes in one text."""
    return json.dumps(
        [[change.table, dict(change.key), _plain(change.before), _plain(change.after)] for change in changes]
    )


def from_text(text: str) -> list[Change]:
    return [Change(*found) for found in json.loads(text or "[]")]
