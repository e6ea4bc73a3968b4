"""Annotations: small values that clients keep with a mailbox, or with the server.

Entry names are kept in lower case, since they are one in any case.  A private entry belongs to one account, a shared
one to nobody.  Every change takes a number that only grows; a removed entry leaves its name and that number, so that
whoever looks for changes hears of it.

Standards: RFC 5464 §3, §4.1.
Limits: 32 KB a value, 100 entries an account and mailbox (and 100 shared ones).
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, delete, insert, or_, select

from mailserver.refusals import LimitReached
from mailserver.store.database import Transaction
from mailserver.store.prepared import Prepared
from mailserver.store.tables import annotation, sequence

# The mailbox under which annotations of the server are kept, and by which their changes are announced.
SERVER = 0
SERVER_CHANGES = -1
SHARED = ""
MAX_VALUE = 32_768
MAX_ENTRIES = 100
PRIVATE_PREFIX, SHARED_PREFIX = "/private/", "/shared/"


class TooManyAnnotations(LimitReached):
    default_text = "Too many annotations"


class AnnotationTooLarge(LimitReached):
    default_text = f"An annotation may have {MAX_VALUE} octets"


_MINE = or_(annotation.c.account_id == SHARED, annotation.c.account_id == bindparam("account_id"))
_ALL = Prepared(
    select(annotation.c.entry, annotation.c.value)
    .where(annotation.c.mailbox_id == bindparam("mailbox_id"), _MINE, annotation.c.value.is_not(None))
    .order_by(annotation.c.entry)
)
_CHANGED = Prepared(
    select(annotation.c.mailbox_id, annotation.c.entry)
    .where(annotation.c.changed > bindparam("changed"), _MINE)
    .order_by(annotation.c.mailbox_id, annotation.c.entry)
    .limit(bindparam("most"))
)
_LATEST = Prepared(select(sequence.c.value).where(sequence.c.name == "annotation"))


def owner_of(entry: str, account_id: str) -> str:
    """Under whom an entry is kept."""
    return account_id if entry.startswith(PRIVATE_PREFIX) else SHARED


def values(connection: Connection, mailbox_id: int, account_id: str) -> dict[str, bytes]:
    """Entry → value: the shared ones and those of the account."""
    rows = _ALL.rows(connection, {"mailbox_id": int(mailbox_id), "account_id": account_id})
    return {entry: bytes(value) for entry, value in rows}


def latest(connection: Connection) -> int:
    """The number of the last change anywhere."""
    return int(_LATEST.row(connection, {})[0])


def changed_since(connection: Connection, number: int, account_id: str, most: int) -> list[tuple[int, str]]:
    """(mailbox, entry) of what changed after a number and the account may see: shared entries and its own."""
    values = {"changed": number, "account_id": account_id, "most": most}
    return [(mailbox_id, entry) for mailbox_id, entry in _CHANGED.rows(connection, values)]


def change(tx: Transaction, mailbox_id: int, account_id: str, wanted: Mapping[str, bytes | None]) -> None:
    """Set or, for None, remove entries: all of them or none.  Raises TooManyAnnotations, AnnotationTooLarge."""
    mailbox_id = int(mailbox_id)
    if any(value is not None and len(value) > MAX_VALUE for value in wanted.values()):
        raise AnnotationTooLarge
    number = _next_number(tx)  # from here on nobody else changes any
    rows = []
    for entry, value in wanted.items():
        owner = owner_of(entry, account_id)
        row = {"mailbox_id": mailbox_id, "account_id": owner, "entry": entry, "value": value, "changed": number}
        gone = tx.connection.execute(
            delete(annotation).where(
                annotation.c.mailbox_id == mailbox_id, annotation.c.account_id == owner, annotation.c.entry == entry
            )
        ).rowcount
        if value is not None or gone:
            rows.append(row)
    if rows:
        tx.connection.execute(insert(annotation), rows)
        for owner in sorted({str(row["account_id"]) for row in rows}):
            _keep_few(tx, mailbox_id, owner)
    tx.touch(mailbox_id or SERVER_CHANGES)


def _next_number(tx: Transaction) -> int:
    from mailserver.store.mailboxes import take_numbers  # which stand on this, to forget and copy

    return take_numbers(tx, "annotation", 1)


def _keep_few(tx: Transaction, mailbox_id: int, owner: str) -> None:
    """Refuse too many values, and forget the oldest of many names that were removed."""
    whose = (annotation.c.mailbox_id == mailbox_id, annotation.c.account_id == owner)
    rows = tx.connection.execute(
        select(annotation.c.entry, annotation.c.value.is_(None)).where(*whose).order_by(annotation.c.changed.desc())
    ).all()
    removed = [entry for entry, is_gone in rows if is_gone]
    if len(rows) - len(removed) > MAX_ENTRIES:
        raise TooManyAnnotations
    if len(removed) > MAX_ENTRIES:
        tx.connection.execute(delete(annotation).where(*whose, annotation.c.entry.in_(removed[MAX_ENTRIES:])))


def copy(tx: Transaction, source_id: int, target_id: int) -> None:
    """INBOX was renamed: the new mailbox has its annotations, and INBOX keeps them (RFC 5464 §4.1)."""
    columns = [annotation.c.account_id, annotation.c.entry, annotation.c.value]
    kept = select(*columns).where(annotation.c.mailbox_id == int(source_id), annotation.c.value.is_not(None))
    rows = tx.connection.execute(kept).all()
    if rows:
        number = _next_number(tx)
        tx.connection.execute(
            insert(annotation),
            [
                {
                    "mailbox_id": int(target_id),
                    "account_id": account_id,
                    "entry": entry,
                    "value": value,
                    "changed": number,
                }
                for account_id, entry, value in rows
            ],
        )


def forget(tx: Transaction, mailbox_id: int) -> None:
    """DELETE takes the annotations with it (RFC 5464 §4.1)."""
    tx.connection.execute(delete(annotation).where(annotation.c.mailbox_id == int(mailbox_id)))
