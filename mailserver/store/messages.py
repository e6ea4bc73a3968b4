"""Messages in mailboxes: append, copy, move, flags, expunge.

Every change takes its UIDs and MODSEQs under the mailbox's own row, in the transaction that makes it: no session
can see UID n+1 before n, and counters change with the rows they count.

Ranges are lists of inclusive UID pairs, ``[(1, 5), (9, 9)]``; UIDs that are not there are passed over, as RFC 9051
§6.4.9 wants.

Standards: RFC 9051 §2.3.1, §6.3.12, §6.4; RFC 7162 §3.1 (MODSEQ); RFC 6851 (MOVE).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.sql import ColumnElement

from mailserver.refusals import NoSuchMailbox
from mailserver.store import flags as flag_bits
from mailserver.store.content import Content
from mailserver.store.database import Transaction
from mailserver.store.mailboxes import INBOX, create_inboxes, take_numbers
from mailserver.store.tables import expunged, mailbox, message, message_octets, placement

Ranges = Sequence[tuple[int, int]]

# Ranges in one statement; both engines bound the number of values a statement may carry.
_RANGES_PER_STATEMENT = 400


@dataclass(frozen=True, slots=True)
class Target:
    """Where an appended message goes.  ``internal_date`` is in epoch seconds, None for now."""

    mailbox_id: int
    flags: Collection[str] = ()
    internal_date: int | None = None


@dataclass(frozen=True, slots=True)
class Appended:
    mailbox_id: int
    uid: int
    uid_validity: int
    message_id: int


@dataclass(frozen=True, slots=True)
class FlagsResult:
    """``changed``: (uid, flags, modseq) of every message that now has other flags; ``refused``: UIDs that changed
    since ``unchanged_since``; ``unchanged``: UIDs that had these flags already."""

    changed: list[tuple[int, int, int]]
    refused: list[int]
    unchanged: list[int]


# Adding

# One statement takes the UID and the MODSEQ and keeps the counters: nobody else can come between.
_GROW = text(
    "UPDATE mailbox SET uid_next = uid_next + :count, highest_modseq = highest_modseq + 1,"
    " messages = messages + :count, unseen = unseen + :unseen, deleted = deleted + :deleted, size = size + :size"
    " WHERE id = :id AND removed_at IS NULL RETURNING uid_next, highest_modseq, uid_validity"
)
_INSERT_MESSAGE = insert(message)
_INSERT_OCTETS = insert(message_octets)
_INSERT_PLACEMENT = insert(placement)


def append(tx: Transaction, content: Content, targets: Sequence[Target]) -> list[Appended]:
    """Put one message into mailboxes; all of them share its single row.  Raises NoSuchMailbox."""
    message_id = insert_message(tx, content)
    appended = []
    rows = []
    for target in targets:
        mask = flag_bits.mask_of(tx, target.mailbox_id, target.flags) if target.flags else 0
        uid_next, modseq, uid_validity = _grow(tx, target.mailbox_id, 1, [mask], content.size)
        rows.append(_placement_row(tx, target.mailbox_id, uid_next - 1, message_id, mask, modseq, target.internal_date))
        appended.append(Appended(target.mailbox_id, uid_next - 1, uid_validity, message_id))
        tx.touch(target.mailbox_id)
    tx.connection.execute(_INSERT_PLACEMENT, rows)
    return appended


def insert_message(tx: Transaction, content: Content) -> int:
    """Keep a message that is not (yet) in a mailbox; its id.  Unplaced messages are swept by the housekeeper."""
    summary = content.summary
    message_id = take_numbers(tx, "message", 1)
    tx.connection.execute(
        _INSERT_MESSAGE,
        {
            "id": message_id,
            "size": summary.size,
            "header_size": summary.header_size,
            "received_at": tx.now,
            "sent_at": summary.sent_at,
            "has_attachments": summary.has_attachments,
            "envelope": summary.envelope,
            "body": summary.body,
            "bodystructure": summary.bodystructure,
            "subject": summary.subject,
            "base_subject": summary.base_subject,
            "author_name": summary.author_name,
            "author_address": summary.author_address,
            "to_text": summary.to_text,
            "sort_from": summary.sort_from,
            "sort_to": summary.sort_to,
            "sort_cc": summary.sort_cc,
            "message_id_header": summary.message_id,
            "thread_key": summary.thread_key,
            "preview": summary.preview,
            "search_text": summary.search_text,
            "parts": summary.parts,
        },
    )
    tx.connection.execute(
        _INSERT_OCTETS,
        {
            "message_id": message_id,
            "format": content.format,
            "prefix_size": content.prefix_size,
            "digest": content.digest,
            "header": content.header,
            "text": content.text,
        },
    )
    return message_id


def place(tx: Transaction, message_id: int, size: int, target: Target) -> Appended:
    """Put a message that is kept already into one more mailbox."""
    mask = flag_bits.mask_of(tx, target.mailbox_id, target.flags) if target.flags else 0
    uid_next, modseq, uid_validity = _grow(tx, target.mailbox_id, 1, [mask], size)
    tx.connection.execute(
        _INSERT_PLACEMENT,
        _placement_row(tx, target.mailbox_id, uid_next - 1, message_id, mask, modseq, target.internal_date),
    )
    tx.touch(target.mailbox_id)
    return Appended(target.mailbox_id, uid_next - 1, uid_validity, message_id)


def _placement_row(
    tx: Transaction, mailbox_id: int, uid: int, message_id: int, mask: int, modseq: int, internal_date: int | None
) -> dict[str, object]:
    return {
        "mailbox_id": mailbox_id,
        "uid": uid,
        "message_id": message_id,
        "flags": mask,
        "modseq": modseq,
        "touched": False,
        "internal_date": tx.now if internal_date is None else internal_date,
        "saved_at": tx.now,
    }


def _grow(tx: Transaction, mailbox_id: int, count: int, masks: Sequence[int], size: int) -> tuple[int, int, int]:
    """Room for ``count`` messages at the end of a mailbox: (uid_next after them, modseq, uid_validity)."""
    row = tx.connection.execute(
        _GROW,
        {
            "id": mailbox_id,
            "count": count,
            "unseen": sum(not mask & flag_bits.SEEN for mask in masks),
            "deleted": sum(bool(mask & flag_bits.DELETED) for mask in masks),
            "size": size,
        },
    ).first()
    if row is None:
        raise NoSuchMailbox
    return row[0], row[1], row[2]


# Broadcast: sets, not loops.

_RECIPIENTS = "CREATE TEMPORARY TABLE IF NOT EXISTS broadcast_recipient (account_id TEXT PRIMARY KEY)"


def deliver_to_accounts(tx: Transaction, content: Content, account_ids: Collection[str]) -> int:
    """Put one message into the INBOX of many accounts, making those that lack one; how many it reached.

    One body, one row each, in a handful of statements however many accounts there are.
    """
    message_id = insert_message(tx, content)
    return place_with_accounts(tx, message_id, content.size, account_ids)


def place_with_accounts(tx: Transaction, message_id: int, size: int, account_ids: Collection[str]) -> int:
    """Put a message that is kept already into the INBOX of many accounts."""
    connection = tx.connection
    connection.exec_driver_sql(_RECIPIENTS)
    connection.execute(text("DELETE FROM broadcast_recipient"))
    connection.execute(
        text("INSERT INTO broadcast_recipient (account_id) VALUES (:account_id)"),
        [{"account_id": account_id} for account_id in set(account_ids)],
    )
    lacking = connection.execute(
        text(
            "SELECT r.account_id FROM broadcast_recipient r WHERE NOT EXISTS (SELECT 1 FROM mailbox m"
            " WHERE m.account_id = r.account_id AND m.name = :inbox)"
        ),
        {"inbox": INBOX},
    )
    if new := [row[0] for row in lacking]:
        create_inboxes(tx, new)
    values = {"inbox": INBOX, "message": message_id, "size": size, "now": tx.now}
    # Counters first: PostgreSQL's row locks are then held when the UIDs are read.
    reached = connection.execute(
        text(
            "UPDATE mailbox SET uid_next = uid_next + 1, highest_modseq = highest_modseq + 1,"
            " messages = messages + 1, unseen = unseen + 1, size = size + :size"
            " WHERE name = :inbox AND account_id IN (SELECT account_id FROM broadcast_recipient) RETURNING id"
        ),
        values,
    )
    tx.touched.update(row[0] for row in reached)
    result = connection.execute(
        text(
            "INSERT INTO placement (mailbox_id, uid, message_id, flags, modseq, touched, internal_date, saved_at)"
            " SELECT m.id, m.uid_next - 1, :message, 0, m.highest_modseq, false, :now, :now"
            " FROM broadcast_recipient r JOIN mailbox m ON m.account_id = r.account_id AND m.name = :inbox"
            " ORDER BY m.id"
        ),
        values,
    )
    connection.execute(text("DELETE FROM broadcast_recipient"))
    return int(result.rowcount)


# Copying and moving


def copy(tx: Transaction, source_id: int, ranges: Ranges, target_id: int) -> list[tuple[int, int]]:
    """Copy messages with flags and dates; (old uid, new uid) in the source's order.  Raises NoSuchMailbox."""
    rows = _rows(tx.connection, source_id, ranges)
    if not rows:
        _grow(tx, target_id, 0, [], 0)
        return []
    masks = flag_bits.translate(tx, {row.flags for row in rows}, source_id, target_id)
    uid_next, modseq, _ = _grow(
        tx, target_id, len(rows), [masks[row.flags] for row in rows], sum(row.size for row in rows)
    )
    first = uid_next - len(rows)
    tx.connection.execute(
        _INSERT_PLACEMENT,
        [
            _placement_row(tx, target_id, first + position, row.message_id, masks[row.flags], modseq, row.internal_date)
            for position, row in enumerate(rows)
        ],
    )
    tx.touch(target_id)
    return [(row.uid, first + position) for position, row in enumerate(rows)]


