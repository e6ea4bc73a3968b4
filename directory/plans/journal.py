"""What a plan changed, kept beside it row by row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import delete, insert, select

from directory.database import Reading, Writing
from directory.row_changes import Change, text_of_row
from directory.tables import plan_change


def as_kept(plan_id: str, changes: Iterable[Change]) -> list[dict[str, Any]]:
    """The rows that tell of them."""
    return [
        {
            "plan_id": plan_id,
            "number": number,
            "table_name": change.table,
            "row_key": json.dumps(dict(change.key)),
            "before": text_of_row(change.before),
            "after": text_of_row(change.after),
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
