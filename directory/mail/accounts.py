"""Accounts: who can sign in and own mail.

An account is a person's, a unit's (văn thư) or a role's.  ``active`` signs in and receives; ``locked`` only
receives; ``closed`` does neither and its addresses redirect or are out of use.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from sys import intern
from typing import Any, Literal, cast

from sqlalchemy import bindparam, func, select

from directory.database import Question, Reading, Writing
from directory.mail.addresses import address_row, normalise, primary_domain
from directory.tables import account as account_table

Status = Literal["active", "locked", "closed"]
Kind = Literal["person", "unit", "role"]
Language = Literal["vi", "en"]


@dataclass(frozen=True, slots=True)
class Account:
    id: str
    login: str  # the primary address
    name: str
    title: str
    unit: str
    status: Status
    quota_bytes: int  # 0: no limit
    kind: Kind
    language: Language
    is_admin: bool


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account with what its password is judged by; never leaves the process."""

    account: Account
    password_hash: str | None
    must_change_password: bool

    def __repr__(self) -> str:
        return f"Credentials({self.account.login})"


ACCOUNT_COLUMNS = (
    account_table.c.id,
    account_table.c.login,
    account_table.c.name,
    account_table.c.title,
    account_table.c.unit_name,
    account_table.c.status,
    account_table.c.quota_bytes,
    account_table.c.kind,
    account_table.c.language,
    account_table.c.is_admin,
)
_BY_ID = Question(select(*ACCOUNT_COLUMNS).where(account_table.c.id == bindparam("id")))
_BY_LOGIN = Question(select(account_table.c.id).where(account_table.c.login == bindparam("login")))
_CREDENTIALS = Question(
    select(*ACCOUNT_COLUMNS, account_table.c.password_hash, account_table.c.must_change_password).where(
        account_table.c.id == bindparam("id")
    )
)
_ADMINS = Question(
    select(account_table.c.id).where(account_table.c.is_admin.is_(True), account_table.c.status == "active")
)
_SMALLEST_QUOTA = Question(select(func.min(account_table.c.quota_bytes)).where(account_table.c.quota_bytes > 0))


_shared: Callable[[str], Any] = intern


def account_from_row(row: tuple[Any, ...]) -> Account:
    """From ACCOUNT_COLUMNS, in that order."""
    account_id, login, name, title, unit, status, quota_bytes, kind, language, is_admin = row
    # Thousands are remembered, and share these few words.
    title, unit, status, kind, language = map(_shared, (title, unit, status, kind, language))
    return Account(account_id, login, name, title, unit, status, quota_bytes, kind, language, bool(is_admin))


def find_account(conn: Reading | Writing, account_id: str) -> Account | None:
    shelf = conn.memory.shelf("accounts")
    try:
        return cast("Account | None", shelf[account_id])
    except KeyError:
        row = conn.row(_BY_ID, id=account_id)
        account = shelf[account_id] = account_from_row(row) if row else None
        return account


def account_by_login(conn: Reading | Writing, login: str) -> Account | None:
    """By primary address, by alias, or by the bare local part in the primary domain."""
    credentials = credentials_by_login(conn, login)
    return credentials.account if credentials else None


def account_ever_by_login(conn: Reading | Writing, login: str) -> Account | None:
    """The same, and a closed account by what its primary address was."""
    found = account_by_login(conn, login)
    if found is not None:
        return found
    row = conn.row(_BY_LOGIN, login=spelled_out_login(conn, login))
    return find_account(conn, row[0]) if row else None


def credentials_by_login(conn: Reading | Writing, login: str) -> Credentials | None:
    shelf = conn.memory.shelf("logins")
    try:
        return cast("Credentials | None", shelf[login])
    except KeyError:
        found = shelf[login] = _credentials(conn, login)
        return found


def spelled_out_login(conn: Reading | Writing, login: str) -> str:
    """The address that a login stands for, in one spelling."""
    return normalise(login if "@" in login else f"{login}@{primary_domain(conn)}")


def _credentials(conn: Reading | Writing, login: str) -> Credentials | None:
    row = address_row(conn, spelled_out_login(conn, login))
    if row is None or row.account_id is None or row.state != "active":
        return None
    return credentials_of(conn, row.account_id)


def credentials_of(conn: Reading | Writing, account_id: str) -> Credentials | None:
    found = conn.row(_CREDENTIALS, id=account_id)
    if found is None:
        return None
    account = conn.memory.shelf("accounts").setdefault(account_id, account_from_row(found[:10]))
    return Credentials(account, found[10], bool(found[11]))


def smallest_quota(conn: Reading | Writing) -> int:
    """The smallest limit that any account has, 0 if none has one: whoever uses less has room for sure."""
    shelf = conn.memory.shelf("quotas")
    smallest: int | None = shelf.get("smallest")
    if smallest is None:
        found = conn.row(_SMALLEST_QUOTA)
        smallest = shelf["smallest"] = int(found[0]) if found and found[0] is not None else 0
    return smallest


def admin_ids(conn: Reading | Writing) -> frozenset[str]:
    return frozenset(account_id for (account_id,) in conn.rows(_ADMINS))


def names_of(conn: Reading | Writing, account_ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """Account id → (name, primary address), for those that exist."""
    names: dict[str, tuple[str, str]] = {}
    ids = list(account_ids)
    columns = (account_table.c.id, account_table.c.name, account_table.c.login)
    for start in range(0, len(ids), 500):
        chosen = select(*columns).where(account_table.c.id.in_(ids[start : start + 500]))
        for row in conn.execute(chosen):
            names[row.id] = (row.name, row.login)
    return names


def find_mailbox_owner(conn: Reading | Writing, key: str) -> Account | None:
    """Any account, by address (of closed ones too), bare local part, or id."""
    found = account_by_login(conn, key) or find_account(conn, key)
    if found is not None:
        return found
    closed = conn.execute(select(account_table.c.id).where(account_table.c.login == key.lower())).scalar()
    return find_account(conn, closed) if closed else None
