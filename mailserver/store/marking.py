"""Changing the flags of messages in ranges, and keeping note of it for ``store.changes``.

A message whose flags change is found again by the index of touched rows.  Of many that are changed in a row, writing
that index would take most of the time; instead they stay out of it, and one row of ``marked_range`` tells where they
are.  Each has the MODSEQ of its range, and leaves it by changing again: a range once empty stays so, and is removed by
the next change that covers it, or by the housekeeper.

Standards: RFC 7162 §3.1.1 (one MODSEQ for all that one command changes).
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from mailserver.refusals import NoSuchMailbox
from mailserver.store.database import Transaction
from mailserver.store.flags import DELETED, SEEN
from mailserver.store.prepared import Prepared, Rows
from mailserver.store.reading import Ranges, merged
from mailserver.store.tables import marked_range

# From so many on a range is noted rather than each message, if a fourth or more of what it spans changes: whoever asks
# for changes looks at all of it.
MANY = 64
_SPARSE = 4

# One form for all three operations: what stays of the old flags, and what is set.
_TALLY = Prepared(
    text(
        "SELECT count(*), min(uid), max(uid), sum((((flags & :kept) | :added) & :seen) - (flags & :seen)),"
        " sum((((flags & :kept) | :added) & :deleted) - (flags & :deleted)) FROM placement"
        " WHERE mailbox_id = :mailbox_id AND uid BETWEEN :low AND :high AND flags <> ((flags & :kept) | :added)"
    )
)
_MARK = Prepared(
    text(
        "UPDATE placement SET flags = (flags & :kept) | :added, modseq = :modseq, touched = :touched"
        " WHERE mailbox_id = :mailbox_id AND uid BETWEEN :low AND :high AND modseq <= :unchanged_since"
        " AND flags <> ((flags & :kept) | :added)"
    )
)
_RECKON = Prepared(
    text(
        "UPDATE mailbox SET highest_modseq = highest_modseq + 1, unseen = unseen - :seen, deleted = deleted + :deleted"
        " WHERE id = :id AND removed_at IS NULL RETURNING highest_modseq"
    )
)
_RANGES = Rows(marked_range)
_FORGET_WITHIN = Prepared(
    text(
        "DELETE FROM marked_range WHERE mailbox_id = :mailbox_id AND low >= :low AND high <= :high"
        " AND modseq < :modseq AND NOT EXISTS (SELECT 1 FROM placement p WHERE p.mailbox_id = marked_range.mailbox_id"
        " AND p.uid BETWEEN marked_range.low AND marked_range.high AND p.modseq = marked_range.modseq"
        " AND NOT p.touched)"
    )
)
ANY_MODSEQ = (1 << 63) - 1


def mark(tx: Transaction, mailbox_id: int, ranges: Ranges, kept: int, added: int) -> int:
    """Give messages of a few ranges the flags ``(old & kept) | added``; the MODSEQ of those that changed by it, 0 if
    none did.

    The mailbox is held.  Raises NoSuchMailbox.
    """
    masks = {"mailbox_id": int(mailbox_id), "kept": kept, "added": added}
    tallies = []
    for low, high in merged(ranges):
        tally = _TALLY.row(tx.connection, {**masks, "low": low, "high": high, "seen": SEEN, "deleted": DELETED})
        if tally[0]:
            tallies.append(tuple(map(int, tally)))
    if not tallies:
        return 0
    modseq = reckon(tx, mailbox_id, sum(each[3] for each in tallies), sum(each[4] for each in tallies))
    for count, low, high, _, _ in tallies:
        values = {"mailbox_id": int(mailbox_id), "low": low, "high": high, "modseq": modseq}
        is_range = count >= MANY and count * _SPARSE > high - low
        if is_range:
            _RANGES.add(tx.connection, [(int(mailbox_id), modseq, low, high)])
        _MARK.run(tx.connection, {**masks, **values, "touched": not is_range, "unchanged_since": ANY_MODSEQ})
        if is_range:
            _FORGET_WITHIN.run(tx.connection, values)
    tx.touch(mailbox_id)
    return modseq


def mark_each(
    tx: Transaction, mailbox_id: int, ranges: Ranges, kept: int, added: int, modseq: int, unchanged_since: int
) -> None:
    """The same where the counters are reckoned already; many ranges, each noted message by message."""
    masks = {"mailbox_id": int(mailbox_id), "kept": kept, "added": added, "modseq": modseq, "touched": True}
    _MARK.run_many(
        tx.connection,
        ({**masks, "low": low, "high": high, "unchanged_since": unchanged_since} for low, high in ranges),
    )
    tx.touch(mailbox_id)


def reckon(tx: Transaction, mailbox_id: int, seen: int, deleted: int) -> int:
    """The MODSEQ of a change of flags; ``seen`` and ``deleted`` are the sums of these bits, after less before.

    Raises NoSuchMailbox.
    """
    row = _RECKON.row(tx.connection, {"id": int(mailbox_id), "seen": seen // SEEN, "deleted": deleted // DELETED})
    if row is None:
        raise NoSuchMailbox
    return int(row[0])


_EMPTY = text(
    "SELECT mailbox_id, modseq, low FROM marked_range r WHERE NOT EXISTS (SELECT 1 FROM placement p"
    " WHERE p.mailbox_id = r.mailbox_id AND p.uid BETWEEN r.low AND r.high AND p.modseq = r.modseq AND NOT p.touched)"
)
_FORGET = Prepared(text("DELETE FROM marked_range WHERE mailbox_id = :mailbox_id AND modseq = :modseq AND low = :low"))


def empty_ranges(connection: Connection) -> list[tuple[int, int, int]]:
    """Ranges of which nothing is left, for ``forget_ranges``; they never get anything again."""
    return [tuple(row) for row in connection.execute(_EMPTY)]


def forget_ranges(tx: Transaction, ranges: list[tuple[int, int, int]]) -> None:
    _FORGET.run_many(
        tx.connection, ({"mailbox_id": mailbox, "modseq": modseq, "low": low} for mailbox, modseq, low in ranges)
    )
