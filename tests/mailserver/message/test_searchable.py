"""What a search sees of a message."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailserver.message.encoded_words import decode_words
from mailserver.message.matching import needle
from mailserver.message.searchable import _decoded, field_values, field_values_in, header_lines, header_texts, texts_of
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


@given(st.lists(st.tuples(FIELD_NAMES, VALUES), max_size=6), st.data())
def test_what_a_line_holds_is_in_the_texts_asked_first(fields: list[tuple[str, str]], data: st.DataObject) -> None:
    header = "".join(f"{field}:{value}\r\n" for field, value in fields).encode("utf-8")
    for line in header_lines(header):
        start = data.draw(st.integers(0, len(line)))
        sought = needle(line[start : start + data.draw(st.integers(1, 8))])
        if sought.holds(line):
            assert any(map(sought.holds, header_texts(header)))
