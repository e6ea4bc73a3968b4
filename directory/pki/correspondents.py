"""Certificates of people outside, as they came with their signed mail and one of ours has confirmed them.

A message that is signed well shows a certificate and proves that its author has the key.  Whether he is who he says,
the judge believes of some authorities; that mail to this address may be encrypted for this certificate from now on, the
reader says once, for himself alone.  It is judged again each time that something is encrypted for it.

Standards: RFC 8551 §2.5.3 (the certificate to answer to), §2.7.1 (capabilities); RFC 8550 §4.1 (certificates are kept).
Limits: ``MOST`` for one account.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from sqlalchemy import bindparam, delete, func, insert, select

from directory.database import Question, Reading, Writing
from directory.faults import Fault
from directory.pki.certificates import fingerprint
from directory.tables import correspondent
from security.mailbox_names import comparable

MOST = 2000
_MOST_COMPANIONS = 8


@dataclass(frozen=True, slots=True)
class Correspondent:
    address: str
    confirmed_at: int
    der: bytes = field(repr=False)
    companions: tuple[bytes, ...] = field(default=(), repr=False)
    capabilities: frozenset[str] = frozenset()

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.der)


_COLUMNS = (
    correspondent.c.address,
    correspondent.c.confirmed_at,
    correspondent.c.der,
    correspondent.c.companions,
    correspondent.c.capabilities,
)
_OF_ACCOUNT = Question(
    select(*_COLUMNS).where(correspondent.c.account_id == bindparam("account")).order_by(correspondent.c.address)
)
_ONE = Question(
    select(*_COLUMNS).where(
        correspondent.c.account_id == bindparam("account"), correspondent.c.address == bindparam("address")
    )
)


def correspondents_of(conn: Reading | Writing, account_id: str) -> list[Correspondent]:
    return [_read(*row) for row in conn.rows(_OF_ACCOUNT, account=account_id)]


def correspondent_at(conn: Reading | Writing, account_id: str, address: str) -> Correspondent | None:
    try:
        row = conn.row(_ONE, account=account_id, address=comparable(address))
    except ValueError:  # no address
        return None
    return _read(*row) if row else None


def confirm(
    conn: Writing,
    account_id: str,
    address: str,
    der: bytes,
    *,
    companions: Sequence[bytes] = (),
    capabilities: Collection[str] = (),
) -> None:
    """Encrypt for this certificate from now on, instead of any that was confirmed for the address.  Raises Fault."""
    where = correspondent.c.account_id == account_id
    named = comparable(address)
    conn.execute(delete(correspondent).where(where, correspondent.c.address == named))
    count: int = conn.execute(select(func.count()).select_from(correspondent).where(where)).scalar_one()
    if count >= MOST:
        raise Fault("correspondents-many", limit=MOST)
    values = {
        "account_id": account_id,
        "address": named,
        "der": der,
        "companions": " ".join(b64encode(each).decode() for each in companions[:_MOST_COMPANIONS]),
        "capabilities": " ".join(sorted(capabilities)),
        "confirmed_at": conn.now,
    }
    conn.execute(insert(correspondent), values)


def forget(conn: Writing, account_id: str, address: str) -> None:
    conn.execute(
        delete(correspondent).where(correspondent.c.account_id == account_id, correspondent.c.address == address)
    )


def _read(address: str, confirmed_at: int, der: bytes, companions: str, capabilities: str) -> Correspondent:
    brought = tuple(b64decode(each) for each in companions.split())
    return Correspondent(address, confirmed_at, bytes(der), brought, frozenset(capabilities.split()))
