"""Dates of header fields."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.message.dates import format_date, parse_date


@pytest.mark.parametrize(
    "value, expected",
    [
        ("Fri, 21 Nov 1997 09:55:06 -0600", "1997-11-21T15:55:06"),
        ("21 Nov 97 09:55:06 GMT", "1997-11-21T09:55:06"),  # RFC 5322 §A.6.2
        ("Thu, 13 Feb 1975 23:32 -0330 (Newfoundland Time)", "1975-02-14T03:02:00"),
        ("Tue, 1 Jul 2003 10:52:37 EST", "2003-07-01T15:52:37"),
        ("Tue, 1 Jul 103 10:52:37 +0000", "2003-07-01T10:52:37"),
        ("Sat, 1 Jan 49 00:00:00 Z", "2049-01-01T00:00:00"),
        ("Monday, 06-Jan-2025 08:30:00 ICT", "2025-01-06T01:30:00"),
        ("6 Jan 2025 8:30 +07:00", "2025-01-06T01:30:00"),
        ("31 Dec 2016 23:59:60 +0000", "2016-12-31T23:59:59"),  # a leap second
        ("Mon, 6 Jan 2025 08:30:00 +9999", "2025-01-06T08:30:00"),
    ],
)
def test_dates_are_read(value, expected):
    assert datetime.fromtimestamp(parse_date(value), UTC).isoformat() == f"{expected}+00:00"


@pytest.mark.parametrize(
    "value",
    ["", "yesterday", "32 Jan 2025 00:00 +0000", "30 Feb 2024 10:00 +0000", "1 Jan 1969 00:00 +0000",
     "1 Xyz 2025 00:00", "1 Jan 2025 25:00 +0000", "1 Jan 2025 10:60 +0000", "2025-01-06T08:30:00Z",
     "1 Jan 0000 00:00 +0000"],
)  # fmt: skip
def test_what_is_no_date_is_none(value):
    assert parse_date(value) is None


@given(st.integers(0, 253402300799 - 86400), st.integers(-720, 840))
def test_dates_written_are_read_back(seconds, offset):
    written = format_date(seconds, offset)
    assert parse_date(written) == seconds
    assert int(parsedate_to_datetime(written).timestamp()) == seconds
