"""Plans of reorganisation."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, String, Table, Text

from directory.tables.columns import Day, Id, fk, metadata

# A reorganisation as it was proposed (its files, word for word) and what became of it.
plan = Table(
    "plan",
    metadata,
    Column("id", Id, primary_key=True),
    Column("title", String(200), nullable=False),
    Column("effective", Day, nullable=False),
    Column("decision", String(100), nullable=False),
    Column("state", String(10), nullable=False),
    Column("source", Text, nullable=False),  # JSON: file name → text
    Column("author", String(100), nullable=False),
    Column("proposed_at", BigInteger, nullable=False),
    Column("approver", String(100), nullable=False),  # empty: nobody yet
    Column("applied_at", BigInteger),
    Column("problem", Text, nullable=False),  # why it could not be applied on its day; empty: nothing
    CheckConstraint(
        "state IN ('proposed', 'approved', 'blocked', 'applied', 'undone', 'withdrawn')",
        name="state",
    ),
    Index(None, "state", "effective"),
    sqlite_with_rowid=False,
)

# Each row that a plan made, changed or removed, in this order: what undoing it goes through backwards.
plan_change = Table(
    "plan_change",
    metadata,
    fk("plan.id", primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("table_name", String(40), nullable=False),
    Column("row_key", Text, nullable=False),  # JSON
    Column("before", Text),  # JSON of what changed; none: the row was made
    Column("after", Text),  # none: the row was removed
    sqlite_with_rowid=False,
)
