"""How much of its quota an account uses.  Counted over its mailboxes, whose counters are exact.

Standards: RFC 9208 (STORAGE is in units of 1024 octets there; here everything is in octets).
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from mailserver.store.prepared import Prepared
from mailserver.store.tables import mailbox


@dataclass(frozen=True, slots=True)
class Usage:
    """``size`` in octets."""

    size: int
    messages: int
    mailboxes: int


_USAGE = Prepared(
    select(
        func.coalesce(func.sum(mailbox.c.size), 0),
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


def full_accounts(connection: Connection, account_ids: list[str], quotas: dict[str, int], size: int) -> set[str]:
    """Those of many accounts that have no room for ``size`` octets; asked in sets, not one by one."""
    limited = [account_id for account_id in account_ids if quotas.get(account_id)]
    full: set[str] = set()
    for start in range(0, len(limited), 500):
        chunk = limited[start : start + 500]
        rows = connection.execute(
            select(mailbox.c.account_id, func.sum(mailbox.c.size))
            .where(mailbox.c.account_id.in_(chunk))
            .group_by(mailbox.c.account_id)
        )
        full.update(account_id for account_id, used in rows if used + size > quotas[account_id])
    full.update(account_id for account_id in limited if size > quotas[account_id])
    return full
