"""Messages in mailboxes: append, copy, move, flags, expunge.

Every change takes its UIDs and MODSEQs under the mailbox's own row, in the transaction that makes it: no session
can see UID n+1 before n, and counters change with the rows they count.

Ranges are lists of inclusive UID pairs, ``[(1, 5), (9, 9)]``; UIDs that are not there are passed over, as RFC 9051
§6.4.9 wants.

Standards: RFC 9051 §2.3.1, §6.3.12, §6.4; RFC 7162 §3.1 (MODSEQ); RFC 6851 (MOVE).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, select, text

from mailserver.refusals import NoSuchMailbox
from mailserver.store import content_rows, marking, promises, readers, unscanned
from mailserver.store import flags as flag_bits
from mailserver.store.content import Content
from mailserver.store.content_rows import placement_row
from mailserver.store.database import Transaction
from mailserver.store.mailboxes import take_numbers
from mailserver.store.prepared import Prepared, Rows
from mailserver.store.readers import ReadersMailbox
from mailserver.store.reading import EVERYTHING, Ranges, as_ranges, merged, tuples
from mailserver.store.tables import (
    expunged,
    mailbox,
    message,
    placement,
)

# What ``set_flags`` is to say of the messages; with "nothing" it need not look at each.
Tell = Literal["nothing", "rows", "earlier"]
# (uid, flags, modseq)
Flagged = tuple[int, int, int]
# For operations that leave out flags which their author may not set.
ALL_FLAGS = -1


@dataclass(frozen=True, slots=True)
class Target:
    """Where an appended message goes.  ``internal_date`` is in epoch seconds, None for now; ``zone`` in minutes east of
    Greenwich, None for the city's."""

    mailbox_id: int
    flags: Collection[str] = ()
    internal_date: int | None = None
    zone: int | None = None


@dataclass(frozen=True, slots=True)
class Appended:
    mailbox_id: int
    uid: int
    uid_validity: int
    message_id: int


@dataclass(frozen=True, slots=True)
class FlagsResult:
    """(uid, flags, modseq) of messages: ``changed`` now have other flags, ``refused`` changed since
    ``unchanged_since``, ``unchanged`` had these flags already.  ``earlier``: the MODSEQs that the changed ones had
    before, if they were asked for; ``modseq``: what changed has it, and the mailbox had one less before; 0 if nothing
    did.
    """

    changed: list[Flagged]
    refused: list[Flagged]
    unchanged: list[Flagged]
    earlier: list[int] = field(default_factory=list)
    modseq: int = 0


# Adding

# One statement takes the UID and the MODSEQ and keeps the counters: nobody else can come between.  It goes to the disk
# anyhow, and so promises MODSEQs for the flags of what arrives (store.promises).
_GROW = Prepared(
    text(
        "UPDATE mailbox SET uid_next = uid_next + :count, highest_modseq = highest_modseq + 1,"
        " promised_modseq = highest_modseq + :ahead,"
        " messages = messages + :count, unseen = unseen + :unseen, deleted = deleted + :deleted, size = size + :size"
        " WHERE id = :id AND removed_at IS NULL RETURNING uid_next, highest_modseq, uid_validity"
    )
)
_PLACEMENTS = Rows(placement)


def append(tx: Transaction, content: Content, targets: Sequence[Target]) -> list[Appended]:
    """Put one message into mailboxes; all of them share its single row.  Raises NoSuchMailbox."""
    message_id = insert_message(tx, content)
    appended = []
    rows = []
    for target in targets:
        mask = flag_bits.mask_of(tx, target.mailbox_id, target.flags) if target.flags else 0
        shared = readers.shared_mask(target.mailbox_id, mask)
        uid_next, modseq, uid_validity = _grow(tx, target.mailbox_id, 1, [shared], content.size)
        rows.append(
            placement_row(
                *(tx.now, target.mailbox_id, uid_next - 1, message_id, content.size, shared, modseq),
                *(target.internal_date, target.zone),
            )
        )
        if mask & flag_bits.SEEN:
            readers.note_seen(tx, target.mailbox_id, {uid_next - 1: True}, modseq)
        appended.append(Appended(target.mailbox_id, uid_next - 1, uid_validity, message_id))
        tx.touch(target.mailbox_id)
    _PLACEMENTS.add(tx.connection, rows)
    return appended


