"""Reading messages: rows of stored columns, and slices of octets.  No MIME parser is on this path.

``fetch`` and ``page`` give the columns they are asked for as the tables hold them; what IMAP sends of a message was
rendered when it arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, func, or_, select
from sqlalchemy.sql import ColumnElement

from mailserver.store import flags as flag_bits
from mailserver.store.tables import mailbox, message, message_octets, placement

# Inclusive UID pairs, [(1, 5), (9, 9)].
Ranges = Sequence[tuple[int, int]]

EVERYTHING: Ranges = ((1, 2**32),)
# Ranges in one statement; both engines bound the number of values a statement may carry.
_RANGES_PER_STATEMENT = 400


def placement_where(mailbox_id: int, ranges: Ranges) -> Iterator[ColumnElement[bool]]:
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


def placements(connection: Connection, mailbox_id: int, ranges: Ranges | None = None) -> list[Any]:
    """Rows (uid, flags, modseq, internal_date, message_id, size) in UID order."""
    columns = ("uid", "flags", "modseq", "internal_date", "message_id", "size")
    return list(fetch(connection, mailbox_id, EVERYTHING if ranges is None else ranges, columns))


_FETCHABLE: dict[str, ColumnElement[Any]] = {
    **{column.name: column for column in message.c if column.name != "id"},
    **{column.name: column for column in placement.c if column.name not in ("mailbox_id", "touched")},
    "header": message_octets.c.header,
    "text": message_octets.c.text,
    "format": message_octets.c.format,
    "prefix_size": message_octets.c.prefix_size,
    "digest": message_octets.c.digest,
}
_OCTETS_COLUMNS = frozenset({"header", "text", "format", "prefix_size", "digest"})
_PLACEMENT_ONLY = frozenset(column.name for column in placement.c)


def fetch(connection: Connection, mailbox_id: int, ranges: Ranges, columns: Sequence[str]) -> Iterator[Any]:
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
    for where in placement_where(mailbox_id, sorted(ranges)):
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
            chosen.join(
                placement,
                and_(placement.c.mailbox_id == chosen.c.mailbox_id, placement.c.uid == chosen.c.uid),
            ).join(message, message.c.id == placement.c.message_id)
        )
        .order_by(placement.c.uid.desc())
    )
    return list(connection.execute(statement))


_UIDS = select(placement.c.uid).where(placement.c.mailbox_id == bindparam("mailbox_id")).order_by(placement.c.uid)


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
    text: bytes | None = row.text
    if stop is not None and stop <= len(header):
        return header[start:stop]
    if text is not None:
        if start >= len(header):
            return text[start - len(header) : None if stop is None else stop - len(header)]
        return header[start:] + (text if stop is None else text[: stop - len(header)])
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
