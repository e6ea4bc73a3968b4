"""Which octets a section names (RFC 9051 §6.4.5, §6.4.5.1)."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.imap.grammar.fetch import parse_fetch
from mailserver.imap.grammar.framing import Framed
from mailserver.imap.grammar.syntax import Cursor
from mailserver.imap.sections import header_selector, is_of_header, is_stretch, made, needs_tree, stretch
from mailserver.message.headers import select_fields
from mailserver.message.structure import scan

FORWARDED = (
    b"From: a@b\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\npreamble\r\n"
    b"--x\r\nContent-Type: text/plain\r\nX-A: 1\r\n\r\nfirst\r\n"
    b"--x\r\nContent-Type: message/rfc822\r\n\r\n"
    b"Subject: inner\r\nTo: c@d\r\nContent-Type: multipart/alternative; boundary=y\r\n\r\n"
    b"--y\r\n\r\nplain\r\n--y\r\nContent-Type: text/html\r\n\r\n<p>html</p>\r\n--y--\r\n"
    b"--x--\r\n"
)
SIMPLE = b"Subject: s\r\n\r\nbody\r\n"


def section(text):
    return parse_fetch(Cursor(Framed(f" 1 BODY.PEEK[{text}]".encode())), False).items[0]


def octets_of(text, message):
    item = section(text)
    tree = scan(message)
    place = stretch(item, len(message), tree.body_start, tree if needs_tree(item) else None)
    if place is None:
        return None
    octets = message[slice(*place)]
    return octets if is_stretch(item) else made(item, octets)


@pytest.mark.parametrize(
    "text, message, octets",
    [
        ("", SIMPLE, SIMPLE),
        ("HEADER", SIMPLE, b"Subject: s\r\n\r\n"),
        ("TEXT", SIMPLE, b"body\r\n"),
        ("1", SIMPLE, b"body\r\n"),
        ("1.MIME", SIMPLE, b"Subject: s\r\n\r\n"),
        ("2", SIMPLE, None),
        ("1.1", SIMPLE, None),
        ("1.HEADER", SIMPLE, None),
        ("1.TEXT", SIMPLE, None),
        ("1", FORWARDED, b"first"),
        ("1.MIME", FORWARDED, b"Content-Type: text/plain\r\nX-A: 1\r\n\r\n"),
        ("2.MIME", FORWARDED, b"Content-Type: message/rfc822\r\n\r\n"),
        ("2.HEADER", FORWARDED, FORWARDED[FORWARDED.index(b"Subject: inner") : FORWARDED.index(b"--y")]),
        ("2.HEADER.FIELDS (to)", FORWARDED, b"To: c@d\r\n\r\n"),
        ("2.HEADER.FIELDS.NOT (to content-type)", FORWARDED, b"Subject: inner\r\n\r\n"),
        ("2.TEXT", FORWARDED, b"--y\r\n\r\nplain\r\n--y\r\nContent-Type: text/html\r\n\r\n<p>html</p>\r\n--y--"),
        ("2.1", FORWARDED, b"plain"),
        ("2.2", FORWARDED, b"<p>html</p>"),
        ("2.2.MIME", FORWARDED, b"Content-Type: text/html\r\n\r\n"),
        ("2.3", FORWARDED, None),
        ("3", FORWARDED, None),
        ("HEADER.FIELDS (FROM absent)", FORWARDED, b"From: a@b\r\n\r\n"),
        ("HEADER.FIELDS (absent)", FORWARDED, b"\r\n"),
    ],
)
def test_known(text, message, octets):
    assert octets_of(text, message) == octets


def test_what_the_header_alone_answers():
    assert all(is_of_header(section(text)) for text in ("HEADER", "HEADER.FIELDS (a)", "HEADER.FIELDS.NOT (a)"))
    assert not any(is_of_header(section(text)) for text in ("", "TEXT", "1", "1.MIME", "1.HEADER"))


NAMES = st.sampled_from([b"Subject", b"subject", b"FROM", b"X-Y.z", b"To", b"X", b"X-"])


@settings(deadline=None)
@given(
    st.lists(st.tuples(NAMES, st.sampled_from([b": a", b":b", b" : c", b":", b": d\r\n\te", b": f\r\n  g\r\n h"]))),
    st.sampled_from([b"\r\n", b"\n"]),
    st.lists(NAMES, min_size=1, max_size=3),
)
def test_chosen_fields_as_the_message_package_chooses_them(fields, end, wanted):
    """The fast way for FETCH gives what the careful way gives."""
    header = b"".join(name + value.replace(b"\r\n", end) + end for name, value in fields) + end
    item = section(f"HEADER.FIELDS ({' '.join(name.decode() for name in wanted)})")
    careful = select_fields(header, [name.decode() for name in wanted])
    assert header_selector(item)(header) == careful


@pytest.mark.parametrize(
    "wanted", [(b"^x", b"]Y"), (b"-Z", b"^x"), (b"X-\\Q",), (b"none", b"\\A"), (b"",), (b"", b"]y")]
)
def test_odd_names_of_fields(wanted):
    header = b"Subject: a\r\n b\r\n^x: 1\r\n]y : 2\r\n-z: 3\r\nX-\\q: 4\r\n\r\n"
    item = replace(section("HEADER.FIELDS (x)"), fields=wanted)
    assert header_selector(item)(header) == select_fields(header, [name.decode() for name in wanted])


def test_a_partial_of_chosen_fields():
    item = parse_fetch(Cursor(Framed(b" 1 BODY[HEADER.FIELDS (a)]<1.3>")), False).items[0]
    assert header_selector(item)(b"a: 12345\r\n\r\n") == b": 1"
    assert re.escape(item.label) == re.escape(b"BODY[HEADER.FIELDS (a)]<1>")
