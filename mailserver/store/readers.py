r"""Each reader's own \Seen, in mailboxes that are kept so.

In most mailboxes \Seen is one flag like the others, so that colleagues see what is handled.  Where it is private, the
owner goes on with the flag of the placement, and every other reader has a row for each message whose \Seen he changed.
A message without such a row is unseen, unless it was there before \Seen became private: then it shows what all shared.

``ReadersMailbox`` is the id of such a mailbox together with its reader.  It can stand wherever a mailbox's id is asked
for; functions that read or change flags look whether it is one.  What it reads is the same placement with the reader's
\Seen, and the later of both MODSEQs, so that CONDSTORE holds for each reader.

Standards: RFC 4314 §2.1 ("s"), §5.2; RFC 3501 §2.3.2; RFC 7162 §3.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.sql.visitors import replacement_traverse

from mailserver.store.database import Transaction
from mailserver.store.flags import SEEN
from mailserver.store.prepared import Prepared
from mailserver.store.tables import mailbox, placement, private_seen, reader_seen

_UIDS_PER_STATEMENT = 500
S = TypeVar("S", bound=Select[Any])


class ReadersMailbox(int):
    """A mailbox's id, as one of its readers sees it."""

    account_id: str
    since_uid: int

    def __new__(cls, mailbox_id: int, account_id: str, since_uid: int) -> ReadersMailbox:
        made = super().__new__(cls, mailbox_id)
        made.account_id = account_id
        made.since_uid = since_uid
        return made


_SINCE = Prepared(select(private_seen.c.since_uid).where(private_seen.c.mailbox_id == bindparam("mailbox_id")))


def is_private(connection: Connection, mailbox_id: int) -> bool:
    return _SINCE.row(connection, {"mailbox_id": int(mailbox_id)}) is not None


def key_of(connection: Connection, mailbox_id: int, account_id: str) -> int:
    """What stands for the mailbox when this account, not its owner, reads it."""
    row = _SINCE.row(connection, {"mailbox_id": mailbox_id})
    return mailbox_id if row is None else ReadersMailbox(mailbox_id, account_id, row[0])


# Reading


def as_read(statement: S, mailbox_id: int) -> S:
    """The same SELECT over ``placement``, with the flags and MODSEQs that the reader sees."""
    if not isinstance(mailbox_id, ReadersMailbox):
        return statement
    seen = _seen_by(mailbox_id)

    def replace(element: Any, **_: Any) -> Any:
        if element is placement:
            return seen
        if isinstance(element, ColumnElement) and getattr(element, "table", None) is placement:
            return seen.c[str(element.key)]
        return None

    replaced: Any = replacement_traverse(statement, {}, replace)
    return cast(S, replaced)


def _seen_by(key: ReadersMailbox) -> FromClause:
    mine = and_(
        reader_seen.c.mailbox_id == placement.c.mailbox_id,
        reader_seen.c.account_id == key.account_id,
        reader_seen.c.uid == placement.c.uid,
    )
    others = placement.c.flags.op("&")(~SEEN)
    has_own = reader_seen.c.uid.is_not(None)
    flags = case(
        (has_own, others.op("|")(func.coalesce(reader_seen.c.seen, 0))),
        (placement.c.uid < key.since_uid, placement.c.flags),
        else_=others,
    )
    modseq = case((reader_seen.c.modseq > placement.c.modseq, reader_seen.c.modseq), else_=placement.c.modseq)
    return (
        select(
            placement.c.mailbox_id,
            placement.c.uid,
            placement.c.message_id,
            flags.label("flags"),
            modseq.label("modseq"),
            or_(placement.c.touched == true(), has_own).label("touched"),
            placement.c.internal_date,
            placement.c.saved_at,
            placement.c.size,
            placement.c.zone,
        )
        .select_from(placement.outerjoin(reader_seen, mine))
        .where(placement.c.mailbox_id == int(key))
        .subquery("placement_read")
    )


