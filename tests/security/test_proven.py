"""The memory of proven logins: what it holds, for how long, and between processes."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from security.proven import ProvenLogins


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_holds_what_was_proven_until_it_ends() -> None:
    clock = Clock()
    proven = ProvenLogins(60, monotonic=clock)
    assert not proven.holds("an", "hash", "mật khẩu")
    proven.remember("an", "hash", "mật khẩu")
    assert proven.holds("an", "hash", "mật khẩu")
    clock.now += 59
    assert proven.holds("an", "hash", "mật khẩu")
    clock.now += 2
    assert not proven.holds("an", "hash", "mật khẩu")


def test_composed_and_decomposed_letters_are_one_password() -> None:
    proven = ProvenLogins(60, monotonic=Clock())
    proven.remember("an", "hash", "mật khẩu")
    assert proven.holds("an", "hash", "m\u00e2\u0323t kh\u00e2\u0309u")


def test_a_new_hash_or_another_account_is_not_proven() -> None:
    proven = ProvenLogins(60, monotonic=Clock())
    proven.remember("an", "hash", "secret")
    assert not proven.holds("an", "new hash", "secret")
    assert not proven.holds("binh", "hash", "secret")
    assert not proven.holds("an", "hash", "Secret")
    # fields are kept apart: the same letters, divided otherwise
    assert not proven.holds("anh", "ash", "secret")


def test_nothing_is_remembered_without_a_time() -> None:
    proven = ProvenLogins(0, monotonic=Clock())
    proven.remember("an", "hash", "secret")
    assert not proven.holds("an", "hash", "secret")


def test_a_full_table_gives_up_the_oldest() -> None:
    clock = Clock()
    proven = ProvenLogins(60, monotonic=clock, capacity=8)
    for number in range(9):
        clock.now += 1
        proven.remember(f"account{number}", "hash", "secret")
    assert [proven.holds(f"account{number}", "hash", "secret") for number in range(9)] == [False, *[True] * 8]


def test_forget_all() -> None:
    proven = ProvenLogins(60, monotonic=Clock())
    proven.remember("an", "hash", "secret")
    proven.forget_all()
    assert not proven.holds("an", "hash", "secret")


def test_forked_processes_share_it() -> None:
    proven = ProvenLogins(60, monotonic=Clock())
    child = os.fork()
    if child == 0:
        proven.remember("an", "hash", "secret")
        os._exit(0)
    os.waitpid(child, 0)
    assert proven.holds("an", "hash", "secret")


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5), st.text(max_size=5)), max_size=30))
def test_holds_exactly_what_it_was_told(logins: list[tuple[str, str, str]]) -> None:
    proven = ProvenLogins(60, monotonic=Clock(), capacity=4096)
    told = logins[: len(logins) // 2]
    for login in told:
        proven.remember(*login)
    assert all(proven.holds(*login) for login in told)
