"""The key process at work: opens pairs, and does with the keys that they open what is asked.

What only a password opens stays open for the session that brought it, for ``unlocked`` seconds from each use, and no
longer than the session.  What the installation's key opens is opened for each use, and not kept.  Keys are in memory
for as long as one operation takes.

Whoever signs for a mailbox that is not his own has proven in this session, a moment ago, that he sits there himself
(``proofs``).  Wrong passwords, and operations of one session, are bounded in number.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from directory.database import Directory, Reading
from directory.keys import catching_up, pairs, using
from directory.keys.levels import MANAGED, SEALED, Level, level_of
from directory.keys.pairs import PairRow
from directory.keys.proofs import HELD_FOR, Means, Proof, Proofs
from directory.keys.using import SessionRules, Use, Witness
from directory.mail.accounts import Credentials, credentials_by_login, credentials_of
from directory.pki.certificates import ENCRYPTION, SIGNING
from directory.record import record
from directory.signing_in import second_factor, sessions
from directory.signing_in.admission import password_stamp
from security.authority.key_kinds import unpack
from security.cms.keys import MemoryKey
from security.keys import under_password
from security.keys.client import Opened
from security.keys.installation import Succession
from security.keys.sealing import Pair
from security.keys.wire import Refusal
from security.keys.wrapping import Wrapper, WrappingFault
from security.pace import Pace
from security.passwords import verify_password
from security.webauthn import Site

log = logging.getLogger("citymail.keys")

_MOST_OPEN = 100_000
# Passwords tried for one account, and keys used by one session
_TRIES, _TRIES_A_SECOND = 10, 0.05
_USES, _USES_A_SECOND = 2000, 20.0


@dataclass(slots=True)
class _Open:
    account_id: str
    pair: Pair = field(repr=False)
    until: float


class Vault:
    """One per key process; ``installation`` is the key of all managed pairs."""

    def __init__(
        self,
        directory: Directory,
        installation: Wrapper,
        *,
        monotonic: Callable[[], float],
        rules: SessionRules | None = None,
        unlocked: float = 1800.0,
        proof_holds: float = HELD_FOR,
    ) -> None:
        self.directory = directory
        self.installation = installation
        self._monotonic = monotonic
        self._rules = rules or SessionRules()
        self._unlocked = unlocked
        self._open: dict[str, _Open] = {}
        self._lock = threading.Lock()
        self._tries = Pace(_TRIES, _TRIES_A_SECOND, monotonic)
        self._uses = Pace(_USES, _USES_A_SECOND, monotonic)
        self._witness = Witness(directory, monotonic)
        self._proofs = Proofs(proof_holds, monotonic)

    # Sessions

    def open(self, token: str, password: str, former: str = "") -> Opened | Refusal:
        """See ``security.keys.client.KeyProcess.open``."""
        with self.directory.read() as conn:
            session = sessions.find(conn, token, idle=self._rules.idle, absolute=self._rules.absolute)
            found = credentials_of(conn, session.account_id) if session else None
            if session is None or found is None:
                return Refusal.SIGNED_OUT
            row = pairs.find_pair(conn, found.account.id)
            level = level_of(conn, found.account)
        if row is None:
            return Opened(level, Refusal.NO_KEY)
        stamp = password_stamp(found.password_hash)
        if not password:
            return Opened(level, self._missing(session.token_hash, row, stamp))
        if row.by_installation is not None and not _is_behind(row, level, stamp):
            return Opened(level)
        if self._tries.wait(found.account.id):
            return Refusal.TOO_OFTEN
        pair = self._pair_by(row, found, stamp, password, former)
        if isinstance(pair, Refusal):
            return Opened(level, pair) if pair is Refusal.FORMER_PASSWORD else pair
        row = self._catch_up(row, found, level, stamp, pair, password)
        self._escrow(found.account.id, pair)
        if row.by_installation is None:
            self._keep_open(session.token_hash, found.account.id, pair)
        return Opened(level)

    def close(self, token: str) -> None:
        token_hash = sessions.hash_of(token)
        self._proofs.forget(token_hash)
        with self._lock:
            self._open.pop(token_hash, None)

    def prove(self, token: str, password: str, code: str, site: Site) -> Means | Refusal:
        """Whoever sits at a session shows what he signs in with: it signs for other mailboxes too from then on, for a
        while.
        """
        with self.directory.read() as conn:
            session = sessions.find(conn, token, idle=self._rules.idle, absolute=self._rules.absolute)
            found = credentials_of(conn, session.account_id) if session else None
            now = conn.now
        if session is None or found is None:
            return Refusal.SIGNED_OUT
        by = self._judge(found, found.account.id, password, code, site)
        if not isinstance(by, Refusal):
            self._proofs.keep(session.token_hash, Proof(by, now))
        return by

    def rewrap(self, token: str, old: str, new: str) -> bytes | Refusal:
        """A session's owner's pair under another password, for who changes it to write down in the same transaction."""
        with self.directory.read() as conn:
            session = sessions.find(conn, token, idle=self._rules.idle, absolute=self._rules.absolute)
            found = credentials_of(conn, session.account_id) if session else None
            row = pairs.find_pair(conn, session.account_id) if session else None
        if session is None or found is None:
            return Refusal.SIGNED_OUT
        if row is None:
            return Refusal.NO_KEY
        if self._tries.wait(found.account.id):
            return Refusal.TOO_OFTEN
        pair = self._pair_by(row, found, password_stamp(found.password_hash), old, "")
        return (
            pair if isinstance(pair, Refusal) else under_password.wrap(new, pair.octets, *pairs.bound(row.account_id))
        )

    def open_for_owner(self, login: str, password: str, code: str) -> Pair | Refusal:
        """Whoever proves with everything that he signs in with that it is his, session or not."""
        with self.directory.read() as conn:
            found = credentials_by_login(conn, login)
            row = pairs.find_pair(conn, found.account.id) if found else None
        by = self._judge(found, found.account.id if found else login, password, code)
        if isinstance(by, Refusal):
            return by
        if found is None or row is None:
            return Refusal.NO_KEY
        return self._pair_by(row, found, password_stamp(found.password_hash), password, "")

    def _judge(
        self, found: Credentials | None, tried: str, password: str, code: str, site: Site | None = None
    ) -> Means | Refusal:
        """Everything that somebody signs in with."""
        if self._tries.wait(tried):
            return Refusal.TOO_OFTEN
        is_right = verify_password(found.password_hash if found else None, password)
        if not is_right or found is None or found.account.status != "active" or found.must_change_password:
            return Refusal.WRONG_PASSWORD
        with self.directory.read() as conn:
            if not second_factor.is_on(conn, found.account.id):
                return "password"
        with self.directory.write() as writing:
            return second_factor.prove(writing, found.account.id, code, site) or Refusal.WRONG_CODE

    def _missing(self, token_hash: str, row: PairRow, stamp: str) -> Refusal | None:
        if row.by_installation is not None or self._opened(token_hash, row.account_id) is not None:
            return None
        return Refusal.LOCKED if row.password_stamp == stamp else Refusal.FORMER_PASSWORD

    def _pair_by(self, row: PairRow, found: Credentials, stamp: str, password: str, former: str) -> Pair | Refusal:
        """Opened by a password, or by the installation's key once the password has proven right."""
        if row.by_password is not None and (row.password_stamp == stamp or row.by_installation is None):
            try:
                opened = under_password.unwrap(former or password, row.by_password, *pairs.bound(row.account_id))
            except WrappingFault:
                pass
            else:
                # whoever brings a former password must have today's too
                is_his = not former or verify_password(found.password_hash, password)
                return Pair(opened) if is_his else Refusal.WRONG_PASSWORD
        if not verify_password(found.password_hash, password):
            return Refusal.WRONG_PASSWORD
        if row.by_installation is not None:
            return pairs.unwrap(self.installation, row.account_id, row.by_installation)
        return Refusal.WRONG_PASSWORD if former else Refusal.FORMER_PASSWORD

    def _catch_up(
        self, row: PairRow, found: Credentials, level: Level, stamp: str, pair: Pair, password: str
    ) -> PairRow:
        """Wrap a pair as its level wants it, now that it is open and the password at hand."""
        values: dict[str, object] = {}
        if row.by_password is None or row.password_stamp != stamp:
            wrapped = under_password.wrap(password, pair.octets, *pairs.bound(row.account_id))
            values |= {"by_password": wrapped, "password_stamp": stamp}
        if level == SEALED and row.by_installation is not None:
            values["by_installation"] = None
        elif level == MANAGED and row.by_installation is None:
            values["by_installation"] = pairs.wrap(self.installation, row.account_id, pair)
        if not values:
            return row
        with self.directory.write() as conn:
            if pairs.change_pair(conn, row, **values):
                record(conn, found.account.login, "key.wrap", found.account.login, level=level)
            return pairs.find_pair(conn, row.account_id) or row

    def _escrow(self, account_id: str, pair: Pair) -> None:
        """What is sealed can be escrowed only now."""
        with self.directory.read() as conn:
            is_lacking = catching_up.is_lacking(conn, account_id)
        if is_lacking:
            with self.directory.write() as writing:
                catching_up.escrow_account(writing, account_id, pair)

    def _keep_open(self, token_hash: str, account_id: str, pair: Pair) -> None:
        now = self._monotonic()
        with self._lock:
            if len(self._open) >= _MOST_OPEN:
                self._open = {token: each for token, each in self._open.items() if each.until > now}
            self._open[token_hash] = _Open(account_id, pair, now + self._unlocked)

    def _opened(self, token_hash: str, account_id: str) -> Pair | None:
        now = self._monotonic()
        with self._lock:
            found = self._open.get(token_hash)
            if found is None or found.account_id != account_id:
                return None
            if found.until <= now:
                del self._open[token_hash]
                return None
            found.until = now + self._unlocked
            return found.pair

    def catch_up(self, is_over: Callable[[], bool], succession: Succession | None = None) -> None:
        """See ``directory.keys.catching_up``.  Raises WrappingFault, KeyFault."""
        for done, told in (
            (catching_up.succeed(self.directory, succession, is_over) if succession else 0, "pairs under the new key"),
            (catching_up.take_over(self.directory, self.installation, is_over), "accounts' keys taken over"),
            (catching_up.escrow_all(self.directory, self.installation, is_over), "decryption keys put into escrow"),
        ):
            if done:
                log.info("%d %s", done, told)

    def shut_idle(self) -> None:
        """Forget what nobody has used for long; to be called now and then."""
        now = self._monotonic()
        with self._lock:
            self._open = {token: each for token, each in self._open.items() if each.until > now}

    # Keys

    def keys(self, token: str, account_id: str, purpose: str) -> list[tuple[str, bytes]] | Refusal:
        """(id, certificate) of what this session could use for a mailbox."""
        with self.directory.read() as conn:
            use = using.may_use(conn, self._rules, token, account_id, purpose)
            if isinstance(use, Refusal):
                return use
            found = using.usable_keys(conn, account_id, purpose)
            if isinstance(found, Refusal):
                return found
            row = pairs.find_pair(conn, account_id)
            missing = self._lacking(conn, use, row)
        if missing is not None:
            return missing
        if purpose == SIGNING and not use.is_own and self._proofs.of(use.session.token_hash) is None:
            return Refusal.UNPROVEN
        return [(one.key_id, one.der) for one in found if one.key_id is not None]

    def sign(self, token: str, account_id: str, key_id: str, digest: bytes, octets: bytes) -> bytes | Refusal:
        """``digest`` is that of the mail, which ``octets`` name."""
        used = self._use(token, account_id, key_id, SIGNING, digest)
        return used if isinstance(used, Refusal) else used.sign(octets)

    def decrypter(self, token: str, account_id: str, key_id: str) -> MemoryKey | Refusal:
        return self._use(token, account_id, key_id, ENCRYPTION)

    def _use(self, token: str, account_id: str, key_id: str, purpose: str, digest: bytes = b"") -> MemoryKey | Refusal:
        with self.directory.read() as conn:
            use = using.may_use(conn, self._rules, token, account_id, purpose)
            if isinstance(use, Refusal):
                return use
            sealed = using.sealed_key(conn, account_id, key_id, purpose)
            if isinstance(sealed, Refusal):
                return sealed
            row = pairs.find_pair(conn, account_id)
            der = using.certificate_of_key(conn, key_id)
            missing = self._lacking(conn, use, row)
        if missing is not None or row is None:
            return missing or Refusal.NO_KEY
        proof = self._proofs.of(use.session.token_hash)
        if purpose == SIGNING and not use.is_own and proof is None:
            return Refusal.UNPROVEN
        if self._uses.wait(use.session.token_hash):
            return Refusal.TOO_OFTEN
        pair = self._opened(use.session.token_hash, account_id)
        if pair is None:
            if row.by_installation is None:
                return Refusal.LOCKED
            pair = pairs.unwrap(self.installation, account_id, row.by_installation)
        key = unpack(pair.open(sealed, account_id, key_id, purpose))
        if purpose == SIGNING:
            self._witness.note_signature(use, key_id, digest, proof)
        else:
            self._witness.note_reading(use, key_id)
        return MemoryKey(key, der)

    def _lacking(self, conn: Reading, use: Use, row: PairRow | None) -> Refusal | None:
        if row is None:
            return Refusal.NO_KEY
        owner = credentials_of(conn, use.account_id)
        return self._missing(use.session.token_hash, row, password_stamp(owner.password_hash if owner else None))


def _is_behind(row: PairRow, level: Level, stamp: str) -> bool:
    """Whether something is to be done about a pair's wrappings when the password is there."""
    is_current = row.by_password is not None and row.password_stamp == stamp
    return not is_current or (row.by_installation is not None) != (level == MANAGED)
