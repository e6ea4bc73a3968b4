"""Mail that waits to be sent on: durable rows, claimed under a lease that expires by itself.

An item is one message under one envelope; each of its recipients has its own state, its own next try and its
own lease.  Whoever relays claims what is due, and records what became of it.  If the relay dies, its leases
run out and the recipients are due again: nothing it did not record is taken for sent, and a second copy is
possible only where the other server took a message and the relay died before it was written down.

Local recipients appear here only while they cannot be served (a full mailbox of a group's member).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, select, tuple_, update

from mailserver.store.database import Transaction
from mailserver.store.mailboxes import take_numbers
from mailserver.store.tables import message, spool_item, spool_recipient

DUE, SENT, FAILED = "due", "sent", "failed"
# How long a claim holds.  Longer than the longest wait of one transaction (RFC 5321 §4.5.3.2: 10 minutes
# after the dot).
LEASE_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class SpoolRecipient:
    forward_path: str
    notify: str = ""
    original_recipient: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What all recipients of an item share."""

    reverse_path: str
    submitter: str = ""
    envelope_id: str = ""
    ret: str = ""
    smtputf8: bool = False
    eight_bit: bool = False
    is_binary: bool = False  # RFC 3030: only for a server that offers BINARYMIME, as it is
    require_tls: bool = False  # RFC 8689 §4.2: only over verified TLS, and only to a server that offers REQUIRETLS
    tls_optional: bool = False  # RFC 8689 §5 (TLS-Required: No): rather in clear than not at all
    priority: int = 0  # RFC 6710: -9 to 9
    deliver_by: int = 0  # RFC 2852: the moment until which it is to arrive; 0: none
    deliver_by_mode: str = ""  # R: return it then, N: tell of the delay then; with T: tell of every relaying
    release_at: int = 0  # RFC 4865: not before then; 0: at once


@dataclass(frozen=True, slots=True)
class Waiting:
    """A recipient as it stands in the spool."""

    forward_path: str
    domain: str
    state: str
    attempts: int
    next_attempt_at: int
    leased_until: int
    last_reply: str
    notify: str
    original_recipient: str


