"""Mail that one of ours has sent and that has not gone yet: for the seconds in which he may think better of it, or
until the moment that he chose.

It waits in the spool with everybody it goes to, those of the city included, so that nobody has it before.  Until it is
released its sender may take it back, which makes a draft of the copy in Sent, or let it go at once.

Between the order and the moment much may happen: who ordered it is locked or has left, or may no longer write for the
unit; the certificate that it is signed with is revoked, or has expired.  So that is asked once more as it goes, and
what may not go any more is returned like what cannot be delivered.

Standards: RFC 4865 (release at a time), which is how mail programs postpone a message.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Connection, case, delete, insert, select, update

from directory.database import Reading
from directory.mail.accounts import find_account
from directory.mail.recipients import mailboxes_of
from directory.pki.certificates import still_holds
from mailserver.delivery import lanes, spool
from mailserver.delivery.post_office import PostOffice
from mailserver.refusals import NoSuchMessage, Refusal
from mailserver.smtp.replies import Reply
from mailserver.store import messages, reading
from mailserver.store.database import Transaction
from mailserver.store.mailboxes import create_mailbox, special_mailbox
from mailserver.store.messages import Appended
from mailserver.store.tables import message, postponed, spool_item, spool_recipient

# Seconds before its release from which on a message goes: a relay may be looking at it.
TOO_LATE = 2

# Seconds that a message may wait in any case, also where none may be sent later.
LONGEST_THOUGHT = 60


@dataclass(frozen=True, slots=True)
class Postponed:
    """``id`` is the spool item's."""

    id: int
    release_at: int
    subject: str
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """Accounts: who sends it, and whose address it is written from.  ``certificate``: the fingerprint of the one that
    it is signed with, if we sign it.
    """

    writer_id: str
    author_id: str
    certificate: str = ""


def note(tx: Transaction, account_id: str, message_id: int, copy: Appended | None, order: Order) -> int:
    """That what was just put into the spool may be taken back; its number."""
    item_id: int = tx.connection.execute(
        select(spool_item.c.id).where(spool_item.c.message_id == message_id)
    ).scalar_one()
    tx.connection.execute(
        insert(postponed).values(
            account_id=account_id,
            item_id=item_id,
            copy_mailbox_id=None if copy is None else copy.mailbox_id,
            copy_uid=None if copy is None else copy.uid,
            writer_id=order.writer_id,
            author_id=order.author_id,
            certificate=order.certificate,
        )
    )
    return item_id


def waiting_of(connection: Connection, account_id: str, now: int) -> list[Postponed]:
    """What an account may still take back, the next to go first."""
    found = connection.execute(
        select(spool_item.c.id, spool_item.c.release_at, message.c.subject)
        .select_from(postponed)
        .join(spool_item, spool_item.c.id == postponed.c.item_id)
        .join(message, message.c.id == spool_item.c.message_id)
        .where(postponed.c.account_id == account_id, spool_item.c.release_at > now + TOO_LATE)
        .order_by(spool_item.c.release_at, spool_item.c.id)
    ).all()
    return [Postponed(row[0], row[1], row[2], _recipients(connection, row[0])) for row in found]


def _recipients(connection: Connection, item_id: int) -> tuple[str, ...]:
    paths = select(spool_recipient.c.forward_path).where(spool_recipient.c.item_id == item_id)
    return tuple(connection.execute(paths.order_by(spool_recipient.c.forward_path)).scalars())


def take_back(tx: Transaction, account_id: str, item_id: int) -> int | None:
    """Nobody gets it; the UID of the draft that its copy in Sent has become, None where there is no copy any more.

    Raises NoSuchMessage when it has gone, or is not theirs.
    """
    mailbox_id, uid = _find(tx, account_id, item_id)
    keys = _lanes_of(tx, item_id)
    spool.remove_item(tx, item_id)
    lanes.look_again(tx, keys, ends_rest=False)
    if mailbox_id is None or uid is None or not reading.placements(tx.connection, mailbox_id, [(uid, uid)]):
        return None
    drafts = special_mailbox(tx.connection, account_id, "\\Drafts") or create_mailbox(
        tx, account_id, "Drafts", "\\Drafts"
    )
    [(_, new_uid)] = messages.move(tx, mailbox_id, [(uid, uid)], drafts.id)
    messages.set_flags(tx, drafts.id, [(new_uid, new_uid)], "add", ["\\Draft", "\\Seen"])
    return new_uid


