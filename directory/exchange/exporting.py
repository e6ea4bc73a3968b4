"""Records read out of the directory, some hundred at a time: memory does not grow with the city.

Officials and units have versions and are told as of any day: who held or will hold which posts, in which units.  What
else is told of them (names, addresses, telephones) is of today.

Who reads them back into the same directory changes nothing; into an empty one with the same domains, kinds of units
and positions, he gets the same units, people, mailboxes and groups, if he takes them in in this order.

Limits: passwords never leave the directory.  What has ended is left out, and so are locks, rights of administrators,
former versions of units and what they followed: who moves a whole city copies its database.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from typing import Any

from sqlalchemy import bindparam, or_, select, tuple_

from directory.database import Reading
from directory.exchange.kinds import KindName, Record, Row
from directory.faults import Fault
from directory.ldap import dn
from directory.mail import groups, mailboxes
from directory.mail.addresses import primary_domain
from directory.mail.group_rights import named_moderators
from directory.sizes import written_size
from directory.staff import postings, units
from directory.tables import account, address, appointment, group_nested, mail_group, person
from directory.words.names import tidy

_PAGE = 500
_YES = "yes"


# What is told as of another day than today.
DATED: frozenset[KindName] = frozenset(("official", "unit"))


def records(
    conn: Reading, kind: KindName, *, within: Collection[str] | None = None, on: str | None = None
) -> Iterator[Record]:
    """All of a kind; ``within``: officials who hold a post in one of these units, these units, their mailboxes; ``on``:
    as of this day.

    Beside the columns a row has what other programs are shown (``shown_title``), and what kind each member is of.
    """
    suffix = dn.write(dn.suffix_of(primary_domain(conn)))
    if kind == "official":
        found = _officials(conn, within) if on is None else _officials_on(conn, within, on)
    elif kind == "unit":
        found = _units(conn, within, on)
    else:
        found = {"mailbox": _mailboxes, "group": _groups}[kind](conn, within)
    for record in found:
        # what a line cannot hold is in nobody's name
        yield tuple({name: _tidied(value) for name, value in row.items()} | {"suffix": suffix} for row in record)


def _tidied(value: Any) -> Any:
    return tidy(value) if isinstance(value, str) else value


# --- officials --------------------------------------------------------------------------------------------------------

_EVERYBODY = (
    select(
        person.c.sort_key,
        person.c.id,
        person.c.employee_code,
        person.c.full_name,
        person.c.family_name,
        person.c.middle_name,
        person.c.given_name,
        person.c.phone,
        account.c.id.label("account"),
        account.c.login,
        account.c.title,
        account.c.unit_name,
        account.c.quota_bytes,
        account.c.language,
    )
    .join(account, account.c.person_id == person.c.id)
    .order_by(person.c.sort_key, person.c.id)
    .limit(_PAGE)
)


def _officials(conn: Reading, within: Collection[str] | None) -> Iterator[Record]:
    """Who is here, with the posts that last or are to come."""
    keys = _UnitKeys(conn)
    statement = _EVERYBODY.where(account.c.status != "closed")
    if within is not None:
        statement = statement.where(person.c.id.in_(_holders(within, conn.today)))
    for page in _pages(conn, statement):
        posts = _posts(conn, keys, [row.id for row in page], _lasts(conn.today))
        other = _aliases(conn, address.c.account_id, {row.account: row.login for row in page})
        for row in page:
            told = _told(row) | {"aliases": other.get(row.account, [])}
            told |= {"shown_title": row.title, "shown_unit": row.unit_name}
            yield tuple(told | post for post in posts.get(row.id, [{}]))


def _officials_on(conn: Reading, within: Collection[str] | None, on: str) -> Iterator[Record]:
    """Who held, or will hold, a post on a day, whatever became of him; with the posts of that day."""
    keys, tree = _UnitKeys(conn, on), units.tree(conn, on)
    titles = {position.code: position.title for position in postings.positions(conn).values()}
    for page in _pages(conn, _EVERYBODY.where(person.c.id.in_(_holders(within, on)))):
        of_day = (appointment.c.valid_from <= on) & _lasts(on)
        posts = _posts(conn, keys, [row.id for row in page], of_day)
        for row in page:
            first = posts[row.id][0]
            told = _told(row) | {
                "aliases": [],
                "shown_title": postings.written_title(first["title"], first["kind"], titles[first["position"]]),
                "shown_unit": tree.find(first["unit"]).name,
            }
            yield tuple(told | post for post in posts[row.id])


def _told(row: Any) -> Row:
    """What is the person's own, of today."""
    return {
        "employee_code": row.employee_code or "",
        "full_name": row.full_name,
        "family_name": row.family_name,
        "middle_name": row.middle_name,
        "given_name": row.given_name,
        "address": row.login,
        "phone": row.phone,
        "quota": written_size(row.quota_bytes),
        "language": row.language,
    }


