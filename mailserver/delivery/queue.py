"""The spool as an operator sees it: what waits, why, and the few things that may be done about it.

What is to be listed or changed is chosen by a ``Choice``; changes go in batches, each a transaction of its own, so that
a change of a million messages holds up nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Case, Connection, Select, case, func, select, update

from mailserver.delivery import lanes, spool
from mailserver.delivery.routing import VIA
from mailserver.delivery.spool import DUE, HELD, NEVER, WAITING, LaneKey
from mailserver.store import Store
from mailserver.store.database import Transaction
from mailserver.store.tables import message, spool_item, spool_lane, spool_recipient

_BATCH = 500
QUARANTINED = "quarantined"
MODERATED = "moderated"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which messages: all that fit everything that is said.  ``before`` is the youngest time of arrival; ``state`` is
    held, sending (a relay has it), failing (the domain's servers cannot be reached), waiting, quarantined or moderated:
    messages in the last two are meant by no other choice.  ``groups`` are those whose moderators decide; ``junk``:
    only such, or only others.
    """

    ids: tuple[int, ...] = ()
    domain: str = ""
    sender: str = ""
    before: int = 0
    state: str = ""
    groups: tuple[str, ...] = ()
    junk: bool | None = None


@dataclass(frozen=True, slots=True)
class QueuedRecipient:
    forward_path: str
    state: str  # due, sending, held, sent, failed
    attempts: int
    next_attempt_at: int
    last_reply: str
    lane: str  # the domain by which it is sent, or the host through which it goes


@dataclass(frozen=True, slots=True)
class Queued:
    """One message that waits for some of its recipients."""

    id: int
    reverse_path: str
    submitter: str
    size: int
    created_at: int
    held: bool
    priority: int
    subject: str
    recipients: tuple[QueuedRecipient, ...]
    quarantine: str = ""
    moderation: str = ""


@dataclass(frozen=True, slots=True)
class QueuedDomain:
    """Everything that waits for a domain at a priority."""

    domain: str
    priority: int
    waiting: int
    ready_at: int
    is_sending: bool
    failures: int
    last_reply: str


def list_queued(store: Store, choice: Choice = Choice(), *, limit: int | None = None) -> list[Queued]:
    """What waits, oldest first."""
    with store.read() as connection:
        chosen = list(connection.execute(_chosen(choice).limit(limit)).scalars())
        items = spool.load_items(connection, chosen)
        subjects = _subjects(connection, [item.message_id for item in items])
        reasons = _reasons(connection, chosen) if choice.state == QUARANTINED else {}
        owned = _owned(
            connection, {(each.domain, item.envelope.priority) for item in items for each in item.recipients}
        )
    return [
        Queued(
            id=item.id,
            reverse_path=item.envelope.reverse_path,
            submitter=item.envelope.submitter,
            size=item.size,
            created_at=item.created_at,
            held=item.held,
            priority=item.envelope.priority,
            subject=subjects.get(item.message_id, ""),
            recipients=tuple(
                QueuedRecipient(
                    each.forward_path,
                    "sending" if each.state == DUE and (each.domain, item.envelope.priority) in owned else each.state,
                    each.attempts,
                    each.next_attempt_at if each.state == DUE else 0,
                    each.last_reply,
                    each.domain,
                )
                for each in item.recipients
            ),
            quarantine=reasons.get(item.id, ""),
            moderation=item.moderation,
        )
        for item in items
    ]


def count(store: Store, choice: Choice) -> int:
    """How many messages fit."""
    with store.read() as connection:
        return int(connection.execute(select(func.count()).select_from(_chosen(choice).subquery())).scalar_one())


def count_waiting(store: Store) -> int:
    """Recipients that wait, by the tallies of their lanes."""
    with store.read() as connection:
        return int(connection.execute(select(func.coalesce(func.sum(spool_lane.c.waiting), 0))).scalar_one())


def list_domains(store: Store, limit: int = 50) -> list[QueuedDomain]:
    """Domains for which most waits."""
    with store.read() as connection:
        rows = connection.execute(
            select(
                spool_lane.c.domain,
                spool_lane.c.priority,
                spool_lane.c.waiting,
                spool_lane.c.ready_at,
                spool_lane.c.owner != "",
                spool_lane.c.failures,
                spool_lane.c.last_reply,
            )
            .order_by(spool_lane.c.waiting.desc(), spool_lane.c.domain)
            .limit(limit)
        ).all()
    return [QueuedDomain(*row) for row in rows]


def header_of(store: Store, item_id: int) -> bytes:
    """The header block of a queued message, empty when it is gone."""
    with store.read() as connection:
        row = connection.execute(
            select(spool_item.c.message_id, message.c.header_size)
            .join(message, message.c.id == spool_item.c.message_id)
            .where(spool_item.c.id == item_id)
        ).first()
        return store.octets(connection, row[0], 0, row[1]) if row is not None else b""


# Choosing


