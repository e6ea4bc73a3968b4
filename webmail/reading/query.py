"""What people type to search: plain words, and terms of a name, a colon and a value.

Words without marks find every spelling, words with marks only their own (``mailserver.store.search``); all terms must
hold, "words in quotes" together.  Names of terms are understood in both languages, with marks or without::

    từ:hương  đến:"văn thư"  tiêu đề:ngân-sách  có:tệp  là:chưa-đọc  trước:31/12/2025  sau:01/01/2025  nhãn:dự-án
    from:…    to:…           subject:…          has:attachment  is:unread  before:…         after:…         label:…
    trong:"lưu trữ"  lớn hơn:5MB
    in:archive       larger:5MB

A text is read into terms and written from them; what is no term is a word to look for.  So every condition of a search
can be shown by itself, and taken away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from directory.words.names import fold
from webmail.days import day_of, typed_day

MAX_QUERY = 300
MAX_TERMS = 12
WORD = "word"
EVERYWHERE = "everywhere"

# The name of each term as it is written, by language; whatever reads it takes both, with or without marks.
NAMES: dict[str, dict[str, str]] = {
    "from": {"vi": "từ", "en": "from"},
    "to": {"vi": "đến", "en": "to"},
    "subject": {"vi": "tiêu đề", "en": "subject"},
    "has": {"vi": "có", "en": "has"},
    "is": {"vi": "là", "en": "is"},
    "in": {"vi": "trong", "en": "in"},
    "after": {"vi": "sau", "en": "after"},
    "before": {"vi": "trước", "en": "before"},
    "larger": {"vi": "lớn hơn", "en": "larger"},
    "label": {"vi": "nhãn", "en": "label"},
}
# Values that are words of the language, as they are written; further ways to type them are in ``_MEANT``.
_VALUES: dict[tuple[str, str], dict[str, str]] = {
    ("has", "attachment"): {"vi": "tệp", "en": "attachment"},
    ("is", "unread"): {"vi": "chưa-đọc", "en": "unread"},
    ("is", "starred"): {"vi": "sao", "en": "starred"},
    ("in", EVERYWHERE): {"vi": "mọi-nơi", "en": "everywhere"},
}
_MEANT: dict[str, dict[str, str]] = {
    "has": {"attach": "attachment", "attachments": "attachment", "file": "attachment", "files": "attachment",
            "dinh-kem": "attachment", "dinhkem": "attachment", "tep-dinh-kem": "attachment"},
    "is": {"unseen": "unread", "chuadoc": "unread", "moi": "unread", "flagged": "starred", "danh-dau": "starred"},
    "in": {"anywhere": EVERYWHERE, "all": EVERYWHERE, "tat-ca": EVERYWHERE},
}  # fmt: skip
for (_term_name, _meaning), _both in _VALUES.items():
    _MEANT[_term_name] |= {fold(each): _meaning for each in _both.values()}
_CALLED = {fold(each): name for name, both in NAMES.items() for each in both.values()} | {
    "tieude": "subject",
    "lonhon": "larger",
}
_NAME = re.compile(
    "(?P<name>" + "|".join(sorted({*_CALLED, *(each for both in NAMES.values() for each in both.values())})) + "):",
    re.IGNORECASE,
)
_SIZE = re.compile(r"(?P<number>[0-9]{1,6}(?:[.,][0-9]{1,3})?) ?(?P<unit>[kmg]?)b?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


@dataclass(frozen=True, slots=True)
class Term:
    """One condition.  Values that are words of a language are kept as in ``_VALUES``."""

    name: str
    value: str


def parse(text: str) -> list[Term]:
    """What a person typed; at most ``MAX_TERMS``."""
    terms: list[Term] = []
    position = 0
    text = text[:MAX_QUERY]
    while position < len(text) and len(terms) < MAX_TERMS:
        if text[position].isspace():
            position += 1
            continue
        named = _NAME.match(text, position)
        value, position = _value(text, named.end() if named else position)
        if value:
            terms.append(_term(_CALLED[fold(named["name"])] if named else WORD, value))
    return terms


def _value(text: str, start: int) -> tuple[str, int]:
    if start < len(text) and text[start] == '"':
        end = text.find('"', start + 1)
        end = len(text) if end < 0 else end
        return " ".join(text[start + 1 : end].split()), end + 1
    end = start
    while end < len(text) and not text[end].isspace():
        end += 1
    return text[start:end].strip('"'), end


def _term(name: str, value: str) -> Term:
    """A value that its term cannot mean is a word to look for."""
    if name in ("has", "is"):
        meant = _MEANT[name].get(fold(value))
        return Term(name, meant) if meant else Term(WORD, value)
    if name == "in":
        return Term(name, _MEANT[name].get(fold(value), value))
    if name in ("before", "after"):
        day = day_of(value)
        return Term(name, f"{day:%d/%m/%Y}") if day else Term(WORD, value)
    if name == "larger" and octets_of(value) is None:
        return Term(WORD, value)
    return Term(name, value)


def written(terms: Iterable[Term], language: str) -> str:
    """The terms as somebody would type them; ``parse`` reads the same out of it."""
    return " ".join(_written(each, language) for each in terms)


def value_in(term: Term, language: str) -> str:
    """A day in the reader's own writing; all else as it is."""
    day = day_of(term.value) if term.name in ("before", "after") else None
    return typed_day(day, language) if day else term.value


def _written(term: Term, language: str) -> str:
    term = Term(term.name, value_in(term, language))
    value = _VALUES.get((term.name, term.value), {}).get(language) or " ".join(term.value.replace('"', " ").split())
    quoted = f'"{value}"' if " " in value or (term.name == WORD and _NAME.match(value)) else value
    return quoted if term.name == WORD else f"{NAMES[term.name][language]}:{quoted}"


def octets_of(value: str) -> int | None:
    """5MB, 1.5 GB, 20000."""
    found = _SIZE.fullmatch(value.strip())
    return int(float(found["number"].replace(",", ".")) * _UNITS[found["unit"].lower()]) if found else None
