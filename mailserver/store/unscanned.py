"""Messages that are kept and whose scan was put off: which they are, and the scan that is made up for.

Whoever brings many messages at once waits only until they are safe: their octets, sizes, dates, flags and numbers.
What a scan finds (``COLUMNS``) is filled in soon after by the steward, or before by who wants to read it:
``Store.read_scanned`` and ``Store.scan_next`` are the doors for that.  Once scanned, a message stays so.

What waits is written down as lots, a row for some messages that came together.  One is scanned whole, outside any
transaction; in one its results are written and its row removed.  So whoever is killed leaves what was there.  A copy
takes the rows of its source along, so that each mailbox says for itself what in it is waited for.

The steward begins with the lot that came first, and who waits for a mailbox with its last one: so they share the work
until they meet.

Limits: only messages whose octets are all in the database wait; lots of ``LOT`` messages; of a mailbox no more than
``MOST`` wait, for somebody may open it next: what comes beyond is scanned when it comes (``may_wait``).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select, text

from mailserver.message.summary import MessageSummary, summarize
from mailserver.store import content_rows
from mailserver.store.database import Transaction
from mailserver.store.prepared import Changes, Prepared
from mailserver.store.reading import HEADER
from mailserver.store.tables import (
    mailbox,
    message,
    message_header,
    message_listing,
    message_octets,
    message_order,
    unscanned,
)

log = logging.getLogger("citymail.store")

LOT = 100
# A tenth of a second's work for two.
MOST = 1_500
# Fewer than these that come together are scanned at once: another transaction would cost more than is gained.
FEWEST = 10

_FILLED = [column for column in message.c if column.name not in ("id", "size", "header_size", "received_at")]
# What nobody can read of a message before its scan.
COLUMNS = frozenset((*(column.name for column in _FILLED), *message_order.c.keys(), *message_listing.c.keys())) - {
    "message_id"
}


class Where(NamedTuple):
    """A choice of messages: a statement for the lot of them that is to be scanned next."""

    statement: Prepared
    values: Mapping[str, Any]


class Lot(NamedTuple):
    """Messages that came together, those that still wait: rows of their octets."""

    first_id: int
    rows: Sequence[Any]


# Writing down

_NOTE = Prepared(text("INSERT INTO unscanned (mailbox_id, first_id, last_id) VALUES (:mailbox_id, :first, :last)"))
_CARRY = Prepared(
    text(
        "INSERT INTO unscanned (mailbox_id, first_id, last_id)"
        " SELECT :target_id, first_id, last_id FROM unscanned WHERE mailbox_id = :source_id"
        " ON CONFLICT (mailbox_id, first_id) DO NOTHING"
    )
)
_WAITING = Prepared(
    text("SELECT coalesce(sum(last_id - first_id + 1), 0) FROM unscanned WHERE mailbox_id = :mailbox_id")
)


def note(tx: Transaction, mailbox_id: int, first_id: int, count: int) -> None:
    """Some of these messages, which came into a mailbox together, wait for their scan."""
    end = first_id + count
    _NOTE.run_many(
        tx.connection,
        [
            {"mailbox_id": int(mailbox_id), "first": first, "last": min(first + LOT, end) - 1}
            for first in range(first_id, end, LOT)
        ],
    )


def carry(tx: Transaction, source_id: int, target_id: int) -> None:
    """Messages of one mailbox were put into another as well."""
    _CARRY.run(tx.connection, {"source_id": int(source_id), "target_id": int(target_id)})


def may_wait(connection: Connection, mailbox_id: int, count: int) -> int:
    """Of how many of so many more messages for a mailbox the scan may be put off."""
    if count < FEWEST:
        return 0
    room = MOST - int(_WAITING.row(connection, {"mailbox_id": int(mailbox_id)})[0])
    return min(room, count) if room >= FEWEST else 0


# Which wait

_LOT = select(unscanned.c.first_id, unscanned.c.last_id).limit(1)
_LAST = _LOT.order_by(unscanned.c.first_id.desc())
_ANYWHERE = Prepared(_LOT.order_by(unscanned.c.first_id))
_IN_MAILBOX = Prepared(_LAST.where(unscanned.c.mailbox_id == bindparam("mailbox_id")))
_OF_ACCOUNT = Prepared(
    _LAST.join(mailbox, mailbox.c.id == unscanned.c.mailbox_id).where(mailbox.c.account_id == bindparam("account_id"))
)
# By the lots, which are few: to look for messages that nothing is known of is to go through all before them.  What has
# a plus before it is no index's business, or each lot would have the whole mailbox gone through.
_FIRST_UID = Prepared(
    text(
        "SELECT min(p.uid) FROM unscanned w CROSS JOIN placement p"
        " WHERE w.mailbox_id = :mailbox_id AND p.message_id BETWEEN w.first_id AND w.last_id"
        " AND +p.mailbox_id = w.mailbox_id AND +p.uid >= :uid"
    )
)
_AMONG = Prepared(
    text(
        "SELECT first_id, last_id FROM unscanned w WHERE mailbox_id = :mailbox_id"
        " AND EXISTS (SELECT 1 FROM placement p WHERE p.message_id BETWEEN w.first_id AND w.last_id"
        " AND +p.mailbox_id = w.mailbox_id AND +p.uid BETWEEN :first AND :last)"
        " ORDER BY first_id DESC LIMIT 1"
    )
)


ANYWHERE = Where(_ANYWHERE, {})


def in_mailbox(mailbox_id: int) -> Where:
    return Where(_IN_MAILBOX, {"mailbox_id": int(mailbox_id)})


def among(mailbox_id: int, first: int, last: int) -> Where:
    """In lots that have messages of these UIDs."""
    return Where(_AMONG, {"mailbox_id": int(mailbox_id), "first": first, "last": last})


def of_account(account_id: str) -> Where:
    """In all of its mailboxes."""
    return Where(_OF_ACCOUNT, {"account_id": account_id})


def is_any(connection: Connection, where: Where) -> bool:
    return where.statement.row(connection, where.values) is not None


def first_uid(connection: Connection, mailbox_id: int, uid: int) -> int | None:
    """The first message of a mailbox, from a UID on, of a lot that waits for its scan."""
    found: int | None = _FIRST_UID.row(connection, {"mailbox_id": int(mailbox_id), "uid": uid})[0]
    return found


# Scanning

_OCTETS = ("message_id", "header", "text")
_ROWS = Prepared(
    select(message_octets.c.message_id, HEADER.label("header"), message_octets.c.text)
    .join(message_header, message_header.c.message_id == message_octets.c.message_id)
    .outerjoin(message_order, message_order.c.message_id == message_octets.c.message_id)
    .where(
        message_octets.c.message_id.between(bindparam("first_id"), bindparam("last_id")),
        message_order.c.message_id.is_(None),
    )
    .order_by(message_octets.c.message_id),
    _OCTETS,
)
_FORGET = Prepared(text("DELETE FROM unscanned WHERE first_id = :first_id RETURNING mailbox_id"))
_STILL_THERE = Prepared(
    select(message.c.id)
    .outerjoin(message_order, message_order.c.message_id == message.c.id)
    .where(message.c.id.between(bindparam("first_id"), bindparam("last_id")), message_order.c.message_id.is_(None))
)
_FILL = Changes(_FILLED, message.c.id)
_filled = itemgetter(*(place for place, column in enumerate(message.c) if column in {*_FILLED}))


def next_lot(connection: Connection, where: Where) -> Lot | None:
    """What is to be scanned next; None if nothing waits."""
    found = where.statement.row(connection, where.values)
    if found is None:
        return None
    first_id, last_id = found
    return Lot(first_id, _ROWS.rows(connection, {"first_id": first_id, "last_id": last_id}))


def scan(lot: Lot) -> list[tuple[int, MessageSummary]]:
    """What the messages hold.  Takes its time, and needs no connection."""
    return [(row.message_id, _summary(row)) for row in lot.rows]


def _summary(row: Any) -> MessageSummary:
    """Whatever is wrong with a message, others do not wait for it for ever."""
    try:
        return summarize(row.header + row.text)
    except Exception:
        log.exception("message %d could not be scanned; nothing but its header is known", row.message_id)
        return summarize(row.header)


def fill(tx: Transaction, lot: Lot, summaries: Sequence[tuple[int, MessageSummary]]) -> None:
    """Write down what a scan found, unless somebody else was faster."""
    mailbox_ids = [mailbox_id for (mailbox_id,) in _FORGET.tuples(tx.connection, {"first_id": lot.first_id})]
    for mailbox_id in mailbox_ids:
        tx.touch(mailbox_id)  # who watches, and waited for this, may look now
    if not mailbox_ids or not summaries:
        return
    values = {"first_id": summaries[0][0], "last_id": summaries[-1][0]}
    there = {message_id for (message_id,) in _STILL_THERE.tuples(tx.connection, values)}
    fresh = [each for each in summaries if each[0] in there]
    _FILL.make(tx.connection, [(*_filled(content_rows.message_row(0, *each)), each[0]) for each in fresh])
    content_rows.insert_scanned(tx.connection, fresh)
