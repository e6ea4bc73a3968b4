"""Lanes of the spool: what waits for one domain at one priority, leased as a whole to one relay at a time.

A relay claims lanes that are ready, reads some of what is due in each, and gives a lane back when nothing is left in
it; then the lane says by itself when it is ready again.  Every question is answered from an index, whatever the spool
holds.  Lanes whose servers could not be reached are claimed apart from the others, so that the dead never stand in
front of the living.

Standards: RFC 6710 §4.1 (what has a higher priority goes first).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, bindparam, delete, func, select, update

from mailserver.delivery import spool
from mailserver.delivery.spool import ITEM_COLUMNS, NEVER, RECIPIENT_COLUMNS, Item, LaneKey, Waiting
from mailserver.store.database import Transaction
from mailserver.store.prepared import Prepared
from mailserver.store.tables import message, spool_item, spool_lane, spool_recipient

# How long a lease holds that is not extended.  Longer than the longest wait of one transaction (RFC 5321 §4.5.3.2:
# 10 minutes after the dot).
LEASE_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane that was leased."""

    key: LaneKey
    failures: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a lane is to be left: ``failures`` in a row, and a rest until then, if there is one."""

    key: LaneKey
    failures: int = 0
    rest_until: int = 0
    last_reply: str = ""


_NEXT_PRIORITY = Prepared(
    select(func.max(spool_lane.c.priority)).where(
        spool_lane.c.is_failing == bindparam("failing"), spool_lane.c.priority < bindparam("below")
    )
)
_READY = Prepared(
    select(spool_lane.c.domain, spool_lane.c.priority, spool_lane.c.failures)
    .where(
        spool_lane.c.is_failing == bindparam("failing"),
        spool_lane.c.priority == bindparam("priority"),
        spool_lane.c.ready_at <= bindparam("now"),
    )
    .order_by(spool_lane.c.ready_at)
    .limit(bindparam("count"))
)
_AT_LANE = and_(spool_lane.c.domain == bindparam("at_domain"), spool_lane.c.priority == bindparam("at_priority"))
# The condition is said again: on PostgreSQL another relay may have been quicker.
_LEASE = (
    update(spool_lane)
    .where(_AT_LANE, spool_lane.c.ready_at <= bindparam("now"))
    .values(owner=bindparam("new_owner"), ready_at=bindparam("until"), has_news=False)
)


def claim(tx: Transaction, owner: str, count: int, failing: int = 0) -> list[Lane]:
    """Lease lanes that are ready: up to ``count`` whose servers answer, or were not yet asked, and up to ``failing`` of
    the others.  Higher priorities first, then whoever has waited longest.
    """
    claimed: list[Lane] = []
    for is_failing, limit in ((0, count), (1, failing)):
        found = _ready(tx, is_failing, limit)
        keys = {(domain, priority) for domain, priority, _ in found}
        if not keys:
            continue
        leased = {"now": tx.now, "new_owner": owner, "until": tx.now + LEASE_SECONDS}
        tx.connection.execute(_LEASE, [leased | _at(key) for key in sorted(keys)])
        if tx.connection.dialect.name != "sqlite":
            rows = tx.connection.execute(
                select(spool_lane.c.domain, spool_lane.c.priority).where(
                    spool_lane.c.owner == owner, spool_lane.c.domain.in_(sorted({domain for domain, _ in keys}))
                )
            )
            keys &= {(domain, priority) for domain, priority in rows}
        claimed += [
            Lane((domain, priority), failures) for domain, priority, failures in found if (domain, priority) in keys
        ]
    return claimed


def _ready(tx: Transaction, failing: int, limit: int) -> list[tuple[str, int, int]]:
    found: list[tuple[str, int, int]] = []
    below = 100
    while len(found) < limit:
        row = _NEXT_PRIORITY.row(tx.connection, {"failing": failing, "below": below})
        if row is None or row[0] is None:
            break
        below = row[0]
        wanted = {"failing": failing, "priority": below, "now": tx.now, "count": limit - len(found)}
        found += _READY.tuples(tx.connection, wanted)
    return found


def _at(key: LaneKey) -> dict[str, object]:
    return {"at_domain": key[0], "at_priority": key[1]}


_DUE = Prepared(
    select(*RECIPIENT_COLUMNS, *ITEM_COLUMNS)
    .select_from(spool_recipient)
    .join(spool_item, spool_item.c.id == spool_recipient.c.item_id)
    .join(message, message.c.id == spool_item.c.message_id)
    .where(
        spool_recipient.c.domain == bindparam("domain"),
        spool_recipient.c.priority == bindparam("lane_priority"),
        spool_recipient.c.next_attempt_at <= bindparam("now"),
    )
    .order_by(spool_recipient.c.next_attempt_at, spool_recipient.c.item_id)
    .limit(bindparam("count"))
)


def load_due(
    connection: Connection, key: LaneKey, now: int, count: int, known: Collection[tuple[int, str]] = ()
) -> tuple[list[Item], bool]:
    """What is due in a lane beside what is known already, up to ``count`` recipients, and whether that is all."""
    wanted = count + len(known)
    rows = _DUE.tuples(connection, {"domain": key[0], "lane_priority": key[1], "now": now, "count": wanted})
    return _items(rows, known), len(rows) < wanted


def _items(rows: Iterable[Sequence[object]], known: Collection[tuple[int, str]] = ()) -> list[Item]:
    items: dict[int, Item] = {}
    width = len(RECIPIENT_COLUMNS)
    for row in rows:
        item_id, path = row[width], row[0]
        if (item_id, path) in known:
            continue
        assert isinstance(item_id, int)
        item = items.get(item_id)
        if item is None:
            item = items[item_id] = spool.item_of(row[width:])
        item.recipients.append(Waiting(*row[:width]))  # type: ignore[arg-type]
    return list(items.values())


_NEWS = select(spool_lane.c.domain, spool_lane.c.priority).where(
    spool_lane.c.owner == bindparam("me"), spool_lane.c.has_news.is_(True)
)


def take_news(tx: Transaction, owner: str) -> list[LaneKey]:
    """The leased lanes to which something was added since."""
    keys: list[LaneKey] = [(domain, priority) for domain, priority in tx.connection.execute(_NEWS, {"me": owner})]
    if keys:
        tx.connection.execute(
            update(spool_lane).where(_AT_LANE).values(has_news=False), [_at(key) for key in sorted(keys)]
        )
    return keys


def has_news(connection: Connection, owner: str) -> bool:
    return connection.execute(_NEWS.limit(1), {"me": owner}).first() is not None


_FREE = (
    update(spool_lane)
    .where(_AT_LANE, spool_lane.c.owner == bindparam("me"))
    .values(
        owner="",
        has_news=False,
        failures=bindparam("new_failures"),
        is_failing=bindparam("new_failing"),
        last_reply=bindparam("new_reply"),
    )
)
_NEXT_TRY = (
    select(func.coalesce(func.min(spool_recipient.c.next_attempt_at), NEVER))
    .where(spool_recipient.c.domain == spool_lane.c.domain, spool_recipient.c.priority == spool_lane.c.priority)
    .scalar_subquery()
)
_READY_AGAIN = update(spool_lane).where(_AT_LANE, spool_lane.c.owner == "").values(ready_at=_NEXT_TRY)
_REST = (
    update(spool_lane)
    .where(_AT_LANE, spool_lane.c.owner == "", spool_lane.c.ready_at < bindparam("until"))
    .values(ready_at=bindparam("until"))
)
_EMPTY = delete(spool_lane).where(_AT_LANE, spool_lane.c.owner == "", spool_lane.c.waiting <= 0)


def give_back(tx: Transaction, owner: str, standings: Sequence[Standing]) -> None:
    """Leave leased lanes to whoever comes next.

    First the rows are taken, then they are computed: on PostgreSQL somebody who is adding to a lane is either done
    before, and seen, or waits until this is done, and then says himself when the lane is ready.
    """
    if not standings:
        return
    ordered = sorted(standings, key=lambda each: each.key)
    tx.connection.execute(
        _FREE,
        [
            _at(each.key)
            | {
                "me": owner,
                "new_failures": each.failures,
                "new_failing": int(each.failures > 0),
                "new_reply": each.last_reply[:1000],
            }
            for each in ordered
        ],
    )
    keys = [_at(each.key) for each in ordered]
    tx.connection.execute(_READY_AGAIN, keys)
    resting = [_at(each.key) | {"until": each.rest_until} for each in ordered if each.rest_until]
    if resting:
        tx.connection.execute(_REST, resting)
    tx.connection.execute(_EMPTY, keys)
    tx.wake_spool()


_LATER = (
    update(spool_lane)
    .where(_AT_LANE, spool_lane.c.owner == "", spool_lane.c.ready_at < _NEXT_TRY)
    .values(ready_at=_NEXT_TRY)
)


def look_again(tx: Transaction, keys: Iterable[LaneKey], *, ends_rest: bool) -> None:
    """Something in these lanes was held, removed or moved in time: when they are ready is found anew.  ``ends_rest``:
    also earlier than their rest would end.
    """
    parameters = [_at(key) for key in sorted(set(keys))]
    if parameters:
        tx.connection.execute(_READY_AGAIN if ends_rest else _LATER, parameters)


_RECOVER = (
    update(spool_lane)
    .where(_AT_LANE, spool_lane.c.owner == bindparam("me"))
    .values(failures=0, is_failing=0, last_reply="")
)


def note_recovery(tx: Transaction, owner: str, keys: Iterable[LaneKey]) -> None:
    """Servers that could not be reached answer again."""
    parameters = [_at(key) | {"me": owner} for key in sorted(set(keys))]
    if parameters:
        tx.connection.execute(_RECOVER, parameters)


def extend(tx: Transaction, owner: str) -> set[LaneKey]:
    """What a relay holds stays held; what that is."""
    tx.connection.execute(update(spool_lane).where(spool_lane.c.owner == owner).values(ready_at=tx.now + LEASE_SECONDS))
    rows = tx.connection.execute(select(spool_lane.c.domain, spool_lane.c.priority).where(spool_lane.c.owner == owner))
    return {(domain, priority) for domain, priority in rows}


def release(tx: Transaction, owner: str) -> None:
    """Give everything back that somebody holds: a relay that goes down, or one that died."""
    rows = tx.connection.execute(
        select(spool_lane.c.domain, spool_lane.c.priority, spool_lane.c.failures, spool_lane.c.last_reply)
        .where(spool_lane.c.owner == owner)
        .order_by(spool_lane.c.domain, spool_lane.c.priority)
    ).all()
    give_back(tx, owner, [Standing((row[0], row[1]), row[2], last_reply=row[3]) for row in rows])


def owners(connection: Connection) -> list[str]:
    """Everybody who holds something."""
    held = spool_lane.c.owner
    return list(connection.execute(select(held).where(held != "").distinct()).scalars())


def next_ready_at(connection: Connection) -> int | None:
    """When a lane is ready next, or a lease ends; None when nothing waits."""
    found: int | None = connection.execute(select(func.min(spool_lane.c.ready_at))).scalar()
    return found if found is not None and found < NEVER else None


# First the few rows that count, by their index; then what belongs to them.
_LATE = (
    select(spool_recipient.c.item_id, spool_recipient.c.forward_path)
    .where(
        spool_recipient.c.deadline_at <= bindparam("now"),
        ~select(spool_lane.c.owner)
        .where(
            spool_lane.c.domain == spool_recipient.c.domain,
            spool_lane.c.priority == spool_recipient.c.priority,
            spool_lane.c.owner != "",
            spool_lane.c.owner != bindparam("me"),
        )
        .exists(),
    )
    .order_by(spool_recipient.c.deadline_at)
    .limit(bindparam("count"))
    .subquery()
)
_OVERDUE = Prepared(
    select(*RECIPIENT_COLUMNS, *ITEM_COLUMNS)
    .select_from(_LATE)
    .join(
        spool_recipient,
        and_(spool_recipient.c.item_id == _LATE.c.item_id, spool_recipient.c.forward_path == _LATE.c.forward_path),
    )
    .join(spool_item, spool_item.c.id == spool_recipient.c.item_id)
    .join(message, message.c.id == spool_item.c.message_id)
)


def overdue(connection: Connection, owner: str, now: int, count: int) -> list[Item]:
    """Recipients about whom somebody is to be told, or who are to be given up, and whom no other relay is serving."""
    return _items(_OVERDUE.tuples(connection, {"me": owner, "now": now, "count": count}))


def last_reply(connection: Connection, domain: str) -> str:
    """What the domain's servers last failed with."""
    found = connection.execute(
        select(spool_lane.c.last_reply)
        .where(spool_lane.c.domain == domain, spool_lane.c.last_reply != "")
        .order_by(spool_lane.c.priority)
    ).scalar()
    return found or ""
