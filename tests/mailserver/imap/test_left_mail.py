"""A custodian who opens what was left behind is on record, once on each day, by whatever command he opens it."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from directory import tables
from directory.administration.openings import openings
from directory.mail.accounts import find_account
from directory.record import search
from tests.mailserver.imap.talk import Direct
from tests.mailserver.mailroom import set_status

MESSAGE = b"From: a@b\r\nSubject: x\r\n\r\nsecret\r\n"


@pytest.fixture
def binh(services, office):
    """an has left, and binh looks after his mail."""
    an = Direct(services).log_in()
    an.append(MESSAGE, "INBOX")
    with services.directory.write() as conn:
        row = {"mailbox_id": "an", "holder_id": "binh", "unit_id": None, "valid_from": "2020-01-01"}
        conn.execute(insert(tables.custody), row | {"valid_until": "2099-12-31", "reason": "Bàn giao", "decision": ""})
    set_status(office, "an", "closed")
    return Direct(services).log_in("binh@city.vn")


def read(services):
    with services.directory.read() as conn:
        return [(each.actor, each.subject) for each in search(conn, action="mailbox.read")]


@pytest.mark.parametrize(
    "command",
    [
        'SELECT "Other Users/an/INBOX"',
        'EXAMINE "Other Users/an/INBOX"',
        'ESEARCH IN (subtree "Other Users") TEXT secret',
        'APPEND INBOX CATENATE (URL "/Other Users/an/INBOX/;UID=1")',
    ],
)
def test_whoever_opens_it_is_on_record_once_a_day(services, office, binh, command):
    for quiet in (
        'LIST "" "*"',
        'STATUS "Other Users/an/INBOX" (MESSAGES)',
        "SELECT INBOX",
        'SELECT "Other Users/an/No"',
    ):
        binh.ask(quiet)
    assert read(services) == []
    binh.ok(command)
    binh.ok(command)
    binh.ok('SELECT "Other Users/an/INBOX"')
    assert read(services) == [("binh@city.vn", "an@city.vn")]
    with services.directory.read() as conn:
        owner = find_account(conn, "an")
        (told,) = openings(conn, owner)
    assert (told.action, told.actor) == ("mailbox.read", "binh@city.vn")
    office.clock.pass_by(86_400)
    binh.ok('SELECT "Other Users/an/INBOX"')
    assert len(read(services)) == 2
