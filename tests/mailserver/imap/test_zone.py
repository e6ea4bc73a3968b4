"""The city's time zone: in it dates are shown, and the days of SEARCH begin."""

from __future__ import annotations

import imaplib
from ipaddress import ip_network

import pytest

from tests.mailserver.imap.talk import Direct, make_services


@pytest.mark.parametrize(
    ("zone", "shown", "found"),
    [
        ("Asia/Ho_Chi_Minh", "02-Feb-2026 00:30:00 +0700", "2-Feb-2026"),
        ("UTC", "01-Feb-2026 17:30:00 +0000", "1-Feb-2026"),
    ],
)
def test_internal_dates_and_days(make_office, zone, shown, found):
    office = make_office(login={"plaintext_networks": (ip_network("127.0.0.0/8"),)}, city={"timezone": zone})
    client = Direct(make_services(office)).log_in()
    client.ok(b'APPEND INBOX "01-Feb-2026 17:30:00 +0000" {6+}\r\na: b\r\n')
    client.ok("SELECT INBOX")
    assert client.ok("FETCH 1 INTERNALDATE")[0] == f'* 1 FETCH (INTERNALDATE "{shown}")'
    assert client.ok(f"SEARCH ON {found}")[0] == "* SEARCH 1"
    assert client.ok("SEARCH ON 3-Feb-2026")[0] == "* SEARCH"
    client.close()


@pytest.mark.parametrize(
    "written", ["01-Feb-2026 23:59:59 -1200", " 2-Feb-2026 18:00:00 +1400", "02-Feb-2026 09:30:00 +0545"]
)
def test_a_date_given_in_another_zone_is_the_same_moment(make_office, written):
    """So it is to who compares what he appended with what he fetches (mbsync, imapsync), and after a copy."""
    office = make_office(login={"plaintext_networks": (ip_network("127.0.0.0/8"),)})
    client = Direct(make_services(office)).log_in()
    client.ok(b'APPEND INBOX "%b" {6+}\r\na: b\r\n' % written.encode())
    client.ok("SELECT INBOX")
    client.ok("COPY 1 INBOX")
    client.ok("NOOP")
    moment = imaplib.Internaldate2tuple(b'INTERNALDATE "%b"' % written.encode())
    assert moment is not None
    for line in client.ok("FETCH 1:2 INTERNALDATE")[:2]:
        assert line.endswith('+0700")')
        assert imaplib.Internaldate2tuple(line.encode()) == moment
    client.close()
