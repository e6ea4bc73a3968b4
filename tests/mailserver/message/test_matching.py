"""The rule of every search: an unmarked word finds all spellings, a marked one only its own."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.words.names import fold
from mailserver.message.matching import _MARKED, _may_hold, _others, exact_form, needle

LETTERS = "aăâbdđeêoôơuưAĐ ễ\u0301ßﬁ…日本\t\n"


@pytest.mark.parametrize(
    ("word", "text", "holds"),
    [
        ("dat dai", "Quản lý Đất Đai", True),
        ("dat dai", unicodedata.normalize("NFD", "ĐẤT ĐAI"), True),
        ("đất", unicodedata.normalize("NFD", "đất"), True),
        (unicodedata.normalize("NFD", "đất"), "ĐẤT", True),
        ("đất", "dat", False),
        ("đất", "dất", False),
        ("đat", "đất", False),
        ("dat", "đạt được", True),
        ("ngân sách", "ngân\r\n  sách", True),
        ("ngân  sách", "ngân sách", True),
        ("ngânsách", "ngân sách", False),
        ("gân sá", "Ngân sách", True),
        ("strasse", "Straße", True),
        ("fi", "ﬁnal", True),
        ("пpивет", "нет", False),
        ("日本", "日本語", True),
        ("ab", "a…b", False),
        ("x", "", False),
        ("", "", True),
    ],
)
def test_rule(word: str, text: str, holds: bool) -> None:
    assert needle(word).holds(text) is holds


@settings(deadline=None)
@given(st.text(LETTERS, min_size=1, max_size=4), st.text(LETTERS, max_size=12))
def test_the_fast_way_is_the_plain_way(word: str, text: str) -> None:
    exact, wanted = exact_form(text), exact_form(word)
    expected = wanted in exact if fold(wanted) != wanted else wanted in fold(exact)
    assert needle(word).holds(text) is expected
    assert needle(word).in_exact(exact) is expected


@given(st.text(LETTERS, max_size=12))
def test_forms_are_the_same_for_every_composition(text: str) -> None:
    assert exact_form(unicodedata.normalize("NFD", text)) == exact_form(unicodedata.normalize("NFC", text))


def test_whatever_comes_to_ascii_is_known() -> None:
    known = {(other, each) for each, others in _others().items() for other in others}
    for number in range(0x80, sys.maxunicode + 1):
        character = chr(number)
        if not unicodedata.decomposition(character) and character.casefold() == character:
            continue  # it stays what it is, but for đ
        exact = exact_form(character)
        ascii_left = {each for each in exact + fold(exact) if each.isascii() and each not in _MARKED}
        assert {(character, each) for each in ascii_left} <= known, hex(number)


# Whatever could come between a key and a text that holds it.
FOREIGN = "aădđegnghrtzk7@;<=-.řžßẞſﬁﬂﬆŉǰKÅ≠≮\u037e\u0307\u0308\u030c\u0327\u0345\u1fef\u2028\u3000\xa0\x1c \t\r\n日"


@settings(deadline=None, max_examples=400)
@given(st.data(), st.text(FOREIGN, min_size=1, max_size=14))
def test_no_filter_misses(data: st.DataObject, text: str) -> None:
    exact = exact_form(text)
    source = data.draw(st.sampled_from([exact, fold(exact), data.draw(st.text(FOREIGN, max_size=3))]))
    start = data.draw(st.integers(0, len(source)))
    word = source[start : start + data.draw(st.integers(1, 5))]
    wanted = exact_form(word)
    expected = wanted in exact if fold(wanted) != wanted else wanted in fold(exact)
    assert needle(word).holds(text) is expected
    if expected and not text.isascii():
        assert _may_hold(needle(word).form, text)
