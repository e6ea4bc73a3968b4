"""Who is told of a message first."""

from __future__ import annotations

from mailserver.imap.recent import RecentMail


def test_the_first_who_asks_gets_it():
    recent = RecentMail()
    assert recent.claim(7, 1, 5) == 1
    assert recent.claim(7, 1, 5) == 5
    assert recent.claim(7, 1, 8) == 5
    assert recent.first(7, 1) == 8


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
