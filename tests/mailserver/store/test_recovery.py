"""What an account has lost, and that it comes back once, to where it was."""

from __future__ import annotations

from concurrent.futures import wait
from typing import Any

import pytest

from mailserver.refusals import CannotDo
from mailserver.store import changes, mailboxes, messages, recovery
from mailserver.store.recovery import Lost

ALL = [(1, 1 << 32)]


def lost(clerk: Any) -> list[Lost]:
    return clerk.ask(recovery.lost_messages, clerk.account)  # type: ignore[no-any-return]


def back(clerk: Any, **options: Any) -> dict[str, int]:
    return dict(clerk.do(recovery.bring_back, clerk.account, {each.message_id for each in lost(clerk)}, **options))


def special(clerk: Any, use: str) -> Any:
    return clerk.ask(mailboxes.special_mailbox, clerk.account, use)


def test_what_was_removed_comes_back_once(clerk: Any) -> None:
    clerk.fill(3, flags=("\\Seen", "$Viec"))
    before = clerk.flags()
    clerk.do(messages.remove, clerk.inbox.id, [(1, 2)])
    assert [each.uid for each in lost(clerk)] == [2, 1]
    assert [each.home for each in lost(clerk)] == ["INBOX", "INBOX"]
    described = clerk.ask(recovery.describe, lost(clerk))
    assert [(each.subject, each.author_address) for each in described] == [
        ("number 1", "an@thanhpho.example"),
        ("number 0", "an@thanhpho.example"),
    ]
    ids = [each.message_id for each in lost(clerk)]
    assert back(clerk) == {"INBOX": 2}
    assert clerk.flags() == {3: before[3], 4: before[1], 5: before[2]}
    assert lost(clerk) == []
    assert dict(clerk.do(recovery.bring_back, clerk.account, ids)) == {}
    assert clerk.uids() == [3, 4, 5]
    # a synchronising client hears of both: the old UIDs vanished, the new ones came
    gone = clerk.ask(changes.vanished_since, clerk.inbox.id, 1)
    assert gone == [1, 2]


def test_what_was_removed_again_is_lost_again(clerk: Any) -> None:
    clerk.fill(1)
    for uid in (1, 2, 3):
        clerk.do(messages.remove, clerk.inbox.id, [(uid, uid)])
        assert [each.uid for each in lost(clerk)] == [uid]
        assert back(clerk) == {"INBOX": 1}
    assert clerk.uids() == [4]


def test_who_moved_or_has_a_copy_has_lost_nothing(clerk: Any) -> None:
    clerk.fill(2)
    plans = clerk.create("Kế hoạch")
    clerk.do(messages.move, clerk.inbox.id, [(1, 1)], plans.id)
    clerk.do(messages.copy, clerk.inbox.id, [(2, 2)], plans.id)
    clerk.do(messages.remove, clerk.inbox.id, [(2, 2)])
    assert lost(clerk) == []
    assert back(clerk) == {}


def test_by_way_of_the_trash_it_returns_to_where_it_lay(clerk: Any) -> None:
    plans, trash = clerk.create("Kế hoạch"), special(clerk, "\\Trash")
    clerk.fill(2, plans)
    clerk.fill(1, trash)
    clerk.do(messages.move, plans.id, ALL, trash.id)
    assert lost(clerk) == []
    clerk.do(messages.remove, trash.id, ALL)
    assert sorted(each.home for each in lost(clerk)) == ["INBOX", "Kế hoạch", "Kế hoạch"]
    assert back(clerk) == {"INBOX": 1, "Kế hoạch": 2}
    assert clerk.mailbox("Trash").messages == 0


def test_a_removed_mailbox_is_made_again(clerk: Any) -> None:
    inner = clerk.create("Dự án/2026")
    clerk.fill(3, inner, flags=("Gap",))
    clerk.do(mailboxes.delete_mailbox, clerk.account, "Dự án/2026")
    clerk.do(mailboxes.delete_mailbox, clerk.account, "Dự án")
    assert {each.home for each in lost(clerk)} == {"Dự án/2026"}
    assert back(clerk) == {"Dự án/2026": 3}
    made = clerk.mailbox("Dự án/2026")
    assert made.uid_validity > inner.uid_validity
    assert set(map(frozenset, clerk.flags(made).values())) == {frozenset({"Gap"})}
    assert "Dự án" in clerk.names()


def test_a_mailbox_that_cannot_be_made_again_leaves_it_to_the_inbox(
    clerk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = clerk.create("Cũ")
    clerk.fill(1, old)
    clerk.do(mailboxes.delete_mailbox, clerk.account, "Cũ")
    monkeypatch.setattr(mailboxes, "MAX_MAILBOXES", 6)
    assert back(clerk) == {"INBOX": 1}


def test_into_one_mailbox(clerk: Any) -> None:
    clerk.fill(2)
    clerk.do(messages.remove, clerk.inbox.id, ALL)
    with pytest.raises(CannotDo):
        back(clerk, into="a//b")
    assert len(lost(clerk)) == 2
    assert back(clerk, into="Khôi phục/Hôm nay") == {"Khôi phục/Hôm nay": 2}


def test_a_choice_and_a_time(timed_store: Any, clock: Any, hire: Any) -> None:
    binh = hire(timed_store, "binh")
    binh.fill(2)
    binh.do(messages.remove, binh.inbox.id, [(1, 1)])
    clock.now += 3600
    binh.do(messages.remove, binh.inbox.id, [(2, 2)])
    late = [each for each in lost(binh) if each.removed_at >= clock.now]
    assert [each.uid for each in late] == [2]
    chosen = {late[0].message_id}
    assert binh.ask(recovery.lost_messages, "binh", chosen) == late
    assert binh.ask(recovery.lost_messages, "binh", []) == []
    came = binh.do(recovery.bring_back, "binh", chosen)
    assert dict(came) == {"INBOX": 1}
    assert [each.uid for each in lost(binh)] == [1]
    clock.now += 31 * 86400
    timed_store.housekeep()
    assert lost(binh) == []


def test_drafts_are_told_apart(clerk: Any) -> None:
    drafts = special(clerk, "\\Drafts")
    clerk.fill(1, drafts, flags=("\\Draft",))
    clerk.do(messages.remove, drafts.id, ALL)
    assert [(each.is_draft, each.home) for each in lost(clerk)] == [(True, "Drafts")]


def test_nobody_elses_loss_is_seen(clerk: Any, hire: Any) -> None:
    binh = hire(clerk.store, "binh")
    content = clerk.store.prepare(b"Subject: chung\r\n\r\n")
    both = [messages.Target(clerk.inbox.id), messages.Target(binh.inbox.id)]
    clerk.do(messages.append, content, both)
    clerk.do(messages.remove, clerk.inbox.id, ALL)
    # that somebody else has it is no consolation
    assert len(lost(clerk)) == 1
    assert lost(binh) == []
    theirs = [each.message_id for each in lost(clerk)]
    assert dict(binh.do(recovery.bring_back, "binh", theirs)) == {}
    assert back(clerk) == {"INBOX": 1}


def test_many_at_once_give_one_copy(clerk: Any) -> None:
    clerk.fill(5)
    clerk.do(messages.remove, clerk.inbox.id, ALL)
    ids = [each.message_id for each in lost(clerk)]
    jobs = [clerk.store.write(lambda tx: recovery.bring_back(tx, clerk.account, ids)) for _ in range(8)]
    wait(jobs, 60)
    assert sum(sum(job.result().values()) for job in jobs) == 5
    assert clerk.uids() == [6, 7, 8, 9, 10]
