"""Who may use which key, judged by the key process itself: whoever asks shows a web session's token, and is who
that session belongs to.

An official uses his own keys, signs for mailboxes that he may send for, and reads what came to those that he may read
or has custody of.  That he acted for another is recorded: each signature, of what and by which proof of his, and the
first mail that he reads there in an hour.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import bindparam, select

from directory.database import Directory, Question, Reading
from directory.keys.proofs import Proof
from directory.mail.accounts import find_account
from directory.mail.custody import entrusted_to
from directory.mail.recipients import mailboxes_of
from directory.pki.certificates import (
    ACTIVE,
    REVOKED,
    SIGNING,
    Certificate,
    certificates_of,
    holding,
)
from directory.record import record
from directory.signing_in import sessions
from directory.signing_in.sessions import Session
from directory.tables import certificate, private_key
from security.keys.wire import Refusal

_NOTED_FOR = 3600.0
_MOST_NOTES = 50_000
_KEY = Question(
    select(private_key.c.account_id, private_key.c.purpose, private_key.c.wrapped).where(
        private_key.c.id == bindparam("key")
    )
)
_CERTIFICATE = Question(select(certificate.c.der).where(certificate.c.key_id == bindparam("key")).limit(1))
_STATES = Question(select(certificate.c.state).where(certificate.c.key_id == bindparam("key")))


@dataclass(frozen=True, slots=True)
class SessionRules:
    """Seconds after which a web session is over: without use, and in any case."""

    idle: int = sessions.IDLE_SECONDS
    absolute: int = sessions.ABSOLUTE_SECONDS


@dataclass(frozen=True, slots=True)
class Use:
    """A session's owner, and the mailbox that he asks for."""

    session: Session
    account_id: str

    @property
    def is_own(self) -> bool:
        return self.session.account_id == self.account_id


def may_use(conn: Reading, rules: SessionRules, token: str, account_id: str, purpose: str) -> Use | Refusal:
    session = sessions.find(conn, token, idle=rules.idle, absolute=rules.absolute)
    if session is None:
        return Refusal.SIGNED_OUT
    person_id = session.account_id
    if account_id != person_id:
        if purpose == SIGNING:
            is_his = account_id in mailboxes_of(conn, person_id, "send")
        else:
            is_his = account_id in mailboxes_of(conn, person_id) or account_id in entrusted_to(conn, person_id)
        if not is_his:
            return Refusal.NOT_ALLOWED
    return Use(session, account_id)


def usable_keys(conn: Reading, account_id: str, purpose: str) -> list[Certificate] | Refusal:
    """The certificates whose keys are here: of those that sign, what is good today; of those that decrypt, all."""
    held = certificates_of(conn, account_id)
    ours = [one for one in held if one.purpose == purpose and one.key_id is not None]
    if purpose == SIGNING:
        good = [one for one in holding(conn, account_id, SIGNING) if one.key_id is not None]
        if not good:
            return Refusal.REVOKED if ours and ours[0].state == REVOKED else Refusal.NO_KEY
        return good
    return ours or Refusal.NO_KEY


def sealed_key(conn: Reading, account_id: str, key_id: str, purpose: str) -> bytes | Refusal:
    """A private key as it lies, if it is this account's, for this purpose, and good for it today."""
    row = conn.row(_KEY, key=key_id)
    if row is None or row[:2] != (account_id, purpose):
        return Refusal.NO_KEY
    if purpose == SIGNING and ACTIVE not in (states := {state for (state,) in conn.rows(_STATES, key=key_id)}):
        return Refusal.REVOKED if REVOKED in states else Refusal.NO_KEY
    wrapped: bytes | None = row[2]
    return Refusal.NO_KEY if wrapped is None else bytes(wrapped)


def certificate_of_key(conn: Reading, key_id: str) -> bytes:
    """Any that names it: they say the same of the key."""
    row = conn.row(_CERTIFICATE, key=key_id)
    return bytes(row[0]) if row else b""


class Witness:
    """Writes down what was done for a mailbox that is not the session owner's own."""

    def __init__(self, directory: Directory, monotonic: Callable[[], float]) -> None:
        self._directory = directory
        self._monotonic = monotonic
        self._read: dict[tuple[str, str], float] = {}

    def note_signature(self, use: Use, key_id: str, digest: bytes, proof: Proof | None) -> None:
        """``digest``: of the signed content, by which an auditor finds the letter."""
        if not use.is_own:
            assert proof is not None
            self._record(use, "key.sign", key=key_id, digest=digest.hex(), proof=proof.by, proven_at=proof.at)

    def note_reading(self, use: Use, key_id: str) -> None:
        if not use.is_own and not self._is_noted((use.session.account_id, use.account_id)):
            self._record(use, "key.decrypt", key=key_id)

    def _record(self, use: Use, action: str, **details: str | int) -> None:
        with self._directory.write(origin=use.session.client) as conn:
            person, mailbox = (find_account(conn, each) for each in (use.session.account_id, use.account_id))
            assert person is not None
            assert mailbox is not None
            record(conn, person.login, action, mailbox.login, **details)

    def _is_noted(self, who: tuple[str, str]) -> bool:
        now = self._monotonic()
        if self._read.get(who, 0.0) > now:
            return True
        if len(self._read) >= _MOST_NOTES:
            self._read.clear()
        self._read[who] = now + _NOTED_FOR
        return False
