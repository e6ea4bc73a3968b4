"""What the store does at night: forget what can no longer be brought back, and sweep what nobody refers to."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, select, update

from mailserver.store.database import Transaction
from mailserver.store.tables import (
    expunged,
    mailbox,
    message,
    message_header,
    message_listing,
    message_octets,
    message_order,
    placement,
    reader_seen,
    spool_item,
)
from mailserver.store.work_tables import linked_file

# Rows that one transaction may remove, so that nobody's acknowledgement waits long.
_BATCH = 2000
# A message this young may belong to a transaction of another process.
_UNPLACED_AGE = 3600


def purge_tombstones(tx: Transaction, before: int) -> int:
    """Forget messages expunged before a time; QRESYNC clients older than that must compare all UIDs."""
    doomed = tx.connection.execute(
        select(expunged.c.mailbox_id, expunged.c.uid, expunged.c.modseq)
        .where(expunged.c.expunged_at < before)
        .order_by(expunged.c.expunged_at)
        .limit(_BATCH)
    ).all()
    tx.hold(*{row.mailbox_id for row in doomed})  # whoever brings something back holds it too
    horizons: dict[int, int] = {}
    for mailbox_id, uid, modseq in doomed:
        tx.connection.execute(
            delete(expunged).where(
                expunged.c.mailbox_id == mailbox_id, expunged.c.modseq == modseq, expunged.c.uid == uid
            )
        )
        tx.connection.execute(
            delete(reader_seen).where(reader_seen.c.mailbox_id == mailbox_id, reader_seen.c.uid == uid)
        )
        horizons[mailbox_id] = max(horizons.get(mailbox_id, 0), modseq)
    for mailbox_id, modseq in horizons.items():
        tx.connection.execute(
            update(mailbox)
            .where(mailbox.c.id == mailbox_id, mailbox.c.vanished_horizon < modseq)
            .values(vanished_horizon=modseq)
        )
    return len(doomed)


def purge_messages(tx: Transaction) -> int:
    """Remove messages that are in no mailbox, cannot be brought back, and are not on their way out."""
    referred = [
        select(table.c.message_id).where(table.c.message_id == message.c.id).exists()
        for table in (placement, expunged, spool_item)
    ]
    statement = select(message.c.id).where(message.c.received_at < tx.now - _UNPLACED_AGE)
    for reference in referred:
        statement = statement.where(~reference)
    doomed = list(tx.connection.execute(statement.limit(_BATCH)).scalars())
    if doomed:
        for table in (message_octets, message_header, message_listing, message_order):
            tx.connection.execute(delete(table).where(table.c.message_id.in_(doomed)))
        tx.connection.execute(delete(message).where(message.c.id.in_(doomed)))
    return len(doomed)


def is_file_needed(connection: Connection, digest: bytes) -> bool:
    counts = (
        select(func.count()).select_from(table).where(table.c.digest == digest)
        for table in (message_octets, linked_file)
    )
    return any(connection.execute(each).scalar_one() for each in counts)
