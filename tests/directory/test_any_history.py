"""Whatever officials do in whatever order while days pass: addresses deliver to whom they should and are nobody else's,
who left neither signs in nor reads, and whoever is appointed holds what goes with the post.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from directory.database import Directory, Reading, Writing, open_directory
from directory.dates import days_after, holds
from directory.faults import Fault
from directory.housekeeping import tidy_up
from directory.mail import custody, mailboxes
from directory.mail.accounts import credentials_by_login, find_account
from directory.mail.recipients import mailboxes_of, resolve
from directory.staff import leaving, provisioning
from directory.staff.departures import planned_leaving
from directory.staff.people import find_official
from directory.tables import account, address, appointment
from directory.words.names import split_name
from tests.directory.conftest import START, City, Clock, found_city

UNITS, POSITIONS = ("SYT", "STC", "P.SG"), ("GD", "CV", "VT")
names = st.sampled_from(("Nguyễn Văn An", "Nguyễn Văn An", "Lê Bình", "Trần Chi"))
units, positions = st.sampled_from(UNITS), st.sampled_from(POSITIONS)
soon = st.integers(-2, 5)
which = st.integers(0, 30)


@dataclass
class Known:
    """What should be true of somebody."""

    account_id: str
    addresses: set[str]
    is_closed: bool = False
    left_with: set[str] = field(default_factory=set)
    redirect: tuple[str, str] | None = None  # where to, until
    order: tuple[str, int, str, str] | None = None  # last day, number, where to, until


class History(RuleBasedStateMachine):
    template: tuple[Path, dict[str, str], dict[str, str]]

    @initialize()
    def found(self) -> None:
        path, unit_ids, position_ids = self.template
        self.folder = Path(tempfile.mkdtemp())
        shutil.copy(path, self.folder / "d.db")
        self.clock = Clock(START)
        self.directory = open_directory(f"sqlite:///{self.folder / 'd.db'}", clock=self.clock, notice_within=0.0)
        self.city = City(self.directory, unit_ids, position_ids)
        self.people: list[Known] = []
        self.owners: dict[str, str] = {}  # of every address that was ever seen
        self.orders = 0

    def teardown(self) -> None:
        if hasattr(self, "directory"):
            self.directory.close()
            shutil.rmtree(self.folder)

    @property
    def today(self) -> str:
        with self.directory.read() as conn:
            return conn.today

    def somebody(self, number: int) -> Known:
        return self.people[number % len(self.people)]

    def tried(self, action: Callable[[Writing], object]) -> bool:
        try:
            with self.directory.write(reason="thử") as conn:
                action(conn)
        except Fault:
            return False
        return True

    # --- what happens ---------------------------------------------------------------------------------------

    @rule(name=names, unit=units, position=positions, days=soon)
    def join(self, name: str, unit: str, position: str, days: int) -> None:
        with self.directory.write() as conn:
            joined = self.city.join(conn, name, unit, position, valid_from=days_after(conn.today, days))
        assert joined.login not in self.owners
        self.people.append(Known(joined.account_id, {joined.login}))

    @precondition(lambda self: self.people)
    @rule(number=which, unit=units, position=positions, days=soon, alone=st.booleans())
    def move(self, number: int, unit: str, position: str, days: int, alone: bool) -> None:
        who = self.somebody(number)
        done = self.tried(
            lambda conn: provisioning.move(
                conn, "test", who.account_id, unit_id=self.city.units[unit],
                position_id=self.city.positions[position], from_day=days_after(conn.today, days),
                keep_other_posts=not alone,
            )
        )  # fmt: skip
        assert not (done and who.is_closed)

    @precondition(lambda self: self.people)
    @rule(number=which, local=st.sampled_from(("ten1", "ten2", "ten3")), name=names)
    def rename(self, number: int, local: str, name: str) -> None:
        who, wanted = self.somebody(number), f"{local}@city.gov.vn"
        done = self.tried(
            lambda conn: provisioning.rename(conn, "test", who.account_id, split_name(name), new_address=wanted)
        )
        assert done == (not who.is_closed and self.owners.get(wanted, who.account_id) == who.account_id)
        if done:
            who.addresses.add(wanted)

    @precondition(lambda self: self.people)
    @rule(number=which, successor=which, days=soon, until=st.integers(1, 60), has_one=st.booleans())
    def leave(self, number: int, successor: int, days: int, until: int, has_one: bool) -> None:
        who, last = self.somebody(number), days_after(self.today, days)
        target = min(self.somebody(successor).addresses or {""}) if has_one else ""
        end = days_after(last, until)
        done = self.tried(
            lambda conn: leaving.leave(
                conn, "test", who.account_id, last_day=last, redirect_to=target, redirect_until=end if target else None
            )
        )
        assert not (done and (who.is_closed or who.order is not None))
        if done:
            self.orders += 1
            who.order = last, self.orders, target, end
            if last < self.today:
                self._gone(who, checked=True)

    def _gone(self, who: Known, *, checked: bool) -> None:
        assert who.order is not None
        _, _, target, end = who.order
        owner = self._owner(target)
        is_good = checked or (owner is not None and owner is not who)
        who.is_closed, who.left_with, who.addresses = True, who.addresses, set()
        who.redirect, who.order = (target, end) if target and is_good else None, None

    def _owner(self, text: str) -> Known | None:
        return next((each for each in self.people if text in each.addresses), None)

    @precondition(lambda self: self.people)
    @rule(number=which)
    def take_back(self, number: int) -> None:
        who = self.somebody(number)
        done = self.tried(lambda conn: leaving.take_back(conn, "test", who.account_id))
        assert done or who.order is None
        if done and who.order is not None:
            who.order = None
        elif done:
            assert who.is_closed
            who.is_closed, who.addresses, who.redirect = False, who.left_with, None

    @precondition(lambda self: self.people)
    @rule(number=which, unit=units, position=positions, days=soon)
    def come_back(self, number: int, unit: str, position: str, days: int) -> None:
        who = self.somebody(number)
        done = self.tried(
            lambda conn: leaving.come_back(
                conn, "test", who.account_id, unit_id=self.city.units[unit],
                position_id=self.city.positions[position], from_day=days_after(conn.today, days),
            )
        )  # fmt: skip
        assert who.is_closed or not done
        if done:
            who.is_closed, who.addresses, who.redirect = False, who.left_with, None

    @rule(days=st.sampled_from((1, 1, 1, 2, 7, 40, 800)))
    def days_pass(self, days: int) -> None:
        self.clock.advance(days * 86_400)
        tidy_up(self.directory)
        due = [who for who in self.people if who.order is not None and who.order[0] < self.today]
        for who in sorted(due, key=lambda each: each.order[:2] if each.order else ("", 0)):
            self._gone(who, checked=False)

    # --- what must be true ----------------------------------------------------------------------------------

    def _reached(self, text: str, hops: int = 0) -> set[str]:
        for who in self.people:
            if text in who.addresses:
                return {who.account_id}
            if text in who.left_with and who.is_closed and who.redirect is not None and hops <= 10:
                target, until = who.redirect
                return self._reached(target, hops + 1) if self.today <= until else set()
        return set()

    @invariant()
    def addresses_deliver_to_whom_they_should(self) -> None:
        with self.directory.read() as conn:
            for row in conn.execute(select(address.c.address, address.c.account_id)).all():
                text, owner = row.address, row.account_id
                assert self.owners.setdefault(text, owner) == owner, f"{text} has a second owner"
                found = resolve(conn, text)
                assert (set(found.accounts) if found else set()) == self._expected(text, owner), text

    def _expected(self, text: str, owner: str) -> set[str]:
        return self._reached(text) if any(owner == who.account_id for who in self.people) else {owner}

    @invariant()
    def who_left_has_nothing(self) -> None:
        with self.directory.read() as conn:
            for who in self.people:
                found = find_account(conn, who.account_id)
                assert found is not None
                assert (found.status == "closed") == who.is_closed
                assert (planned_leaving(conn, who.account_id) is None) == (who.order is None)
                if who.is_closed:
                    assert mailboxes_of(conn, who.account_id) == custody.entrusted_to(conn, who.account_id) == set()
                    assert all(credentials_by_login(conn, text) is None for text in who.left_with)
                    assert find_official(conn, who.account_id).left_on is not None

    @invariant()
    def holders_are_who_is_appointed(self) -> None:
        with self.directory.read() as conn:
            posts = conn.execute(
                select(appointment, account.c.id.label("holder"), account.c.status)
                .join(account, account.c.person_id == appointment.c.person_id)
                .where(account.c.status != "closed")
            ).all()
            today = [post for post in posts if holds(post.valid_from, post.valid_until, conn.today)]
            for mailbox, unit, position in (("giamdoc.syt", "SYT", "GD"), ("syt", "SYT", "VT")):
                wanted = {
                    post.holder
                    for post in today
                    if (post.unit_id, post.position_id) == (self.city.units[unit], self.city.positions[position])
                }
                assert self._readers(conn, mailbox) == wanted, mailbox
                for who in self.people:
                    mine = self.boxes(conn)[mailbox] in mailboxes_of(conn, who.account_id, "send")
                    assert mine == (who.account_id in wanted)

    def _readers(self, conn: Reading, mailbox: str) -> set[str]:
        return {right.account.id for right in mailboxes.rights_on(conn, self.boxes(conn)[mailbox])}

    def boxes(self, conn: Reading) -> dict[str, str]:
        rows = conn.execute(select(account.c.login, account.c.id).where(account.c.kind != "person"))
        return {row.login.partition("@")[0]: row.id for row in rows}

    @invariant()
    def the_directory_is_whole(self) -> None:
        assert self.directory.check_consistency() == []


@pytest.fixture(scope="module")
def settled(migrated_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("history") / "d.db"
    shutil.copy(migrated_directory, path)
    directory: Directory = open_directory(f"sqlite:///{path}", clock=Clock(START))
    city = found_city(directory)
    with directory.write() as conn:
        role = mailboxes.open_mailbox(conn, "test", address_text="giamdoc.syt", name="Giám đốc Sở Y tế")
        mailboxes.attach(conn, "test", role.id, city.units["SYT"], "GD")
        mailboxes.open_mailbox(conn, "test", address_text="syt", name="Sở Y tế", unit_id=city.units["SYT"])
    directory.close()
    History.template = path, dict(city.units), dict(city.positions)
    return path


@pytest.mark.usefixtures("settled")
def test_any_history() -> None:
    run_state_machine_as_test(
        History,
        settings=settings(
            max_examples=20, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
