"""Entries of groups.

Standards: RFC 4519 §3.5.
Limits: a group of more than ``MAX_MEMBERS`` shows none of them, and outside addresses are never members.  A group that
hides its members shows them to its administrators alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import select

from directory.accounts import names_of
from directory.database import Reading
from directory.group_rights import may_see_members
from directory.ldap.entries import Entry, Makers, leaf_text, time_value
from directory.names import collation_key
from directory.recipients import resolve
from directory.tables import address, mail_group

MAX_MEMBERS = 2000


class _Found(NamedTuple):
    name: str
    addresses: Sequence[str]
    created_at: int
    members: Sequence[str]


_MAKERS: Makers = {
    "cn": lambda found: [found.name],
    "mail": lambda found: found.addresses,
    "member": lambda found: found.members,
    "createtimestamp": lambda found: [time_value(found.created_at)],
}


def group_entries(conn: Reading, ids: Sequence[str], wanted: Collection[str], reader_id: str) -> list[Entry]:
    """In the order of ``ids``; ``wanted``: keys of attributes; ``reader_id``: the account of who asks, or empty."""
    if not ids:
        return []
    columns = mail_group.c.id, mail_group.c.address, mail_group.c.name, mail_group.c.created_at
    statement = select(*columns).where(mail_group.c.id.in_(ids), mail_group.c.closed_at.is_(None))
    rows = {row.id: row for row in conn.execute(statement)}
    others: dict[str, list[str]] = {}
    if rows and "mail" in wanted:
        further = (
            select(address.c.group_id, address.c.address)
            .where(address.c.group_id.in_(list(rows)), address.c.state == "active")
            .order_by(address.c.address)
        )
        for each in conn.execute(further):
            others.setdefault(each.group_id, []).append(each.address)
    found = []
    for row in (rows[each] for each in ids if each in rows):
        are_shown = "member" in wanted and may_see_members(conn, row.id, reader_id)
        source = _Found(
            row.name or row.address,
            [row.address, *others.get(row.id, ())],
            row.created_at,
            _members(conn, row.address) if are_shown else (),
        )
        name = leaf_text(conn, "group", row.address)
        found.append(Entry(name, "group", _MAKERS, source, key=row.address, order=collation_key(source.name)))
    return found


def _members(conn: Reading, group_address: str) -> list[str]:
    recipients = resolve(conn, group_address)
    if recipients is None or len(recipients.accounts) > MAX_MEMBERS:
        return []
    logins: Iterable[str] = sorted(login for _, login in names_of(conn, recipients.accounts).values())
    return [leaf_text(conn, "account", login) for login in logins]
