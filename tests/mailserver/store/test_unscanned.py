"""Messages whose scan was put off: known by their octets at once, by what they hold once somebody asks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from mailserver.message.structure import header_end, scan
from mailserver.refusals import TryLater
from mailserver.store import Store, messages, reading, recovery, search, threads, unscanned
from mailserver.store.messages import Target
from mailserver.store.unscanned import FEWEST, LOT, in_mailbox, of_account

COLUMNS = ("subject", "envelope", "bodystructure", "base_subject", "thread_key", "preview", "search_text", "parts")


def letter(number: int) -> bytes:
    return (
        f"From: Người {number} <a{number}@x.vn>\r\nSubject: thư {number}\r\nMessage-ID: <{number}@x.vn>\r\n"
        f"Date: Mon, 2 Mar 2026 10:00:00 +0700\r\n\r\nNội dung {number}\r\n"
    ).encode()


def bring(clerk: Any, count: int, mailbox: Any = None, *, scans: bool = False, first: int = 1) -> list[int]:
    """Their UIDs."""
    target = Target((mailbox or clerk.inbox).id, ("\\Seen",), 1000)
    entries = [(clerk.store.prepare(letter(first + each), scans=scans), target) for each in range(count)]
    return [each.uid for each in clerk.do(messages.append_many, entries)]


def waits(clerk: Any, mailbox: Any = None) -> bool:
    return not clerk.store.is_scanned(in_mailbox((mailbox or clerk.inbox).id))


def held(clerk: Any, mailbox: Any = None) -> list[tuple[Any, ...]]:
    """What is known of the messages there, scanned or not."""
    with clerk.store.read() as connection:
        return [tuple(row) for row in reading.fetch(connection, (mailbox or clerk.inbox).id, [(1, 10**6)], COLUMNS)]


def test_what_is_made_up_for_is_what_would_have_been(clerk: Any) -> None:
    scanned, later = clerk.create("Một"), clerk.create("Hai")
    bring(clerk, LOT + 3, scanned, scans=True)
    bring(clerk, LOT + 3, later)
    assert not waits(clerk, scanned)
    assert waits(clerk, later)
    clerk.store.scan_all()
    assert not waits(clerk, later)
    assert held(clerk, later) == held(clerk, scanned)
    key = (
        "sort_from",
        "sort_to",
        "sort_cc",
        "sent_at",
        "ancestry",
        "author_is_plain",
        "has_attachments",
        "header_size",
    )
    with clerk.store.read() as connection:
        rows = [
            [tuple(row) for row in reading.fetch(connection, each.id, [(1, 999)], key)] for each in (scanned, later)
        ]
    assert rows[0] == rows[1]


def test_at_once_there_is_what_needs_no_look(clerk: Any) -> None:
    uids = bring(clerk, 3)
    rows = clerk.ask(reading.placements, clerk.inbox.id)
    assert [row.uid for row in rows] == uids
    assert [row.size for row in rows] == [len(letter(each)) for each in (1, 2, 3)]
    assert clerk.mailbox().size == sum(row.size for row in rows)
    with clerk.store.read() as connection:
        assert clerk.store.octets(connection, rows[1].message_id) == letter(2)
        (header,) = next(reading.fetch(connection, clerk.inbox.id, [(1, 1)], ("header",)))
    assert header == letter(1)[: header_end(letter(1))]
    assert waits(clerk)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from((b"a: b", b"\r\n", b"\n", b"\r", b"\n\n", b"\r\n\r\n", b"--", b" ", b"x"))).map(b"".join)
)
def test_a_header_ends_where_the_scan_ends_it(octets: bytes) -> None:
    assert header_end(octets) == scan(octets).body_start


def test_who_asks_first_has_it_scanned(clerk: Any) -> None:
    bring(clerk, 2)
    with clerk.store.read_scanned(in_mailbox(clerk.inbox.id)) as connection:
        assert [row.subject for row in reading.page(connection, clerk.inbox.id, ("subject",))] == ["thư 2", "thư 1"]
        assert len(threads.members(connection, clerk.account, "<1@x.vn>")) == 1
    assert not waits(clerk)


def test_who_waits_begins_with_what_came_last(clerk: Any) -> None:
    """So that the steward, who begins with what came first, does other work."""
    for first in (1, 11, 21):
        bring(clerk, 5, first=first)
    assert [clerk.store.first_unscanned(clerk.inbox.id, uid) for uid in (1, 8, 15, 16)] == [1, 8, 15, None]
    clerk.store.scan_next(in_mailbox(clerk.inbox.id))
    assert clerk.store.first_unscanned(clerk.inbox.id, 11) is None
    clerk.store.scan_next(unscanned.ANYWHERE)
    assert [clerk.store.first_unscanned(clerk.inbox.id, uid) for uid in (1, 6, 11)] == [6, 6, None]
    assert clerk.store.is_scanned(unscanned.among(clerk.inbox.id, 1, 5))
    assert not clerk.store.is_scanned(unscanned.among(clerk.inbox.id, 1, 6))
    assert clerk.store.scan_next(of_account(clerk.account)) == 5
    assert clerk.store.scan_next(unscanned.ANYWHERE) == 0


def test_it_is_not_asked_for_within_a_read(clerk: Any) -> None:
    bring(clerk, 2)
    with clerk.store.read(), pytest.raises(RuntimeError), clerk.store.read_scanned(in_mailbox(clerk.inbox.id)):
        pass


def test_a_thread_may_need_all_that_it_reads(clerk: Any) -> None:
    bring(clerk, 1)
    clerk.store.need_scanned(of_account("somebody else"))
    try:
        with clerk.store.read():
            assert waits(clerk)
        clerk.store.need_scanned(of_account(clerk.account))
        with clerk.store.read() as connection, clerk.store.read():
            found = search.find(connection, clerk.account, search.Query(subject=("thư",)))
            assert [row.uid for row in found] == [1]
    finally:
        clerk.store.need_scanned(None)


def test_copies_and_what_moved_wait_too(clerk: Any) -> None:
    copied, moved = clerk.create("Bản sao"), clerk.create("Chuyển")
    bring(clerk, 4)
    clerk.do(messages.copy, clerk.inbox.id, [(1, 2)], copied.id)
    clerk.do(messages.move, clerk.inbox.id, [(3, 4)], moved.id)
    assert clerk.store.check_consistency() == []
    assert waits(clerk, copied)
    with clerk.store.read_scanned(in_mailbox(moved.id)) as connection:
        assert [row.subject for row in reading.fetch(connection, moved.id, [(1, 9)], ("subject",))] == [
            "thư 3",
            "thư 4",
        ]
    assert not waits(clerk, copied)
    assert [row[0] for row in held(clerk, copied)] == ["thư 1", "thư 2"]


def test_what_was_removed_unscanned_can_be_brought_back(clerk: Any) -> None:
    bring(clerk, 3)
    clerk.do(messages.remove, clerk.inbox.id, [(1, 2)])
    with clerk.store.read_scanned(of_account(clerk.account)) as connection:
        lost = recovery.lost_messages(connection, clerk.account)
        assert {each.subject for each in recovery.describe(connection, lost)} == {"thư 1", "thư 2"}
    bring(clerk, 1, first=4)
    clerk.do(messages.remove, clerk.inbox.id, [(4, 4)])
    clerk.do(recovery.bring_back, clerk.account, [each.message_id for each in lost] + [4], into="Về")
    assert clerk.store.check_consistency() == []
    clerk.store.scan_all()
    assert sorted(row[0] for row in held(clerk, clerk.mailbox("Về"))) == ["thư 1", "thư 2", "thư 4"]


def test_what_is_forgotten_meanwhile_is_not_waited_for(timed_store: Store, hire: Any, clock: Any) -> None:
    clerk = hire(timed_store)
    bring(clerk, 2)
    with clerk.store.read() as connection:
        lot = unscanned.next_lot(connection, unscanned.ANYWHERE)
    for uids in ([(1, 2)], [(3, 3)]):
        clerk.do(messages.remove, clerk.inbox.id, uids)
        clock.now += 40 * 86_400
        clerk.store.housekeep()
        assert waits(clerk)
        clerk.do(unscanned.fill, lot, unscanned.scan(lot))  # by somebody who began before, or not at all
        clerk.store.scan_all()
        assert not waits(clerk)
        bring(clerk, 1)


def test_two_who_scan_the_same_do_not_disturb_each_other(clerk: Any) -> None:
    bring(clerk, 3)
    with clerk.store.read() as connection:
        lot = unscanned.next_lot(connection, in_mailbox(clerk.inbox.id))
    summaries = unscanned.scan(lot)
    clerk.store.scan_all()
    clerk.do(unscanned.fill, lot, summaries)
    assert [row[0] for row in held(clerk)] == ["thư 1", "thư 2", "thư 3"]


def test_who_is_stopped_in_between_leaves_what_was_there(clerk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(clerk, 3)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(unscanned, "scan", stop)
        with pytest.raises(KeyboardInterrupt):
            clerk.store.scan_all()
    assert waits(clerk)
    assert clerk.store.check_consistency() == []
    clerk.store.scan_all()
    assert [row[0] for row in held(clerk)] == ["thư 1", "thư 2", "thư 3"]


def test_one_that_cannot_be_scanned_holds_up_nobody(clerk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(clerk, 3)
    summarize = unscanned.summarize

    def choke(octets: bytes) -> Any:
        if octets == letter(2):
            raise ValueError("what is this?")
        return summarize(octets)

    monkeypatch.setattr(unscanned, "summarize", choke)
    clerk.store.scan_all()
    assert [row[0] for row in held(clerk)] == ["thư 1", "thư 2", "thư 3"]
    assert [row[5] for row in held(clerk)] == ["Nội dung 1", "", "Nội dung 3"]


def test_on_a_full_disk_the_others_can_be_read(clerk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(clerk, 2, scans=True)
    bring(clerk, 2, first=3)

    def refuse(*_: object) -> None:
        raise TryLater(reason="database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(unscanned, "fill", refuse)
        with clerk.store.read_scanned(in_mailbox(clerk.inbox.id)) as connection:
            rows = list(reading.fetch(connection, clerk.inbox.id, [(1, 9)], ("uid", "envelope")))
        assert [row.uid for row in rows] == [1, 2]
    with clerk.store.read_scanned(in_mailbox(clerk.inbox.id)) as connection:
        rows = list(reading.fetch(connection, clerk.inbox.id, [(1, 9)], ("uid", "envelope")))
    assert [row.uid for row in rows] == [1, 2, 3, 4]


def test_no_more_waits_than_somebody_may_wait_for(clerk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unscanned, "MOST", 3 * FEWEST)
    other = clerk.create("Khác")
    assert clerk.ask(unscanned.may_wait, clerk.inbox.id, FEWEST) == FEWEST
    assert clerk.ask(unscanned.may_wait, clerk.inbox.id, FEWEST - 1) == 0
    bring(clerk, FEWEST + 5)
    assert clerk.ask(unscanned.may_wait, clerk.inbox.id, FEWEST) == FEWEST
    assert clerk.ask(unscanned.may_wait, clerk.inbox.id, 100) == 2 * FEWEST - 5
    bring(clerk, FEWEST, first=100)
    assert clerk.ask(unscanned.may_wait, clerk.inbox.id, 100) == 0  # fewer are not worth it
    assert clerk.ask(unscanned.may_wait, other.id, 100) == 3 * FEWEST


def test_of_what_comes_together_only_some_may_wait(clerk: Any) -> None:
    target = Target(clerk.inbox.id)
    entries = [(clerk.store.prepare(letter(each), scans=each > 7), target) for each in range(1, 11)]
    clerk.do(messages.append_many, entries)
    assert [clerk.store.first_unscanned(clerk.inbox.id, uid) for uid in (1, 7, 8)] == [1, 7, None]
    assert clerk.store.check_consistency() == []
    assert clerk.store.scan_next(unscanned.ANYWHERE) == 7
    assert [row[0] for row in held(clerk)] == [f"thư {each}" for each in range(1, 11)]


def test_an_index_does_not_read_what_waits(clerk: Any) -> None:
    bring(clerk, 3, scans=True)
    bring(clerk, 2, first=4)
    clerk.store.fulltext.fill(clerk.account)
    figures = clerk.store.fulltext.figures(clerk.account)
    assert figures is not None
    assert (figures["messages"], figures["behind"]) == (3, 2)
    clerk.store.scan_all()
    clerk.store.fulltext.fill(clerk.account)
    wanted = search.wanted(search.Query(words=("noi dung",)))
    lookup = clerk.store.fulltext.find(clerk.account, [clerk.inbox.id], wanted)
    assert lookup is not None
    assert not lookup.unread
    assert [len(each) for each in lookup.hits.values()] == [5]


@pytest.mark.parametrize("where", ["", "WHERE mailbox_id = :copied"])
def test_the_consistency_check_finds_what_nobody_waits_for(clerk: Any, where: str) -> None:
    bring(clerk, 2)
    other = clerk.create("Khác")
    clerk.do(messages.copy, clerk.inbox.id, [(1, 1)], other.id)
    values = {"copied": other.id} if where else {}
    found = clerk.ask(lambda connection: connection.execute(text("SELECT * FROM unscanned")).all())
    clerk.do(lambda tx: tx.connection.execute(text(f"DELETE FROM unscanned {where}"), values))
    problems = clerk.store.check_consistency()
    assert problems
    assert all("waits for its scan" in each for each in problems)
    clerk.do(lambda tx: [unscanned.note(tx, row[0], row[1], 2) for row in found if not where or row[0] == other.id])
    assert clerk.store.check_consistency() == []
