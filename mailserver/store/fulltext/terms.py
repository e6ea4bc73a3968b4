"""A text as terms, so that every substring of a text is found by looking into terms alone.

A text is words (letters, digits and their marks) with separators between them: s₀ w₁ s₁ w₂ … wₙ sₙ.  Its terms are the
words, and the *pairs* w₁s₁w₂ of neighbours with what lies between, the ends of the text counting as empty words.

- What is looked for without a separator lies within one word.
- With one separator, it lies within one pair.
- With more, each of its own pairs lies within a pair of the text; whether they lie there in a row, only the text can
  tell.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import chain


def _marks() -> str:
    """Combining marks as ranges of a character class: folding removes them, so that they must not divide words."""
    ranges: list[list[int]] = []
    for number in chain(range(0x300, 0x20000), range(0xE0000, 0xE0200)):  # there are none elsewhere
        if unicodedata.category(chr(number))[0] == "M":
            if ranges and ranges[-1][1] == number - 1:
                ranges[-1][1] = number
            else:
                ranges.append([number, number])
    return "".join(f"{chr(low)}-{chr(high)}" for low, high in ranges)


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    return re.compile(rf"((?:[^\W_]|[{_marks()}])+)")


_ASCII = re.compile("([0-9A-Za-z]+)")


def pieces(text: str) -> list[str]:
    """[s₀, w₁, s₁, …, wₙ, sₙ]"""
    return _ASCII.split(text) if text.isascii() else _pattern().split(text)


def words(text: str) -> list[str]:
    """In order and with repetitions."""
    return _ASCII.findall(text) if text.isascii() else _pattern().findall(text)


def words_and_pairs(text: str) -> tuple[list[str], list[str]]:
    parts = pieces(text)
    found = parts[1::2]
    return found, list(map("".join, zip(["", *found], parts[::2], [*found, ""], strict=True)))


def key_pairs(form: str) -> list[str]:
    """What is looked for, as pairs; none if it lies within one word."""
    parts = pieces(form)
    around = ["", *parts[1::2], ""]
    # A separator that is empty is none: what is looked for may begin and end within a word.
    return [around[place] + separator + around[place + 1] for place, separator in enumerate(parts[::2]) if separator]
