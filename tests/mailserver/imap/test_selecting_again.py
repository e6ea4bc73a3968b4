"""What SELECT says is remembered for as long as it is true, and no longer."""

from __future__ import annotations

import re

MESSAGE = b"Subject: x\r\n\r\nText\r\n"


def said(client, command="SELECT INBOX"):
    client.ask("UNSELECT")
    return "\n".join(client.ok(command))


def number(text, name):
    return int(re.search(rf"\b{name} (\d+)\]", text)[1])


def test_each_change_is_told(connect):
    reader, other = connect(), connect()
    other.append(MESSAGE, flags="(\\Seen)")
    said(reader)
    before = said(reader)
    assert before == said(reader)
    assert "* 1 EXISTS" in before
    assert "* 0 RECENT" in before
    assert "[UNSEEN" not in before

    other.append(MESSAGE)
    arrived = said(reader)
    assert "* 2 EXISTS" in arrived
    assert "* 1 RECENT" in arrived
    assert "[UNSEEN 2]" in arrived
    assert number(arrived, "UIDNEXT") == number(before, "UIDNEXT") + 1
    assert "* 0 RECENT" in said(reader)

    other.ok("SELECT INBOX")
    other.ok("STORE 1 +FLAGS.SILENT ($New)")
    marked = said(reader)
    assert marked.count("$New") == 2
    assert number(marked, "HIGHESTMODSEQ") > number(arrived, "HIGHESTMODSEQ")

    other.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    other.ok("EXPUNGE")
    assert "* 1 EXISTS" in said(reader)
    assert "[UNSEEN 1]" in said(reader)


def test_each_way_of_opening_has_its_own_answer(connect):
    reader = connect()
    reader.append(MESSAGE)
    changing = said(reader)
    looking = said(reader, "EXAMINE INBOX")
    assert "[PERMANENTFLAGS ()]" in looking
    assert "EXAMINE completed" in looking
    assert changing.replace("* 1 RECENT", "* 0 RECENT") == said(reader)
    reader.ok("ENABLE IMAP4rev2")
    newer = said(reader)
    assert "RECENT" not in newer
    assert "[UNSEEN" not in newer
    assert "* LIST" in newer


def test_two_mailboxes_alike_are_not_taken_for_each_other(connect):
    reader = connect()
    found = {re.search(r"MAILBOXID \((\w+)\)", said(reader, f"SELECT {name}"))[1] for name in ("Sent", "Trash", "Sent")}
    assert len(found) == 2
