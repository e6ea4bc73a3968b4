"""The rule of every search: an unmarked word finds all spellings, a marked one only its own."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.names import fold
from mailserver.message.matching import exact_form, needle

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
