"""Whatever a plan says: the directory stays whole, mail finds somebody, and undoing is as if nothing had been."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from directory.database import Directory, open_directory
from directory.faults import Fault
from directory.mail.recipients import resolve
from directory.plans import life
from directory.staff import units
from directory.tables import account, address, appointment
from tests.directory.conftest import START, Clock
from tests.directory.plans.conftest import DAY, EVE, Template, differing, line, plan_text, snapshot

OLD = ("Q1", "W1", "W2", "W3", "SYT")
KEPT = ("STC", "P.SG", "P.BT", "UBND")
NEW = ("N1", "N2")


mailbox = st.sampled_from(("", "hand-over", "redirect"))
target = st.sampled_from((*KEPT, *NEW, *KEPT, *NEW, "W1", "W2"))


@st.composite
def a_plan(draw: st.DrawFn) -> tuple[str, str]:
    lines = [
        line("new", unit, type="ward", under=draw(st.sampled_from(("UBND", "P.SG"))), mailbox=f"ubnd.{unit.lower()}")
        for unit in NEW
    ]
    for unit in OLD:
        action = draw(st.sampled_from(("", "merge", "merge", "split", "dissolve", "rename", "move")))
        if action in ("merge", "dissolve"):
            lines.append(line(action, unit, into=draw(target), mailbox=draw(mailbox)))
        elif action == "split":
            first, second = draw(st.lists(target, min_size=2, max_size=2, unique=True))
            positions = "|".join(draw(st.lists(st.sampled_from(("CT", "TP", "CV", "VT")), min_size=1, unique=True)))
            lines.append(line(action, unit, into=first, positions=positions))
            lines.append(line(action, unit, into=second, mailbox=draw(mailbox)))
        elif action == "rename":
            lines.append(line(action, unit, name=f"{unit} đổi tên", code="H29.9"))
        elif action == "move":
            lines.append(line(action, unit, under=draw(st.sampled_from((*KEPT, *NEW, *OLD)))))
    # who goes elsewhere need not be somebody whose unit ends: then the plan is refused
    going = draw(st.lists(st.integers(1, 16), max_size=2, unique=True)) if draw(st.integers(0, 3)) == 0 else []
    officials = [f"CB{number},{draw(st.sampled_from((*KEPT, *NEW, '-')))}\n" for number in going]
    order = draw(st.permutations(lines))
    return "".join(order), "official,unit\n" + "".join(officials) if officials else ""


def posts_on(directory: Directory, day: str) -> Counter[str]:
    """How many posts each person holds on a day."""
    holds = (appointment.c.valid_from <= day) & (
        appointment.c.valid_until.is_(None) | (appointment.c.valid_until >= day)
    )
    with directory.read() as conn:
        return Counter(conn.execute(select(appointment.c.person_id).where(holds)).scalars())


def reachable(directory: Directory) -> set[str]:
    """Addresses that lead to somebody, of those that were ever given out."""
    with directory.read() as conn:
        known = conn.execute(select(address.c.address).where(address.c.group_id.is_(None))).scalars().all()
        found = {text: resolve(conn, text) for text in known}
    return {text for text, reached in found.items() if reached is not None and reached.accounts}


def nothing_is_left_behind(directory: Directory) -> None:
    """Whatever is open on the day is in a unit that is."""
    with directory.read() as conn:
        tree = units.tree(conn)
        posts = conn.execute(
            select(appointment.c.unit_id).where(
                appointment.c.valid_until.is_(None) | (appointment.c.valid_until >= DAY)
            )
        )
        boxes = conn.execute(select(account.c.unit_id).where(account.c.kind == "unit", account.c.status != "closed"))
        parents = [unit.parent_id for unit in tree.by_id.values() if unit.parent_id is not None]
        assert {*posts.scalars(), *boxes.scalars(), *parents} <= set(tree.by_id)
        for unit_id in tree.by_id:
            assert tree.path(unit_id)[0].short_name == "UBND"


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=a_plan())
def test_any_plan_is_whole_and_can_be_undone(settled: Template, written: tuple[str, str]) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "directory.db"
        shutil.copy(settled.path, path)
        directory = open_directory(f"sqlite:///{path}", clock=Clock(START))
        try:
            _live_through(directory, *written)
        finally:
            directory.close()


def _live_through(directory: Directory, units_csv: str, officials_csv: str) -> None:
    before, posts, addresses = snapshot(directory), posts_on(directory, EVE), reachable(directory)
    text = plan_text(units_csv, officials_csv)
    with directory.read() as conn:
        mistakes, _ = life.rehearse(conn, text)
    if mistakes:
        event("refused")
        assert all(mistake.file in ("units.csv", "officials.csv") for mistake in mistakes)
        with directory.write() as writing, pytest.raises(Fault):
            life.propose(writing, "cli:an", text)
        assert snapshot(directory) == before
        return
    event("applied")
    with directory.write() as conn:
        found = life.propose(conn, "cli:an", text)
    with directory.write() as conn:
        life.approve(conn, "cli:binh", found.id)
    life.apply(directory, "cli:an", found.id)
    assert directory.check_consistency() == []
    nothing_is_left_behind(directory)
    # the eve is as it was, and nobody holds a post twice or none who was not sent away
    assert posts_on(directory, EVE) == posts
    sent_away = officials_csv.count(",-")
    assert sum((posts - posts_on(directory, DAY)).values()) == sent_away
    assert posts_on(directory, DAY) <= posts
    # whatever address reached somebody still does
    assert addresses <= reachable(directory)
    life.undo(directory, "cli:an", found.id)
    assert directory.check_consistency() == []
    left = differing(before, snapshot(directory))
    assert set(left) <= {"account", "address"}
    assert all(lost == set() for lost, _ in left.values())
    assert {row[1] for _, rows in [left.get("address", (set(), set()))] for row in rows} <= {"retired"}
    assert reachable(directory) == addresses
