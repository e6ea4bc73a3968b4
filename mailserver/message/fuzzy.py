"""How near a text comes to words that somebody half remembers: the one rule of SEARCH's FUZZY, scan and index alike.

What is looked for is its words, in any order, each of which must be somewhere in what is searched.  A word of a text
is nearer to one looked for the more of this is true of it, in percent (``SAME`` … ``WITHIN``):

- it is the same, as it is written; a word without marks is the same as every spelling of it (``duong``, đường);
- it differs in marks alone (``đường``, dương);
- it begins with it (``ngan``, nganh);
- it comes of it by one slip of the pen: a letter wrong, lacking, too many, or two neighbours in the wrong order.  Only
  words of ``LEAST_FOR_SLIPS`` letters are looked for in this way: of shorter ones too many differ by one letter;
- it holds it somewhere.

A word counts as much as the nearest that is found, and less in some places than in others: SEARCH TEXT has the whole
of it for the subject, three quarters for the rest of the header, half for the body.  The score of a message is the
mean of its words.  So all that a search finds which is not fuzzy, a fuzzy one finds too, save for single letters of
ASCII, which must be a word.

Standards: RFC 6203 §3, §4, §8 (what matches is the choice of the server; scores from 1 to 100; hostile words).
Limits: the first ``MOST_WORDS`` different words of what is looked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from directory.words.names import fold
from mailserver.message.matching import exact_form
from mailserver.message.terms import words

SAME, OTHER_MARKS, BEGINS, SLIP, WITHIN = 100, 80, 60, 40, 20
LEAST_FOR_SLIPS = 5
MOST_WORDS = 20
# What a word counts in a search of the whole message.
PERCENT = {"subject": 100, "header": 75, "body": 50}

# Percent that a word counts, and texts where it is looked for.
Place = tuple[int, Iterable[str]]


@dataclass(frozen=True, slots=True)
class Word:
    """One that is looked for, in its exact form, and without its marks."""

    exact: str
    plain: str

    @property
    def may_be_part(self) -> bool:
        """Whether a longer word may hold it."""
        return len(self.plain) > 1 or not self.plain.isascii()

    @property
    def may_slip(self) -> bool:
        return len(self.plain) >= LEAST_FOR_SLIPS

    def closeness(self, exact: str, plain: str) -> int:
        """Of a word of a text, in both its forms; 0 if it is another word."""
        if plain == self.plain:
            return SAME if self.exact in (exact, plain) else OTHER_MARKS
        if self.may_be_part and self.plain in plain:
            return BEGINS if plain.startswith(self.plain) else WITHIN
        return SLIP if self.may_slip and is_slip(self.plain, plain) else 0


@dataclass(frozen=True, slots=True)
class Fuzzy:
    """What is looked for; without any word nothing is found."""

    words: tuple[Word, ...]

    def score(self, places: Sequence[Place]) -> int:
        """From 1 to 100; 0 if a word is nowhere."""
        return self.score_in_exact([(percent, map(exact_form, texts)) for percent, texts in places])

    def score_in_exact(self, places: Sequence[Place]) -> int:
        """The same for texts in their exact form."""
        best = [0] * len(self.words)
        for percent, texts in places:
            found = {each for text in texts for each in words(text)}
            for exact in found:
                plain = fold(exact)
                for number, word in enumerate(self.words):
                    closeness = word.closeness(exact, plain)
                    if closeness:
                        best[number] = max(best[number], counted(closeness, percent))
        return overall(best)


def fuzzy(text: str) -> Fuzzy:
    different = dict.fromkeys(words(exact_form(text)))
    return Fuzzy(tuple(Word(each, fold(each)) for each in [*different][:MOST_WORDS]))


def counted(closeness: int, percent: int) -> int:
    return closeness * percent // 100


def overall(best: Sequence[int]) -> int:
    """The score of a message by what is best for each word."""
    return sum(best) // len(best) if best and all(best) else 0


def is_slip(word: str, other: str) -> bool:
    """Whether one comes of the other by one letter changed, added or left out, or two neighbours exchanged."""
    if abs(len(word) - len(other)) > 1:
        return False
    start = 0
    for one, another in zip(word, other, strict=False):
        if one != another:
            break
        start += 1
    rest, others = word[start:], other[start:]
    if len(rest) != len(others):
        longer, shorter = (rest, others) if len(rest) > len(others) else (others, rest)
        return longer[1:] == shorter
    return rest != others and (rest[1:] == others[1:] or (rest[2:] == others[2:] and rest[:2] == others[1::-1]))
