"""When a text holds the words that somebody looks for: the one rule of IMAP SEARCH, the webmail and the index.

Case never matters, nor how a letter is composed (NFC or NFD), nor how much white space lies between words.  Words
without marks find every spelling (``duong`` finds đường, dương and Dượng); words with marks, đ included, find only
their own.

A text has an *exact form* (composed, case folded, single spaces) and, made of that, a *plain form*
(``directory.words.names.fold``).  A marked key is looked for in the one, a plain key in the other.

Standards: RFC 9051 §6.4.4 (substrings, whatever the case); Unicode Annex #15 (NFC).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, filterfalse

from directory.words.names import fold


def exact_form(text: str) -> str:
    if text.isascii():
        return " ".join(text.lower().split())
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def exact_lines(lines: list[str]) -> list[str]:
    """The exact forms of many short texts, in few texts of a line for each; those that are all ASCII come first."""
    block = "\n".join([" ".join(line.split()) for line in filter(str.isascii, lines)]).lower()
    return [block, *map(exact_form, filterfalse(str.isascii, lines))]


@dataclass(frozen=True, slots=True)
class Needle:
    """What is looked for: ``form`` in the plain form of texts, or in their exact form if it is ``marked``."""

    form: str
    marked: bool

    def holds(self, text: str) -> bool:
        """Whether a text as it was written holds it."""
        if text.isascii():
            return not self.marked and self._in_lines(text.lower())
        if not _may_hold(self.form, text):
            return False
        folded = unicodedata.normalize("NFC", text).casefold()
        if self.marked:
            return self._in_lines(folded)
        return self.in_exact(" ".join(folded.split()) if " " in self.form else folded)

    def in_exact(self, text: str) -> bool:
        """The same for a text in its exact form."""
        if self.marked or text.isascii():
            return self.form in text
        # What is left of ASCII letters, by way of C: three times faster than folding, and only ever too generous.
        if self.form.isascii() and self.form.encode("ascii") not in _rough(text):
            return False
        return self.form in fold(text)

    def _in_lines(self, folded: str) -> bool:
        """White space is only made single where all the words are: mostly they are not."""
        if " " not in self.form:
            return self.form in folded
        return all(word in folded for word in self.form.split(" ")) and self.form in " ".join(folded.split())


def needle(word: str) -> Needle:
    """The empty word is in every text."""
    exact = exact_form(word)
    plain = fold(exact)
    return Needle(plain, False) if plain == exact else Needle(exact, True)


def _rough(text: str) -> bytes:
    return unicodedata.normalize("NFD", text.replace("đ", "d")).encode("ascii", "ignore")


# What Vietnamese writes with marks; any other ASCII character nearly always stands for itself.
_MARKED = "adeiouy "
_ANCHOR = re.compile(f"[^{_MARKED}\x80-\U0010ffff]+")


def _may_hold(form: str, text: str) -> bool:
    """False only if a text that is not ASCII cannot hold it: an anchor is missing, and none of its characters could
    have come of another (ž of z, ﬁ of f).  Marks that stand in between are no more than left out."""
    plain = text.encode("ascii", "ignore").lower()
    return all(
        anchor in plain or (others is not None and others.search(text) is not None) for anchor, others in _anchors(form)
    )


@lru_cache(maxsize=64)
def _anchors(form: str) -> list[tuple[bytes, re.Pattern[str] | None]]:
    """The pieces that must stand in a text as they are, and for each the characters that folding makes one of its
    own; the longest, which is the rarest, first."""
    found = []
    for anchor in sorted(set(_ANCHOR.findall(form)), key=len, reverse=True):
        others = "".join(["".join(_others().get(each, ())) for each in dict.fromkeys(anchor)])
        found.append((anchor.encode("ascii"), re.compile(f"[{others}]") if others else None))
    return found


@lru_cache(maxsize=1)
def _others() -> dict[str, list[str]]:
    """ASCII character → those beyond ASCII that come to it by composing, case folding or the loss of their marks.

    They all are letters with marks, ligatures, or doubles of what was there before, and lie in these blocks.
    """
    others: dict[str, list[str]] = {}
    for character in map(chr, chain(range(0x80, 0x400), range(0x1E00, 0x2300), range(0xFB00, 0xFB07))):
        decomposed = unicodedata.normalize("NFD", character)
        for each in {*unicodedata.normalize("NFD", decomposed.casefold())}:
            if each.isascii():
                others.setdefault(each, []).append(character)
    return others