def move(tx: Transaction, source_id: int, ranges: Ranges, target_id: int) -> list[tuple[int, int]]:
    """Copy, and take away at the source, in one transaction (RFC 6851 §3.3)."""
    moved = copy(tx, source_id, ranges, target_id)
    if moved:
        _bury(tx, source_id, ranges, only_deleted=False)
    return moved


# Flags


def set_flags(
    tx: Transaction,
    mailbox_id: int,
    ranges: Ranges,
    operation: Literal["add", "remove", "replace"],
    flags: Collection[str],
    unchanged_since: int | None = None,
) -> FlagsResult:
    """STORE (RFC 9051 §6.4.6).  Messages whose flags are so already keep their MODSEQ.

    ``unchanged_since`` refuses what changed after that MODSEQ (RFC 7162 §3.1.3).
    """
    mask = flag_bits.mask_of(tx, mailbox_id, flags, create=operation != "remove")
    current = placement.c.flags
    wanted: ColumnElement[int]
    if operation == "add":
        wanted = current.op("|")(literal(mask, BigInteger))
    elif operation == "remove":
        wanted = current.op("&")(literal(~mask, BigInteger))
    else:
        wanted = literal(mask, BigInteger)
    refused: list[int] = []
    changed: list[tuple[int, int, int]] = []
    unchanged: list[int] = []
    seen_delta = deleted_delta = 0
    modseq: int | None = None
    for where in _where(mailbox_id, ranges):
        rows = tx.connection.execute(
            select(placement.c.uid, placement.c.flags, placement.c.modseq, wanted).where(where)
        ).all()
        allowed: ColumnElement[bool] = true()
        if unchanged_since is not None:
            refused += [row[0] for row in rows if row[2] > unchanged_since]
            rows = [row for row in rows if row[2] <= unchanged_since]
            allowed = placement.c.modseq <= unchanged_since
        different = [row for row in rows if row[1] != row[3]]
        unchanged += [row[0] for row in rows if row[1] == row[3]]
        if not different:
            continue
        if modseq is None:
            modseq = _next_modseq(tx, mailbox_id)
        tx.connection.execute(
            update(placement)
            .where(where, allowed, current != wanted)
            .values(flags=wanted, modseq=modseq, touched=literal(True, Boolean))
        )
        for uid, old, _, new in different:
            changed.append((uid, new, modseq))
            seen_delta += bool(new & flag_bits.SEEN) - bool(old & flag_bits.SEEN)
            deleted_delta += bool(new & flag_bits.DELETED) - bool(old & flag_bits.DELETED)
    if changed:
        tx.connection.execute(
            update(mailbox)
            .where(mailbox.c.id == mailbox_id)
            .values(unseen=mailbox.c.unseen - seen_delta, deleted=mailbox.c.deleted + deleted_delta)
        )
        tx.touch(mailbox_id)
    return FlagsResult(changed, refused, unchanged)


