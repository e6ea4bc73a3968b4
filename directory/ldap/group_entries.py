"""Entries of groups.

Standards: RFC 4519 §3.5.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy import select

from directory.database import Reading
from directory.ldap.entries import Entry, Makers, leaf_text, time_value
from directory.tables import address, mail_group
from directory.words.names import collation_key


class _Found(NamedTuple):
    name: str
    addresses: Sequence[str]
    created_at: int


_MAKERS: Makers = {
    "cn": attrgetter("name"),
    "mail": attrgetter("addresses"),
    "createtimestamp": lambda found: time_value(found.created_at),
}


def group_entries(conn: Reading, ids: Sequence[str], wanted: Collection[str]) -> list[Entry]:
    """In the order of ``ids``; ``wanted``: keys of attributes."""
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
        source = _Found(
            row.name or row.address,
            [row.address, *others.get(row.id, ())],
            row.created_at,
        )
        name, order = leaf_text(conn, "group", row.address), collation_key(source.name)
        found.append(Entry(name, "group", _MAKERS, source, key=row.address, owner=row.id, order=order))
    return found