def append_many(tx: Transaction, entries: Sequence[tuple[Content, Target]]) -> list[Appended]:
    """Put messages, each a new one, into one mailbox in this order, with one MODSEQ; only here may the scan of some
    have been put off.  Raises NoSuchMailbox."""
    mailbox_id = entries[0][1].mailbox_id
    contents = [content for content, _ in entries]
    masks = [flag_bits.mask_of(tx, mailbox_id, target.flags) if target.flags else 0 for _, target in entries]
    shared = [readers.shared_mask(mailbox_id, mask) for mask in masks]
    message_id = _insert_messages(tx, contents)
    waiting = [place for place, content in enumerate(contents) if not content.is_scanned]
    if waiting:
        unscanned.note(tx, mailbox_id, message_id + waiting[0], waiting[-1] - waiting[0] + 1)
    uid_next, modseq, uid_validity = _grow(tx, mailbox_id, len(entries), shared, sum(each.size for each in contents))
    uid = uid_next - len(entries)
    _PLACEMENTS.add(
        tx.connection,
        [
            placement_row(
                *(tx.now, mailbox_id, uid + place, message_id + place, content.size, mask, modseq),
                *(target.internal_date, target.zone),
            )
            for place, (mask, (content, target)) in enumerate(zip(shared, entries, strict=True))
        ],
    )
    seen = {uid + place: True for place, mask in enumerate(masks) if mask & flag_bits.SEEN}
    if seen:
        readers.note_seen(tx, mailbox_id, seen, modseq)
    tx.touch(mailbox_id)
    return [Appended(mailbox_id, uid + place, uid_validity, message_id + place) for place in range(len(entries))]


def insert_message(tx: Transaction, content: Content) -> int:
    """Keep a message that is not (yet) in a mailbox; its id.  Unplaced messages are swept by the housekeeper."""
    return _insert_messages(tx, [content])


def _insert_messages(tx: Transaction, contents: Sequence[Content]) -> int:
    """The first one's id; the others follow it."""
    first = take_numbers(tx, "message", len(contents)) - len(contents) + 1
    content_rows.insert(tx.connection, tx.now, list(enumerate(contents, first)))
    return first


def place(tx: Transaction, message_id: int, size: int, target: Target) -> Appended:
    """Put a message that is kept already into one more mailbox."""
    mask = flag_bits.mask_of(tx, target.mailbox_id, target.flags) if target.flags else 0
    uid_next, modseq, uid_validity = _grow(tx, target.mailbox_id, 1, [mask], size)
    row = placement_row(
        *(tx.now, target.mailbox_id, uid_next - 1, message_id, size, mask, modseq),
        *(target.internal_date, target.zone),
    )
    _PLACEMENTS.add(tx.connection, [row])
    tx.touch(target.mailbox_id)
    return Appended(target.mailbox_id, uid_next - 1, uid_validity, message_id)


def _grow(tx: Transaction, mailbox_id: int, count: int, masks: Sequence[int], size: int) -> tuple[int, int, int]:
    """Room for ``count`` messages at the end of a mailbox: (uid_next after them, modseq, uid_validity)."""
    tx.must_last()
    row = _GROW.row(
        tx.connection,
        {
            "id": mailbox_id,
            "count": count,
            "ahead": promises.AHEAD,
            "unseen": sum(not mask & flag_bits.SEEN for mask in masks),
            "deleted": sum(bool(mask & flag_bits.DELETED) for mask in masks),
            "size": size,
        },
    )
    if row is None:
        raise NoSuchMailbox
    return row[0], row[1], row[2]


# Copying and moving


# The same messages once more, numbered as they come; for flags that mean the same in both mailboxes.
_DUPLICATE = Prepared(
    text(
        "INSERT INTO placement (mailbox_id, uid, message_id, flags, modseq, touched, internal_date, saved_at, size,"
        " zone)"
        " SELECT :target_id, :first - 1 + row_number() OVER (ORDER BY uid), message_id, flags & :allowed, :modseq,"
        " false, internal_date, :now, size, zone FROM placement"
        " WHERE mailbox_id = :mailbox_id AND uid BETWEEN :low AND :high"
    )
)
# Ranges up to which that is quicker than row by row.
_FEW_RANGES = 20
_COPIED = ("uid", "flags", "size", "message_id", "internal_date", "zone")


def copy(
    tx: Transaction, source_id: int, ranges: Ranges, target_id: int, allowed: int = ALL_FLAGS
) -> list[tuple[int, int]]:
    """Copy messages with dates and the ``allowed`` flags; (old uid, new uid) in the source's order.

    Raises NoSuchMailbox.
    """
    tx.hold(source_id, target_id)
    rows = tuples(tx.connection, source_id, ranges, _COPIED)
    first = _add_copies(tx, source_id, rows, target_id, allowed)
    return [(row[0], uid) for uid, row in enumerate(rows, first)]


