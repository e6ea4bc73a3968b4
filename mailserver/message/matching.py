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

    def may_be_in(self, octets: bytes, *, is_markup: bool) -> bool:
        """False only if the text of these octets does not hold it, which are UTF-8, or of a charset that has ASCII in
        it if they turn out not to be.  It is quick, and nearly all mail does not hold what somebody looks for.
        """
        skeleton = _skeleton(self.form, is_markup)
        if skeleton is None:
            return True
        rough = octets.translate(_LOWER, _PASSED_OVER)
        if skeleton.pattern.search(rough) is not None:
            return True
        if is_markup and _OBSCURE.search(rough) is not None:
            return True
        if skeleton.others is None or octets.isascii():
            return False
        try:
            return skeleton.others.search(octets.decode()) is not None
        except UnicodeDecodeError:
            return True

    def in_exact(self, text: str) -> bool:
        """The same for a text in its exact form."""
        if self.marked or text.isascii():
            return self.form in text
        if not _may_hold(self.form, text):
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


def _may_hold(form: str, text: str) -> bool:
    """False only if a text that is not ASCII cannot hold it."""
    skeleton = _skeleton(form, False)
    return (
        skeleton is None
        or skeleton.pattern.search(text.encode("ascii", "ignore").translate(_LOWER, _PASSED_OVER)) is not None
        or (skeleton.others is not None and skeleton.others.search(text) is not None)
    )


# What Vietnamese writes with marks; any other ASCII character nearly always stands for itself.
_MARKED = "adeiouy "
# ASCII letters small, and without all that may stand between what is read as one: marks, and controls.
_LOWER = bytes(range(256)).lower()
_PASSED_OVER = bytes([*range(9), 0x0B, 0x0C, *range(0x0E, 0x20), *range(0x7F, 0x100)])
# In markup: a letter written as "&#122;" or "&zcaron;" (the most frequent that are none are left out), or a tag in
# which another begins.
_OBSCURE = re.compile(rb"&(?!(?:nbsp|amp|lt|gt|quot|#39|#160);)[#a-z]|<[^<>]*+<")
_LONGEST = 40


@dataclass(frozen=True, slots=True)
class _Skeleton:
    """What is left of a text by leaving out all that is not ASCII has ``pattern`` in it if the text has what is looked
    for, unless one of its characters could have come of ``others`` (ž of z, ﬁ of f)."""

    pattern: re.Pattern[bytes]
    others: re.Pattern[str] | None


@lru_cache(maxsize=64)
def _skeleton(form: str, is_markup: bool) -> _Skeleton | None:
    """Of the piece with the most characters that must be there; None if there are none.

    What may have been left out is possessive: it and what must be there have no character in common.
    """
    pieces: list[list[str]] = [[]]  # of characters that must be there ("n"), and of those that may ("a?", " ")
    for character in form:
        base = unicodedata.normalize("NFD", character)[0]
        if base in _MARKUP if is_markup else base == "\x7f" or base < " ":
            pieces.append([])
        elif base in _MARKED:
            pieces[-1].append(base if base == " " else f"{base}?")
        elif base == character and character.isascii():
            pieces[-1].append(character)
        elif base.isascii():  # it may be there or not, and others of its kind too
            pieces.append([])
    longest = max(pieces, key=lambda piece: sum(map(_must_be, piece)))
    places = [place for place, each in enumerate(longest) if _must_be(each)]
    if not places:
        return None
    piece = longest[places[0] : places[-1] + 1][:_LONGEST]
    between = b"(?:<[^<>]*+>)*+" if is_markup else b""
    pattern = between.join(_written(each) for each in piece)
    others = "".join(["".join(_others().get(each, ())) for each in dict.fromkeys(piece) if _must_be(each)])
    return _Skeleton(re.compile(pattern), re.compile(f"[{others}]") if others else None)


# Tags divide words, and are written with these.
_MARKUP = " <>&\"'\x7f" + "".join(map(chr, range(32)))


def _must_be(each: str) -> bool:
    return len(each) == 1 and each != " "


def _written(each: str) -> bytes:
    if each == " ":
        return rb"\s*+"
    return (re.escape(each) if _must_be(each) else f"{each}+").encode("ascii")


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
