"""Any sequence of joiners, movers, leavers and reorganisations, with what is taken back: mail reaches exactly whom it
should on each day.

Beside the directory runs a model of it that knows nothing of rows: who holds which post, where each address led first,
who left and to whom his mail goes.  After each step all addresses and all groups are asked, and answer as the model.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from sqlalchemy import select

from directory.database import Directory, open_directory
from directory.dates import day_before, days_after
from directory.faults import Fault
from directory.housekeeping import tidy_up
from directory.mail import aliases
from directory.mail.recipients import resolve
from directory.plans import life
from directory.staff import leaving, provisioning
from directory.tables import account, address, appointment, group_rule, mail_group, position, unit_version
from tests.directory.conftest import START, City, Clock
from tests.directory.plans.conftest import Snapshot, Template, differing, line, plan_text, snapshot

NAMES = ("Nguyễn Văn An", "Trần Thị Bình", "Lê Chi", "Phạm Đức An")
POSITIONS = ("CT", "TP", "CV")


@dataclass
class Person:
    login: str
    unit: str  # id
    position: str  # code
    addresses: set[str]
    is_here: bool = True
    leads_to: str | None = None  # somebody else's address, once he has left
    until: str | None = None


@dataclass
class Reorganised:
    """A plan that was applied: what was before, and whom it moved."""

    id: str
    before: Snapshot
    moved: dict[str, str]  # account → the unit he came from
    units: dict[str, str | None]
    rules: dict[str, set[str]]
    steps: int


@dataclass
class Model:
    people: dict[str, Person] = field(default_factory=dict)  # by account
    parents: dict[str, str | None] = field(default_factory=dict)  # units of today
    rules: dict[str, set[str]] = field(default_factory=dict)  # group's address → units
    owners: dict[str, str] = field(default_factory=dict)  # address → who had it first

    def reached(self, login: str, day: str, depth: int = 0) -> set[str]:
        """The accounts behind a person's address."""
        account_id = next(each for each, person in self.people.items() if login in person.addresses)
        person = self.people[account_id]
        if person.is_here:
            return {account_id}
        if person.leads_to is None or (person.until is not None and person.until < day) or depth > 9:
            return set()
        return self.reached(person.leads_to, day, depth + 1)

    def is_below(self, unit: str | None, top: str) -> bool:
        while unit is not None and unit != top:
            unit = self.parents.get(unit)
        return unit == top

    def members(self, group: str) -> set[str]:
        return {
            account_id
            for account_id, person in self.people.items()
            if person.is_here and any(self.is_below(person.unit, unit) for unit in self.rules[group])
        }

    def leaves(self) -> list[str]:
        """Units that may end: nothing is below them."""
        return sorted(unit for unit in self.parents if unit not in self.parents.values())


