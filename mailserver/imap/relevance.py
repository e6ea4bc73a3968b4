"""FUZZY: keys that look for words as people remember them, and how relevant what they find is.

``message.fuzzy`` says how near a text comes; here stands in which texts of a message each key looks, by the account's
index or by looking into the message, which give the same.  Of several keys that must all hold the score is their mean,
of alternatives the highest; keys that are not fuzzy, and what is only denied, do not count.

Standards: RFC 6203 §3, §4, §5 (flags, dates, sizes and numbers are matched exactly).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from mailserver.imap.criterion import Test, unknown
from mailserver.imap.found import FoundMessage
from mailserver.imap.grammar.search import And, Contains, Header, Key, Or, Where
from mailserver.imap.text_criteria import LARGE, among, by_index, field_of, shown_author
from mailserver.imap.text_criteria import contains as contains_exactly
from mailserver.imap.text_criteria import header as header_exactly
from mailserver.message.fuzzy import PERCENT, Fuzzy, Place, fuzzy
from mailserver.message.summary import TEXT_LIMIT
from mailserver.store.fulltext import Lookup, Wanted

Decode = Callable[[bytes], str]
Score = Callable[[FoundMessage], int]

HIGHEST = 100
# What scores are made of.
COLUMNS = (
    *("uid", "message_id", "header", "author_name", "author_address", "to_text"),
    *("parts", "format", "prefix_size", "digest", "text"),
)
_SHOWN: dict[Where, tuple[tuple[str, ...], Callable[[Any], str]]] = {
    Where.FROM: (("author_name", "author_address"), shown_author),
    Where.TO: (("to_text",), lambda row: str(row.to_text)),
}
_WITH_BODY = frozenset((Where.BODY, Where.TEXT))


def wanted(keys: Iterable[Key], decode: Decode, messages: int) -> set[Wanted]:
    """What the index is to be asked about a mailbox with that many messages."""
    asked: set[Wanted] = set()
    for key in keys:
        if isinstance(key, Contains | Header) and key.fuzzy:
            where, sought = _where(key), fuzzy(decode(key.octets))
            if sought.words and (where in _WITH_BODY or messages > LARGE):
                asked.add((where.value if where is not None else "header", sought))
    return asked


def _where(key: Contains | Header) -> Where | None:
    """None for a field that only the header names."""
    if isinstance(key, Contains):
        return key.where
    return Where.SUBJECT if field_of(key) == "subject" else None


# Whether a message matches


def contains(where: Where, word: str, lookup: Lookup | None) -> Test:
    sought = fuzzy(word)
    if not sought.words:
        return contains_exactly(where, word, lookup)
    scan = _scan(where, sought)
    hits = None if lookup is None else lookup.hits.get((where.value, sought))
    return scan if lookup is None or hits is None else by_index(hits, lookup.unread, scan)


def header(key: Header, word: str, lookup: Lookup | None) -> Test:
    """The index tells which headers have the words, the message whether this field does."""
    sought, name = fuzzy(word), field_of(key)
    if not sought.words:
        return header_exactly(key, word, lookup)
    if name == "subject":
        return contains(Where.SUBJECT, word, lookup)

    def by_message(found: FoundMessage) -> bool:
        return sought.score(_field_places(name)(found)) > 0

    hits = None if lookup is None else lookup.hits.get(("header", sought))
    if lookup is None or hits is None:
        return Test(None, False, unknown, by_message)
    possible = hits | lookup.unread

    def by_row(row: Any) -> bool | None:
        return None if row.message_id in possible else False

    return Test(among(possible), False, by_row, by_message, frozenset(("message_id",)))


def _scan(where: Where, sought: Fuzzy) -> Test:
    def by_message(found: FoundMessage) -> bool:
        return sought.score(_places(where)(found)) > 0

    if where is Where.SUBJECT:

        def by_row(row: Any) -> bool | None:
            return None if len(row.subject) >= TEXT_LIMIT else sought.score([(HIGHEST, [row.subject])]) > 0

        return Test(None, False, by_row, by_message, frozenset(("subject",)))
    columns, _ = _SHOWN.get(where, ((), shown_author))
    return Test(None, False, unknown, by_message, frozenset(columns), needs_body=where in _WITH_BODY)


def _places(where: Where) -> Callable[[FoundMessage], list[Place]]:
    if where is Where.TEXT:
        return lambda found: [
            (PERCENT["subject"], found.field("subject")),
            (PERCENT["header"], found.header_lines()),
            (PERCENT["body"], found.body_texts()),
        ]
    if where is Where.BODY:
        return lambda found: [(HIGHEST, found.body_texts())]
    if where in _SHOWN:
        _, shown = _SHOWN[where]
        return lambda found: [(HIGHEST, [*found.field(where.value), shown(found.row)])]
    return _field_places(where.value)


def _field_places(name: str) -> Callable[[FoundMessage], list[Place]]:
    return lambda found: [(HIGHEST, found.field(name))]


# How relevant it is


class Scorer:
    """Of messages that a key has found."""

    def __init__(self, key: Key, decode: Decode, lookup: Lookup | None) -> None:
        self._decode = decode
        self._lookup = lookup
        self._unknown: frozenset[int] | None = frozenset()  # messages that must be read; None is all
        self._score = self._made(key)

    def knows(self, message_id: int) -> bool:
        """Whether a row with that id alone will do."""
        return self._unknown is not None and message_id not in self._unknown

    def score(self, found: FoundMessage) -> int:
        # What only matches exactly matches wholly; what a key that is not fuzzy found beside one is least relevant.
        return HIGHEST if self._score is None else max(self._score(found), 1)

    def _made(self, key: Key) -> Score | None:
        """None where nothing is fuzzy."""
        if isinstance(key, And):
            scores = self._made_of(key.keys)
            return (lambda found: sum(each(found) for each in scores) // len(scores)) if scores else None
        if isinstance(key, Or):
            either = self._made_of((key.left, key.right))
            return (lambda found: max(each(found) for each in either)) if either else None
        if isinstance(key, Contains | Header) and key.fuzzy:
            return self._leaf(key)
        return None

    def _made_of(self, keys: Iterable[Key]) -> list[Score]:
        return [made for each in keys if (made := self._made(each)) is not None]

    def _leaf(self, key: Contains | Header) -> Score | None:
        where, sought = _where(key), fuzzy(self._decode(key.octets))
        if not sought.words:
            return None
        places = _field_places(field_of(key)) if isinstance(key, Header) else _places(key.where)
        known = self._lookup.scores.get((where.value, sought)) if self._lookup is not None and where else None
        if self._lookup is None or known is None:
            self._unknown = None
            return lambda found: sought.score(places(found))
        scores, unread = known, self._lookup.unread
        if self._unknown is not None:
            self._unknown |= unread

        def score(found: FoundMessage) -> int:
            message_id = found.row.message_id
            return sought.score(places(found)) if message_id in unread else scores.get(message_id, 0)

        return score