def _holders(within: Collection[str] | None, on: str) -> Any:
    held = select(appointment.c.person_id).where(appointment.c.valid_from <= on, _lasts(on))
    return held if within is None else held.where(appointment.c.unit_id.in_(within))


def _pages(conn: Reading, statement: Any) -> Iterator[Any]:
    page = conn.execute(statement).all()
    while page:
        yield page
        last = page[-1]
        behind = tuple_(person.c.sort_key, person.c.id) > tuple_(last.sort_key, last.id)
        # PostgreSQL has an index of the first alone
        page = conn.execute(statement.where(person.c.sort_key >= last.sort_key, behind)).all()


def _lasts(on: str) -> Any:
    return or_(appointment.c.valid_until.is_(None), appointment.c.valid_until >= on)


def _posts(conn: Reading, keys: _UnitKeys, person_ids: list[str], wanted: Any) -> dict[str, list[Row]]:
    """By person, the primary one first, which the import takes for that."""
    known = postings.positions(conn)
    rows = conn.execute(
        select(appointment)
        .where(appointment.c.person_id.in_(person_ids), wanted)
        .order_by(appointment.c.is_primary.desc(), appointment.c.valid_from, appointment.c.rank, appointment.c.id)
    )
    found: dict[str, list[Row]] = {}
    for row in rows:
        position = known[row.position_id]
        found.setdefault(row.person_id, []).append(
            {
                "unit": keys.of(row.unit_id),
                "position": position.code,
                "title": row.title,
                "kind": row.kind,
                "rank": str(row.rank) if row.rank != position.rank else "",
                "valid_from": row.valid_from,
                "valid_until": row.valid_until or "",
                "decision": row.decision,
            }
        )
    return found


def _aliases(conn: Reading, owner: Any, primary: dict[str, str]) -> dict[str, list[str]]:
    """Active addresses beside the primary one, by owner."""
    found: dict[str, list[str]] = {}
    rows = conn.execute(
        select(owner.label("owner"), address.c.address)
        .where(owner.in_(list(primary)), address.c.state == "active")
        .order_by(address.c.address)
    )
    for row in rows:
        if row.address != primary[row.owner]:
            found.setdefault(row.owner, []).append(row.address)
    return found


class _UnitKeys:
    """By what the import finds each unit: short name, else agency code, else full name; else its id."""

    def __init__(self, conn: Reading, on: str | None = None) -> None:
        self._tree = units.tree(conn, on)
        self._known: dict[str, str] = {}

    def of(self, unit_id: str) -> str:
        if unit_id not in self._known:
            self._known[unit_id] = self._key(unit_id)
        return self._known[unit_id]

    def word(self, unit_id: str) -> str:
        """The same without spaces, where several stand beside each other."""
        key = self.of(unit_id)
        return unit_id if " " in key else key

    def _key(self, unit_id: str) -> str:
        unit = self._tree.by_id.get(unit_id)
        if unit is not None:
            for key in (unit.short_name, unit.agency_code, unit.name):
                with suppress(Fault):
                    if key and self._tree.find(key).id == unit_id:
                        return key
        return unit_id


# --- units ------------------------------------------------------------------------------------------------------------


