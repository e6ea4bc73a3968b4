"""What a plan's steps mean for the units of its day: found in the tree of the eve, and checked as a whole.

The tree of the day is built in memory with every step taken, so that a merge into a unit that another line makes, or
a parent that another line ends, is judged by the outcome and not by the order of the lines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from directory.database import Reading, Writing
from directory.dates import day_before, holds
from directory.faults import Fault
from directory.mail.addresses import spelled_out
from directory.plans.reading import Mistake, PlanText, Step
from directory.staff.postings import find_position
from directory.staff.unit_types import find_type, types
from directory.staff.units import Unit, UnitTree, tree, versions
from directory.words.names import fold, tidy

T = TypeVar("T")

HAND_OVER, REDIRECT = "hand-over", "redirect"
_MAILBOX_WORDS = {"handover": HAND_OVER, "bangiao": HAND_OVER, "redirect": REDIRECT, "chuyenhuong": REDIRECT, "": ""}


@dataclass(frozen=True, slots=True)
class Part:
    """Where officials of a unit that ends go: those at these positions, or the rest."""

    line: int
    unit_id: str
    positions: frozenset[str]  # empty: the rest
    mailbox: str
    decision: str


@dataclass(slots=True)
class Ending:
    unit: Unit
    kind: str
    parts: list[Part] = field(default_factory=list)
    line: int = 0

    @property
    def rest(self) -> Part | None:
        return next((part for part in self.parts if not part.positions), None)


@dataclass(frozen=True, slots=True)
class Founding:
    unit: Unit
    mailbox: str  # the address of a mailbox to open; empty: none
    line: int


@dataclass(slots=True)
class Outline:
    """A plan against the directory: what is made, changed and ended, and whatever is wrong."""

    plan: PlanText
    eve: str = ""
    before: UnitTree = field(default_factory=lambda: UnitTree(()))
    after: UnitTree = field(default_factory=lambda: UnitTree(()))
    made: dict[str, Founding] = field(default_factory=dict)
    changed: dict[str, Unit] = field(default_factory=dict)  # as from the day on
    endings: dict[str, Ending] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    carried: dict[str, int] = field(default_factory=dict)  # units that move because of another's line

    def wrong(self, line: int, fault: Fault, *, officials: bool = False) -> None:
        file = self.plan.officials_file if officials else self.plan.units_file
        self.mistakes.append(Mistake(file, line, fault))

    def tried(self, line: int, action: Callable[[], T], *, officials: bool = False) -> T | None:
        """What the action gives; a fault of it is kept with the line."""
        try:
            return action()
        except Fault as fault:
            self.wrong(line, fault, officials=officials)
            return None

    def target(self, key: str) -> Unit:
        """A unit of the day itself: one that the plan makes, else one that goes on.  Raises Fault."""
        try:
            return self.after.find(key)
        except Fault as fault:
            if fault.code != "unit-unknown":
                raise
            ended = next((e.unit for e in self.endings.values() if e.unit is _found(self.before, key)), None)
            if ended is not None:
                raise Fault("plan-unit-ends", unit=ended.name) from None
            raise


def resolve(conn: Reading | Writing, plan: PlanText) -> Outline:
    outline = Outline(plan, mistakes=list(plan.mistakes))
    if not plan.effective:
        return outline
    outline.eve = day_before(plan.effective)
    outline.before = tree(conn, outline.eve)
    by_action: dict[str, list[Step]] = defaultdict(list)
    for step in plan.steps:
        by_action[step.action].append(step)
        _refuse_idle(outline, step)
    for step in by_action["new"]:
        _found_unit(conn, outline, step)
    for action in ("merge", "split", "dissolve"):
        for step in by_action[action]:
            _end_unit(outline, step)
    for action in ("rename", "move"):
        for step in by_action[action]:
            _change_unit(conn, outline, step)
    _build_day(conn, outline)
    for step in plan.steps:
        _place(conn, outline, step)
    _build_day(conn, outline)
    _move_children(outline)
    _build_day(conn, outline)
    _check_parts(outline)
    _check_day(conn, outline)
    return outline


# --- step by step -------------------------------------------------------------------------------------------

_SAYS = {
    "new": {"name", "short_name", "type", "under", "code", "order", "mailbox"},
    "merge": {"into", "mailbox"},
    "split": {"into", "mailbox", "positions"},
    "dissolve": {"into", "mailbox"},
    "rename": {"name", "short_name", "type", "code", "order", "under"},
    "move": {"under", "order"},
}


def _refuse_idle(outline: Outline, step: Step) -> None:
    for column in ("into", "name", "short_name", "type", "under", "code", "order", "positions", "mailbox"):
        if getattr(step, column) and column not in _SAYS[step.action]:
            outline.wrong(step.line, Fault("plan-value-idle", what=column))
    if not step.unit:
        outline.wrong(step.line, Fault("plan-value-missing", what="unit"))
    needed = {"new": "type", "merge": "into", "split": "into", "move": "under"}.get(step.action)
    if needed and not getattr(step, needed):
        outline.wrong(step.line, Fault("plan-value-missing", what=needed))
    for column, limit in (("name", 300), ("short_name", 60), ("code", 40), ("decision", 100)):
        if len(getattr(step, column)) > limit:
            outline.wrong(step.line, Fault("text-long", what=column, limit=limit))
    if len(step.unit) > 60 and step.action == "new":
        outline.wrong(step.line, Fault("text-long", what="unit", limit=60))
    if step.order and not (step.order.isdecimal() and len(step.order) < 9):
        outline.wrong(step.line, Fault("value-invalid", value=step.order, what="order"))


def _order(step: Step, otherwise: int) -> int:
    return int(step.order) if step.order.isdecimal() and len(step.order) < 9 else otherwise


def _found_unit(conn: Reading | Writing, outline: Outline, step: Step) -> None:
    """``unit`` is the short name of what begins."""
    kind = outline.tried(step.line, lambda: find_type(conn, step.type)) if step.type else None
    made = Unit(
        conn.new_id(),
        outline.plan.effective,
        None,
        tidy(step.name) or step.unit,
        step.short_name or step.unit,
        kind or "",
        None,
        step.code,
        _order(step, 0),
        step.decision or outline.plan.decision,
    )
    mailbox = spelled_out(conn, step.mailbox) if step.mailbox else ""
    outline.made[made.id] = Founding(made, mailbox, step.line)


def _old(outline: Outline, step: Step) -> Unit | None:
    return outline.tried(step.line, lambda: outline.before.find(step.unit)) if step.unit else None


def _end_unit(outline: Outline, step: Step) -> None:
    found = _old(outline, step)
    if found is None:
        return
    known = outline.endings.get(found.id)
    if known is None:
        outline.endings[found.id] = Ending(found, step.action, line=step.line)
    elif not known.kind == step.action == "split":
        outline.wrong(step.line, Fault("plan-unit-twice", unit=found.name, line=known.line))


def _change_unit(conn: Reading | Writing, outline: Outline, step: Step) -> None:
    found = _old(outline, step)
    if found is None:
        return
    if found.id in outline.endings:
        line = outline.endings[found.id].line
        outline.wrong(step.line, Fault("plan-unit-twice", unit=found.name, line=line))
        return
    kind = outline.tried(step.line, lambda: find_type(conn, step.type)) if step.type else None
    now = outline.changed.get(found.id, found)
    outline.changed[found.id] = replace(
        now,
        valid_from=outline.plan.effective,
        name=tidy(step.name) or now.name,
        short_name=step.short_name or now.short_name,
        type=kind or now.type,
        agency_code=step.code or now.agency_code,
        sort_order=_order(step, now.sort_order),
        decision=step.decision or outline.plan.decision,
    )


def _place(conn: Reading | Writing, outline: Outline, step: Step) -> None:
    """What a line points to: the unit above, or those that follow."""
    if step.action in ("new", "rename", "move"):
        above = outline.tried(step.line, lambda: outline.target(step.under)) if step.under else None
        if above is None:
            return
        if step.action == "new":
            founding = next(found for found in outline.made.values() if found.line == step.line)
            made = replace(founding.unit, parent_id=above.id)
            outline.made[made.id] = replace(founding, unit=made)
        else:
            found = _found(outline.before, step.unit)
            if found is not None and found.id in outline.changed:
                outline.changed[found.id] = replace(outline.changed[found.id], parent_id=above.id)
        return
    found = _found(outline.before, step.unit)
    ending = outline.endings.get(found.id) if found else None
    if ending is None or not step.into or (ending.kind != "split" and ending.line != step.line):
        return
    into = outline.tried(step.line, lambda: outline.target(step.into))
    wanted = "".join(c for c in fold(step.mailbox) if c.isalnum())
    if wanted not in _MAILBOX_WORDS:
        outline.wrong(step.line, Fault("value-invalid", value=step.mailbox, what="mailbox"))
    if into is None:
        return
    found_positions = [outline.tried(step.line, lambda w=word: find_position(conn, w)) for word in _words(step)]  # type: ignore[misc]
    positions = frozenset(position.id for position in found_positions if position is not None)
    if found_positions and not positions:
        return  # it would take the rest instead
    mailbox = _MAILBOX_WORDS.get(wanted, "")
    ending.parts.append(Part(step.line, into.id, positions, mailbox, step.decision or outline.plan.decision))


def _words(step: Step) -> list[str]:
    return [word for word in (part.strip() for part in step.positions.split("|")) if word]


# --- as a whole ---------------------------------------------------------------------------------------------


def _build_day(conn: Reading | Writing, outline: Outline) -> None:
    going_on = tree(conn, outline.plan.effective).by_id.values()
    units = [outline.changed.get(found.id, found) for found in going_on if found.id not in outline.endings]
    outline.after = UnitTree([*units, *(found.unit for found in outline.made.values())])


def _move_children(outline: Outline) -> None:
    """What lies below a unit that ends goes where its rest goes, unless a line says otherwise."""
    for ending in outline.endings.values():
        rest = ending.rest
        staying = [
            child
            for child in outline.before.children(ending.unit.id)
            if child.id not in outline.endings
            and child.id in outline.after.by_id
            and outline.after.by_id[child.id].parent_id == ending.unit.id
        ]
        if rest is None:
            if staying and ending.kind == "dissolve":
                outline.wrong(ending.line, Fault("plan-nowhere", unit=ending.unit.name, count=len(staying)))
            continue
        for child in staying:
            now = outline.changed.get(child.id, child)
            above: str | None = rest.unit_id
            if any(below.id == rest.unit_id for below in outline.after.subtree(child.id)):
                # what follows lies below this very unit: it takes the place of what ends
                above = ending.unit.parent_id
            outline.carried[child.id] = ending.line
            outline.changed[child.id] = replace(
                now, valid_from=outline.plan.effective, parent_id=above, decision=rest.decision
            )


def _check_parts(outline: Outline) -> None:
    for ending in outline.endings.values():
        rests = [part for part in ending.parts if not part.positions]
        lines_are_whole = all(
            mistake.line != ending.line for mistake in outline.mistakes if mistake.file == outline.plan.units_file
        )
        if ending.kind == "split" and len(rests) != 1 and lines_are_whole:
            outline.wrong(ending.line, Fault("plan-split-rest", unit=ending.unit.name))
        taken: dict[str, int] = {}
        for part in ending.parts:
            twice = [taken[position] for position in part.positions if position in taken]
            if twice:
                outline.wrong(part.line, Fault("plan-unit-twice", unit=ending.unit.name, line=min(twice)))
            taken.update(dict.fromkeys(part.positions, part.line))


def _check_day(conn: Reading | Writing, outline: Outline) -> None:
    lines = {found.unit.id: found.line for found in outline.made.values()}
    for step in outline.plan.steps:
        found = _found(outline.before, step.unit)
        if found is not None and step.action != "new":
            lines.setdefault(found.id, step.line)
    lines = outline.carried | lines
    known_types = {row["code"]: row for row in types(conn)}
    touched = [*(found.unit for found in outline.made.values()), *outline.changed.values()]
    for found in touched:
        line = lines.get(found.id, 1)
        kind = known_types.get(found.type)
        retyped = found.id not in outline.before.by_id or outline.before.by_id[found.id].type != found.type
        if kind is not None and retyped and not holds(kind["valid_from"], kind["valid_until"], found.valid_from):
            outline.wrong(line, Fault("unit-type-not-valid", type=found.type, day=found.valid_from))
        if _is_below_itself(outline.after, found.id):
            outline.wrong(line, Fault("unit-cycle", unit=found.name))
        elif found.parent_id is not None and found.parent_id not in outline.after.by_id:
            above = outline.before.by_id.get(found.parent_id, found)
            outline.wrong(line, Fault("plan-unit-ends", unit=above.name))
        namesakes = [
            other
            for other in outline.after.by_id.values()
            if other.short_name == found.short_name and other.id != found.id and found.short_name
        ]
        old = outline.before.by_id.get(found.id)
        if namesakes and (old is None or old.short_name != found.short_name):
            outline.wrong(line, Fault("unit-exists", unit=found.short_name))
    for unit_id in [*outline.changed, *outline.endings]:
        _check_versions(conn, outline, unit_id, lines.get(unit_id, 1))


def _check_versions(conn: Reading | Writing, outline: Outline, unit_id: str, line: int) -> None:
    last = versions(conn, unit_id)[-1]
    if last.valid_from >= outline.plan.effective:
        outline.wrong(line, Fault("plan-unit-later", unit=last.name, day=last.valid_from))
    elif last.valid_until is not None:
        outline.wrong(line, Fault("unit-closed", unit=last.name, day=last.valid_until))


def _is_below_itself(units: UnitTree, unit_id: str) -> bool:
    current = units.by_id[unit_id].parent_id if unit_id in units.by_id else None
    for _ in range(50):
        if current is None or current not in units.by_id:
            return False
        if current == unit_id:
            return True
        current = units.by_id[current].parent_id
    return True


def _found(units: UnitTree, key: str) -> Unit | None:
    try:
        return units.find(key)
    except Fault:
        return None
