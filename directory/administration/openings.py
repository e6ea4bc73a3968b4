"""Who opened a mailbox beside its owner, for the owner to see: administrators, colleagues, whoever was let in.

From the audit record: acting for it, reading it as custodian, rights in it that somebody else gave, mail brought back
or in, a password or an absence that somebody else set.  What the owner did himself is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from directory.database import Reading, Writing
from directory.mail.accounts import Account
from directory.mail.addresses import addresses_ever
from directory.record import search

# Actions that let somebody into a mailbox, or are a hand in it.
OPENING = (
    *(
        "mailbox.act",
        "mailbox.grant",
        "mailbox.share",
        "mailbox.restore",
        "mailbox.import",
        "mailbox.export",
        "mailbox.passwd",
        "mailbox.absence",
    ),
    *("mailbox.entrust", "mailbox.read", "mailbox.attach", "contacts.export", "app-password.add"),
)


@dataclass(frozen=True, slots=True)
class Opening:
    at: int
    actor: str
    action: str
    whom: str  # who was let in, where it is not the actor
    origin: str
    reason: str


def openings(conn: Reading | Writing, owner: Account, *, limit: int = 200) -> Iterator[Opening]:
    """Newest first."""
    names = {owner.login, owner.id, *addresses_ever(conn, owner.id)}
    told = 0
    for entry in search(conn, subjects=names, actions=OPENING):
        if entry.actor in names:
            continue
        details = json.loads(entry.details)
        yield Opening(
            entry.at, entry.actor, entry.action, _whom(details), details.get("origin", ""), details.get("reason", "")
        )  # fmt: skip
        told += 1
        if told == limit:
            return


def _whom(details: dict[str, Any]) -> str:
    told = {**details, **(details.get("after") or {})}
    return str(told.get("to") or told.get("head_of") or told.get("position") or "")