_NEXT_MODSEQ = text(
    "UPDATE mailbox SET highest_modseq = highest_modseq + 1 WHERE id = :id AND removed_at IS NULL RETURNING highest_modseq"
)


def _next_modseq(tx: Transaction, mailbox_id: int) -> int:
    modseq = tx.connection.execute(_NEXT_MODSEQ, {"id": mailbox_id}).scalar_one_or_none()
    if modseq is None:
        raise NoSuchMailbox
    return int(modseq)


# Taking away


def expunge(tx: Transaction, mailbox_id: int, ranges: Ranges | None = None) -> list[int]:
    """Take away messages that are \\Deleted, within ``ranges`` if given; their UIDs (RFC 9051 §6.4.3)."""
    return _bury(tx, mailbox_id, [(1, 2**32)] if ranges is None else ranges, only_deleted=True)


def remove(tx: Transaction, mailbox_id: int, ranges: Ranges) -> list[int]:
    """Take away messages whatever their flags; their UIDs."""
    return _bury(tx, mailbox_id, ranges, only_deleted=False)


def _bury(tx: Transaction, mailbox_id: int, ranges: Ranges, *, only_deleted: bool) -> list[int]:
    gone: list[int] = []
    unseen = deleted = size = 0
    modseq: int | None = None
    marked = placement.c.flags.op("&")(flag_bits.DELETED) != 0
    for where in _where(mailbox_id, ranges):
        if only_deleted:
            where = and_(where, marked)
        rows = tx.connection.execute(
            select(placement.c.uid, placement.c.flags, message.c.size)
            .join(message, message.c.id == placement.c.message_id)
            .where(where)
            .order_by(placement.c.uid)
        ).all()
        if not rows:
            continue
        if modseq is None:
            modseq = _next_modseq(tx, mailbox_id)
        tx.connection.execute(
            insert(expunged).from_select(
                ["mailbox_id", "uid", "modseq", "message_id", "flags", "internal_date", "expunged_at"],
                select(
                    placement.c.mailbox_id,
                    placement.c.uid,
                    literal(modseq, BigInteger),
                    placement.c.message_id,
                    placement.c.flags,
                    placement.c.internal_date,
                    literal(tx.now, BigInteger),
                ).where(where),
            )
        )
        tx.connection.execute(delete(placement).where(where))
        for uid, mask, octets in rows:
            gone.append(uid)
            unseen += not mask & flag_bits.SEEN
            deleted += bool(mask & flag_bits.DELETED)
            size += octets
    if gone:
        tx.connection.execute(
            update(mailbox)
            .where(mailbox.c.id == mailbox_id)
            .values(
                messages=mailbox.c.messages - len(gone),
                unseen=mailbox.c.unseen - unseen,
                deleted=mailbox.c.deleted - deleted,
                size=mailbox.c.size - size,
            )
        )
        tx.touch(mailbox_id)
    return gone


