"""Bringing back what was removed: what an account has lost, and the way back for it.

Lost is a message of which a tombstone is left and no copy: whoever moved it, or removed one of two copies, has lost
nothing.  So a message that was brought back is not lost any more, and asking twice does not give it twice; the
tombstone itself stays, for QRESYNC clients must still hear that the old UID vanished.

A message goes back to the mailbox it was last in, the trash aside: what was deleted by way of the trash returns to
where it lay before.  A mailbox that was removed is made again under its name; where that cannot be, INBOX takes in what
was in it.

Standards: RFC 7162 §3.2.10 (VANISHED), RFC 6154 (\\Trash, \\Drafts).
Limits: earlier states of drafts are tombstones too; they are told apart by ``is_draft``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from mailserver.refusals import Refusal
from mailserver.store import flags as flag_bits
from mailserver.store import messages
from mailserver.store.database import Transaction
from mailserver.store.mailboxes import INBOX, create_mailbox, ensure_maildrop, find_mailbox
from mailserver.store.tables import expunged, mailbox, message, placement

# Both engines bound the number of values a statement may carry.
_AT_ONCE = 400
_TRASH = "\\Trash"


@dataclass(frozen=True, slots=True)
class Lost:
    """A removed message, by its newest tombstone.  ``home`` is the name of the mailbox to which it goes back."""

    message_id: int
    mailbox_id: int
    uid: int
    removed_at: int
    internal_date: int
    is_draft: bool
    home: str


@dataclass(frozen=True, slots=True)
class Description:
    """What a person recognises it by.  ``size`` is in octets."""

    lost: Lost
    subject: str
    author_name: str
    author_address: str
    size: int


_TOMBSTONES = (
    select(
        expunged.c.message_id,
        expunged.c.mailbox_id,
        expunged.c.uid,
        expunged.c.modseq,
        expunged.c.flags,
        expunged.c.internal_date,
        expunged.c.expunged_at,
        mailbox.c.name,
        mailbox.c.special_use,
    )
    .join(mailbox, mailbox.c.id == expunged.c.mailbox_id)
    .order_by(expunged.c.expunged_at.desc(), expunged.c.modseq.desc(), expunged.c.mailbox_id, expunged.c.uid.desc())
)


def lost_messages(connection: Connection, account_id: str, message_ids: Collection[int] | None = None) -> list[Lost]:
    """What the account has lost (of these messages), the latest first; each message once."""
    # By mailbox and message together: a notice to the whole city lies, or lay, in 200,000 mailboxes.
    own = list(connection.execute(select(mailbox.c.id).where(mailbox.c.account_id == account_id)).scalars())
    rows: list[Any] = []
    if message_ids is None:
        rows += connection.execute(_TOMBSTONES.where(mailbox.c.account_id == account_id))
    else:
        for wanted in _parts(sorted(set(message_ids))):
            for mailbox_ids in _parts(own):
                in_both = expunged.c.message_id.in_(wanted), expunged.c.mailbox_id.in_(mailbox_ids)
                rows += connection.execute(_TOMBSTONES.where(*in_both))
        rows.sort(key=lambda row: (-row.expunged_at, -row.modseq, row.mailbox_id, -row.uid))
    newest: dict[int, Any] = {}
    homes: dict[int, str] = {}
    for row in rows:
        newest.setdefault(row.message_id, row)
        if row.special_use != _TRASH:
            # A removed mailbox has "name\x01id".
            homes.setdefault(row.message_id, row.name.partition("\x01")[0])
    kept = _kept(connection, own, newest)
    return [
        Lost(
            message_id,
            row.mailbox_id,
            row.uid,
            row.expunged_at,
            row.internal_date,
            bool(row.flags & flag_bits.DRAFT),
            homes.get(message_id, INBOX),
        )
        for message_id, row in newest.items()
        if message_id not in kept
    ]


def _kept(connection: Connection, own: Sequence[int], message_ids: Iterable[int]) -> set[int]:
    """Those of them that are in one of these mailboxes."""
    kept: set[int] = set()
    for wanted in _parts(list(message_ids)):
        for mailbox_ids in _parts(own):
            statement = select(placement.c.message_id).where(
                placement.c.message_id.in_(wanted), placement.c.mailbox_id.in_(mailbox_ids)
            )
            kept.update(connection.execute(statement).scalars())
    return kept


def describe(connection: Connection, chosen: Sequence[Lost]) -> list[Description]:
    """In the same order; what was forgotten meanwhile is left out."""
    found: dict[int, Any] = {}
    for part in _parts([each.message_id for each in chosen]):
        statement = select(
            message.c.id, message.c.subject, message.c.author_name, message.c.author_address, message.c.size
        ).where(message.c.id.in_(part))
        found |= {row.id: row for row in connection.execute(statement)}
    return [
        Description(each, row.subject, row.author_name, row.author_address, row.size)
        for each in chosen
        if (row := found.get(each.message_id)) is not None
    ]


def bring_back(tx: Transaction, account_id: str, message_ids: Collection[int], *, into: str = "") -> Counter[str]:
    """Bring back those of these messages that are lost.

    ``into`` names one mailbox for all of them, made if it is not there.  How many came, by the mailbox they came to.
    The quota is not asked here.  Raises CannotDo and LimitReached for an ``into`` that cannot be made.
    """
    # Whoever else restores for this account waits here, and then sees that nothing is lost any more.
    inbox = ensure_maildrop(tx, account_id)
    tx.hold(inbox.id)
    groups: dict[tuple[int, str], list[int]] = {}
    for each in lost_messages(tx.connection, account_id, message_ids):
        groups.setdefault((each.mailbox_id, into or each.home), []).append(each.uid)
    targets = {name: _target(tx, account_id, name, inbox.id, must=bool(into)) for name in {home for _, home in groups}}
    tx.hold(*(target for target, _ in targets.values()))
    came: Counter[str] = Counter()
    for (source, home), uids in sorted(groups.items()):
        target, name = targets[home]
        came[name] += len(messages.restore(tx, source, uids, target))
    return came


def _target(tx: Transaction, account_id: str, name: str, inbox: int, *, must: bool) -> tuple[int, str]:
    found = find_mailbox(tx.connection, account_id, name)
    if found is not None:
        return found.id, found.name
    try:
        made = create_mailbox(tx, account_id, name)
    except Refusal:
        if must:
            raise
        return inbox, INBOX
    return made.id, made.name


def _parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]
