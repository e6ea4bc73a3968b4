"""The spool as an operator sees it: what waits, why, and the few things that may be done about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, update

from mailserver.delivery import spool
from mailserver.store import Store
from mailserver.store.database import Transaction
from mailserver.store.tables import message, spool_item, spool_recipient


@dataclass(frozen=True, slots=True)
class QueuedRecipient:
    forward_path: str
    state: str  # due, sending, sent, failed
    attempts: int
    next_attempt_at: int
    last_reply: str


@dataclass(frozen=True, slots=True)
class Queued:
    """One message that waits for some of its recipients."""

    id: int
    reverse_path: str
    submitter: str
    size: int
    created_at: int
    held: bool
    subject: str
    recipients: tuple[QueuedRecipient, ...]


def list_queued(store: Store, now: int, item_ids: Sequence[int] | None = None) -> list[Queued]:
    """What waits, oldest first; everything, or the items named."""
    with store.read() as connection:
        items = spool.load_items(connection, item_ids)
        subjects = {
            row.id: row.subject
            for start in range(0, len(items), 500)
            for row in connection.execute(
                select(message.c.id, message.c.subject).where(
                    message.c.id.in_([item.message_id for item in items[start : start + 500]])
                )
            )
        }
    return [
        Queued(
            id=item.id,
            reverse_path=item.envelope.reverse_path,
            submitter=item.envelope.submitter,
            size=item.size,
            created_at=item.created_at,
            held=item.held,
            subject=subjects.get(item.message_id, ""),
            recipients=tuple(
                QueuedRecipient(
                    each.forward_path,
                    "sending" if each.state == spool.DUE and each.leased_until > now else each.state,
                    each.attempts,
                    each.next_attempt_at,
                    each.last_reply,
                )
                for each in item.recipients
            ),
        )
        for item in items
    ]


def header_of(store: Store, item_id: int) -> bytes:
    """The header block of a queued message, empty when it is gone."""
    with store.read() as connection:
        row = connection.execute(
            select(spool_item.c.message_id, message.c.header_size)
            .join(message, message.c.id == spool_item.c.message_id)
            .where(spool_item.c.id == item_id)
        ).first()
        return store.octets(connection, row[0], 0, row[1]) if row is not None else b""


def hold(store: Store, item_ids: Sequence[int]) -> int:
    """Leave them where they are until they are released; how many that changed.  What is being sent is finished."""
    return _set_held(store, item_ids, held=True)


def release(store: Store, item_ids: Sequence[int]) -> int:
    """Let the relay have them again."""
    return _set_held(store, item_ids, held=False)


def _set_held(store: Store, item_ids: Sequence[int], *, held: bool) -> int:
    def job(tx: Transaction) -> int:
        changed = tx.connection.execute(
            update(spool_item)
            .where(spool_item.c.id.in_(list(item_ids)), spool_item.c.held.is_(not held))
            .values(held=held)
        ).rowcount
        if not held:
            tx.wake_spool()
        return int(changed)

    return store.write(job).result()


def retry(store: Store, item_ids: Sequence[int]) -> int:
    """Try them now instead of when they are due; how many recipients that concerns.  Held ones stay held."""

    def job(tx: Transaction) -> int:
        changed = tx.connection.execute(
            update(spool_recipient)
            .where(
                spool_recipient.c.item_id.in_(list(item_ids)),
                spool_recipient.c.state == spool.DUE,
                spool_recipient.c.leased_until <= tx.now,
            )
            .values(next_attempt_at=tx.now)
        ).rowcount
        tx.wake_spool()
        return int(changed)

    return store.write(job).result()


def remove(store: Store, item_ids: Sequence[int]) -> int:
    """Forget them; nobody is told.  How many there were."""
    return store.write(lambda tx: sum(spool.remove_item(tx, item_id) for item_id in item_ids)).result()
