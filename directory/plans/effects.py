"""What a plan does, row by row and in words: units, posts, mailboxes with their addresses, groups.

``work_out`` reads and writes nothing else; the same outcome is shown before the approval and carried out on the day.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Row, or_, select

from directory.database import Reading, Writing
from directory.faults import Fault
from directory.plans.mailboxes import move_mailboxes
from directory.plans.reading import Transfer
from directory.plans.resolution import Outline, Part
from directory.row_changes import Change, made
from directory.staff.catching_up import in_chunks
from directory.staff.postings import Position, find_position, positions
from directory.staff.unit_changes import version_columns
from directory.staff.units import Unit
from directory.tables import account, appointment, group_rule, mail_group, person
from directory.words.names import fold

_NOWHERE = "-"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that the plan does, as the audit record and the difference tell it."""

    action: str
    subject: str
    details: Mapping[str, Any]


@dataclass(slots=True)
class Effects:
    changes: list[Change] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    people: set[str] = field(default_factory=set)  # whose posts change
    mailboxes: set[str] = field(default_factory=set)  # to be indexed anew
    closed: list[str] = field(default_factory=list)  # mailboxes

    def tell(self, action: str, subject: str, **details: Any) -> None:
        self.facts.append(Fact(action, subject, details))


def work_out(conn: Reading | Writing, outline: Outline) -> Effects:
    """The effects of a plan; further mistakes go into the outline."""
    effects = Effects()
    if outline.mistakes:
        return effects
    moved = _Posts(conn, outline, effects)
    counts = moved.run()
    of_people, effects.facts = effects.facts, []
    _units(conn, outline, effects, counts)
    effects.facts.extend(of_people)
    # units first: posts and mailboxes point to them
    effects.changes.extend(moved.changes)
    move_mailboxes(conn, outline, effects)
    _groups(conn, outline, effects)
    return effects


# --- units --------------------------------------------------------------------------------------------------


def _units(conn: Reading | Writing, outline: Outline, effects: Effects, officials: Mapping[str, int]) -> None:
    changes = effects.changes
    day, names = outline.plan.effective, {**outline.before.by_id, **outline.after.by_id}
    news = [found.unit for found in outline.made.values()]
    changes.extend(made("unit", ("id",), {"id": unit.id, "created_at": conn.now}) for unit in news)
    ended = [(found.unit, "unit.close") for found in outline.endings.values()]
    for old in [unit for unit, _ in ended] + [outline.before.by_id[unit_id] for unit_id in outline.changed]:
        key = {"unit_id": old.id, "valid_from": old.valid_from}
        changes.append(Change("unit_version", key, {"valid_until": old.valid_until}, {"valid_until": outline.eve}))
    for unit in [*news, *outline.changed.values()]:
        changes.append(made("unit_version", ("unit_id", "valid_from"), version_columns(unit)))
    for ending in outline.endings.values():
        followers = {part.unit_id: part.decision for part in ending.parts}
        for follower, decision in followers.items():
            row = {
                "old_id": ending.unit.id,
                "new_id": follower,
                "effective": day,
                "kind": ending.kind,
                "decision": decision,
            }
            changes.append(made("unit_succession", ("old_id", "new_id", "effective"), row))
    for unit in news:
        above = names[unit.parent_id].name if unit.parent_id else ""
        effects.tell(
            "unit.add", unit.id, name=unit.name, short_name=unit.short_name, type=unit.type, under=above,
            agency_code=unit.agency_code, decision=unit.decision,
        )  # fmt: skip
    for unit in outline.changed.values():
        before, after = _differing(outline.before.by_id[unit.id], unit, names)
        effects.tell(
            "unit.alter", unit.id, name=outline.before.by_id[unit.id].name, before=before, after=after,
            decision=unit.decision,
        )  # fmt: skip
    for ending in outline.endings.values():
        effects.tell(
            "unit.close", ending.unit.id, name=ending.unit.name, kind=ending.kind, officials=officials[ending.unit.id],
            successors=list(dict.fromkeys(names[part.unit_id].name for part in ending.parts)),
            decision=ending.parts[0].decision if ending.parts else outline.plan.decision,
        )  # fmt: skip


def _differing(old: Unit, new: Unit, names: Mapping[str, Unit]) -> tuple[dict[str, Any], dict[str, Any]]:
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for column in ("name", "short_name", "type", "agency_code", "sort_order"):
        if getattr(old, column) != getattr(new, column):
            before[column], after[column] = getattr(old, column), getattr(new, column)
    if old.parent_id != new.parent_id:
        before["under"] = names[old.parent_id].name if old.parent_id else ""
        after["under"] = names[new.parent_id].name if new.parent_id else ""
    return before, after