def move(
    tx: Transaction, source_id: int, ranges: Ranges, target_id: int, allowed: int = ALL_FLAGS
) -> list[tuple[int, int]]:
    """Copy, and take away at the source, in one transaction (RFC 6851 §3.3)."""
    tx.hold(source_id, target_id)
    rows = tuples(tx.connection, source_id, ranges, _COPIED)
    first = _add_copies(tx, source_id, rows, target_id, allowed)
    if rows:
        _take_away(tx, source_id, _runs([row[0] for row in rows]))
    return [(row[0], uid) for uid, row in enumerate(rows, first)]


def _add_copies(tx: Transaction, source_id: int, rows: Sequence[tuple[Any, ...]], target_id: int, allowed: int) -> int:
    """The first new UID for rows of ``_COPIED``.  Raises NoSuchMailbox."""
    if not rows:
        return _grow(tx, target_id, 0, [], 0)[0]
    used = {row[1] & allowed for row in rows}
    masks = flag_bits.translate(tx, used, source_id, target_id)
    flags = [masks[row[1] & allowed] for row in rows]
    shared = [readers.shared_mask(target_id, mask) for mask in flags]
    uid_next, modseq, _ = _grow(tx, target_id, len(rows), shared, sum(row[2] for row in rows))
    unscanned.carry(tx, source_id, target_id)
    first = uid_next - len(rows)
    runs = _runs([row[0] for row in rows])
    plain = not isinstance(source_id, ReadersMailbox) and not isinstance(target_id, ReadersMailbox)
    if plain and len(runs) <= _FEW_RANGES and all(mask == masks[mask] for mask in used):
        values = {"target_id": target_id, "mailbox_id": source_id, "allowed": allowed, "modseq": modseq, "now": tx.now}
        place = first
        for low, high in runs:
            _DUPLICATE.run(tx.connection, {**values, "first": place, "low": low, "high": high})
            place += high - low + 1
    else:
        _PLACEMENTS.add(
            tx.connection,
            [
                placement_row(tx.now, target_id, uid, row[3], row[2], mask, modseq, *row[4:])
                for uid, (row, mask) in enumerate(zip(rows, shared, strict=True), first)
            ],
        )
    seen = {uid: True for uid, mask in enumerate(flags, first) if mask & flag_bits.SEEN}
    readers.note_seen(tx, target_id, seen, modseq)
    tx.touch(target_id)
    return first


# Flags


def set_flags(
    tx: Transaction,
    mailbox_id: int,
    ranges: Ranges,
    operation: Literal["add", "remove", "replace"],
    flags: Collection[str],
    unchanged_since: int | None = None,
    allowed: int = ALL_FLAGS,
    tell: Tell = "rows",
) -> FlagsResult:
    """STORE (RFC 9051 §6.4.6).  Messages whose flags are so already keep their MODSEQ.

    ``unchanged_since`` refuses what changed after that MODSEQ (RFC 7162 §3.1.3); only ``allowed`` flags change.
    """
    tx.hold(mailbox_id)  # the counters are reckoned from the flags read here
    mask = flag_bits.mask_of(tx, mailbox_id, flags, create=operation != "remove")
    kept = {"add": -1, "remove": ~mask, "replace": 0}[operation] | ~allowed
    added = 0 if operation == "remove" else mask & allowed
    is_plain = unchanged_since is None and not isinstance(mailbox_id, ReadersMailbox)
    if tell == "earlier" or not is_plain or len(ranges) > _FEW_RANGES:
        return _set_each(tx, mailbox_id, ranges, kept, added, unchanged_since)
    modseq = marking.mark(tx, mailbox_id, ranges, kept, added)
    if tell == "nothing":
        return FlagsResult([], [], [], modseq=modseq)
    rows = tuples(tx.connection, mailbox_id, ranges, ("uid", "flags", "modseq"))
    changed = [row for row in rows if row[2] == modseq]
    unchanged = [] if len(changed) == len(rows) else [row for row in rows if row[2] != modseq]
    return FlagsResult(changed, [], unchanged, modseq=modseq)


