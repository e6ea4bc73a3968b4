"""Work in the background rests while people are answered beside it, and gets on all the same."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from mailserver.servers import giving_way
from mailserver.servers.giving_way import PIECE, GivingWay, Siblings


class Machine:
    """Others who use a share of a processor; work and sleep take the time they say."""

    def __init__(self, busy: float) -> None:
        self.busy = busy
        self.busy_until = float("inf")
        self.now = self.used = self.slept = 0.0
        self.give_way = GivingWay(self.sleep, lambda: self.used, lambda: self.now)

    def passes(self, seconds: float) -> None:
        self.used += self.busy * max(0.0, min(seconds, self.busy_until - self.now))
        self.now += seconds

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.passes(seconds)

    def work(self, pieces: int, seconds: float = PIECE) -> None:
        for _ in range(pieces):
            self.passes(seconds)
            self.give_way()


@pytest.mark.parametrize("busy", [0.0, 0.01])
def test_with_nobody_to_answer_it_never_rests(busy: float) -> None:
    machine = Machine(busy)
    machine.work(100)
    assert machine.slept == 0


@pytest.mark.parametrize("busy", [0.1, 1.0, 8.0])
@pytest.mark.parametrize("piece", [PIECE, 0.1])
def test_beside_others_who_are_always_busy_it_has_a_quarter_of_the_time(busy: float, piece: float) -> None:
    machine = Machine(busy)
    machine.work(100, piece)
    assert machine.slept == pytest.approx(0.75 * machine.now)


def test_a_rest_ends_when_nobody_is_busy_any_more() -> None:
    machine = Machine(0.5)
    machine.busy_until = 0.3
    machine.work(1, 0.2)
    assert machine.now == pytest.approx(0.32)
    machine.work(100)
    assert machine.slept == pytest.approx(0.12)


def test_small_pieces_count_together() -> None:
    machine = Machine(0.5)
    machine.work(5, PIECE / 5.1)
    assert machine.slept == 0
    machine.work(1, PIECE / 5.1)
    assert machine.slept == pytest.approx(3 * PIECE * 6 / 5.1)


def test_who_had_to_wait_for_a_processor_rests_no_longer_for_that() -> None:
    machine = Machine(2.0)
    machine.work(1, 60.0)
    assert machine.slept == pytest.approx(0.75)


def test_how_busy_siblings_are_is_what_the_kernel_says(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as child:
        monkeypatch.setattr(giving_way, "_siblings", lambda: [child.pid])
        siblings = Siblings()
        while siblings.used() < 0.1:
            time.sleep(0.01)
        child.kill()
        child.wait()
        assert siblings.used() >= 0.1


def test_siblings_are_all_children_of_the_parent_but_this_one() -> None:
    program = """
import os, time
from mailserver.servers import giving_way
other = os.fork()
if other == 0:
    time.sleep(600)
if os.fork() == 0:
    os._exit(0 if giving_way._siblings() == [other] else 1)
_, status = os.wait()
os.kill(other, 9)
print(status)
"""
    told = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
    assert told.stdout == b"0\n"
    assert os.getpid() not in giving_way._siblings()
