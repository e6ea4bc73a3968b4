"""Files too large for a letter: kept here for some days, fetched by whoever has the link that stands in the letter.

What is kept of a link is the digest of its token, so that nobody who reads the table can fetch anything.  The file
lies among the bodies, once for all links to the same octets, counts in its owner's quota, and is swept with them when
no link is left.

Limits: ``MOST`` links of an account at a time; the size and the days are the caller's.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO

from sqlalchemy import Connection, delete, insert, select, update

from mailserver.refusals import LimitReached, OverQuota, TooLarge, TryLater
from mailserver.store import quota
from mailserver.store.database import Transaction
from mailserver.store.store import Store
from mailserver.store.work_tables import linked_file

log = logging.getLogger("citymail.store")

MOST = 200
_TOKEN_OCTETS = 32
_PIECE = 1024 * 1024
_BATCH = 2000


@dataclass(frozen=True, slots=True)
class Link:
    """``id``: the digest of its token, in hexadecimal."""

    id: str
    account_id: str
    name: str
    digest: bytes
    size: int
    made_at: int
    expires_at: int
    downloads: int
    password_hash: str = field(repr=False)  # empty: the link is enough


def keep(store: Store, source: IO[bytes], most: int) -> tuple[bytes, int]:
    """(digest, size) of a file that is on disk now, never whole in memory.  Raises TooLarge, TryLater."""
    path = store.blobs.new_file()
    digest, size = hashlib.sha256(), 0
    try:
        with open(path, "wb") as file:
            while piece := source.read(_PIECE):
                size += len(piece)
                if size > most:
                    raise TooLarge
                digest.update(piece)
                file.write(piece)
        store.blobs.adopt(path, digest.digest())
    except OSError as fault:
        log.error("the store could not keep a file: %s", fault)
        raise TryLater(reason=str(fault)) from fault
    finally:
        path.unlink(missing_ok=True)
    return digest.digest(), size


def make(
    account_id: str, name: str, digest: bytes, size: int, *, seconds: int, allowed: int, password_hash: str = ""
) -> tuple[str, Callable[[Transaction], None]]:
    """The token of a new link, and the job that writes it down; that raises OverQuota, LimitReached."""
    token = secrets.token_urlsafe(_TOKEN_OCTETS)

    def job(tx: Transaction) -> None:
        if len(links_of(tx.connection, account_id)) >= MOST:
            raise LimitReached(f"At most {MOST} links at a time")
        if not quota.room_for(tx.connection, account_id, allowed, size):
            raise OverQuota
        values = {
            "token_digest": _id_of(token), "account_id": account_id, "name": name, "digest": digest, "size": size,
            "made_at": tx.now, "expires_at": tx.now + seconds, "downloads": 0,
            "password_hash": password_hash,
        }  # fmt: skip
        tx.connection.execute(insert(linked_file).values(values))

    return token, job


def find(connection: Connection, token: str, now: int) -> Link | None:
    """Whoever guesses learns nothing: one digest and one look into an index, whether there is such a link or not."""
    found = select(linked_file).where(linked_file.c.token_digest == _id_of(token), linked_file.c.expires_at > now)
    row = connection.execute(found).first()
    return Link(*row) if row is not None else None


def count(tx: Transaction, link_id: str) -> None:
    here = linked_file.c.token_digest == link_id
    tx.connection.execute(update(linked_file).where(here).values(downloads=linked_file.c.downloads + 1))


def links_of(connection: Connection, account_id: str) -> list[Link]:
    """Those that nobody has swept, the newest first."""
    theirs = select(linked_file).where(linked_file.c.account_id == account_id)
    rows = connection.execute(theirs.order_by(linked_file.c.made_at.desc(), linked_file.c.token_digest))
    return [Link(*row) for row in rows]


def end(tx: Transaction, account_id: str, link_id: str) -> bool:
    """Whether there was such a link of theirs."""
    here = linked_file.c.token_digest == link_id, linked_file.c.account_id == account_id
    return bool(tx.connection.execute(delete(linked_file).where(*here)).rowcount)


def sweep(tx: Transaction, now: int) -> int:
    """Forget links that have expired; how many."""
    doomed = select(linked_file.c.token_digest).where(linked_file.c.expires_at <= now).limit(_BATCH)
    return tx.connection.execute(delete(linked_file).where(linked_file.c.token_digest.in_(doomed))).rowcount


def _id_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
