"""mbox files: where messages begin, what mailers write into them, and what must not be followed."""

from __future__ import annotations

import pytest

from mailserver.importing.mbox import MboxSource
from mailserver.importing.source import Folder, Passed, SourceFault, SourceMessage, Unreadable

FROM = b"From an@example.vn Mon Jan  6 08:30:00 2025\n"


def read(path, folder="INBOX", known=()):
    source = MboxSource(path, folder)
    (only,) = source.folders()
    return list(source.messages(only, lambda tokens: set(tokens) & set(known)))


@pytest.fixture
def mbox(tmp_path):
    def make(octets):
        path = tmp_path / "mail.mbox"
        path.write_bytes(octets)
        return path

    return make


def test_messages_are_parted_and_get_crlf(mbox):
    first, second = read(mbox(FROM + b"Subject: one\n\nbody\n\n" + FROM + b"Subject: two\n\nlast line\n"))
    assert first.octets == b"Subject: one\r\n\r\nbody\r\n"
    assert second.octets == b"Subject: two\r\n\r\nlast line\r\n"


@pytest.mark.parametrize(
    "text, octets",
    [
        (b"Subject: x\n\n\n", b"Subject: x\r\n\r\n"),
        (b"Subject: x\n\n", b"Subject: x\r\n\r\n"),
        (b"Subject: x\n\nbody\n\n\n", b"Subject: x\r\n\r\nbody\r\n\r\n"),
        (b"Subject: x\n\nno line end", b"Subject: x\r\n\r\nno line end"),
    ],
)
def test_only_the_blank_line_between_messages_goes(mbox, text, octets):
    (message,) = read(mbox(FROM + text))
    assert message.octets == octets


def test_a_file_with_crlf_reads_the_same(mbox):
    octets = FROM + b"Subject: one\n\nbody\n\n" + FROM + b"Subject: two\n\nx\n\n"
    unix = read(mbox(octets))
    dos = read(mbox(octets.replace(b"\n", b"\r\n")))
    assert [item.octets for item in unix] == [item.octets for item in dos]
    assert [item.tokens for item in unix] == [item.tokens for item in dos]


@pytest.mark.parametrize(
    "line",
    [
        b"From now on we write letters.\n",
        b"From an@example.vn\n",
        b">From an@example.vn Mon Jan  6 08:30:00 2025\n",
        b"From the office, Mon 6 Jan\n",
    ],
)
def test_text_that_begins_with_from_is_text(mbox, line):
    (message,) = read(mbox(FROM + b"Subject: one\n\ntext\n\n" + line + b"more\n"))
    assert line.removeprefix(b">").rstrip() in message.octets


def test_a_from_line_needs_a_blank_line_before_it(mbox):
    (message,) = read(mbox(FROM + b"Subject: one\n\ntext\n" + FROM + b"more\n"))
    assert FROM.rstrip() in message.octets


def test_quoting_is_undone_one_level(mbox):
    (message,) = read(mbox(FROM + b"Subject: one\n\n>From here\n>>From there\n> From no\n"))
    assert message.octets.endswith(b"\r\n\r\nFrom here\r\n>From there\r\n> From no\r\n")


@pytest.mark.parametrize(
    "line, date",
    [
        (b"From a Mon Jan  6 08:30:00 2025", 1736152200),
        (b"From - Mon Jan 06 08:30:00 2025", 1736152200),
        (b"From a@b  Mon Jan  6 08:30:00 2025 +0700", 1736127000),
        (b"From a@b Mon Jan  6 08:30:00 +0700 2025", 1736127000),
        (b"From a@b Mon Jan  6 08:30 2025", 1736152200),
        (b"From a b@c Mon Jan  6 08:30:00 ICT 2025", 1736152200),
    ],
)
def test_the_from_line_tells_the_date(mbox, line, date):
    (message,) = read(mbox(line + b"\nSubject: one\n\nx\n"))
    assert message.internal_date == date


