"""The import itself: batches, places, journal, faults."""

from __future__ import annotations

import pytest

from mailserver.importing.importer import BATCH_MESSAGES, Importer
from mailserver.importing.source import Folder, Passed, SourceFault, SourceMessage, Unreadable, content_token
from mailserver.refusals import TryLater
from mailserver.store import mailboxes, messages


class Box:
    """A source in memory. ``break_after`` so many messages, reading fails."""

    def __init__(self, folders, break_after=None):
        self.content = folders
        self.break_after = break_after

    def folders(self):
        return list(self.content)

    def messages(self, folder, known):
        for number, item in enumerate(self.content[folder]):
            if self.break_after is not None and number >= self.break_after:
                raise SourceFault("the disk was pulled out")
            if isinstance(item, SourceMessage) and known(item.tokens):
                yield Passed(1)
            else:
                yield item

    def close(self):
        pass


@pytest.fixture
def mail(make_letter):
    def make(numbers, folder="INBOX", flags=(), date=1_700_000_000):
        return [
            SourceMessage(f"no. {number}", (content_token(folder, make_letter(number)),), make_letter(number),
                          frozenset(flags), date)
            for number in numbers
        ]  # fmt: skip

    return make


INBOX = Folder("INBOX")


def test_messages_come_with_flags_dates_and_octets(store, held, mail, make_letter):
    report = Importer(store, "an").run(Box({INBOX: mail([1, 2], flags=["\\Seen", "$Label1"])}))
    assert held.mail() == [(f"Thư {number}", {"\\Seen", "$Label1"}, 1_700_000_000) for number in (1, 2)]
    assert held.octets() == [make_letter(1), make_letter(2)]
    assert (report.brought, report.known, report.failures, report.stopped) == (2, 0, [], "")
    assert report.octets == 2 * len(make_letter(1))


def test_a_second_run_brings_only_what_is_new(store, held, mail):
    Importer(store, "an").run(Box({INBOX: mail(range(5))}))
    report = Importer(store, "an").run(Box({INBOX: mail(range(8))}))
    assert (report.brought, report.known) == (3, 5)
    assert held.subjects() == [f"Thư {number}" for number in range(8)]


def test_what_the_owner_deleted_does_not_come_back(store, held, mail):
    Importer(store, "an").run(Box({INBOX: mail(range(3))}))
    inbox = store.maildrop("an")
    store.write(lambda tx: messages.remove(tx, inbox.id, [(1, 2)])).result()
    assert Importer(store, "an").run(Box({INBOX: mail(range(3))})).brought == 0
    assert held.subjects() == ["Thư 2"]


def test_two_copies_in_one_folder_are_one(store, held, mail):
    report = Importer(store, "an").run(Box({INBOX: mail([1, 1, 2])}))
    assert (report.brought, report.known) == (2, 1)
    assert held.subjects() == ["Thư 1", "Thư 2"]


def test_another_account_gets_its_own(store, held, mail):
    Importer(store, "an").run(Box({INBOX: mail([1])}))
    assert Importer(store, "binh").run(Box({INBOX: mail([1])})).brought == 1
    assert held.subjects() == ["Thư 1"]


def test_an_import_broken_off_goes_on_where_it_was(store, held, mail):
    box = Box({INBOX: mail(range(BATCH_MESSAGES * 2 + 50))}, break_after=BATCH_MESSAGES + 30)
    report = Importer(store, "an").run(box)
    assert report.stopped == "the disk was pulled out"
    assert report.brought == BATCH_MESSAGES == len(held.subjects())
    box.break_after = None
    report = Importer(store, "an").run(box)
    assert (report.known, report.brought, report.stopped) == (BATCH_MESSAGES, BATCH_MESSAGES + 50, "")
    assert held.subjects() == [f"Thư {number}" for number in range(BATCH_MESSAGES * 2 + 50)]


def test_one_message_that_cannot_be_kept_holds_up_no_other(store, held, mail):
    # \Recent is the server's to set (RFC 9051 §2.3.2), and what is no flag is no reason to leave a message behind
    odd = mail([2], flags=["no flag", "\\Seen"])
    report = Importer(store, "an").run(Box({INBOX: [*mail([1]), *odd, *mail([3])]}))
    assert report.failures == []
    assert [(subject, flags) for subject, flags, _ in held.mail()] == [
        ("Thư 1", set()), ("Thư 2", {"\\Seen"}), ("Thư 3", set()),
    ]  # fmt: skip


def test_more_keywords_than_a_mailbox_can_have(store, held, mail):
    many = [mail([number], flags=[f"keyword{number}", "\\Flagged"])[0] for number in range(70)]
    report = Importer(store, "an").run(Box({INBOX: many}))
    assert (report.brought, report.failures) == (70, [])
    flags = [flags for _, flags, _ in held.mail()]
    assert all("\\Flagged" in one for one in flags)
    assert flags[0] == {"\\Flagged", "keyword0"}
    assert flags[69] == {"\\Flagged"}


