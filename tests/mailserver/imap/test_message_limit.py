"""MESSAGELIMIT and SAVELIMIT, with limits small enough to count by hand."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from tests.mailserver.imap.talk import Direct, make_services

MESSAGE = b"{6+}\r\na: b\r\n"


@pytest.fixture
def log_in(make_office):
    made = []

    def make(**limits):
        office = make_office(
            login={"plaintext_networks": (ip_network("127.0.0.0/8"),)}, imap=limits, city={"timezone": "UTC"}
        )
        made.append(Direct(make_services(office)).log_in())
        for _ in range(5):
            made[-1].append(b"a: b\r\n")
        made[-1].ok("SELECT INBOX")
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(log_in):
    return log_in(message_limit=3)


def test_it_is_said(client, log_in):
    assert "MESSAGELIMIT=3" in client.ok("CAPABILITY")[0].split()
    assert "SAVELIMIT=2" in log_in(save_limit=2).ok("CAPABILITY")[0].split()
    assert "LIMIT=" not in log_in().ok("CAPABILITY")[0].replace("APPENDLIMIT=", "")


def test_the_newest_are_fetched(client):
    assert client.ok("FETCH 1:5 (UID)") == [
        "* 3 FETCH (UID 3)", "* 4 FETCH (UID 4)", "* 5 FETCH (UID 5)",
        "t OK [MESSAGELIMIT 3 3] Only the newest were done",
    ]  # fmt: skip
    assert client.ok("UID FETCH 1:2,4 (UID)")[-1] == "t OK UID FETCH completed"
    assert client.ok("UID FETCH 1:2 (UID)")[-1] == "t OK UID FETCH completed"
    assert client.ask("UID FETCH 1:* (UID) (PARTIAL -1:-4)") == [
        "t NO [MESSAGELIMIT 3] Too many messages; try with fewer"
    ]
    assert client.ok("UID FETCH 1:* (UID) (PARTIAL -1:-2)")[0] == "* 4 FETCH (UID 4)"


def test_those_looked_at_are_counted_in_a_search(client):
    client.ok("STORE 1,5 +FLAGS.SILENT (\\Flagged)")
    assert client.ok("SEARCH FLAGGED") == ["* SEARCH 5", "t OK [MESSAGELIMIT 3 3] Only the newest were done"]
    assert client.ok("UID SEARCH UID 1:3 FLAGGED") == ["* SEARCH 1", "t OK UID SEARCH completed"]
    assert client.ok("SEARCH 1:4 ALL")[0] == "* SEARCH 2 3 4"
    assert client.ok("UID SEARCH RETURN (SAVE) ALL")[-1].startswith("t OK [MESSAGELIMIT 3 3]")
    assert client.ok("UID FETCH $ (UID)")[0] == "* 3 FETCH (UID 3)"
    assert client.ok("UID SEARCH UIDAFTER 3") == ["* SEARCH 4 5", "t OK UID SEARCH completed"]
    assert client.ok("UID SEARCH UIDBEFORE 3")[0] == "* SEARCH 1 2"
    assert client.ok("UID SEARCH UIDBEFORE 1")[0] == "* SEARCH"
    assert client.ok("UID SEARCH UIDAFTER 4294967295")[0] == "* SEARCH"


def test_flags(client):
    lines = client.ok("STORE 1:* +FLAGS (\\Seen)")
    assert len(lines) == 4
    assert lines[-1] == "t OK [MESSAGELIMIT 3 3] Only the newest were done"
    # Two response codes need two responses.
    assert client.ok("STORE 1:* (UNCHANGEDSINCE 1) +FLAGS.SILENT (\\Seen)")[-2:] == [
        "* NO [MESSAGELIMIT 3 3] Only the newest were done",
        "t OK [MODIFIED 3:5] STORE completed",
    ]


def test_copy_is_all_or_nothing(client):
    assert client.ask("UID COPY 1:4 Archive") == ["t NO [MESSAGELIMIT 3 2] Too many messages; try with fewer"]
    assert client.ok("STATUS Archive (MESSAGES)")[0] == '* STATUS "Archive" (MESSAGES 0)'
    assert client.ok("COPY 1:3 Archive")


def test_move_again_and_again(client):
    assert client.ok("MOVE 1:5 Archive")[-1] == "t OK [MESSAGELIMIT 3 3] Only the newest were done"
    assert client.ok("MOVE 1:* Archive")[-1] == "t OK MOVE completed"
    assert client.ok("UID SEARCH ALL")[0] == "* SEARCH"


def test_expunge(client):
    client.ok("STORE 2:4 +FLAGS.SILENT (\\Deleted)")
    client.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    lines = client.ok("UID EXPUNGE 1:5")
    assert lines == ["* 4 EXPUNGE", "* 3 EXPUNGE", "* 2 EXPUNGE", "t OK [MESSAGELIMIT 3 2] Only the newest were done"]
    client.ok("APPEND INBOX (\\Deleted) " + MESSAGE.decode() + " (\\Deleted) " + MESSAGE.decode())
    client.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)")
    # EXPUNGE has no limit.
    assert len(client.ok("EXPUNGE")) == 5
    assert client.ok("STATUS INBOX (MESSAGES)")[0] == "* STATUS INBOX (MESSAGES 0)"


def test_append(client):
    assert client.ask(b"APPEND INBOX " + b" ".join([MESSAGE] * 4)) == [
        "t NO [MESSAGELIMIT 3] Too many messages; try with fewer"
    ]
    assert client.ok(b"APPEND INBOX " + b" ".join([MESSAGE] * 3))


def test_what_needs_all_at_once(client):
    assert client.ask("UID SORT (ARRIVAL) UTF-8 ALL") == ["t NO [MESSAGELIMIT 3] Too many messages; try with fewer"]


def test_save_limit_is_for_saving_alone(log_in):
    client = log_in(save_limit=2)
    assert len(client.ok("FETCH 1:5 (UID)")) == 6
    assert client.ask("COPY 1:3 Archive") == ["t NO [MESSAGELIMIT 2 2] Too many messages; try with fewer"]
    assert client.ok("MOVE 1:3 Archive")[-1] == "t OK MOVE completed"
    assert client.ask(b"APPEND INBOX " + b" ".join([MESSAGE] * 3))[0].startswith("t NO [MESSAGELIMIT 2]")
