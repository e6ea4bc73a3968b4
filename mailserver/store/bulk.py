"""The same done to many messages of an account, and taken back.

What is asked for is done in steps of ``STEP`` messages, each a transaction: nobody's delivery waits for somebody who
archives 100,000 messages.  Up to ``STEP`` messages change together or not at all; beyond that, a fault in the middle
leaves done what was done, and it can be taken back.

Each step notes how it is undone in the transaction that makes it, and undoing takes the note away in the transaction
that restores: so nothing is undone twice, and an undoing that was cut off goes on where it stopped.  A message that
moved back has its flags, keywords and dates as before, and a new UID, which RFC 9051 §2.3.1.1 demands.

Limits: notes are kept for ``KEPT`` seconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from sqlalchemy import Connection, delete, insert, select

from mailserver.store import messages
from mailserver.store.database import Transaction
from mailserver.store.reading import Ranges, as_ranges
from mailserver.store.store import Store
from mailserver.store.work_tables import undo_step

STEP = 2000
KEPT = 86_400
# A statement's answer may be waited for so long; a step takes a fraction of a second.
PATIENCE = 60

# What is chosen: UIDs by mailbox.
Places = Mapping[int, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Mark:
    """Put a flag or keyword on messages, or take it off."""

    operation: Literal["add", "remove"]
    flag: str


def _nothing(tx: Transaction, source_id: int, moved: Sequence[tuple[int, int]]) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Move:
    """``note`` is done in the same transaction, with the source and (old UID, new UID) of what moved."""

    target_id: int
    note: Callable[[Transaction, int, Sequence[tuple[int, int]]], None] = _nothing


def change(store: Store, account_id: str, places: Places, what: Mark | Move, token: str) -> int:
    """How many messages changed; ``token`` is what takes it back.  Raises NoSuchMailbox."""
    changed = 0
    for number, portion in enumerate(_portions(places)):
        job = partial(_step, account_id=account_id, portion=portion, what=what, name=(token, number))
        held = [*portion, what.target_id] if isinstance(what, Move) else list(portion)
        heavy, lasting = len(places) > 3 or number > 0, isinstance(what, Move)
        changed += store.write(job, held, heavy=heavy, lasting=lasting).result(PATIENCE)
    return changed


def _portions(places: Places) -> Iterator[dict[int, Ranges]]:
    """The same places in parts of at most ``STEP`` messages."""
    portion: dict[int, Ranges] = {}
    room = STEP
    for mailbox_id, uids in places.items():
        waiting = sorted(set(uids))
        while waiting:
            part, waiting = waiting[:room], waiting[room:]
            portion[mailbox_id] = as_ranges(part)
            room -= len(part)
            if not room:
                yield portion
                portion, room = {}, STEP
    if portion:
        yield portion


def _step(
    tx: Transaction, account_id: str, portion: dict[int, Ranges], what: Mark | Move, name: tuple[str, int]
) -> int:
    ways_back: list[dict[str, Any]] = []
    for mailbox_id, ranges in portion.items():
        if isinstance(what, Move):
            if mailbox_id != what.target_id:
                moved = messages.move(tx, mailbox_id, ranges, what.target_id)
                what.note(tx, mailbox_id, moved)
                uids = as_ranges(new for _old, new in moved)
                ways_back.append({"move": mailbox_id, "from": what.target_id, "uids": uids})
        else:
            changed = messages.set_flags(tx, mailbox_id, ranges, what.operation, [what.flag]).changed
            other = "remove" if what.operation == "add" else "add"
            uids = as_ranges(uid for uid, _flags, _modseq in changed)
            ways_back.append({other: what.flag, "from": mailbox_id, "uids": uids})
    ways_back = [each for each in ways_back if each["uids"]]
    if ways_back:
        tx.connection.execute(
            insert(undo_step).values(
                account_id=account_id, token=name[0], number=name[1], made_at=tx.now, ways_back=json.dumps(ways_back)
            )
        )
    return sum(high - low + 1 for each in ways_back for low, high in each["uids"])


def take_back(store: Store, account_id: str, token: str) -> int:
    """How many messages are as they were; none where nothing is (or nothing is left) to be undone.

    Raises NoSuchMailbox for messages whose mailbox is gone.
    """
    with store.read() as connection:
        numbers = _numbers(connection, account_id, token)
    restored = 0
    for number in numbers:
        job = partial(_undo, account_id=account_id, token=token, number=number)
        restored += store.write(job, heavy=len(numbers) > 1).result(PATIENCE)
    return restored


def _numbers(connection: Connection, account_id: str, token: str) -> list[int]:
    """The last step first."""
    statement = select(undo_step.c.number).where(undo_step.c.account_id == account_id, undo_step.c.token == token)
    return list(connection.execute(statement.order_by(undo_step.c.number.desc())).scalars())


def _undo(tx: Transaction, account_id: str, token: str, number: int) -> int:
    mine = undo_step.c.account_id == account_id, undo_step.c.token == token, undo_step.c.number == number
    noted = tx.connection.execute(delete(undo_step).where(*mine).returning(undo_step.c.ways_back)).scalar()
    if noted is None:  # somebody was quicker
        return 0
    return sum(_go_back(tx, each) for each in json.loads(noted))


def _go_back(tx: Transaction, way: dict[str, Any]) -> int:
    ranges = [(low, high) for low, high in way["uids"]]
    if "move" in way:
        return len(messages.move(tx, way["from"], ranges, way["move"]))
    operation: Literal["add", "remove"] = "add" if "add" in way else "remove"
    return len(messages.set_flags(tx, way["from"], ranges, operation, [way[operation]]).changed)


def sweep(tx: Transaction) -> int:
    """Forget what nobody will want to take back any more."""
    return tx.connection.execute(delete(undo_step).where(undo_step.c.made_at < tx.now - KEPT)).rowcount
