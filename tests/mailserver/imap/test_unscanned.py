"""What came by the hundred a moment ago, and was not scanned yet, is told of like any other mail, whoever asks next."""

from __future__ import annotations

import re

import pytest

from mailserver.imap import fetching
from mailserver.imap.dispatch import handle
from mailserver.imap.grammar.framing import Framed
from mailserver.imap.steps import InThread, drive
from mailserver.store import reading, unscanned
from mailserver.store.unscanned import ANYWHERE, FEWEST, in_mailbox


def letter(number):
    return (
        f"From: Binh <b{number % 3}@x.vn>\r\nSubject: letter {number}\r\nMessage-ID: <{number}@x.vn>\r\n"
        f"Date: Mon, 2 Mar 2026 10:00:{number:02} +0000\r\n"
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        f"--b\r\n\r\ntext {number}\r\n"
        "--b\r\nContent-Type: text/plain; name=a.txt\r\nContent-Transfer-Encoding: base64\r\n\r\neA==\r\n--b--\r\n"
    ).encode()


def together(client, mailbox="INBOX", first=1, count=FEWEST):
    """One APPEND of messages whose scan is put off."""
    items = b"".join(
        b" (\\Seen) {%d+}\r\n%b" % (len(letter(each)), letter(each)) for each in range(first, first + count)
    )
    return client.ok(b"APPEND %b%b" % (mailbox.encode(), items))


def waits(client, mailbox_id=None):
    view = client.session.selected
    return not client.services.store.is_scanned(in_mailbox(mailbox_id or view.mailbox_id))


@pytest.fixture
def reader(an, connect):
    """Somebody else's connection, which had the mailbox open before the messages came."""
    reader = connect()
    reader.ok("SELECT INBOX")
    an.ok("SELECT INBOX")
    together(an)
    assert waits(an)
    reader.ok("NOOP")
    return reader


ASKED = {
    "FETCH 2 ENVELOPE": r'ENVELOPE \("Mon, 2 Mar 2026 10:00:02 \+0000" "letter 2" \(\("Binh"',
    "FETCH 2 (BODY)": r'\("text" "plain" .*"mixed"\)',
    "UID FETCH 2 (BODYSTRUCTURE)": r'"name" "a.txt"',
    "FETCH 2 BODY.PEEK[2]": r"BODY\[2\] \{4\}",
    "FETCH 2 BODY.PEEK[1.MIME]": r"BODY\[1.MIME\]",
    "FETCH 2 BINARY.PEEK[2]": r"BINARY\[2\] \{1\}",
    "FETCH 2 BINARY.SIZE[2]": r"BINARY.SIZE\[2\] 1\)",
    "FETCH 2 PREVIEW": r'PREVIEW "text 2"',
    "FETCH 2 ALL": r"letter 2",
    "FETCH 2 (EMAILID THREADID)": r"THREADID \(T",
    "SEARCH SUBJECT 7": r"\* SEARCH 7",
    "SEARCH FROM b1@": r"\* SEARCH 1 4 7 10",
    "SEARCH BODY {6+}\r\ntext 3": r"\* SEARCH 3",
    "SEARCH SENTON 2-Mar-2026": r"\* SEARCH 1 2 3 4 5 6 7 8 9 10",
    "UID SEARCH HEADER Message-ID 9@x": r"\* SEARCH 9",
    "SEARCH RETURN (COUNT) TEXT letter": r"COUNT 10",
    "SORT (REVERSE SUBJECT) UTF-8 ALL": r"\* SORT 9 8 7 6 5 4 3 2 10 1",
    "SORT (FROM REVERSE DATE) UTF-8 UNDELETED": r"\* SORT 9 6 3 10 7 4 1 8 5 2",
    "UID THREAD REFERENCES UTF-8 ALL": r"\* THREAD \(1\)\(2\)",
    "ESEARCH IN (personal) RETURN (ALL) SUBJECT 8": r"UID ALL 8",
}


@pytest.mark.parametrize("command", ASKED)
@pytest.mark.parametrize("same", [True, False], ids=["same", "another"])
def test_the_very_next_command_is_answered_as_ever(an, reader, command, same):
    client = an if same else reader
    said = "\n".join(client.ok(command))
    assert re.search(ASKED[command], said), said
    assert not waits(an)


