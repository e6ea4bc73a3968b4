"""Units, what they were called and to whom they belonged from one day to another."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table

from directory.tables.columns import Day, Id, fk, metadata

# Kinds of units are data: districts ended on 2025-06-30, special zones began the day after.
unit_type = Table(
    "unit_type",
    metadata,
    Column("code", String(40), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("name_en", String(200), nullable=False),
    Column("valid_from", Day, nullable=False),
    Column("valid_until", Day),
    sqlite_with_rowid=False,
)

unit = Table(
    "unit",
    metadata,
    Column("id", Id, primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# What a unit was called, what it was and to whom it belonged, from one day to another.
unit_version = Table(
    "unit_version",
    metadata,
    fk("unit.id", primary_key=True),
    Column("valid_from", Day, primary_key=True),
    Column("valid_until", Day),
    Column("name", String(300), nullable=False),
    Column("short_name", String(60), nullable=False),
    Column("folded_name", String(400), nullable=False),  # name and short name
    Column("type", String(40), ForeignKey("unit_type.code"), nullable=False),
    Column("parent_id", Id, ForeignKey("unit.id")),
    Column("agency_code", String(40), nullable=False),
    Column("sort_order", Integer, nullable=False),
    Column("decision", String(100), nullable=False),
    Index(None, "parent_id"),
    Index(None, "short_name"),
    sqlite_with_rowid=False,
)

unit_succession = Table(
    "unit_succession",
    metadata,
    Column("old_id", Id, ForeignKey("unit.id"), primary_key=True),
    Column("new_id", Id, ForeignKey("unit.id"), primary_key=True),
    Column("effective", Day, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("decision", String(100), nullable=False),
    CheckConstraint("kind IN ('merge', 'split', 'rename', 'dissolve', 'reparent')", name="kind"),
    Index(None, "new_id"),
    sqlite_with_rowid=False,
)
