"""Flags and keywords: STORE in its forms, keywords by mailbox, and what UNCHANGEDSINCE refuses."""

from __future__ import annotations

from typing import Any

import pytest

from mailserver.refusals import CannotDo, LimitReached
from mailserver.store import changes, flags, messages
from mailserver.store.flags import FIRST_KEYWORD_BIT, MAX_KEYWORDS


def test_add_remove_replace(clerk: Any) -> None:
    clerk.fill(3)
    store = messages.set_flags
    before = clerk.mailbox().highest_modseq
    result = clerk.do(store, clerk.inbox.id, [(1, 2)], "add", ["\\Seen", "\\flagged", "$Work"])
    assert [uid for uid, _, _ in result.changed] == [1, 2]
    assert {modseq for _, _, modseq in result.changed} == {before + 1}
    assert clerk.flags() == {1: {"\\Seen", "\\Flagged", "$Work"}, 2: {"\\Seen", "\\Flagged", "$Work"}, 3: set()}
    clerk.do(store, clerk.inbox.id, [(2, 3)], "remove", ["\\Flagged", "$WORK", "$unknown"])
    assert clerk.flags()[2] == {"\\Seen"}
    result = clerk.do(store, clerk.inbox.id, [(1, 3)], "replace", ["\\Deleted", "$work"])
    assert clerk.flags() == {key: {"\\Deleted", "$Work"} for key in (1, 2, 3)}
    now = clerk.mailbox()
    for _uid, mask, modseq in result.changed:
        assert set(flags.flag_names(mask, now.keywords)) == {"\\Deleted", "$Work"}
        assert modseq == now.highest_modseq
    assert clerk.counters(clerk.inbox) == clerk.recount(clerk.inbox)
    clerk.do(store, clerk.inbox.id, [(1, 3)], "replace", [])
    assert clerk.flags() == {key: set() for key in (1, 2, 3)}
    assert clerk.counters(clerk.inbox)[1:3] == (3, 0)


def test_what_is_so_already_keeps_its_modseq(clerk: Any) -> None:
    clerk.fill(3, flags=("\\Seen",))
    before = clerk.mailbox()
    result = clerk.do(messages.set_flags, clerk.inbox.id, [(1, 9)], "add", ["\\Seen"])
    assert (result.changed, result.refused) == ([], [])
    assert [uid for uid, _, _ in result.unchanged] == [1, 2, 3]
    assert clerk.mailbox() == before
    assert clerk.do(messages.set_flags, clerk.inbox.id, [(70, 90)], "add", ["\\Answered"]).changed == []
    assert clerk.mailbox().highest_modseq == before.highest_modseq


def test_unchanged_since_refuses_what_changed(clerk: Any) -> None:
    """RFC 7162 §3.1.3"""
    clerk.fill(4)
    known = clerk.mailbox().highest_modseq
    clerk.do(messages.set_flags, clerk.inbox.id, [(2, 3)], "add", ["\\Flagged"])
    result = clerk.do(messages.set_flags, clerk.inbox.id, [(1, 4)], "add", ["\\Seen"], known)
    assert [uid for uid, _, _ in result.changed] == [1, 4]
    assert [uid for uid, _, _ in result.refused] == [2, 3]
    assert clerk.flags() == {1: {"\\Seen"}, 2: {"\\Flagged"}, 3: {"\\Flagged"}, 4: {"\\Seen"}}
    # 0 refuses all that is there (RFC 7162 §3.1.3).
    refused = clerk.do(messages.set_flags, clerk.inbox.id, [(1, 4)], "add", ["\\Draft"], 0).refused
    assert [uid for uid, _, _ in refused] == [1, 2, 3, 4]
    assert clerk.counters(clerk.inbox) == clerk.recount(clerk.inbox)


def test_answers_are_in_uid_order(clerk: Any) -> None:
    clerk.fill(900)
    # So that the rows lie in another order than their UIDs, where an engine has such a thing.
    clerk.do(messages.set_flags, clerk.inbox.id, [(uid, uid) for uid in range(1, 900, 2)], "add", ["\\Draft"])
    ranges = [(uid, uid) for uid in range(900, 0, -1)]
    result = clerk.do(messages.set_flags, clerk.inbox.id, ranges, "add", ["\\Seen"])
    assert [uid for uid, _, _ in result.changed] == list(range(1, 901))


def test_each_message_is_answered_once_whatever_the_ranges(clerk: Any) -> None:
    clerk.fill(5)
    ranges = [(1, 3), *[(2, 2)] * 900, (2, 5)]
    result = clerk.do(messages.set_flags, clerk.inbox.id, ranges, "add", ["\\Seen"])
    assert [uid for uid, _, _ in result.changed] == [1, 2, 3, 4, 5]
    assert result.unchanged == []
    clerk.do(messages.set_flags, clerk.inbox.id, ranges, "add", ["\\Deleted"])
    assert clerk.do(messages.expunge, clerk.inbox.id, ranges) == [1, 2, 3, 4, 5]


