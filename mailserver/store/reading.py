"""Reading messages: rows of stored columns, and slices of octets.  No MIME parser is on this path.

``fetch`` and ``page`` give the columns they are asked for as the tables hold them; what IMAP sends of a message was
rendered when it arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, LargeBinary, Select, Table, and_, bindparam, case, cast, func, or_, select
from sqlalchemy.sql import ColumnElement, FromClause

from mailserver.refusals import NoSuchMessage
from mailserver.store.prepared import Prepared
from mailserver.store.readers import ReadersMailbox, as_read
from mailserver.store.tables import (
    message,
    message_header,
    message_listing,
    message_octets,
    message_order,
    placement,
    sequence,
)

# Inclusive UID pairs, [(1, 5), (9, 9)].
Ranges = Sequence[tuple[int, int]]

EVERYTHING: Ranges = ((1, 2**32),)
# Ranges in one statement; both engines bound the number of values a statement may carry.
_RANGES_PER_STATEMENT = 400
# Up to so many ranges are asked one by one, with a statement that is compiled already.
_FEW_RANGES = 20


def placement_where(mailbox_id: int, ranges: Ranges) -> Iterator[ColumnElement[bool]]:
    """Conditions that together select the ranges in UID order, each small enough for one statement."""
    uid = placement.c.uid
    pending: list[tuple[int, int]] = []
    singles: list[int] = []

    def condition() -> ColumnElement[bool]:
        parts: list[ColumnElement[bool]] = [uid.between(low, high) for low, high in pending]
        if singles:
            parts.append(uid.in_(singles))
        return and_(placement.c.mailbox_id == int(mailbox_id), or_(*parts) if len(parts) > 1 else parts[0])

    for low, high in merged(ranges):
        if low == high:
            singles.append(low)
        else:
            pending.append((low, high))
        if len(pending) + len(singles) >= _RANGES_PER_STATEMENT:
            yield condition()
            pending, singles = [], []
    if pending or singles:
        yield condition()


def merged(ranges: Ranges) -> Ranges:
    """Ascending and apart from each other: over several statements, no row may come twice."""
    if len(ranges) < 2:
        return ranges
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def placements(connection: Connection, mailbox_id: int, ranges: Ranges | None = None) -> list[Any]:
    """Rows (uid, flags, modseq, internal_date, message_id, size) in UID order."""
    columns = ("uid", "flags", "modseq", "internal_date", "message_id", "size")
    return list(fetch(connection, mailbox_id, EVERYTHING if ranges is None else ranges, columns))


_rendered = message.alias()
# The whole header.  SQLite takes what it has joined for text.
HEADER = cast(message_octets.c.trace.concat(message_header.c.fields), LargeBinary).label("header")
_FETCHABLE: dict[str, ColumnElement[Any]] = {
    **{column.name: column for column in message.c if column.name != "id"},
    **{column.name: column for column in message_order.c if column.name != "sent_at"},
    **{column.name: column for table in (message_listing, message_header, message_octets) for column in table.c},
    **{column.name: column for column in placement.c if column.name not in ("mailbox_id", "touched")},
    "header": HEADER,
    # Octets in the tables.
    "kept_size": func.length(message_octets.c.trace)
    + func.length(message_header.c.fields)
    + func.coalesce(func.length(message_octets.c.text), 0),
    # The size of a message whose octets are in a file.  Of others the octets tell it, and the wide row is left alone.
    "file_size": case(
        (
            message_octets.c.text.is_(None),
            select(_rendered.c.size).where(_rendered.c.id == message_octets.c.message_id).scalar_subquery(),
        )
    ),
}


def _names(table: Table, *more: str) -> frozenset[str]:
    return frozenset((*(column.name for column in table.c), *more))


# Beside ``placement``, which columns are to be found in which tables.
_TABLES: dict[Table, frozenset[str]] = {
    message: _names(message) - _names(placement),
    message_order: _names(message_order) - {"message_id", "sent_at"},
    message_listing: _names(message_listing) - {"message_id"},
    message_header: _names(message_header, "header", "kept_size") - {"message_id"},
    message_octets: _names(message_octets, "header", "kept_size", "file_size") - {"message_id"},
}


def tables_of(columns: Sequence[str]) -> list[str]:
    """The large tables that these columns are in."""
    return [
        table.name for table, names in _TABLES.items() if table is not message_order and not names.isdisjoint(columns)
    ]


def _join(source: FromClause, columns: Sequence[str]) -> FromClause:
    """``placement``, or what was chosen of it, with the tables that these columns are in."""
    for table, names in _TABLES.items():
        if not names.isdisjoint(columns):
            key = table.c.id if table is message else table.c.message_id
            source = source.join(table, key == placement.c.message_id)
    return source


def fetch(connection: Connection, mailbox_id: int, ranges: Ranges, columns: Sequence[str]) -> Generator[Any]:
    """Rows of the named columns, in UID order, as tuples with the columns as attributes.

    Any column of ``placement`` and of the messages' tables, and ``header file_size kept_size``.
    """
    columns = tuple(columns)
    if isinstance(mailbox_id, ReadersMailbox):
        for where in placement_where(mailbox_id, ranges):
            yield from connection.execute(as_read(_fetch_columns(columns).where(where), mailbox_id))
    elif len(ranges) <= _FEW_RANGES:
        statement = _fetch_range(columns)
        for low, high in merged(ranges):
            yield from statement.rows(connection, {"mailbox_id": mailbox_id, "low": low, "high": high})
    else:
        for where in placement_where(mailbox_id, ranges):
            yield from connection.execute(_fetch_columns(columns).where(where))


def tuples(connection: Connection, mailbox_id: int, ranges: Ranges, columns: tuple[str, ...]) -> list[Any]:
    """As ``fetch``, all at once and without names: of 50,000 rows, naming takes as long as reading them."""
    if isinstance(mailbox_id, ReadersMailbox) or len(ranges) > _FEW_RANGES:
        return list(fetch(connection, mailbox_id, ranges, columns))
    statement = _fetch_range(columns)
    found: list[Any] = []
    for low, high in merged(ranges):
        found += statement.tuples(connection, {"mailbox_id": mailbox_id, "low": low, "high": high})
    return found


def some(
    connection: Connection, mailbox_id: int, ranges: Ranges, columns: tuple[str, ...], enough: int
) -> tuple[list[Any], bool]:
    """Rows as ``fetch`` gives them, with ``header`` and ``text``, until these come to so many octets; and whether they
    did, so that there may be more."""
    if (
        connection.dialect.name == "sqlite"
        and not isinstance(mailbox_id, ReadersMailbox)
        and len(ranges) <= _FEW_RANGES
    ):
        rows = _each(connection, mailbox_id, ranges, columns)
    else:
        # Here all that was asked for is in memory before the first row is seen.
        rows = fetch(connection, mailbox_id, _beginning(connection, mailbox_id, ranges, enough), columns)
    found: list[Any] = []
    with closing(rows):
        for row in rows:
            found.append(row)
            enough -= len(row.header) + len(row.text or b"")
            if enough <= 0:
                return found, True
    return found, False


def _each(connection: Connection, mailbox_id: int, ranges: Ranges, columns: tuple[str, ...]) -> Generator[Any]:
    for low, high in merged(ranges):
        yield from _fetch_range(columns).each(connection, {"mailbox_id": mailbox_id, "low": low, "high": high})


def _beginning(connection: Connection, mailbox_id: int, ranges: Ranges, enough: int) -> Ranges:
    """Of these ranges as much as comes to so many octets in the tables."""
    for uid, size in fetch(connection, mailbox_id, ranges, ("uid", "kept_size")):
        enough -= size
        if enough <= 0:
            return [(low, min(high, uid)) for low, high in merged(ranges) if low <= uid]
    return ranges


def texts(connection: Connection, mailbox_id: int, ranges: Ranges, columns: tuple[str, ...]) -> list[list[str]] | None:
    """Columns of ``placement``, each as a list of its numbers as they are written; None where only rows can be had.

    SQLite has written several numbers in the time that its driver hands over a row.
    """
    if connection.dialect.name != "sqlite" or isinstance(mailbox_id, ReadersMailbox) or len(ranges) > _FEW_RANGES:
        return None
    found: list[list[str]] = [[] for _ in columns]
    for low, high in merged(ranges):
        (row,) = _joined_range(columns).tuples(connection, {"mailbox_id": mailbox_id, "low": low, "high": high})
        for values, joined in zip(found, row, strict=True):
            values += joined.split(",") if joined else ()
    return found


@lru_cache(maxsize=64)
def _joined_range(columns: tuple[str, ...]) -> Prepared:
    rows = (
        select(*(placement.c[name] for name in columns))
        .where(
            placement.c.mailbox_id == bindparam("mailbox_id"),
            placement.c.uid.between(bindparam("low"), bindparam("high")),
        )
        .order_by(placement.c.uid)
        .subquery()
    )
    return Prepared(select(*(func.group_concat(rows.c[name]) for name in columns)))


@lru_cache(maxsize=256)
def _fetch_columns(columns: tuple[str, ...]) -> Select[Any]:
    wanted = [_FETCHABLE[name].label(name) for name in columns]
    return select(*wanted).select_from(_join(placement, columns)).order_by(placement.c.uid)


@lru_cache(maxsize=256)
def _fetch_range(columns: tuple[str, ...]) -> Prepared:
    return Prepared(
        _fetch_columns(columns).where(
            placement.c.mailbox_id == bindparam("mailbox_id"),
            placement.c.uid.between(bindparam("low"), bindparam("high")),
        ),
        columns,
    )


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
    places = chosen.join(
        placement, and_(placement.c.mailbox_id == chosen.c.mailbox_id, placement.c.uid == chosen.c.uid)
    )
    statement = select(*wanted).select_from(_join(places, columns)).order_by(placement.c.uid.desc())
    return list(connection.execute(statement))


_UIDS = Prepared(
    select(placement.c.uid).where(placement.c.mailbox_id == bindparam("mailbox_id")).order_by(placement.c.uid)
)


def uids(connection: Connection, mailbox_id: int) -> list[int]:
    """All UIDs of a mailbox, ascending."""
    return [uid for (uid,) in _UIDS.rows(connection, {"mailbox_id": mailbox_id})]


_NEWEST = Prepared(select(sequence.c.value).where(sequence.c.name == "message"))


def newest_id(connection: Connection) -> int:
    """No message that anybody has yet has a higher id; whatever comes will have one."""
    return int(_NEWEST.row(connection, {})[0])


_OCTETS = Prepared(
    select(
        message_octets.c.format,
        message_octets.c.prefix_size,
        message_octets.c.digest,
        HEADER,
        message_octets.c.text,
    )
    .join_from(message_octets, message_header, message_header.c.message_id == message_octets.c.message_id)
    .where(message_octets.c.message_id == bindparam("message_id")),
    ("format", "prefix_size", "digest", "header", "text"),
)


def octets(
    connection: Connection,
    read_file: Callable[[bytes, int, int | None], bytes],
    message_id: int,
    start: int = 0,
    stop: int | None = None,
) -> bytes:
    """A message as everybody sees it, or a slice; ``read_file`` is ``store.blobs.read``.

    Raises NoSuchMessage, and FileNotFoundError for a body that was lost.
    """
    row = _OCTETS.row(connection, {"message_id": message_id})
    if row is None:
        raise NoSuchMessage(reason=f"message {message_id} has no octets")
    return slice_octets(row, read_file, start, stop)


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


def as_ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """UIDs → ranges."""
    return list(merged([(number, number) for number in numbers]))
