"""Senders whose pictures somebody wants to see without asking each time.

Limits: ``MOST`` for an account; beyond that the oldest goes.
"""

from __future__ import annotations

from sqlalchemy import delete, insert, select

from directory.database import Reading, Writing
from directory.faults import Fault
from directory.tables import picture_sender

MOST = 500
_LONGEST = 320


def senders_of(conn: Reading | Writing, account_id: str) -> list[str]:
    """Addresses in small letters, the newest first."""
    statement = select(picture_sender.c.address).where(picture_sender.c.account_id == account_id)
    return list(conn.execute(statement.order_by(picture_sender.c.since.desc(), picture_sender.c.address)).scalars())


def trust(conn: Writing, account_id: str, address: str) -> None:
    """Raises Fault for what is no address."""
    address = address.strip().lower()
    local, at, domain = address.rpartition("@")
    if not (local and at and domain) or len(address) > _LONGEST or not address.isprintable():
        raise Fault("address-malformed", address=address[:80])
    distrust(conn, account_id, address)
    conn.execute(insert(picture_sender).values(account_id=account_id, address=address, since=conn.now))
    for each in senders_of(conn, account_id)[MOST:]:
        distrust(conn, account_id, each)


def distrust(conn: Writing, account_id: str, address: str) -> None:
    conn.execute(
        delete(picture_sender).where(
            picture_sender.c.account_id == account_id, picture_sender.c.address == address.strip().lower()
        )
    )
