"""Mail from another IMAP server: its folders, its faults, and that nothing comes twice."""

from __future__ import annotations

import pytest

from mailserver.importing import imap_source
from mailserver.importing.imap_source import Account, ImapSource
from mailserver.importing.importer import Importer
from mailserver.importing.source import SourceFault


@pytest.fixture
def bring(store):
    """Import from a server into the account "an"; the report."""

    def run(server, password=None, virtual=False, **options):
        account = Account("127.0.0.1", server.port, "lan@example.vn", password or server.password, None)
        source = ImapSource(account, virtual=virtual)
        try:
            return Importer(store, "an", **options).run(source)
        finally:
            source.close()

    return run


def test_folders_flags_and_dates(foreign_server, foreign_folder, bring, held, make_letter):
    server = foreign_server(
        [foreign_folder(b"INBOX", [3, 5]), foreign_folder(b"Sent", [9], attributes="\\Sent \\HasNoChildren")]
    )
    report = bring(server)
    assert (report.brought, report.failures, report.stopped) == (3, [], "")
    assert held.mail() == [(f"Thư {number}", {"\\Seen", "$Label1"}, 1736127000) for number in (3, 5)]
    assert held.octets("Sent") == [make_letter(9)]
    assert not any(command.startswith((b"SELECT", b"UID STORE")) for command in server.log)


@pytest.mark.parametrize("literal_names", [False, True])
def test_names_are_decoded_and_the_namespace_goes(foreign_server, foreign_folder, bring, held, literal_names):
    server = foreign_server(
        [
            foreign_folder(b"INBOX", [1]),
            foreign_folder(b"INBOX.C&APQ-ng v&AQM-n.2024", [2], subscribed=False),
            foreign_folder(b"INBOX.D&HvE-/A", [3]),
            foreign_folder("INBOX.Thư cũ".encode(), [4]),
            foreign_folder(b"Shared", attributes="\\Noselect"),
        ],
        prefix="INBOX.",
        literal_names=literal_names,
    )
    assert bring(server).stopped == ""
    assert held.subjects("Công văn/2024") == ["Thư 2"]
    assert held.subjects("Dự-A") == ["Thư 3"]
    assert held.subjects("Thư cũ") == ["Thư 4"]
    assert "Shared" not in held.names()


def test_folders_that_only_show_others_are_left(foreign_server, foreign_folder, bring, held):
    server = foreign_server(
        [foreign_folder(b"INBOX", [1]), foreign_folder(b"All Mail", [1, 2], attributes="\\All")], delimiter="/"
    )
    assert bring(server).brought == 1
    assert "All Mail" not in held.names()
    assert bring(server, virtual=True).brought == 2


def test_a_second_run_asks_for_no_body(foreign_server, foreign_folder, bring):
    server = foreign_server([foreign_folder(b"INBOX", range(1, 451))])
    assert bring(server).brought == 450
    server.log.clear()
    report = bring(server)
    assert (report.brought, report.known) == (0, 450)
    assert not any(b"FETCH" in command for command in server.log)


def test_new_uids_for_old_mail_bring_it_not_again(foreign_server, foreign_folder, bring, held):
    folder = foreign_folder(b"INBOX", [1, 2])
    server = foreign_server([folder])
    bring(server)
    folder.uid_validity = 8
    folder.mail = {uid + 10: mail for uid, mail in folder.mail.items()}
    report = bring(server)
    assert (report.brought, report.known) == (0, 2)
    server.log.clear()
    assert bring(server).known == 2
    assert not any(b"FETCH" in command for command in server.log)
    assert len(held.subjects()) == 2


def test_a_lost_connection_is_made_again(foreign_server, foreign_folder, bring, held):
    server = foreign_server([foreign_folder(b"INBOX", range(1, 31))])
    server.drop_after = 30
    server.folders[b"Later"] = foreign_folder(b"Later", [1])
    assert bring(server).stopped == ""
    assert len(held.subjects()) == 30
    assert held.subjects("Later") == ["Thư 1"]


def test_a_server_that_always_breaks_ends_the_run_and_the_next_goes_on(
    foreign_server, foreign_folder, bring, held, monkeypatch
):
    monkeypatch.setattr(imap_source, "_BODY_PORTION", 1000)
    server = foreign_server([foreign_folder(b"INBOX", range(1, 301))])
    server.drop_after = 0
    report = bring(server)
    assert "connection" in report.stopped
    assert report.brought == 0
    server.drop_after = None
    assert bring(server).brought == 300
    assert len(held.subjects()) == 300


def test_a_message_the_server_cannot_give_holds_up_no_other(foreign_server, foreign_folder, bring, held):
    server = foreign_server([foreign_folder(b"INBOX", [1, 2, 3])])
    server.broken = {2}
    report = bring(server)
    assert [(failure.label, "the disk is old" in failure.reason) for failure in report.failures] == [("UID 2", True)]
    assert held.subjects() == ["Thư 1", "Thư 3"]
    server.broken = set()
    assert bring(server).brought == 1


def test_a_folder_that_stays_closed_holds_up_no_other(foreign_server, foreign_folder, bring, held):
    server = foreign_server([foreign_folder(b"INBOX", [1]), foreign_folder(b"Locked", [2], closed=True)])
    report = bring(server)
    assert [(failure.folder, "not for you" in failure.reason) for failure in report.failures] == [("Locked", True)]
    assert report.stopped == ""
    assert held.subjects() == ["Thư 1"]


def test_an_empty_message_and_a_large_one(foreign_server, foreign_folder, bring, held):
    folder = foreign_folder(b"INBOX", [1])
    large = b"Subject: large\r\n\r\n" + b"x" * 998 + b"\r\n(* OK)\r\n" * 200_000
    folder.mail[2] = ("", "01-Jan-2025 00:00:00 +0000", b"")
    folder.mail[3] = ("", "01-Jan-2025 00:00:00 +0000", large)
    report = bring(foreign_server([folder]))
    assert [failure.label for failure in report.failures] == ["UID 2"]
    assert held.octets()[1] == large


def test_a_wrong_password_is_tried_once(foreign_server, foreign_folder, bring):
    server = foreign_server([foreign_folder(b"INBOX", [1])])
    assert "wrong password" in bring(server, password="sai").stopped
    assert sum(command.startswith(b"LOGIN") for command in server.log) == 1


def test_nobody_there():
    source = ImapSource(Account("127.0.0.1", 1, "lan@example.vn", "x", None))
    try:
        with pytest.raises(SourceFault, match=r"lan@example\.vn@127\.0\.0\.1"):
            source.folders()
    finally:
        source.close()


@pytest.mark.parametrize(
    "uids, written", [([1], "1"), ([1, 2, 3], "1:3"), ([9, 1, 2, 4], "1:2,4,9"), ([5, 7, 6, 10, 11], "5:7,10:11")]
)
def test_uid_sets(uids, written):
    assert imap_source._uid_set(uids) == written