_CHANGED = Prepared(
    select(reader_seen.c.uid)
    .where(reader_seen.c.mailbox_id == bindparam("mailbox_id"), reader_seen.c.account_id == bindparam("account_id"))
    .where(reader_seen.c.modseq > bindparam("modseq"))
)


def changed_since(connection: Connection, key: ReadersMailbox, modseq: int) -> list[int]:
    """UIDs whose \\Seen this reader changed after a MODSEQ."""
    values = {"mailbox_id": int(key), "account_id": key.account_id, "modseq": modseq}
    return [uid for (uid,) in _CHANGED.rows(connection, values)]


def unseen(connection: Connection, key: ReadersMailbox) -> int:
    statement = select(func.count()).select_from(placement).where(placement.c.flags.op("&")(SEEN) == 0)
    return int(connection.execute(as_read(statement, key)).scalar_one())


# Changing


def shared_mask(mailbox_id: int, mask: int) -> int:
    """Of flags for a message, those that all readers share."""
    return mask & ~SEEN if isinstance(mailbox_id, ReadersMailbox) else mask


def note_seen(tx: Transaction, mailbox_id: int, seen: Mapping[int, bool], modseq: int) -> None:
    """Keep a reader's \\Seen of some UIDs; nothing to do where it is shared."""
    if not isinstance(mailbox_id, ReadersMailbox) or not seen:
        return
    uids = sorted(seen)
    for start in range(0, len(uids), _UIDS_PER_STATEMENT):
        chunk = uids[start : start + _UIDS_PER_STATEMENT]
        tx.connection.execute(
            delete(reader_seen).where(
                reader_seen.c.mailbox_id == int(mailbox_id),
                reader_seen.c.account_id == mailbox_id.account_id,
                reader_seen.c.uid.in_(chunk),
            )
        )
        tx.connection.execute(
            insert(reader_seen),
            [
                {
                    "mailbox_id": int(mailbox_id),
                    "account_id": mailbox_id.account_id,
                    "uid": uid,
                    "seen": SEEN if seen[uid] else 0,
                    "modseq": modseq,
                }
                for uid in chunk
            ],
        )


def make_private(tx: Transaction, mailbox_id: int) -> None:
    """From now on every reader has his own \\Seen.  Nobody's flags change by it."""
    tx.hold(mailbox_id)
    if not is_private(tx.connection, mailbox_id):
        tx.connection.execute(
            insert(private_seen).from_select(
                ["mailbox_id", "since_uid"], select(mailbox.c.id, mailbox.c.uid_next).where(mailbox.c.id == mailbox_id)
            )
        )


def make_shared(tx: Transaction, mailbox_id: int) -> None:
    """All see the owner's \\Seen again; every client is to look at every message's flags anew."""
    tx.hold(mailbox_id)
    if not is_private(tx.connection, mailbox_id):
        return
    forget(tx, mailbox_id)
    modseq = tx.connection.execute(
        update(mailbox)
        .where(mailbox.c.id == mailbox_id)
        .values(highest_modseq=mailbox.c.highest_modseq + 1)
        .returning(mailbox.c.highest_modseq)
    ).scalar_one()
    tx.connection.execute(
        update(placement)
        .where(placement.c.mailbox_id == mailbox_id)
        .values(modseq=literal(modseq, BigInteger), touched=true())
    )
    tx.touch(mailbox_id)


def inherit(tx: Transaction, parent_id: int, child_ids: list[int]) -> None:
    if is_private(tx.connection, parent_id):
        tx.connection.execute(insert(private_seen), [{"mailbox_id": each, "since_uid": 1} for each in child_ids])


def forget(tx: Transaction, mailbox_id: int) -> None:
    for table in (reader_seen, private_seen):
        tx.connection.execute(delete(table).where(table.c.mailbox_id == int(mailbox_id)))
