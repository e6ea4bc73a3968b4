"""A plan is worked out beside other writers, and what they did meanwhile is not lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from directory.database import Writing, open_directory
from directory.faults import Fault
from directory.housekeeping import tidy_up
from directory.mail import account_changes
from directory.plans import life
from directory.staff import people, unit_changes
from directory.staff.catching_up import catch_up
from directory.staff.postings import appointments_of
from directory.staff.units import tree
from tests.directory.plans.conftest import EVE, MERGER, Eve, plan_text, reached


@pytest.fixture
def meddle(eve: Eve, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Lets somebody else write right before each of the next transactions; the list tells how many were met."""

    def begin(change: Callable[[Writing], Any], times: int) -> list[int]:
        real, met = eve.directory.write, [0]

        @contextmanager
        def meddled(*, origin: str = "", reason: str = "") -> Iterator[Writing]:
            if met[0] < times:
                met[0] += 1
                with real() as conn:
                    change(conn)
            with real(origin=origin, reason=reason) as conn:
                yield conn

        monkeypatch.setattr(eve.directory, "write", meddled)
        return met

    return begin


def unit_of(eve: Eve, code: str) -> str:
    with eve.directory.read() as conn:
        person = people.find_official(conn, code).person_id
        return next(post.unit_id for post in appointments_of(conn, person) if post.valid_until is None)


def test_who_joins_while_it_is_worked_out_goes_along(eve: Eve, meddle: Callable[..., list[int]]) -> None:
    plan_id = eve.propose(plan_text(MERGER))
    meddle(lambda conn: eve.city.join(conn, "Trần Mới", "W1", "CV", employee_code="CB99"), 1)
    eve.apply(plan_id)
    with eve.directory.read() as conn:
        new = tree(conn).find("P.TĐ").id
    assert unit_of(eve, "CB99") == new
    assert eve.directory.check_consistency() == []


def test_others_who_never_rest_wait_at_last(eve: Eve, meddle: Callable[..., list[int]]) -> None:
    plan_id = eve.propose(plan_text(MERGER))
    number = iter(range(100, 200))
    met = meddle(lambda conn: eve.city.join(conn, "Trần Mới", "W1", "CV", employee_code=f"CB{next(number)}"), 4)
    eve.apply(plan_id)
    assert met == [4]
    with eve.directory.read() as conn:
        new = tree(conn).find("P.TĐ").id
    assert {unit_of(eve, f"CB{each}") for each in range(100, 104)} == {new}
    assert eve.directory.check_consistency() == []


def test_a_new_password_does_not_disturb_it(eve: Eve, meddle: Callable[..., list[int]]) -> None:
    plan_id = eve.propose(plan_text(MERGER))
    with eve.directory.read() as conn:
        someone = people.find_official(conn, "CB5").account.id
    met = meddle(lambda conn: account_changes.set_password(conn, "test", someone, "x"), 9)
    eve.apply(plan_id)
    # one for the switch, one for who catches up: it was not worked out twice
    assert met == [2]


def test_a_unit_that_ends_meanwhile_refuses_it(eve: Eve, meddle: Callable[..., list[int]]) -> None:
    plan_id = eve.propose(plan_text(MERGER))
    meddle(lambda conn: unit_changes.close_unit(conn, "x", eve.city.units["W2"], last_day="2026-02-01", force=True), 1)
    with pytest.raises(Fault) as caught:
        eve.apply(plan_id)
    assert caught.value.code == "plan-mistakes"
    with eve.directory.read() as conn:
        assert life.find_plan(conn, plan_id).state == "approved"


def test_accounts_catch_up_after_a_death(eve: Eve, monkeypatch: pytest.MonkeyPatch) -> None:
    """The switch is committed, and the process gone before any account repeats it."""
    plan_id = eve.propose(plan_text(MERGER))
    real, met = eve.directory.write, [0]

    @contextmanager
    def dying(*, origin: str = "", reason: str = "") -> Iterator[Writing]:
        met[0] += 1
        if met[0] > 1:
            raise KeyboardInterrupt
        with real(origin=origin, reason=reason) as conn:
            yield conn

    monkeypatch.setattr(eve.directory, "write", dying)
    with pytest.raises(KeyboardInterrupt):
        eve.apply(plan_id)
    monkeypatch.setattr(eve.directory, "write", real)
    with eve.directory.read() as conn:
        assert life.find_plan(conn, plan_id).state == "applied"
        assert people.find_official(conn, "CB5").account.unit.startswith("Phường Một")
    assert eve.directory.check_consistency() == []
    tidy_up(eve.directory)
    with eve.directory.read() as conn:
        assert people.find_official(conn, "CB5").account.unit.startswith("Phường Tân Định mới")
    assert eve.directory.check_consistency() == []
    assert catch_up(eve.directory) == 0


def test_who_is_sent_away_is_nobody_any_more_at_once(eve: Eve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups of everybody go by what accounts repeat."""
    from directory.mail import groups

    with eve.directory.write() as conn:
        everybody = groups.add_group(conn, "test", address_text="moi-nguoi", name="Mọi người")
        groups.add_rule(conn, "test", everybody.id)
        gone = people.find_official(conn, "CB9").account.id
        assert gone in reached(conn, everybody.address)
    plan_id = eve.propose(plan_text(MERGER, "official,from_unit,unit,position,title\nCB9,W2,-,,\n"))
    monkeypatch.setattr("directory.plans.life.catch_up", lambda directory: 0)
    eve.apply(plan_id)
    with eve.directory.read() as conn:
        assert gone not in reached(conn, everybody.address)
    eve.undo(plan_id)
    with eve.directory.read() as conn:
        assert gone in reached(conn, everybody.address)
    assert eve.directory.check_consistency() == []


def test_it_is_worked_out_from_fresh_knowledge(eve: Eve) -> None:
    """What another process did a moment ago counts, though this one has not noticed yet."""
    plan_id = eve.propose(plan_text(MERGER))
    with eve.directory.read() as conn:
        tree(conn, EVE)
    other = open_directory(eve.directory.url, clock=eve.directory.clock)
    with other.write() as writing:
        unit_changes.add_unit(
            writing, "test", name="Khu phố 1", short_name="KP1", type_code="phuong", valid_from="2020-01-01",
            parent_id=eve.city.units["W1"],
        )  # fmt: skip
    other.close()
    eve.apply(plan_id)
    with eve.directory.read() as conn:
        units = tree(conn)
        assert units.find("KP1").parent_id == units.find("P.TĐ").id
    assert eve.directory.check_consistency() == []
