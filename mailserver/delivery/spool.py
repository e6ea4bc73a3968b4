"""Mail that waits to be sent on: durable rows, leased lane by lane.

An item is one message under one envelope; each of its recipients has its own state and its own next try.  All that
waits for one domain at one priority is a lane (``delivery.lanes``): a relay leases lanes and works through them, so
that a claim costs a row for a domain and not for a message, and a million messages for others are not looked at.
If a relay dies, its leases run out: nothing it did not record is taken for sent, and a second copy is possible only
where the other server took a message and the relay died before it was written down.

Local recipients appear here only while they cannot be served (a full mailbox of a group's member).

Standards: RFC 4865 (release at a time), RFC 6710 (priority), RFC 2852 (deadline).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Table, and_, bindparam, delete, select, text, update

from mailserver.smtp.replies import Reply
from mailserver.store.database import Transaction
from mailserver.store.mailboxes import take_numbers
from mailserver.store.prepared import Rows
from mailserver.store.tables import message, spool_item, spool_lane, spool_recipient

DUE, HELD, SENT, FAILED = "due", "held", "sent", "failed"
WAITING = (DUE, HELD)
# When what is not due is due: an index finds it nowhere.
NEVER = 2**62
# At the latest after so many seconds somebody looks whether the sender is to be told, tried or not.
FIRST_LOOK = 900

LaneKey = tuple[str, int]  # domain and priority


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
    is_junk: bool = False  # whoever of ours waits for it gets it in \Junk


@dataclass(frozen=True, slots=True)
class Waiting:
    """A recipient as it stands in the spool."""

    forward_path: str
    domain: str
    state: str
    attempts: int
    next_attempt_at: int
    deadline_at: int
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
    moderation: str  # the group whose moderators let it pass, or are to
    envelope: Envelope
    recipients: list[Waiting] = field(default_factory=list)
    objection: Reply | None = None  # why what waited for its moment does not go after all (delivery.postponing)

    @property
    def since(self) -> int:
        """From when on it is late: a message that is to be released later does not age before."""
        return max(self.created_at, self.envelope.release_at)


_LONGEST_REASON = 1000
_ITEMS, _RECIPIENTS = Rows(spool_item), Rows(spool_recipient)
_NAMES = {table: tuple(column.name for column in table.columns) for table in (spool_item, spool_recipient)}


def _in_order(table: Table, **values: object) -> tuple[object, ...]:
    return tuple([values[name] for name in _NAMES[table]])


def put(
    tx: Transaction,
    message_id: int,
    envelope: Envelope,
    recipients: Iterable[SpoolRecipient],
    *,
    due_at: int | None = None,
    held: bool = False,
    reply: str = "",
    quarantine: str = "",
    moderation: str = "",
) -> int:
    """Spool a message of the store for these recipients; the item's id.

    ``due_at`` is now unless given, and never before the envelope's release.  ``quarantine`` is why it is held until an
    administrator has looked at it, ``moderation`` the group for whose moderators it is held.
    """
    held = held or bool(quarantine or moderation)
    item_id = take_numbers(tx, "spool_item", 1)
    rows = {recipient.forward_path: recipient for recipient in recipients}
    _ITEMS.add(
        tx.connection,
        [
            _in_order(
                spool_item,
                id=item_id,
                message_id=message_id,
                reverse_path=envelope.reverse_path,
                submitter=envelope.submitter,
                envelope_id=envelope.envelope_id,
                ret=envelope.ret,
                smtputf8=envelope.smtputf8,
                eight_bit=envelope.eight_bit,
                is_binary=envelope.is_binary,
                require_tls=envelope.require_tls,
                tls_optional=envelope.tls_optional,
                priority=envelope.priority,
                deliver_by=envelope.deliver_by,
                deliver_by_mode=envelope.deliver_by_mode,
                release_at=envelope.release_at,
                created_at=tx.now,
                held=held,
                delay_reported=False,
                unfinished=len(rows),
                quarantine=quarantine[:_LONGEST_REASON],
                is_junk=envelope.is_junk,
                moderation=moderation,
                is_reminded=False,
            )
        ],
    )
    due = NEVER if held else max(envelope.release_at, tx.now if due_at is None else due_at)
    first_look = max(tx.now, envelope.release_at) + FIRST_LOOK
    deadline = min(first_look, envelope.deliver_by or first_look)
    _RECIPIENTS.add(
        tx.connection,
        [
            _in_order(
                spool_recipient,
                item_id=item_id,
                forward_path=recipient.forward_path,
                domain=domain_of(recipient.forward_path),
                priority=envelope.priority,
                state=HELD if held else DUE,
                attempts=0,
                next_attempt_at=due,
                deadline_at=NEVER if held else deadline,
                last_reply=reply,
                notify=recipient.notify,
                original_recipient=recipient.original_recipient,
            )
            for recipient in rows.values()
        ],
    )
    for recipient in rows.values():
        change_lane(tx, (domain_of(recipient.forward_path), envelope.priority), count=1, due_at=due)
    tx.wake_spool()
    return item_id


def domain_of(forward_path: str) -> str:
    return forward_path.rpartition("@")[2].lower()


# Lanes


@dataclass(slots=True)
class _LaneChange:
    count: int = 0
    due_at: int = NEVER


def change_lane(tx: Transaction, key: LaneKey, *, count: int = 0, due_at: int = NEVER) -> None:
    """More or fewer recipients wait in a lane, and something is due at a time.  Written before the commit, once for
    all jobs of the batch and in the order of the keys, so that no two writers wait for each other.
    """
    changes: dict[LaneKey, _LaneChange] = tx.scratch.setdefault("lanes", {})
    change = changes.get(key)
    if change is None:
        change = changes[key] = _LaneChange()
        tx.closing.setdefault("lanes", _write_lanes)
    change.count += count
    change.due_at = min(change.due_at, due_at)


# Both engines know this, and SQLAlchemy only under a name for each.  New mail does not cut short the rest of a domain
# whose servers cannot be reached, and whoever has leased the lane is told that there is more.
_MORE = text("""
    INSERT INTO spool_lane (domain, priority, waiting, ready_at) VALUES (:domain, :priority, :waiting, :ready_at)
    ON CONFLICT (domain, priority) DO UPDATE SET
        waiting = spool_lane.waiting + excluded.waiting,
        ready_at = CASE
            WHEN spool_lane.owner = '' AND excluded.ready_at < spool_lane.ready_at
                AND (spool_lane.failures = 0 OR spool_lane.ready_at = :never)
            THEN excluded.ready_at ELSE spool_lane.ready_at END,
        has_news = CASE
            WHEN spool_lane.owner <> '' AND excluded.ready_at < :never THEN true ELSE spool_lane.has_news END""")


def _write_lanes(tx: Transaction) -> None:
    changes: dict[LaneKey, _LaneChange] = tx.scratch.pop("lanes")
    more, fewer = [], []
    for (domain, priority), change in sorted(changes.items()):
        if change.count > 0 or change.due_at < NEVER:
            more.append(
                {"domain": domain, "priority": priority, "waiting": change.count, "ready_at": change.due_at}
                | {"never": NEVER}
            )
        elif change.count < 0:
            fewer.append({"at_domain": domain, "at_priority": priority, "count": change.count})
    if more:
        tx.connection.execute(_MORE, more)
    if fewer:
        tx.connection.execute(_FEWER, fewer)
        tx.connection.execute(_EMPTY_LANES, fewer)


_AT_LANE = and_(spool_lane.c.domain == bindparam("at_domain"), spool_lane.c.priority == bindparam("at_priority"))
_FEWER = update(spool_lane).where(_AT_LANE).values(waiting=spool_lane.c.waiting + bindparam("count"))
# A lane that is leased is given back by whoever has it.
_EMPTY_LANES = delete(spool_lane).where(_AT_LANE, spool_lane.c.waiting <= 0, spool_lane.c.owner == "")


# Removing


def remove_item(tx: Transaction, item_id: int) -> bool:
    """Forget an item; nobody is told."""
    rows = tx.connection.execute(
        select(spool_recipient.c.domain, spool_recipient.c.priority)
        .where(spool_recipient.c.item_id == item_id, spool_recipient.c.state.in_(WAITING))
        .with_for_update()
    ).all()
    for domain, priority in rows:
        change_lane(tx, (domain, priority), count=-1)
    return tx.connection.execute(delete(spool_item).where(spool_item.c.id == item_id)).rowcount == 1


def is_held(tx: Transaction, item_id: int) -> bool:
    """Whether it waits until somebody releases it; nobody does before this transaction ends."""
    held = select(spool_item.c.held).where(spool_item.c.id == item_id).with_for_update()
    return bool(tx.connection.execute(held).scalar())


def mark_reminded(tx: Transaction, ids: Sequence[int]) -> None:
    """Of messages about which the moderators were told that they still wait."""
    for start in range(0, len(ids), 500):
        chunk = ids[start : start + 500]
        tx.connection.execute(update(spool_item).where(spool_item.c.id.in_(chunk)).values(is_reminded=True))


# Reading


def not_reminded(connection: Connection, ids: Sequence[int]) -> list[int]:
    """Those of them about which nobody was reminded."""
    found: list[int] = []
    for start in range(0, len(ids), 500):
        chosen = spool_item.c.id.in_(ids[start : start + 500]) & ~spool_item.c.is_reminded
        found += connection.execute(select(spool_item.c.id).where(chosen).order_by(spool_item.c.id)).scalars()
    return found


ITEM_COLUMNS = (
    spool_item.c.id,
    spool_item.c.message_id,
    message.c.size,
    spool_item.c.created_at,
    spool_item.c.held,
    spool_item.c.delay_reported,
    spool_item.c.moderation,
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
    spool_item.c.is_junk,
)
RECIPIENT_COLUMNS = (
    spool_recipient.c.forward_path,
    spool_recipient.c.domain,
    spool_recipient.c.state,
    spool_recipient.c.attempts,
    spool_recipient.c.next_attempt_at,
    spool_recipient.c.deadline_at,
    spool_recipient.c.last_reply,
    spool_recipient.c.notify,
    spool_recipient.c.original_recipient,
)
_BOOLEANS = frozenset(position for position, column in enumerate(ITEM_COLUMNS) if column.type.python_type is bool)


def item_of(values: Sequence[Any]) -> Item:
    """From a row of ``ITEM_COLUMNS``, as the engine gives it."""
    clean: list[Any] = [bool(value) if position in _BOOLEANS else value for position, value in enumerate(values)]
    item_id, message_id, size, created_at, held, delay_reported, moderation, *shared = clean
    return Item(item_id, message_id, size, created_at, held, delay_reported, moderation, Envelope(*shared))


def load_items(connection: Connection, item_ids: Sequence[int] | None = None) -> list[Item]:
    """Items with all their recipients, oldest first; all items unless ids are given."""
    items: dict[int, Item] = {}
    chunks: list[Sequence[int] | None] = [None]
    if item_ids is not None:
        chunks = [item_ids[start : start + 500] for start in range(0, len(item_ids), 500)]
    for chunk in chunks:
        chosen = select(*ITEM_COLUMNS).join(message, message.c.id == spool_item.c.message_id).order_by(spool_item.c.id)
        paths = select(spool_recipient.c.item_id, *RECIPIENT_COLUMNS).order_by(
            spool_recipient.c.item_id, spool_recipient.c.forward_path
        )
        if chunk is not None:
            chosen = chosen.where(spool_item.c.id.in_(chunk))
            paths = paths.where(spool_recipient.c.item_id.in_(chunk))
        for row in connection.execute(chosen):
            items[row[0]] = item_of(row)
        for item_id, *values in connection.execute(paths):
            if item_id in items:
                items[item_id].recipients.append(Waiting(*values))
    return [items[item_id] for item_id in sorted(items)]
