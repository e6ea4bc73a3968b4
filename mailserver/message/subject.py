"""The base subject, by which SORT and THREAD compare, the key they order it by, and the subject of an answer.

Standards: RFC 5322 §3.6.5; RFC 5256 §2.1 and §5 (subj-leader, subj-blob, subj-trailer, subj-fwd), RFC 5051
(i;unicode-casemap).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# subj-blob = "[" *BLOBCHAR "]" *WSP
_BLOB = re.compile(r"\[[^\[\]]*+\]\s*")
# subj-leader = (*subj-blob subj-refwd) / WSP; subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"
_LEADER = re.compile(r"(?:\s+|(?:\[[^\[\]]*+\]\s*)*+(?:re|fwd?)\s*(?:\[[^\[\]]*+\]\s*)?:)", re.IGNORECASE)
_SPACES = re.compile(r"\s+")
_SUBJECT_LIMIT = 2000
_REPLY_PREFIX = re.compile(r"\s*(?:(?:re|tl|trả lời)(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE)
_FORWARD_PREFIX = re.compile(r"\s*(?:(?:fwd?|ct|chuyển tiếp)\s*:\s*)+", re.IGNORECASE)


def base_subject(subject: str) -> str:
    """Steps (1) to (7) of RFC 5256 §2.1 on a decoded subject."""
    return _strip(subject)[0]


def is_answer(subject: str) -> bool:
    """Whether it is a reply or a forward: what made the base subject took such a mark away (RFC 5256 §3)."""
    return _strip(subject)[1]


@lru_cache(maxsize=2048)  # asked twice of each message that arrives
def _strip(subject: str) -> tuple[str, bool]:
    text = _SPACES.sub(" ", subject[:_SUBJECT_LIMIT])  # (1)
    answers = False
    while True:
        text, trailed = _without_trailers(text)  # (2)
        answers = answers or trailed
        position = 0
        while True:
            leader = _LEADER.match(text, position)  # (3)
            if leader is not None:
                position = leader.end()
                answers = answers or leader[0].endswith(":")
                continue
            blob = _BLOB.match(text, position)  # (4)
            if blob is None or blob.end() == len(text):
                break
            position = blob.end()  # (5)
        text = text[position:]
        if text[:5].lower() == "[fwd:" and text.endswith("]"):  # (6)
            text, answers = text[5:-1], True
            continue
        return text, answers


def _without_trailers(text: str) -> tuple[str, bool]:
    answers = False
    while True:
        kept = text.rstrip()
        if kept[-5:].lower() == "(fwd)":
            kept, answers = kept[:-5], True
        if kept == text:
            return text, answers
        text = kept


def casemap(text: str) -> str:
    """A key that orders and compares like i;unicode-casemap: case is lost, marks are not.

    RFC 5051 §2: each character to its simple titlecase, then decomposed.  Marks are put into their canonical order as
    well, so that a Vietnamese letter is one however it was typed.
    """
    return text.upper() if text.isascii() else unicodedata.normalize("NFKD", "".join(map(_TITLES.__getitem__, text)))


class _TitleTable(dict[str, str]):
    """One character → its simple titlecase, filled as characters turn up, but not for ever."""

    def __missing__(self, character: str) -> str:
        if len(self) > 4096:
            self.clear()
        title = character.title()
        # Where the full mapping makes two of one ("ß", "ﬁ"), the simple one leaves it as it is.
        self[character] = title = title if len(title) == 1 else character
        return title


_TITLES = _TitleTable()


def reply_subject(subject: str) -> str:
    """RFC 5322 §3.6.5: one "Re: " and not one for each reply."""
    return f"Re: {_REPLY_PREFIX.sub('', subject, count=1) if _REPLY_PREFIX.match(subject) else subject.strip()}"


def forward_subject(subject: str) -> str:
    return f"Fwd: {_FORWARD_PREFIX.sub('', subject, count=1) if _FORWARD_PREFIX.match(subject) else subject.strip()}"