@pytest.mark.parametrize(
    "command",
    [
        "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE MODSEQ SAVEDATE EMAILID)",
        "FETCH 2 BODY.PEEK[]",
        "FETCH 2 (BODY.PEEK[HEADER] BODY.PEEK[TEXT])",
        "FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]",
        "SEARCH SEEN",
        "SEARCH LARGER 10",
        "STATUS INBOX (MESSAGES SIZE UNSEEN)",
        "STORE 1:3 +FLAGS (\\Flagged)",
        "COPY 1:* Archive",
        "SELECT INBOX",
    ],
)
def test_what_needs_no_look_waits_for_none(an, reader, command):
    lines = reader.ok(command)
    assert waits(an)
    if "HEADER.FIELDS" in command:
        assert sum("Subject: letter" in line for line in lines) == FEWEST
    elif "SEARCH" in command:
        assert lines[0] == "* SEARCH 1 2 3 4 5 6 7 8 9 10"
    elif "SIZE" in command and "FETCH" in command:
        assert f"RFC822.SIZE {len(letter(2))} " in lines[1]


@pytest.mark.parametrize("command", [each for each in ASKED if "FETCH" not in each])
def test_what_the_client_was_not_told_of_is_not_looked_into(an, reader, command):
    first = reader.ok(command)[0]
    together(an, first=FEWEST + 1)
    assert re.search(ASKED[command], first)
    untold = reader.ok(command)
    assert untold[0] == first or "ESEARCH IN" in command
    assert f"* {2 * FEWEST} EXISTS" in untold


def test_few_are_scanned_at_once(an):
    an.ok("SELECT INBOX")
    together(an, count=FEWEST - 1)
    assert not waits(an)


def scanned_numbers(client):
    """What nobody needs to wait for any more, of the mailbox that is open."""
    with client.services.store.read() as connection:
        rows = reading.fetch(connection, client.session.view.mailbox_id, [(1, 999)], ("uid", "envelope"))
        return [row.uid for row in rows]


@pytest.mark.parametrize(
    ("command", "scanned"),
    [
        ("FETCH 30 ENVELOPE", range(21, 31)),
        ("FETCH 2:3 ENVELOPE", range(1, 11)),
        ("FETCH 5,12 BODY.PEEK[1]", range(1, 21)),
        ("FETCH 12,30 ENVELOPE", range(11, 31)),
        ("UID FETCH 11:* ENVELOPE", range(11, 31)),
        ("FETCH 1:* ENVELOPE", range(1, 31)),
    ],
)
def test_a_fetch_waits_for_what_it_asks_of(an, connect, command, scanned):
    for first in (1, 11, 21):
        together(an, first=first)
    reader = connect()
    reader.ok("SELECT INBOX")
    reader.ok(command)
    assert scanned_numbers(reader) == list(scanned)
    lines = reader.ok("FETCH 1:* ENVELOPE")
    assert re.findall(r'"letter (\d+)"', "\n".join(lines)) == [str(number) for number in range(1, 31)]


def test_answers_leave_while_others_wait(an, monkeypatch):
    """The steward has come to the first, and goes on from there."""
    monkeypatch.setattr(fetching, "FIRST_ROWS", FEWEST)
    for first in (1, 11, 21, 31):
        together(an, first=first)
    an.ok("SELECT INBOX")
    store = an.services.store
    store.scan_next(ANYWHERE)
    steps = handle(an.session, Framed(b"a FETCH 1:* ENVELOPE"))
    sent = b""
    while b"letter 10" not in sent:
        sent += next(steps)  # nothing else is asked of the shell
    assert scanned_numbers(an) == list(range(1, 11))
    step = next(each for each in steps if each)
    assert isinstance(step, InThread)
    step.call()
    assert scanned_numbers(an) == [*range(1, 11), *range(31, 41)]
    store.scan_next(ANYWHERE)
    assert re.findall(rb'"letter (\d+)"', sent + drive(steps)) == [b"%d" % number for number in range(1, 41)]


def test_what_comes_meanwhile_is_not_waited_for(an, connect):
    together(an)
    reader = connect()
    reader.ok("SELECT INBOX")
    steps = handle(reader.session, Framed(b"a SORT (SUBJECT) UTF-8 ALL"))
    step = next(each for each in steps if each)
    assert isinstance(step, InThread)
    together(an, first=11)
    step.call()
    assert b"SORT 1 10 2 3" in drive(steps)
    assert waits(reader)


def test_of_many_at_once_only_some_wait(an, monkeypatch):
    monkeypatch.setattr(unscanned, "MOST", FEWEST + 4)
    an.ok("SELECT INBOX")
    together(an, count=FEWEST + 10)
    assert scanned_numbers(an) == list(range(FEWEST + 5, FEWEST + 11))
    together(an, first=100)
    assert scanned_numbers(an)[-FEWEST:] == list(range(FEWEST + 11, 2 * FEWEST + 11))
    assert sum('"letter ' in line for line in an.ok("FETCH 1:* ENVELOPE")) == 2 * FEWEST + 10


