"""Maildirs: folders, flags in file names, dates, and files that are none."""

from __future__ import annotations

import os

import pytest

from mailserver.importing.maildir import MaildirSource
from mailserver.importing.source import Passed, SourceFault, SourceMessage, Unreadable

OLD = 1736127000


@pytest.fixture
def maildir(tmp_path):
    root = tmp_path / "Maildir"

    def put(folder, part, name, octets=b"Subject: x\n\nx\n", mtime=OLD):
        for one in ("cur", "new", "tmp"):
            (root / folder / one).mkdir(parents=True, exist_ok=True)
        path = root / folder / part / name
        path.write_bytes(octets)
        os.utime(path, (mtime, mtime))
        return path

    put("", "tmp", "unfinished")
    return root, put


def read(root, name="INBOX"):
    source = MaildirSource(root)
    folder = next(folder for folder in source.folders() if folder.name == name)
    return list(source.messages(folder, lambda tokens: set()))


def test_folders_of_both_kinds(maildir):
    root, put = maildir
    put(".Sent", "cur", "1.a:2,S")
    put(".D&HvE- &AOE-n.2024", "cur", "1.a:2,")
    put("Archive", "cur", "1.a:2,")
    put("Archive/2023", "new", "1.a")
    (root / "subscriptions").write_text("V\t2\n\nSent\nD&HvE- &AOE-n\t2024\n")
    folders = {folder.name: folder for folder in MaildirSource(root).folders()}
    assert set(folders) == {"INBOX", "Sent", "Dự án/2024", "Archive", "Archive/2023"}
    assert folders["Sent"].special_use == "\\Sent"
    assert folders["Sent"].subscribed
    assert not folders["Archive"].subscribed
    assert folders["Archive/2023"].count == 1


@pytest.mark.parametrize(
    "part, name, flags",
    [
        ("cur", "1.a:2,", set()),
        ("cur", "1.a:2,SRFTD", {"\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"}),
        ("cur", "1.a:2,PS", {"$Forwarded", "\\Seen"}),
        ("cur", "1.a,S=12,W=14:2,Sab", {"\\Seen", "$Label1", "NonJunk"}),
        ("cur", "1.a;2,S", {"\\Seen"}),
        ("cur", "1.a", set()),
        ("new", "1.a:2,S", set()),
        ("cur", "1.a:2,z?", set()),
    ],
)
def test_flags_are_in_the_file_name(maildir, part, name, flags):
    root, put = maildir
    put("", part, name)
    (root / "dovecot-keywords").write_text("0 $Label1\n1 NonJunk\nnonsense\n")
    (message,) = read(root)
    assert message.flags == flags


@pytest.mark.parametrize(
    "name, mtime, date",
    [
        (f"{OLD}.M1P2.host:2,S", OLD + 5, OLD),  # copied later: the name knows
        (f"{OLD}.M1P2.host:2,S", OLD - 900, OLD - 900),  # moved later: the file knows
        ("odd-name:2,S", OLD, OLD),
    ],
)
def test_the_date_is_the_older_of_name_and_file(maildir, name, mtime, date):
    root, put = maildir
    put("", "cur", name, mtime=mtime)
    (message,) = read(root)
    assert message.internal_date == date


def test_messages_come_oldest_first_with_crlf(maildir):
    root, put = maildir
    put("", "cur", "1736127002.b:2,S", b"Subject: second\n\nx\n")
    put("", "new", "1736127009.c", b"Subject: third\r\n\r\nx\r\n")
    put("", "cur", "1736127001.a:2,S", b"Subject: first\n\nx\n")
    assert [message.octets.split(b"\r\n")[0] for message in read(root)] == [
        b"Subject: first", b"Subject: second", b"Subject: third",
    ]  # fmt: skip


def test_renaming_a_file_by_its_flags_is_not_another_message(maildir):
    root, put = maildir
    path = put("", "cur", "1.a:2,")
    (before,) = read(root)
    path.rename(path.with_name("1.a:2,S"))
    (after,) = read(root)
    assert before.tokens == after.tokens
    source = MaildirSource(root)
    assert list(source.messages(source.folders()[0], set)) == [Passed(1)]


def test_links_and_empty_files_are_not_mail(maildir, tmp_path):
    root, put = maildir
    secret = tmp_path / "secret"
    secret.write_bytes(b"Subject: secret\n\nx\n")
    (root / "cur" / "1.link:2,S").symlink_to(secret)
    (root / ".Linked").symlink_to(tmp_path)
    put("", "cur", "2.empty:2,S", b"")
    put("", "cur", "3.good:2,S")
    assert [type(item) for item in read(root)] == [Unreadable, SourceMessage]
    assert [folder.name for folder in MaildirSource(root).folders()] == ["INBOX"]


def test_what_is_no_maildir_is_refused(tmp_path):
    with pytest.raises(SourceFault):
        MaildirSource(tmp_path)
