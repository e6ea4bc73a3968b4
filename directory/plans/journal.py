"""Rows as a plan changes them, each with what it was: carried out, kept, and taken back.

Taking back works only while every row still stands as the plan left it; otherwise nothing is touched.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from directory.database import Reading, Writing
from directory.faults import Fault
from directory.tables import metadata, plan_change

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


def carry_out(conn: Writing, changes: Iterable[Change]) -> None:
    """In order; neighbours of one shape go to the database together.  Raises Fault where a row is not as before."""
    for _, group in groupby(changes, key=lambda change: change.shape):
        together = list(group)
        if _write(conn, together) != len(together):
            raise Fault("plan-overtaken", what=", ".join(_stale(conn, together)) or together[0].table)


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


def as_kept(plan_id: str, changes: Iterable[Change]) -> list[dict[str, Any]]:
    """The rows that tell of them."""
    return [
        {
            "plan_id": plan_id,
            "number": number,
            "table_name": change.table,
            "row_key": json.dumps(dict(change.key)),
            "before": _text(change.before),
            "after": _text(change.after),
        }
        for number, change in enumerate(changes, 1)
    ]


def keep(conn: Writing, rows: list[dict[str, Any]]) -> None:
    if rows:
        conn.execute(insert(plan_change), rows)


def kept(conn: Reading | Writing, plan_id: str) -> Iterator[Change]:
    """As they were carried out."""
    statement = select(plan_change).where(plan_change.c.plan_id == plan_id).order_by(plan_change.c.number)
    for row in conn.execute(statement):
        yield Change(
            row.table_name,
            json.loads(row.row_key),
            json.loads(row.before) if row.before is not None else None,
            json.loads(row.after) if row.after is not None else None,
        )


def forget(conn: Writing, plan_id: str) -> None:
    conn.execute(delete(plan_change).where(plan_change.c.plan_id == plan_id))


def _text(row: Row | None) -> str | None:
    """Octets are derived from the rest of their row (sort keys) and are not compared again."""
    if row is None:
        return None
    return json.dumps({column: value for column, value in row.items() if not isinstance(value, bytes)})
