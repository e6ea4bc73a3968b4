"""Entries of officials and of the mailboxes of units and roles.

Standards: RFC 2798.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select

from directory.database import Reading
from directory.ldap.entries import Entry, Makers, leaf_text, time_value
from directory.questions import Question
from directory.staff.units import tree
from directory.tables import account, address, person

# Of so many accounts as there are places: the same statement each time, read through the driver.
_PLACES = (1, 12, 128)


class _Place(NamedTuple):
    """A unit, as those who are posted there show it."""

    name: str
    agency_code: str
    dn: str


class _Found(NamedTuple):
    """An account with what belongs to it in other tables: columns of ``_ACCOUNTS``, then the rest."""

    id: str
    login: str
    account_name: str
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
    aliases: Sequence[str]
    place: _Place | None

    @property
    def name(self) -> str:
        return self.full_name or self.account_name


_UNIT_ID = _Found._fields.index("unit_id")


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
    "uid": attrgetter("login"),
    "cn": attrgetter("name"),
    "displayname": attrgetter("name"),
    "sn": lambda found: found.family_name or found.name,  # inetOrgPerson wants one; a single word is a given name
    "givenname": attrgetter("given_name"),
    "mail": lambda found: (found.login, *found.aliases) if found.aliases else found.login,
    "title": attrgetter("title"),
    "ou": lambda found: (found.unit_name, found.place.name) if found.place else found.unit_name,
    "departmentnumber": lambda found: found.place and found.place.agency_code,
    "seealso": lambda found: found.place and found.place.dn,
    "telephonenumber": attrgetter("phone"),
    "employeenumber": attrgetter("employee_code"),
    "preferredlanguage": attrgetter("language"),
    "createtimestamp": lambda found: time_value(found.created_at),
}


def account_entries(conn: Reading, ids: Sequence[str], wanted: Collection[str]) -> list[Entry]:
    """In the order of ``ids``; accounts that are closed are left out.  ``wanted``: keys of attributes."""
    rows = {row[0]: row for row in _asked(conn, _ACCOUNTS, ids)}
    aliases: dict[str, list[str]] = {}
    if rows and "mail" in wanted:
        for owner, text in _asked(conn, _ADDRESSES, list(rows)):
            if text != rows[owner][1]:
                aliases.setdefault(owner, []).append(text)
    places = conn.memory.shelf("ldap places")
    entries = []
    for each in ids:
        row = rows.get(each)
        if row is not None:
            unit_id = row[_UNIT_ID]
            place = places.get(unit_id) or _place(conn, unit_id)
            found = _Found._make((*row, aliases.get(each, ()), place))
            login, name = found.login, leaf_text(conn, "account", found.login)
            entries.append(Entry(name, "account", _MAKERS, found, key=login, owner=each, order=found.sort_key))
    return entries


def _place(conn: Reading, unit_id: str | None) -> _Place | None:
    """None: no unit, or one that is not of today."""
    unit = tree(conn).by_id.get(unit_id) if unit_id is not None else None
    if unit is None:
        return None
    place = _Place(unit.name, unit.agency_code, leaf_text(conn, "unit", unit.id))
    conn.memory.shelf("ldap places")[unit.id] = place
    return place


def _asked(conn: Reading, questions: Mapping[int, Question], ids: Sequence[str]) -> list[tuple[Any, ...]]:
    """The rows of all of them; places that are left are filled with the last."""
    rows: list[tuple[Any, ...]] = []
    for start in range(0, len(ids), _PLACES[-1]):
        chosen = ids[start : start + _PLACES[-1]]
        count = next(places for places in _PLACES if places >= len(chosen))
        padded = [*chosen, *[chosen[-1]] * (count - len(chosen))]
        rows += conn.rows(questions[count], **{f"id_{place}": each for place, each in enumerate(padded)})
    return rows
