"""STORE of what is so already: answered, and nothing written; and which commands may stay on the loop."""

from __future__ import annotations

import pytest

from mailserver.imap import dispatch
from mailserver.imap.grammar.framing import Framed
from mailserver.imap.message_commands import FEW


@pytest.fixture
def writes(office, monkeypatch):
    """Jobs that were handed to the store's writer."""
    store, seen = office.store, []
    write = store.write

    def count(job, *arguments, **options):
        seen.append(job)
        return write(job, *arguments, **options)

    monkeypatch.setattr(store, "write", count)
    return seen


@pytest.fixture
def letters(an):
    for _ in range(3):
        an.append(b"Subject: a\r\n\r\nb\r\n", "INBOX")
    an.ok("SELECT INBOX")
    return an


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (r"+FLAGS (\Seen work)", r"+FLAGS (\Seen)"),
        (r"+FLAGS (\Seen work)", "+FLAGS (WORK)"),
        (r"FLAGS (\Flagged)", r"-FLAGS (\Seen \Draft)"),
        (r"FLAGS (\Flagged work)", r"FLAGS (work \Flagged)"),
        ("FLAGS ()", "FLAGS ()"),
    ],
)
def test_what_is_so_already_is_told_and_not_written(letters, writes, first, again):
    letters.ok(f"STORE 2 {first}")
    told = letters.ok("FETCH 2 (FLAGS)")[0]
    before = len(writes)
    assert letters.ok(f"STORE 2 {again}")[0] == told
    assert letters.ok(f"UID STORE 2 {again}")[0].startswith("* 2 FETCH (UID 2 FLAGS (")
    assert len(writes) == before
    assert letters.ok(f"STORE 2 {again.replace('FLAGS', 'FLAGS.SILENT')}") == ["t OK STORE completed"]
    assert len(writes) == before


@pytest.mark.parametrize("change", [r"+FLAGS (\Seen)", r"-FLAGS (\Flagged)", r"FLAGS (\Seen)", "+FLAGS (new)"])
def test_one_that_differs_is_enough_to_write(letters, writes, change):
    letters.ok(r"STORE 1,3 FLAGS (\Seen)")
    letters.ok(r"STORE 2 FLAGS (\Flagged)")
    before = len(writes)
    assert len([line for line in letters.ok(f"STORE 1:3 {change}") if " FETCH " in line]) == 3
    assert len(writes) == before + 1


def test_what_another_changed_is_seen_though_it_was_not_told(letters, connect):
    other = connect()
    letters.ok(r"STORE 1 +FLAGS (\Seen)")
    other.ok("SELECT INBOX")
    other.ok(r"STORE 1 -FLAGS (\Seen)")
    assert letters.ok(r"STORE 1 +FLAGS (\Seen)")[0] == r"* 1 FETCH (FLAGS (\Seen \Recent))"
    assert other.ok("NOOP")[0] == r"* 1 FETCH (UID 1 FLAGS (\Seen))"
    # A keyword that this client has not heard of is named to it first.
    other.ok("STORE 1 +FLAGS (fresh)")
    assert letters.ok(r"STORE 1 +FLAGS (\Seen)")[0].startswith("* FLAGS (")


def test_a_message_that_is_gone_is_told_as_before(letters, connect):
    letters.ok(r"STORE 1:3 +FLAGS (\Deleted)")
    other = connect()
    other.ok("SELECT INBOX")
    other.ok("UID EXPUNGE 2")
    assert letters.ask(r"STORE 1:3 +FLAGS (\Deleted)")[-1].startswith("t NO [EXPUNGEISSUED]")


def test_a_modseq_that_is_asked_about_is_refused_as_before(letters, writes):
    letters.ok("ENABLE CONDSTORE")
    letters.ok(r"STORE 1 +FLAGS (\Seen)")
    before = len(writes)
    assert "[MODIFIED 1]" in letters.ask(r"STORE 1 (UNCHANGEDSINCE 1) +FLAGS (\Seen)")[-1]
    assert len(writes) == before + 1


def test_many_are_not_looked_at_before(letters, writes):
    for _ in range(FEW):
        letters.append(b"Subject: a\r\n\r\nb\r\n", "INBOX")
    letters.ok("NOOP")
    before = len(writes)
    letters.ok(r"STORE 1:* -FLAGS (\Seen)")
    assert len(writes) == before + 1


