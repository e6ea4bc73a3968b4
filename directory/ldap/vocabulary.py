"""The words of the search index with a part in their middle: what a leading wildcard asks for.

The index finds words by their beginning only.  All distinct words of a city are one text of some hundred kilobytes
(names are few, and mail addresses short): looking through it takes less than a millisecond, and the words found are
looked up in the index.  A new word is found by its beginning at once, in its middle within ``LIFETIME`` seconds.

Limits: two megabytes of memory a process for 200,000 people.
"""

from __future__ import annotations

import threading

from sqlalchemy import select

from directory.database import Question, Reading
from directory.names import fold
from directory.search_index import PHONE
from directory.tables import search_word

LIFETIME = 60

# telephone numbers, which begin with it, are found by their ends alone
_WORDS = Question(select(search_word.c.word).distinct().where(search_word.c.word > PHONE + "\uffff"))


class Vocabulary:
    """One per process."""

    def __init__(self) -> None:
        self._text = ""
        self._loaded_at: int | None = None
        self._lock = threading.Lock()

    def containing(self, conn: Reading, part: str, most: int) -> list[str]:
        """Words with the part in them, but not at their beginning; at most so many."""
        text = self._current(conn)
        found: list[str] = []
        at = text.find(part)
        while at >= 0 and len(found) < most:
            start, end = text.rfind("\n", 0, at) + 1, text.find("\n", at)
            if start != at:
                found.append(text[start:end])
                at = text.find(part, end)
            else:  # it may be there a second time
                again = text.find(part, at + 1, end)
                if again >= 0:
                    found.append(text[start:end])
                at = text.find(part, end)
        return found

    def _current(self, conn: Reading) -> str:
        with self._lock:
            now = conn.now
            if self._loaded_at is None or not 0 <= now - self._loaded_at < LIFETIME:
                # written words beside the folded ones are not asked for
                words = (word for (word,) in conn.rows(_WORDS) if word.isascii() or fold(word) == word)
                self._text = "\n" + "\n".join(words) + "\n"
                self._loaded_at = now
            return self._text
