"""Annotations: small values that clients keep with a mailbox, or with the server.

Entry names are kept in lower case, since they are one in any case.  A private entry belongs to one account, a shared
one to nobody.

Standards: RFC 5464 §3, §4.1.
Limits: 32 KB a value, 100 entries an account and mailbox (and 100 shared ones).
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select

from mailserver.refusals import LimitReached
from mailserver.store.database import Transaction
from mailserver.store.prepared import Prepared
from mailserver.store.tables import annotation

# The mailbox under which annotations of the server are kept.
SERVER = 0
SHARED = ""
MAX_VALUE = 32_768
MAX_ENTRIES = 100
PRIVATE_PREFIX, SHARED_PREFIX = "/private/", "/shared/"


class TooManyAnnotations(LimitReached):
    default_text = "Too many annotations"


class AnnotationTooLarge(LimitReached):
    default_text = f"An annotation may have {MAX_VALUE} octets"


_ALL = Prepared(
    select(annotation.c.account_id, annotation.c.entry, annotation.c.value)
    .where(annotation.c.mailbox_id == bindparam("mailbox_id"))
    .where(or_(annotation.c.account_id == SHARED, annotation.c.account_id == bindparam("account_id")))
    .order_by(annotation.c.entry)
)


def owner_of(entry: str, account_id: str) -> str:
    """Under whom an entry is kept."""
    return account_id if entry.startswith(PRIVATE_PREFIX) else SHARED


def values(connection: Connection, mailbox_id: int, account_id: str) -> dict[str, bytes]:
    """Entry → value: the shared ones and those of the account."""
    rows = _ALL.rows(connection, {"mailbox_id": int(mailbox_id), "account_id": account_id})
    return {entry: bytes(value) for _, entry, value in rows}


def change(tx: Transaction, mailbox_id: int, account_id: str, wanted: Mapping[str, bytes | None]) -> None:
    """Set or, for None, remove entries: all of them or none.  Raises TooManyAnnotations, AnnotationTooLarge."""
    mailbox_id = int(mailbox_id)
    if mailbox_id:
        tx.hold(mailbox_id)
    rows = []
    for entry, value in wanted.items():
        owner = owner_of(entry, account_id)
        if value is not None:
            if len(value) > MAX_VALUE:
                raise AnnotationTooLarge
            rows.append({"mailbox_id": mailbox_id, "account_id": owner, "entry": entry, "value": value})
        tx.connection.execute(
            delete(annotation).where(
                annotation.c.mailbox_id == mailbox_id,
                annotation.c.account_id == owner,
                annotation.c.entry == entry,
            )
        )
    if rows:
        tx.connection.execute(insert(annotation), rows)
        for owner in {str(row["account_id"]) for row in rows}:
            count = select(func.count()).where(annotation.c.mailbox_id == mailbox_id, annotation.c.account_id == owner)
            if tx.connection.execute(count).scalar_one() > MAX_ENTRIES:
                raise TooManyAnnotations
    if mailbox_id:
        tx.touch(mailbox_id)


def copy(tx: Transaction, source_id: int, target_id: int) -> None:
    """INBOX was renamed: the new mailbox has its annotations, and INBOX keeps them (RFC 5464 §4.1)."""
    columns = [annotation.c.account_id, annotation.c.entry, annotation.c.value]
    rows = tx.connection.execute(select(*columns).where(annotation.c.mailbox_id == int(source_id))).all()
    if rows:
        tx.connection.execute(
            insert(annotation),
            [
                {"mailbox_id": int(target_id), "account_id": account_id, "entry": entry, "value": value}
                for account_id, entry, value in rows
            ],
        )


def forget(tx: Transaction, mailbox_id: int) -> None:
    """DELETE takes the annotations with it (RFC 5464 §4.1)."""
    tx.connection.execute(delete(annotation).where(annotation.c.mailbox_id == int(mailbox_id)))
