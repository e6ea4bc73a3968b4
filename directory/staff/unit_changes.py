"""Changes of units: they begin, are altered from a day on, and end with successors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import bindparam, func, insert, or_, select, update

from directory.database import Question, Reading, Writing
from directory.dates import day_before, days_after
from directory.faults import Fault
from directory.mail.recipients import holds_on
from directory.record import record
from directory.staff.postings import refresh_units
from directory.staff.units import Unit, find_unit, tree, versions
from directory.tables import account, appointment, unit, unit_succession, unit_type, unit_version
from directory.words.names import fold, tidy

_NAMESAKES = Question(
    select(unit_version.c.unit_id).where(
        unit_version.c.short_name == bindparam("short_name"),
        holds_on(unit_version.c.valid_from, unit_version.c.valid_until),
    )
)
_TYPE = Question(
    select(unit_type.c.code, unit_type.c.valid_from, unit_type.c.valid_until).where(
        unit_type.c.code == bindparam("type")
    )
)


def add_unit(
    conn: Writing,
    actor: str,
    *,
    name: str,
    short_name: str,
    type_code: str,
    valid_from: str,
    parent_id: str | None = None,
    agency_code: str = "",
    valid_until: str | None = None,
    sort_order: int = 0,
    decision: str = "",
    unit_id: str | None = None,
) -> Unit:
    """A new unit.  Raises Fault."""
    made = Unit(
        unit_id or conn.new_id(),
        valid_from,
        valid_until,
        _named(name),
        tidy(short_name),
        type_code,
        parent_id,
        agency_code.strip(),
        sort_order,
        decision,
    )
    _check(conn, made, known=False)
    conn.execute(insert(unit), {"id": made.id, "created_at": conn.now})
    _insert_version(conn, made)
    fields = ("name", "short_name", "type", "parent_id", "agency_code", "valid_from", "valid_until")
    after = {field: getattr(made, field) for field in fields if getattr(made, field)}
    record(conn, actor, "unit.add", made.id, after=after, decision=decision)
    return made


def alter_unit(
    conn: Writing,
    actor: str,
    unit_id: str,
    *,
    from_day: str,
    decision: str = "",
    name: str | None = None,
    short_name: str | None = None,
    type_code: str | None = None,
    parent_id: str | None = None,
    agency_code: str | None = None,
    sort_order: int | None = None,
) -> Unit:
    """Rename, re-type or move a unit from a day on; what is None stays.  Raises Fault."""
    past = versions(conn, unit_id)
    if not past:
        raise Fault("unit-unknown", unit=unit_id)
    last = past[-1]
    if last.valid_until is not None and last.valid_until < from_day:
        raise Fault("unit-closed", unit=last.name, day=last.valid_until)
    if from_day < last.valid_from:
        raise Fault("day-order", first=last.valid_from, second=from_day)
    made = replace(
        last,
        valid_from=from_day,
        name=_named(name) if name is not None else last.name,
        short_name=tidy(short_name) if short_name is not None else last.short_name,
        type=type_code or last.type,
        parent_id=parent_id if parent_id is not None else last.parent_id,
        agency_code=agency_code if agency_code is not None else last.agency_code,
        sort_order=sort_order if sort_order is not None else last.sort_order,
        decision=decision,
    )
    _check(conn, made, known=True)
    this_version = (unit_version.c.unit_id == unit_id) & (unit_version.c.valid_from == last.valid_from)
    if from_day == last.valid_from:
        # a version of the same day is corrected, not followed
        conn.execute(update(unit_version).where(this_version).values(**version_columns(made)))
    else:
        conn.execute(update(unit_version).where(this_version).values(valid_until=day_before(from_day)))
        _insert_version(conn, made)
    changed = [
        field
        for field in ("name", "short_name", "type", "parent_id", "agency_code", "sort_order")
        if getattr(made, field) != getattr(last, field)
    ]
    record(
        conn,
        actor,
        "unit.alter",
        unit_id,
        from_day=from_day,
        decision=decision,
        before={field: getattr(last, field) for field in changed},
        after={field: getattr(made, field) for field in changed},
    )
    refresh_units(conn, [unit_id])
    return made


def close_unit(
    conn: Writing,
    actor: str,
    unit_id: str,
    *,
    last_day: str,
    successors: Iterable[str] = (),
    kind: str = "dissolve",
    decision: str = "",
    force: bool = False,
) -> None:
    """End a unit on a day and say who follows it.

    Without ``force`` it must be empty by then: no officials, no units below, no open mailboxes.  Raises
    Fault.
    """
    found = find_unit(conn, unit_id)
    if found.valid_until is not None and found.valid_until < conn.today:
        raise Fault("unit-closed", unit=found.name, day=found.valid_until)
    if last_day < found.valid_from:
        raise Fault("day-order", first=found.valid_from, second=last_day)
    followers = list(successors)
    left = 0 if force else occupants(conn, found.id, last_day)
    if left:
        raise Fault("unit-occupied", unit=found.name, count=left)
    conn.execute(
        update(unit_version)
        .where(unit_version.c.unit_id == found.id, unit_version.c.valid_from == found.valid_from)
        .values(valid_until=last_day)
    )
    for follower in followers:
        add_succession(conn, found.id, follower, effective=days_after(last_day, 1), kind=kind, decision=decision)
    record(
        conn,
        actor,
        "unit.close",
        found.id,
        name=found.name,
        last_day=last_day,
        successors=followers,
        kind=kind,
        decision=decision,
    )


def add_succession(conn: Writing, old_id: str, new_id: str, *, effective: str, kind: str, decision: str = "") -> None:
    conn.execute(
        insert(unit_succession),
        {"old_id": old_id, "new_id": new_id, "effective": effective, "kind": kind, "decision": decision},
    )


def occupants(conn: Reading | Writing, unit_id: str, day: str) -> int:
    """Officials, units and mailboxes that would be left in the unit after a day."""
    open_after = [
        select(func.count())
        .select_from(appointment)
        .where(
            appointment.c.unit_id == unit_id,
            or_(appointment.c.valid_until.is_(None), appointment.c.valid_until > day),
        ),
        select(func.count())
        .select_from(unit_version)
        .where(
            unit_version.c.parent_id == unit_id,
            or_(unit_version.c.valid_until.is_(None), unit_version.c.valid_until > day),
        ),
        select(func.count())
        .select_from(account)
        .where(account.c.unit_id == unit_id, account.c.kind == "unit", account.c.status != "closed"),
    ]
    return sum(int(conn.execute(statement).scalar_one()) for statement in open_after)


def _named(name: str) -> str:
    name = tidy(name)
    if not name:
        raise Fault("name-empty")
    return name


def _check(conn: Writing, made: Unit, *, known: bool) -> None:
    for what, text, limit in (
        ("name", made.name, 300),
        ("short_name", made.short_name, 60),
        ("agency_code", made.agency_code, 40),
        ("decision", made.decision, 100),
    ):
        if len(text) > limit:
            raise Fault("text-long", what=what, limit=limit)
    if made.valid_until is not None and made.valid_until < made.valid_from:
        raise Fault("day-order", first=made.valid_from, second=made.valid_until)
    row = conn.row(_TYPE, type=made.type)
    if row is None:
        raise Fault("unit-type-unknown", type=made.type)
    _, type_from, type_until = row
    if made.valid_from < type_from or (type_until is not None and made.valid_from > type_until):
        raise Fault("unit-type-not-valid", type=made.type, day=made.valid_from)
    if made.parent_id is not None:
        if not versions(conn, made.parent_id):
            raise Fault("unit-unknown", unit=made.parent_id)
        # a new unit has nothing below it yet
        if known and any(above.id == made.id for above in tree(conn, made.valid_from).path(made.parent_id)):
            raise Fault("unit-cycle", unit=made.name)
    if made.short_name:
        namesakes = conn.rows(_NAMESAKES, short_name=made.short_name, today=made.valid_from)
        if any(other != made.id for (other,) in namesakes):
            raise Fault("unit-exists", unit=made.short_name)


def version_columns(made: Unit) -> dict[str, Any]:
    return {
        "unit_id": made.id,
        "valid_from": made.valid_from,
        "valid_until": made.valid_until,
        "name": made.name,
        "short_name": made.short_name,
        "folded_name": fold(f"{made.name} {made.short_name}")[:400],
        "type": made.type,
        "parent_id": made.parent_id,
        "agency_code": made.agency_code,
        "sort_order": made.sort_order,
        "decision": made.decision,
    }


def _insert_version(conn: Writing, made: Unit) -> None:
    conn.execute(insert(unit_version), version_columns(made))
