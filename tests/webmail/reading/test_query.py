"""The language of searches: what people type as terms, and terms written down again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webmail.reading.query import MAX_TERMS, NAMES, Term, day_of, octets_of, parse, written


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ('a "b  c" from:d', [("word", "a"), ("word", "b c"), ("from", "d")]),
        ("http://x.example/a:b", [("word", "http://x.example/a:b")]),
        ("tu:huong TIÊU ĐỀ:x tieude:y", [("from", "huong"), ("subject", "x"), ("subject", "y")]),
        ("lớn hơn:5MB larger:2k lonhon:x", [("larger", "5MB"), ("larger", "2k"), ("word", "x")]),
        ("có:tệp has:file has:wings", [("has", "attachment"), ("has", "attachment"), ("word", "wings")]),
        ("là:chưa-đọc is:flagged is:odd", [("is", "unread"), ("is", "starred"), ("word", "odd")]),
        ('in:archive trong:"dự án" in:mọi-nơi', [("in", "archive"), ("in", "dự án"), ("in", "everywhere")]),
        ("before:2025-12-31 sau:1/2/2025", [("before", "31/12/2025"), ("after", "01/02/2025")]),
        ("trước:32/13/2025", [("word", "32/13/2025")]),
        ('"from:x"', [("word", "from:x")]),
        ("from:", []),
        ("  ", []),
    ],
)
def test_what_was_typed_as_terms(text: str, terms: list[tuple[str, str]]) -> None:
    assert [(each.name, each.value) for each in parse(text)] == terms


def test_there_are_not_too_many() -> None:
    assert len(parse("a " * 100)) == MAX_TERMS


def test_terms_are_written_in_either_language() -> None:
    terms = parse('từ:hương "đất đai" là:sao lớn hơn:5MB trong:mọi-nơi')
    assert written(terms, "en") == 'from:hương "đất đai" is:starred larger:5MB in:everywhere'
    assert written(terms, "vi") == 'từ:hương "đất đai" là:sao lớn hơn:5MB trong:mọi-nơi'


_TEXTS = st.text(st.sampled_from('ab đầ:"- ?0/'), min_size=1, max_size=12)


@given(st.lists(st.tuples(st.sampled_from(["word", *NAMES]), _TEXTS), max_size=5), st.sampled_from(["vi", "en"]))
def test_what_is_written_is_read_as_the_same(given_terms: list[tuple[str, str]], language: str) -> None:
    terms = parse(written([Term(*each) for each in given_terms], "vi"))
    assert parse(written(terms, language)) == terms


def test_sizes_and_days() -> None:
    assert [octets_of(each) for each in ("5MB", "1,5 k", "20000", "1GB", "", "x", "5XB")] == [
        5 << 20, 1536, 20_000, 1 << 30, None, None, None,
    ]  # fmt: skip
    assert day_of("29/02/2024") is not None
    assert day_of("29/02/2025") is None
