"""What the key process does by itself, from when it begins to serve: it takes over keys from before there were pairs,
and puts into escrow what is not, as far as the installation's key opens it.

Account by account, each in a transaction of its own: stopped at any point and begun again, it finds what is left.  What
is sealed waits for its owner's next sign-in (``escrow_account``).
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import ColumnElement, and_, delete, exists, insert, select, update

from directory.database import Directory, Reading, Writing
from directory.keys import pairs, recovery
from directory.pki.certificates import ENCRYPTION
from directory.tables import account_key, escrowed_key, key_pair, private_key
from security.keys.escrow import bound_in_escrow
from security.keys.installation import Succession
from security.keys.sealing import Pair, new_pair, seal
from security.keys.wrapping import Wrapper, WrappingKey

_LOT = 200


def take_over(directory: Directory, installation: Wrapper, is_over: Callable[[], bool] = lambda: False) -> int:
    """Keys under one key for both directions come under a pair; how many accounts.  Raises WrappingFault, KeyFault."""
    count = 0
    while not is_over():
        with directory.read() as conn:
            found = conn.execute(select(account_key.c.account_id, account_key.c.wrapped).limit(_LOT)).all()
        for row in found:
            own = WrappingKey(installation.unwrap(bytes(row.wrapped), "account", row.account_id))
            with directory.write() as writing:
                _take_over(writing, installation, row.account_id, own)
            count += 1
            if is_over():
                break
        if not found:
            break
    return count


def _lacks(recovery_id: str) -> ColumnElement[bool]:
    """Of a private key: that it decrypts, is here, and is not in escrow under this recovery key."""
    there = exists().where(
        escrowed_key.c.private_key_id == private_key.c.id, escrowed_key.c.recovery_key_id == recovery_id
    )
    return and_(private_key.c.purpose == ENCRYPTION, private_key.c.wrapped.is_not(None), ~there)


def _take_over(conn: Writing, installation: Wrapper, account_id: str, own: WrappingKey) -> None:
    row = pairs.find_pair(conn, account_id)
    if row is None:
        pair = new_pair()
        pairs.insert_pair(conn, account_id, pair.public, pairs.wrap(installation, account_id, pair))
    public = pair.public if row is None else row.public
    mine = private_key.c.account_id == account_id, private_key.c.wrapped.is_not(None)
    chosen = select(private_key.c.id, private_key.c.purpose, private_key.c.wrapped).where(*mine)
    for each in conn.execute(chosen).all():
        bound = (account_id, each.id, each.purpose)
        secret = own.unwrap(bytes(each.wrapped), *bound)
        sealed = seal(public, secret, *bound)
        conn.execute(update(private_key).where(private_key.c.id == each.id).values(wrapped=sealed))
    conn.execute(delete(account_key).where(account_key.c.account_id == account_id))


def succeed(directory: Directory, succession: Succession, is_over: Callable[[], bool] = lambda: False) -> int:
    """Pairs that lie under the installation's former key go over to the new one; how many.

    Raises WrappingFault, KeyFault.
    """
    count, after = 0, ""
    while not is_over():
        with directory.read() as conn:
            lot = pairs.managed_after(conn, after, _LOT)
        if not lot:
            break
        after = lot[-1].account_id
        with directory.write() as writing:
            for row in lot:
                wrapped, bound = row.by_installation or b"", pairs.bound(row.account_id)
                if succession.is_behind(wrapped, *bound):
                    anew = succession.wrap(succession.unwrap(wrapped, *bound), *bound)
                    count += pairs.change_pair(writing, row, by_installation=anew)
    return count


def escrow_all(directory: Directory, installation: Wrapper, is_over: Callable[[], bool] = lambda: False) -> int:
    """Whatever the installation's key opens, escrowed to the recovery key of today; how many keys.

    Raises WrappingFault, KeyFault.
    """
    count, after = 0, ""
    while not is_over():
        with directory.read() as conn:
            active = recovery.active_key(conn)
            if active is None:
                break
            lot = conn.execute(
                select(key_pair.c.account_id, key_pair.c.by_installation)
                .where(
                    key_pair.c.account_id > after,
                    key_pair.c.by_installation.is_not(None),
                    exists().where(_lacks(active.id), private_key.c.account_id == key_pair.c.account_id),
                )
                .order_by(key_pair.c.account_id)
                .limit(_LOT)
            ).all()
        if not lot:
            break
        with directory.write() as writing:
            for row in lot:
                pair = pairs.unwrap(installation, row.account_id, bytes(row.by_installation))
                count += escrow_account(writing, row.account_id, pair)
        after = lot[-1].account_id
    return count


def escrow_account(conn: Writing, account_id: str, pair: Pair) -> int:
    """An account's decryption keys, escrowed to the recovery key of today; how many were not.  Raises WrappingFault."""
    active = recovery.active_key(conn)
    if active is None:
        return 0
    chosen = select(private_key.c.id, private_key.c.wrapped).where(
        private_key.c.account_id == account_id, _lacks(active.id)
    )
    rows = conn.execute(chosen).all()
    for row in rows:
        secret = pair.open(bytes(row.wrapped), account_id, row.id, ENCRYPTION)
        sealed = seal(active.public, secret, *bound_in_escrow(account_id, row.id))
        conn.execute(delete(escrowed_key).where(escrowed_key.c.private_key_id == row.id))
        values = {"private_key_id": row.id, "recovery_key_id": active.id, "sealed": sealed}
        conn.execute(insert(escrowed_key), values)
    return len(rows)


def is_lacking(conn: Reading, account_id: str) -> bool:
    """Whether ``escrow_account`` has something to do."""
    active = recovery.active_key(conn)
    chosen = select(private_key.c.id).where(private_key.c.account_id == account_id, _lacks(active.id if active else ""))
    return active is not None and conn.execute(chosen.limit(1)).first() is not None
