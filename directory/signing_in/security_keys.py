"""Security keys of a person: a second proof that cannot be shown to the wrong site.

A challenge is given out for one answer, and for minutes; there is one at a time for an account, kept here and not in
the browser, so that no answer serves twice.  Its first octet says what it was given out for: whoever may be asked for a
proof has not yet shown that he may add a key.

Standards: W3C Web Authentication Level 2 (``security.webauthn``).
Limits: ``MAX_KEYS`` of a person.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select, update

from directory.database import Reading, Writing
from directory.faults import Fault
from directory.mail.accounts import find_account
from directory.record import record
from directory.tables import security_key, security_key_challenge, security_key_use
from directory.words.names import tidy
from security.webauthn import (
    CHALLENGE_OCTETS,
    KeyRefused,
    SecurityKey,
    Site,
    creation_request,
    judge_creation,
    judge_proof,
    proof_request,
)

log = logging.getLogger("citymail.login")

MAX_KEYS = 10
MAX_NAME = 60
CHALLENGE_SECONDS = 300
_TO_ADD, _TO_PROVE = b"a", b"p"


@dataclass(frozen=True, slots=True)
class KeptKey:
    """``used_at``: None until it proved something."""

    id: str
    name: str
    added_at: int
    used_at: int | None
    key: SecurityKey


def keys_of(conn: Reading | Writing, account_id: str) -> list[KeptKey]:
    """In the order in which they were added."""
    rows = conn.execute(
        select(security_key, security_key_use.c.uses, security_key_use.c.used_at)
        .join(security_key_use, security_key_use.c.key_id == security_key.c.id)
        .where(security_key.c.account_id == account_id)
        .order_by(security_key.c.added_at, security_key.c.id)
    )
    return [KeptKey(row.id, row.name, row.added_at, row.used_at, SecurityKey(row.credential, row.uses)) for row in rows]


def ask_for_new(conn: Writing, account_id: str, site: Site) -> Any:
    """What the browser of somebody who proved who he is asks a new key.  Raises Fault where he has enough."""
    known = [each.key for each in keys_of(conn, account_id)]
    if len(known) >= MAX_KEYS:
        raise Fault("security-keys-many", most=MAX_KEYS)
    challenge = _challenge(conn, account_id, _TO_ADD)
    return creation_request(site, _login(conn, account_id), account_id.encode(), known, challenge)


def ask_for_proof(conn: Writing, account_id: str, site: Site) -> Any:
    """What the browser asks one of the person's keys; None where there is none."""
    known = [each.key for each in keys_of(conn, account_id)]
    return proof_request(site, known, _challenge(conn, account_id, _TO_PROVE)) if known else None


def add(conn: Writing, actor: str, account_id: str, name: str, answer: str, site: Site) -> None:
    """Raises Fault where the key's answer is not to what was asked."""
    challenge = _take_challenge(conn, account_id, _TO_ADD)
    try:
        if challenge is None:
            raise KeyRefused("no challenge is open")
        made = judge_creation(site, challenge, answer)
    except KeyRefused as refused:
        log.warning("a security key was not added: %s; login=%r", refused, _login(conn, account_id))
        raise Fault("security-key-answer") from refused
    known = conn.execute(select(security_key.c.id).where(security_key.c.credential_id == made.credential_id)).scalar()
    if known is not None:
        raise Fault("security-key-known")
    key_id = conn.new_id()
    conn.execute(
        insert(security_key).values(
            id=key_id,
            account_id=account_id,
            name=tidy(name)[:MAX_NAME],
            credential_id=made.credential_id,
            credential=made.credential,
            added_at=conn.now,
        )
    )
    conn.execute(insert(security_key_use).values(key_id=key_id, uses=made.uses, used_at=None))
    record(conn, actor, "security-key.add", _login(conn, account_id), name=tidy(name)[:MAX_NAME])


def remove(conn: Writing, actor: str, account_id: str, key_id: str) -> None:
    """Raises Fault for a key that is not the person's."""
    found = next((each for each in keys_of(conn, account_id) if each.id == key_id), None)
    if found is None:
        raise Fault("security-key-unknown")
    _erase(conn, [found.id])
    record(conn, actor, "security-key.remove", _login(conn, account_id), name=found.name)


def remove_all(conn: Writing, account_id: str) -> None:
    _erase(conn, [each.id for each in keys_of(conn, account_id)])
    conn.execute(delete(security_key_challenge).where(security_key_challenge.c.account_id == account_id))


def prove(conn: Writing, account_id: str, answer: str, site: Site) -> bool:
    """Whether one of the person's keys answered what was asked last; whatever it is, that is answered now."""
    challenge, known = _take_challenge(conn, account_id, _TO_PROVE), keys_of(conn, account_id)
    if challenge is None:
        return False
    try:
        proven = judge_proof(site, challenge, [each.key for each in known], answer)
    except KeyRefused as refused:
        log.warning("a security key proved nothing: %s; login=%r", refused, _login(conn, account_id))
        return False
    key_id = next(each.id for each in known if each.key.credential == proven.credential)
    conn.execute(
        update(security_key_use).where(security_key_use.c.key_id == key_id).values(uses=proven.uses, used_at=conn.now)
    )
    return True


def _challenge(conn: Writing, account_id: str, purpose: bytes) -> bytes:
    made = (purpose + int(conn.new_token(), 16).to_bytes(32, "big"))[:CHALLENGE_OCTETS]
    conn.execute(delete(security_key_challenge).where(security_key_challenge.c.account_id == account_id))
    until = conn.now + CHALLENGE_SECONDS
    conn.execute(insert(security_key_challenge).values(account_id=account_id, challenge=made, until=until))
    return made


def _take_challenge(conn: Writing, account_id: str, purpose: bytes) -> bytes | None:
    mine = security_key_challenge.c.account_id == account_id
    found = conn.execute(select(security_key_challenge).where(mine)).first()
    conn.execute(delete(security_key_challenge).where(mine))
    if found is None or found.until < conn.now or not found.challenge.startswith(purpose):
        return None
    challenge: bytes = found.challenge
    return challenge


def _erase(conn: Writing, ids: list[str]) -> None:
    conn.execute(delete(security_key_use).where(security_key_use.c.key_id.in_(ids)))
    conn.execute(delete(security_key).where(security_key.c.id.in_(ids)))


def _login(conn: Reading | Writing, account_id: str) -> str:
    owner = find_account(conn, account_id)
    if owner is None:
        raise Fault("account-unknown", account=account_id)
    return owner.login
