"""What a search sees of a message."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.words.names import fold
from mailserver.message.encoded_words import decode_words
from mailserver.message.matching import exact_form, needle
from mailserver.message.searchable import (
    BodyText,
    _decoded,
    field_values,
    field_values_in,
    header_lines,
    in_header,
    texts_of,
)
from mailserver.message.structure import scan

MAIL = (
    b"Received: from a\r\n by b\r\nSubject: =?utf-8?b?SOG7jXA=?=\r\n =?utf-8?q?_b=C3=A0n?=\r\n"
    b"subject : second\r\nFrom: =?utf-8?q?=C4=90=C3=A0o?= <dao@x>\r\nfrom: an@x\r\nno field at all\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain; charset=windows-1258\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"ng=E2n s=E1ch\r\n"
    b"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<style>hidden</style>"
    b"<p>K<b>h</b>&#7849;n</p><p>c\xe1\xba\xa5p</p>\r\n"
    b"--b\r\nContent-Type: application/octet-stream; name=unseen.bin\r\n\r\nsecret\r\n--b--\r\n"
)


def test_header_lines_are_decoded() -> None:
    lines = header_lines(MAIL[: MAIL.index(b"\r\n\r\n") + 4])
    assert lines[0] == "Received: from a by b"
    assert lines[1] == "Subject: Họp bàn"
    assert "no field at all" in lines
    assert field_values(lines, "subject") == ["Họp bàn"]  # the first counts
    assert field_values(lines, "from") == ["Đào <dao@x>", "an@x"]
    assert field_values(lines, "cc") == []
    assert field_values(lines, "receive") == []


def test_texts_of_all_parts() -> None:
    tree = scan(MAIL)
    texts = texts_of(MAIL[: tree.body_start], tree, lambda start, stop: MAIL[start:stop])
    assert texts.fields == {"subject": ["Họp bàn"], "from": ["Đào <dao@x>", "an@x"]}
    assert [text.strip() for text in texts.body] == ["ngân sách", "Khẩn cấp"]
    assert "Content-Type: application/octet-stream; name=unseen.bin" in texts.header
    assert not any("secret" in text for text in texts.body)


FIELD_NAMES = st.sampled_from(["from", "From", "FROM ", "to", "subject", "x-a", "frøm", "", " from", "from\t"])
PIECES = [
    "=?utf-8?q?a_=C3=A9?=",
    "=?utf-8?b?xJDDoG8=?=",
    "=?",
    "?=",
    "?q?",
    "=?utf-8?",
    "\r\n ",
    "\n\t",
    "\x07",
    "=?x?q?=0Ab?=",
]
VALUES = st.lists(st.one_of(st.sampled_from(PIECES), st.text("ab=?utf-8q_ \t\r\n:é", max_size=6)), max_size=6).map(
    "".join
)


@given(st.lists(st.tuples(FIELD_NAMES, VALUES), max_size=6), st.sampled_from(["from", "subject", "x-a"]))
def test_one_field_is_the_same_alone_and_among_all(fields: list[tuple[str, str]], name: str) -> None:
    header = "".join(f"{field}:{value}\r\n" for field, value in fields).encode("utf-8")
    assert field_values_in(header, name) == field_values(header_lines(header), name)


@given(VALUES)
def test_a_value_is_decoded_as_a_whole(value: str) -> None:
    assert _decoded(value) == decode_words(value)


@given(st.lists(st.tuples(FIELD_NAMES, VALUES), max_size=6), st.data(), st.sampled_from(["utf-8", "latin-1"]))
def test_a_header_holds_what_one_of_its_lines_holds(
    fields: list[tuple[str, str]], data: st.DataObject, charset: str
) -> None:
    header = "".join(f"{field}:{value}\r\n" for field, value in fields).encode(charset, "replace")
    lines = header_lines(header)
    line = data.draw(st.sampled_from([*lines, "ng\u01b0 z"]))
    start = data.draw(st.integers(0, len(line)))
    sought = needle(line[start : start + data.draw(st.integers(1, 8))])
    assert in_header(header, sought) is any(map(sought.holds, lines))


# What parts are made of, and what could hide a word from who looks at the octets of one.
SCRAPS = st.sampled_from(
    [
        *(
            "ngân",
            "sách",
            "Ngan",
            "ngân",
            "ng",
            "n",
            "ch",
            "s",
            "q",
            "đường",
            "ž",
            "ž",
            "ﬁ",
            "f",
            "i",
            "≠",
            "=",
            "K",
            "k",
        ),
        *(" ", "\r\n", "\t", "\xa0", "\x00", "\x0b", "\x1c", "\x7f", "\x85", "\u0301", "\ufeff", "\u2028"),
        *("<b>", "</b>", "<p>", "<a ", "href='>'", ">", "<", "<!--", "-->", "<style>", "</style>", "<br", "<span x>"),
        *("&", "&amp;", "&#110;", "&#x6e;", "&nbsp;", "&zcaron;", "&lt;", "&ltn", "&AMP;", "#39;"),
    ]
)
CHARSETS = st.sampled_from(["utf-8", "us-ascii", "", "windows-1258", "iso-8859-1", "utf-7", "viscii", "unknown"])


@settings(deadline=None, max_examples=600)
@given(
    st.lists(SCRAPS, max_size=12).map("".join),
    st.data(),
    st.sampled_from(["plain", "html"]),
    CHARSETS,
    st.sampled_from(["utf-8", "latin-1", "cp1258", "utf-16"]),
)
def test_no_octets_hide_what_their_text_holds(
    source: str, data: st.DataObject, kind: str, charset: str, written: str
) -> None:
    head = f"Content-Type: text/{kind}; charset={charset}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    part, octets = scan(head.encode()), source.encode(written, "ignore")
    text = BodyText(part, octets).text
    shown = data.draw(st.sampled_from([text, fold(exact_form(text)), source, "n z"])) or "n"
    start = data.draw(st.integers(0, len(shown)))
    sought = needle(shown[start : start + data.draw(st.integers(1, 12))])
    assert BodyText(part, octets).holds(sought) is sought.holds(text)


@pytest.mark.parametrize(
    ("markup", "word"),
    [
        ("<p>K<b>h</b>&#7849;n cấp", "khẩn"),
        ("qu<!-- <b> -->y", "quy"),
        ("q<a <!-- x -->href>tz", "qtz"),
        ("s<b></b><i>z</i>", "sz"),
        ("ngân<!-- > -->sách", "ngân sách"),
        ("ngân<style>p > a {}</style>sách", "ngan sach"),
        ("t&#104;", "th"),
        ("x &lt;y&gt; z", "<y> z"),
        ("\x00t\x00h", "th"),
    ],
)
def test_words_in_markup(markup: str, word: str) -> None:
    part = scan(b"Content-Type: text/html; charset=utf-8\r\n\r\n")
    body = BodyText(part, markup.encode())
    assert body.holds(needle(word)) is needle(word).holds(BodyText(part, markup.encode()).text)
    assert needle(word).may_be_in(markup.encode(), is_markup=True) or not needle(word).holds(body.text)


def test_what_cannot_be_there_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BodyText, "text", property(lambda self: pytest.fail("it was")))
    letter = "Kế hoạch <b>công</b> tác năm".encode()
    for kind in ("plain", "html"):
        part = scan(f"Content-Type: text/{kind}; charset=utf-8\r\n\r\n".encode())
        for word in ("ngân sách", "zebra", "quy nhon", "2024"):
            assert not BodyText(part, letter).holds(needle(word))


@pytest.mark.parametrize("filler", ["a", "a ", "ae", "â"])
def test_no_word_takes_long(filler: str) -> None:
    """Time would grow with the square of these lengths, or worse, if anything were tried in several ways."""
    sought = needle("x" + filler * 15 + "z")
    assert not sought.may_be_in(("x" + "a" * 300_000).encode(), is_markup=False)
    assert not sought.may_be_in(("x" + "a " * 300_000).encode(), is_markup=False)
    sought = needle("x" + filler.strip() * 15 + "z")
    assert not sought.may_be_in(("x" + "<b>a" * 100_000).encode(), is_markup=True)
    assert sought.may_be_in(b"x<" * 300_000, is_markup=True)
    assert not sought.may_be_in(b"x<b>" * 100_000 + b"<", is_markup=True)
