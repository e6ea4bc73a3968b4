"""What SCRAM is judged by, kept beside an account's password hash and worth nothing without it.

A verifier names the hash that it was made with.  Whoever sets another password, in whatever way, makes it void by
that alone; so an old password never lives on in a verifier.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import cast

from sqlalchemy import bindparam, delete, insert, select

from directory.database import Question, Reading, Writing
from directory.tables import account, scram_verifier
from security.scram import Verifier, parse_verifier

_FIND = Question(
    select(scram_verifier.c.verifier).where(
        scram_verifier.c.account_id == bindparam("account"), scram_verifier.c.hash_digest == bindparam("digest")
    )
)
_ANY = Question(select(scram_verifier.c.account_id).limit(1))


def keep(conn: Writing, account_id: str, password_hash: str | None, verifier: str | None) -> None:
    """Beside the password hash that is being set; ``verifier`` is of the same password.  Nothing without either."""
    if password_hash is not None and verifier is not None:
        keep_all(conn, [(account_id, password_hash)], {password_hash: verifier})


def keep_all(conn: Writing, accounts: Iterable[tuple[str, str]], verifiers: Mapping[str, str]) -> None:
    """The same for many: accounts with their password hashes, and verifiers by hash."""
    rows = [
        {"account_id": account_id, "hash_digest": _digest(password_hash), "verifier": verifiers[password_hash]}
        for account_id, password_hash in accounts
        if password_hash in verifiers
    ]
    if rows:
        old = delete(scram_verifier).where(scram_verifier.c.account_id == bindparam("of"))
        conn.execute(old, [{"of": row["account_id"]} for row in rows])
        conn.execute(insert(scram_verifier), rows)


def keep_for_shared(conn: Writing, password_hash: str, verifier: str) -> None:
    """For every account that this very hash is stored for: demonstrations and tests have one password for all."""
    sharing = conn.execute(select(account.c.id).where(account.c.password_hash == password_hash)).scalars()
    keep_all(conn, [(account_id, password_hash) for account_id in sharing], {password_hash: verifier})


def forget(conn: Writing, account_id: str) -> None:
    conn.execute(delete(scram_verifier).where(scram_verifier.c.account_id == account_id))


def find(conn: Reading | Writing, account_id: str, password_hash: str) -> Verifier | None:
    """The verifier of the password that is set now."""
    shelf = conn.memory.shelf("verifiers")
    try:
        return cast("Verifier | None", shelf[account_id, password_hash])
    except KeyError:
        found = conn.row(_FIND, account=account_id, digest=_digest(password_hash))
        verifier = shelf[account_id, password_hash] = parse_verifier(found[0]) if found else None
        return verifier


def any_kept(conn: Reading | Writing) -> bool:
    return conn.row(_ANY) is not None


def forget_all(conn: Writing) -> int:
    """Where SCRAM is turned off, nothing weaker than Argon2id is to be kept; how many there were."""
    return conn.execute(delete(scram_verifier)).rowcount


def _digest(password_hash: str) -> str:
    return hashlib.sha256(password_hash.encode()).hexdigest()