def _set_each(
    tx: Transaction, mailbox_id: int, ranges: Ranges, kept: int, added: int, unchanged_since: int | None
) -> FlagsResult:
    """The same by a look at every message first."""
    limit = marking.ANY_MODSEQ if unchanged_since is None else unchanged_since
    if unchanged_since is not None and promises.is_doubtful(tx.connection, mailbox_id, limit):
        limit = 0  # whoever knows that MODSEQ may know flags that are not there
    rows = tuples(tx.connection, mailbox_id, ranges, ("uid", "flags", "modseq"))
    refused, unchanged, different, earlier = [], [], [], []
    seen = deleted = 0
    for row in rows:
        uid, old, modseq = row
        new = old & kept | added
        if modseq > limit:
            refused.append(row)
        elif new == old:
            unchanged.append(row)
        else:
            different.append((uid, old, new))
            earlier.append(modseq)
            seen += (new & flag_bits.SEEN) - (old & flag_bits.SEEN)
            deleted += (new & flag_bits.DELETED) - (old & flag_bits.DELETED)
    if not different:
        return FlagsResult([], refused, unchanged)
    if isinstance(mailbox_id, ReadersMailbox):
        modseq = marking.reckon(tx, mailbox_id, 0, deleted)
        own = {uid: bool(new & flag_bits.SEEN) for uid, old, new in different if (old ^ new) & flag_bits.SEEN}
        readers.note_seen(tx, mailbox_id, own, modseq)
        kept, added = kept | flag_bits.SEEN, added & ~flag_bits.SEEN
        ranges = as_ranges(uid for uid, old, new in different if (old ^ new) & ~flag_bits.SEEN)
    else:
        modseq = marking.reckon(tx, mailbox_id, seen, deleted)
    marking.mark_each(tx, mailbox_id, ranges, kept, added, modseq, limit)
    return FlagsResult([(uid, new, modseq) for uid, _, new in different], refused, unchanged, earlier, modseq)


# Taking away

# Both engines bound the number of values a statement may carry.
_UIDS_PER_STATEMENT = 1000


def expunge(tx: Transaction, mailbox_id: int, ranges: Ranges | None = None) -> list[int]:
    """Take away messages that are \\Deleted, within ``ranges`` if given; their UIDs (RFC 9051 §6.4.3)."""
    tx.hold(mailbox_id)
    if not has_deleted(tx.connection, mailbox_id):
        return []
    return _bury(tx, mailbox_id, EVERYTHING if ranges is None else ranges, only_deleted=True)


_DELETED = Prepared(select(mailbox.c.deleted).where(mailbox.c.id == bindparam("id")))


def has_deleted(connection: Connection, mailbox_id: int) -> bool:
    """Whether there is anything to expunge: the counter says it without a look at the messages."""
    row = _DELETED.row(connection, {"id": int(mailbox_id)})
    return row is not None and row[0] > 0


def remove(tx: Transaction, mailbox_id: int, ranges: Ranges) -> list[int]:
    """Take away messages whatever their flags; their UIDs."""
    return _bury(tx, mailbox_id, ranges, only_deleted=False)


# The bits of ``marked`` must all be set; none for all messages.
_DOOMED = Prepared(
    text(
        "SELECT uid FROM placement WHERE mailbox_id = :mailbox_id AND uid BETWEEN :low AND :high"
        " AND (flags & :marked) = :marked ORDER BY uid"
    )
)
_ENTOMB = Prepared(
    text(
        "INSERT INTO expunged (mailbox_id, uid, modseq, message_id, flags, internal_date, expunged_at, zone)"
        " SELECT mailbox_id, uid, :modseq, message_id, flags, internal_date, :now, zone FROM placement"
        " WHERE mailbox_id = :mailbox_id AND uid BETWEEN :low AND :high"
    )
)
_DISPLACE = Prepared(text("DELETE FROM placement WHERE mailbox_id = :mailbox_id AND uid BETWEEN :low AND :high"))
_SHRINK = Prepared(
    text(
        "UPDATE mailbox SET highest_modseq = highest_modseq + 1, messages = messages - :count,"
        " unseen = unseen - :unseen, deleted = deleted - :deleted, size = size - :size"
        " WHERE id = :id AND removed_at IS NULL RETURNING highest_modseq"
    )
)


