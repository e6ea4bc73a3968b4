"""What lies between the rows of a list is read ahead for as long as its reader has the mailbox open."""

from __future__ import annotations

import pytest

from mailserver.imap import fetching


@pytest.fixture
def wanted(services, monkeypatch):
    """Of each list that was read ahead: whether its reader may still want more."""
    found = []
    read_ahead = services.store.read_ahead

    def noted(mailbox_id, uids, columns, is_wanted):
        found.append(is_wanted)
        read_ahead(mailbox_id, uids, columns, is_wanted)

    monkeypatch.setattr(fetching, "LARGE", 2)
    monkeypatch.setattr(services.store, "read_ahead", noted)
    return found


@pytest.fixture
def reader(connect):
    client = connect()
    for number in range(3):
        client.append(b"Subject: %d\r\n\r\nText\r\n" % number)
    client.ok("SELECT INBOX")
    return client


@pytest.mark.parametrize("leaving", ["CLOSE", "UNSELECT", "EXAMINE INBOX", "SELECT Sent", "SELECT Nowhere", "LOGOUT"])
def test_until_he_leaves_the_mailbox(reader, wanted, leaving):
    reader.ok("FETCH 1:2 ENVELOPE")  # too few to be told of
    assert wanted == []
    reader.ok("FETCH 1:* ENVELOPE")
    reader.ok("FETCH 1 BODY.PEEK[]")
    assert [is_wanted() for is_wanted in wanted] == [True]
    reader.ask(leaving)
    assert [is_wanted() for is_wanted in wanted] == [False]


def test_until_the_connection_is_lost(reader, wanted):
    reader.ok("FETCH 1:* BODY.PEEK[]")
    assert [is_wanted() for is_wanted in wanted] == [True]
    reader.close()
    assert [is_wanted() for is_wanted in wanted] == [False]
