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
from mailserver.store import promises
from mailserver.store.database import Transaction
from mailserver.store.flags import DELETED, SEEN
from mailserver.store.prepared import Prepared, Rows
from mailserver.store.reading import Ranges, merged
from mailserver.store.tables import marked_range

# From so many on a range is noted rather than each message, if a fourth or more of what it spans changes: whoever asks
# for changes looks at all of it.
MANY = 64
_SPARSE = 4

_STATE = Prepared(
    text("SELECT uid_next, highest_modseq, promised_modseq FROM mailbox WHERE id = :id AND removed_at IS NULL")
)
# One form for all three operations: what stays of the old flags, and what is set.
_TALLY = Prepared(
    text(
        "SELECT coalesce(sum((((flags & :kept) | :added) & :seen) - (flags & :seen)), 0),"
        " coalesce(sum((((flags & :kept) | :added) & :deleted) - (flags & :deleted)), 0) FROM placement"
        " WHERE mailbox_id = :mailbox_id AND uid BETWEEN :low AND :high"
    )
)
_MARK = Prepared(
    text(
        "UPDATE placement SET flags = (flags & :kept) | :added, modseq = :modseq, touched = :touched"
        " WHERE mailbox_id = :mailbox_id AND uid BETWEEN :low AND :high AND flags <> ((flags & :kept) | :added)"
    )
)
_MARK_UNCHANGED = Prepared(
    text(
        "UPDATE placement SET flags = (flags & :kept) | :added, modseq = :modseq, touched = true"
        " WHERE mailbox_id = :mailbox_id AND uid BETWEEN :low AND :high AND modseq <= :unchanged_since"
        " AND flags <> ((flags & :kept) | :added)"
    )
)
_TOUCH = Prepared(
    text(
        "UPDATE placement SET touched = true"
        " WHERE mailbox_id = :mailbox_id AND uid BETWEEN :low AND :high AND modseq = :modseq"
    )
)
_RECKON = Prepared(
    text(
        "UPDATE mailbox SET highest_modseq = highest_modseq + 1, unseen = unseen - :seen, deleted = deleted + :deleted"
        " WHERE id = :id AND removed_at IS NULL RETURNING highest_modseq, promised_modseq"
    )
)
_RANGES = Rows(marked_range)
_FORGET_ALL_WITHIN = Prepared(
    text(
        "DELETE FROM marked_range WHERE mailbox_id = :mailbox_id AND low >= :low AND high <= :high AND modseq < :modseq"
    )
)
_FORGET_WITHIN = Prepared(
    text(
        "DELETE FROM marked_range WHERE mailbox_id = :mailbox_id AND low >= :low AND high <= :high"
        " AND modseq < :modseq AND NOT EXISTS (SELECT 1 FROM placement p WHERE p.mailbox_id = marked_range.mailbox_id"
        " AND p.uid BETWEEN marked_range.low AND marked_range.high AND p.modseq = marked_range.modseq"
        " AND NOT p.touched)"
    )
)
ANY_MODSEQ = (1 << 63) - 1
_COUNTED = (SEEN, DELETED)


def mark(tx: Transaction, mailbox_id: int, ranges: Ranges, kept: int, added: int) -> int:
    """Give messages of a few ranges the flags ``(old & kept) | added``; the MODSEQ of those that changed by it, 0 if
    none did.  The mailbox is held.
    """
    mailbox_id = int(mailbox_id)
    state = _STATE.row(tx.connection, {"id": mailbox_id})
    if state is None:
        return 0  # removed, and its messages with it
    uid_next = state[0]
    modseq: int = state[1] + 1
    if modseq > state[2]:
        tx.must_last()  # said now, before the work is done for nothing
    changes = ~kept | added
    # Whatever changes one flag alone changes it by one in every message that changes.
    is_tallied = any(changes & flag and changes != flag for flag in _COUNTED)
    masks = {"mailbox_id": mailbox_id, "kept": kept, "added": added}
    total = seen = deleted = 0
    for low, high in merged(ranges):
        values = {**masks, "low": low, "high": min(high, uid_next - 1), "modseq": modseq}
        if is_tallied:
            tally = _TALLY.row(tx.connection, {**values, "seen": SEEN, "deleted": DELETED})
            seen, deleted = seen + int(tally[0]), deleted + int(tally[1])
        total += _mark_range(tx, values)
    if not total:
        return 0
    if not is_tallied:
        seen, deleted = (total * ((added & flag) - (~kept & flag & ~added)) for flag in _COUNTED)
    reckon(tx, mailbox_id, seen, deleted)
    tx.touch(mailbox_id)
    return modseq


def _mark_range(tx: Transaction, values: dict[str, int]) -> int:
    """How many messages changed."""
    width = values["high"] - values["low"] + 1
    if width < MANY:
        return _MARK.run(tx.connection, {**values, "touched": True})
    changed = _MARK.run(tx.connection, {**values, "touched": False})
    if changed < MANY or changed * _SPARSE < width:
        if changed:
            _TOUCH.run(tx.connection, values)
        return changed
    _RANGES.add(tx.connection, [(values["mailbox_id"], values["modseq"], values["low"], values["high"])])
    (_FORGET_ALL_WITHIN if changed == width else _FORGET_WITHIN).run(tx.connection, values)
    return changed


def mark_each(
    tx: Transaction, mailbox_id: int, ranges: Ranges, kept: int, added: int, modseq: int, unchanged_since: int
) -> None:
    """The same where the counters are reckoned already; many ranges, each noted message by message."""
    masks = {"mailbox_id": int(mailbox_id), "kept": kept, "added": added, "modseq": modseq}
    _MARK_UNCHANGED.run_many(
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
    modseq, promised = row
    promises.cover(tx, mailbox_id, modseq, promised)
    return int(modseq)


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