def _chosen(choice: Choice, after: int = 0) -> Select[int]:
    """Ids of items, the oldest first."""
    found = select(spool_item.c.id).where(spool_item.c.id > after).order_by(spool_item.c.id)
    is_quarantined = spool_item.c.quarantine != ""
    is_moderated = (spool_item.c.moderation != "") & spool_item.c.held
    apart = {QUARANTINED: is_quarantined, MODERATED: is_moderated}
    found = found.where(apart.get(choice.state, ~is_quarantined & ~is_moderated))
    if choice.junk is not None:
        found = found.where(spool_item.c.is_junk.is_(choice.junk))
    if choice.groups:
        found = found.where(spool_item.c.moderation.in_(choice.groups))
    if choice.ids:
        found = found.where(spool_item.c.id.in_(choice.ids))
    if choice.sender:
        found = found.where(spool_item.c.reverse_path == ("" if choice.sender == "<>" else choice.sender))
    if choice.before:
        found = found.where(spool_item.c.created_at <= choice.before)
    if not choice.domain and choice.state in ("", "held", *apart):
        return found.where(spool_item.c.held) if choice.state else found
    lane = (spool_lane.c.domain == spool_recipient.c.domain) & (spool_lane.c.priority == spool_recipient.c.priority)
    some = select(spool_recipient.c.item_id).where(spool_recipient.c.state.in_(WAITING))
    if choice.domain:
        some = some.where(spool_recipient.c.domain == choice.domain.lower())
    if choice.state in ("held", *apart):
        some = some.where(spool_recipient.c.state == HELD)
    elif choice.state:
        some = some.join(spool_lane, lane).where(
            spool_recipient.c.state == DUE,
            {
                "sending": spool_lane.c.owner != "",
                "failing": spool_lane.c.is_failing == 1,
                "waiting": spool_lane.c.owner == "",
            }[choice.state],
        )
    return found.where(spool_item.c.id.in_(some))


def _batches(store: Store, choice: Choice) -> Iterator[list[int]]:
    after = 0
    while True:
        with store.read() as connection:
            found = list(connection.execute(_chosen(choice, after).limit(_BATCH)).scalars())
        if not found:
            return
        after = found[-1]
        yield found


