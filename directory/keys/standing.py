"""How keys lie, for who looks after them: of one account, and of all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import func, select

from directory.database import Reading, Writing
from directory.keys import pairs
from directory.keys.levels import level_of
from directory.keys.recovery import count_unescrowed
from directory.mail.accounts import Account, credentials_of
from directory.signing_in.admission import password_stamp
from directory.tables import account_key, escrowed_key, key_pair, private_key


@dataclass(frozen=True, slots=True)
class Standing:
    """``opened_by``: installation, password, former-password."""

    login: str
    level: str
    opened_by: tuple[str, ...]
    keys: int
    escrowed: int


@dataclass(frozen=True, slots=True)
class Counts:
    pairs: int
    managed: int
    sealed: int
    of_old: int
    unescrowed: int


def standing_of(conn: Reading | Writing, owner: Account) -> Standing:
    mine = private_key.c.account_id == owner.id, private_key.c.wrapped.is_not(None)
    held = select(func.count(private_key.c.id), func.count(escrowed_key.c.private_key_id))
    chosen = held.outerjoin(escrowed_key, escrowed_key.c.private_key_id == private_key.c.id).where(*mine)
    keys, escrowed = tuple(conn.execute(chosen).one())
    return Standing(owner.login, level_of(conn, owner), tuple(_opened_by(conn, owner)), keys, escrowed)


def _opened_by(conn: Reading | Writing, owner: Account) -> Iterator[str]:
    row = pairs.find_pair(conn, owner.id)
    if row is None:
        return
    if row.by_installation is not None:
        yield "installation"
    if row.by_password is not None:
        found = credentials_of(conn, owner.id)
        is_current = row.password_stamp == password_stamp(found.password_hash if found else None)
        yield "password" if is_current else "former-password"


def is_sealed(conn: Reading | Writing, account_id: str) -> bool:
    """Whether a password alone opens an account's keys: one that is set anew by another does not."""
    row = pairs.find_pair(conn, account_id)
    return row is not None and row.by_installation is None


def count(conn: Reading | Writing) -> Counts:
    total, managed = tuple(conn.execute(select(func.count(), func.count(key_pair.c.by_installation))).one())
    of_old: int = conn.execute(select(func.count()).select_from(account_key)).scalar_one()
    return Counts(total, managed, total - managed, of_old, count_unescrowed(conn))