def test_keywords_are_one_in_any_case_and_shown_as_first_written(clerk: Any) -> None:
    clerk.fill(2)
    clerk.do(messages.set_flags, clerk.inbox.id, [(1, 1)], "add", ["KhanCap"])
    clerk.do(messages.set_flags, clerk.inbox.id, [(2, 2)], "add", ["khancap"])
    assert clerk.mailbox().keywords == ("KhanCap",)
    assert clerk.flags() == {1: {"KhanCap"}, 2: {"KhanCap"}}


def test_all_keywords_fit_and_one_more_does_not(clerk: Any, mail: Any) -> None:
    names = [f"k{number}" for number in range(MAX_KEYWORDS)]
    uid = clerk.append(mail(), flags=tuple(names)).uid
    assert clerk.flags()[uid] == set(names)
    assert clerk.mailbox().keywords == tuple(names)
    assert clerk.store.check_consistency() == []
    with pytest.raises(LimitReached):
        clerk.do(messages.set_flags, clerk.inbox.id, [(1, 1)], "add", ["one-more"])
    with pytest.raises(LimitReached):
        clerk.append(mail(), flags=("one-more",))
    # The last keyword alone, and a removal of all.
    clerk.do(messages.set_flags, clerk.inbox.id, [(1, 1)], "replace", [names[-1]])
    assert clerk.flags()[uid] == {names[-1]}
    clerk.do(messages.set_flags, clerk.inbox.id, [(1, 1)], "remove", names)
    assert clerk.flags()[uid] == set()
    # System flags still go.
    clerk.do(messages.set_flags, clerk.inbox.id, [(1, 1)], "add", ["\\Seen"])
    assert clerk.flags()[uid] == {"\\Seen"}


def test_keywords_get_their_bits_mailbox_by_mailbox(clerk: Any) -> None:
    target = clerk.create("T")
    clerk.fill(1, target, flags=("a", "b"))
    clerk.fill(2, flags=("b", "c", "\\Answered"))
    clerk.do(messages.copy, clerk.inbox.id, [(1, 2)], target.id)
    expected = {"b", "c", "\\Answered"}
    assert clerk.flags(target) == {1: {"a", "b"}, 2: expected, 3: expected}
    assert clerk.mailbox(target.id).keywords == ("a", "b", "c")
    assert clerk.mailbox().keywords == ("b", "c")


def test_copy_into_a_mailbox_without_room_for_keywords_is_refused_whole(clerk: Any) -> None:
    target = clerk.create("T")
    clerk.fill(1, target, flags=tuple(f"k{number}" for number in range(MAX_KEYWORDS)))
    clerk.fill(1)
    clerk.fill(1, flags=("new",))
    with pytest.raises(LimitReached):
        clerk.do(messages.move, clerk.inbox.id, [(1, 2)], target.id)
    assert clerk.uids() == [1, 2]
    assert clerk.uids(target) == [1]


def test_removing_an_unknown_keyword_makes_none(clerk: Any) -> None:
    clerk.fill(1)
    clerk.do(messages.set_flags, clerk.inbox.id, [(1, 1)], "remove", ["never-seen"])
    assert clerk.mailbox().keywords == ()
    with pytest.raises(CannotDo):
        clerk.do(messages.set_flags, clerk.inbox.id, [(1, 1)], "remove", ["not a flag"])


def test_flags_of_a_job_that_failed_leave_no_keyword(clerk: Any) -> None:
    clerk.fill(1)
    with pytest.raises(CannotDo):
        clerk.do(messages.set_flags, clerk.inbox.id, [(1, 1)], "add", ["fine", "\\Wrong"])
    assert clerk.mailbox().keywords == ()
    clerk.do(messages.set_flags, clerk.inbox.id, [(1, 1)], "add", ["fine"])
    assert clerk.flags() == {1: {"fine"}}


def test_names_of_masks() -> None:
    assert flags.flag_names(0, ()) == ()
    assert flags.flag_names(31, ()) == ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft")
    high = 1 << (FIRST_KEYWORD_BIT + MAX_KEYWORDS - 1)
    assert flags.flag_names(high | 1, tuple(f"k{n}" for n in range(MAX_KEYWORDS))) == ("\\Seen", "k56")
    assert flags.system_bit("\\sEEN") == 1
    assert flags.system_bit("Seen") == 0


def test_two_sessions_flags_never_lose_each_other(clerk: Any) -> None:
    clerk.fill(20)
    work = [("add", "\\Seen"), ("add", "one"), ("add", "two"), ("add", "\\Flagged"), ("add", "three")]
    futures = [
        clerk.store.write(
            lambda tx, u=uid, o=operation, n=name: messages.set_flags(tx, clerk.inbox.id, [(u, u)], o, [n])
        )
        for uid in range(1, 21)
        for operation, name in work
    ]
    for future in futures:
        future.result(60)
    assert clerk.flags() == {key: {"\\Seen", "\\Flagged", "one", "two", "three"} for key in range(1, 21)}
    assert clerk.counters(clerk.inbox) == clerk.recount(clerk.inbox)
    assert len(clerk.ask(changes.changed_since, clerk.inbox.id, 1)) == 20