def restore(tx: Transaction, mailbox_id: int, uids: Collection[int], target_id: int) -> list[int]:
    """Bring removed messages back, into ``target_id``, with their dates and flags but \\Deleted; their new UIDs."""
    rows = tx.connection.execute(
        select(expunged.c.uid, expunged.c.message_id, expunged.c.flags, expunged.c.internal_date, message.c.size)
        .join(message, message.c.id == expunged.c.message_id)
        .where(expunged.c.mailbox_id == mailbox_id, expunged.c.uid.in_(list(uids)))
        .order_by(expunged.c.uid)
    ).all()
    if not rows:
        return []
    alive = ~flag_bits.DELETED
    masks = flag_bits.translate(tx, {row.flags & alive for row in rows}, mailbox_id, target_id)
    uid_next, modseq, _ = _grow(
        tx, target_id, len(rows), [masks[row.flags & alive] for row in rows], sum(row.size for row in rows)
    )
    first = uid_next - len(rows)
    tx.connection.execute(
        _INSERT_PLACEMENT,
        [
            _placement_row(
                tx, target_id, first + position, row.message_id, masks[row.flags & alive], modseq, row.internal_date
            )
            for position, row in enumerate(rows)
        ],
    )
    tx.touch(target_id)
    # The tombstone stays: QRESYNC clients must still hear that the old UID vanished.
    return list(range(first, uid_next))


