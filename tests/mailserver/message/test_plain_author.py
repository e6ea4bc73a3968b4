"""Where a message's row says that From holds no more than the author's name and address, a search may believe it."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from directory.words.names import fold
from mailserver.message.headers import header_end
from mailserver.message.matching import needle
from mailserver.message.searchable import field_values_in
from mailserver.message.summary import SEARCH_LIMIT, author_text, summarize

PIECES = (
    "An", "Nguyễn", "=?utf-8?q?Nguy=E1=BB=85n?=", "=?utf-8?b?xJDhu5c=?=", '"', '"An Văn"', "(a comment)", " ", "  ",
    "\t", "\r\n ", "<", ">", "an@city.vn", "<an@city.vn>", ",", ";", ":", "group:", "\\", "@", "@relay.vn:",
    "AN", "=?", "?=",
)  # fmt: skip


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("an@city.vn", True),
        ("<an@city.vn>", True),
        ("An Van <an@city.vn>", True),
        ('"An Van" <an@city.vn>', True),
        ("=?utf-8?q?Nguy=E1=BB=85n_An?= <an@city.vn>", True),
        ("An\r\n Van <an@city.vn>", True),
        ("An Van (Phong 3) <an@city.vn>", False),
        ("an@city.vn (An Van)", False),
        ("An <an@city.vn>, Binh <binh@city.vn>", False),
        ('"An  Van" <an@city.vn>', False),
        ("Nguyễn An <an@city.vn>", False),
    ],
)
def test_what_is_plain(value: str, plain: bool) -> None:
    assert summarize(f"From: {value}\r\nSubject: x\r\n\r\n".encode()).author_is_plain is plain


def test_other_fields_may_speak_of_from() -> None:
    header = b"DKIM-Signature: v=1; h=from:to;\r\n\tx=from:\r\nFrom: An <an@city.vn>\r\nX: from: nobody\r\n\r\n"
    assert summarize(header).author_is_plain


def test_a_second_from_is_not_plain() -> None:
    assert not summarize(b"From: an@city.vn\r\nFROM: binh@city.vn\r\n\r\n").author_is_plain
    assert not summarize(b"Subject: x\r\n\r\n").author_is_plain


@settings(max_examples=1500)
@given(
    value=st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join),
    word=st.one_of(st.sampled_from(PIECES), st.text("anvcity. @NễĐ<>\"'()\t", min_size=1, max_size=6)),
    more=st.sampled_from(["", "From: other@x.vn\r\n", "Resent-From: r@x.vn\r\n"]),
)
@example(value="An Van <an@city.vn>", word="van <a", more="")
def test_a_plain_author_answers_as_the_field_does(value: str, word: str, more: str) -> None:
    octets = f"From: {value}\r\n{more}Subject: x\r\n\r\nbody\r\n".encode()
    summary = summarize(octets)
    sought = needle(word)
    if not summary.author_is_plain or '"' in sought.form or not sought.form:
        return
    shown = author_text(summary.author_name, summary.author_address)
    written = field_values_in(octets[: header_end(octets)], "from")
    answer = any(map(sought.holds, [*written, shown]))
    assert sought.holds(shown) is answer
    if answer and "<" not in sought.form and ">" not in sought.form and len(summary.search_text) < SEARCH_LIMIT:
        assert fold(sought.form) in summary.search_text
