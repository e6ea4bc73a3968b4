"""Counts that leak: free up to a limit, then refused, and free again after a while."""

from __future__ import annotations

from mailserver.servers.smtp_conduct import HOUR, MINUTE, Conduct


def test_connections_of_a_minute():
    now = 1000.0
    conduct = Conduct(connections=6, unknown=0, monotonic=lambda: now)
    assert [conduct.came("a") for _ in range(8)] == [True] * 6 + [False] * 2
    assert conduct.came("b")
    now += MINUTE / 6
    assert [conduct.came("a"), conduct.came("a")] == [True, False]
    now += MINUTE
    assert all(conduct.came("a") for _ in range(6))


def test_unknown_recipients_of_an_hour():
    now = 1000.0
    conduct = Conduct(connections=0, unknown=10, monotonic=lambda: now)
    for _ in range(9):
        conduct.asked_unknown("a")
    assert not conduct.is_harvesting("a")
    for _ in range(100):
        conduct.asked_unknown("a")
    assert conduct.is_harvesting("a")
    assert not conduct.is_harvesting("b")
    now += HOUR / 10  # however many it asked for
    assert not conduct.is_harvesting("a")


def test_no_limit():
    conduct = Conduct(connections=0, unknown=0, monotonic=lambda: 0.0)
    for _ in range(1000):
        assert conduct.came("a")
        conduct.asked_unknown("a")
    assert not conduct.is_harvesting("a")
