"""One message into many INBOXes: sets, not loops.

A notice to the whole city is one body and one small row each, in a handful of statements however many there are.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, text

from mailserver.store.content import Content
from mailserver.store.database import Transaction
from mailserver.store.mailboxes import INBOX, create_inboxes
from mailserver.store.messages import insert_message
from mailserver.store.prepared import Prepared

# Both belong to the writer's own connection and are empty between transactions.
_TABLES = (
    "CREATE TEMPORARY TABLE IF NOT EXISTS broadcast_account (account_id TEXT)",
    "CREATE TEMPORARY TABLE IF NOT EXISTS broadcast_mailbox (mailbox_id BIGINT)",
)
_CLEAR = ("DELETE FROM broadcast_account", "DELETE FROM broadcast_mailbox")
_ADD_ACCOUNT = Prepared(text("INSERT INTO broadcast_account (account_id) VALUES (:account_id)"))
_FIND_MAILBOXES = Prepared(
    text(
        "INSERT INTO broadcast_mailbox (mailbox_id) SELECT m.id FROM broadcast_account r"
        " JOIN mailbox m ON m.account_id = r.account_id AND m.name = :inbox ORDER BY m.id"
    )
)
# A person has one mailbox of a use at most; min() says so to the engine.
_FIND_BY_USE = Prepared(
    text(
        "INSERT INTO broadcast_mailbox (mailbox_id) SELECT min(m.id) FROM broadcast_account r"
        " JOIN mailbox m ON m.account_id = r.account_id AND m.special_use = :use AND m.removed_at IS NULL"
        " GROUP BY m.account_id ORDER BY 1"
    )
)
_FIND_OTHERS = Prepared(
    text(
        "INSERT INTO broadcast_mailbox (mailbox_id) SELECT m.id FROM broadcast_account r"
        " JOIN mailbox m ON m.account_id = r.account_id AND m.name = :inbox WHERE NOT EXISTS (SELECT 1 FROM mailbox u"
        " WHERE u.account_id = r.account_id AND u.special_use = :use AND u.removed_at IS NULL) ORDER BY m.id"
    )
)
_FOUND = Prepared(text("SELECT mailbox_id FROM broadcast_mailbox"))
_LACKING = Prepared(
    text(
        "SELECT r.account_id FROM broadcast_account r WHERE NOT EXISTS (SELECT 1 FROM mailbox m"
        " WHERE m.account_id = r.account_id AND m.name = :inbox)"
    )
)
# Counters first: PostgreSQL's row locks are then held when the UIDs are read.
_COUNT = Prepared(
    text(
        "UPDATE mailbox SET uid_next = uid_next + 1, highest_modseq = highest_modseq + 1,"
        " messages = messages + 1, unseen = unseen + 1, size = size + :size"
        " WHERE id IN (SELECT mailbox_id FROM broadcast_mailbox)"
    )
)
_PLACE = Prepared(
    text(
        "INSERT INTO placement (mailbox_id, uid, message_id, flags, modseq, touched, internal_date, saved_at, size)"
        " SELECT m.id, m.uid_next - 1, :message, 0, m.highest_modseq, false, :now, :now, :size"
        " FROM broadcast_mailbox b JOIN mailbox m ON m.id = b.mailbox_id"
    )
)


def deliver_to_accounts(tx: Transaction, content: Content, account_ids: Collection[str]) -> int:
    """Put one message into the INBOX of many accounts, making those that lack one; how many it reached."""
    message_id = insert_message(tx, content)
    return place_with_accounts(tx, message_id, content.size, account_ids)


def place_with_accounts(
    tx: Transaction, message_id: int, size: int, account_ids: Collection[str], *, special_use: str = ""
) -> int:
    """Put a message that is kept already into the INBOX of many accounts, or into each one's mailbox of a special use
    (RFC 6154) if he has one.
    """
    connection = tx.connection
    wanted = set(account_ids)
    for statement in _TABLES:
        connection.exec_driver_sql(statement)
    _ADD_ACCOUNT.run_many(connection, [{"account_id": account_id} for account_id in wanted])
    reached = _find_mailboxes(connection, special_use)
    if len(reached) < len(wanted):
        create_inboxes(tx, [account_id for (account_id,) in _LACKING.rows(connection, {"inbox": INBOX})])
        connection.exec_driver_sql(_CLEAR[1])
        reached = _find_mailboxes(connection, special_use)
    if reached:
        tx.hold(*reached)
        _COUNT.run(connection, {"size": size})
        _PLACE.run(connection, {"message": message_id, "now": tx.now, "size": size})
        tx.touched.update(reached)
    for statement in _CLEAR:
        connection.exec_driver_sql(statement)
    return len(reached)


def _find_mailboxes(connection: Connection, special_use: str) -> list[int]:
    if special_use:
        _FIND_BY_USE.run(connection, {"use": special_use})
        _FIND_OTHERS.run(connection, {"use": special_use, "inbox": INBOX})
    else:
        _FIND_MAILBOXES.run(connection, {"inbox": INBOX})
    return [mailbox_id for (mailbox_id,) in _FOUND.rows(connection, {})]