def test_what_cannot_be_read_is_named_and_tried_again(store, held, mail):
    box = Box({INBOX: [Unreadable("file 7", "Input/output error"), *mail([1])]})
    report = Importer(store, "an").run(box)
    (failure,) = report.failures
    assert (failure.folder, failure.label, failure.reason) == ("INBOX", "file 7", "Input/output error")
    assert report.brought == 1
    box.content[INBOX][0] = mail([7])[0]
    assert Importer(store, "an").run(box).brought == 1


def test_folders_join_ours_by_use_and_by_name(store, held, mail):
    folders = {
        Folder("Sent Items", "\\Sent"): mail([1], "Sent Items"),
        Folder("Dự án/2024", subscribed=False): mail([2], "Dự án/2024"),
        Folder("Trống"): [],
    }
    report = Importer(store, "an").run(Box(folders))
    assert report.targets == {"Sent Items": "Sent", "Dự án/2024": "Dự án/2024", "Trống": "Trống"}
    assert held.subjects("Sent") == ["Thư 1"]
    assert held.subjects("Dự án/2024") == ["Thư 2"]
    with store.read() as connection:
        subscribed = set(mailboxes.list_subscribed(connection, "an"))
    assert "Trống" in subscribed
    assert "Dự án/2024" not in subscribed


def test_everything_can_go_below_one_mailbox(store, held, mail):
    Importer(store, "an", into="Thư cũ").run(Box({INBOX: mail([1]), Folder("Sent", "\\Sent"): mail([2], "Sent")}))
    assert held.subjects("Thư cũ/INBOX") == ["Thư 1"]
    assert held.subjects("Thư cũ/Sent") == ["Thư 2"]
    assert held.subjects() == []


def test_some_folders_only(store, held, mail):
    box = Box({INBOX: mail([1]), Folder("A"): mail([2], "A"), Folder("B"): mail([3], "B")})
    assert Importer(store, "an").run(box, only=["A", "B"], leave=["B"]).targets == {"A": "A"}
    assert "B" not in held.names()


def test_a_folder_with_an_impossible_place_is_named(store, held, mail, monkeypatch):
    monkeypatch.setattr(mailboxes, "MAX_MAILBOXES", 6)
    report = Importer(store, "an").run(Box({Folder("Seventh"): mail([1], "Seventh"), INBOX: mail([2])}))
    assert [failure.folder for failure in report.failures] == ["Seventh"]
    assert held.subjects() == ["Thư 2"]


def test_a_quota_ends_it_with_the_reason(store, held, mail, make_letter):
    size = len(make_letter(100))
    box = Box({INBOX: mail(range(100, 350))})
    report = Importer(store, "an", quota=size * 150).run(box)
    assert report.stopped
    assert report.brought == BATCH_MESSAGES == len(held.subjects())
    assert Importer(store, "an").run(box).brought == 250 - BATCH_MESSAGES


def test_a_store_that_cannot_take_it_ends_it(store, mail, monkeypatch):
    def full(*_, **__):
        raise TryLater("The disk is full")

    monkeypatch.setattr(store, "prepare", full)
    report = Importer(store, "an").run(Box({INBOX: mail([1])}))
    assert report.stopped == "The disk is full"


def test_a_dry_run_counts_and_changes_nothing(store, held, mail):
    Importer(store, "an").run(Box({INBOX: mail([1])}))
    box = Box({INBOX: mail([1, 2, 3]), Folder("Mới"): mail([4], "Mới")})
    report = Importer(store, "an", dry_run=True).run(box)
    assert (report.brought, report.known) == (3, 1)
    assert report.targets["Mới"] == "Mới"
    assert held.subjects() == ["Thư 1"]
    assert "Mới" not in held.names()


def test_progress_is_told(store, mail):
    told = []
    box = Box({Folder("INBOX", count=BATCH_MESSAGES + 5): mail(range(BATCH_MESSAGES + 5))})
    Importer(store, "an", progress=lambda progress: told.append((progress.folder, progress.done, progress.total))).run(
        box
    )
    assert told == [("INBOX", 100, 105), ("INBOX", 105, 105)]


def test_large_messages_make_small_batches(store, held, mail, make_letter):
    big = [
        SourceMessage(str(number), (bytes([number]),), make_letter(number, "x" * (6 << 20)), frozenset(), None)
        for number in range(4)
    ]
    told = []
    Importer(store, "an", progress=lambda progress: told.append(progress.done)).run(Box({INBOX: big}))
    assert told == [3, 4]
    assert held.octets() == [message.octets for message in big]


def test_on_both_engines(any_store, mail):
    box = Box({INBOX: mail(range(10)), Folder("Dự án"): mail(range(10), "Dự án", flags=["$Label1"])})
    assert Importer(any_store, "an").run(box).brought == 20
    report = Importer(any_store, "an").run(box)
    assert (report.brought, report.known) == (0, 20)
