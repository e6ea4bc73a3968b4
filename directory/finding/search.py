"""Completion: what the sender means by the few letters typed so far.

Any word of a name by its beginning, in any order (``an ngu``), initials (``nva``), the address, a unit's
short name or initials (``an sxd``), the last digits of a telephone number; for heads of section and above also title
and unit (``chủ tịch sài gòn``).  Marks may be left out; where they are typed, what has exactly these comes first.
What was typed while the input method was off (``nguyeenx``) is taken for what it was meant to be where it finds
nothing as it stands; and a part from the middle of a word is looked for last of all, where nothing else is found.

The index is in the order of showing, so a common word costs no sorting; of several words the rarest leads and
the others are looked up per entry.  Who ranks the same comes in the order of a Vietnamese list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

from sqlalchemy import bindparam, func, select

from directory.database import Question, Reading
from directory.ldap.vocabulary import Vocabulary
from directory.mail.addresses import normalise
from directory.tables import account, mail_group, search_entry, search_word
from directory.words.names import collation_key, fold, tidy, words
from directory.words.search_index import MAX_WORD, PHONE, written
from directory.words.syllables import retyped

MAX_WORDS = 5
# Of so many the best are shown; of a common word there are more, and one more letter finds them.
MOST = 100
# Fewer digits are those of half the city, and fewer letters are in the middle of everything.
LEAST_DIGITS = LEAST_INNER = 3
# Words that have a part in their middle, of which so many are looked up.
_INNER = 20
# To tell which of several words is the rarest; of those that are commoner the longest leads.
_COUNTED = 20_000
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Suggestion:
    name: str
    address: str
    title: str
    unit: str
    kind: Literal["person", "unit", "group"]
    id: str = field(default="", compare=False)  # of the account or group


def _prefix(column: Any, number: int) -> Any:
    return (column >= bindparam(f"low{number}")) & (column < bindparam(f"high{number}"))


def _matching(count: int) -> Question:
    statement = select(search_word.c.entry_id, search_word.c.word, search_word.c.rank).where(
        _prefix(search_word.c.word, 0)
    )
    for number in range(1, count):
        other = search_word.alias(f"w{number}")
        # OFFSET keeps PostgreSQL, which takes every range for a single row, from joining ranges with each other:
        # each entry that the rarest word has is looked up
        has_it = select(other.c.entry_id).where(
            other.c.entry_id == search_word.c.entry_id, _prefix(other.c.word, number)
        )
        statement = statement.where(has_it.offset(0).exists())
    return Question(
        statement.order_by(search_word.c.word, search_word.c.rank, search_word.c.entry_id).limit(
            bindparam("limit", type_=search_word.c.entry_id.type)
        )
    )


_MATCHING = {count: _matching(count) for count in range(1, MAX_WORDS + 1)}
_FREQUENCY = Question(
    select(func.count()).select_from(
        select(search_word.c.entry_id).where(_prefix(search_word.c.word, 0)).limit(_COUNTED).subquery()
    )
)
_BY_ADDRESS = Question(
    select(search_entry.c.id)
    .where(_prefix(search_entry.c.address, 0))
    .order_by(search_entry.c.address)
    .limit(bindparam("limit", type_=search_entry.c.id.type))
)
# of so many entries as there are places: the same statement each time
_TOGETHER = 25
_SUGGESTIONS = Question(
    select(
        search_entry.c.id,
        search_entry.c.kind,
        search_entry.c.address,
        search_entry.c.subject_id,
        account.c.name,
        account.c.title,
        account.c.unit_name,
        account.c.sort_key,
        mail_group.c.name.label("group_name"),
    )
    .outerjoin(account, account.c.id == search_entry.c.subject_id)
    .outerjoin(mail_group, mail_group.c.id == search_entry.c.subject_id)
    .where(search_entry.c.id.in_([bindparam(f"entry_{place}") for place in range(_TOGETHER)]))
)


_Match = tuple[bool, int]


@dataclass(frozen=True, slots=True)
class _Found:
    """``match``: whether a word only begins so, and its rank; ``sort_key`` as in a Vietnamese list."""

    shown: Suggestion
    match: _Match
    sort_key: bytes


def complete(
    conn: Reading, text: str, limit: int = 10, *, by_phone: bool = True, vocabulary: Vocabulary | None = None
) -> list[Suggestion]:
    """At most ``limit`` (``MOST``) suggestions, best first; ``by_phone``: by digits of a telephone number too.  With a
    ``vocabulary``, of which a process has one, the middle of words is looked at.
    """
    text, limit = tidy(text[:200]), min(limit, MOST)
    if "@" in text:
        low = normalise(text)
        rows = conn.rows(_BY_ADDRESS, low0=low, high0=low + _LAST, limit=limit)
        return [found.shown for found in _found(conn, {entry: (False, 0) for (entry,) in rows})]
    typed = list(dict.fromkeys(word[:MAX_WORD] for word in words(written(text))))[:MAX_WORDS]
    if not typed:
        return []
    meant = [retyped(word) or word for word in typed]
    matches: dict[int, _Match] = {}
    for reading in _readings(typed, meant, by_phone=by_phone):
        if len(matches) >= limit:
            break
        # a single word is a range of the index; of several, each further entry costs a look at many
        wanted = MOST if len(reading) == 1 else 2 * limit
        for entry, match in _entries(conn, reading, wanted).items():
            matches.setdefault(entry, match)
    if not matches and vocabulary is not None:
        for reading in _inner_readings(conn, [fold(word) for word in typed], vocabulary):
            for entry, match in _entries(conn, reading, limit).items():
                matches.setdefault(entry, match)
    found = _found(conn, matches)
    spellings = (set(typed), set(meant))
    found.sort(key=lambda each: (_misses(each.shown, spellings), each.match, each.sort_key))
    return [each.shown for each in found[:limit]]


def _readings(typed: list[str], meant: list[str], *, by_phone: bool) -> Iterator[list[str]]:
    """What may be looked up, likeliest first, as the index has it."""
    tried: list[list[str]] = []

    def new(reading: Sequence[str]) -> Iterator[list[str]]:
        words_of = list(dict.fromkeys(reading))
        if words_of not in tried:
            tried.append(words_of)
            yield words_of

    yield from new(typed)
    yield from new([fold(word) for word in typed])
    if by_phone:
        yield from new([_phone_tail(word) or fold(word) for word in _joined_digits(typed)])
    yield from new(meant)
    yield from new([fold(word) for word in meant])


def _inner_readings(conn: Reading, folded: list[str], vocabulary: Vocabulary) -> Iterator[list[str]]:
    """With a word that no other begins with replaced by words that have it in their middle."""
    for place, word in enumerate(folded):
        if len(word) >= LEAST_INNER and not _frequency(conn, word):
            for inner in vocabulary.containing(conn, word, _INNER, ends=False):
                yield list(dict.fromkeys((*folded[:place], inner, *folded[place + 1 :])))
            return


def _joined_digits(typed: list[str]) -> list[str]:
    """``0909 123 456`` is one number."""
    return ["".join(typed)] if all(word.isdecimal() and word.isascii() for word in typed) else typed


def _phone_tail(word: str) -> str:
    """Empty where it is no number, or too short."""
    is_number = word.isdecimal() and word.isascii() and len(word) >= LEAST_DIGITS
    return PHONE + word[::-1] if is_number else ""


def _misses(suggestion: Suggestion, spellings: Iterable[set[str]]) -> int:
    """How many of the words are not whole words of the name as written, in the spelling that has more of them."""
    name = set(words(written(suggestion.name)))
    return min(len(spelling - name) for spelling in spellings)


def _entries(conn: Reading, typed: Sequence[str], wanted: int) -> dict[int, _Match]:
    """By entry, likelier ones first."""
    ordered = list(typed)
    if len(ordered) > 1:
        ordered.sort(key=lambda word: (_frequency(conn, word), -len(word)))
    ranges: dict[str, Any] = {}
    for number, word in enumerate(ordered):
        ranges[f"low{number}"], ranges[f"high{number}"] = word, word + _LAST
    # an entry may match by several of its words
    rows = conn.rows(_MATCHING[len(ordered)], limit=wanted + wanted // 2, **ranges)
    found: dict[int, _Match] = {}
    for entry, word, rank in rows:
        match = (word != ordered[0], rank)
        found[entry] = min(match, found.get(entry, match))
    return dict(islice(found.items(), wanted))


def _frequency(conn: Reading, word: str) -> int:
    def count() -> int:
        row = conn.row(_FREQUENCY, low0=word, high0=word + _LAST)
        return int(row[0]) if row else 0

    return conn.estimate(("word", word), count)


def _found(conn: Reading, matches: Mapping[int, _Match]) -> list[_Found]:
    """In the order of ``matches``."""
    entries = list(matches)
    by_entry: dict[int, _Found] = {}
    for start in range(0, len(entries), _TOGETHER):
        asked = entries[start : start + _TOGETHER]
        asked += asked[-1:] * (_TOGETHER - len(asked))
        places = {f"entry_{place}": entry for place, entry in enumerate(asked)}
        for entry, kind, address, subject, name, title, unit_name, sort_key, group in conn.rows(_SUGGESTIONS, **places):
            shown_name = name if name is not None else group or ""
            shown = Suggestion(shown_name, address, title or "", unit_name or "", kind, subject)
            by_entry[entry] = _Found(shown, matches[entry], bytes(sort_key) if sort_key else collation_key(shown_name))
    return [by_entry[entry] for entry in entries if entry in by_entry]
