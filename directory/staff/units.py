"""Units of the city: an opaque identity, and dated versions of name, type, parent and agency code.

A reorganisation never rewrites the past: a renamed, moved or re-typed unit gets a new version from a day on;
a closed one stays readable and points to its successors.  ``UnitTree`` is the whole tree of one day (some
thousand units), loaded at once and remembered.

Standards: QCVN 102:2016/BTTTT (agency codes, kept as text: their form has changed before).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import bindparam, or_, select

from directory.database import Question, Reading, Writing
from directory.faults import Fault
from directory.mail.recipients import holds_on
from directory.staff.postings import unit_label
from directory.tables import unit_succession, unit_version
from directory.words.names import fold, tidy


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as it is from one day to another."""

    id: str
    valid_from: str
    valid_until: str | None
    name: str
    short_name: str
    type: str
    parent_id: str | None
    agency_code: str
    sort_order: int
    decision: str


@dataclass(frozen=True, slots=True)
class Succession:
    """What came of a unit, from a day on: the first after the old one's last, where that ends."""

    old_id: str
    new_id: str
    effective: str
    kind: str
    decision: str


_COLUMNS = (
    unit_version.c.unit_id,
    unit_version.c.valid_from,
    unit_version.c.valid_until,
    unit_version.c.name,
    unit_version.c.short_name,
    unit_version.c.type,
    unit_version.c.parent_id,
    unit_version.c.agency_code,
    unit_version.c.sort_order,
    unit_version.c.decision,
)
_ON_DAY = Question(
    select(*_COLUMNS)
    .where(holds_on(unit_version.c.valid_from, unit_version.c.valid_until))
    .order_by(unit_version.c.sort_order, unit_version.c.folded_name, unit_version.c.unit_id)
)
_VERSIONS = Question(
    select(*_COLUMNS).where(unit_version.c.unit_id == bindparam("unit")).order_by(unit_version.c.valid_from)
)
_SUCCESSIONS = Question(
    select(
        unit_succession.c.old_id,
        unit_succession.c.new_id,
        unit_succession.c.effective,
        unit_succession.c.kind,
        unit_succession.c.decision,
    )
    .where(or_(unit_succession.c.old_id == bindparam("unit"), unit_succession.c.new_id == bindparam("unit")))
    .order_by(unit_succession.c.effective)
)
_NAMED = Question(
    select(*_COLUMNS)
    .where(or_(unit_version.c.short_name == bindparam("key"), unit_version.c.name == bindparam("key")))
    .order_by(unit_version.c.valid_from)
)


class UnitTree:
    """The units of one day."""

    def __init__(self, units: Iterable[Unit]) -> None:
        self.by_id = {found.id: found for found in units}
        self._by_key: dict[str, list[str]] = defaultdict(list)
        self._children: dict[str | None, list[Unit]] = defaultdict(list)
        for found in self.by_id.values():
            for key in {fold(found.short_name), found.agency_code.lower(), fold(found.name)} - {""}:
                self._by_key[key].append(found.id)
            parent = found.parent_id if found.parent_id in self.by_id else None
            self._children[parent].append(found)

    def find(self, key: str) -> Unit:
        """By id, short name, agency code or full name, in this order of trust.  Raises Fault."""
        if key in self.by_id:
            return self.by_id[key]
        candidates = self._by_key.get(fold(tidy(key))) or self._by_key.get(key.strip().lower()) or []
        if len(candidates) == 1:
            return self.by_id[candidates[0]]
        if not candidates:
            raise Fault("unit-unknown", unit=key)
        exact = [found for found in candidates if self.by_id[found].short_name == key]
        if len(exact) == 1:
            return self.by_id[exact[0]]
        raise Fault("unit-ambiguous", unit=key, candidates=", ".join(sorted(candidates)))

    def children(self, unit_id: str | None) -> list[Unit]:
        """Directly below; of None: the topmost."""
        return list(self._children.get(unit_id, ()))

    def subtree(self, unit_id: str) -> Iterator[Unit]:
        """The unit and everything below it, each parent before its children."""
        waiting = [unit_id]
        seen = set()
        while waiting:
            current = waiting.pop()
            if current in seen or current not in self.by_id:
                continue
            seen.add(current)
            yield self.by_id[current]
            waiting.extend(child.id for child in reversed(self._children.get(current, ())))

    def label(self, unit_id: str) -> str:
        """How people write it: a division with the body it belongs to, but never the city itself."""
        path = self.path(unit_id)
        return unit_label(path[-1].name, path[-2].name if len(path) > 2 else None) if path else ""

    def path(self, unit_id: str) -> list[Unit]:
        """From the top down to the unit."""
        path: list[Unit] = []
        current: str | None = unit_id
        while current in self.by_id and len(path) < 50:
            path.append(self.by_id[current])
            current = self.by_id[current].parent_id
        return path[::-1]


def tree(conn: Reading | Writing, day: str | None = None) -> UnitTree:
    """The units of a day; of today without one."""
    day = day or conn.today
    shelf = conn.memory.shelf("unit trees")
    found: UnitTree | None = shelf.get(day)
    if found is None:
        found = shelf[day] = UnitTree(Unit(*row) for row in conn.rows(_ON_DAY, today=day))
    return found


def versions(conn: Reading | Writing, unit_id: str) -> list[Unit]:
    """What the unit was, is and will be, oldest first."""
    return [Unit(*row) for row in conn.rows(_VERSIONS, unit=unit_id)]


def find_unit(conn: Reading | Writing, key: str) -> Unit:
    """Today's version; of a unit that ended or has not begun, the last.  Raises Fault."""
    try:
        return tree(conn).find(key)
    except Fault as fault:
        if fault.code != "unit-unknown":
            raise
        past = versions(conn, key) or [Unit(*row) for row in conn.rows(_NAMED, key=tidy(key))]
        if not past:
            raise
        return past[-1]


def open_unit(conn: Reading | Writing, key: str) -> Unit:
    """A unit that has not ended, for putting something into it.  Raises Fault."""
    found = find_unit(conn, key)
    if found.valid_until is not None and found.valid_until < conn.today:
        raise Fault("unit-closed", unit=found.name, day=found.valid_until)
    return found


def successions(conn: Reading | Writing, unit_id: str) -> list[Succession]:
    """From what the unit came and into what it went."""
    return [Succession(*row) for row in conn.rows(_SUCCESSIONS, unit=unit_id)]


def search_units(conn: Reading | Writing, text: str, limit: int = 50, *, closed: bool = False) -> list[Unit]:
    """Units whose name or short name contains the text, folded; with ``closed``, those of the past too."""
    pattern = fold(tidy(text)).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    statement = (
        select(*_COLUMNS)
        .where(unit_version.c.folded_name.like(f"%{pattern}%", escape="\\"))
        .order_by(unit_version.c.valid_from.desc(), unit_version.c.sort_order, unit_version.c.folded_name)
    )
    if not closed:
        today = conn.today
        statement = statement.where(
            unit_version.c.valid_from <= today,
            or_(unit_version.c.valid_until.is_(None), unit_version.c.valid_until >= today),
        )
    newest: dict[str, Unit] = {}
    for row in conn.execute(statement):
        newest.setdefault(row.unit_id, Unit(*tuple(row)))
        if len(newest) == limit:
            break
    return list(newest.values())
