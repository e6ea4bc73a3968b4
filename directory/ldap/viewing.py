"""Virtual list views: a few entries of a long sorted list, wherever an address book has been scrolled to.

All people by name are one such list, which an index holds in its order; any other is made and sorted for each view.

Standards: draft-ietf-ldapext-ldapv3-vlv-09 §5 (which entry is meant), §6.2 (what can be wrong).
Limits: a list of more than ``searching.SORTABLE`` entries that is not all people by name is not viewed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import bindparam, func, select

from directory.database import Directory, Reading
from directory.ldap.entries import Entry
from directory.ldap.matching import NAME_ORDER, Undefined
from directory.ldap.messages import Code, View
from directory.ldap.people_entries import account_entries
from directory.ldap.policy import Asker
from directory.ldap.sorting import Order
from directory.questions import Question
from directory.tables import account

_NUMBER = account.c.created_at.type
_KEY = bindparam("key", type_=account.c.sort_key.type)
_shown = account.c.status != "closed"
_COUNT = Question(select(func.count()).select_from(account).where(_shown))
# the other way round: yes or no
_BEFORE = {
    False: Question(select(func.count()).select_from(account).where(_shown, account.c.sort_key < _KEY)),
    True: Question(select(func.count()).select_from(account).where(_shown, account.c.sort_key > _KEY)),
}
_PART = {
    reverse: Question(
        select(account.c.id)
        .where(_shown)
        .order_by(
            *([account.c.sort_key.desc(), account.c.id.desc()] if reverse else [account.c.sort_key, account.c.id])
        )
        .limit(bindparam("most", type_=_NUMBER))
        .offset(bindparam("passed", type_=_NUMBER))
    )
    for reverse in (False, True)
}


class ViewRefused(Exception):
    def __init__(self, code: Code) -> None:
        super().__init__(code.name)
        self.code = code


class SortedList(Protocol):
    @property
    def count(self) -> int: ...

    def place(self, value: bytes) -> int:
        """How many come before the first that a value leads to.  Raises Undefined."""

    def part(self, start: int, count: int) -> Sequence[Entry]: ...


class SortedEntries:
    """A list that is short enough to be held."""

    def __init__(self, entries: Sequence[Entry], order: Order, asker: Asker) -> None:
        self._entries = entries
        self._order = order
        self._asker = asker

    @property
    def count(self) -> int:
        return len(self._entries)

    def place(self, value: bytes) -> int:
        return self._order.place(self._entries, self._asker, value)

    def part(self, start: int, count: int) -> Sequence[Entry]:
        return self._entries[start : start + count]


class EverybodyByName:
    """All accounts that are not closed, counted and cut by the index that holds them in their order."""

    def __init__(self, directory: Directory, wanted: frozenset[str], *, reverse: bool) -> None:
        self._directory = directory
        self._wanted = wanted
        self._reverse = reverse

    @property
    def count(self) -> int:
        with self._directory.read() as conn:
            shelf = conn.memory.shelf("ldap people")
            known: int | None = shelf.get("count")
            if known is None:
                known = shelf["count"] = _number(conn, _COUNT)
            return known

    def place(self, value: bytes) -> int:
        with self._directory.read() as conn:
            return _number(conn, _BEFORE[self._reverse], key=NAME_ORDER.key(value))

    def part(self, start: int, count: int) -> Sequence[Entry]:
        with self._directory.read() as conn:
            ids = [found for (found,) in conn.rows(_PART[self._reverse], passed=start, most=count)]
            return account_entries(conn, ids, self._wanted)


def _number(conn: Reading, question: Question, **values: bytes) -> int:
    ((found,),) = conn.rows(question, **values)
    return int(found)


def view(whole: SortedList, wanted: View, most: int) -> tuple[Sequence[Entry], int, int, bool]:
    """The entries, at most so many, the place of the one that is meant, of how many, and whether these are all that
    was asked for.  Raises ViewRefused.
    """
    count = whole.count
    if wanted.value is None:
        position = _position(wanted, count)
    else:
        try:
            position = whole.place(wanted.value) + 1  # count + 1: none is (§5)
        except Undefined:
            raise ViewRefused(Code.INAPPROPRIATE_MATCHING) from None
    start, end = max(0, position - 1 - wanted.before), min(count, position + wanted.after)
    entries = whole.part(start, min(most, end - start)) if end > start else ()
    return entries, position, count, end - start <= most


def _position(wanted: View, count: int) -> int:
    """§5: offsets are shares of what the client takes for the whole; the first and the last are themselves."""
    offset, believed = wanted.offset, wanted.count or count
    if offset < 1 or (wanted.count and offset > wanted.count):
        raise ViewRefused(Code.OFFSET_RANGE_ERROR)
    if not count or offset == 1:
        return min(1, count)
    if offset >= believed:
        return count
    return min(count, max(1, round(count * offset / believed)))
