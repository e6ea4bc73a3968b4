"""So many at once, and then as many as come again."""

from __future__ import annotations

import os

import pytest

from security.pace import Pace


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_and_then_a_steady_pace() -> None:
    clock = Clock()
    pace = Pace(3, 2.0, clock)
    assert [pace.wait("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert pace.wait("b") == 0.0
    clock.now += 0.25
    assert pace.wait("a") == 0.25  # asking in vain costs nothing
    clock.now += 0.25
    assert [pace.wait("a"), pace.wait("a")] == [0.0, 0.5]
    clock.now += 1000
    assert [pace.wait("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


def test_processes_count_together() -> None:
    pace = Pace(2, 0.001, Clock())
    child = os.fork()
    if not child:
        os._exit(int(pace.wait("a") > 0))
    assert os.waitpid(child, 0)[1] == 0
    assert pace.wait("a") == 0.0
    assert pace.wait("a") == pytest.approx(1000)
