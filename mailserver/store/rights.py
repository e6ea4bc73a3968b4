"""Access control lists: what others than its owner may do in a mailbox.

A list has entries of an identifier and rights; a negative entry takes rights away.  Who an identifier means, and what
the rights come to for one reader, is decided in ``mailserver.access``: here they are only kept.

Standards: RFC 4314 §2.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select

from mailserver.refusals import LimitReached
from mailserver.store.database import Transaction
from mailserver.store.prepared import Prepared
from mailserver.store.tables import mailbox, mailbox_acl

# In the order in which they are shown (RFC 4314 §2.1).
RIGHTS = "lrswipkxtea"
Rights = frozenset[str]
ALL: Rights = frozenset(RIGHTS)
NONE: Rights = frozenset()
MAX_ENTRIES = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """``identifier``: ``anyone``, ``a:`` and an account's id, or ``g:`` and a group's."""

    identifier: str
    negative: bool
    rights: Rights


_ENTRIES = Prepared(
    select(mailbox_acl.c.identifier, mailbox_acl.c.negative, mailbox_acl.c.rights)
    .where(mailbox_acl.c.mailbox_id == bindparam("mailbox_id"))
    .order_by(mailbox_acl.c.identifier, mailbox_acl.c.negative)
)


def entries(connection: Connection, mailbox_id: int) -> list[Entry]:
    rows = _ENTRIES.rows(connection, {"mailbox_id": int(mailbox_id)})
    return [Entry(identifier, bool(negative), frozenset(rights)) for identifier, negative, rights in rows]


_ENTRIES_OF_ACCOUNT = Prepared(
    select(mailbox_acl.c.mailbox_id, mailbox_acl.c.identifier, mailbox_acl.c.negative, mailbox_acl.c.rights)
    .join(mailbox, mailbox.c.id == mailbox_acl.c.mailbox_id)
    .where(mailbox.c.account_id == bindparam("account_id"))
)


def entries_of_account(connection: Connection, account_id: str) -> dict[int, list[Entry]]:
    """The lists of all of an account's mailboxes that have one."""
    found: dict[int, list[Entry]] = {}
    for mailbox_id, *row in _ENTRIES_OF_ACCOUNT.rows(connection, {"account_id": account_id}):
        identifier, negative, letters = row
        found.setdefault(mailbox_id, []).append(Entry(identifier, bool(negative), frozenset(letters)))
    return found


def set_entry(tx: Transaction, mailbox_id: int, entry: Entry) -> None:
    """Replace what the identifier was given before; an entry without rights is none.  Raises LimitReached."""
    drop_entry(tx, mailbox_id, entry.identifier, entry.negative)
    if not entry.rights:
        return
    if len(entries(tx.connection, mailbox_id)) >= MAX_ENTRIES:
        raise LimitReached("The access control list is full")
    rights = "".join(right for right in RIGHTS if right in entry.rights)
    tx.connection.execute(
        insert(mailbox_acl),
        [
            {
                "mailbox_id": int(mailbox_id),
                "identifier": entry.identifier,
                "negative": entry.negative,
                "rights": rights,
            }
        ],
    )


def drop_entry(tx: Transaction, mailbox_id: int, identifier: str, negative: bool) -> None:
    tx.touch(int(mailbox_id))
    tx.connection.execute(
        delete(mailbox_acl).where(
            mailbox_acl.c.mailbox_id == int(mailbox_id),
            mailbox_acl.c.identifier == identifier,
            mailbox_acl.c.negative.is_(negative),
        )
    )


def inherit(tx: Transaction, parent_id: int, child_ids: Collection[int]) -> None:
    """A new mailbox begins with its parent's list (RFC 4314 §4, CREATE)."""
    for entry in entries(tx.connection, parent_id):
        for child_id in child_ids:
            set_entry(tx, child_id, entry)


def forget(tx: Transaction, mailbox_id: int) -> None:
    """DELETE takes the list with it (RFC 4314 §4)."""
    tx.connection.execute(delete(mailbox_acl).where(mailbox_acl.c.mailbox_id == int(mailbox_id)))


def shared_with(connection: Connection, identifiers: Collection[str]) -> list[str]:
    """Accounts that have a mailbox in which one of the identifiers was given something."""
    owners = (
        select(mailbox.c.account_id)
        .join(mailbox_acl, mailbox_acl.c.mailbox_id == mailbox.c.id)
        .where(mailbox_acl.c.identifier.in_(sorted(identifiers)), mailbox_acl.c.negative.is_(False))
        .where(mailbox.c.removed_at.is_(None))
        .distinct()
    )
    return sorted(connection.execute(owners).scalars())


_TAKEN = Prepared(
    select(mailbox_acl.c.identifier)
    .join(mailbox, mailbox.c.id == mailbox_acl.c.mailbox_id)
    .where(mailbox.c.account_id == bindparam("account_id"), mailbox_acl.c.negative.is_(True))
    .distinct()
)


def taken_from(connection: Connection, account_id: str) -> list[str]:
    """Identifiers from which some right is taken in one of an account's mailboxes."""
    return [identifier for (identifier,) in _TAKEN.rows(connection, {"account_id": account_id})]


_GROUPS = Prepared(select(mailbox_acl.c.identifier).where(mailbox_acl.c.identifier.like("g:%")).distinct())


def groups_named(connection: Connection) -> list[str]:
    """Every group that some list names."""
    return [identifier for (identifier,) in _GROUPS.rows(connection, {})]
