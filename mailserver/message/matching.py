"""When a text holds the words that somebody looks for: the one rule of IMAP SEARCH, the webmail and the index.

Case never matters, nor how a letter is composed (NFC or NFD), nor how much white space lies between words.  Words
without marks find every spelling (``duong`` finds đường, dương and Dượng); words with marks, đ included, find only
their own.

A text has an *exact form* (composed, case folded, single spaces) and, made of that, a *plain form*
(``directory.names.fold``).  A marked key is looked for in the one, a plain key in the other.

Standards: RFC 9051 §6.4.4 (substrings, whatever the case); Unicode Annex #15 (NFC).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from directory.names import fold


def exact_form(text: str) -> str:
    if text.isascii():
        return " ".join(text.lower().split())
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


@dataclass(frozen=True, slots=True)
class Needle:
    """What is looked for: ``form`` in the plain form of texts, or in their exact form if it is ``marked``."""

    form: str
    marked: bool

    def holds(self, text: str) -> bool:
        """Whether a text as it was written holds it."""
        if self.marked and text.isascii():
            return False
        return self.in_exact(exact_form(text))

    def in_exact(self, text: str) -> bool:
        """The same for a text in its exact form."""
        if self.marked or text.isascii():
            return self.form in text
        # What is left of ASCII letters, by way of C: three times faster than folding, and only ever too generous.
        if self.form.isascii() and self.form.encode("ascii") not in _rough(text):
            return False
        return self.form in fold(text)


def needle(word: str) -> Needle:
    """The empty word is in every text."""
    exact = exact_form(word)
    plain = fold(exact)
    return Needle(plain, False) if plain == exact else Needle(exact, True)


def _rough(text: str) -> bytes:
    return unicodedata.normalize("NFD", text.replace("đ", "d")).encode("ascii", "ignore")
