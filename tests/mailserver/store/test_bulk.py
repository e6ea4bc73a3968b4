"""The same for many messages, in steps, and the way back of each step."""

from __future__ import annotations

from typing import Any

import pytest

from mailserver.refusals import NoSuchMailbox
from mailserver.store import bulk, mailboxes, messages
from mailserver.store.bulk import Mark, Move


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "STEP", 3)


def change(clerk: Any, places: dict[int, list[int]], what: Mark | Move, token: str = "t") -> int:
    return bulk.change(clerk.store, clerk.account, places, what, token)


def test_many_move_in_steps_and_come_back_as_they_were(clerk: Any) -> None:
    other, target = clerk.create("Other"), clerk.create("Target")
    clerk.fill(7)
    clerk.fill(2, other)
    clerk.do(messages.set_flags, clerk.inbox.id, [(2, 2)], "add", ["\\Flagged", "urgent"])
    clerk.fill(1, target)
    before = sorted(map(sorted, clerk.flags().values()))
    assert change(clerk, {clerk.inbox.id: [7, 1, 2, 3, 4, 5, 99], other.id: [1, 2]}, Move(target.id)) == 8
    assert clerk.uids() == [6]
    assert clerk.uids(other) == []
    assert len(clerk.uids(target)) == 9
    assert bulk.take_back(clerk.store, clerk.account, "t") == 8
    assert sorted(map(sorted, clerk.flags().values())) == before
    assert len(clerk.uids(other)) == 2
    assert clerk.uids(target) == [1]
    assert bulk.take_back(clerk.store, clerk.account, "t") == 0
    for each in (clerk.inbox, other, target):
        assert clerk.counters(each) == clerk.recount(each)


def test_marks_come_off_where_they_were_put_on(clerk: Any) -> None:
    clerk.fill(5)
    clerk.do(messages.set_flags, clerk.inbox.id, [(2, 3)], "add", ["\\Seen"])
    assert change(clerk, {clerk.inbox.id: [1, 2, 3, 4, 5]}, Mark("add", "\\Seen")) == 3
    assert change(clerk, {clerk.inbox.id: [1, 2, 3, 4, 5]}, Mark("remove", "\\Seen"), "u") == 5
    assert bulk.take_back(clerk.store, clerk.account, "u") == 5
    assert bulk.take_back(clerk.store, clerk.account, "t") == 3
    assert [uid for uid, flags in clerk.flags().items() if "\\Seen" in flags] == [2, 3]


def test_what_changed_nothing_has_no_way_back(clerk: Any) -> None:
    clerk.fill(2, flags=("\\Seen",))
    assert change(clerk, {clerk.inbox.id: [1, 2]}, Mark("add", "\\Seen")) == 0
    assert change(clerk, {clerk.inbox.id: [1, 2]}, Move(clerk.inbox.id)) == 0
    assert bulk.take_back(clerk.store, clerk.account, "t") == 0


def test_an_undoing_goes_on_where_it_stopped(clerk: Any) -> None:
    first, second, target = clerk.create("First"), clerk.create("Second"), clerk.create("Target")
    clerk.fill(3, first)
    clerk.fill(3, second)
    change(clerk, {first.id: [1, 2, 3], second.id: [1, 2, 3]}, Move(target.id))
    clerk.do(mailboxes.delete_mailbox, clerk.account, "First")
    with pytest.raises(NoSuchMailbox):
        bulk.take_back(clerk.store, clerk.account, "t")
    assert len(clerk.uids(second)) == 3
    assert len(clerk.uids(target)) == 3  # nothing is lost with the mailbox that is gone


def test_others_do_not_take_it_back_and_it_is_forgotten(timed_store: Any, hire: Any, clock: Any) -> None:
    clerk = hire(timed_store)
    target = clerk.create("Target")
    clerk.fill(2)
    change(clerk, {clerk.inbox.id: [1]}, Move(target.id), "a")
    change(clerk, {clerk.inbox.id: [2]}, Move(target.id), "b")
    assert bulk.take_back(clerk.store, "binh", "a") == 0
    clock.now += bulk.KEPT
    clerk.do(bulk.sweep)
    assert bulk.take_back(clerk.store, clerk.account, "a") == 1
    clock.now += 1
    assert clerk.do(bulk.sweep) == 1
    assert bulk.take_back(clerk.store, clerk.account, "b") == 0