def test_flags_come_from_status_fields_which_go(mbox):
    (message,) = read(
        mbox(
            FROM + b"Subject: one\nStatus: RO\nX-Status: AF\nX-Keywords: NonJunk $Label1\nX-UID: 5\nContent-Length: 2\n"
            b"X-Mozilla-Keys: $label2   \n\nx\n"
        )
    )
    assert message.flags == {"\\Seen", "\\Answered", "\\Flagged", "NonJunk", "$Label1", "$label2"}
    assert message.octets.startswith(b"Subject: one\r\n\r\n")


def test_a_changed_status_is_not_another_message(mbox):
    (before,) = read(mbox(FROM + b"Subject: one\nStatus: O\n\nx\n"))
    (after,) = read(mbox(FROM + b"Subject: one\nStatus: RO\nX-Status: A\n\nx\n"))
    assert before.tokens == after.tokens
    assert read(mbox(FROM + b"Subject: one\n\nx\n"), known=before.tokens) == [Passed(1)]


def test_the_same_mail_in_another_folder_is_another_message(mbox):
    path = mbox(FROM + b"Subject: one\n\nx\n")
    assert read(path, "Sent")[0].tokens != read(path)[0].tokens


def test_thunderbird_status(mbox):
    items = read(
        mbox(
            FROM + b"X-Mozilla-Status: 0007\nSubject: read, answered, marked\n\nx\n\n"
            + FROM + b"X-Mozilla-Status: 0009\nSubject: deleted\n\nx\n\n"
            + FROM + b"X-Mozilla-Status: zzz\nSubject: odd\n\nx\n"
        )
    )  # fmt: skip
    assert [item.flags for item in items] == [{"\\Seen", "\\Answered", "\\Flagged"}, frozenset()]


def test_a_mailers_own_notes_are_no_mail(mbox):
    octets = FROM + b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1 2\n\nnotes\n\n"
    (message,) = read(mbox(octets + FROM + b"Subject: real\n\nx\n"))
    assert message.octets.startswith(b"Subject: real")


def test_an_empty_message_is_named(mbox):
    items = read(mbox(FROM + b"\n" + FROM + b"Subject: one\n\nx\n"))
    assert isinstance(items[0], Unreadable)
    assert isinstance(items[1], SourceMessage)


def test_an_empty_file_is_an_empty_folder(mbox):
    assert read(mbox(b"")) == []


def test_a_folder_of_files_as_thunderbird_keeps_them(tmp_path):
    (tmp_path / "Inbox").write_bytes(FROM + b"Subject: one\n\nx\n")
    (tmp_path / "Inbox.msf").write_bytes(b"// index")
    (tmp_path / "Inbox.sbd").mkdir()
    (tmp_path / "Inbox.sbd" / "Dự án").write_bytes(FROM + b"Subject: two\n\nx\n")
    (tmp_path / "Sent.mbox").write_bytes(FROM + b"Subject: three\n\nx\n")
    (tmp_path / "notes.txt").write_bytes(b"From me\n")
    assert {(folder.name, folder.special_use) for folder in MboxSource(tmp_path).folders()} == {
        ("INBOX", None),
        ("INBOX/Dự án", None),
        ("Sent", "\\Sent"),
    }


def test_links_are_not_followed(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(FROM + b"Subject: secret\n\nx\n")
    folder = tmp_path / "mail"
    folder.mkdir()
    (folder / "Inbox").symlink_to(secret)
    with pytest.raises(SourceFault):
        MboxSource(folder)
    source = MboxSource(folder / "Inbox")
    with pytest.raises(SourceFault):
        list(source.messages(Folder("INBOX"), lambda tokens: set()))


def test_a_missing_date_is_taken_from_the_header(mbox):
    header = (
        b"Received: from x by y;\n Tue, 7 Jan 2025 09:00:00 +0700\nDate: Mon, 6 Jan 2025 08:30:00 +0700\nSubject: one\n"
    )
    (message,) = read(mbox(b"From - Mon Jan 99 08:30:00 2025\n" + header + b"\nx\n"))
    assert message.internal_date == 1736215200
