"""Copying, moving, expunging and bringing back."""

from __future__ import annotations

from typing import Any

import pytest

from mailserver.refusals import NoSuchMailbox
from mailserver.store import changes, mailboxes, messages, reading
from mailserver.store.reading import as_ranges


def test_copies_keep_order_flags_dates_and_body(clerk: Any, mail: Any) -> None:
    target = clerk.create("Lưu trữ/2025")
    clerk.fill(2, target)
    for number in range(4):
        clerk.append(mail(f"{number}"), flags=("\\Seen", f"k{number}") if number % 2 else (), date=1000 + number)
    assert clerk.do(messages.copy, clerk.inbox.id, [(2, 4), (77, 80)], target.id) == [(2, 3), (3, 4), (4, 5)]
    rows = clerk.ask(reading.placements, target.id, [(3, 5)])
    assert [row.internal_date for row in rows] == [1001, 1002, 1003]
    assert clerk.flags(target) == {1: set(), 2: set(), 3: {"\\Seen", "k1"}, 4: set(), 5: {"\\Seen", "k3"}}
    assert clerk.octets(5, target) == mail("3")
    for mailbox in (clerk.inbox, target):
        assert clerk.counters(mailbox) == clerk.recount(mailbox)
    assert clerk.mailbox(target.id).uid_next == 6
    # One message row for both.
    assert clerk.ask(reading.placements, clerk.inbox.id, [(2, 2)])[0].message_id == rows[0].message_id


def test_copy_within_a_mailbox(clerk: Any) -> None:
    clerk.fill(3)
    assert clerk.do(messages.copy, clerk.inbox.id, [(1, 4294967295)], clerk.inbox.id) == [(1, 4), (2, 5), (3, 6)]
    assert clerk.counters(clerk.inbox) == clerk.recount(clerk.inbox)


def test_copy_of_overlapping_ranges_copies_once(clerk: Any) -> None:
    target = clerk.create("T")
    clerk.fill(3)
    ranges = [(1, 3), *[(2, 2)] * 900, (1, 2)]
    assert clerk.do(messages.copy, clerk.inbox.id, ranges, target.id) == [(1, 1), (2, 2), (3, 3)]


def test_copy_of_nothing_still_wants_the_target(clerk: Any) -> None:
    assert clerk.do(messages.copy, clerk.inbox.id, [(1, 9)], clerk.inbox.id) == []
    with pytest.raises(NoSuchMailbox):
        clerk.do(messages.copy, clerk.inbox.id, [(1, 9)], 424242)
    clerk.fill(1)
    with pytest.raises(NoSuchMailbox):
        clerk.do(messages.copy, clerk.inbox.id, [(1, 9)], 424242)


def test_move_leaves_each_message_in_one_place(clerk: Any) -> None:
    target = clerk.create("T")
    clerk.fill(5)
    assert clerk.do(messages.move, clerk.inbox.id, [(2, 3), (5, 5)], target.id) == [(2, 1), (3, 2), (5, 3)]
    assert clerk.uids() == [1, 4]
    assert clerk.uids(target) == [1, 2, 3]
    assert clerk.ask(changes.vanished_since, clerk.inbox.id, 1) == [2, 3, 5]
    for mailbox in (clerk.inbox, target):
        assert clerk.counters(mailbox) == clerk.recount(mailbox)


def test_move_to_the_same_mailbox_gives_new_uids_and_loses_nothing(clerk: Any) -> None:
    clerk.fill(3)
    assert clerk.do(messages.move, clerk.inbox.id, [(1, 4294967295)], clerk.inbox.id) == [(1, 4), (2, 5), (3, 6)]
    assert clerk.uids() == [4, 5, 6]
    assert clerk.counters(clerk.inbox) == clerk.recount(clerk.inbox)


def test_a_failed_move_changes_nothing(clerk: Any) -> None:
    clerk.fill(2)
    before = clerk.mailbox()
    with pytest.raises(NoSuchMailbox):
        clerk.do(messages.move, clerk.inbox.id, [(1, 2)], 424242)
    assert clerk.mailbox() == before
    assert clerk.uids() == [1, 2]


def test_expunge_takes_only_deleted_ones_within_ranges(clerk: Any) -> None:
    clerk.fill(6)
    clerk.do(messages.set_flags, clerk.inbox.id, [(2, 5)], "add", ["\\Deleted"])
    assert clerk.do(messages.expunge, clerk.inbox.id, [(1, 3)]) == [2, 3]
    assert clerk.uids() == [1, 4, 5, 6]
    assert clerk.do(messages.expunge, clerk.inbox.id) == [4, 5]
    assert clerk.do(messages.expunge, clerk.inbox.id) == []
    assert clerk.uids() == [1, 6]
    assert clerk.counters(clerk.inbox) == clerk.recount(clerk.inbox)


def test_expunge_raises_the_modseq_only_when_something_went(clerk: Any) -> None:
    clerk.fill(2)
    before = clerk.mailbox().highest_modseq
    clerk.do(messages.expunge, clerk.inbox.id)
    clerk.do(messages.remove, clerk.inbox.id, [(8, 9)])
    assert clerk.mailbox().highest_modseq == before
    clerk.do(messages.remove, clerk.inbox.id, [(1, 1)])
    assert clerk.mailbox().highest_modseq == before + 1


