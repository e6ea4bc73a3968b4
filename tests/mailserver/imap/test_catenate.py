"""CATENATE and REPLACE where it is large, where there is no room, and where bodies are lost."""

from __future__ import annotations

import pytest

from mailserver.store import mailboxes, quota

LARGE = b"a: b\r\n\r\n" + b"0123456789abcde\n" * 100_000  # a file of the store, 1.6 MB


@pytest.fixture
def drafts(an):
    """Drafts, selected, with a large message as UID 1."""
    an.append(LARGE, "Drafts")
    an.ok("SELECT Drafts")
    return an


def body(client, uid, mailbox="Drafts"):
    client.ok(f"EXAMINE {mailbox}")
    answer = client.send(b"t UID FETCH %d BODY.PEEK[]\r\n" % uid)
    size = int(answer.partition(b"{")[2].partition(b"}")[0])
    return answer.partition(b"}\r\n")[2][:size]


def incoming(services):
    return list(services.store.blobs.incoming.iterdir())


def test_a_large_part_and_a_large_text(drafts, services):
    text = b"x" * 70_000  # too large for memory: spooled as it comes
    drafts.ok(b'APPEND Drafts CATENATE (URL ";UID=1" TEXT {70000+}\r\n%b URL ";UID=1/;PARTIAL=0.4")' % text)
    assert body(drafts, 2) == LARGE + text + b"a: b"
    drafts.ok(b"APPEND Drafts CATENATE (TEXT {6+}\r\na: b\r\n TEXT {70000+}\r\n%b)" % text)
    assert body(drafts, 3) == b"a: b\r\n" + text
    assert incoming(services) == []


def test_too_big_together(drafts, services):
    assert drafts.ask('APPEND Drafts CATENATE (URL ";UID=1" URL ";UID=1")')[-1].startswith("t NO [TOOBIG]")
    assert drafts.ok("STATUS Drafts (MESSAGES)")[0] == '* STATUS "Drafts" (MESSAGES 1)'
    assert incoming(services) == []


@pytest.mark.parametrize("section", ["", "/;SECTION=TEXT/;PARTIAL=5.9"])
def test_a_lost_body_is_no_message(drafts, services, section):
    (file,) = services.store.blobs.folder.glob("??/??/*")
    away = file.rename(file.with_suffix(".away"))
    answer = drafts.ask(f'APPEND Sent CATENATE (URL ";UID=1{section}")')[-1]
    assert answer.startswith("t NO [UNAVAILABLE]")
    assert drafts.ok("STATUS Sent (MESSAGES)")[0] == '* STATUS "Sent" (MESSAGES 0)'
    assert incoming(services) == []
    away.rename(file)


def test_room_for_the_difference_only(an, services):
    """RFC 8508 §3.4"""
    an.append(b"a: b\r\n\r\n" + b"x" * 1000, "Drafts")
    with services.store.read() as connection:
        used = quota.usage(connection, "an").size
    object.__setattr__(an.session.account, "quota_bytes", used + 10)
    an.ok("SELECT Drafts")
    assert an.ask(b"APPEND Drafts {1008+}\r\na: b\r\n\r\n" + b"y" * 1000)[-1].startswith("t NO [OVERQUOTA]")
    assert an.ask(b"REPLACE 1 Drafts {1108+}\r\na: b\r\n\r\n" + b"y" * 1100)[-1].startswith("t NO [OVERQUOTA]")
    lines = an.ok(b"REPLACE 1 Drafts {1008+}\r\na: b\r\n\r\n" + b"y" * 1000)
    assert lines[1:3] == ["* 1 EXPUNGE", "* 1 EXISTS"]
    with services.store.read() as connection:
        found = mailboxes.find_mailbox(connection, "an", "Drafts")
    assert (found.messages, found.size) == (1, 1008)


def test_somebody_else_was_faster(connect, services):
    one, other = connect(), connect()
    one.append(b"a: b\r\n\r\n", "Drafts")
    one.ok("SELECT Drafts")
    other.ok("SELECT Drafts")
    other.ok("STORE 1 +FLAGS (\\Deleted)")
    other.ok("EXPUNGE")
    lines = one.ask(b"REPLACE 1 Drafts {6+}\r\na: c\r\n")
    assert lines == ["* 1 EXPUNGE", "t NO [EXPUNGEISSUED] Some of the messages no longer exist: they have been deleted"]
    assert one.ok("STATUS Drafts (MESSAGES)")[0] == '* STATUS "Drafts" (MESSAGES 0)'
