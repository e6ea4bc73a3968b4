"""Flags changed by ranges: what is noted of it, and that it says the same as a note of every message."""

from __future__ import annotations

import random
from typing import Any

import pytest
from sqlalchemy import select

from mailserver.store import Store, changes, mailboxes, marking, messages, reading
from mailserver.store.flags import DELETED, SEEN
from mailserver.store.messages import Target
from mailserver.store.tables import marked_range, placement

MAIL = b"Subject: thu\r\n\r\nnoi dung\r\n"


def fill(clerk: Any, count: int) -> None:
    content = clerk.store.prepare(MAIL)
    clerk.do(messages.append_many, [(content, Target(clerk.inbox.id))] * count)


def ranges(clerk: Any) -> list[tuple[int, int]]:
    found = clerk.ask(lambda c: c.execute(select(marked_range.c.low, marked_range.c.high)).all())
    return sorted((low, high) for low, high in found)


def touched(clerk: Any) -> int:
    return len(clerk.ask(lambda c: c.execute(select(placement.c.uid).where(placement.c.touched)).all()))


def since(clerk: Any, modseq: int) -> list[tuple[int, int, int]]:
    return list(clerk.ask(changes.changed_since, clerk.inbox.id, modseq))


def test_many_in_a_row_are_noted_as_one_range(clerk: Any) -> None:
    fill(clerk, 100)
    before = clerk.mailbox().highest_modseq
    done = clerk.do(messages.set_flags, clerk.inbox.id, [(11, 90)], "add", ["\\Seen"])
    now = clerk.mailbox()
    assert now.highest_modseq == before + 1
    assert now.unseen == 20
    assert done.changed == since(clerk, before) == [(uid, SEEN, before + 1) for uid in range(11, 91)]
    assert (ranges(clerk), touched(clerk)) == ([(11, 90)], 0)


def test_few_are_noted_each(clerk: Any) -> None:
    fill(clerk, 100)
    before = clerk.mailbox().highest_modseq
    clerk.do(messages.set_flags, clerk.inbox.id, [(1, marking.MANY - 1)], "add", ["\\Seen"])
    assert (ranges(clerk), touched(clerk)) == ([], marking.MANY - 1)
    assert [row[0] for row in since(clerk, before)] == list(range(1, marking.MANY))


def test_what_changes_is_noted_and_not_what_was_named(clerk: Any) -> None:
    """All are named, and few of them change: nobody is to look at all for those."""
    fill(clerk, 600)
    clerk.do(messages.set_flags, clerk.inbox.id, [(1, 600)], "add", ["\\Seen"])
    clerk.do(messages.set_flags, clerk.inbox.id, [(1, 1), (600, 600)], "remove", ["\\Seen"])
    before = clerk.mailbox().highest_modseq
    done = clerk.do(messages.set_flags, clerk.inbox.id, [(1, 600)], "add", ["\\Seen"])
    assert [row[0] for row in done.changed] == [1, 600]
    assert [uid for uid, _, _ in done.unchanged] == list(range(2, 600))
    assert touched(clerk) == 2
    assert [row[0] for row in since(clerk, before)] == [1, 600]


def test_nothing_to_change_takes_no_modseq(clerk: Any) -> None:
    fill(clerk, 100)
    before = clerk.mailbox()
    done = clerk.do(messages.set_flags, clerk.inbox.id, [(1, 100)], "remove", ["\\Seen"])
    assert (done.changed, len(done.unchanged)) == ([], 100)
    assert clerk.mailbox() == before


@pytest.mark.parametrize("tell", ["nothing", "rows", "earlier"])
def test_the_same_changes_whoever_is_told(clerk: Any, tell: str) -> None:
    fill(clerk, 100)
    clerk.do(messages.set_flags, clerk.inbox.id, [(5, 9)], "add", ["\\Seen"])
    before = clerk.mailbox().highest_modseq
    clerk.do(messages.set_flags, clerk.inbox.id, [(1, 80), (70, 100)], "replace", ["\\Seen", "\\Deleted"], tell=tell)
    now = clerk.mailbox()
    assert (now.highest_modseq, now.unseen, now.deleted) == (before + 1, 0, 100)
    assert since(clerk, before) == [(uid, SEEN | DELETED, before + 1) for uid in range(1, 101)]


def test_a_range_is_forgotten_once_nothing_is_left_of_it(clerk: Any) -> None:
    fill(clerk, 300)
    clerk.do(messages.set_flags, clerk.inbox.id, [(100, 200)], "add", ["\\Seen"])
    clerk.do(messages.set_flags, clerk.inbox.id, [(1, 250)], "add", ["\\Flagged"])
    assert ranges(clerk) == [(1, 250)]
    clerk.do(messages.set_flags, clerk.inbox.id, [(1, 150)], "add", ["\\Answered"])
    assert ranges(clerk) == [(1, 150), (1, 250)]
    clerk.do(messages.remove, clerk.inbox.id, [(120, 300)])
    clerk.store.housekeep()
    assert ranges(clerk) == [(1, 150)]


def test_a_removed_mailbox_takes_its_ranges_with_it(timed_store: Store, hire: Any, clock: Any) -> None:
    clerk = hire(timed_store)
    fill(clerk, 100)
    box = clerk.create("Box")
    clerk.do(messages.copy, clerk.inbox.id, [(1, 100)], box.id)
    clerk.do(messages.set_flags, box.id, [(1, 100)], "add", ["\\Flagged"])
    clerk.do(mailboxes.delete_mailbox, clerk.account, "Box")
    clock.now += 32 * 86_400
    timed_store.housekeep()
    assert clerk.ask(mailboxes.get_mailbox, box.id) is None
    assert ranges(clerk) == []


@pytest.mark.parametrize("seed", range(3))
def test_against_a_note_of_every_message(clerk: Any, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random changes in runs, then what changed since every MODSEQ there was."""
    monkeypatch.setattr(marking, "MANY", 2)
    chance = random.Random(seed)
    modseqs: dict[int, tuple[int, int]] = {}
    for _ in range(40):
        if chance.random() < 0.2:
            fill(clerk, chance.randint(1, 8))
        last = clerk.mailbox().uid_next
        wanted = []
        for _ in range(chance.randint(1, 3)):
            low = chance.randint(1, last)
            wanted.append((low, low + chance.choice((0, 0, 3, 10, 40))))
        flags = chance.sample(("\\Seen", "\\Flagged", "\\Deleted", "khan"), chance.choice((1, 1, 2)))
        action = chance.choice(("add", "add", "remove", "replace", "remove messages"))
        tell = chance.choice(("nothing", "rows", "earlier"))
        if action == "remove messages":
            if chance.random() < 0.3:
                clerk.do(messages.remove, clerk.inbox.id, wanted[:1])
        else:
            clerk.do(messages.set_flags, clerk.inbox.id, wanted, action, flags, tell=tell)
        rows = clerk.ask(reading.placements, clerk.inbox.id)
        now = clerk.mailbox().highest_modseq
        alive = {row.uid: (row.flags, row.modseq) for row in rows}
        for uid, (mask, modseq) in alive.items():
            # Only what has other flags, or is new, has a new MODSEQ.
            assert (modseq == modseqs[uid][1]) == (mask == modseqs[uid][0]) if uid in modseqs else modseq <= now
        modseqs = alive
        for modseq in range(now + 1):
            expected = [(uid, mask, at) for uid, (mask, at) in sorted(alive.items()) if at > modseq]
            assert since(clerk, modseq) == expected
    assert clerk.store.check_consistency() == []
