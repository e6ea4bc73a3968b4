"""The throttle slows the guesser down, and nobody else."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.throttle import (
    FREE_PER_NETWORK,
    FREE_PER_PAIR,
    HALF_LIFE,
    LONGEST_PAUSE,
    LONGEST_WAIT,
    LONGEST_WAIT_WHERE_KNOWN,
    Throttle,
    ThrottleMemory,
)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    return Throttle(monotonic=clock)


GUESSER, OWNER = "203.0.113.9", "198.51.100.7"


def guess(throttle: Throttle, clock: Clock, client: str, logins: list[str], seconds: float) -> int:
    """Guess as fast as one may for so long; how many guesses were judged."""
    judged = 0
    until = clock.now + seconds
    while clock.now < until:
        waits = []
        for login in logins:
            wait = throttle.blocked(client, login)
            if wait > 0:
                waits.append(wait)
                continue
            judged += 1
            throttle.failed(client, login, str(judged).encode())
        step = max(0.01, min(waits) if len(waits) == len(logins) else 0.01)
        if clock.now + step >= until:
            break
        clock.now += step
    return judged


def test_the_first_mistakes_cost_nothing(throttle: Throttle) -> None:
    for number in range(FREE_PER_PAIR):
        assert throttle.blocked(OWNER, "an") == 0
        throttle.failed(OWNER, "an", bytes([number]))
    assert throttle.blocked(OWNER, "an") == 0


def test_a_guesser_at_one_login_is_slowed_to_a_crawl(throttle: Throttle, clock: Clock) -> None:
    assert guess(throttle, clock, GUESSER, ["an"], 3600) < 35
    assert 0 < throttle.blocked(GUESSER, "an") <= LONGEST_WAIT


def test_a_guesser_at_many_logins_is_slowed_by_his_network(throttle: Throttle, clock: Clock) -> None:
    logins = [f"user{number}" for number in range(500)]
    assert guess(throttle, clock, GUESSER, logins, 3600) < 150
    # one of IPv6 has no more than his /64
    assert guess(throttle, clock, "2001:db8::1", logins, 600) < 80
    assert throttle.blocked("2001:db8::ffff:2", "somebody") > 0
    assert throttle.blocked("2001:db8:0:1::1", "somebody") == 0


def test_nobody_elsewhere_is_kept_out(throttle: Throttle, clock: Clock) -> None:
    guess(throttle, clock, GUESSER, ["an", *(f"user{number}" for number in range(100))], 1200)
    assert throttle.blocked(GUESSER, "an") > 0
    assert throttle.blocked(OWNER, "an") == 0


def test_thousands_of_networks_only_make_strangers_wait_a_moment(throttle: Throttle, clock: Clock) -> None:
    throttle.succeeded(OWNER, "an")
    for number in range(5000):
        client = f"10.{number // 250}.{number % 250}.1"
        if throttle.blocked(client, "an") == 0:
            throttle.failed(client, "an", bytes(number % 7))
    # at home: not even that; from somewhere new: judged all the same, after a pause that has an end
    assert throttle.blocked(OWNER, "an") == 0
    assert throttle.delay(OWNER, "an") == 0
    assert throttle.blocked("192.0.2.55", "an") == 0
    assert 0 < throttle.delay("192.0.2.55", "an") <= LONGEST_PAUSE
    assert throttle.delay("192.0.2.55", "another") == 0


def test_a_colleague_behind_the_same_address_keeps_nobody_out_who_signed_in_there(
    throttle: Throttle, clock: Clock
) -> None:
    throttle.succeeded(OWNER, "An")
    guess(throttle, clock, OWNER, [f"user{number}" for number in range(200)], 600)
    assert throttle.blocked(OWNER, "user3") > 0
    assert throttle.blocked(OWNER, "an") == 0
    guess(throttle, clock, OWNER, ["an"], 600)
    assert throttle.blocked(OWNER, "an") <= LONGEST_WAIT_WHERE_KNOWN


def test_a_right_password_elsewhere_does_not_buy_guesses(throttle: Throttle, clock: Clock) -> None:
    guess(throttle, clock, GUESSER, [f"user{number}" for number in range(100)], 600)
    throttle.succeeded(GUESSER, "his.own")
    assert throttle.blocked(GUESSER, "user7") > 0


def test_the_same_wrong_password_is_one_guess(throttle: Throttle, clock: Clock) -> None:
    for _ in range(1000):
        throttle.failed(OWNER, "an", b"last month's")
        clock.now += 60
    assert throttle.blocked(OWNER, "an") == 0
    assert throttle.blocked(OWNER, "binh") == 0


def test_patience_is_rewarded(throttle: Throttle, clock: Clock) -> None:
    for number in range(FREE_PER_PAIR + 3):
        throttle.failed(OWNER, "an", bytes([number]))
    assert throttle.blocked(OWNER, "an") > 0
    clock.now += 20 * HALF_LIFE
    for number in range(FREE_PER_PAIR - 1):
        throttle.failed(OWNER, "an", bytes([100 + number]))
    assert throttle.blocked(OWNER, "an") == 0


def test_success_ends_the_wait_of_the_pair(throttle: Throttle) -> None:
    for number in range(FREE_PER_PAIR + 2):
        throttle.failed(OWNER, "an", bytes([number]))
    throttle.succeeded(OWNER, "an")
    assert throttle.blocked(OWNER, "an") == 0


def test_exempt_networks_are_never_slowed(clock: Clock) -> None:
    throttle = Throttle(["127.0.0.0/8", "::1/128", "10.1.0.0/16"], monotonic=clock)
    for client in ("127.0.0.1", "::1", "::ffff:127.0.0.1", "10.1.2.3"):
        for number in range(300):
            assert throttle.failed(client, "an", str(number).encode()) == 0
        assert throttle.blocked(client, "an") == 0
        assert throttle.delay(client, "an") == 0
    for number in range(FREE_PER_NETWORK * 3):
        throttle.failed("::2", f"u{number}", b"x")
    assert throttle.blocked("::2", "an") > 0


def test_memory_is_bounded(clock: Clock) -> None:
    throttle = Throttle(monotonic=clock, memory=ThrottleMemory(capacity=100))
    throttle.succeeded(OWNER, "an")
    for number in range(1000):
        throttle.failed(f"10.0.{number // 250}.{number % 250}", f"user{number}", b"x")
    # a flood of failures does not push out who is at home
    for number in range(FREE_PER_NETWORK + 20):
        throttle.failed(OWNER, f"stranger{number}", b"x")
    assert throttle.blocked(OWNER, "an") == 0


def test_processes_count_together(clock: Clock) -> None:
    memory = ThrottleMemory()
    throttle = Throttle(monotonic=clock, memory=memory)
    throttle.succeeded(OWNER, "an")
    child = os.fork()
    if child == 0:
        other = Throttle(monotonic=clock, memory=memory)
        for number in range(FREE_PER_PAIR + 2):
            other.failed(GUESSER, "an", bytes([number]))
        at_home = other.delay(OWNER, "an") == 0 and other._is_known(OWNER, "an", clock())
        os._exit(0 if at_home else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert throttle.blocked(GUESSER, "an") > 0
    assert throttle.blocked(OWNER, "an") == 0


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["203.0.113.9", "203.0.113.10", "2001:db8::1"]),
            st.sampled_from(["an", "binh", "chi"]),
            st.sampled_from(["fail", "wait", "long wait"]),
            st.binary(max_size=2),
        ),
        max_size=120,
    )
)
def test_whatever_others_do_the_owner_is_judged_at_once(steps: list[tuple[str, str, str, bytes]]) -> None:
    clock = Clock()
    throttle = Throttle(monotonic=clock)
    for client, login, action, mark in steps:
        if action == "fail":
            assert throttle.failed(client, login, mark) >= 0
        else:
            clock.now += 1 if action == "wait" else 500
        assert 0 <= throttle.blocked(client, login) <= LONGEST_WAIT
        assert throttle.blocked(OWNER, login) == 0
        assert 0 <= throttle.delay(OWNER, login) <= LONGEST_PAUSE
