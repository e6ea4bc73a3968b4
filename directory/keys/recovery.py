"""Bringing somebody's decryption keys back: one officer asks and says why, another approves, the holders of shares open
them offline, and what comes back is entered.

Only keys that decrypt can be brought back; of keys that sign there is no second copy.  The owner is told by mail of
each step (``mailserver.delivery.recovery_notices``), and every step is recorded.  Both officers are administrators who
have signed in, neither of them the owner of the keys, whatever the machine's owner may do otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, delete, exists, func, insert, select, update

from directory.database import Question, Reading, Writing
from directory.faults import Fault
from directory.keys import pairs
from directory.mail.accounts import Account, find_account
from directory.pki.certificates import ACTIVE, ENCRYPTION, certificates_of, supersede
from directory.record import record
from directory.tables import escrowed_key, key_pair, key_recovery, private_key, recovery_key
from security.keys.escrow import Answer, Errand, SealedKey, name_of
from security.keys.sealing import PUBLIC_OCTETS

OPEN, APPROVED, REFUSED, DONE = "open", "approved", "refused", "done"


@dataclass(frozen=True, slots=True)
class RecoveryKey:
    id: str
    state: str
    public: bytes
    needed: int
    shares: int
    created_at: int

    @property
    def name(self) -> str:
        return name_of(self.public)


@dataclass(frozen=True, slots=True)
class Recovery:
    id: str
    account_id: str
    state: str
    reason: str
    asked_by: str
    approved_by: str | None
    asked_at: int
    decided_at: int | None
    told: str  # the state that its owner was told of last


_KEYS: Select[Any] = select(
    recovery_key.c.id,
    recovery_key.c.state,
    recovery_key.c.public,
    recovery_key.c.needed,
    recovery_key.c.shares,
    recovery_key.c.created_at,
).order_by(recovery_key.c.created_at.desc(), recovery_key.c.id.desc())
_ACTIVE = Question(_KEYS.where(recovery_key.c.state == bindparam("state")).limit(1))
_RECOVERIES: Select[Any] = select(
    key_recovery.c.id,
    key_recovery.c.account_id,
    key_recovery.c.state,
    key_recovery.c.reason,
    key_recovery.c.asked_by,
    key_recovery.c.approved_by,
    key_recovery.c.asked_at,
    key_recovery.c.decided_at,
    key_recovery.c.told,
).order_by(key_recovery.c.asked_at, key_recovery.c.id)


# The recovery key


def recovery_keys(conn: Reading | Writing) -> list[RecoveryKey]:
    """The one in use first."""
    return sorted((RecoveryKey(*tuple(row)) for row in conn.execute(_KEYS)), key=lambda each: each.state != ACTIVE)


def active_key(conn: Reading | Writing) -> RecoveryKey | None:
    row = conn.row(_ACTIVE, state=ACTIVE)
    return RecoveryKey(*row) if row else None


def install(conn: Writing, actor: str, public: bytes, *, needed: int, shares: int) -> RecoveryKey:
    """From now on keys are escrowed to this one; what was escrowed to others stays theirs.  Raises Fault."""
    if len(public) != PUBLIC_OCTETS or not 2 <= needed <= shares:
        raise Fault("value-invalid", value=public.hex()[:16], what="recovery key")
    if any(each.public == public for each in recovery_keys(conn)):
        raise Fault("recovery-key-exists", key=name_of(public))
    conn.execute(update(recovery_key).values(state="retired"))
    made = RecoveryKey(conn.new_id(), ACTIVE, public, needed, shares, conn.now)
    values = {name: getattr(made, name) for name in RecoveryKey.__slots__}
    conn.execute(insert(recovery_key), values)
    record(conn, actor, "key.escrow", made.name, needed=needed, shares=shares)
    return made


def count_unescrowed(conn: Reading | Writing) -> int:
    """Decryption keys that could not be brought back."""
    count: int = conn.execute(_unescrowed()).scalar_one()
    return count


def _unescrowed() -> Select[Any]:
    lacks = ~exists().where(escrowed_key.c.private_key_id == private_key.c.id)
    return select(func.count()).where(private_key.c.purpose == ENCRYPTION, private_key.c.wrapped.is_not(None), lacks)


# Recoveries


def recoveries(conn: Reading | Writing) -> list[Recovery]:
    return [Recovery(*tuple(row)) for row in conn.execute(_RECOVERIES)]


def find_recovery(conn: Reading | Writing, recovery_id: str) -> Recovery:
    """Raises Fault."""
    row = conn.execute(_RECOVERIES.where(key_recovery.c.id == recovery_id)).first()
    if row is None:
        raise Fault("recovery-unknown", recovery=recovery_id)
    return Recovery(*tuple(row))


def ask(conn: Writing, actor: str, owner: Account, reason: str) -> Recovery:
    """Raises Fault, Refused."""
    officer = _officer(conn, owner)
    if not reason.strip():
        raise Fault("recovery-reason")
    if not _escrowed(conn, owner.id):
        raise Fault("recovery-nothing", account=owner.login)
    if any(each.account_id == owner.id and each.state in (OPEN, APPROVED) for each in recoveries(conn)):
        raise Fault("recovery-asked", account=owner.login)
    made = Recovery(conn.new_id(), owner.id, OPEN, reason.strip(), officer, None, conn.now, None, "")
    conn.execute(insert(key_recovery), {name: getattr(made, name) for name in Recovery.__slots__})
    record(conn, actor, "key.recovery.ask", owner.login, recovery=made.id, why=made.reason)
    return made


def decide(conn: Writing, actor: str, recovery_id: str, *, approves: bool) -> Recovery:
    """By another officer than who asked.  Raises Fault, Refused."""
    found = find_recovery(conn, recovery_id)
    owner = owner_of(conn, found)
    officer = _officer(conn, owner)
    if found.state != OPEN:
        raise Fault("recovery-decided", recovery=recovery_id, state=found.state)
    if officer == found.asked_by:
        raise Fault("recovery-second", recovery=recovery_id)
    state = APPROVED if approves else REFUSED
    values = {"state": state, "approved_by": officer, "decided_at": conn.now}
    conn.execute(update(key_recovery).where(key_recovery.c.id == recovery_id).values(values))
    record(conn, actor, f"key.recovery.{'approve' if approves else 'refuse'}", owner.login, recovery=recovery_id)
    return find_recovery(conn, recovery_id)


def errand(conn: Reading, recovery_id: str, key: str = "") -> Errand:
    """What the holders of shares are to open, of the recovery key named ``key``, or the last that there was: keys that
    are in escrow alone, after ``give_up``.

    Raises Fault.
    """
    found = _approved(conn, recovery_id)
    owner = owner_of(conn, found)
    row = pairs.find_pair(conn, owner.id)
    escrowed = _escrowed(conn, owner.id, private_key.c.wrapped.is_(None))
    names = {each.id: each.name for each in recovery_keys(conn)}
    chosen = [each for each in escrowed if names[each[1]] == (key or names[escrowed[-1][1]])]
    if row is None or not chosen:
        raise Fault("recovery-nothing", account=owner.login)
    return Errand(
        found.id,
        owner.id,
        owner.login,
        found.reason,
        _login(conn, found.asked_by),
        _login(conn, found.approved_by or ""),
        names[chosen[0][1]],
        row.public,
        tuple(SealedKey(key_id, sealed) for key_id, _, sealed in chosen),
    )


def restore(conn: Writing, actor: str, answer: Answer) -> int:
    """Enter what came back; how many keys.  Raises Fault, Refused."""
    found = _approved(conn, answer.request)
    owner = owner_of(conn, found)
    row = pairs.find_pair(conn, owner.id)
    known = {key_id for key_id, _, _ in _escrowed(conn, owner.id)}
    if row is None or row.public != answer.to or answer.account_id != owner.id:
        raise Fault("recovery-other-pair", account=owner.login)
    if not answer.keys or not {each.id for each in answer.keys} <= known:
        raise Fault("recovery-nothing", account=owner.login)
    for each in answer.keys:
        mine = private_key.c.id == each.id, private_key.c.account_id == owner.id, private_key.c.purpose == ENCRYPTION
        conn.execute(update(private_key).where(*mine).values(wrapped=each.sealed))
    conn.execute(update(key_recovery).where(key_recovery.c.id == found.id).values(state=DONE))
    record(conn, actor, "key.recovery.restore", owner.login, recovery=found.id, keys=[each.id for each in answer.keys])
    return len(answer.keys)


def untold(conn: Reading) -> Sequence[Recovery]:
    return [
        Recovery(*tuple(row)) for row in conn.execute(_RECOVERIES.where(key_recovery.c.told != key_recovery.c.state))
    ]


def mark_told(conn: Writing, found: Recovery) -> None:
    conn.execute(update(key_recovery).where(key_recovery.c.id == found.id).values(told=found.state))


# A new beginning


def give_up(conn: Writing, actor: str, owner: Account) -> int:
    """Take an account's pair from it, which nobody can open any more: its next keys come with another.

    Keys that sign are gone; keys that decrypt wait in escrow, as far as they are there.  How many were not.
    Certificates are superseded, so that the next enrolment issues others.  Raises Fault.
    """
    if pairs.find_pair(conn, owner.id) is None:
        raise Fault("recovery-no-pair", account=owner.login)
    current = [one for one in certificates_of(conn, owner.id) if one.state == ACTIVE and one.key_id is not None]
    supersede(conn, current)
    kept = len(_escrowed(conn, owner.id))
    lost = count_lost(conn, owner.id)
    conn.execute(update(private_key).where(private_key.c.account_id == owner.id).values(wrapped=None))
    conn.execute(delete(key_pair).where(key_pair.c.account_id == owner.id))
    record(conn, actor, "key.give-up", owner.login, lost=lost, in_escrow=kept)
    return lost


def count_lost(conn: Reading | Writing, account_id: str) -> int:
    """Decryption keys that would be gone for good with the account's pair."""
    count: int = conn.execute(_unescrowed().where(private_key.c.account_id == account_id)).scalar_one()
    return count


