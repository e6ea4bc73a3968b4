"""Entries of officials and of the mailboxes of units and roles.

Standards: RFC 2798.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select

from directory.database import Reading
from directory.ldap.entries import Entry, Makers, leaf_text, time_value
from directory.questions import Question
from directory.staff.units import tree
from directory.tables import account, address, person

# Of so many accounts as there are places: the same statement each time, read through the driver.
_PLACES = (1, 12, 128)


class _Row(NamedTuple):
    id: str
    login: str
    name: str
    title: str
    unit_name: str
    unit_id: str | None
    language: str
    sort_key: bytes
    created_at: int
    full_name: str | None
    family_name: str | None
    given_name: str | None
    phone: str | None
    employee_code: str | None


class _Place(NamedTuple):
    """A unit, as those who are posted there show it."""

    name: str
    agency_code: str
    dn: str


class _Found(NamedTuple):
    """An account with what belongs to it in other tables."""

    row: _Row
    aliases: Sequence[str]
    place: _Place | None

    @property
    def name(self) -> str:
        return self.row.full_name or self.row.name

    @property
    def units(self) -> Sequence[str]:
        shown = self.row.unit_name
        return [shown] if self.place is None or self.place.name == shown else [shown, self.place.name]


def _of(count: int) -> list[Any]:
    return [bindparam(f"id_{place}") for place in range(count)]


_ACCOUNTS = {
    count: Question(
        select(
            *(account.c.id, account.c.login, account.c.name, account.c.title, account.c.unit_name, account.c.unit_id),
            *(account.c.language, account.c.sort_key, account.c.created_at, person.c.full_name, person.c.family_name),
            *(person.c.given_name, person.c.phone, person.c.employee_code),
        )
        .outerjoin(person, person.c.id == account.c.person_id)
        .where(account.c.id.in_(_of(count)), account.c.status != "closed")
    )
    for count in _PLACES
}
_ADDRESSES = {
    count: Question(
        select(address.c.account_id, address.c.address)
        .where(address.c.account_id.in_(_of(count)), address.c.state == "active")
        .order_by(address.c.account_id, address.c.address)
    )
    for count in _PLACES
}
_MAKERS: Makers = {
    "uid": lambda found: [found.row.login],
    "cn": lambda found: [found.name],
    "displayname": lambda found: [found.name],
    "sn": lambda found: [found.row.family_name or found.name],  # inetOrgPerson wants one; a single word is a given name
    "givenname": lambda found: [found.row.given_name],
    "mail": lambda found: [found.row.login, *found.aliases],
    "title": lambda found: [found.row.title],
    "ou": lambda found: found.units,
    "departmentnumber": lambda found: [found.place.agency_code if found.place else None],
    "seealso": lambda found: [found.place.dn if found.place else None],
    "telephonenumber": lambda found: [found.row.phone],
    "employeenumber": lambda found: [found.row.employee_code],
    "preferredlanguage": lambda found: [found.row.language],
    "createtimestamp": lambda found: [time_value(found.row.created_at)],
}


def account_entries(conn: Reading, ids: Sequence[str], wanted: Collection[str]) -> list[Entry]:
    """In the order of ``ids``; accounts that are closed are left out.  ``wanted``: keys of attributes."""
    rows: dict[str, _Row] = {}
    for values in _asked(conn, _ACCOUNTS, ids):
        row = _Row._make(values)
        rows[row.id] = row
    there = [each for each in ids if each in rows]
    aliases: dict[str, list[str]] = {}
    if "mail" in wanted:
        for owner, text in _asked(conn, _ADDRESSES, there):
            if text != rows[owner].login:
                aliases.setdefault(owner, []).append(text)
    found = []
    for each in there:
        row = rows[each]
        source = _Found(row, aliases.get(each, ()), _place(conn, row.unit_id))
        name = leaf_text(conn, "account", row.login)
        found.append(Entry(name, "account", _MAKERS, source, key=row.login, owner=row.id, order=row.sort_key))
    return found


def _place(conn: Reading, unit_id: str | None) -> _Place | None:
    """None: no unit, or one that is not of today."""
    if unit_id is None:
        return None
    shelf = conn.memory.shelf("ldap places")
    found: _Place | None = shelf.get(unit_id)
    if found is None and (unit := tree(conn).by_id.get(unit_id)) is not None:
        found = shelf[unit_id] = _Place(unit.name, unit.agency_code, leaf_text(conn, "unit", unit_id))
    return found


def _asked(conn: Reading, questions: Mapping[int, Question], ids: Sequence[str]) -> list[tuple[Any, ...]]:
    """The rows of all of them; places that are left are filled with the last."""
    rows: list[tuple[Any, ...]] = []
    for start in range(0, len(ids), _PLACES[-1]):
        chosen = ids[start : start + _PLACES[-1]]
        count = next(places for places in _PLACES if places >= len(chosen))
        padded = [*chosen, *[chosen[-1]] * (count - len(chosen))]
        rows += conn.rows(questions[count], **{f"id_{place}": each for place, each in enumerate(padded)})
    return rows
