"""Entries of units: all of today's, remembered, for they are few.

Standards: RFC 4519 §3.11.
"""

from __future__ import annotations

from operator import attrgetter
from typing import NamedTuple

from directory.database import Reading
from directory.ldap.entries import Entry, Makers, leaf_text
from directory.staff.units import Unit, tree
from directory.words.names import collation_key


class _Found(NamedTuple):
    unit: Unit
    label: str
    above: str | None


_MAKERS: Makers = {
    "uid": attrgetter("unit.id"),
    "ou": lambda found: (found.unit.name, found.unit.short_name, found.unit.agency_code),
    "description": attrgetter("label"),
    "businesscategory": attrgetter("unit.type"),
    "seealso": attrgetter("above"),
}


def unit_entries(conn: Reading) -> dict[str, Entry]:
    """By id."""
    shelf = conn.memory.shelf("ldap units")
    found: dict[str, Entry] | None = shelf.get(conn.today)
    if found is None:
        whole = tree(conn)
        found = shelf[conn.today] = {}
        for unit in whole.by_id.values():
            above = leaf_text(conn, "unit", unit.parent_id) if unit.parent_id in whole.by_id else None
            source = _Found(unit, whole.label(unit.id), above)
            name = leaf_text(conn, "unit", unit.id)
            found[unit.id] = Entry(name, "unit", _MAKERS, source, key=unit.id, order=collation_key(unit.name))
    return found
