"""STORE of what is so already: answered, and nothing written; and which commands may stay on the loop."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from mailserver.imap import dispatch
from mailserver.imap.grammar.framing import Framed
from mailserver.imap.message_commands import FEW
from mailserver.store import mailboxes
from mailserver.store.database import NotNow


@pytest.fixture
def letters(an):
    for _ in range(3):
        an.append(b"Subject: a\r\n\r\nb\r\n", "INBOX")
    an.ok("SELECT INBOX")
    return an


@pytest.fixture
def written(letters, office):
    """How many changes the mailbox has seen."""

    def count():
        with office.store.read() as connection:
            return mailboxes.get_mailbox(connection, letters.session.view.mailbox_id).highest_modseq

    return count


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
@pytest.mark.parametrize("others_write", [False, True])
def test_what_is_so_already_is_told_and_not_written(letters, written, office, first, again, others_write):
    """And waits for nobody who writes."""
    letters.ok(f"STORE 2 {first}")
    told = letters.ok("FETCH 2 (FLAGS)")[0]
    before = written()
    with office.store.database.engine.write_lock() if others_write else nullcontext():
        assert letters.ok(f"STORE 2 {again}")[0] == told
        assert letters.ok(f"UID STORE 2 {again}")[0].startswith("* 2 FETCH (UID 2 FLAGS (")
        assert letters.ok(f"STORE 2 {again.replace('FLAGS', 'FLAGS.SILENT')}") == ["t OK STORE completed"]
    assert written() == before


@pytest.mark.parametrize("change", [r"+FLAGS (\Seen)", r"-FLAGS (\Flagged)", r"FLAGS (\Seen)", "+FLAGS (new)"])
def test_one_that_differs_is_enough_to_write(letters, written, change):
    letters.ok(r"STORE 1,3 FLAGS (\Seen)")
    letters.ok(r"STORE 2 FLAGS (\Flagged)")
    before = written()
    assert len([line for line in letters.ok(f"STORE 1:3 {change}") if " FETCH " in line]) == 3
    assert written() == before + 1


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


def test_a_modseq_that_is_asked_about_is_refused_as_before(letters, written):
    letters.ok("ENABLE CONDSTORE")
    letters.ok(r"STORE 1 +FLAGS (\Seen)")
    before = written()
    assert "[MODIFIED 1]" in letters.ask(r"STORE 1 (UNCHANGEDSINCE 1) +FLAGS (\Seen)")[-1]
    assert written() == before


def test_what_another_did_is_told_with_a_change_of_ones_own(letters, connect):
    other = connect()
    other.ok("SELECT INBOX")
    other.ok(r"STORE 3 +FLAGS (\Answered)")
    assert told(letters.ok(r"STORE 1 +FLAGS (\Seen)")) == [
        r"* 1 FETCH (FLAGS (\Seen \Recent))",
        r"* 3 FETCH (UID 3 FLAGS (\Answered \Recent))",
    ]
    other.append(b"Subject: a\r\n\r\nb\r\n", "INBOX")
    assert "* 4 EXISTS" in letters.ok(r"STORE 1 +FLAGS (\Seen)")  # also if nothing changes
    assert told(letters.ok("NOOP")) == []


def test_expunges_are_told_after_changes_that_held_them_back(letters, connect):
    other = connect()
    other.ok("SELECT INBOX")
    other.ok(r"STORE 3 +FLAGS (\Deleted)")
    other.ok("EXPUNGE")
    letters.ok(r"STORE 1 +FLAGS (\Seen)")
    assert "* 3 EXPUNGE" not in letters.ok(r"STORE 1 -FLAGS (\Seen)")  # RFC 9051 §7.5.1
    assert "* 3 EXPUNGE" in letters.ok(r"UID STORE 1 +FLAGS (\Seen)")


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
        (b"SEARCH UNSEEN", False),
        (b"SEARCH UNSEEN SUBJECT KH-2024", False),
        (b"SEARCH OR SUBJECT a SUBJECT b", True),
        (b"SEARCH FROM a", True),
        (b"SEARCH SUBJECT a TEXT b", True),
    ],
)
def test_what_stays_on_the_loop(letters, monkeypatch, command, heavy):
    """A mailbox of 500 messages whose UIDs go to 2000."""
    monkeypatch.setattr(letters.session.view, "count", 500)
    monkeypatch.setattr(letters.session.view, "uid_next", 2001)
    monkeypatch.setattr(type(letters.session.services), "reads_block", False)
    assert dispatch.is_heavy(letters.session, Framed(b"t " + command, ())) is heavy


@pytest.mark.parametrize(
    ("command", "count", "heavy"),
    [
        (b"STORE 1:* +FLAGS.SILENT ($Done)", 5000, False),
        (b"UID STORE 1:* -flags.silent ($Done)", 5000, False),
        (b"STORE 1:* +FLAGS.SILENT ($Done)", 5001, True),
        (b"STORE 1:* +FLAGS ($Done)", 1001, True),
        (b"STORE 1:* +FLAGS ($Done)", 1000, False),
        (b"STORE 7 +FLAGS (\\Seen)", 50_000, False),
    ],
)
def test_which_flags_are_changed_on_the_loop(letters, monkeypatch, command, count, heavy):
    monkeypatch.setattr(letters.session.view, "count", count)
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


@pytest.mark.parametrize("wanted", ["1:5", "2:*"], ids=["few", "many"])
def test_what_goes_between_the_change_and_its_answer(pile, connect, monkeypatch, wanted):
    """Whoever is told OK was told of every message: of few as they were when they were changed."""
    other = connect()
    other.ok("SELECT INBOX")
    other.ok(r"STORE 3 +FLAGS (\Flagged \Deleted)")
    pile.ok("NOOP")
    store, write = pile.services.store, pile.services.store.write

    def not_now(_job):
        raise NotNow

    def write_then_expunge(*arguments, **options):
        monkeypatch.undo()
        done = write(*arguments, **options)
        done.result()
        other.ok("EXPUNGE")
        return done

    monkeypatch.setattr(store, "do_at_once", not_now)
    monkeypatch.setattr(store, "write", write_then_expunge)
    answer = pile.ask(rf"STORE {wanted} +FLAGS (\Flagged)")
    if wanted == "1:5":
        assert answer[-1].startswith("t OK")
        assert len(told(answer)) == 5
    else:
        assert answer[-1].startswith("t NO [EXPUNGEISSUED]")
        assert not [line for line in answer if line.startswith("* 3 FETCH")]
    assert "* 3 EXPUNGE" in pile.ok("NOOP")
