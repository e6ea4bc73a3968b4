"""Writes down what became of recipients: the first last word stands, and items of which nobody waits are forgotten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, bindparam, delete, or_, select, tuple_, update

from mailserver.delivery.spool import DUE, HELD, NEVER, WAITING, change_lane
from mailserver.store.database import Transaction
from mailserver.store.prepared import Prepared
from mailserver.store.tables import spool_item, spool_lane, spool_recipient

_CHUNK = 200


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one recipient.  ``next_attempt_at`` and ``deadline_at`` count for state ``due``."""

    item_id: int
    forward_path: str
    state: str
    reply: str
    next_attempt_at: int = 0
    deadline_at: int = NEVER
    is_attempt: bool = True


_IDENTITY = tuple_(spool_recipient.c.item_id, spool_recipient.c.forward_path)
_FINISH = (
    update(spool_recipient)
    .where(spool_recipient.c.item_id == bindparam("at_item"), spool_recipient.c.forward_path == bindparam("at_path"))
    .values(
        state=bindparam("new_state"),
        last_reply=bindparam("new_reply"),
        attempts=spool_recipient.c.attempts + bindparam("tries"),
        next_attempt_at=bindparam("new_time"),
        deadline_at=bindparam("new_deadline"),
    )
)
_COUNT_DOWN = (
    update(spool_item)
    .where(spool_item.c.id == bindparam("at_item"))
    .values(unfinished=spool_item.c.unfinished - bindparam("count"))
)


def record(tx: Transaction, owner: str, results: Sequence[Result]) -> set[tuple[int, str]]:
    """Write down what became of recipients, and forget items of which nobody waits any more; what took effect.

    The first last word stands.  Somebody who has lost his lease may still say "sent" or "failed", for that is a fact;
    he must not say "try later", nor may a deadline be declared over what another is sending.
    """
    took: set[tuple[int, str]] = set()
    for start in range(0, len(results), _CHUNK):
        took |= _record(tx, owner, results[start : start + _CHUNK])
    return took


_FOUND = (
    select(
        spool_recipient.c.item_id,
        spool_recipient.c.forward_path,
        spool_recipient.c.state,
        spool_recipient.c.domain,
        spool_recipient.c.priority,
        spool_item.c.unfinished,
        spool_lane.c.owner,
    )
    .join(spool_item, spool_item.c.id == spool_recipient.c.item_id)
    .outerjoin(
        spool_lane,
        and_(spool_lane.c.domain == spool_recipient.c.domain, spool_lane.c.priority == spool_recipient.c.priority),
    )
    .where(or_(spool_recipient.c.state == DUE, spool_recipient.c.state == HELD))
)
_FOUND_ONE = Prepared(
    _FOUND.where(
        spool_recipient.c.item_id == bindparam("at_item"),
        spool_recipient.c.forward_path == bindparam("at_path"),
    )
)


def _found(tx: Transaction, identities: Sequence[tuple[int, str]]) -> list[Any]:
    """Recipients that wait for a last word.  SQLite, which finds pairs only by looking through everything, is asked for
    one after the other; elsewhere the rows are kept from others until the commit.
    """
    if tx.connection.dialect.name == "sqlite":
        return [
            row
            for item_id, path in identities
            for row in _FOUND_ONE.tuples(tx.connection, {"at_item": item_id, "at_path": path})
        ]
    statement = (
        _FOUND.where(_IDENTITY.in_(identities))
        .order_by(spool_recipient.c.item_id, spool_recipient.c.forward_path)
        .with_for_update(of=[spool_item, spool_recipient])
    )
    return list(tx.connection.execute(statement).all())


def _record(tx: Transaction, owner: str, results: Sequence[Result]) -> set[tuple[int, str]]:
    known = {(result.item_id, result.forward_path): result for result in results}
    rows = _found(tx, sorted(known))
    changes, finished, unfinished = [], Counter[int](), dict[int, int]()
    took = set()
    for item_id, path, state, domain, priority, left, holder in rows:
        result = known[item_id, path]
        is_last = result.state not in WAITING
        is_sure = result.is_attempt and is_last
        if not is_sure and holder != owner and (result.is_attempt or holder):
            continue
        took.add((item_id, path))
        if is_last:
            finished[item_id] += 1
            unfinished[item_id] = left
            change_lane(tx, (domain, priority), count=-1)
        is_due = not is_last and state == DUE  # it may have been held meanwhile
        changes.append(
            {
                "at_item": item_id,
                "at_path": path,
                "new_state": result.state if is_last else state,
                "new_reply": result.reply[:1000],
                "tries": int(result.is_attempt),
                "new_time": result.next_attempt_at if is_due else NEVER,
                "new_deadline": result.deadline_at if is_due else NEVER,
            }
        )
    done = [item_id for item_id, count in finished.items() if count >= unfinished[item_id]]
    _remove(tx, done)
    gone = set(done)
    changes = [change for change in changes if change["at_item"] not in gone]
    if changes:
        tx.connection.execute(_FINISH, changes)
    counts = [{"at_item": item_id, "count": count} for item_id, count in finished.items() if item_id not in gone]
    if counts:
        tx.connection.execute(_COUNT_DOWN, counts)
    return took


def _remove(tx: Transaction, item_ids: Sequence[int]) -> None:
    """Recipients go with their items; messages are swept by the housekeeper."""
    for start in range(0, len(item_ids), 500):
        tx.connection.execute(delete(spool_item).where(spool_item.c.id.in_(item_ids[start : start + 500])))


def mark_delay_reported(tx: Transaction, item_id: int) -> bool:
    """True for whoever is the first to report the delay."""
    changed = tx.connection.execute(
        update(spool_item)
        .where(and_(spool_item.c.id == item_id, spool_item.c.delay_reported.is_(False)))
        .values(delay_reported=True)
    )
    return changed.rowcount == 1
