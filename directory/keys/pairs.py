"""The pair of each account, at rest: which half is public, and what the other is wrapped under."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from directory.database import Question, Reading, Writing
from directory.tables import key_pair
from security.keys.sealing import Pair
from security.keys.wrapping import Wrapper

_WHAT = "pair"


@dataclass(frozen=True, slots=True)
class PairRow:
    account_id: str
    public: bytes
    by_password: bytes | None = field(repr=False)
    password_stamp: str
    by_installation: bytes | None = field(repr=False)


_COLUMNS = (
    key_pair.c.account_id,
    key_pair.c.public,
    key_pair.c.by_password,
    key_pair.c.password_stamp,
    key_pair.c.by_installation,
)
_FIND = Question(select(*_COLUMNS).where(key_pair.c.account_id == bindparam("account")))

_MANAGED = Question(
    select(*_COLUMNS)
    .where(key_pair.c.account_id > bindparam("account"), key_pair.c.by_installation.is_not(None))
    .order_by(key_pair.c.account_id)
    .limit(bindparam("most"))
)
_ANY = Question(
    select(key_pair.c.account_id, key_pair.c.by_installation)
    .where(key_pair.c.by_installation.is_not(None))
    .limit(bindparam("most"))
)


def find_pair(conn: Reading | Writing, account_id: str) -> PairRow | None:
    row = conn.row(_FIND, account=account_id)
    return PairRow(*row) if row else None


def managed_after(conn: Reading | Writing, account_id: str, most: int) -> list[PairRow]:
    """Pairs that the installation's key opens, in the order of accounts."""
    return [PairRow(*row) for row in conn.rows(_MANAGED, account=account_id, most=most)]


def bound(account_id: str) -> tuple[str, str]:
    """What a pair's wrappings are bound to."""
    return _WHAT, account_id


def wrap(installation: Wrapper, account_id: str, pair: Pair) -> bytes:
    return installation.wrap(pair.octets, *bound(account_id))


def unwrap(installation: Wrapper, account_id: str, wrapped: bytes) -> Pair:
    """Raises WrappingFault."""
    return Pair(installation.unwrap(wrapped, *bound(account_id)))


def check(conn: Reading | Writing, installation: Wrapper) -> None:
    """Whether this is the key that pairs were wrapped under until now.  Raises WrappingFault."""
    row = conn.row(_ANY, most=1)
    if row is not None:
        unwrap(installation, row[0], row[1])


def insert_pair(conn: Writing, account_id: str, public: bytes, by_installation: bytes) -> None:
    values = {
        "account_id": account_id,
        "public": public,
        "password_stamp": "",
        "by_installation": by_installation,
        "created_at": conn.now,
    }
    conn.execute(insert(key_pair), values)


def keep_password_wrap(conn: Writing, account_id: str, wrapped: bytes, stamp: str) -> None:
    """The pair under another password, in the transaction in which that is set."""
    values = {"by_password": wrapped, "password_stamp": stamp}
    conn.execute(update(key_pair).where(key_pair.c.account_id == account_id).values(values))


def change_pair(conn: Writing, row: PairRow, **values: Any) -> bool:
    """Other wrappings, unless they were changed by another since ``row`` was read; whether so."""
    unchanged = (
        key_pair.c.account_id == row.account_id,
        key_pair.c.public == row.public,
        key_pair.c.by_password == row.by_password if row.by_password else key_pair.c.by_password.is_(None),
        key_pair.c.by_installation == row.by_installation
        if row.by_installation
        else key_pair.c.by_installation.is_(None),
    )
    return conn.execute(update(key_pair).where(*unchanged).values(**values)).rowcount == 1