@pytest.mark.parametrize(
    ("command", "heavy"),
    [
        (b"FETCH 1 (BODY[])", False),
        (b"FETCH 1:2 (BODY[])", True),
        (b"FETCH 1:2 (RFC822)", True),
        (b"FETCH 1:* (UID FLAGS RFC822.SIZE)", False),
        (b"UID FETCH 1900:* (FLAGS ENVELOPE BODYSTRUCTURE)", True),
        (b"UID FETCH 1950:* (FLAGS ENVELOPE BODYSTRUCTURE)", False),
        (b"FETCH 400:450 (ENVELOPE)", False),
        (b"FETCH 450:200 (ENVELOPE)", True),
        (b"FETCH 1:2,5:9 (ENVELOPE)", True),
        (b"FETCH $ (BODY.PEEK[HEADER])", True),
    ],
)
def test_what_stays_on_the_loop(letters, monkeypatch, command, heavy):
    """A mailbox of 500 messages whose UIDs go to 2000."""
    monkeypatch.setattr(letters.session.view, "count", 500)
    monkeypatch.setattr(letters.session.view, "uid_next", 2001)
    monkeypatch.setattr(type(letters.session.services), "reads_block", False)
    assert dispatch.is_heavy(letters.session, Framed(b"t " + command, ())) is heavy


# Many at once

MANY = FEW + 10


@pytest.fixture(params=["recent", "not recent"])
def pile(an, connect, request):
    """A client with many messages before him, recent to him or to another."""
    for number in range(MANY):
        an.append(b"Subject: %d\r\n\r\nb\r\n" % number, "INBOX")
    an.ok("SELECT INBOX")
    if request.param == "recent":
        return an
    other = connect()
    other.ok("SELECT INBOX")
    return other


def told(lines):
    return [line for line in lines if " FETCH " in line]


def test_many_are_told_as_fetch_tells_them(pile):
    for change in (r"+FLAGS (\Seen $New)", r"-FLAGS (\Seen)", r"FLAGS (\Flagged other)", r"+FLAGS (\Seen)"):
        stored = pile.ok(f"STORE 1:* {change}")
        assert told(stored) == pile.ok("FETCH 1:* (FLAGS)")[:-1]
        assert len(told(stored)) == MANY
    assert told(pile.ok(r"UID STORE 5:* +FLAGS (\Draft)")) == pile.ok("FETCH 5:* (UID FLAGS)")[:-1]


def test_many_of_which_some_are_so_already(pile):
    pile.ok(r"STORE 3:5,9 +FLAGS (\Flagged)")
    stored = pile.ok(r"STORE 2:* +FLAGS (\Flagged)")
    assert told(stored) == pile.ok("FETCH 2:* (FLAGS)")[:-1]
    assert told(pile.ok(r"STORE 2:* +FLAGS (\Flagged)")) == told(stored)


def test_a_keyword_that_is_new_is_named_first(pile):
    lines = pile.ok("STORE 1:* +FLAGS ($New)")
    assert lines[0].startswith("* FLAGS (")
    assert "$New" in lines[0]


def test_many_with_their_modseqs(pile):
    pile.ok("ENABLE CONDSTORE")
    pile.ok(r"STORE 4 +FLAGS (\Flagged)")
    stored = pile.ok(r"STORE 1:* +FLAGS (\Flagged)")
    assert told(stored) == pile.ok("FETCH 1:* (UID FLAGS MODSEQ)")[:-1]
    modseqs = [line.split("MODSEQ")[1] for line in told(stored)]
    assert len(set(modseqs)) == 2
    assert pile.ok("NOOP") == ["t OK NOOP completed"]


def test_many_of_which_another_has_changed_some(pile, connect):
    """What the other did is told with it or after it, and the client's picture is right."""
    other = connect()
    other.ok("SELECT INBOX")
    other.ok(r"STORE 3 +FLAGS (\Answered)")
    picture = {}
    for line in told(pile.ok("STORE 2:* +FLAGS ($New)") + pile.ok("NOOP")):
        number, _, rest = line[2:].partition(" FETCH (")
        picture[int(number)] = rest[rest.index("FLAGS (") :]
    now = pile.ok("FETCH 2:* (FLAGS)")[:-1]
    assert [picture[number] for number in range(2, MANY + 1)] == [line[line.index("FLAGS (") :] for line in now]


def test_many_of_which_another_has_expunged_one(pile, connect):
    other = connect()
    other.ok("SELECT INBOX")
    other.ok(r"STORE 3 +FLAGS.SILENT (\Deleted)")
    other.ok("EXPUNGE")
    answer = pile.ask(r"STORE 2:* +FLAGS (\Flagged)")
    assert answer[-1].startswith("t NO [EXPUNGEISSUED]")
    assert len(told(answer)) == MANY - 2
