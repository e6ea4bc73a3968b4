"""Messages that no session was told of yet, IMAP4rev1's \\Recent: all from one UID of the mailbox on.

That UID is the mailbox's ``recent_uid``.  It is no truth that anybody relies on, only a comfort (a message may be
recent twice, RFC 3501 §2.3.2 allows it where a server cannot know), so nobody waits for it to be written, and it need
not last.

Standards: RFC 3501 §2.3.2; RFC 9051 Appendix A (dropped there).
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, func, select, text

from mailserver.store.database import Transaction
from mailserver.store.prepared import Prepared
from mailserver.store.tables import placement

_COUNT = Prepared(
    select(func.count())
    .select_from(placement)
    .where(placement.c.mailbox_id == bindparam("mailbox_id"), placement.c.uid >= bindparam("first"))
)


def count_from(connection: Connection, mailbox_id: int, first_uid: int) -> int:
    """How many messages there are from a UID on."""
    counted: int = _COUNT.row(connection, {"mailbox_id": mailbox_id, "first": first_uid})[0]
    return counted


_MARK_TOLD = Prepared(text("UPDATE mailbox SET recent_uid = :uid WHERE id = :mailbox_id AND recent_uid < :uid"))


def mark_told(tx: Transaction, mailbox_id: int, uid: int) -> None:
    """Some session was told of every message below ``uid``."""
    _MARK_TOLD.run(tx.connection, {"mailbox_id": mailbox_id, "uid": uid})