@dataclass(slots=True)
class Item:
    id: int
    message_id: int
    size: int
    created_at: int
    held: bool
    delay_reported: bool
    envelope: Envelope
    recipients: list[Waiting] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one claimed recipient.  ``next_attempt_at`` counts for state ``due``."""

    item_id: int
    forward_path: str
    state: str
    reply: str
    next_attempt_at: int = 0


_INSERT_ITEM = insert(spool_item)
_INSERT_RECIPIENT = insert(spool_recipient)


def put(
    tx: Transaction,
    message_id: int,
    envelope: Envelope,
    recipients: Iterable[SpoolRecipient],
    *,
    due_at: int | None = None,
    held: bool = False,
    reply: str = "",
) -> int:
    """Spool a message of the store for these recipients; the item's id.

    ``due_at`` is now unless given, and never before the envelope's release.
    """
    item_id = take_numbers(tx, "spool_item", 1)
    tx.connection.execute(
        _INSERT_ITEM,
        {
            "id": item_id,
            "message_id": message_id,
            "reverse_path": envelope.reverse_path,
            "submitter": envelope.submitter,
            "envelope_id": envelope.envelope_id,
            "ret": envelope.ret,
            "smtputf8": envelope.smtputf8,
            "eight_bit": envelope.eight_bit,
            "is_binary": envelope.is_binary,
            "require_tls": envelope.require_tls,
            "tls_optional": envelope.tls_optional,
            "priority": envelope.priority,
            "deliver_by": envelope.deliver_by,
            "deliver_by_mode": envelope.deliver_by_mode,
            "release_at": envelope.release_at,
            "created_at": tx.now,
            "held": held,
            "delay_reported": False,
        },
    )
    rows = {recipient.forward_path: recipient for recipient in recipients}
    tx.connection.execute(
        _INSERT_RECIPIENT,
        [
            {
                "item_id": item_id,
                "forward_path": recipient.forward_path,
                "domain": recipient.forward_path.rpartition("@")[2],
                "state": DUE,
                "attempts": 0,
                "next_attempt_at": max(envelope.release_at, tx.now if due_at is None else due_at),
                "leased_until": 0,
                "lease_owner": "",
                "last_reply": reply,
                "notify": recipient.notify,
                "original_recipient": recipient.original_recipient,
            }
            for recipient in rows.values()
        ],
    )
    tx.wake_spool()
    return item_id


_DUE = (
    select(spool_recipient.c.item_id, spool_recipient.c.forward_path)
    .join(spool_item, spool_item.c.id == spool_recipient.c.item_id)
    .where(
        spool_recipient.c.state == DUE,
        spool_recipient.c.next_attempt_at <= bindparam("now"),
        spool_recipient.c.leased_until <= bindparam("now"),
        spool_item.c.held.is_(False),
    )
    .order_by(spool_recipient.c.next_attempt_at, spool_recipient.c.item_id)
    .limit(bindparam("count"))
)


def claim_due(tx: Transaction, owner: str, limit: int) -> list[Item]:
    """Lease up to ``limit`` recipients that are due to ``owner``; their items, with those recipients only."""
    due = [tuple(row) for row in tx.connection.execute(_DUE, {"now": tx.now, "count": limit})]
    if not due:
        return []
    claimed: list[tuple[int, str]] = []
    for start in range(0, len(due), 200):
        rows = tx.connection.execute(
            update(spool_recipient)
            .where(
                tuple_(spool_recipient.c.item_id, spool_recipient.c.forward_path).in_(due[start : start + 200]),
                # Said again: on PostgreSQL another relay may have been quicker, and its lease is seen only
                # here.
                spool_recipient.c.state == DUE,
                spool_recipient.c.leased_until <= tx.now,
            )
            .values(leased_until=tx.now + LEASE_SECONDS, lease_owner=owner)
            .returning(spool_recipient.c.item_id, spool_recipient.c.forward_path)
        )
        claimed += [tuple(row) for row in rows]
    mine = set(claimed)
    items = load_items(tx.connection, sorted({item_id for item_id, _ in mine}))
    for item in items:
        item.recipients = [each for each in item.recipients if (item.id, each.forward_path) in mine]
    return items


def extend_leases(tx: Transaction, owner: str, item_ids: Sequence[int]) -> None:
    """A long conversation is still going on: what it holds stays held."""
    tx.connection.execute(
        update(spool_recipient)
        .where(
            spool_recipient.c.lease_owner == owner,
            spool_recipient.c.item_id.in_(item_ids),
            spool_recipient.c.state == DUE,
        )
        .values(leased_until=tx.now + LEASE_SECONDS)
    )


_WAITS = and_(spool_recipient.c.state == DUE, spool_item.c.held.is_(False))
_IS_DUE = (
    select(spool_recipient.c.item_id)
    .join(spool_item, spool_item.c.id == spool_recipient.c.item_id)
    .where(
        _WAITS,
        spool_recipient.c.next_attempt_at <= bindparam("now"),
        spool_recipient.c.leased_until <= bindparam("now"),
    )
    .limit(1)
)
_NEXT = (
    select(spool_recipient.c.next_attempt_at)
    .join(spool_item, spool_item.c.id == spool_recipient.c.item_id)
    .where(_WAITS, spool_recipient.c.next_attempt_at > bindparam("now"))
    .order_by(spool_recipient.c.next_attempt_at)
    .limit(1)
)


def next_due_at(connection: Connection, now: int) -> int | None:
    """When something is due: now, at a later time, or None when nothing waits but what is being sent.

    A lease that runs out is not foreseen; it is found by whoever looks afterwards.
    """
    if connection.execute(_IS_DUE, {"now": now}).first() is not None:
        return now
    found: int | None = connection.execute(_NEXT, {"now": now}).scalar()
    return found


_RECORD = (
    update(spool_recipient)
    .where(
        spool_recipient.c.item_id == bindparam("at_item"),
        spool_recipient.c.forward_path == bindparam("at_path"),
        spool_recipient.c.state == DUE,
    )
    .values(
        state=bindparam("new_state"),
        last_reply=bindparam("new_reply"),
        next_attempt_at=bindparam("new_time"),
        attempts=spool_recipient.c.attempts + 1,
        leased_until=0,
        lease_owner="",
    )
)
# A claim that was lost to another relay may still say "sent" or "failed", for that is a fact; it must not say
# "try later".
_RECORD_LATER = _RECORD.where(spool_recipient.c.lease_owner == bindparam("by_owner"))


def record(tx: Transaction, owner: str, results: Sequence[Result]) -> None:
    """Write down what became of claimed recipients."""
    rows = [
        {
            "at_item": result.item_id,
            "at_path": result.forward_path,
            "new_state": result.state,
            "new_reply": result.reply[:1000],
            "new_time": result.next_attempt_at,
        }
        for result in results
    ]
    final = [row for row in rows if row["new_state"] != DUE]
    later = [row | {"by_owner": owner} for row in rows if row["new_state"] == DUE]
    if final:
        tx.connection.execute(_RECORD, final)
    if later:
        tx.connection.execute(_RECORD_LATER, later)
        tx.wake_spool()


def release(tx: Transaction, owner: str, item_ids: Sequence[int] | None = None) -> None:
    """Give claims back untried (the relay is going down)."""
    where = [spool_recipient.c.lease_owner == owner]
    if item_ids is not None:
        where.append(spool_recipient.c.item_id.in_(item_ids))
    tx.connection.execute(update(spool_recipient).where(*where).values(leased_until=0, lease_owner=""))


def lease_owners(connection: Connection) -> list[str]:
    """Everybody who holds something."""
    held = spool_recipient.c.lease_owner
    return list(connection.execute(select(held).where(spool_recipient.c.state == DUE, held != "").distinct()).scalars())


def mark_delay_reported(tx: Transaction, item_id: int) -> bool:
    """True for whoever is the first to report the delay."""
    changed = tx.connection.execute(
        update(spool_item)
        .where(and_(spool_item.c.id == item_id, spool_item.c.delay_reported.is_(False)))
        .values(delay_reported=True)
    )
    return changed.rowcount == 1


def remove_finished(tx: Transaction, item_ids: Iterable[int]) -> None:
    """Forget items nobody waits for any more; their messages are swept by the housekeeper."""
    for item_id in set(item_ids):
        waiting = tx.connection.execute(
            select(func.count())
            .select_from(spool_recipient)
            .where(spool_recipient.c.item_id == item_id, spool_recipient.c.state == DUE)
        ).scalar_one()
        if not waiting:
            remove_item(tx, item_id)


def remove_item(tx: Transaction, item_id: int) -> bool:
    tx.connection.execute(delete(spool_recipient).where(spool_recipient.c.item_id == item_id))
    return tx.connection.execute(delete(spool_item).where(spool_item.c.id == item_id)).rowcount == 1


_ITEM_COLUMNS = (
    spool_item.c.id,
    spool_item.c.message_id,
    message.c.size,
    spool_item.c.created_at,
    spool_item.c.held,
    spool_item.c.delay_reported,
    spool_item.c.reverse_path,
    spool_item.c.submitter,
    spool_item.c.envelope_id,
    spool_item.c.ret,
    spool_item.c.smtputf8,
    spool_item.c.eight_bit,
    spool_item.c.is_binary,
    spool_item.c.require_tls,
    spool_item.c.tls_optional,
    spool_item.c.priority,
    spool_item.c.deliver_by,
    spool_item.c.deliver_by_mode,
    spool_item.c.release_at,
)
_RECIPIENT_COLUMNS = (
    spool_recipient.c.forward_path,
    spool_recipient.c.domain,
    spool_recipient.c.state,
    spool_recipient.c.attempts,
    spool_recipient.c.next_attempt_at,
    spool_recipient.c.leased_until,
    spool_recipient.c.last_reply,
    spool_recipient.c.notify,
    spool_recipient.c.original_recipient,
)


def load_items(connection: Connection, item_ids: Sequence[int] | None = None) -> list[Item]:
    """Items with all their recipients, oldest first; all items unless ids are given."""
    items: dict[int, Item] = {}
    chunks: list[Sequence[int] | None] = [None]
    if item_ids is not None:
        chunks = [item_ids[start : start + 500] for start in range(0, len(item_ids), 500)]
    for chunk in chunks:
        chosen = select(*_ITEM_COLUMNS).join(message, message.c.id == spool_item.c.message_id).order_by(spool_item.c.id)
        paths = select(spool_recipient.c.item_id, *_RECIPIENT_COLUMNS).order_by(
            spool_recipient.c.item_id, spool_recipient.c.forward_path
        )
        if chunk is not None:
            chosen = chosen.where(spool_item.c.id.in_(chunk))
            paths = paths.where(spool_recipient.c.item_id.in_(chunk))
        for row in connection.execute(chosen):
            item_id, message_id, size, created_at, held, delay_reported, *shared = row
            envelope = Envelope(*shared)
            items[item_id] = Item(item_id, message_id, size, created_at, held, delay_reported, envelope)
        for item_id, *values in connection.execute(paths):
            if item_id in items:
                items[item_id].recipients.append(Waiting(*values))
    return [items[item_id] for item_id in sorted(items)]
