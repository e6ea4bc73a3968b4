"""Words as people remember them: what is near, how near, and that nothing is lost that an exact search finds."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailserver.message.fuzzy import (
    BEGINS,
    MOST_WORDS,
    OTHER_MARKS,
    PERCENT,
    SAME,
    SLIP,
    WITHIN,
    Fuzzy,
    fuzzy,
    is_slip,
)
from mailserver.message.matching import needle


@pytest.mark.parametrize(
    "looked_for, text, score",
    [
        ("đường", "Đường Lê Lợi", SAME),
        ("duong", "Đường Lê Lợi", SAME),
        ("ĐƯỜNG", "đu\u031bo\u031b\u0300ng", SAME),
        ("đường", "con duong, dương", OTHER_MARKS),
        ("duong", "dươngs", BEGINS),
        ("ngan sach", "sách về ngân hàng", SAME),
        ("ngan sach", "ngân hàng", 0),
        ("ngân sạch", "ngân sách", (SAME + OTHER_MARKS) // 2),
        ("nguyen", "Nguyeen", SLIP),
        ("nguyen", "Nguyn", SLIP),
        ("nguyen", "Nugyen", SLIP),
        ("nguyen", "ngùyan", SLIP),
        ("nguyen", "nguynn x", SLIP),
        ("nguyen", "nugyan", 0),
        ("phuong", "phunog", SLIP),
        ("helo", "hello", 0),  # of short words too many differ by one letter
        ("uong", "đường", WITHIN),
        ("a", "ba an", 0),
        ("a", "b à", SAME),
        ("日", "日本", BEGINS),
        ("本", "日本", WITHIN),
        ("van@city.vn", "From: <van@city.vn>", SAME),
        ("--", "a -- b", 0),
        ("", "a", 0),
    ],
)
def test_nearness(looked_for, text, score):
    assert fuzzy(looked_for).score([(100, [text])]) == score


def test_places_count_differently():
    places = [(PERCENT[name], [name]) for name in ("subject", "header", "body")]
    assert [fuzzy(name).score(places) for name in ("subject", "header", "body")] == [100, 75, 50]
    assert fuzzy("subject body").score(places) == 75
    assert fuzzy("body").score([*places, (100, ["body"])]) == 100
    assert fuzzy("elsewhere").score(places) == 0


def test_many_words_are_worth_no_more_than_one():
    """RFC 6203 §4: 100 is the highest."""
    text = "w0 w1 w2 w3 w4 w5 w6 w7 w8"
    assert fuzzy(text).score([(100, [text])]) == 100
    assert fuzzy("od").score([(PERCENT["body"], ["body"])]) == WITHIN // 2


def test_only_so_many_words_are_looked_for():
    """RFC 6203 §8: what is looked for may be long and hostile."""
    assert len(fuzzy(" ".join(f"w{number}" for number in range(1000))).words) == MOST_WORDS
    long = "x" * 100_000
    assert fuzzy(long).score([(100, [long[:-1] + "y"])]) == SLIP


WORD = st.text("abcdđệ日", min_size=1, max_size=7)


@given(WORD, st.integers(0, 7), st.sampled_from("abx日"), st.sampled_from(["change", "add", "omit", "exchange"]))
def test_slips_of_every_kind(word, place, letter, kind):
    place %= len(word)
    before, at, after = word[:place], word[place], word[place + 1 :]
    other = {
        "change": before + letter + after,
        "add": before + letter + at + after,
        "omit": before + after,
        "exchange": before + after[:1] + at + after[1:],
    }[kind]
    assert is_slip(word, other) is is_slip(other, word) is (word != other)


@given(WORD, WORD)
def test_what_is_no_slip(word, other):
    """By the definition: nothing of one step leads from one to the other."""
    letters = {*word, *other}
    steps = {word[:at] + each + word[at + 1 :] for at in range(len(word)) for each in letters}
    steps |= {word[:at] + each + word[at:] for at in range(len(word) + 1) for each in letters}
    steps |= {word[:at] + word[at + 1 :] for at in range(len(word))}
    steps |= {word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in range(len(word) - 1)}
    assert is_slip(word, other) is (other in steps and word != other)


TEXT = st.text("aădđeéo\u0301 -@.nsNS日ﬁ", max_size=16)


@given(TEXT, st.integers(0, 16), st.integers(0, 16))
@example("a\u0301b", 1, 3)
def test_what_is_found_exactly_is_found(text, start, end):
    looked_for = text[start:end]
    wanted = fuzzy(looked_for)
    if needle(looked_for).holds(text) and wanted.words and all(each.may_be_part for each in wanted.words):
        assert wanted.score([(100, [text])]) > 0


@given(TEXT, TEXT)
def test_order_of_words_is_free(text, other):
    wanted = fuzzy(text)
    turned = Fuzzy(wanted.words[::-1])
    assert turned.score([(100, [other])]) == wanted.score([(100, [other])])