def _units(conn: Reading, within: Collection[str] | None, on: str | None) -> Iterator[Record]:
    """Parents before their children."""
    keys, tree = _UnitKeys(conn, on), units.tree(conn, on)
    for top in tree.children(None):
        for unit in tree.subtree(top.id):
            if within is None or unit.id in within:
                yield (
                    {
                        "id": unit.id,
                        "short_name": unit.short_name,
                        "name": unit.name,
                        "type": unit.type,
                        "parent": keys.of(unit.parent_id) if unit.parent_id in tree.by_id else "",
                        "agency_code": unit.agency_code,
                        "order": str(unit.sort_order),
                        "valid_from": unit.valid_from,
                        "valid_until": unit.valid_until or "",
                        "decision": unit.decision,
                    },
                )


# --- mailboxes --------------------------------------------------------------------------------------------------------

_MAILBOXES = (
    select(
        account.c.id,
        account.c.login,
        account.c.name,
        account.c.unit_id,
        account.c.kind,
        account.c.quota_bytes,
        account.c.language,
    )
    .where(account.c.kind.in_(("unit", "role")), account.c.status != "closed", account.c.login > bindparam("after"))
    .order_by(account.c.login)
    .limit(_PAGE)
)


def _mailboxes(conn: Reading, within: Collection[str] | None) -> Iterator[Record]:
    keys = _UnitKeys(conn)
    statement = _MAILBOXES if within is None else _MAILBOXES.where(account.c.unit_id.in_(within))
    page = conn.execute(statement, {"after": ""}).all()
    while page:
        other = _aliases(conn, address.c.account_id, {row.id: row.login for row in page})
        for row in page:
            named = [right for right in mailboxes.rights_on(conn, row.id) if not right.as_clerk]
            yield (
                {
                    "address": row.login,
                    "name": row.name,
                    "unit": keys.of(row.unit_id) if row.kind == "unit" else "",
                    "aliases": other.get(row.id, []),
                    "quota": written_size(row.quota_bytes),
                    "language": row.language,
                    "readers": [right.account.login for right in named if right.may_read],
                    "senders": [right.account.login for right in named if right.may_send],
                },
            )
        page = conn.execute(statement, {"after": page[-1].login}).all()


# --- groups -----------------------------------------------------------------------------------------------------------


def _groups(conn: Reading, within: Collection[str] | None) -> Iterator[Record]:
    """Inner ones before the outer, so that whoever reads them back finds them; one after the other, by address."""
    known = postings.positions(conn)
    keys = _UnitKeys(conn)
    found = {group.address: group for group in groups.list_groups(conn)}
    for name in _inner_first(conn, sorted(found)):
        group = found[name]
        members = groups.members(conn, group.id, limit=1 << 30)
        rules = [
            {
                "unit": keys.of(rule.unit_id) if rule.unit_id else "",
                "unit_type": rule.unit_type or "",
                "position": known[rule.position_id].code if rule.position_id else "",
            }
            for rule in members.rules
        ]
        written = (
            json.dumps({key: value for key, value in rule.items() if value}, ensure_ascii=False) for rule in rules
        )
        yield (
            {
                "address": group.address,
                "name": group.name,
                "aliases": _aliases(conn, address.c.group_id, {group.id: group.address}).get(group.id, []),
                "unit": keys.of(group.unit_id) if group.unit_id else "",
                "posting": group.posting,
                "moderated": _YES if group.is_moderated else "",
                "hidden": _YES if group.hides_members else "",
                "members": [*(login for login, _ in members.accounts), *members.groups, *members.outside],
                "rules": sorted(written),
                "posters": [login for login, _ in members.posters],
                "poster_groups": list(members.poster_groups),
                "poster_units": [keys.word(unit_id) for unit_id in members.poster_units],
                "moderators": named_moderators(conn, group.id),
                "inner_groups": frozenset(members.groups),
                "outside": frozenset(members.outside),
            },
        )


def _inner_first(conn: Reading, addresses: Iterable[str]) -> list[str]:
    inner = mail_group.alias("inner")
    nested = conn.execute(
        select(mail_group.c.address, inner.c.address.label("inner"))
        .join(group_nested, group_nested.c.group_id == mail_group.c.id)
        .join(inner, inner.c.id == group_nested.c.member_id)
    )
    order: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(addresses, ()))
    for row in nested:
        order.add(row.address, row.inner)
    try:
        return list(order.static_order())
    except CycleError:  # nobody can make one, but an export does not fail for it
        return list(addresses)
