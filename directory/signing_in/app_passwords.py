"""App passwords: one for each program, made here, shown once, valid for mail (IMAP, SMTP or both) or for the address
book (LDAP), and never for the webmail.

Another password, and the end of an account, revoke them all: who takes a stolen account back must not leave a door
open that the thief made.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Literal, cast

from sqlalchemy import bindparam, delete, insert, select

from directory.database import Question, Reading, Writing
from directory.faults import Fault
from directory.mail.accounts import find_account
from directory.record import record
from directory.tables import app_password, app_password_use
from directory.words.names import tidy
from security import app_passwords

Scope = Literal["imap", "smtp", "both", "ldap"]
SCOPES: tuple[Scope, ...] = ("both", "imap", "smtp", "ldap")
# What each opens.
_PROTOCOLS: dict[Scope, tuple[str, ...]] = {
    "both": ("imap", "smtp"),
    "imap": ("imap",),
    "smtp": ("smtp",),
    "ldap": ("ldap",),
}
MOST = 20
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class AppPassword:
    id: str
    name: str
    scope: Scope
    created_at: int
    used_at: int | None
    used_by: str  # protocol
    used_from: str  # address


@dataclass(frozen=True, slots=True)
class Key:
    """What a login is compared with."""

    id: str
    scope: Scope
    digest: str


_KEYS = Question(
    select(app_password.c.id, app_password.c.scope, app_password.c.digest).where(
        app_password.c.account_id == bindparam("account")
    )
)
_LISTED = Question(
    select(
        app_password.c.id,
        app_password.c.name,
        app_password.c.scope,
        app_password.c.created_at,
        app_password_use.c.at,
        app_password_use.c.protocol,
        app_password_use.c.client,
    )
    .outerjoin(app_password_use, app_password_use.c.app_password_id == app_password.c.id)
    .where(app_password.c.account_id == bindparam("account"))
    .order_by(app_password.c.created_at, app_password.c.id)
)


def add(conn: Writing, actor: str, account_id: str, name: str, scope: str = "both") -> tuple[AppPassword, str]:
    """What was made, and its letters, which nobody can read again.  Raises Fault."""
    name = tidy(name)
    owner = find_account(conn, account_id)
    if owner is None or owner.status == "closed":
        raise Fault("account-unknown", account=account_id)
    if not name:
        raise Fault("name-empty")
    if len(name) > _LONGEST_NAME:
        raise Fault("text-long", what="name", limit=_LONGEST_NAME)
    if scope not in SCOPES:
        raise Fault("value-invalid", value=scope, what="scope")
    mine = listed(conn, account_id)
    if any(each.name == name for each in mine):
        raise Fault("app-password-exists", name=name)
    if len(mine) >= MOST:
        raise Fault("app-passwords-many", limit=MOST)
    text = app_passwords.make_app_password(int(conn.new_token(), 16))
    letters = app_passwords.canonical(text)
    assert letters is not None
    made = AppPassword(conn.new_id(), name, scope, conn.now, None, "", "")
    conn.execute(
        insert(app_password),
        {
            "id": made.id,
            "account_id": account_id,
            "name": name,
            "scope": scope,
            "digest": app_passwords.digest(account_id, letters),
            "created_at": made.created_at,
        },
    )
    record(conn, actor, "app-password.add", owner.login, name=name, scope=scope)
    return made, text


def revoke(conn: Writing, actor: str, account_id: str, key: str) -> AppPassword:
    """By name or id; sessions that came in with it end within a minute.  Raises Fault."""
    found = next((each for each in listed(conn, account_id) if key in (each.id, each.name)), None)
    owner = find_account(conn, account_id)
    if found is None or owner is None:
        raise Fault("app-password-unknown", name=key)
    conn.execute(delete(app_password_use).where(app_password_use.c.app_password_id == found.id))
    conn.execute(delete(app_password).where(app_password.c.id == found.id))
    record(conn, actor, "app-password.revoke", owner.login, name=found.name)
    return found


def revoke_all(conn: Writing, account_id: str) -> int:
    """How many there were; told of in the record of whatever was the reason."""
    mine = select(app_password.c.id).where(app_password.c.account_id == account_id)
    conn.execute(delete(app_password_use).where(app_password_use.c.app_password_id.in_(mine)))
    return conn.execute(delete(app_password).where(app_password.c.account_id == account_id)).rowcount


def listed(conn: Reading | Writing, account_id: str) -> list[AppPassword]:
    """Oldest first."""
    return [
        AppPassword(row[0], row[1], row[2], row[3], row[4], row[5] or "", row[6] or "")
        for row in conn.rows(_LISTED, account=account_id)
    ]


def keys_of(conn: Reading | Writing, account_id: str) -> tuple[Key, ...]:
    shelf = conn.memory.shelf("app passwords")
    try:
        return cast("tuple[Key, ...]", shelf[account_id])
    except KeyError:
        found = shelf[account_id] = tuple(Key(*row) for row in conn.rows(_KEYS, account=account_id))
        return found


def matching(conn: Reading | Writing, account_id: str, password: str, protocol: str) -> Key | None:
    """The app password that this is, if it opens this protocol."""
    letters = app_passwords.canonical(password)
    if letters is None:
        return None
    offered = app_passwords.digest(account_id, letters)
    found = [key for key in keys_of(conn, account_id) if hmac.compare_digest(key.digest, offered)]
    return next((key for key in found if protocol in _PROTOCOLS[key.scope]), None)


def note_use(conn: Writing, key_id: str, protocol: str, client: str) -> None:
    conn.execute(delete(app_password_use).where(app_password_use.c.app_password_id == key_id))
    conn.execute(
        insert(app_password_use),
        {"app_password_id": key_id, "at": conn.now, "protocol": protocol[:10], "client": client[:45]},
    )
