"""From a filter to the few entries that may match it: by an index where the filter allows it.

``possible`` tells the kinds of entries that can match at all; ``narrow`` gives a hint, a set of index look-ups whose
answers together hold every match.  What they find is judged by the filter itself afterwards, so a hint may find too
much, but never too little.

Standards: RFC 4511 §4.5.1.7.
Limits: words of the index end after 40 letters, and what lies beyond is found by no part of it.  Of a part that more
than ``MOST_WORDS`` words have in their middle, so many are looked up, and the search is told to be incomplete.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, exists, func, or_, select

from directory.addresses import normalise, owner_row
from directory.database import Reading
from directory.ldap.entries import CLASSES, HELD, Entry, Kind, unit_entries
from directory.ldap.filters import And, Approx, Assertion, Equal, Extensible, Filter, Not, Or, Present, Substrings
from directory.ldap.matching import FOLD, find_rule
from directory.ldap.policy import Asker
from directory.ldap.schema import class_name, find_attribute
from directory.ldap.seen import Seen
from directory.ldap.vocabulary import Vocabulary
from directory.names import fold, words
from directory.search_index import MAX_WORD
from directory.tables import account, person, search_entry, search_word

MOST_WORDS = 300
# Look-ups by words or units that one search makes; a filter with more of them is taken as one that no index knows.
MOST_LOOK_UPS = 20
# Conditions of one look-up; further words are left to the filter.
_MOST_FRAGMENTS = 4
_COUNTED = 5000
_LAST = "\U0010ffff"
_NAMES = frozenset(("cn", "displayname", "sn", "givenname"))
_ADDRESSES = frozenset(("mail", "uid"))


@dataclass(frozen=True, slots=True)
class Fragment:
    text: str
    starts: bool  # a word begins with it; otherwise it may lie anywhere in one


@dataclass(frozen=True, slots=True)
class ByWords:
    fragments: frozenset[Fragment]


@dataclass(frozen=True, slots=True)
class ByAddress:
    address: str


@dataclass(frozen=True, slots=True)
class ByCode:
    code: str


@dataclass(frozen=True, slots=True)
class ByUnit:
    """Those posted in a unit of which this holds."""

    assertion: Assertion


LookUp = ByWords | ByAddress | ByCode | ByUnit
Hint = frozenset[LookUp]  # none: nobody can match


def possible(wanted: Filter, kind: Kind) -> bool:
    """Whether the filter can be true of an entry of this kind."""
    if isinstance(wanted, And):
        return all(possible(part, kind) for part in wanted.parts)
    if isinstance(wanted, Or):
        return any(possible(part, kind) for part in wanted.parts)
    if isinstance(wanted, Not):
        return True
    if isinstance(wanted, Extensible) and (not wanted.attribute or wanted.in_dn):
        return True
    found = find_attribute(wanted.attribute)
    if found is None or found.key not in HELD[kind]:
        return False
    if found.key == "objectclass" and isinstance(wanted, Equal):
        name = class_name(wanted.value.decode("utf-8", "replace")).lower()
        return name in {each.lower() for each in CLASSES[kind]}
    return True


def narrow(wanted: Filter) -> Hint | None:
    """Of accounts and groups.  None: the filter names nothing that an index knows."""
    if isinstance(wanted, And):
        hints = [hint for part in wanted.parts if (hint := narrow(part)) is not None]
        return min(hints, key=_cost, default=None)
    if isinstance(wanted, Or):
        found: set[LookUp] = set()
        for part in wanted.parts:
            hint = narrow(part)
            if hint is None:
                return None
            found |= hint
        many = sum(isinstance(each, ByWords | ByUnit) for each in found)
        return frozenset(found) if many <= MOST_LOOK_UPS else None
    if isinstance(wanted, Not):
        return None
    if not possible(wanted, "account") and not possible(wanted, "group"):
        return frozenset()
    return _look_up(wanted)


def _cost(hint: Hint) -> tuple[int, int]:
    """Of two hints the cheaper: addresses, then long words, then units."""
    worst = 0, 0
    for each in hint:
        if isinstance(each, ByWords):
            cost = 1, -max(len(fragment.text) for fragment in each.fragments)
        else:
            cost = (2, 0) if isinstance(each, ByUnit) else (0, 0)
        worst = max(worst, cost)
    return worst


def _look_up(wanted: Assertion) -> Hint | None:
    kind = find_attribute(wanted.attribute)
    if kind is None or isinstance(wanted, Present):
        return None
    if isinstance(wanted, Extensible):
        if wanted.in_dn or (wanted.rule and find_rule(wanted.rule) not in (FOLD, kind.equality)):
            return None
    elif not isinstance(wanted, Equal | Approx | Substrings):
        return None
    if kind.key == "ou":
        return frozenset((ByUnit(wanted),))
    is_exact = isinstance(wanted, Equal) or (isinstance(wanted, Extensible) and not wanted.rule)
    if isinstance(wanted, Substrings):
        pieces = [(_text(wanted.initial), True)] if wanted.initial is not None else []
        pieces += [(_text(piece), False) for piece in wanted.middle]
        if wanted.final is not None:
            pieces.append((_text(wanted.final), False))
    else:
        pieces = [(_text(wanted.value), True)]
    if kind.key in _ADDRESSES:
        if is_exact:
            return frozenset((ByAddress(pieces[0][0]),))
        return _by_words(_of_address(pieces))
    if kind.key == "employeenumber" and is_exact:
        return frozenset((ByCode(pieces[0][0]),))
    if kind.key in _NAMES:
        return _by_words(_of_name(pieces))
    return None


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")


def _by_words(fragments: Iterable[Fragment]) -> Hint | None:
    found = frozenset(fragment for fragment in fragments if fragment.text)
    return frozenset((ByWords(found),)) if found else None


def _of_name(pieces: list[tuple[str, bool]]) -> Iterable[Fragment]:
    for piece, starts in pieces:
        folded = fold(unicodedata.normalize("NFKC", piece))
        for position, word in enumerate(words(folded)):
            begins = position > 0 or starts or not folded.startswith(word)
            # what a long word ends with is not in the index, unless it begins with it
            yield Fragment(word[:MAX_WORD], begins)


def _of_address(pieces: list[tuple[str, bool]]) -> Iterable[Fragment]:
    """Local parts are words of the index as they stand; which domain it is, the filter tells."""
    for piece, starts in pieces:
        local, at, _ = piece.casefold().partition("@")
        local = local.strip()
        if local.isascii():
            yield Fragment(local[:MAX_WORD], starts)
        if at:
            return


class Finder:
    """Looks hints up.  One per process."""

    def __init__(self) -> None:
        self._vocabulary = Vocabulary()

    def subjects(self, conn: Reading, hint: Hint, asker: Asker, most: int) -> tuple[list[str], bool]:
        """Ids of accounts and groups, at most so many, likelier ones first; whether these are all."""
        found: dict[str, None] = {}
        is_whole = True
        for each in sorted(hint, key=lambda look_up: _cost(frozenset((look_up,)))):
            if isinstance(each, ByWords):
                is_whole &= self._by_words(conn, each, found, most)
            else:
                found.update(dict.fromkeys(_directly(conn, each, asker, most)))
        subjects = list(found)
        return subjects[:most], is_whole and len(subjects) <= most

    def _by_words(self, conn: Reading, look_up: ByWords, found: dict[str, None], most: int) -> bool:
        """The rest of the condition is in the WHERE of each; those in which a word begins with the part come first."""
        ordered = sorted(look_up.fragments, key=lambda each: (-len(each.text), each.text, each.starts))[
            :_MOST_FRAGMENTS
        ]
        if len(ordered) > 1:
            ordered.sort(key=lambda each: self._frequency(conn, each))
        first, *others = ordered
        conditions = []
        for position, other in enumerate(others):
            further = search_word.alias(f"w{position}")
            condition, is_whole = self._condition(conn, further.c.word, other)
            if is_whole:
                conditions.append(exists().where(further.c.entry_id == search_word.c.entry_id, condition))
        leading = [_begins(search_word.c.word, first.text)]
        is_whole = True
        if not first.starts:
            inner = self._vocabulary.containing(conn, first.text, MOST_WORDS + 1)
            is_whole = len(inner) <= MOST_WORDS
            if inner:
                leading.append(search_word.c.word.in_(inner[:MOST_WORDS]))
        for condition in leading:
            wanted = most + 1 - len(found)
            if wanted <= 0:
                return False
            # an entry may match by several of its words, and few have more than three that begin alike
            statement = (
                select(search_entry.c.subject_id)
                .select_from(search_word.join(search_entry, search_entry.c.id == search_word.c.entry_id))
                .where(condition, *conditions)
                .limit(3 * wanted)
            )
            rows = conn.execute(statement).scalars().all()
            found.update(dict.fromkeys(rows))
            is_whole &= len(rows) < 3 * wanted
        return is_whole

    def _frequency(self, conn: Reading, fragment: Fragment) -> int:
        """How many words it fits, as far as it takes to tell rare from common: the rarest leads."""
        shelf = conn.memory.shelf("ldap frequencies")
        known: int | None = shelf.get(fragment)
        if known is None:
            condition, _ = self._condition(conn, search_word.c.word, fragment)
            some = select(search_word.c.entry_id).where(condition).limit(_COUNTED).subquery()
            known = shelf[fragment] = int(conn.execute(select(func.count()).select_from(some)).scalar_one())
        return known

    def _condition(self, conn: Reading, word: Any, fragment: Fragment) -> tuple[ColumnElement[bool], bool]:
        begins = _begins(word, fragment.text)
        if fragment.starts:
            return begins, True
        inner = self._vocabulary.containing(conn, fragment.text, MOST_WORDS + 1)
        return or_(begins, word.in_(inner[:MOST_WORDS])), len(inner) <= MOST_WORDS


def _begins(word: Any, text: str) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = (word >= text) & (word < text + _LAST)
    return condition


def _directly(conn: Reading, look_up: ByAddress | ByCode | ByUnit, asker: Asker, most: int) -> list[str]:
    if isinstance(look_up, ByAddress):
        row = owner_row(conn, normalise(look_up.address))
        if row is None or row.state != "active":
            return []
        owner = row.account_id or row.group_id
        return [owner] if owner else []
    if isinstance(look_up, ByCode):
        statement = (
            select(account.c.id)
            .join(person, person.c.id == account.c.person_id)
            .where(person.c.employee_code == look_up.code)
        )
        return list(conn.execute(statement).scalars())
    units = [unit_id for unit_id, entry in unit_entries(conn).items() if _is_or_is_labelled(entry, look_up, asker)]
    found: list[str] = []
    for start in range(0, len(units), 200):
        chosen = select(account.c.id).where(account.c.unit_id.in_(units[start : start + 200]))
        found.extend(conn.execute(chosen.limit(most + 1 - len(found))).scalars())
        if len(found) > most:
            break
    return found


def _is_or_is_labelled(entry: Entry, look_up: ByUnit, asker: Asker) -> bool:
    """Somebody's ``ou`` are the name of his unit and how people write it, which is its description."""
    names = [*entry.values.get("ou", ()), *entry.values.get("description", ())]
    return Seen(replace(entry, values={"ou": names}), asker).holds(look_up.assertion) is True
