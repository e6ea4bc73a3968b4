"""Rows → responses (RFC 9051 §7.5.2)."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.imap.fetch_plan import (
    FlagTexts,
    columns_of,
    renderer,
    text_renderer,
    thread_id,
    zone_name,
)
from mailserver.imap.grammar.fetch import Attribute, Piece, Section
from mailserver.imap.selected import FlagLists, KeywordsGrew

SUBJECT = Section(b"BODY[HEADER.FIELDS (SUBJECT)]", piece=Piece.FIELDS, fields=(b"subject",), peek=True)
RECEIVED = Section(b"BODY[HEADER.FIELDS (RECEIVED)]", piece=Piece.FIELDS, fields=(b"received",), peek=True)


def test_one_of_each():
    items = (*Attribute, SUBJECT, RECEIVED)
    columns = columns_of(items)
    values = {
        "uid": 7,
        "flags": 1 | 64,
        "internal_date": 1_767_225_600,
        "zone": None,
        "size": 9,
        "envelope": b"(E)",
        "body": b"(B)",
        "bodystructure": b"(S)",
        "modseq": 12,
        "message_id": 3,
        "thread_key": "<x@y>",
        "preview": 'Xin "chào"',
        "saved_at": 1_767_225_660,
        "fields": b"From: a\r\nSubject: b\r\n\r\n",
        "header": b"Received: c\r\nFrom: a\r\nSubject: b\r\n\r\n",
    }
    assert sorted(columns) == sorted(values)
    row = tuple(values[column] for column in columns)
    (line,) = renderer(items, columns)([5], [row], FlagLists(("$K",)), 7 * 3600)
    assert line.decode() == (
        '* 5 FETCH (UID 7 FLAGS (\\Seen $K) INTERNALDATE "01-Jan-2026 07:00:00 +0700" RFC822.SIZE 9'
        f" ENVELOPE (E) BODY (B) BODYSTRUCTURE (S) MODSEQ (12) EMAILID (M3) THREADID ({thread_id('<x@y>').decode()})"
        ' PREVIEW {11}\r\nXin "chào" SAVEDATE "01-Jan-2026 07:01:00 +0700"'
        " BODY[HEADER.FIELDS (SUBJECT)] {14}\r\nSubject: b\r\n\r\n"
        " BODY[HEADER.FIELDS (RECEIVED)] {15}\r\nReceived: c\r\n\r\n)\r\n"
    )


def test_by_uid_alone():
    """RFC 9586 §3.3"""
    render = renderer((Attribute.FLAGS,), ("uid", "flags"), uid_only=True)
    assert render([7, 9], [(7, 1), (9, 0)], FlagLists(()), 0) == [
        b"* 7 UIDFETCH (FLAGS (\\Seen))\r\n",
        b"* 9 UIDFETCH (FLAGS ())\r\n",
    ]


NUMBERS = (Attribute.UID, Attribute.FLAGS, Attribute.MODSEQ)


@given(
    st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=4).map(tuple),
    st.lists(st.tuples(st.integers(1, 2**32 - 1), st.integers(0, 127), st.integers(1, 2**63 - 1)), max_size=5),
    st.booleans(),
)
def test_texts_become_what_rows_become(items, rows, uid_only):
    columns = columns_of(items)
    rows = [tuple(row[("uid", "flags", "modseq").index(column)] for column in columns) for row in rows]
    numbers = [row[0] for row in rows]
    flags = FlagLists(("$K",))
    texts = [[str(row[place]) for row in rows] for place in range(len(columns))]
    render = text_renderer(items, columns, uid_only)
    assert [line.encode("latin-1") for line in render(numbers, texts, FlagTexts(flags))] == renderer(
        items, columns, uid_only=uid_only
    )(numbers, rows, flags, 0)


def test_other_items_need_rows():
    assert text_renderer((Attribute.UID, Attribute.SIZE), ("uid", "size")) is None
    assert text_renderer((Attribute.UID, SUBJECT), ("uid", "header")) is None
    with pytest.raises(KeywordsGrew):
        text_renderer((Attribute.FLAGS,), ("uid", "flags"))([1], [["1"], ["128"]], FlagTexts(FlagLists(("one",))))


def test_more_may_follow():
    assert renderer((Attribute.UID,), ("uid", "size"), False)([1, 2], [(5, 0), (6, 0)], {}, 0) == [
        b"* 1 FETCH (UID 5",
        b"* 2 FETCH (UID 6",
    ]


def test_an_unknown_keyword_is_not_guessed():
    with pytest.raises(KeywordsGrew):
        renderer((Attribute.FLAGS,), ("uid", "flags"))([1], [(1, 1 << 7)], FlagLists(("one",)), 0)


@settings(deadline=None)
@given(
    st.integers(0, 4_102_444_800),
    st.sampled_from([0, 25_200, -28_800, 20_700, 45_900]),
    st.none() | st.integers(-720, 840),
)
def test_internal_dates(when, offset, zone):
    render = renderer((Attribute.INTERNALDATE, Attribute.SAVEDATE), ("uid", "internal_date", "zone", "saved_at"))
    (line,) = render([1], [(1, when, zone, when)], {}, offset)
    _, given_date, _, saved, _ = line.decode().split('"')
    for written, shift in ((given_date, offset if zone is None else zone * 60), (saved, offset)):
        assert parsedate_to_datetime(written.replace("-", " ", 2)).timestamp() == when
        assert written.endswith(zone_name(shift).decode())


def test_thread_ids_are_object_ids():
    for key in ("", "<a@b>", "é" * 300):
        assert len(thread_id(key)) < 255
        assert all(chr(octet).isalnum() or octet in b"-_" for octet in thread_id(key))
