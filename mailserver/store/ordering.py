"""What SORT and THREAD read of a mailbox: an order made by the database, or the keys themselves.

Texts were brought to i;unicode-casemap when their message came (``message.subject.casemap``), so they compare as
octets.

Standards: RFC 5256 §2.2 (the sent date, else the internal date), §3; RFC 5051.
Limits: texts are compared by their first 255 characters (``message.summary.KEY_LIMIT``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, Text, bindparam, collate, func, select
from sqlalchemy.sql import ColumnElement

from mailserver.store.prepared import Prepared
from mailserver.store.reading import Ranges, as_ranges, placement_where
from mailserver.store.tables import message_listing, message_order, placement

_SENT = func.coalesce(message_order.c.sent_at, placement.c.internal_date)
KEYS: dict[str, ColumnElement[Any]] = {
    "uid": placement.c.uid,
    "internal_date": placement.c.internal_date,
    "sent": _SENT,
    "size": placement.c.size,
    "envelope": message_listing.c.envelope,
    **{name: message_order.c[name] for name in ("base_subject", "sort_from", "sort_to", "sort_cc")},
}


def sorted_uids(connection: Connection, mailbox_id: int, keys: Sequence[tuple[str, bool]], ranges: Ranges) -> list[int]:
    """UIDs from the lowest to the highest of the ranges, by keys (each with whether it is reversed), then by UID."""
    statement = _sorting(tuple(keys), connection.dialect.name == "postgresql")
    values = {"mailbox_id": int(mailbox_id), "low": ranges[0][0], "high": ranges[-1][1]}
    return [uid for (uid,) in statement.rows(connection, values)]


@lru_cache(maxsize=256)
def _sorting(keys: tuple[tuple[str, bool], ...], names_collation: bool) -> Prepared:
    order: list[ColumnElement[Any]] = []
    for name, reverse in keys:
        column = KEYS[name]
        if names_collation and isinstance(column.type, Text):
            column = collate(column, "C")  # as SQLite compares, whatever the database was made with
        order.append(column.desc() if reverse else column)
    wanted = _joined(select(placement.c.uid), [name for name, _ in keys])
    return Prepared(wanted.where(*_STRETCH_OF_UIDS).order_by(*order, placement.c.uid))


_STRETCH_OF_UIDS = (
    placement.c.mailbox_id == bindparam("mailbox_id"),
    placement.c.uid.between(bindparam("low"), bindparam("high")),
)


def _joined(statement: Select[Any], names: Sequence[str]) -> Select[Any]:
    source: Any = placement
    if "envelope" in names:
        source = source.join(message_listing, message_listing.c.message_id == placement.c.message_id)
    if not {"uid", "internal_date", "size", "envelope"}.issuperset(names):
        source = source.join(message_order, message_order.c.message_id == placement.c.message_id)
    return statement.select_from(source)


def keys_of(connection: Connection, mailbox_id: int, names: Sequence[str], ranges: Ranges) -> Iterator[Any]:
    """Tuples (uid, key, …) in UID order."""
    statement = _joined(select(placement.c.uid, *(KEYS[name] for name in names)), names).order_by(placement.c.uid)
    for where in placement_where(mailbox_id, ranges):
        yield from connection.execute(statement.where(where))


_RELATED = (
    select(placement.c.uid, message_order.c.ancestry, message_order.c.base_subject, _SENT, placement.c.internal_date)
    .select_from(placement.join(message_order, message_order.c.message_id == placement.c.message_id))
    .order_by(placement.c.uid)
)
_RELATIONS = Prepared(_RELATED.where(*_STRETCH_OF_UIDS))


def relations(connection: Connection, mailbox_id: int, uids: Sequence[int]) -> Iterator[Any]:
    """Tuples (uid, ancestry, base subject, sent, internal date) in UID order, of these UIDs, which ascend, and perhaps
    of others that lie among them."""
    if not uids:
        return
    if uids[-1] - uids[0] < 4 * len(uids):
        values = {"mailbox_id": int(mailbox_id), "low": uids[0], "high": uids[-1]}
        yield from _RELATIONS.rows(connection, values)
    else:
        for where in placement_where(mailbox_id, as_ranges(uids)):
            yield from connection.execute(_RELATED.where(where))
