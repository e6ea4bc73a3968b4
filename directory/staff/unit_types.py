"""Kinds of units, which are data: districts ended on 2025-06-30, special zones began the day after."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, select, update

from directory.database import Reading, Writing
from directory.faults import Fault
from directory.record import record
from directory.tables import unit_type
from directory.words.names import fold, tidy


def types(conn: Reading | Writing) -> list[dict[str, Any]]:
    return [dict(row) for row in conn.execute(select(unit_type).order_by(unit_type.c.code)).mappings()]


def find_type(conn: Reading | Writing, key: str) -> str:
    """The code of a kind of unit, by code or by its name in either language.  Raises Fault."""
    known = types(conn)
    for column in ("code", "name", "name_en"):
        for row in known:
            if fold(row[column]) == fold(tidy(key)):
                return str(row["code"])
    raise Fault("unit-type-unknown", type=key)


def define_type(
    conn: Writing, actor: str, code: str, name: str, name_en: str, valid_from: str, valid_until: str | None = None
) -> None:
    """Make or correct a kind of unit."""
    known = conn.execute(select(unit_type).where(unit_type.c.code == code)).mappings().first()
    before = {str(column): value for column, value in known.items() if column != "code"} if known else None
    values = {"name": name, "name_en": name_en, "valid_from": valid_from, "valid_until": valid_until}
    record(conn, actor, "unit-type.define", code, before=before, after=values)
    if not conn.execute(update(unit_type).where(unit_type.c.code == code).values(**values)).rowcount:
        conn.execute(insert(unit_type), {"code": code, **values})
