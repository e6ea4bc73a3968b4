"""Units taken in: new ones are made, known ones altered from a day on; a parent stands before its children.

Known is a unit by its id, else by its short name, else by its name below the same unit.
"""

from __future__ import annotations

import re
from typing import Any

from directory.database import Writing
from directory.dates import parse_day
from directory.exchange.importing import Change, Difference, Intaking, Taker
from directory.exchange.kinds import UNIT, Row
from directory.exchange.one_row import OneRow, change
from directory.faults import Fault
from directory.staff import unit_changes, unit_types, units
from directory.staff.units import Unit

_ID = re.compile(r"[0-9a-z]{4,16}")


class UnitTaker(Taker):
    kind = UNIT

    def begin(self, conn: Writing, actor: str) -> Intaking:
        return _UnitIntaking(conn, actor)


class _UnitIntaking(OneRow):
    def take_row(self, row: Row) -> Change:
        conn = self.conn
        wanted = {
            "name": row.get("name") or None,
            "short_name": row.get("short_name") or None,
            "type_code": unit_types.find_type(conn, row["type"]) if row.get("type") else None,
            "parent_id": units.tree(conn).find(row["parent"]).id if row.get("parent") else None,
            "agency_code": row.get("agency_code") or None,
            "sort_order": _order(row),
        }
        first = parse_day(row["valid_from"]) if row.get("valid_from") else conn.today
        known = self._known(row)
        if known is None:
            return self._add(row, first, wanted)
        held = {**_held(known), "type_code": known.type}
        found = [
            Difference(name, str(held[name] or ""), str(value))
            for name, value in wanted.items()
            if value is not None and value != held[name]
        ]
        if found:
            unit_changes.alter_unit(
                conn,
                self.actor,
                known.id,
                from_day=max(first, known.valid_from),
                decision=row.get("decision", ""),
                **wanted,  # type: ignore[arg-type]
            )
        return change(False, known.short_name or known.name, found)

    def _known(self, row: Row) -> Unit | None:
        """By id, else by short name, else by name below the same unit."""
        tree = units.tree(self.conn)
        if row.get("id"):
            found = tree.by_id.get(row["id"])
            past = units.versions(self.conn, row["id"]) if found is None else []
            if past:
                raise Fault("unit-closed", unit=past[-1].name, day=past[-1].valid_until)
            return found
        if row.get("short_name"):
            return next((each for each in tree.by_id.values() if each.short_name == row["short_name"]), None)
        above = tree.find(row["parent"]).id if row.get("parent") else None
        return next((each for each in tree.children(above) if each.name == row.get("name")), None)

    def _add(self, row: Row, first: str, wanted: dict[str, Any]) -> Change:
        if row.get("id") and _ID.fullmatch(row["id"]) is None:
            raise Fault("value-invalid", value=row["id"], what="id (lower case letters and digits, at most 16)")
        if wanted["type_code"] is None:
            raise Fault("unit-type-unknown", type="")
        made = unit_changes.add_unit(
            self.conn,
            self.actor,
            name=wanted["name"] or "",
            short_name=wanted["short_name"] or "",
            type_code=wanted["type_code"],
            valid_from=first,
            valid_until=parse_day(row["valid_until"]) if row.get("valid_until") else None,
            parent_id=wanted["parent_id"],
            agency_code=wanted["agency_code"] or "",
            sort_order=wanted["sort_order"] or 0,
            decision=row.get("decision", ""),
            unit_id=row.get("id") or None,
        )
        return Change("added", made.short_name or made.name, (Difference("name", "", made.name),))


def _held(known: Unit) -> dict[str, Any]:
    return {name: getattr(known, name) for name in ("name", "short_name", "parent_id", "agency_code", "sort_order")}


def _order(row: Row) -> int | None:
    given = row.get("order", "")
    if not given:
        return None
    try:
        order = int(given)
    except ValueError:
        raise Fault("value-invalid", value=given, what="order") from None
    if abs(order) >= 1 << 31:
        raise Fault("value-invalid", value=given, what="order")
    return order
