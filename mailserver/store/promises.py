"""MODSEQs that clients are told before they are on disk, and what becomes of them at a power cut.

A change of nothing but flags is answered when it is committed, not when it is synced (``Database.write``).  A power cut
may take the last of such changes back; but the MODSEQs that were told with them never come to stand for other changes,
or clients would believe for ever to know what they were not told:

* MODSEQs are promised ahead, in a transaction that is synced: one that is not gives out none above the promise.
* Whoever opens the database after a power cut continues each mailbox above what was promised, and notes between which
  MODSEQs something may be lost.  A client that names one of these is told all flags anew (``changes``).

The database is known to have gone on without a break by a mark in it: on SQLite the system's boot, for only with the
system ends what was not synced; on PostgreSQL a row of a table that a crash empties.

Standards: RFC 7162 §3.1 (MODSEQs only ever go up), §3.2.5.1 (what a client may conclude from its own).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from mailserver.store.database import Transaction
from mailserver.store.prepared import Prepared

# Changes of one mailbox's flags between two that wait for the disk.
AHEAD = 1000

_PROMISE = Prepared(text("UPDATE mailbox SET promised_modseq = :promised WHERE id = :id"))


def cover(tx: Transaction, mailbox_id: int, modseq: int, promised: int) -> None:
    """A change of flags takes this MODSEQ, in a mailbox that is held."""
    if modseq > promised:
        tx.must_last()
        _PROMISE.run(tx.connection, {"id": int(mailbox_id), "promised": modseq + AHEAD})


_DOUBTFUL = Prepared(
    text("SELECT 1 FROM lost_modseq WHERE mailbox_id = :mailbox_id AND low < :modseq AND high > :modseq")
)


def is_doubtful(connection: Connection, mailbox_id: int, modseq: int) -> bool:
    """Whether a client that was told this MODSEQ may know of changes that were lost."""
    return _DOUBTFUL.row(connection, {"mailbox_id": int(mailbox_id), "modseq": modseq}) is not None


# After a power cut

_IS_MARKED = "SELECT 1 FROM continuity WHERE mark = '{mark}'"
_TAKE_UP = (
    "INSERT INTO lost_modseq (mailbox_id, low, high) SELECT id, highest_modseq, promised_modseq + 1"
    " FROM mailbox WHERE promised_modseq > highest_modseq",
    "UPDATE mailbox SET highest_modseq = promised_modseq + 1 WHERE promised_modseq > highest_modseq",
    "DELETE FROM continuity",
    "INSERT INTO continuity (mark) VALUES ('{mark}')",
)


def goes_on(raw: Any, mark: str) -> bool:
    """Whether nothing can have been lost since the driver's connection last saw the database marked.  A mark has
    letters, digits and dashes."""
    return raw.execute(_IS_MARKED.format(mark=mark)).fetchone() is not None


def take_up(raw: Any, mark: str) -> None:
    """Go on after something may have been lost: in a transaction that is synced, before anybody reads."""
    if not goes_on(raw, mark):
        for statement in _TAKE_UP:
            raw.execute(statement.format(mark=mark))


# Now and then

_OUTSTANDING = text("SELECT id FROM mailbox WHERE promised_modseq > highest_modseq AND id % :parts = :part ORDER BY id")
_WITHDRAW = Prepared(text("UPDATE mailbox SET promised_modseq = 0 WHERE id = :id"))


def outstanding(connection: Connection, part: int = 0, parts: int = 1) -> list[int]:
    """Mailboxes that a power cut would leave in doubt; one part of so many, counted from 0."""
    return [row[0] for row in connection.execute(_OUTSTANDING, {"part": part, "parts": parts})]


def withdraw(tx: Transaction, mailbox_ids: Sequence[int]) -> None:
    """What was told of them is on disk with this transaction; their next change of flags waits for the disk again."""
    tx.must_last()
    tx.hold(*mailbox_ids)
    _WITHDRAW.run_many(tx.connection, ({"id": mailbox_id} for mailbox_id in mailbox_ids))