def let_go(tx: Transaction, account_id: str, item_id: int) -> None:
    """At once.  Raises NoSuchMessage when it has gone, or is not theirs."""
    _find(tx, account_id, item_id)
    tx.connection.execute(update(spool_item).where(spool_item.c.id == item_id).values(release_at=tx.now))
    first_look = tx.now + spool.FIRST_LOOK
    deadline = spool_recipient.c.deadline_at
    tx.connection.execute(
        update(spool_recipient)
        .where(spool_recipient.c.item_id == item_id, spool_recipient.c.state == spool.DUE)
        .values(next_attempt_at=tx.now, deadline_at=case((deadline > first_look, first_look), else_=deadline))
    )
    for key in _lanes_of(tx, item_id):
        spool.change_lane(tx, key, due_at=tx.now)
    tx.wake_spool()


def _lanes_of(tx: Transaction, item_id: int) -> list[spool.LaneKey]:
    rows = tx.connection.execute(
        select(spool_recipient.c.domain, spool_recipient.c.priority)
        .where(spool_recipient.c.item_id == item_id, spool_recipient.c.state == spool.DUE)
        .distinct()
    )
    return sorted((row[0], row[1]) for row in rows)


def _find(tx: Transaction, account_id: str, item_id: int) -> tuple[int | None, int | None]:
    """Its copy in Sent."""
    row = tx.connection.execute(
        select(postponed.c.copy_mailbox_id, postponed.c.copy_uid)
        .join(spool_item, spool_item.c.id == postponed.c.item_id)
        .where(
            postponed.c.account_id == account_id,
            postponed.c.item_id == item_id,
            spool_item.c.release_at > tx.now + TOO_LATE,
        )
    ).first()
    if row is None:
        raise NoSuchMessage("The message has gone already")
    return row[0], row[1]


def judge_again(office: PostOffice, items: Sequence[spool.Item]) -> None:
    """Note on what waited, and is taken to be sent now, why it does not go after all.

    What may go is not asked about again: that another server takes it late changes nothing.
    """
    ids = {item.id for item in items if item.envelope.release_at}
    if not ids:
        return
    columns = postponed.c.item_id, postponed.c.writer_id, postponed.c.author_id, postponed.c.certificate
    with office.store.read() as connection:
        orders = [
            (row[0], Order(*row[1:]))
            for row in connection.execute(select(*columns).where(postponed.c.item_id.in_(ids)))
        ]
    if not orders:
        return
    with office.directory.read() as people:
        told = {item_id: _objection(people, order) for item_id, order in orders}
    for item in items:
        if text := told.get(item.id):
            item.objection = Reply(550, "5.7.1", text)
    if may_go := [item_id for item_id, text in told.items() if not text]:
        gone = delete(postponed).where(postponed.c.item_id.in_(may_go))
        with suppress(Refusal):  # the disk is full: then it is asked about once more
            office.store.write(lambda tx: tx.connection.execute(gone)).result()


def _objection(people: Reading, order: Order) -> str:
    if not order.writer_id:
        return ""  # ordered before that was noted
    writer = find_account(people, order.writer_id)
    if writer is None or writer.status != "active":
        return "Not sent at its time: the account of its sender is locked or closed"
    if order.author_id not in ("", order.writer_id) and order.author_id not in mailboxes_of(people, writer.id, "send"):
        return "Not sent at its time: its sender may no longer write for this mailbox"
    if order.certificate and not still_holds(people, order.certificate):
        return "Not sent at its time: the certificate it was signed with is revoked or has expired"
    return ""
