"""What has been brought over: so that an import goes on where it was broken off, and a second run brings nothing twice.

The entry is written in the same transaction as the message. It outlives the message: what the owner deletes is not
brought back by the next run.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, insert, select

from mailserver.store.database import Transaction
from mailserver.store.tables import imported

_CHUNK = 500


def known_tokens(connection: Connection, account_id: str, tokens: Sequence[bytes]) -> set[bytes]:
    """Those of the tokens that the account's journal holds."""
    known: set[bytes] = set()
    for start in range(0, len(tokens), _CHUNK):
        rows = connection.execute(
            select(imported.c.token).where(
                imported.c.account_id == account_id, imported.c.token.in_(tokens[start : start + _CHUNK])
            )
        )
        known.update(bytes(row[0]) for row in rows)
    return known


def record(tx: Transaction, account_id: str, tokens: Collection[bytes]) -> None:
    """Remember tokens that the journal does not hold yet."""
    if tokens:
        tx.connection.execute(
            insert(imported),
            [{"account_id": account_id, "token": token, "imported_at": tx.now} for token in sorted(set(tokens))],
        )
