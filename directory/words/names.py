"""Vietnamese names: folding for search, splitting, dictionary order, and the mail address made from a name.

``fold`` is the one folding function of the whole product: the directory's search, the mail store's search and
the webmail all compare text that went through it.

A person's name is never guessed at twice: ``split_name`` gives a first proposal (first word, middle, last
word), people with other customs (Y Moan Êñuôl, H'Hen Niê, one-word names) enter the four fields themselves.

Standards: Unicode Annex #15 (NFD, NFC); collation as ICU ``vi``: base letters first, then tones (huyền, hỏi,
ngã, sắc, nặng).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

MAX_LOCAL_PART = 30


class _FoldTable(dict[str, str]):
    """One character → its folded form, filled as characters turn up, but not for ever."""

    def __missing__(self, character: str) -> str:
        if len(self) > 20_000:
            self.clear()
        decomposed = unicodedata.normalize("NFD", unicodedata.normalize("NFD", character).casefold())
        # đ has no decomposition in Unicode, so dropping marks alone would leave it
        folded = "".join(c for c in decomposed if unicodedata.category(c) != "Mn").replace("đ", "d")
        self[character] = folded
        return folded


_FOLDED = _FoldTable()


class _WordTable(dict[str, str]):
    """The same for words: a language has not so many."""

    def __missing__(self, word: str) -> str:
        folded = "".join(map(_FOLDED.__getitem__, word))
        if len(word) <= 20:
            if len(self) > 20_000:
                self.clear()
            self[word] = folded
        return folded


_FOLDED_WORDS = _WordTable()


def fold(text: str) -> str:
    """Without marks and case: ``Đường Nguyễn Huệ`` → ``duong nguyen hue``; the same for NFC and NFD input."""
    if text.isascii():
        return text.lower()
    return " ".join(map(_FOLDED_WORDS.__getitem__, text.split(" ")))


_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """The words of a text, as they stand."""
    return _WORD.findall(text)


def tidy(text: str) -> str:
    """NFC, single spaces, no control characters: how every name is stored."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(unicodedata.normalize("NFC", text).split())


@dataclass(frozen=True, slots=True)
class PersonName:
    """A name with its parts kept apart; any part but ``given`` may be empty."""

    full: str
    family: str
    middle: str
    given: str


def split_name(full_name: str) -> PersonName:
    """The usual order family, middle, given.  A single word is a given name."""
    full = tidy(full_name)
    parts = full.split(" ")
    if len(parts) == 1:
        return PersonName(full, "", "", full)
    return PersonName(full, parts[0], " ".join(parts[1:-1]), parts[-1])


def initials(text: str) -> str:
    """``Nguyễn Văn An`` → ``nva``."""
    return "".join(word[0] for word in words(fold(text)))


# --- dictionary order ---------------------------------------------------------------------------------------

_BASE_LETTERS = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"
_BASE_WEIGHT = {letter: 0x40 + index for index, letter in enumerate(_BASE_LETTERS)}
_TONE_WEIGHT = {"\u0300": 2, "\u0309": 3, "\u0303": 4, "\u0301": 5, "\u0323": 6}
_SPACE_WEIGHT, _DIGIT_WEIGHT, _OTHER_WEIGHT = 0x02, 0x10, 0x70


def _weights(text: str) -> Iterator[tuple[bytes, int]]:
    """(primary weight, tone) letter by letter; ă â đ ê ô ơ ư are letters of their own, tones are not."""
    for character in unicodedata.normalize("NFC", text.lower()):
        decomposed = unicodedata.normalize("NFD", character)
        tone = 1
        rest = []
        for part in decomposed:
            if part in _TONE_WEIGHT:
                tone = _TONE_WEIGHT[part]
            else:
                rest.append(part)
        letter = unicodedata.normalize("NFC", "".join(rest))
        if letter in _BASE_WEIGHT:
            yield bytes((_BASE_WEIGHT[letter],)), tone
        elif letter.isspace():
            yield bytes((_SPACE_WEIGHT,)), 1
        elif letter.isdecimal() and letter.isascii():
            yield bytes((_DIGIT_WEIGHT + int(letter),)), 1
        elif letter and letter[0].isalnum():
            base = fold(letter)[:1]
            if base in _BASE_WEIGHT:
                yield bytes((_BASE_WEIGHT[base],)), tone
            else:
                yield bytes((_OTHER_WEIGHT,)) + letter[0].encode("utf-8", "replace"), tone


