"""APPEND, CATENATE and REPLACE as they are read, and the URLs of CATENATE."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailserver.imap.grammar.appending import Append, Appended, Replace, Url, parse_append, parse_replace
from mailserver.imap.grammar.fetch import Piece, Section
from mailserver.imap.grammar.framing import Framed
from mailserver.imap.grammar.syntax import STAR, Cursor, SyntaxFault
from mailserver.imap.grammar.urls import MessageUrl, parse_url


def append(text, *literals):
    return parse_append(Cursor(Framed(text.encode(), literals)))


def replace(text, *literals, by_uid=False):
    return parse_replace(Cursor(Framed(text.encode(), literals)), by_uid)


def test_pieces():
    read = append(
        ' x (\\Seen) CATENATE (URL "/a" TEXT \x00 URL b TEXT ~\x00 UTF8 (~\x00)) (k) \x00', b"1", b"2", b"3", b"4"
    )
    pieces = (Url(b"/a"), b"1", Url(b"b"), b"2", b"3")
    assert read == Append(
        b"x", (Appended(("\\Seen",), None, pieces, binary=True), Appended(("k",), None, b"4", binary=False))
    )


def test_replace():
    assert replace(" 4 Drafts (\\Draft) \x00", b"m") == Replace(
        4, b"Drafts", Appended(("\\Draft",), None, b"m"), by_uid=False
    )
    assert replace(" * x \x00", b"m").number == STAR
    read = replace(" 2000 x CATENATE (URL u)", by_uid=True)
    assert read == Replace(2000, b"x", Appended((), None, (Url(b"u"),)), by_uid=True)


@pytest.mark.parametrize(
    "text",
    [
        " x CATENATE",
        " x CATENATE ()",
        " x CATENATE (TEXT)",
        " x CATENATE (URL)",
        " x CATENATE (OTHER \x00)",
        " x CATENATE (TEXT \x00",
        " x CATENATE (UTF8 \x00)",
        " x CATENATE (UTF8 (\x00))",
        " x CATENATE (URL a,URL b)",
        " x CATENATE(URL a)",
        " x UTF8 \x00",
        " x CATENATE (" + "URL a " * 1000 + "URL a)",
        " x (" + "k " * 200 + "k) \x00",
    ],
)
def test_refused(text):
    with pytest.raises(SyntaxFault):
        append(text, b"m")


@pytest.mark.parametrize(
    "text, by_uid",
    [(" ** x \x00", True), (" 0 x \x00", False), (" 1:2 x \x00", False), (" 1 x", False), (" 1 x \x00 \x00", True)],
)
def test_no_replacement(text, by_uid):
    with pytest.raises(SyntaxFault):
        replace(text, b"m", b"n", by_uid=by_uid)


ALL = Section(b"BODY[]", peek=True)


@pytest.mark.parametrize(
    "octets, url",
    [
        (b"/Drafts;UIDVALIDITY=385759045/;UID=20", MessageUrl("Drafts", True, 385759045, 20, ALL)),
        (b"/Drafts/;uid=20", MessageUrl("Drafts", True, None, 20, ALL)),
        (b"/a%2Fb/c%20d/%C4%91/;UID=1", MessageUrl("a/b/c d/đ", True, None, 1, ALL)),
        (b";UID=7", MessageUrl("", False, None, 7, ALL)),
        (b"/;UID=7", MessageUrl("", False, None, 7, ALL)),
        (b"beside;UIDVALIDITY=3/;UID=7", MessageUrl("beside", False, 3, 7, ALL)),
        (
            b"/x/;UID=7/;section=1.5.9",
            MessageUrl("x", True, None, 7, Section(b"BODY[1.5.9]", (1, 5, 9), peek=True)),
        ),
        (
            b"/x/;UID=7/;Section=HEADER.FIELDS%20(DATE%20%22from%22)",
            MessageUrl(
                "x",
                True,
                None,
                7,
                Section(b"BODY[HEADER.FIELDS (DATE from)]", (), Piece.FIELDS, (b"date", b"from"), peek=True),
            ),
        ),
        (
            b"/x/;UID=7/;SECTION=TEXT/;PARTIAL=0.1024",
            MessageUrl("x", True, None, 7, Section(b"BODY[TEXT]", (), Piece.TEXT, partial=(0, 1024), peek=True)),
        ),
        (
            b"/x/;UID=7/;PARTIAL=5",
            MessageUrl("x", True, None, 7, Section(b"BODY[]", partial=(5, (1 << 63) - 1), peek=True)),
        ),
    ],
)
def test_url(octets, url):
    assert parse_url(octets) == url


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"/x",
        b"/x/;UID=0",
        b"/x/;UID=4294967296",
        b"/x;UIDVALIDITY=0/;UID=1",
        b"/x;UIDVALIDITY=4294967296/;UID=1",
        b"/x/;UID=1/;SECTION=MIME",
        b"/x/;UID=1/;SECTION=1]",
        b"/x/;UID=1/;SECTION=HEADER.FIELDS%20(",
        b"/x/;UID=1/;SECTION=1%0d%0a",
        b"/%ff/;UID=1",
        b"/x/;UID=1;EXPIRE=2030-01-01T00:00:00Z;URLAUTH=anonymous:internal:0",
        b"/x/;UID=1/;PARTIAL=9999999999999999999",
        b"/x?subject%20a",
    ],
)
def test_no_url(octets):
    with pytest.raises(SyntaxFault):
        parse_url(octets)


@given(st.binary(max_size=60) | st.text("/;UID=SECTION.1%20é", max_size=60).map(str.encode))
@example(b"/x/;UID=1/;SECTION=%00")
def test_any_octets(octets):
    with contextlib.suppress(SyntaxFault):
        parse_url(octets)