# --- posts --------------------------------------------------------------------------------------------------


class _Posts:
    """Posts in units that end: each ends on the eve and goes on in a unit of the day."""

    def __init__(self, conn: Reading | Writing, outline: Outline, effects: Effects) -> None:
        self._conn = conn
        self._outline = outline
        self._effects = effects
        self._day = outline.plan.effective
        self._names = {**outline.before.by_id, **outline.after.by_id}
        self.changes: list[Change] = []
        self._ends: list[Change] = []
        self._begins: list[Change] = []

    def run(self) -> dict[str, int]:
        """How many posts end in each unit."""
        outline = self._outline
        rows = list(_open_posts(self._conn, outline.endings, self._day))
        overrides = self._overrides(rows)
        targets = {part.unit_id for ending in outline.endings.values() for part in ending.parts}
        targets |= {unit.id for unit, _ in overrides.values() if unit is not None}
        held = {
            (row.person_id, row.unit_id, row.position_id): _Held(
                row.id, bool(row.is_primary), row.valid_from, row.valid_until
            )
            for row in _open_posts(self._conn, targets - set(outline.made), self._day)
        }
        counts: dict[str, int] = defaultdict(int)
        stuck: dict[str, int] = defaultdict(int)
        for row in rows:
            counts[row.unit_id] += 1
            if row.id in overrides:
                unit, transfer = overrides[row.id]
                part = outline.endings[row.unit_id].rest
                decision = part.decision if part else outline.plan.decision
                self._move(row, unit.id if unit else None, decision, held, transfer)
                continue
            part = self._part(row)
            if part is None:
                stuck[row.unit_id] += 1
            else:
                self._move(row, part.unit_id, part.decision, held, None)
        for unit_id, count in stuck.items():
            ending = outline.endings[unit_id]
            outline.wrong(ending.line, Fault("plan-nowhere", unit=ending.unit.name, count=count))
        self.changes = self._ends + self._begins
        return counts

    def _part(self, row: Row[Any]) -> Part | None:
        ending = self._outline.endings[row.unit_id]
        named = next((part for part in ending.parts if row.position_id in part.positions), None)
        return named or ending.rest

    def _overrides(self, rows: list[Row[Any]]) -> dict[str, tuple[Unit | None, Transfer]]:
        """By post: where its holder goes by name."""
        outline = self._outline
        posts: dict[str, list[Row[Any]]] = defaultdict(list)
        for row in rows:
            for key in {fold(row.employee_code or ""), fold(row.login), fold(row.login.partition("@")[0])} - {""}:
                posts[key].append(row)
        found: dict[str, tuple[Unit | None, Transfer]] = {}
        for transfer in outline.plan.transfers:
            mine = posts.get(fold(transfer.official), [])
            if transfer.from_unit:
                old = self._tried(transfer, lambda t=transfer: outline.before.find(t.from_unit))
                mine = [row for row in mine if old is not None and row.unit_id == old.id]
                if old is None:
                    continue
            if not mine:
                fault = Fault("plan-official-elsewhere", official=transfer.official)
                outline.wrong(transfer.line, fault, officials=True)
                continue
            if len({row.unit_id for row in mine}) > 1:
                fault = Fault("plan-official-posts", official=transfer.official)
                outline.wrong(transfer.line, fault, officials=True)
                continue
            unit = None
            if transfer.unit != _NOWHERE:
                unit = self._tried(transfer, lambda t=transfer: outline.target(t.unit))
                if unit is None:
                    continue
            if transfer.position and self._position(transfer) is None:
                continue
            if len(transfer.title) > 200:
                outline.wrong(transfer.line, Fault("text-long", what="title", limit=200), officials=True)
                continue
            for row in mine:
                if row.id in found:
                    line = found[row.id][1].line
                    fault = Fault("plan-official-twice", official=transfer.official, line=line)
                    outline.wrong(transfer.line, fault, officials=True)
                found[row.id] = unit, transfer
        return found

    def _tried(self, transfer: Transfer, action: Any) -> Unit | None:
        found: Unit | None = self._outline.tried(transfer.line, action, officials=True)
        return found

    def _position(self, transfer: Transfer) -> Position | None:
        return self._outline.tried(transfer.line, lambda: find_position(self._conn, transfer.position), officials=True)

    def _move(
        self,
        row: Row[Any],
        unit_id: str | None,
        decision: str,
        held: dict[tuple[str, str, str], _Held],
        by: Transfer | None,
    ) -> None:
        known = positions(self._conn)
        now = known[row.position_id]
        position = (self._position(by) if by is not None and by.position else None) or now
        self._effects.people.add(row.person_id)
        begins = max(self._day, row.valid_from)
        twin = held.get((row.person_id, unit_id, position.id)) if unit_id else None
        if twin is not None and not twin.covers(begins, row.valid_until):
            twin = None
        before = {"valid_until": row.valid_until}
        begun = row.valid_from < self._day
        if begun:
            self._ends.append(Change("appointment", {"id": row.id}, before, {"valid_until": self._outline.eve}))
        else:
            # it was to begin later: as if it had never been meant for the unit that ends
            whole = dict(zip(appointment.c.keys(), row, strict=False))
            self._ends.append(Change("appointment", {"id": row.id}, whole, None))
        old_name = self._names[row.unit_id].name
        if unit_id is None:
            self._effects.tell(
                "official.dismiss", row.login, name=row.full_name, unit=old_name, title=now.title, decision=decision
            )
            return
        same = position.id == now.id
        title = by.title if by is not None and by.title else (row.title if same else "")
        if twin is None:
            made_row = {
                "id": self._conn.new_id(),
                "person_id": row.person_id,
                "unit_id": unit_id,
                "position_id": position.id,
                "title": title,
                "kind": row.kind,
                "is_primary": bool(row.is_primary),
                "rank": row.rank if same else position.rank,
                "valid_from": begins,
                "valid_until": row.valid_until,
                "decision": decision,
            }
            self._begins.append(made("appointment", ("id",), made_row))
            held[row.person_id, unit_id, position.id] = _Held(
                made_row["id"], bool(row.is_primary), begins, row.valid_until
            )
        elif row.is_primary and not twin.is_primary:
            # what he holds there already names him from now on
            self._begins.append(Change("appointment", {"id": twin.id}, {"is_primary": False}, {"is_primary": True}))
            held[row.person_id, unit_id, position.id] = replace(twin, is_primary=True)
        self._effects.tell(
            "official.move", row.login, name=row.full_name, unit=old_name, to=self._names[unit_id].name,
            title=now.title, position=None if same else position.title, decision=decision,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Held:
    """A post that somebody holds already where another of his goes."""

    id: str
    is_primary: bool
    valid_from: str
    valid_until: str | None

    def covers(self, first: str, last: str | None) -> bool:
        return self.valid_from <= first and (
            self.valid_until is None or (last is not None and last <= self.valid_until)
        )


def _open_posts(conn: Reading | Writing, unit_ids: Collection[str], day: str) -> Iterator[Row[Any]]:
    """Posts in these units that hold on the day or will begin later."""
    for chunk in in_chunks(unit_ids):
        yield from conn.execute(
            select(appointment, account.c.login, person.c.employee_code, person.c.full_name)
            .join(person, person.c.id == appointment.c.person_id)
            .join(account, account.c.person_id == person.c.id)
            .where(
                appointment.c.unit_id.in_(chunk),
                or_(appointment.c.valid_until.is_(None), appointment.c.valid_until >= day),
            )
            .order_by(appointment.c.person_id, appointment.c.is_primary.desc(), appointment.c.rank, appointment.c.id)
        )


# --- groups -------------------------------------------------------------------------------------------------


def _groups(conn: Reading | Writing, outline: Outline, effects: Effects) -> None:
    """Rules that name a unit that ends name what follows it."""
    rules = list(
        conn.execute(
            select(group_rule, mail_group.c.address)
            .join(mail_group, mail_group.c.id == group_rule.c.group_id)
            .where(mail_group.c.closed_at.is_(None))
            .order_by(group_rule.c.id)
        )
    )
    known = {(rule.group_id, rule.unit_id, rule.unit_type, rule.position_id) for rule in rules}
    for rule in rules:
        ending = outline.endings.get(rule.unit_id or "")
        if ending is None or not ending.parts:
            continue
        followers = list(dict.fromkeys(part.unit_id for part in ending.parts))
        missing = [f for f in followers if (rule.group_id, f, rule.unit_type, rule.position_id) not in known]
        known.update((rule.group_id, follower, rule.unit_type, rule.position_id) for follower in missing)
        whole = dict(zip(group_rule.c.keys(), rule, strict=False))
        key = {"id": rule.id}
        if missing:
            effects.changes.append(Change("group_rule", key, {"unit_id": rule.unit_id}, {"unit_id": missing[0]}))
        else:
            effects.changes.append(Change("group_rule", key, whole, None))
        for follower in missing[1:]:
            effects.changes.append(made("group_rule", ("id",), whole | {"id": conn.new_id(), "unit_id": follower}))
        effects.tell(
            "group.follow", rule.address, unit=ending.unit.name,
            to=[outline.after.by_id[follower].name for follower in followers],
        )  # fmt: skip