def _subjects(connection: Connection, message_ids: Sequence[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for start in range(0, len(message_ids), 500):
        chunk = message_ids[start : start + 500]
        rows = connection.execute(select(message.c.id, message.c.subject).where(message.c.id.in_(chunk)))
        found.update((row[0], row[1]) for row in rows)
    return found


def _reasons(connection: Connection, ids: Sequence[int]) -> dict[int, str]:
    """Why messages are in quarantine."""
    found: dict[int, str] = {}
    for start in range(0, len(ids), 500):
        chunk = ids[start : start + 500]
        rows = connection.execute(select(spool_item.c.id, spool_item.c.quarantine).where(spool_item.c.id.in_(chunk)))
        found.update((row[0], row[1]) for row in rows)
    return found


def _owned(connection: Connection, keys: set[LaneKey]) -> set[LaneKey]:
    """Lanes that a relay works through now."""
    domains = sorted({domain for domain, _ in keys})
    found: set[LaneKey] = set()
    for start in range(0, len(domains), 500):
        rows = connection.execute(
            select(spool_lane.c.domain, spool_lane.c.priority).where(
                spool_lane.c.domain.in_(domains[start : start + 500]), spool_lane.c.owner != ""
            )
        )
        found.update((row[0], row[1]) for row in rows)
    return found


# Changing


# The moment before which a recipient's sender does not want it sent (RFC 4865 §4).
_release_at = select(spool_item.c.release_at).where(spool_item.c.id == spool_recipient.c.item_id).scalar_subquery()


def _soon(tx: Transaction) -> Case[int]:
    return case((_release_at > tx.now, _release_at), else_=tx.now)


def _change(store: Store, choice: Choice, change: Callable[[Transaction, list[int]], int]) -> int:
    count = 0
    for ids in _batches(store, choice):
        count += store.write(lambda tx, ids=ids: change(tx, ids), heavy=True).result()  # type: ignore[misc]
    return count


def hold(store: Store, choice: Choice) -> int:
    """Leave them where they are until they are released; how many that changed.  What is being sent is finished."""

    def change(tx: Transaction, ids: list[int]) -> int:
        changed = tx.connection.execute(
            update(spool_item).where(spool_item.c.id.in_(ids), spool_item.c.held.is_(False)).values(held=True)
        ).rowcount
        keys = _keys(tx, ids, DUE)
        tx.connection.execute(
            update(spool_recipient)
            .where(spool_recipient.c.item_id.in_(ids), spool_recipient.c.state == DUE)
            .values(state=HELD, next_attempt_at=NEVER, deadline_at=NEVER)
        )
        lanes.look_again(tx, keys, ends_rest=False)
        return int(changed)

    return _change(store, choice, change)


def release(store: Store, choice: Choice) -> int:
    """Let the relay have them again, at once."""

    def change(tx: Transaction, ids: list[int]) -> int:
        changed = tx.connection.execute(
            update(spool_item)
            .where(spool_item.c.id.in_(ids), spool_item.c.held.is_(True))
            .values(held=False, quarantine="")
        ).rowcount
        keys = _keys(tx, ids, HELD)
        tx.connection.execute(
            update(spool_recipient)
            .where(spool_recipient.c.item_id.in_(ids), spool_recipient.c.state == HELD)
            .values(state=DUE, next_attempt_at=_soon(tx), deadline_at=_soon(tx) + spool.FIRST_LOOK)
        )
        times = tx.connection.execute(
            select(spool_recipient.c.domain, spool_recipient.c.priority, func.min(spool_recipient.c.next_attempt_at))
            .where(spool_recipient.c.item_id.in_(ids), spool_recipient.c.state == DUE)
            .group_by(spool_recipient.c.domain, spool_recipient.c.priority)
        ).all()
        due_at = {(domain, priority): at for domain, priority, at in times}
        for key in keys:
            spool.change_lane(tx, key, due_at=due_at[key])
        tx.wake_spool()
        return int(changed)

    return _change(store, choice, change)


def retry(store: Store, choice: Choice) -> int:
    """Try them now instead of when they are due, if they may go already; how many recipients that concerns.  Held
    ones stay held, and what a relay has already is not touched.
    """

    def change(tx: Transaction, ids: list[int]) -> int:
        keys = _free_keys(tx, ids)
        changed = 0
        for domain, priority in keys:
            changed += tx.connection.execute(
                update(spool_recipient)
                .where(
                    spool_recipient.c.item_id.in_(ids),
                    spool_recipient.c.domain == domain,
                    spool_recipient.c.priority == priority,
                    spool_recipient.c.state == DUE,
                    _release_at <= tx.now,
                )
                .values(next_attempt_at=tx.now)
            ).rowcount
        lanes.look_again(tx, keys, ends_rest=True)
        tx.wake_spool()
        return changed

    return _change(store, choice, change)


def reroute(store: Store, choice: Choice, target: str) -> int:
    """Send them through a host instead of their domain's own, or (without a target) by their domain's again; how many
    recipients that concerns.  What a relay has already goes its old way.
    """
    way = f"{VIA}{target.lower()}" if target else ""

    def change(tx: Transaction, ids: list[int]) -> int:
        free = set(_free_keys(tx, ids))
        rows = tx.connection.execute(
            select(
                spool_recipient.c.item_id,
                spool_recipient.c.forward_path,
                spool_recipient.c.domain,
                spool_recipient.c.priority,
                spool_recipient.c.state,
                spool_item.c.release_at,
            )
            .join(spool_item, spool_item.c.id == spool_recipient.c.item_id)
            .where(spool_recipient.c.item_id.in_(ids), spool_recipient.c.state.in_(WAITING))
            .with_for_update(of=spool_recipient)
        ).all()
        changed = 0
        for item_id, path, domain, priority, state, release_at in rows:
            lane = way or spool.domain_of(path)
            if lane == domain or (state == DUE and (domain, priority) not in free):
                continue
            soon = max(tx.now, release_at)
            values: dict[str, object] = {"domain": lane}
            if state == DUE:
                values["next_attempt_at"] = soon
            tx.connection.execute(
                update(spool_recipient)
                .where(spool_recipient.c.item_id == item_id, spool_recipient.c.forward_path == path)
                .values(values)
            )
            spool.change_lane(tx, (domain, priority), count=-1)
            spool.change_lane(tx, (lane, priority), count=1, due_at=soon if state == DUE else NEVER)
            changed += 1
        lanes.look_again(tx, free, ends_rest=True)
        tx.wake_spool()
        return changed

    return _change(store, choice, change)


def remove(store: Store, choice: Choice) -> int:
    """Forget them; nobody is told.  How many there were."""

    def change(tx: Transaction, ids: list[int]) -> int:
        keys = _keys(tx, ids, DUE)
        count = sum(spool.remove_item(tx, item_id) for item_id in ids)
        lanes.look_again(tx, keys, ends_rest=False)
        return count

    return _change(store, choice, change)


def _keys(tx: Transaction, ids: Sequence[int], state: str) -> list[LaneKey]:
    rows = tx.connection.execute(
        select(spool_recipient.c.domain, spool_recipient.c.priority)
        .where(spool_recipient.c.item_id.in_(ids), spool_recipient.c.state == state)
        .distinct()
    )
    return sorted((row[0], row[1]) for row in rows)


def _free_keys(tx: Transaction, ids: Sequence[int]) -> list[LaneKey]:
    """Lanes of what is due that no relay has."""
    keys = _keys(tx, ids, DUE)
    owned = _owned(tx.connection, set(keys))
    return [key for key in keys if key not in owned]
