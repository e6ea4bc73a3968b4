"""One message into many INBOXes: sets, not loops.

A notice to the whole city is one body and one small row each, in a handful of statements however many there are.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import text

from mailserver.store.content import Content
from mailserver.store.database import Transaction
from mailserver.store.mailboxes import INBOX, create_inboxes
from mailserver.store.messages import insert_message

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