def collation_key(text: str) -> bytes:
    """Bytes that sort as a Vietnamese dictionary does; they contain no octet 0."""
    return _recurring_key(text) if len(text) <= 20 else _collation_key(text)


def _collation_key(text: str) -> bytes:
    weights = list(_weights(text))
    return b"".join(primary for primary, _ in weights) + b"\x01" + bytes(tone for _, tone in weights)


# Parts of names come again and again.
_recurring_key = lru_cache(20_000)(_collation_key)


def order_key(name: PersonName) -> bytes:
    """Sorts people as a Vietnamese list does: by given name, then family, then middle name."""
    return b"\x00".join(collation_key(part) for part in (name.given, name.family, name.middle))


# --- addresses ----------------------------------------------------------------------------------------------

# Local parts that belong to functions (RFC 2142, the city's own) and must never be a person's.
_RESERVED = """
abuse admin administrator all anonymous autodiscover autoconfig bantin baomat billing canbo chutich citymail
congan daemon daemons dns dpo ftp gopy guest help helpdesk hostmaster hdnd hethong hotline hotro info imap
it khieunai ldap lienhe list lists mail mailer mailer-daemon mailerdaemon marketing mta-sts news newsletter
no-reply nobody noc noreply office operator phanhoi phapche phongchong pop postfix postmaster quantri quanly
registrar root sales security smtp spam ssl support sysadmin system tatca test thanhtra thongbao thuky
tiepdan toasoan tls trogiup ubnd usenet user users uucp vanphong vanthu virus vpub webmaster www
bithu chanhvanphong giamdoc hr ketoan nhansu phobithu phochutich phogiamdoc phovanphong phapche quantrimang taichinh
taivu tochuc totruong truongban truongphong phophong photruongphong
"""
RESERVED_LOCAL_PARTS = frozenset(_RESERVED.split())
# What is read for another letter at a glance.
_LOOKS_LIKE = str.maketrans("01i35", "olles")


def _at_a_glance(local: str) -> str:
    """``post.master``, ``p0stmaster`` and ``postmaster2`` are read as ``postmaster``."""
    return re.sub(r"[._-]", "", local).rstrip("0123456789").translate(_LOOKS_LIKE)


_RESERVED_AT_A_GLANCE = frozenset(map(_at_a_glance, RESERVED_LOCAL_PARTS))


def is_reserved(local: str) -> bool:
    """Whether a person with this local part would be taken for an office, or for the system."""
    return local in RESERVED_LOCAL_PARTS or _at_a_glance(local) in _RESERVED_AT_A_GLANCE


# Syllables nobody wants before an @: the next pattern is taken instead.
_UNSEEMLY_WORDS = "buoi cac chim cho cut dai deo di dit du dam dcm dm dmm dkm lon mat ngu phe vcl vkl vl lol"
_UNSEEMLY = frozenset(_UNSEEMLY_WORDS.split())


def ascii_word(text: str) -> str:
    """Only a–z and 0–9 of the folded text."""
    return "".join(c for c in fold(text) if c.isascii() and c.isalnum())


def _usable(local: str) -> bool:
    return len(local) >= 2 and not is_reserved(local) and local not in _UNSEEMLY and not local.isdigit()


def address_patterns(name: PersonName) -> Iterator[str]:
    """Local parts for a person, best first, without numbers: annv, an.nguyen, an.nguyenvan, nguyenvanan."""
    given, family, middle = (ascii_word(part) for part in (name.given, name.family, name.middle))
    # one letter for each word as written: H'Hen is one
    short = given + "".join(ascii_word(word)[:1] for word in f"{name.family} {name.middle}".split())
    seen = set()
    candidates = (
        short,
        f"{given}.{family}" if given and family else "",
        f"{given}.{family}{middle}" if given and family else "",
        family + middle + given,
        f"canbo.{short}",
        "canbo.moi",
    )
    for candidate in candidates:
        local = candidate[:MAX_LOCAL_PART].rstrip(".")
        if local not in seen and _usable(local):
            seen.add(local)
            yield local
