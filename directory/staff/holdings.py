"""What somebody holds that is handed over when he leaves: posts, addresses, mailboxes, groups, administration, custody.

Of somebody who left it is told from the order by which he did: the rows that it ended.

Limits: what comes with a post (a role's mailbox, a unit's for its clerks) is told of those who are here, for it goes to
whoever holds the post next; groups by description go with the post and are not told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from directory.database import Reading
from directory.dates import holds
from directory.mail.accounts import find_account
from directory.mail.recipients import mailboxes_of
from directory.row_changes import from_text
from directory.staff.departures import NAMING
from directory.staff.people import Official
from directory.staff.postings import appointments_of, positions, written_title
from directory.staff.units import find_unit
from directory.tables import address, departure, mail_group
from directory.tables import custody as custody_table

_Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Holding:
    """``kind``: post, address, mailbox, post-mailbox, reader (of his own), member, poster, moderator, administration or
    custody; ``what`` and whose it is, or where; ``how``: words for rights, roles.
    """

    kind: str
    what: str
    where: str = ""
    how: tuple[str, ...] = ()
    until: str | None = None


def holdings_of(conn: Reading, official: Official) -> list[Holding]:
    rows = list(_ended(conn, official) if official.account.status == "closed" else _held(conn, official))
    found = [holding for table, row in rows if (holding := _HOW_TOLD[table](conn, official, row)) is not None]
    named = {row["mailbox_id"] for table, row in rows if table == "mailbox_right"}
    if official.account.status != "closed":
        by_post = mailboxes_of(conn, official.account.id) - named
        found += sorted((Holding("post-mailbox", _login(conn, each)) for each in by_post), key=lambda each: each.what)
    return found


def _held(conn: Reading, official: Official) -> Iterator[tuple[str, _Row]]:
    account_id = official.account.id
    for post in appointments_of(conn, official.person_id):
        if post.valid_from > conn.today or holds(post.valid_from, post.valid_until, conn.today):
            yield "appointment", {"id": post.id}
    mine = select(address).where(address.c.account_id == account_id, address.c.state == "active")
    entrusted = select(custody_table).where(custody_table.c.holder_id == account_id)
    statements = [("address", mine.order_by(address.c.address)), ("custody", entrusted)]
    for table, column in NAMING:
        if table.name in _HOW_TOLD:
            statements.append((table.name, select(table).where(column == account_id).order_by(*table.primary_key)))
    for name, statement in statements:
        for row in conn.execute(statement).mappings():
            yield name, dict(row)


def _ended(conn: Reading, official: Official) -> Iterator[tuple[str, _Row]]:
    """By the order that was carried out last."""
    carried_out = select(departure.c.changes).where(
        departure.c.account_id == official.account.id, departure.c.state == "done"
    )
    text = conn.execute(carried_out.order_by(departure.c.ordered_at.desc(), departure.c.id.desc()).limit(1)).scalar()
    for change in from_text(text or ""):
        if change.table in _HOW_TOLD and change.before is not None:
            yield change.table, {**change.key, **change.before}


# From a row to what is said of it; None: nothing.


def _post(conn: Reading, official: Official, row: _Row) -> Holding | None:
    for post in appointments_of(conn, official.person_id):
        if post.id == row["id"]:
            title = written_title(post.title, post.kind, positions(conn)[post.position_id].title)
            return Holding("post", title, find_unit(conn, post.unit_id).name, until=post.valid_until)
    return None


def _address(_conn: Reading, _official: Official, row: _Row) -> Holding:
    return Holding("address", row["address"])


def _mailbox(conn: Reading, official: Official, row: _Row) -> Holding:
    how = tuple(right for right in ("read", "send") if row[f"may_{right}"])
    if row["account_id"] != official.account.id:
        return Holding("reader", _login(conn, row["account_id"]), how=how, until=row["valid_until"])
    return Holding("mailbox", _login(conn, row["mailbox_id"]), how=how, until=row["valid_until"])


def _in_group(kind: str) -> Callable[[Reading, Official, _Row], Holding]:
    def told(conn: Reading, _official: Official, row: _Row) -> Holding:
        found = conn.execute(select(mail_group).where(mail_group.c.id == row["group_id"])).one()
        return Holding(kind, found.address, found.name)

    return told


def _delegation(conn: Reading, _official: Official, row: _Row) -> Holding:
    where = find_unit(conn, row["unit_id"]).name if row["unit_id"] else ""
    return Holding("administration", row["role"], where, tuple(row["attributes"].split()), row["valid_until"])


def _custody(conn: Reading, _official: Official, row: _Row) -> Holding:
    # a row that only changes hands tells nothing but its key
    return Holding("custody", _login(conn, row["mailbox_id"]), until=row.get("valid_until"))


def _login(conn: Reading, account_id: str) -> str:
    found = find_account(conn, account_id)
    return found.login if found is not None else account_id


_HOW_TOLD: Mapping[str, Callable[[Reading, Official, _Row], Holding | None]] = {
    "appointment": _post,
    "address": _address,
    "mailbox_right": _mailbox,
    "group_account": _in_group("member"),
    "group_poster": _in_group("poster"),
    "group_moderator": _in_group("moderator"),
    "delegation": _delegation,
    "custody": _custody,
}
