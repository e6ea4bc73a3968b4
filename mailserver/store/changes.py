"""What changed in a mailbox since a MODSEQ: the truth that every session, push and resynchronisation reads.

Messages that arrived are found from the end of the mailbox: UIDs and MODSEQs are taken together, so among messages
never touched since they arrived, a lower UID has a lower MODSEQ, and the walk stops at the first old one.  Messages
whose flags changed are in the index of touched rows, or in a range of those that were changed together
(``store.marking``).  These count as untouched, yet only ever have a higher MODSEQ than their place gave them: the walk
stops as rightly at one of them, and finds some that their range names too.

Standards: RFC 7162 §3.1.4 (CHANGEDSINCE), §3.2.7 and §3.2.10 (VANISHED).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, false, func, select, true, union_all

from mailserver.store import promises, readers
from mailserver.store.prepared import Prepared
from mailserver.store.readers import ReadersMailbox
from mailserver.store.reading import as_ranges, fetch
from mailserver.store.tables import expunged, mailbox, marked_range, placement

_KNOWN = (
    select(placement.c.uid)
    .where(placement.c.mailbox_id == bindparam("mailbox_id"))
    .where(placement.c.touched == false(), placement.c.modseq <= bindparam("modseq"))
    .order_by(placement.c.uid.desc())
    .limit(1)
    .correlate(None)
    .scalar_subquery()
)
_COLUMNS = (placement.c.uid, placement.c.flags, placement.c.modseq)
_ARRIVED = select(*_COLUMNS).where(
    placement.c.mailbox_id == bindparam("mailbox_id"),
    placement.c.uid > func.coalesce(_KNOWN, 0),
    placement.c.touched == false(),
)
_TOUCHED = select(*_COLUMNS).where(
    placement.c.mailbox_id == bindparam("mailbox_id"),
    placement.c.touched == true(),
    placement.c.modseq > bindparam("modseq"),
)
_MARKED = (
    select(*_COLUMNS)
    .join_from(marked_range, placement, placement.c.mailbox_id == marked_range.c.mailbox_id)
    .where(
        marked_range.c.mailbox_id == bindparam("mailbox_id"),
        marked_range.c.modseq > bindparam("modseq"),
        placement.c.uid.between(marked_range.c.low, marked_range.c.high),
        placement.c.modseq == marked_range.c.modseq,
        placement.c.touched == false(),
    )
)
_CHANGED = Prepared(union_all(_ARRIVED, _TOUCHED, _MARKED))


def changed_since(connection: Connection, mailbox_id: int, modseq: int) -> list[tuple[int, int, int]]:
    """(uid, flags, modseq) of what arrived or changed after a MODSEQ, in UID order; of everything, if who knows it may
    know of changes that a power cut took back."""
    if promises.is_doubtful(connection, mailbox_id, modseq):
        modseq = 0
    changed = _CHANGED.rows(connection, {"mailbox_id": mailbox_id, "modseq": modseq})
    if isinstance(mailbox_id, ReadersMailbox):
        uids = {row[0] for row in changed}.union(readers.changed_since(connection, mailbox_id, modseq))
        return [tuple(row) for row in fetch(connection, mailbox_id, as_ranges(uids), ("uid", "flags", "modseq"))]
    return sorted(set(changed))


_VANISHED = Prepared(
    select(expunged.c.uid)
    .where(expunged.c.mailbox_id == bindparam("mailbox_id"), expunged.c.modseq > bindparam("modseq"))
    .order_by(expunged.c.uid)
)
_HORIZON = Prepared(select(mailbox.c.vanished_horizon).where(mailbox.c.id == bindparam("mailbox_id")))


def vanished_since(connection: Connection, mailbox_id: int, modseq: int) -> list[int] | None:
    """UIDs expunged after a MODSEQ; None where tombstones that old are purged, and all that is gone must be told."""
    horizon = _HORIZON.row(connection, {"mailbox_id": mailbox_id})
    if horizon is None or modseq < horizon[0]:
        return None
    return [uid for (uid,) in _VANISHED.rows(connection, {"mailbox_id": mailbox_id, "modseq": modseq})]


_STATE = Prepared(
    select(
        mailbox.c.uid_validity,
        mailbox.c.uid_next,
        mailbox.c.highest_modseq,
        mailbox.c.messages,
        mailbox.c.unseen,
        mailbox.c.removed_at,
    ).where(mailbox.c.id == bindparam("mailbox_id")),
    ("uid_validity", "uid_next", "highest_modseq", "messages", "unseen", "removed_at"),
)


def state(connection: Connection, mailbox_id: int) -> Any:
    """(uid_validity, uid_next, highest_modseq, messages, unseen, removed_at), the cheap first look of a poll."""
    return _STATE.row(connection, {"mailbox_id": mailbox_id})
