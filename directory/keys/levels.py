"""Who opens the keys of a unit's people: ``sealed``, their passwords alone; ``managed``, the installation's key too.

A unit that says nothing has the level of the one above it; where none does, keys are managed.  Mailboxes of units and
roles are worked in by many and have no password: their keys are managed, whatever the unit's level.

A level holds for somebody from his next sign-in with his password on, which is when it can be carried out.
"""

from __future__ import annotations

from typing import Literal

from sqlalchemy import delete, insert, select

from directory.database import Reading, Writing
from directory.mail.accounts import Account
from directory.record import record
from directory.staff.units import Unit, tree
from directory.tables import account, key_level

Level = Literal["sealed", "managed"]
SEALED: Level = "sealed"
MANAGED: Level = "managed"
LEVELS: tuple[Level, ...] = (SEALED, MANAGED)


def levels(conn: Reading | Writing) -> dict[str, Level]:
    """What units say for themselves, by their ids."""
    return {row.unit_id: row.level for row in conn.execute(select(key_level.c.unit_id, key_level.c.level))}


def level_of_unit(conn: Reading | Writing, unit_id: str | None) -> Level:
    said = levels(conn)
    above = reversed(tree(conn).path(unit_id)) if said and unit_id else ()
    return next((said[unit.id] for unit in above if unit.id in said), MANAGED)


def level_of(conn: Reading | Writing, owner: Account) -> Level:
    if owner.kind != "person":
        return MANAGED
    unit_id = conn.execute(select(account.c.unit_id).where(account.c.id == owner.id)).scalar()
    return level_of_unit(conn, unit_id)


def set_level(conn: Writing, actor: str, unit: Unit, level: Level | None) -> None:
    """None: as the unit above."""
    before = levels(conn).get(unit.id)
    conn.execute(delete(key_level).where(key_level.c.unit_id == unit.id))
    if level is not None:
        conn.execute(insert(key_level), {"unit_id": unit.id, "level": level})
    record(conn, actor, "key.level", unit.name, before=before, after=level)
