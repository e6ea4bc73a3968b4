"""Search keys as tests: a word without marks finds every spelling, Kleene's maybe, dates in any zone."""

from __future__ import annotations

import pytest

from mailserver.imap.criteria import Context, compile_key
from mailserver.imap.found import FoundMessage
from mailserver.imap.grammar.framing import Framed
from mailserver.imap.grammar.search import parse_search
from mailserver.imap.grammar.syntax import Cursor
from mailserver.message.structure import encode_parts, scan


class Row:
    """A message's columns."""

    def __init__(self, octets=b"From: a@b\r\n\r\n", **values):
        self.header = octets.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        self.octets = octets
        self.parts = encode_parts(scan(octets))
        for name, value in {"uid": 1, "flags": 0, "modseq": 1, "internal_date": 0, "zone": None, "size": 1,
                            "sent_at": None, "subject": "", "author_name": "", "author_address": "",
                            "author_is_plain": False, "to_text": "", "message_id": 1,
                            "thread_key": "", "envelope": b'("" NIL)', **values}.items():  # fmt: skip
            setattr(self, name, value)


def outcome(key, row, keywords=()):
    """(by_row, by_message)"""
    command = parse_search(Cursor(Framed(b" " + key.encode())), False)
    context = Context(keywords, lambda each: [(1, 1)], 7 * 3600, lambda octets: octets.decode(), 10**9)
    test = compile_key(command.key, context)
    found = FoundMessage(row, lambda row, start, stop: row.octets[start:stop])
    by_row, by_message = test.by_row(row), test.by_message(found)
    assert by_row in (None, by_message), key
    return by_row, by_message


def test_what_the_row_cannot_say_is_left_open():
    row = Row(b"Subject: x\r\n\r\nbody\r\n", subject="x")
    assert outcome("BODY body", row) == (None, True)
    assert outcome("NOT BODY body", row) == (None, False)
    assert outcome("OR BODY nothing SUBJECT x", row) == (True, True)
    assert outcome("BODY body SUBJECT y", row) == (False, False)
    assert outcome("OR BODY nothing SUBJECT y", row) == (None, False)
    assert outcome("NOT (BODY body SUBJECT x)", row) == (None, False)


@pytest.mark.parametrize(
    "date, utc, day, matches",
    [
        ("Thu, 5 Mar 2026 23:00:00 -0800", "2026-03-06T07:00", "5-Mar-2026", True),
        ("Thu, 5 Mar 2026 23:00:00 -0800", "2026-03-06T07:00", "6-Mar-2026", False),
        ("5 mar 2026 00:30:00 +0700", "2026-03-04T17:30", "5-Mar-2026", True),
        ("nonsense", "2026-03-04T17:30", "5-Mar-2026", True),  # by our own days then
    ],
)
def test_the_date_fields_own_day(date, utc, day, matches):
    from datetime import UTC, datetime

    sent_at = int(datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp())
    row = Row(sent_at=sent_at, envelope=b'("' + date.encode() + b'" NIL)')
    assert outcome(f"SENTON {day}", row) == (matches, matches)
    assert outcome(f"SENTSINCE {day}", row)[1] is (matches or "5-Mar" in day)
    assert outcome("SENTSINCE 1-Jan-2020", Row())[1] is False


def test_internal_days_begin_where_we_live():
    row = Row(internal_date=1_772_640_000)  # 2026-03-04T16:00Z, 23:00 at home
    assert outcome("ON 4-Mar-2026", row) == (True, True)
    assert outcome("ON 5-Mar-2026", Row(internal_date=1_772_643_600)) == (True, True)
    # or where it was given, if it says so
    assert outcome("ON 4-Mar-2026", Row(internal_date=1_772_643_600, zone=0)) == (True, True)


def test_keywords_in_any_case():
    assert outcome("KEYWORD $JUNK", Row(flags=1 << 7), ("a", "$Junk")) == (True, True)
    assert outcome("UNKEYWORD unheard-of", Row()) == (True, True)


def test_names_are_looked_for_in_the_header_and_in_the_columns():
    row = Row(
        b"From: One <one@x>, Two <two@x>\r\nTo: t@x\r\nCc: Three <three@x>\r\n\r\n",
        author_name="One",
        author_address="one@x",
        to_text="t@x",
    )
    assert outcome("FROM one", row) == (None, True)
    assert outcome("FROM two", row) == (None, True)
    assert outcome("FROM three", row) == (None, False)
    plain = Row(b"From: One <one@x>\r\n\r\n", author_name="One", author_address="one@x", author_is_plain=True)
    assert outcome("FROM one", plain) == (True, True)
    assert outcome("FROM two", plain) == (False, False)
    assert outcome('FROM "\\"One"', plain) == (None, False)  # only the field itself knows its quotation marks
    assert outcome("CC three", row) == (None, True)
    assert outcome("TO t@x", row) == (None, True)


def test_text_of_parts():
    octets = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n"
        b"<style>hidden{}</style><p>K<b>h</b>&#7849;n</p><p>c\xe1\xba\xa5p</p>\r\n"
        b"--b\r\nContent-Type: application/pdf; name=report.pdf\r\n\r\nsecret\r\n--b--\r\n"
    )
    row = Row(octets)
    for key, matches in {
        'BODY "khẩn cấp"': True,
        "BODY khan": True,
        "BODY hidden": False,
        "BODY secret": False,
        "BODY report.pdf": False,
        "TEXT report.pdf": True,
    }.items():
        assert outcome(key, row) == (None, matches), key
