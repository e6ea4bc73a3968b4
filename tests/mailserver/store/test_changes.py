"""What changed since a MODSEQ, against a plain recording of every change."""

from __future__ import annotations

import random
from typing import Any

import pytest

from mailserver.store import Store, changes, housekeeping, messages, reading

DAY = 86_400


def test_arrivals_and_changes_since(clerk: Any) -> None:
    clerk.fill(3)
    before = clerk.mailbox().highest_modseq
    assert clerk.ask(changes.changed_since, clerk.inbox.id, before) == []
    clerk.do(messages.set_flags, clerk.inbox.id, [(2, 2)], "add", ["\\Seen"])
    middle = clerk.mailbox().highest_modseq
    clerk.fill(1)
    clerk.do(messages.set_flags, clerk.inbox.id, [(1, 1)], "add", ["\\Flagged"])
    now = clerk.mailbox().highest_modseq
    assert clerk.ask(changes.changed_since, clerk.inbox.id, before) == [(1, 4, now), (2, 1, middle), (4, 0, now - 1)]
    assert clerk.ask(changes.changed_since, clerk.inbox.id, middle) == [(1, 4, now), (4, 0, now - 1)]
    assert [uid for uid, _, _ in clerk.ask(changes.changed_since, clerk.inbox.id, 0)] == [1, 2, 3, 4]
    assert clerk.ask(changes.changed_since, clerk.inbox.id, 10**15) == []


def test_the_newest_messages_gone_hide_none_of_the_others(clerk: Any) -> None:
    clerk.fill(2)
    known = clerk.mailbox().highest_modseq
    clerk.fill(2)
    clerk.do(messages.remove, clerk.inbox.id, [(4, 4)])
    clerk.do(messages.set_flags, clerk.inbox.id, [(2, 2)], "add", ["\\Seen"])
    assert [uid for uid, _, _ in clerk.ask(changes.changed_since, clerk.inbox.id, known)] == [2, 3]


def test_a_changed_message_does_not_end_the_search_for_arrivals(clerk: Any) -> None:
    """Changed flags give a high MODSEQ to a low UID, and the other way round."""
    clerk.fill(1)
    clerk.fill(1)
    clerk.do(messages.set_flags, clerk.inbox.id, [(2, 2)], "add", ["\\Seen"])
    known = clerk.mailbox().highest_modseq
    clerk.fill(2)
    clerk.do(messages.set_flags, clerk.inbox.id, [(3, 3)], "add", ["\\Seen"])
    assert [uid for uid, _, _ in clerk.ask(changes.changed_since, clerk.inbox.id, known)] == [3, 4]


@pytest.mark.parametrize("seed", range(4))
def test_against_a_recording(clerk: Any, seed: int) -> None:
    """Random changes; then, for every MODSEQ there was, what is said to have changed since."""
    chance = random.Random(seed)
    target = clerk.create("T")
    modseq_of: dict[int, int] = {}
    flags_of: dict[int, int] = {}
    gone: dict[int, int] = {}
    next_uid = 1
    for _ in range(40):
        action = chance.choice(("append", "append", "copy in", "flag", "flag", "remove", "expunge"))
        alive = sorted(flags_of)
        chosen = chance.sample(alive, min(len(alive), chance.randint(1, 4)))
        ranges = reading.as_ranges(chosen)
        new = 0
        if action == "append":
            new = chance.randint(1, 3)
            for _ in range(new):
                clerk.fill(1)
        elif action == "copy in" and chosen:
            new = len(clerk.do(messages.copy, clerk.inbox.id, ranges, clerk.inbox.id))
            flags = [flags_of[uid] for uid in sorted(chosen)]
        elif action == "flag" and chosen:
            operation = chance.choice(("add", "remove", "replace"))
            clerk.do(messages.set_flags, clerk.inbox.id, ranges, operation, [chance.choice(("\\Seen", "\\Deleted"))])
        elif action == "remove" and chosen:
            clerk.do(messages.move, clerk.inbox.id, ranges, target.id)
        elif action == "expunge":
            clerk.do(messages.expunge, clerk.inbox.id)
        # What the rows say now is recorded; what changes_since says must follow from the recordings alone.
        now = clerk.mailbox()
        rows = {row.uid: row for row in clerk.ask(reading.placements, clerk.inbox.id)}
        for uid in set(flags_of) - set(rows):
            gone[uid] = now.highest_modseq
            del flags_of[uid], modseq_of[uid]
        for uid, row in rows.items():
            if flags_of.get(uid) != row.flags:
                assert row.modseq > modseq_of.get(uid, 0)
                if uid not in flags_of:
                    assert uid >= next_uid
                    if action == "copy in":
                        assert row.flags == flags[uid - next_uid]
            else:
                assert row.modseq == modseq_of[uid]
            flags_of[uid], modseq_of[uid] = row.flags, row.modseq
        next_uid += new
        assert now.uid_next == next_uid
    for modseq in range(clerk.mailbox().highest_modseq + 2):
        expected = [(uid, flags_of[uid], own) for uid, own in sorted(modseq_of.items()) if own > modseq]
        assert clerk.ask(changes.changed_since, clerk.inbox.id, modseq) == expected
        if modseq >= 1:
            since = sorted(uid for uid, own in gone.items() if own > modseq)
            assert clerk.ask(changes.vanished_since, clerk.inbox.id, modseq) == since


