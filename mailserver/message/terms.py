"""A text as terms, so that every substring of a text is found by looking into terms alone.

A text is words (letters and digits with their marks) and separators between them: s₀ w₁ s₁ w₂ … wₙ sₙ.  Its terms are
the words, and the *pairs* w₁s₁w₂ of neighbours with what lies between, the ends of the text counting as empty words.

- What is looked for without a separator lies within one word.
- With one separator, it lies within one pair.
- With more, each of its own pairs lies within a pair of the text; whether they lie there in a row, only the text can
  tell.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain


@lru_cache(maxsize=1)
def _word() -> re.Pattern[str]:
    """A letter or digit, and what follows of those and of combining marks, which folding removes.

    Beyond the first 65,536 characters all but marks counts as letters: classes with few ranges there are four times as
    fast, and what divides words is ours to say, as long as folding does not change it.
    """
    plane = [chr(number) for number in range(0x30, 0x10000)]
    letters = _ranges(each for each in plane if each.isalnum())
    marks = _ranges(each for each in plane if _is_mark(each))
    far_marks = _ranges(
        each for each in map(chr, chain(range(0x10000, 0x20000), range(0xE0000, 0xE0200))) if _is_mark(each)
    )
    far = "\U00010000-\U0010ffff"
    return re.compile(f"((?:[{letters}]|[{far}](?<![{far_marks}]))[{letters}{marks}{far}]*)")


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M"


def _ranges(characters: Iterable[str]) -> str:
    """As they stand in a class."""
    ranges: list[list[str]] = []
    for each in characters:
        if ranges and ord(ranges[-1][1]) == ord(each) - 1:
            ranges[-1][1] = each
        else:
            ranges.append([each, each])
    return "".join(f"{low}-{high}" for low, high in ranges)


_ASCII = re.compile("([0-9A-Za-z]+)")


def pieces(text: str) -> list[str]:
    """[s₀, w₁, s₁, …, wₙ, sₙ]"""
    return _ASCII.split(text) if text.isascii() else _word().split(text)


def words(text: str) -> list[str]:
    """In order and with repetitions."""
    return _ASCII.findall(text) if text.isascii() else _word().findall(text)


def words_and_pairs(text: str) -> tuple[list[str], list[str]]:
    parts = ["", *pieces(text), ""]
    return parts[2:-1:2], list(map("".join, zip(parts[:-2:2], parts[1::2], parts[2::2], strict=True)))


def key_pairs(form: str) -> list[str]:
    """What is looked for, as pairs; none if it lies within one word."""
    parts = pieces(form)
    around = ["", *parts[1::2], ""]
    # A separator that is empty is none: what is looked for may begin and end within a word.
    return [around[place] + separator + around[place + 1] for place, separator in enumerate(parts[::2]) if separator]
