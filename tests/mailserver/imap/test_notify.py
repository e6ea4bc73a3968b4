"""NOTIFY: what wakes a listener, what he is told of rights that come and go, and where it ends."""

from __future__ import annotations

import pytest

from mailserver.imap import notify
from mailserver.store import messages
from mailserver.store.messages import Target
from tests.mailserver.imap.talk import Direct

MAIL = b"Subject: x\r\n\r\ny\r\n"
OVERFLOW = "* OK [NOTIFICATIONOVERFLOW] Too much happens; ask for less"


def told(client):
    """What a wake-up brings; there must have been one."""
    assert client.wakes, "nobody woke the listener"
    client.wakes = 0
    client.buffer = b""
    client.poll()
    lines, client.buffer = client.buffer.decode().split("\r\n")[:-1], b""
    return lines


@pytest.fixture
def binh(connect):
    return connect("binh@city.vn")


def test_rights_that_come_and_go(an, binh):
    """RFC 5465 §5.4: the right to see a mailbox is its making and its end; §5.9: what is lost is watched no longer."""
    name = "Other Users/an/Files"
    an.ok("CREATE Files")
    binh.ok(
        'NOTIFY SET (subtree "Other Users" (MessageNew MessageExpunge FlagChange MailboxName)) (personal (MailboxName))'
    )
    an.ok("SETACL Files binh lr")
    assert told(binh) == [f'* LIST (\\HasNoChildren \\Subscribed) "/" "{name}"']
    an.append(MAIL, "Files")
    assert told(binh)[0].startswith(f'* STATUS "{name}" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY')
    an.ok("SELECT Files")
    an.ok("STORE 1 +FLAGS.SILENT (\\Seen)")
    assert [line.split("(")[1].split()[0::2] for line in told(binh)] == [["UIDVALIDITY", "UNSEEN"]]
    an.ok("SETACL Files binh l")
    # It may be seen, but what happens in it may not be told.
    assert told(binh) == []
    an.append(MAIL, "Files")
    assert binh.ask("NOOP") == ["t OK NOOP completed"]
    an.ok("SETACL Files binh lr")
    assert told(binh) == [f'* LIST (\\HasNoChildren \\Subscribed) "/" "{name}"']
    an.ok("DELETEACL Files binh")
    assert told(binh) == [f'* LIST (\\NonExistent) "/" "{name}"']
    an.append(MAIL, "Files")
    assert binh.ask("NOOP") == ["t OK NOOP completed"]


def test_what_is_named_and_may_not_be_read(an, binh):
    an.ok("CREATE Files")
    an.ok("SETACL Files binh l")
    lines = binh.ok(
        'NOTIFY SET STATUS (mailboxes ("Other Users/an/Files" "Other Users/an/Secret" nowhere "a//b")'
        " (MessageNew MessageExpunge))"
    )
    assert lines == ['* LIST (\\NoAccess) "/" "Other Users/an/Files"', "t OK NOTIFY completed"]


def test_too_many_mailboxes(an, monkeypatch):
    monkeypatch.setattr(notify, "MAX_SCOPE", 7)
    an.ok("NOTIFY SET (personal (MailboxName))")
    other = Direct(an.services).log_in()
    other.ok("CREATE One")
    assert told(an) == ['* LIST (\\HasNoChildren) "/" "One"']
    other.ok("CREATE Two")
    assert told(an) == [OVERFLOW]
    assert not an.session.listens
    assert an.ask("NOTIFY SET (personal (MailboxName))")[-1] == "t NO [NOTIFICATIONOVERFLOW] Too many mailboxes"
    assert an.ok("NOTIFY SET (mailboxes INBOX (MailboxName))") == ["t OK NOTIFY completed"]
    other.close()


@pytest.mark.parametrize(("count", "size", "item"), [(101, 1, "UID"), (3, 400_000, "BODY[]")])
def test_too_much_to_fetch(an, services, count, size, item):
    """Mail is counted, and then there is silence: nothing piles up."""
    an.ok("SELECT INBOX")
    an.ok(f"NOTIFY SET (selected (MessageNew ({item}) MessageExpunge))")
    inbox = services.store.maildrop("an").id
    content = services.store.prepare(b"Subject: x\r\n\r\n" + b"y" * size)
    services.store.write(lambda tx: [messages.append(tx, content, [Target(inbox)]) for _ in range(count)]).result()
    lines = told(an)
    assert lines[0] == f"* {count} EXISTS"
    assert lines[-1] == OVERFLOW
    assert not any("FETCH" in line for line in lines)
    services.store.write(lambda tx: messages.append(tx, content, [Target(inbox)])).result()
    assert an.ask("NOOP") == ["t OK NOOP completed"]


def test_what_is_fetched_of_news_is_not_marked_seen(an, services):
    an.ok("SELECT INBOX")
    an.ok("NOTIFY SET (selected (MessageNew (BODY[TEXT] FLAGS) MessageExpunge FlagChange))")
    other = Direct(services).log_in()
    other.append(MAIL)
    lines = told(an)
    assert "BODY[TEXT] {3}" in "".join(lines)
    assert "\\Seen" not in "".join(lines)
    assert other.ok("STATUS INBOX (UNSEEN)")[0] == "* STATUS INBOX (UNSEEN 1)"
    other.close()


def test_a_watch_ends_with_the_session(an, services):
    an.ok("NOTIFY SET (personal (MailboxName))")
    watch = an.session.watcher.watch
    assert watch.mailboxes
    an.ok("NOTIFY SET (mailboxes INBOX (MailboxName))")
    assert not watch.mailboxes
    watch = an.session.watcher.watch
    an.close()
    assert not watch.mailboxes