@pytest.mark.parametrize("more", [0, 30])
def test_overlapping_ranges_take_away_once(clerk: Any, more: int) -> None:
    clerk.fill(6)
    assert clerk.do(messages.remove, clerk.inbox.id, [(4, 9), (2, 4), *[(5, 5)] * more]) == [2, 3, 4, 5, 6]
    assert clerk.uids() == [1]
    assert clerk.counters(clerk.inbox) == clerk.recount(clerk.inbox)


def test_uids_are_never_given_again(clerk: Any) -> None:
    clerk.fill(3)
    assert clerk.do(messages.remove, clerk.inbox.id, [(1, 3)]) == [1, 2, 3]
    assert clerk.fill(1) == [4]


def test_removed_messages_come_back_with_dates_and_flags(clerk: Any, mail: Any) -> None:
    target = clerk.create("Khôi phục")
    clerk.append(mail("giữ"), flags=("\\Seen", "\\Deleted", "vàng".replace("à", "a")), date=4711)
    clerk.append(mail("đi"), date=4712)
    size = clerk.mailbox().size
    clerk.do(messages.remove, clerk.inbox.id, [(1, 2)])
    assert clerk.do(messages.restore, clerk.inbox.id, [2, 1, 55], target.id) == [1, 2]
    assert clerk.flags(target) == {1: {"\\Seen", "vang"}, 2: set()}
    assert [row.internal_date for row in clerk.ask(reading.placements, target.id)] == [4711, 4712]
    assert clerk.octets(1, target) == mail("giữ")
    assert clerk.counters(target) == clerk.recount(target) == (2, 1, 0, size)
    # Clients that still know the old UIDs must hear that they are gone.
    assert clerk.ask(changes.vanished_since, clerk.inbox.id, 1) == [1, 2]


def test_restore_into_the_mailbox_it_was_in(clerk: Any, mail: Any) -> None:
    clerk.append(mail(), flags=("\\Flagged",))
    clerk.do(messages.remove, clerk.inbox.id, [(1, 1)])
    assert clerk.do(messages.restore, clerk.inbox.id, [1], clerk.inbox.id) == [2]
    assert clerk.flags() == {2: {"\\Flagged"}}
    assert clerk.do(messages.restore, clerk.inbox.id, [], clerk.inbox.id) == []


def test_messages_of_a_deleted_mailbox_come_back(clerk: Any, mail: Any) -> None:
    doomed = clerk.create("Tạm")
    clerk.append(mail("quan trọng"), doomed, flags=("giu-lai",))
    clerk.do(mailboxes.delete_mailbox, "an", "Tạm")
    assert clerk.do(messages.restore, doomed.id, [1], clerk.inbox.id) == [1]
    assert clerk.flags() == {1: {"giu-lai"}}


def test_undo_of_a_very_large_removal(clerk: Any, mail: Any) -> None:
    """More messages than a statement may carry values."""
    content = clerk.store.prepare(mail())
    message_id = clerk.do(messages.insert_message, content)
    count = 70_000
    clerk.do(_place_many, clerk.inbox.id, message_id, content.size, count)
    assert len(clerk.do(messages.remove, clerk.inbox.id, [(1, count)])) == count
    assert len(clerk.do(messages.restore, clerk.inbox.id, range(1, count + 1), clerk.inbox.id)) == count
    assert clerk.counters(clerk.inbox) == (count, count, 0, count * content.size)


def test_long_jobs_over_many_scattered_messages(clerk: Any, mail: Any) -> None:
    content = clerk.store.prepare(mail())
    message_id = clerk.do(messages.insert_message, content)
    count = 5000
    clerk.do(_place_many, clerk.inbox.id, message_id, content.size, count)
    target = clerk.create("T")
    every_other = as_ranges(range(1, count, 2))
    assert len(every_other) == count // 2
    assert len(clerk.do(messages.set_flags, clerk.inbox.id, every_other, "add", ["\\Deleted"]).changed) == count // 2
    assert len(clerk.do(messages.copy, clerk.inbox.id, every_other, target.id)) == count // 2
    assert len(clerk.do(messages.expunge, clerk.inbox.id, every_other)) == count // 2
    assert clerk.uids() == list(range(2, count + 1, 2))


def _place_many(tx: Any, mailbox_id: int, message_id: int, size: int, count: int) -> None:
    """``count`` copies of one message, as COPY makes them: by doubling."""
    messages.place(tx, message_id, size, messages.Target(mailbox_id))
    have = 1
    while have < count:
        messages.copy(tx, mailbox_id, [(1, min(have, count - have))], mailbox_id)
        have = min(2 * have, count)


def test_ranges_of_numbers() -> None:
    assert as_ranges([]) == []
    assert as_ranges([5, 1, 2, 3, 9, 2]) == [(1, 3), (5, 5), (9, 9)]
    assert as_ranges([0]) == [(0, 0)]
