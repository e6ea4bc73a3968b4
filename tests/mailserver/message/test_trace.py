"""Where the trace of a header ends, and that fields chosen from below it are those of the whole header."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailserver.imap.grammar.fetch import Piece, Section
from mailserver.imap.sections import column_of, header_selector
from mailserver.message.trace import TRACE_FIELDS, trace_end

SECTION = Section(b"", piece=Piece.FIELDS, peek=True)


@pytest.mark.parametrize(
    ("trace", "fields"),
    [
        (b"", b"From: a\r\n\r\n"),
        (b"Received: a\r\n", b"\r\n"),
        (b"Return-Path: <a@b>\r\nreceived : from a\r\n\tby b;\r\n  c\r\n", b"From: a\r\nReceived: b\r\n\r\n"),
        (b"DKIM-Signature:\r\n v=1\r\n", b"X-Mailer: a\r\n\r\n"),
        (b"Received: a\n", b"From: a\n\n"),
        (b"Received: a\r\n", b"no field\r\nReceived: b\r\n\r\n"),
        (b"", b" Received: a\r\n\r\n"),
        (b"", b"Received: a"),
        (b"", b"Received-By: a\r\n\r\n"),
        (b"", b""),
    ],
)
def test_where_it_ends(trace, fields):
    assert trace_end(trace + fields) == len(trace)


NAMES = st.sampled_from([*sorted(TRACE_FIELDS)[::4], b"received", b"subject", b"from", b"x-a", b""])
LINES = st.lists(
    st.tuples(NAMES, st.sampled_from([b":", b" \t:", b""]), st.sampled_from([b" x\r\n", b"\r\n y\r\n", b"\n", b"z"])),
    max_size=8,
)


@given(LINES, st.lists(NAMES, min_size=1, max_size=3, unique=True))
@example([(b"received", b":", b" x\r\n"), (b"", b"", b"\r\n y\r\n")], [b"subject"])
def test_fields_from_below_are_those_of_all(lines, wanted):
    header = b"".join(name.title() + colon + rest for name, colon, rest in lines) + b"\r\n"
    item = replace(SECTION, fields=tuple(wanted))
    select = header_selector(item)
    column = {"header": header, "fields": header[trace_end(header) :]}[column_of(item)]
    assert select(column) == select(header)