class AnyLife(RuleBasedStateMachine):
    template: Template
    officials = Bundle("officials")
    plans = Bundle("plans")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "directory.db"
        shutil.copy(self.template.path, path)
        self.clock = Clock(START)
        self.directory: Directory = open_directory(f"sqlite:///{path}", clock=self.clock)
        self.city = City(self.directory, dict(self.template.units), dict(self.template.positions))
        self.model = Model()
        self.steps = 0
        self.made = 0

    def teardown(self) -> None:
        self.directory.close()
        self.folder.cleanup()

    @property
    def today(self) -> str:
        with self.directory.read() as conn:
            return conn.today

    @initialize(target=officials)
    def look_around(self) -> Any:
        with self.directory.read() as conn:
            posts = select(account.c.id, account.c.login, appointment.c.unit_id, position.c.code)
            posts = posts.join(appointment, appointment.c.person_id == account.c.person_id)
            for row in conn.execute(posts.join(position, position.c.id == appointment.c.position_id)):
                self.model.people[row.id] = Person(row.login, row.unit_id, row.code, {row.login})
            for row in conn.execute(select(unit_version)):
                self.model.parents[row.unit_id] = row.parent_id
            rules = select(mail_group.c.address, group_rule.c.unit_id)
            for row in conn.execute(rules.join(group_rule, group_rule.c.group_id == mail_group.c.id)):
                self.model.rules.setdefault(row.address, set()).add(row.unit_id)
        return multiple(*sorted(self.model.people))

    # Joiner, mover, leaver

    @rule(target=officials, name=st.sampled_from(NAMES), place=st.integers(0), code=st.sampled_from(POSITIONS))
    def join(self, name: str, place: int, code: str) -> str:
        units = sorted(self.model.parents)
        unit = units[place % len(units)]
        self.city.units["there"] = unit
        with self.directory.write() as conn:
            joined = self.city.join(conn, name, "there", code, valid_from=conn.today)
        assert joined.login not in self.model.owners  # never somebody else's before
        self.model.people[joined.account_id] = Person(joined.login, unit, code, {joined.login})
        self.steps += 1
        return joined.account_id

    @rule(who=officials, place=st.integers(0), code=st.sampled_from(POSITIONS))
    def move(self, who: str, place: int, code: str) -> None:
        person = self.model.people[who]
        units = sorted(self.model.parents)
        unit = units[place % len(units)]
        with self.directory.write() as conn:
            move = {"unit_id": unit, "position_id": self.city.positions[code], "from_day": days_after(conn.today, 0)}
            if not person.is_here:
                with pytest.raises(Fault):
                    provisioning.move(conn, "test", person.login, **move)  # type: ignore[arg-type]
                return
        try:
            with self.directory.write() as conn:
                provisioning.move(conn, "test", person.login, **move)  # type: ignore[arg-type]
        except Fault:  # he holds this very post, or began his own today
            return
        person.unit, person.position = unit, code
        self.steps += 1

    @rule(who=officials, other=officials, days=st.sampled_from((None, None, 10, 400)))
    def leave(self, who: str, other: str, days: int | None) -> None:
        person, successor = self.model.people[who], self.model.people[other]
        leads = successor.login if days is not None and other != who and successor.is_here else None
        with self.directory.write() as conn:
            yesterday, until = day_before(conn.today), days_after(conn.today, days) if leads and days else None
            if not person.is_here:
                with pytest.raises(Fault):
                    leaving.leave(conn, "test", who, last_day=yesterday)
                return
            leaving.leave(conn, "test", who, last_day=yesterday, redirect_to=leads or "", redirect_until=until)
        person.is_here, person.leads_to, person.until = False, leads, until
        self.steps += 1

    @rule(who=officials)
    def take_the_leaving_back(self, who: str) -> None:
        person = self.model.people[who]
        before = snapshot(self.directory)
        try:
            with self.directory.write() as conn:
                leaving.take_back(conn, "test", who)
        except Fault:
            # he is here, or what he left has become something else
            assert person.is_here or self.steps
            assert snapshot(self.directory) == before
            return
        assert not person.is_here
        assert person.unit in self.model.parents
        person.is_here, person.leads_to, person.until = True, None, None
        self.steps += 1

    @rule(who=officials)
    def add_an_address(self, who: str) -> None:
        person = self.model.people[who]
        if person.is_here:
            self.made += 1
            with self.directory.write() as conn:
                made = aliases.add_alias(conn, "test", f"bidanh{self.made}", person.login)
            person.addresses.add(made.address)
            self.steps += 1

    @rule(days=st.sampled_from((1, 20, 500)))
    def let_time_pass(self, days: int) -> None:
        self.clock.advance(days * 86_400)
        tidy_up(self.directory)
        self.steps += 1

    # Reorganisations

    @rule(
        target=plans,
        kind=st.sampled_from(("merge", "dissolve", "split", "rename", "new")),
        place=st.integers(0),
        other=st.integers(0),
        further=st.integers(0),
        mailbox=st.sampled_from(("", "hand-over", "redirect")),
    )
    def reorganise(self, kind: str, place: int, other: int, further: int, mailbox: str) -> Any:
        ends = self.model.leaves()
        unit = ends[place % len(ends)]
        rest = sorted(set(self.model.parents) - {unit})
        into, second = rest[other % len(rest)], rest[further % len(rest)]
        with self.directory.read() as conn:
            found = select(unit_version.c.unit_id, unit_version.c.short_name)
            shorts: dict[str, str] = {row.unit_id: row.short_name for row in conn.execute(found)}
        self.made += 1
        new = f"N{self.made}"
        if kind == "split" and into == second:
            kind = "merge"
        if kind == "rename":
            text = line("rename", shorts[unit], name=f"Đơn vị {self.made}")
        elif kind == "split":
            text = line("split", shorts[unit], into=shorts[into], positions="CT|TP")
            text += line("split", shorts[unit], into=shorts[second], mailbox=mailbox)
        elif kind == "new":
            text = line("new", new, name=f"Phường {new}", type="ward", under="UBND", mailbox=f"ubnd.{new.lower()}")
            text += line("merge", shorts[unit], into=new, mailbox=mailbox)
        else:
            text = line(kind, shorts[unit], into=shorts[into], mailbox=mailbox)
        head = f'title = "Sắp xếp"\neffective = {self.today}\ndecision = "1"\nunits = "units.csv"\n'
        before = snapshot(self.directory)
        plan = plan_text(text, head=head)
        try:
            with self.directory.write() as conn:
                made = life.propose(conn, "cli:an", plan)
        except Fault:  # as where two units have one short name, or a mailbox has nobody to go to
            assert snapshot(self.directory) == before
            return multiple()
        with self.directory.write() as conn:
            life.approve(conn, "cli:binh", made.id)
        life.apply(self.directory, "cli:an", made.id)
        done = Reorganised(made.id, before, {}, dict(self.model.parents), dict(self.model.rules), 0)
        if kind != "rename":
            if kind == "new":
                with self.directory.read() as conn:
                    statement = select(unit_version.c.unit_id, unit_version.c.parent_id)
                    row = conn.execute(statement.where(unit_version.c.short_name == new)).one()
                self.model.parents[row.unit_id] = row.parent_id
                into = row.unit_id
            self._carry_over(done, unit, {into, second} if kind == "split" else {into}, into, second, kind == "split")
        self.steps += 1
        done.steps = self.steps
        return done

    def _carry_over(
        self, done: Reorganised, unit: str, followers: set[str], into: str, second: str, is_split: bool
    ) -> None:
        del self.model.parents[unit]
        for account_id, person in self.model.people.items():
            if person.unit == unit and person.is_here:
                done.moved[account_id] = unit
                person.unit = second if is_split and person.position not in ("CT", "TP") else into
        for group, units in self.model.rules.items():
            if unit in units:
                self.model.rules[group] = (units - {unit}) | followers

    @rule(done=plans)
    def undo(self, done: Reorganised) -> None:
        before = snapshot(self.directory)
        try:
            life.undo(self.directory, "cli:an", done.id)
        except Fault:
            assert done.steps != self.steps  # nothing was done on top, or it was undone before
            assert snapshot(self.directory) == before
            return
        for account_id, unit in done.moved.items():
            self.model.people[account_id].unit = unit
        here = {unit: parent for unit, parent in self.model.parents.items() if unit in done.units}
        self.model.parents = done.units | here
        self.model.rules = done.rules
        if done.steps == self.steps:
            left = differing(done.before, snapshot(self.directory))
            # row by row as it was, but for what was given out: that stays taken
            assert set(left) <= {"account", "address"}
            assert all(lost == set() for lost, _ in left.values())
        self.steps += 1
        done.steps = -1

    # What holds at all times

    @invariant()
    def the_directory_is_whole(self) -> None:
        assert self.directory.check_consistency() == []

    @invariant()
    def no_address_finds_a_second_owner(self) -> None:
        with self.directory.read() as conn:
            rows = conn.execute(select(address.c.address, address.c.account_id, address.c.group_id)).all()
        assert self.model.owners.keys() <= {row.address for row in rows}
        for row in rows:
            owner = row.account_id or row.group_id
            if owner is not None:
                assert self.model.owners.setdefault(row.address, owner) == owner

    @invariant()
    def mail_reaches_whom_it_should(self) -> None:
        with self.directory.read() as conn:
            day = conn.today
            for person in self.model.people.values():
                for text in person.addresses:
                    found = resolve(conn, text)
                    assert (set(found.accounts) if found else set()) == self.model.reached(text, day), text
            people = set(self.model.people)
            for group in self.model.rules:
                found = resolve(conn, group)
                assert found is not None
                assert found.accounts & people == self.model.members(group), group


def test_any_life(settled: Template) -> None:
    AnyLife.template = settled
    machine = AnyLife.TestCase
    machine.settings = settings(max_examples=10, stateful_step_count=12, deadline=None)
    machine().runTest()