def test_what_was_copied_moved_and_joined_unscanned(an):
    an.ok("SELECT INBOX")
    together(an)
    an.ok("COPY 1:4 Archive")
    an.ok("MOVE 5:6 Trash")
    an.ok('APPEND Sent CATENATE (URL "/INBOX/;UID=3/;SECTION=1.MIME" URL "/INBOX/;UID=3/;SECTION=2" TEXT {2+}\r\n\r\n)')
    for name, subjects in (("Archive", "1234"), ("Trash", "56"), ("INBOX", ["1", "2", "3", "4", "7", "8", "9", "10"])):
        an.ok(f"SELECT {name}")
        lines = an.ok("FETCH 1:* (ENVELOPE)")
        assert [re.search(r'"letter (\d+)"', line)[1] for line in lines[:-1]] == list(subjects)
    an.ok("SELECT Sent")
    assert "eA==" in an.ok("FETCH 1 BODY[]")


def test_what_came_while_a_vanished_was_asked_for(an, connect):
    reader = connect()
    reader.ok("ENABLE QRESYNC")
    reader.ok("SELECT INBOX")
    together(an)
    lines = reader.ok("UID FETCH 1:* (ENVELOPE) (CHANGEDSINCE 1 VANISHED)")
    assert sum('"letter ' in line for line in lines) == FEWEST


def test_a_listener_is_told_what_new_messages_hold(an, connect):
    reader = connect()
    reader.ok("SELECT INBOX")
    reader.ok("NOTIFY SET (selected (MessageNew (UID ENVELOPE PREVIEW) MessageExpunge))")
    together(an)
    assert reader.wakes
    assert reader.session.waits_for_news
    reader.buffer = b""
    reader.poll()
    assert len(re.findall(r'PREVIEW "text \d+"', reader.buffer.decode())) == FEWEST
    assert not reader.session.waits_for_news
    together(an, first=20)
    assert len(re.findall(r'"letter 2\d"', "\n".join(reader.ok("NOOP")))) == FEWEST


def test_a_search_that_goes_on_looks_into_what_comes(an, connect):
    reader = connect()
    reader.ok("SELECT INBOX")
    reader.ok("SEARCH RETURN (UPDATE) SUBJECT 1")
    together(an)
    assert any("ADDTO (0 1,10)" in line for line in reader.ok("NOOP"))
    reader.ask("SORT RETURN (UPDATE) (REVERSE SUBJECT) UTF-8 SUBJECT 5", tag="s")
    together(an, first=50)
    told = "\n".join(reader.ok("NOOP"))
    assert 'TAG "t") ADDTO (0 12)' in told
    assert 'TAG "s") ADDTO (1 20,19,18,17,16,15,14,13,12,11)' in told


def test_two_readers_of_one_mailbox_of_another(an, connect):
    """The copy in somebody else's mailbox waits by itself."""
    an.ok("CREATE Files")
    an.ok("SETACL Files binh lrsite")
    binh = connect("binh@city.vn")
    together(an, "Files")
    binh.ok('SELECT "Other Users/an/Files"')
    binh.ok("COPY 1:* INBOX")
    binh.ok("SELECT INBOX")
    assert waits(binh)
    assert sum('"letter ' in line for line in binh.ok("FETCH 1:* ENVELOPE")) == FEWEST
    assert not waits(binh)


def test_over_a_port(live):
    """The shell takes the scan away from its loop, and goes on with the command."""
    with live.connect() as client:
        client.log_in()
        items = b"".join(b" {%d+}\r\n%b" % (len(letter(each)), letter(each)) for each in range(FEWEST))
        assert client.ask(b"APPEND INBOX" + items)[-1].startswith("t OK")
        client.ask("SELECT INBOX")
        lines = client.ask("FETCH 1:* ENVELOPE")
        assert sum('"letter ' in line for line in lines) == FEWEST
        idler = live.connect().log_in()
        idler.ask("SELECT INBOX")
        assert idler.ask("NOTIFY SET (selected (MessageNew (UID ENVELOPE) MessageExpunge))")[-1].startswith("t OK")
        assert client.ask(b"APPEND INBOX" + items)[-1].startswith("t OK")
        assert idler.read_line() == b"* 20 EXISTS"
        while (line := idler.read_line()).startswith(b"* 20 FETCH") is False:
            assert b"RECENT" in line or b'"letter ' in line, line
        assert b'"letter 9"' in line
        idler.close()
