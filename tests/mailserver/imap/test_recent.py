"""Who is told of a message first."""

from __future__ import annotations

import os
from pathlib import Path

from mailserver.imap.recent import RecentMail, Recents
from mailserver.store.flags import RECENT, SEEN


def test_the_first_who_asks_gets_it():
    recent = RecentMail()
    assert recent.claim(7, 1, 5) == 1
    assert recent.claim(7, 1, 5) == 5
    assert recent.claim(7, 1, 8) == 5
    assert recent.first(7, 1) == 8


def test_processes_that_ask_at_once_share_out_what_there_is(tmp_path: Path):
    recent = RecentMail()
    begin, go = os.pipe()
    children = []
    for name in "ab":
        child = os.fork()
        if not child:
            os.close(go)
            os.read(begin, 1)  # until the parent has closed its end
            taken = sum(max(0, uid_next - recent.claim(7, 1, uid_next)) for uid_next in range(2, 20_002))
            (tmp_path / name).write_text(str(taken))
            os._exit(0)
        children.append(child)
    os.close(go)
    os.close(begin)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    assert sum(int((tmp_path / name).read_text()) for name in "ab") == 20_000


def test_the_store_may_know_more_than_the_memory():
    recent = RecentMail()
    assert recent.claim(7, 4, 6) == 4
    assert recent.claim(7, 9, 12) == 9


def test_mailboxes_that_meet_in_one_slot_only_forget():
    recent = RecentMail(slots=4)
    recent.claim(1, 1, 10)
    recent.claim(5, 1, 3)
    assert recent.first(1, 2) == 2
    assert recent.first(5, 1) == 3


def test_a_session_marks_what_it_was_told_first():
    mail = RecentMail()
    first = Recents(mail, 7, 3, takes=True)
    assert first.first_look(5) == 3
    first.count = 2
    second = Recents(mail, 7, 3, takes=True)
    assert second.first_look(5) == 5
    second.arrived([6, 8])
    first.arrived([6, 8, 9])
    rows = [(uid, SEEN) for uid in (2, 3, 4, 6, 8, 9)]
    assert [uid for uid, flags in first.mark(rows, 0, 1) if flags == SEEN | RECENT] == [3, 4, 9]
    assert [uid for uid, flags in second.mark(rows, 0, 1) if flags == SEEN | RECENT] == [6, 8]
    assert (first.count, second.count) == (3, 2)
    first.left({2, 3, 6})
    assert first.count == 2


def test_examining_takes_nothing_away():
    mail = RecentMail()
    watcher = Recents(mail, 7, 1, takes=False)
    assert watcher.first_look(4) == 1
    watcher.arrived([4])
    owner = Recents(mail, 7, 1, takes=True)
    assert owner.first_look(5) == 1
    assert watcher.holds(4)
