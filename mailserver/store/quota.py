"""How much of its quota an account uses.  Counted over its mailboxes, whose counters are exact, and the
files that it has links to.

Standards: RFC 9208 (STORAGE is in units of 1024 octets there; here everything is in octets).
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select, union_all

from mailserver.store.prepared import Prepared
from mailserver.store.tables import mailbox
from mailserver.store.work_tables import linked_file


@dataclass(frozen=True, slots=True)
class Usage:
    """``size`` in octets."""

    size: int
    messages: int
    mailboxes: int


_LINKED = (
    select(func.coalesce(func.sum(linked_file.c.size), 0))
    .where(linked_file.c.account_id == bindparam("account_id"))
    .scalar_subquery()
)
_USAGE = Prepared(
    select(
        func.coalesce(func.sum(mailbox.c.size), 0) + _LINKED,
        func.coalesce(func.sum(mailbox.c.messages), 0),
        func.count() - func.count(mailbox.c.removed_at),
    ).where(mailbox.c.account_id == bindparam("account_id"))
)


def usage(connection: Connection, account_id: str) -> Usage:
    size, messages, mailboxes = _USAGE.row(connection, {"account_id": account_id})
    return Usage(int(size), int(messages), int(mailboxes))


def room_for(connection: Connection, account_id: str, quota: int, size: int) -> bool:
    """Whether ``size`` more octets fit; a quota of 0 is none."""
    return quota == 0 or usage(connection, account_id).size + size <= quota


def using_more_than(connection: Connection, size: int) -> set[str]:
    """Accounts that use more than so many octets; asked at once, not one by one."""
    held = union_all(
        select(mailbox.c.account_id, mailbox.c.size), select(linked_file.c.account_id, linked_file.c.size)
    ).subquery()
    statement = select(held.c.account_id).group_by(held.c.account_id).having(func.sum(held.c.size) > size)
    return set(connection.execute(statement).scalars())