# Reading


def _where(mailbox_id: int, ranges: Ranges) -> Iterator[ColumnElement[bool]]:
    """Conditions that together select the ranges, each small enough for one statement."""
    uid = placement.c.uid
    pending: list[tuple[int, int]] = []
    singles: list[int] = []

    def condition() -> ColumnElement[bool]:
        parts: list[ColumnElement[bool]] = [uid.between(low, high) for low, high in pending]
        if singles:
            parts.append(uid.in_(singles))
        return and_(placement.c.mailbox_id == mailbox_id, or_(*parts) if len(parts) > 1 else parts[0])

    for low, high in ranges:
        if low == high:
            singles.append(low)
        else:
            pending.append((low, high))
        if len(pending) + len(singles) >= _RANGES_PER_STATEMENT:
            yield condition()
            pending, singles = [], []
    if pending or singles:
        yield condition()


def _rows(connection: Connection, mailbox_id: int, ranges: Ranges) -> list[Any]:
    return placements(connection, mailbox_id, ranges)


_PLACEMENT_COLUMNS = (
    placement.c.uid,
    placement.c.flags,
    placement.c.modseq,
    placement.c.internal_date,
    placement.c.message_id,
    message.c.size,
)


def placements(connection: Connection, mailbox_id: int, ranges: Ranges | None = None) -> list[Any]:
    """Rows (uid, flags, modseq, internal_date, message_id, size) in UID order."""
    columns = ("uid", "flags", "modseq", "internal_date", "message_id", "size")
    return list(fetch(connection, mailbox_id, [(1, 2**32)] if ranges is None else ranges, columns))


_FETCHABLE: dict[str, ColumnElement[Any]] = {
    **{
        column.name: column
        for column in message.c
        if column.name not in ("id",)
    },
    **{column.name: column for column in placement.c if column.name not in ("mailbox_id", "touched")},
    "header": message_octets.c.header,
    "text": message_octets.c.text,
    "format": message_octets.c.format,
    "prefix_size": message_octets.c.prefix_size,
    "digest": message_octets.c.digest,
}
_OCTETS_COLUMNS = frozenset({"header", "text", "format", "prefix_size", "digest"})
_PLACEMENT_ONLY = frozenset(column.name for column in placement.c)


def fetch(
    connection: Connection, mailbox_id: int, ranges: Ranges, columns: Sequence[str]
) -> Iterator[Any]:
    """Rows of the named columns, in UID order, as tuples with the columns as attributes.

    Any column of ``placement`` and ``message``, and ``header text format prefix_size digest`` of its octets.
    """
    wanted = [_FETCHABLE[name].label(name) for name in columns]
    statement = select(*wanted).order_by(placement.c.uid)
    source: Any = placement
    if not _PLACEMENT_ONLY.issuperset(columns):
        source = source.join(message, message.c.id == placement.c.message_id)
    if not _OCTETS_COLUMNS.isdisjoint(columns):
        source = source.join(message_octets, message_octets.c.message_id == placement.c.message_id)
    statement = statement.select_from(source)
    for where in _where(mailbox_id, sorted(ranges)):
        yield from connection.execute(statement.where(where))


