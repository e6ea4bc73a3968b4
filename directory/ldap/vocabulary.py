"""The words of the search index with a part in their middle: what a leading wildcard asks for.

The index finds words by their beginning only.  All distinct words of a city are one text of some hundred kilobytes
(names are few, and mail addresses short), those of names another and much shorter one: looking through it takes less
than a millisecond, and the words found are looked up in the index.  A new word is found by its beginning at once, in
its middle after ``LIFETIME`` seconds at most, or twice that where an answer from before is remembered (``answers``).

Limits: two megabytes of memory a process for 200,000 people, and four at most for what was found among the words.
"""

from __future__ import annotations

import threading

from sqlalchemy import func, select

from directory.database import Reading
from directory.tables import search_word
from directory.words.names import fold
from directory.words.search_index import PHONE

LIFETIME = 60
# Of so many parts the words are remembered: clients ask for the same few syllables.
_PARTS = 200

# telephone numbers, which begin with it, are found by their ends alone
_PORTION = 5000
# each with a name that it is a part of, or none
_WORDS = (
    select(search_word.c.word, func.max(search_word.c.name).label("name"))
    .where(search_word.c.word > PHONE + "\uffff")
    .group_by(search_word.c.word)
    .execution_options(yield_per=_PORTION)
)

# (part, at most so many, only at the end, only of names) → words
_Known = dict[tuple[str, int, bool, bool], list[str]]


class Vocabulary:
    """One per process."""

    def __init__(self) -> None:
        # all words, those of names, and what was found among them
        self._text: tuple[str, str, _Known] = "", "", {}
        self._loaded_at = -LIFETIME
        self._version = -1
        self._lock = threading.Lock()

    def containing(self, conn: Reading, part: str, most: int, *, ends: bool, of_names: bool = False) -> list[str]:
        """Words with the part in them, at their end or anywhere, but not at their beginning; at most so many."""
        everything, names, known = self._current(conn)
        found = known.get((part, most, ends, of_names))
        if found is None:
            found = _containing(names if of_names else everything, part, most, ends=ends)
            if len(known) >= _PARTS:
                known.clear()
            known[part, most, ends, of_names] = found
        return found

    def is_fresh(self, now: float) -> bool:
        """Whether ``containing`` has nothing to read."""
        return 0 <= now - self._loaded_at < LIFETIME

    def _current(self, conn: Reading) -> tuple[str, str, _Known]:
        """As it was is good enough while another thread reads it anew."""
        if not self.is_fresh(conn.now) and self._lock.acquire(blocking=not self._text[0]):
            try:
                if conn.memory.version != self._version:
                    self._text = *_read(conn), {}
                    self._version = conn.memory.version
                self._loaded_at = conn.now
            finally:
                self._lock.release()
        return self._text


def _containing(text: str, part: str, most: int, *, ends: bool) -> list[str]:
    wanted = part + "\n" if ends else part
    found: list[str] = []
    at = text.find(wanted)
    while at >= 0 and len(found) < most:
        start, end = text.rfind("\n", 0, at) + 1, text.find("\n", at)
        # where it is the beginning, it may be there a second time
        if start != at or text.find(wanted, at + 1, end + 1) >= 0:
            found.append(text[start:end])
        at = text.find(wanted, end)
    return found


def _read(conn: Reading) -> tuple[str, str]:
    """In portions, so that it takes no more memory than what is kept of it."""
    everything: list[str] = []
    names: list[str] = []
    for rows in conn.execute(_WORDS).partitions(_PORTION):
        # written words beside the folded ones are not asked for
        listed = [(row.word, row.name) for row in rows if row.word.isascii() or fold(row.word) == row.word]
        everything.append("\n".join(word for word, _ in listed))
        names.append("".join(f"{word}\n" for word, name in listed if name))
    return "\n".join(("", *everything, "")), "\n" + "".join(names)
