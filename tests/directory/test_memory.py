"""Estimates are made once, however many ask."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from directory.memory import LIFETIME, Estimates


def test_who_asks_together_waits_for_the_first() -> None:
    estimates, made, may_go = Estimates(lambda: 0.0), [], threading.Event()

    def make() -> int:
        made.append(1)
        may_go.wait(20)
        return 7

    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(estimates.recall, "key", make) for _ in range(8)]
        may_go.set()
        assert [each.result(20) for each in asked] == [7] * 8
    assert len(made) == 1


def test_what_is_old_serves_until_the_new_is_made() -> None:
    now = 0.0
    estimates = Estimates(lambda: now)
    assert estimates.recall("key", lambda: "old") == "old"
    now = LIFETIME
    assert estimates.recall("key", lambda: estimates.recall("key", lambda: "another") + " and new") == "old and new"
    assert estimates.recall("key", lambda: "another") == "old and new"


def test_a_count_that_fails_is_made_again() -> None:
    estimates = Estimates(lambda: 0.0)

    def fail() -> int:
        raise OSError

    with pytest.raises(OSError):
        estimates.recall("key", fail)
    assert estimates.recall("key", lambda: 3) == 3
