"""Looking hints up: from words, addresses, units and groups to the ids of accounts and groups.

Limits: of a part that more than ``MOST_WORDS`` words have in their middle, so many are looked up, and the search is
told to be incomplete.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, or_, select

from directory.database import Reading
from directory.ldap import dn
from directory.ldap.entries import Entry, leaf_text
from directory.ldap.finding import (
    ByAddress,
    ByCode,
    ByGroup,
    ByMember,
    ByName,
    ByUnit,
    ByWords,
    Fragment,
    Hint,
    LookUp,
    cost,
)
from directory.ldap.memberships import reaching
from directory.ldap.policy import Asker
from directory.ldap.seen import judge
from directory.ldap.unit_entries import unit_entries
from directory.ldap.vocabulary import Vocabulary
from directory.mail.addresses import normalise, owner_row
from directory.mail.recipients import resolve
from directory.questions import Question
from directory.tables import account, person, search_entry, search_word

MOST_WORDS = 300
# So many words one statement has places for, that it need not be another one each time.
_PLACES = (4, 20, 75, MOST_WORDS)
# Conditions of one look-up; further words are left to the filter.
_MOST_FRAGMENTS = 4
# A frequency needs to tell rare from common only, and is remembered of so many fragments.
_COUNTED, _FREQUENCIES = 20_000, 10_000
# Before and after whatever may follow in a word or a name.
_FIRST, _LAST = "\x01", "\U0010ffff"
_UNITS_AT_ONCE = 100
# So many of the cheap look-ups take no time.
_FEW = 8

_BY_CODE = Question(
    select(account.c.id)
    .join(person, person.c.id == account.c.person_id)
    .where(person.c.employee_code == bindparam("code"))
)
_IN_UNITS = Question(
    select(account.c.id)
    .where(account.c.unit_id.in_([bindparam(f"unit_{place}") for place in range(_UNITS_AT_ONCE)]))
    .limit(bindparam("most", type_=search_entry.c.id.type))
)


_NAMED = Question(
    select(search_entry.c.subject_id)
    .where(search_entry.c.name >= bindparam("low0"), search_entry.c.name < bindparam("high0"))
    .limit(bindparam("most", type_=search_entry.c.id.type))
)


# What is asked of one word: to begin with a fragment, or to be one of so many, or either.
@lru_cache(200)
def _matching(leading: int | None, others: tuple[int, ...], *, by_name: bool) -> Question:
    """Of entries that have a word which leads, and others beside it.  ``leading``: places for words; None: it begins
    with the fragment.  ``others``: places for words, 0 for none; each may also begin with its fragment.
    """
    condition = _begins(search_word.c.word, 0) if leading is None else _is_one(search_word.c.word, 0, leading)
    tables = search_word.join(search_entry, search_entry.c.id == search_word.c.entry_id)
    if by_name:
        condition = condition & search_word.c.name.like(bindparam("name"), escape="\\")
    statement = select(search_entry.c.subject_id).select_from(tables).where(condition)
    for number, places in enumerate(others, 1):
        further = search_word.alias(f"w{number}")
        either = _begins(further.c.word, number)
        if places:
            either = or_(either, _is_one(further.c.word, number, places))
        # as in directory.finding.search: OFFSET keeps PostgreSQL from joining ranges with each other
        has_it = select(further.c.entry_id).where(further.c.entry_id == search_word.c.entry_id, either)
        statement = statement.where(has_it.offset(0).exists())
    return Question(statement.limit(bindparam("most", type_=search_entry.c.id.type)))


@lru_cache(len(_PLACES) + 1)
def _counting(places: int) -> Question:
    condition = _begins(search_word.c.word, 0)
    if places:
        condition = or_(condition, _is_one(search_word.c.word, 0, places))
    counted = bindparam("most", type_=search_entry.c.id.type)
    return Question(
        select(func.count()).select_from(select(search_word.c.entry_id).where(condition).limit(counted).subquery())
    )


def _begins(word: Any, number: int) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = (word >= bindparam(f"low{number}")) & (word < bindparam(f"high{number}"))
    return condition


def _is_one(word: Any, number: int, places: int) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = word.in_([bindparam(f"word{number}_{place}") for place in range(places)])
    return condition


def _places(words: Sequence[str]) -> int:
    return next(places for places in (0, *_PLACES) if places >= len(words))


def _range(number: int, text: str, *, is_whole: bool) -> dict[str, Any]:
    """The text alone, or whatever begins with it."""
    return {f"low{number}": text, f"high{number}": text + (_FIRST if is_whole else _LAST)}


def _range_of(number: int, fragment: Fragment) -> dict[str, Any]:
    return _range(number, fragment.text, is_whole=fragment.ends)


def _listed(number: int, words: Sequence[str]) -> dict[str, Any]:
    """In the places there are; what is left is filled with the last."""
    padded = [*words, *list(words[-1:]) * (_places(words) - len(words))]
    return {f"word{number}_{place}": word for place, word in enumerate(padded)}


class Finder:
    """One per process."""

    def __init__(self) -> None:
        self._vocabulary = Vocabulary()
        self._frequencies: dict[tuple[Fragment, int], int] = {}
        self._rare: set[Fragment] = set()  # of those counted

    def is_quick(self, hint: Hint | None, now: float) -> bool:
        """Whether the first candidates are found in less time than the way to a thread takes, with no words to be read
        before, and no more of the commonest to be passed over than can be told at once (``search_word.name``).
        """
        if hint is None or len(hint) > _FEW:
            return False
        by_words = [each for each in hint if isinstance(each, ByWords)]
        if not all(isinstance(each, ByAddress | ByCode | ByName | ByWords) for each in hint):
            return False
        return all(map(self._leads_soon, by_words)) and (not by_words or self._vocabulary.is_fresh(now))

    def _leads_soon(self, look_up: ByWords) -> bool:
        if len(look_up.fragments) == 1:
            return True
        return bool(look_up.name) and not self._rare.isdisjoint(look_up.fragments)

    def subjects(self, conn: Reading, hint: Hint, asker: Asker, most: int) -> tuple[list[str], bool]:
        """Ids of accounts and groups, at most so many, likelier ones first; whether these are all."""
        found: dict[str, None] = {}
        is_whole = True
        for each in sorted(hint, key=lambda look_up: cost(frozenset((look_up,)))):
            if isinstance(each, ByWords):
                is_whole &= self._by_words(conn, each, found, most)
            elif isinstance(each, ByName):
                limit = most + 1 - len(found)
                rows = conn.rows(_NAMED, **_range(0, each.name, is_whole=each.is_whole), most=limit)
                found.update((subject, None) for (subject,) in rows)
            else:
                found.update(dict.fromkeys(_directly(conn, each, asker, most)))
        subjects = list(found)
        return subjects[:most], is_whole and len(subjects) <= most

    def _by_words(self, conn: Reading, look_up: ByWords, found: dict[str, None], most: int) -> bool:
        """The rarest fragment leads; entries in which a word begins with it come first."""
        if len(found) > most:
            return False
        fragments = sorted(look_up.fragments, key=lambda each: (-len(each.text), each.text, each.starts))
        of_names = bool(look_up.name)
        inner = {each: self._inner(conn, each, of_names=of_names) for each in fragments[:_MOST_FRAGMENTS]}
        ordered = list(inner)
        if len(ordered) > 1:
            ordered.sort(key=lambda each: (len(inner[each]) > MOST_WORDS, self._frequency(conn, each, inner[each])))
        first, *others = ordered
        # where a fragment lies in the middle of too many words, the filter judges; what a name is like says it all
        others = [each for each in others if len(inner[each]) <= MOST_WORDS and not look_up.name]
        values: dict[str, Any] = {"name": look_up.name}
        for number, other in enumerate(others, 1):
            values |= _range_of(number, other) | _listed(number, inner[other])
        shape = tuple(_places(inner[other]) for other in others)
        passes = [(_matching(None, shape, by_name=of_names), _range_of(0, first))]
        if words := inner[first][:MOST_WORDS]:
            passes.append((_matching(_places(words), shape, by_name=of_names), _listed(0, words)))
        is_whole = len(inner[first]) <= MOST_WORDS
        for question, leading in passes:
            wanted = most + 1 - len(found)
            if wanted <= 0:
                return False
            rows = conn.rows(question, **values, **leading, most=wanted)
            found.update((subject, None) for (subject,) in rows)
            is_whole &= len(rows) < wanted
        return is_whole

    def _inner(self, conn: Reading, fragment: Fragment, *, of_names: bool) -> list[str]:
        """Words with the fragment in their middle, one more than are looked up."""
        if fragment.starts:
            return []
        return self._vocabulary.containing(conn, fragment.text, MOST_WORDS + 1, ends=fragment.ends, of_names=of_names)

    def _frequency(self, conn: Reading, fragment: Fragment, inner: Sequence[str]) -> int:
        """How many words it fits, as far as it takes to tell rare from common."""
        words = inner[:MOST_WORDS]
        key = fragment, _places(words)
        known = self._frequencies.get(key)
        if known is None:
            values = _range_of(0, fragment) | _listed(0, words)
            ((known,),) = conn.rows(_counting(key[1]), **values, most=_COUNTED)
            if len(self._frequencies) >= _FREQUENCIES:
                self._frequencies.clear()
                self._rare.clear()
            self._frequencies[key] = known
            if known < _COUNTED:
                self._rare.add(fragment)
        return known


def _directly(conn: Reading, look_up: LookUp, asker: Asker, most: int) -> list[str]:
    if isinstance(look_up, ByAddress):
        row = owner_row(conn, normalise(look_up.address))
        if row is None or row.state != "active":
            return []
        owner = row.account_id or row.group_id
        return [owner] if owner else []
    if isinstance(look_up, ByCode):
        return [found for (found,) in conn.rows(_BY_CODE, code=look_up.code)]
    if isinstance(look_up, ByGroup):
        group = _key_of(conn, "group", look_up.name)
        reached = resolve(conn, group) if group else None
        return sorted(reached.accounts)[: most + 1] if reached is not None else []
    if isinstance(look_up, ByMember):
        login = _key_of(conn, "account", look_up.name)
        row = owner_row(conn, login) if login else None
        return sorted(reaching(conn, [row.account_id])[row.account_id]) if row and row.account_id else []
    assert isinstance(look_up, ByUnit)
    is_meant = judge(look_up.assertion, asker)
    units = [unit_id for unit_id, entry in unit_entries(conn).items() if is_meant(_labelled(entry)) is True]
    found: list[str] = []
    for start in range(0, len(units), _UNITS_AT_ONCE):
        chosen = units[start : start + _UNITS_AT_ONCE]
        chosen += chosen[-1:] * (_UNITS_AT_ONCE - len(chosen))
        values = {f"unit_{place}": unit_id for place, unit_id in enumerate(chosen)}
        found += [each for (each,) in conn.rows(_IN_UNITS, **values, most=most + 1 - len(found))]
        if len(found) > most:
            break
    return found


def _key_of(conn: Reading, kind: Any, name: str) -> str:
    """By which the entry with this name is named; empty: there can be none."""
    try:
        parsed = dn.parse(name)
    except dn.DnFault:
        return ""
    if not parsed or len(parsed[0]) != 1:
        return ""
    key = normalise(parsed[0][0][1])
    return key if dn.folded(parsed) == dn.key(leaf_text(conn, kind, key)) else ""


def _labelled(entry: Entry) -> Entry:
    """Somebody's ``ou`` are the name of his unit and how people write it, which is its description."""
    return Entry.of(entry.dn, "unit", {"ou": [*entry.values("ou"), *entry.values("description")]})
