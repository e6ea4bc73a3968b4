"""Zones of internal dates: one is shown in the zone that it was given in, any other in the city's, and on the day that
is shown SEARCH finds it."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from mailserver.imap.grammar.framing import Framed
from mailserver.imap.grammar.syntax import Cursor
from mailserver.store import messages
from tests.mailserver.imap.talk import Direct, make_services

# What the office's clock shows when a message comes without a date.
_MOMENT = 1_769_967_000  # 2026-02-01 17:30:00 UTC


@pytest.fixture
def client_in(make_office):
    """A client of a city in some zone."""
    clients = []

    def make(zone="Asia/Ho_Chi_Minh"):
        office = make_office(login={"plaintext_networks": (ip_network("127.0.0.0/8"),)}, city={"timezone": zone})
        office.clock.time = float(_MOMENT)
        client = Direct(make_services(office)).log_in()
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.mark.parametrize(
    ("zone", "shown", "day"),
    [
        ("Asia/Ho_Chi_Minh", "02-Feb-2026 00:30:00 +0700", "2-Feb-2026"),
        ("UTC", "01-Feb-2026 17:30:00 +0000", "1-Feb-2026"),
    ],
)
def test_what_came_without_a_date_is_dated_in_the_city(client_in, zone, shown, day):
    client = client_in(zone)
    client.append(b"a: b\r\n")
    client.ok("SELECT INBOX")
    assert client.ok("FETCH 1 (INTERNALDATE SAVEDATE)")[0] == (f'* 1 FETCH (INTERNALDATE "{shown}" SAVEDATE "{shown}")')
    assert client.ok(f"SEARCH ON {day}")[0] == "* SEARCH 1"
    assert client.ok(f"SEARCH SAVEDON {day}")[0] == "* SEARCH 1"
    assert client.ok("SEARCH ON 3-Feb-2026")[0] == "* SEARCH"


@pytest.mark.parametrize(
    ("written", "day", "others"),
    [
        ("01-Feb-2026 23:59:59 -1200", "1-Feb-2026", ("31-Jan-2026", "2-Feb-2026")),
        ("02-Feb-2026 00:00:00 +1400", "2-Feb-2026", ("1-Feb-2026", "3-Feb-2026")),
        ("02-Feb-2026 09:30:00 +0545", "2-Feb-2026", ("1-Feb-2026", "3-Feb-2026")),
        ("01-Jan-1970 00:10:00 -0030", "1-Jan-1970", ("31-Dec-1969", "2-Jan-1970")),
    ],
)
def test_a_date_is_shown_and_found_as_it_was_given(client_in, written, day, others):
    """Also after a copy and a move (RFC 9051 §6.4.4, §6.4.7, §7.5.2)."""
    client = client_in()
    client.ok(b'APPEND INBOX "%b" {6+}\r\na: b\r\n' % written.encode())
    client.ok("SELECT INBOX")
    client.ok("COPY 1 Archive")
    client.ok("MOVE 1 Trash")
    for mailbox in ("Archive", "Trash"):
        client.ok(f"SELECT {mailbox}")
        assert client.ok("FETCH 1 (UID INTERNALDATE)")[0] == f'* 1 FETCH (UID 1 INTERNALDATE "{written}")'
        assert client.ok(f"SEARCH ON {day}")[0] == "* SEARCH 1"
        assert client.ok(f"SEARCH NOT ON {day}")[0] == "* SEARCH"
        assert client.ok(f"SEARCH SINCE {day} NOT BEFORE {day}")[0] == "* SEARCH 1"
        # Decided row by row, where a text has to be read too.
        assert client.ok(f"SEARCH OR (ON {day} HEADER a b) SUBJECT nothing")[0] == "* SEARCH 1"
        for other in others:
            assert client.ok(f"SEARCH ON {other}")[0] == "* SEARCH"


def test_a_copy_by_rows_keeps_the_zone(client_in):
    """Where flags mean something else in the other mailbox, rows are written one by one."""
    client = client_in()
    client.ok("SELECT Archive")
    client.append(b"a: b\r\n", "Archive", "(other)")
    client.ok(b'APPEND INBOX (mine) "01-Feb-2026 23:59:59 -1200" {6+}\r\na: b\r\n')
    client.ok("SELECT INBOX")
    client.ok("COPY 1 Archive")
    client.ok("SELECT Archive")
    line = '* 2 FETCH (FLAGS (\\Recent mine) INTERNALDATE "01-Feb-2026 23:59:59 -1200")'
    assert client.ok("FETCH 2 (FLAGS INTERNALDATE)")[0] == line


def test_what_is_brought_back_keeps_its_zone(client_in):
    client = client_in()
    client.ok(b'APPEND INBOX (\\Deleted) "01-Feb-2026 23:59:59 -1200" {6+}\r\na: b\r\n')
    client.ok("SELECT INBOX")
    client.ok("EXPUNGE")
    inbox = client.session.view.mailbox_id
    client.services.store.write(lambda tx: messages.restore(tx, inbox, [1], inbox)).result()
    assert "* 1 EXISTS" in client.ok("NOOP")
    line = '* 1 FETCH (UID 2 INTERNALDATE "01-Feb-2026 23:59:59 -1200")'
    assert client.ok("FETCH 1 (UID INTERNALDATE)")[0] == line


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b'"01-Jan-1970 00:00:00 +0000"', (0, 0)),
        (b'"01-Jan-1970 00:00:00 -0000"', (0, 0)),
        (b'"01-Jan-1970 07:00:00 +0700"', (0, 420)),
        (b'"31-Dec-1969 18:30:00 -0530"', (0, -330)),
    ],
)
def test_reading(written, read):
    assert Cursor(Framed(written)).date_time() == read