def page(
    connection: Connection, mailbox_id: int, columns: Sequence[str], *, offset: int = 0, limit: int = 50
) -> list[Any]:
    """Rows of the newest messages first, for lists that people page through."""
    wanted = [_FETCHABLE[name].label(name) for name in columns]
    chosen = (
        select(placement.c.mailbox_id, placement.c.uid)
        .where(placement.c.mailbox_id == mailbox_id)
        .order_by(placement.c.uid.desc())
        .offset(offset)
        .limit(limit)
        .subquery()
    )
    statement = (
        select(*wanted)
        .select_from(
            chosen.join(placement, and_(placement.c.mailbox_id == chosen.c.mailbox_id, placement.c.uid == chosen.c.uid))
            .join(message, message.c.id == placement.c.message_id)
        )
        .order_by(placement.c.uid.desc())
    )
    return list(connection.execute(statement))


_UIDS = (
    select(placement.c.uid).where(placement.c.mailbox_id == bindparam("mailbox_id")).order_by(placement.c.uid)
)


def uids(connection: Connection, mailbox_id: int) -> list[int]:
    """All UIDs of a mailbox, ascending."""
    return list(connection.execute(_UIDS, {"mailbox_id": mailbox_id}).scalars())


_FIRST_UNSEEN = (
    select(func.min(placement.c.uid))
    .where(placement.c.mailbox_id == bindparam("mailbox_id"))
    .where(case((placement.c.flags.op("&")(flag_bits.SEEN) == 0, 1), else_=0) == 1)
)


def first_unseen(connection: Connection, mailbox_id: int) -> int | None:
    """UID of the oldest message without \\Seen (IMAP4rev1's UNSEEN response code)."""
    found: int | None = connection.execute(_FIRST_UNSEEN, {"mailbox_id": mailbox_id}).scalar()
    return found


_OCTETS = select(
    message_octets.c.format,
    message_octets.c.prefix_size,
    message_octets.c.digest,
    message_octets.c.header,
    message_octets.c.text,
).where(message_octets.c.message_id == bindparam("message_id"))


def octets(
    connection: Connection,
    read_file: Callable[[bytes, int, int | None], bytes],
    message_id: int,
    start: int = 0,
    stop: int | None = None,
) -> bytes:
    """A message as everybody sees it, or a slice; ``read_file`` is ``store.blobs.read``.

    Raises NoResultFound, or FileNotFoundError for a body that was lost.
    """
    return slice_octets(connection.execute(_OCTETS, {"message_id": message_id}).one(), read_file, start, stop)


def slice_octets(
    row: Any, read_file: Callable[[bytes, int, int | None], bytes], start: int = 0, stop: int | None = None
) -> bytes:
    """The same from a row that has ``format prefix_size digest header text``."""
    header: bytes = row.header
    if stop is not None and stop <= len(header):
        return header[start:stop]
    if row.text is not None:
        if start == 0 and stop is None:
            return header + row.text
        if start >= len(header):
            text_: bytes = row.text[start - len(header) : None if stop is None else stop - len(header)]
            return text_
        return (header + row.text)[start:stop]
    # The file begins where our trace fields end.
    prefix = row.prefix_size
    file_stop = None if stop is None else stop - prefix
    if start >= prefix:
        return read_file(row.digest, start - prefix, file_stop)
    return header[start:prefix] + read_file(row.digest, 0, file_stop)


def find_by_message_id(connection: Connection, account_id: str, header: str) -> list[Any]:
    """Placements (mailbox_id, uid, message_id) in an account's mailboxes of a Message-ID."""
    statement = (
        select(placement.c.mailbox_id, placement.c.uid, placement.c.message_id)
        .join(message, message.c.id == placement.c.message_id)
        .join(mailbox, mailbox.c.id == placement.c.mailbox_id)
        .where(message.c.message_id_header == header, mailbox.c.account_id == account_id)
    )
    return list(connection.execute(statement))


def as_ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """UIDs → ranges."""
    ranges: list[tuple[int, int]] = []
    low = high = -1
    for number in sorted(numbers):
        if number == high + 1 or number == high:
            high = number
        else:
            if low >= 0:
                ranges.append((low, high))
            low = high = number
    if low >= 0:
        ranges.append((low, high))
    return ranges
