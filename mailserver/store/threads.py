"""Messages by what they belong to instead of by mailbox: a conversation over all mailboxes of an account.

A thread key is shared by every message of a conversation, in everybody's mail (``MessageSummary.thread_key``); the
index on message narrows it to this account's mailboxes, so that a notice which 200,000 people hold costs the reader
of one copy no more than any other mail.

Standards: RFC 5322 §3.6.4 (References), RFC 5256 §2.1.
Limits: the newest 200 messages of a conversation.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, select

from mailserver.store.tables import mailbox, message, placement

MAX_MEMBERS = 200

_MEMBERS = (
    select(
        placement.c.mailbox_id,
        placement.c.uid,
        placement.c.message_id,
        placement.c.flags,
        placement.c.internal_date,
        message.c.message_id_header,
        message.c.size,
    )
    .select_from(
        message.join(placement, placement.c.message_id == message.c.id).join(
            mailbox, mailbox.c.id == placement.c.mailbox_id
        )
    )
    .where(
        message.c.thread_key == bindparam("thread_key"),
        placement.c.mailbox_id.in_(bindparam("mailbox_ids", expanding=True)),
        mailbox.c.account_id == bindparam("account_id"),
        mailbox.c.removed_at.is_(None),
    )
    .order_by(placement.c.internal_date.desc(), placement.c.message_id.desc())
    .limit(MAX_MEMBERS)
)
_PARTS = select(message.c.parts).where(message.c.id == bindparam("message_id"))
_MAILBOX_IDS = select(mailbox.c.id).where(
    mailbox.c.account_id == bindparam("account_id"), mailbox.c.removed_at.is_(None)
)


def members(connection: Connection, account_id: str, thread_key: str) -> list[Any]:
    """Rows (mailbox_id, uid, message_id, flags, internal_date, message_id_header, size), oldest first.

    A message that lies in several mailboxes is in the list several times.
    """
    mailbox_ids = list(connection.execute(_MAILBOX_IDS, {"account_id": account_id}).scalars())
    if not mailbox_ids or not thread_key:
        return []
    values = {"thread_key": thread_key, "mailbox_ids": mailbox_ids, "account_id": account_id}
    return list(reversed(connection.execute(_MEMBERS, values).all()))


def parts_of(connection: Connection, message_id: int) -> bytes | None:
    """A message's encoded part table (``message.structure.decode_parts``)."""
    found: bytes | None = connection.execute(_PARTS, {"message_id": message_id}).scalar_one_or_none()
    return found