def _bury(tx: Transaction, mailbox_id: int, ranges: Ranges, *, only_deleted: bool) -> list[int]:
    """Take messages away; their UIDs."""
    tx.hold(mailbox_id)
    marked = flag_bits.DELETED if only_deleted else 0
    if len(ranges) > _FEW_RANGES:
        found = tuples(tx.connection, int(mailbox_id), ranges, ("uid", "flags"))
        doomed = [uid for uid, mask in found if mask & marked == marked]
    else:
        where = {"mailbox_id": int(mailbox_id), "marked": marked}
        doomed = [
            uid
            for low, high in merged(ranges)
            for (uid,) in _DOOMED.tuples(tx.connection, {**where, "low": low, "high": high})
        ]
    if doomed:
        _take_away(tx, mailbox_id, _runs(doomed))
    return doomed


def _take_away(tx: Transaction, mailbox_id: int, runs: Ranges) -> None:
    """All messages of these ranges, which are not empty, in a mailbox that is held."""
    tx.must_last()
    row = _SHRINK.row(tx.connection, {"id": int(mailbox_id), **_count(tx, int(mailbox_id), runs)})
    if row is None:
        raise NoSuchMailbox
    values = {"mailbox_id": int(mailbox_id), "modseq": row[0], "now": tx.now}
    ranges = [{**values, "low": low, "high": high} for low, high in runs]
    _ENTOMB.run_many(tx.connection, ranges)
    _DISPLACE.run_many(tx.connection, ranges)
    tx.touch(mailbox_id)


_COUNT = Prepared(
    text(
        "SELECT count(*), coalesce(sum(flags & :seen), 0), coalesce(sum(flags & :deleted), 0), coalesce(sum(size), 0)"
        " FROM placement WHERE mailbox_id = :mailbox_id AND uid BETWEEN :low AND :high"
    )
)


def _count(tx: Transaction, mailbox_id: int, runs: Ranges) -> dict[str, int]:
    """What is counted of the messages of some ranges, as the mailbox's owner sees them."""
    if len(runs) > _FEW_RANGES:
        rows = tuples(tx.connection, mailbox_id, runs, ("flags", "size"))
        counted = [(1, mask & flag_bits.SEEN, mask & flag_bits.DELETED, size) for mask, size in rows]
    else:
        where = {"mailbox_id": mailbox_id, "seen": flag_bits.SEEN, "deleted": flag_bits.DELETED}
        counted = [_COUNT.row(tx.connection, {**where, "low": low, "high": high}) for low, high in runs]
    count, seen, deleted, size = (int(sum(column)) for column in zip(*counted, strict=True))
    unseen = count - seen // flag_bits.SEEN
    return {"count": count, "unseen": unseen, "deleted": deleted // flag_bits.DELETED, "size": size}


def _runs(uids: Sequence[int]) -> Ranges:
    """Ascending UIDs as ranges of nothing but them."""
    if uids[-1] - uids[0] == len(uids) - 1:
        return [(uids[0], uids[-1])]
    return as_ranges(uids)


def restore(tx: Transaction, mailbox_id: int, uids: Collection[int], target_id: int) -> list[int]:
    """Bring removed messages back, into ``target_id``, with their dates and flags but \\Deleted; their new UIDs."""
    tx.hold(mailbox_id, target_id)  # nobody forgets the tombstones meanwhile, and the messages with them
    wanted = sorted(set(uids))
    rows: list[Any] = []
    for start in range(0, len(wanted), _UIDS_PER_STATEMENT):
        rows += tx.connection.execute(
            select(
                expunged.c.uid,
                expunged.c.message_id,
                expunged.c.flags,
                expunged.c.internal_date,
                expunged.c.zone,
                message.c.size,
            )
            .join(message, message.c.id == expunged.c.message_id)
            .where(
                expunged.c.mailbox_id == mailbox_id,
                expunged.c.uid.in_(wanted[start : start + _UIDS_PER_STATEMENT]),
            )
            .order_by(expunged.c.uid)
        ).all()
    if not rows:
        return []
    alive = ~flag_bits.DELETED
    masks = flag_bits.translate(tx, {row.flags & alive for row in rows}, mailbox_id, target_id)
    uid_next, modseq, _ = _grow(
        tx, target_id, len(rows), [masks[row.flags & alive] for row in rows], sum(row.size for row in rows)
    )
    unscanned.carry(tx, mailbox_id, target_id)
    first = uid_next - len(rows)
    _PLACEMENTS.add(
        tx.connection,
        [
            placement_row(
                *(tx.now, target_id, uid, row.message_id, row.size, masks[row.flags & alive], modseq),
                *(row.internal_date, row.zone),
            )
            for uid, row in enumerate(rows, first)
        ],
    )
    tx.touch(target_id)
    # The tombstone stays: QRESYNC clients must still hear that the old UID vanished.
    return list(range(first, uid_next))