def _escrowed(conn: Reading | Writing, account_id: str, *which: ColumnElement[bool]) -> list[tuple[str, str, bytes]]:
    """(key, recovery key, sealed) of an account's, the newest last."""
    chosen = (
        select(escrowed_key.c.private_key_id, escrowed_key.c.recovery_key_id, escrowed_key.c.sealed)
        .join(private_key, private_key.c.id == escrowed_key.c.private_key_id)
        .where(private_key.c.account_id == account_id, *which)
        .order_by(private_key.c.created_at, private_key.c.id)
    )
    return [(row.private_key_id, row.recovery_key_id, bytes(row.sealed)) for row in conn.execute(chosen)]


def _officer(conn: Writing, owner: Account) -> str:
    """Who asks, or approves: never the machine's owner alone, and not whose keys they are."""
    if not conn.is_delegated or conn.administrator == owner.id:
        raise Fault("recovery-officer")
    return conn.administrator


def _approved(conn: Reading | Writing, recovery_id: str) -> Recovery:
    found = find_recovery(conn, recovery_id)
    if found.state != APPROVED:
        raise Fault("recovery-not-approved", recovery=recovery_id, state=found.state)
    return found


def owner_of(conn: Reading | Writing, found: Recovery) -> Account:
    owner = find_account(conn, found.account_id)
    assert owner is not None
    return owner


def _login(conn: Reading | Writing, account_id: str) -> str:
    found = find_account(conn, account_id)
    return found.login if found else ""
