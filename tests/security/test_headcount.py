"""Counting over processes: exact while few are counted, never too low, and nothing left of the dead."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from security.headcount import Headcount


@pytest.fixture
def headcount() -> Headcount:
    counting = Headcount()
    counting.sit_down()
    return counting


def in_a_child(headcount: Headcount, names: list[str], *, stays: bool = False) -> tuple[int, int]:
    """A process that counts ``names``; its id, and the end of a pipe that keeps it alive if it ``stays``."""
    done, say = os.pipe()
    hold, let_go = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(let_go)
        headcount.sit_down()
        for name in names:
            headcount.add(name)
        os.write(say, b"x")
        if stays:
            os.read(hold, 1)
        os._exit(0)
    os.close(hold)
    os.close(say)
    assert os.read(done, 1) == b"x"
    os.close(done)
    if not stays:
        os.close(let_go)
        os.waitpid(child, 0)
    return child, let_go


def test_it_counts_before_anybody_sat_down() -> None:
    counting = Headcount()
    counting.add("an")
    assert counting.count("an") == 1
    counting.remove("an")
    assert counting.count("an") == 0


def test_processes_see_each_other(headcount: Headcount) -> None:
    headcount.add("an")
    child, let_go = in_a_child(headcount, ["an", "an", "binh"], stays=True)
    assert (headcount.count("an"), headcount.count("binh"), headcount.count("chi")) == (3, 1, 0)
    assert headcount.mine == {"an": 1}
    os.close(let_go)
    os.waitpid(child, 0)


def test_the_seat_of_the_dead_is_empty_for_who_takes_it(headcount: Headcount) -> None:
    in_a_child(headcount, ["an"] * 5)
    child, let_go = in_a_child(headcount, ["binh"], stays=True)
    assert (headcount.count("an"), headcount.count("binh")) == (0, 1)
    os.close(let_go)
    os.waitpid(child, 0)


def test_without_a_seat_a_process_counts_for_itself(headcount: Headcount) -> None:
    for _ in range(70):
        headcount.sit_down(lambda _pid: True)
    headcount.add("an")
    assert headcount.count("an") == 1
    headcount.remove("an")
    assert headcount.mine == {}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 400), st.booleans()), max_size=200))
def test_never_too_low(headcount: Headcount, steps: list[tuple[int, bool]]) -> None:
    truth: Counter[str] = Counter()
    for number, comes in steps:
        name = str(number)
        if comes:
            headcount.add(name)
            truth[name] += 1
        elif truth[name]:
            headcount.remove(name)
            truth[name] -= 1
        assert headcount.count(name) >= truth[name]
    for name in list(truth.elements()):
        headcount.remove(name)
    assert headcount.mine == {}
    assert all(headcount.count(str(number)) == 0 for number in range(401))