def test_state_is_the_mailbox_in_short(clerk: Any) -> None:
    clerk.fill(2, flags=("\\Seen",))
    now = clerk.mailbox()
    state = clerk.ask(changes.state, clerk.inbox.id)
    assert (state.uid_validity, state.uid_next, state.highest_modseq) == (now.uid_validity, 3, now.highest_modseq)
    assert (state.messages, state.unseen, state.removed_at) == (2, 0, None)
    assert clerk.ask(changes.state, 424242) is None


def test_vanished_as_far_as_the_tombstones_go(timed_store: Store, hire: Any, clock: Any) -> None:
    """RFC 7162 §3.2.5.1: a server that forgot what vanished must say so, and not tell less."""
    clerk = hire(timed_store)
    clerk.fill(6)
    start = clerk.mailbox().highest_modseq
    for uid in (2, 4):
        clerk.do(messages.remove, clerk.inbox.id, [(uid, uid)])
    after_two = clerk.mailbox().highest_modseq
    clock.now += 10 * DAY
    clerk.do(messages.remove, clerk.inbox.id, [(5, 5)])
    assert clerk.ask(changes.vanished_since, clerk.inbox.id, start) == [2, 4, 5]
    assert clerk.do(housekeeping.purge_tombstones, int(clock.now) - DAY) == 2
    assert clerk.ask(changes.vanished_since, clerk.inbox.id, start) is None
    assert clerk.ask(changes.vanished_since, clerk.inbox.id, after_two - 1) is None
    assert clerk.ask(changes.vanished_since, clerk.inbox.id, after_two) == [5]
    assert clerk.mailbox().vanished_horizon == after_two
    assert clerk.do(housekeeping.purge_tombstones, int(clock.now) - DAY) == 0
    assert clerk.ask(changes.vanished_since, 424242, 1) is None
    # What changed is told however far back.
    assert [uid for uid, _, _ in clerk.ask(changes.changed_since, clerk.inbox.id, 1)] == [1, 3, 6]


def test_a_purge_in_several_rounds_never_tells_less(
    timed_store: Store, hire: Any, clock: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(housekeeping, "_BATCH", 2)
    clerk = hire(timed_store)
    clerk.fill(9)
    known = []
    for uid in (9, 1, 7, 3, 5):  # not in UID order
        known.append((clerk.mailbox().highest_modseq, uid))
        clerk.do(messages.remove, clerk.inbox.id, [(uid, uid)])
    clock.now += 2 * DAY
    left = {9, 1, 7, 3, 5}
    while clerk.do(housekeeping.purge_tombstones, int(clock.now) - DAY):
        for modseq, _ in known:
            told = clerk.ask(changes.vanished_since, clerk.inbox.id, modseq)
            since = {uid for own, uid in known if own >= modseq}
            assert told is None or set(told) == since
    assert left
    assert clerk.ask(changes.vanished_since, clerk.inbox.id, clerk.mailbox().highest_modseq) == []
