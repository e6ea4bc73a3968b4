"""IMAP capabilities that a misbehaving client of one account is not told of, and cannot use.

For all of the account's clients, or for those whose ID (RFC 2971: name, version, system) fits a pattern.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import cast

from sqlalchemy import bindparam, delete, insert, select

from directory.database import Question, Reading, Writing
from directory.faults import Fault
from directory.mail.accounts import find_account
from directory.record import record
from directory.tables import hidden_capability

Hidden = tuple[tuple[str, str], ...]  # (capability in upper case, pattern of clients or empty)

_OF = Question(
    select(hidden_capability.c.capability, hidden_capability.c.client)
    .where(hidden_capability.c.account_id == bindparam("account"))
    .order_by(hidden_capability.c.capability, hidden_capability.c.client)
)


def hide(conn: Writing, actor: str, account_id: str, names: Iterable[str], client: str = "") -> None:
    """Raises Fault."""
    _change(conn, actor, account_id, names, client, hidden=True)


def show(conn: Writing, actor: str, account_id: str, names: Iterable[str], client: str = "") -> None:
    """Take it back.  Raises Fault."""
    _change(conn, actor, account_id, names, client, hidden=False)


def _change(conn: Writing, actor: str, account_id: str, names: Iterable[str], client: str, *, hidden: bool) -> None:
    owner = find_account(conn, account_id)
    if owner is None:
        raise Fault("account-unknown", account=account_id)
    if len(client) > 100:
        raise Fault("text-long", what="client", limit=100)
    wanted = sorted({name.upper() for name in names})
    for name in wanted:
        if not name.isascii() or not name.isprintable() or " " in name or len(name) > 60:
            raise Fault("value-invalid", value=name, what="capability")
        conn.execute(
            delete(hidden_capability).where(
                hidden_capability.c.account_id == account_id,
                hidden_capability.c.capability == name,
                hidden_capability.c.client == client,
            )
        )
        if hidden:
            conn.execute(insert(hidden_capability), {"account_id": account_id, "capability": name, "client": client})
    action = "capability.hide" if hidden else "capability.show"
    record(conn, actor, action, owner.login, capabilities=wanted, client=client)


def rules_of(conn: Reading | Writing, account_id: str) -> Hidden:
    shelf = conn.memory.shelf("hidden capabilities")
    try:
        return cast("Hidden", shelf[account_id])
    except KeyError:
        found = shelf[account_id] = tuple((row[0], row[1]) for row in conn.rows(_OF, account=account_id))
        return found


def hidden_from(rules: Hidden, client_id: str) -> frozenset[str]:
    """What a client of this ID is not told of."""
    name = client_id.casefold()
    return frozenset(
        capability for capability, pattern in rules if not pattern or fnmatchcase(name, pattern.casefold())
    )
