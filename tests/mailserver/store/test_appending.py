"""Putting messages into mailboxes: append, place, broadcast, and what the summary row keeps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mailserver.refusals import CannotDo, NoSuchMailbox
from mailserver.store import Store, broadcast, mailboxes, messages, quota, readers, reading, unseen
from mailserver.store.messages import Target


def test_uids_and_modseqs_grow_with_every_append(clerk: Any, mail: Any) -> None:
    appended = [clerk.append(mail(f"{number}")) for number in range(5)]
    assert [each.uid for each in appended] == [1, 2, 3, 4, 5]
    rows = clerk.ask(reading.placements, clerk.inbox.id)
    modseqs = [row.modseq for row in rows]
    assert modseqs == sorted(set(modseqs))
    now = clerk.mailbox()
    assert now.highest_modseq == modseqs[-1]
    assert (now.uid_next, now.uid_validity) == (6, clerk.inbox.uid_validity)


def test_flags_and_dates_are_kept_as_given(clerk: Any, mail: Any) -> None:
    old = int(datetime(1995, 4, 1, tzinfo=UTC).timestamp())
    uid = clerk.append(mail(), flags=("\\Seen", "\\DELETED", "$Forwarded", "Họp"[:1]), date=old).uid
    assert clerk.flags()[uid] == {"\\Seen", "\\Deleted", "$Forwarded", "H"}
    (row,) = clerk.ask(reading.placements, clerk.inbox.id)
    assert row.internal_date == old
    assert clerk.counters(clerk.inbox) == (1, 0, 1, len(mail()))


def test_one_message_row_serves_all_targets(clerk: Any, mail: Any) -> None:
    work = clerk.create("Công việc")
    content = clerk.store.prepare(mail())
    targets = [Target(clerk.inbox.id), Target(work.id, ("\\Flagged",)), Target(clerk.inbox.id, ("\\Seen",))]
    done = clerk.do(messages.append, content, targets)
    assert [(each.mailbox_id, each.uid) for each in done] == [(clerk.inbox.id, 1), (work.id, 1), (clerk.inbox.id, 2)]
    assert len({each.message_id for each in done}) == 1
    assert [each.uid_validity for each in done] == [
        clerk.inbox.uid_validity,
        work.uid_validity,
        clerk.inbox.uid_validity,
    ]
    assert clerk.counters(clerk.inbox) == (2, 1, 0, 2 * len(mail()))
    assert clerk.counters(work) == (1, 1, 0, len(mail()))


def test_a_missing_target_keeps_nothing(clerk: Any, mail: Any) -> None:
    content = clerk.store.prepare(mail())
    with pytest.raises(NoSuchMailbox):
        clerk.do(messages.append, content, [Target(clerk.inbox.id), Target(987654)])
    assert clerk.uids() == []
    assert clerk.mailbox().uid_next == 1


@pytest.mark.parametrize(
    "flag", ["\\Recent", "\\Nonsense", "two words", "(", "", "a" * 101, "tiếng", "wild*", 'quo"te']
)
def test_what_is_no_flag_is_refused_and_keeps_nothing(clerk: Any, mail: Any, flag: str) -> None:
    with pytest.raises(CannotDo):
        clerk.append(mail(), flags=("\\Seen", flag))
    assert clerk.mailbox().messages == 0


def test_a_kept_message_is_placed_once_more(clerk: Any, mail: Any) -> None:
    content = clerk.store.prepare(mail())
    message_id = clerk.do(messages.insert_message, content)
    first = clerk.do(messages.place, message_id, content.size, Target(clerk.inbox.id, ("\\Draft",), 12345))
    second = clerk.do(messages.place, message_id, content.size, Target(clerk.inbox.id))
    assert (first.uid, second.uid) == (1, 2)
    assert {first.message_id, second.message_id} == {message_id}
    assert clerk.octets(1) == clerk.octets(2) == mail()
    assert clerk.counters(clerk.inbox) == clerk.recount(clerk.inbox)


def test_every_column_can_be_fetched_in_the_order_asked(clerk: Any, mail: Any) -> None:
    octets = mail("Họp giao ban", Message_ID="<1@thanhpho.example>", Date="Tue, 1 Apr 2025 08:00:00 +0700")
    clerk.append(octets, flags=("\\Seen",), date=99)
    columns = [
        "uid",
        "flags",
        "modseq",
        "internal_date",
        "saved_at",
        "message_id",
        "size",
        "header_size",
        "envelope",
        "body",
        "bodystructure",
        "parts",
        "preview",
        "subject",
        "base_subject",
        "author_name",
        "author_address",
        "to_text",
        "sort_from",
        "sort_to",
        "sort_cc",
        "sent_at",
        "message_id_header",
        "thread_key",
        "ancestry",
        "has_attachments",
        "search_text",
        "header",
        "fields",
        "trace",
    ]
    (row,) = clerk.ask(lambda connection: list(reading.fetch(connection, clerk.inbox.id, [(1, 1)], columns)))
    assert row._fields == tuple(columns)
    assert (row.uid, row.flags, row.internal_date, row.size) == (1, 1, 99, len(octets))
    assert row.subject == "Họp giao ban"
    assert row.message_id_header == row.thread_key == "<1@thanhpho.example>"
    assert row.sent_at == int(datetime(2025, 4, 1, 1, tzinfo=UTC).timestamp())
    assert row.header + octets[row.header_size :] == octets
    assert row.trace + row.fields == row.header
    assert isinstance(row.envelope, bytes)
    assert isinstance(row.header, bytes)
    assert not row.has_attachments
    reversed_columns = columns[::-1]
    (again,) = clerk.ask(lambda connection: list(reading.fetch(connection, clerk.inbox.id, [(1, 1)], reversed_columns)))
    assert tuple(again)[::-1] == tuple(row)


def test_fetch_gives_uid_order_and_no_row_twice_whatever_the_ranges(clerk: Any) -> None:
    clerk.fill(30)
    # More ranges than one statement carries, overlapping, unsorted, and beyond what is there.
    ranges = [(25, 29), (1, 30), (400, 900), (7, 7), *((number % 30 + 1, number % 30 + 1) for number in range(1000))]
    rows = clerk.ask(lambda connection: list(reading.fetch(connection, clerk.inbox.id, ranges, ("uid", "size"))))
    assert [row.uid for row in rows] == list(range(1, 31))
    few = clerk.ask(reading.placements, clerk.inbox.id, [(28, 4294967295), (2, 3)])
    assert [row.uid for row in few] == [2, 3, 28, 29, 30]
    assert clerk.ask(reading.placements, clerk.inbox.id, []) == []


def test_some_are_as_many_as_come_to_enough(clerk: Any, mail: Any) -> None:
    for number in range(30):
        clerk.append(mail(f"number {number}", "x" * 1000))
    one = reading.EVERYTHING
    sparse = [(uid, uid) for uid in range(1, 31) if uid % 10 != 5]  # too many to be asked one by one
    for mailbox_id in (clerk.inbox.id, readers.ReadersMailbox(clerk.inbox.id, "binh", 1)):
        for ranges, wanted in (
            (one, range(1, 31)),
            ([(20, 25), (2, 7)], [*range(2, 8), *range(20, 26)]),
            (sparse, None),
        ):
            uids = [low for low, _ in sparse] if wanted is None else list(wanted)
            columns = ("uid", "flags", "header", "text", "file_size")

            def some(enough: int, ids: int = mailbox_id, ranges: Any = ranges, columns: Any = columns) -> Any:
                return clerk.ask(reading.some, ids, ranges, columns, enough)

            rows, has_more = some(3500)
            assert ([row.uid for row in rows], has_more) == (uids[:4], True)
            assert all(row.file_size is None for row in rows)
            rows, has_more = some(1)
            assert ([row.uid for row in rows], has_more) == (uids[:1], True)
            rows, has_more = some(1_000_000)
            assert ([row.uid for row in rows], has_more) == (uids, False)
            exactly = sum(len(row.header) + len(row.text) for row in rows)
            assert some(exactly)[1]
            assert not some(exactly + 1)[1]
    assert clerk.ask(reading.some, clerk.inbox.id, [(100, 200)], columns, 5) == ([], False)


def test_a_body_in_a_file_counts_nothing_and_tells_its_size(make_store: Any, hire: Any, mail: Any) -> None:
    clerk = hire(make_store(inline_limit=100))
    octets = [mail("large", "x" * (1000 + number)) for number in range(5)]
    for each in octets:
        clerk.append(each)
    rows, has_more = clerk.ask(
        reading.some, clerk.inbox.id, reading.EVERYTHING, ("uid", "size", "header", "text", "file_size"), 900
    )
    assert not has_more
    assert [row.file_size for row in rows] == [row.size for row in rows] == [len(each) for each in octets]


def test_pages_are_newest_first(clerk: Any) -> None:
    clerk.fill(7)
    page = clerk.ask(reading.page, clerk.inbox.id, ("uid", "subject"), offset=2, limit=3)
    assert [(row.uid, row.subject) for row in page] == [(5, "number 4"), (4, "number 3"), (3, "number 2")]
    assert clerk.ask(reading.page, clerk.inbox.id, ("uid",), offset=7, limit=3) == []


@pytest.mark.parametrize("few", [1, 2, 3])
def test_first_unseen_as_far_as_is_looked(clerk: Any, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    """However many are looked at first, the answer is the same."""
    monkeypatch.setattr("mailserver.store.unseen.FEW", few)
    monkeypatch.setattr("mailserver.store.unseen.WINDOW", 3)
    memory = unseen.Memory()

    def first() -> int | None:
        now = clerk.mailbox(clerk.inbox.id)
        found: int | None = clerk.ask(unseen.first_unseen, now.id, messages=now.messages, unseen=now.unseen)
        for _ in range(2):  # what is remembered is what would be found
            assert clerk.ask(memory.first, now.id, now) == found
        return found

    assert first() is None
    clerk.fill(8, flags=("\\Seen",))
    clerk.do(messages.remove, clerk.inbox.id, [(2, 2)])  # numbers are no UIDs: 1 3 4 5 6 7 8
    assert first() is None
    for uid, number in ((8, 7), (7, 6), (6, 5)):  # all that is unseen is among the newest
        clerk.do(messages.set_flags, clerk.inbox.id, [(uid, uid)], "remove", ("\\Seen",))
        assert first() == number
    clerk.do(messages.set_flags, clerk.inbox.id, [(5, 5)], "remove", ("\\Seen",))
    assert first() is None  # it is in the middle
    for uid, number in ((4, 3), (3, 2), (1, 1)):  # the first is among the oldest
        clerk.do(messages.set_flags, clerk.inbox.id, [(uid, uid)], "remove", ("\\Seen",))
        assert first() == number


# Broadcast


def test_broadcast_reaches_each_account_once(any_store: Store, hire: Any, mail: Any) -> None:
    clerk = hire(any_store, "account3")
    clerk.fill(2)
    content = any_store.prepare(mail("Thông báo"), prefix=b"Received: by here\r\n")
    accounts = [f"account{number % 50}" for number in range(120)]  # some named twice
    assert clerk.do(broadcast.deliver_to_accounts, content, accounts) == 50
    assert clerk.do(broadcast.deliver_to_accounts, content, accounts[:10]) == 10
    with any_store.read() as connection:
        ids = set()
        for number in range(50):
            inbox = mailboxes.find_mailbox(connection, f"account{number}", "INBOX")
            assert inbox is not None
            expected = (2 if number == 3 else 0) + 1 + (number < 10)
            assert (inbox.messages, inbox.unseen, inbox.uid_next) == (expected, expected, expected + 1)
            rows = reading.placements(connection, inbox.id)
            assert [row.uid for row in rows] == list(range(1, expected + 1))
            assert rows[-1].modseq == inbox.highest_modseq
            ids.add(rows[-1].message_id)
            assert any_store.octets(connection, rows[-1].message_id) == b"Received: by here\r\n" + mail("Thông báo")
            used = quota.usage(connection, f"account{number}")
            assert (used.size, used.messages) == (inbox.size, expected)
        assert len(ids) == 2  # one message each broadcast


def test_broadcast_to_nobody(clerk: Any, mail: Any) -> None:
    assert clerk.do(broadcast.deliver_to_accounts, clerk.store.prepare(mail()), []) == 0


def test_two_broadcasts_in_one_transaction(clerk: Any, mail: Any) -> None:
    first, second = clerk.store.prepare(mail("1")), clerk.store.prepare(mail("2"))

    def both(tx: Any) -> tuple[int, int]:
        return (
            broadcast.deliver_to_accounts(tx, first, ["an", "binh"]),
            broadcast.deliver_to_accounts(tx, second, ["binh", "chi"]),
        )

    assert clerk.do(both) == (2, 2)
    subjects = {}
    for account in ("an", "binh", "chi"):
        inbox = clerk.ask(mailboxes.find_mailbox, account, "INBOX")
        rows = clerk.ask(
            lambda connection, where=inbox.id: list(reading.fetch(connection, where, [(1, 9)], ("subject",)))
        )
        subjects[account] = [row.subject for row in rows]
    assert subjects == {"an": ["1"], "binh": ["1", "2"], "chi": ["2"]}


# Quota


def test_quota_counts_all_mailboxes_and_what_is_removed_no_more(clerk: Any, mail: Any) -> None:
    work = clerk.create("Việc")
    clerk.fill(3)
    clerk.fill(2, work)
    size = sum(clerk.mailbox(each.id).size for each in (clerk.inbox, work))
    assert clerk.ask(quota.usage, "an") == quota.Usage(size, 5, 7)
    assert clerk.ask(quota.room_for, "an", size + 10, 10)
    assert not clerk.ask(quota.room_for, "an", size + 9, 10)
    assert clerk.ask(quota.room_for, "an", 0, 10**12)
    assert clerk.ask(quota.usage, "nobody") == quota.Usage(0, 0, 0)
    clerk.do(mailboxes.delete_mailbox, "an", "Việc")
    clerk.do(messages.remove, clerk.inbox.id, [(1, 2)])
    assert clerk.ask(quota.usage, "an") == quota.Usage(clerk.mailbox().size, 1, 6)


def test_who_uses_much_is_found_at_once(clerk: Any, hire: Any) -> None:
    clerk.fill(2)
    clerk.fill(1, clerk.create("Việc"))
    used = clerk.ask(quota.usage, "an").size
    hire(clerk.store, "binh").fill(1)
    assert clerk.ask(quota.using_more_than, used - 1) == {"an"}
    assert clerk.ask(quota.using_more_than, used) == set()
    assert clerk.ask(quota.using_more_than, 0) == {"an", "binh"}
