"""The gate: the one place where it is judged who somebody is, whichever protocol and mechanism asks.

``recall`` answers from memory within microseconds and is safe on an event loop; where it says None, ``judge`` is to
be run in a thread (a password is hashed, about 20 ms).  What a refused client is told is the same whether the login is
unknown, the password wrong, the account closed or the mailbox he wants to act for not his, and takes the same time.

Shells that can wait without holding a thread should first wait ``pause(login, client)`` seconds, and must wait
``LoginRefused.delay`` before they answer a refusal; ``directory.signing_in.sasl_login`` does so for SASL.

Standards: RFC 4954 §4, RFC 9051 §6.2.2, RFC 4422 (authcid, authzid), RFC 5802 §9.
"""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlalchemy import update

from directory.database import Directory, Reading
from directory.mail.accounts import Account, Credentials, credentials_by_login, spelled_out_login
from directory.record import record
from directory.signing_in import app_passwords, scram_verifiers, second_factor
from directory.signing_in.admission import WEB, Admission, Means, delegated, password_stamp, still_holds
from directory.tables import account as account_table
from security import sasl
from security.bearer import Bearer, BearerToken, error_challenge
from security.passwords import hash_password, needs_rehash, verify_password
from security.peer import Peer
from security.proven import ProvenLogins
from security.scram import ROUNDS, Scram, ScramProof, Verifier, false_verifier, new_verifier
from security.throttle import Throttle

if TYPE_CHECKING:
    from security.tokens import TokenJudge
    from security.webauthn import Site

log = logging.getLogger("citymail.login")

Reason = Literal["credentials", "throttled", "locked", "must-change", "second-factor"]
Evidence = sasl.Credentials | ScramProof | sasl.ExternalClaim | BearerToken
Exchange = sasl.Plain | sasl.Login | sasl.External | Scram | Bearer

_REFUSED = "Wrong login or password"
# Passwords are never looked at where the throttle says no; the answer still takes a moment.
_LONGEST_ANSWER_DELAY = 5.0
# Seconds within which the use of an app password, or of somebody's right to act for another, is not noted again.
_NOTED_FOR = 600.0
_ACTING_NOTED_FOR = 3600.0
_MOST_NOTES = 50_000


class LoginRefused(Exception):
    """Why not.  ``client_text`` is safe to show; ``delay`` is what to wait before showing it; ``challenge``: what a
    mechanism has to say before (RFC 7628 §3.2.3).
    """

    def __init__(self, client_text: str, reason: Reason, delay: float = 0.0, challenge: bytes = b"") -> None:
        super().__init__(client_text)
        self.client_text = client_text
        self.reason = reason
        self.delay = delay
        self.challenge = challenge


@dataclass(frozen=True, slots=True)
class LoginRules:
    """What is offered beside passwords.  ``scram_plus``: protocols in which SCRAM may be bound to the connection;
    ``secret`` makes answers about unknown logins the same in all processes.
    """

    scram: bool = False
    scram_plus: frozenset[str] = frozenset(("imap", "smtp"))
    secret: bytes = b""
    tokens: TokenJudge | None = None

    def __repr__(self) -> str:
        return f"LoginRules(scram={self.scram})"


class Gate:
    """One per process."""

    def __init__(
        self, directory: Directory, *, throttle: Throttle, proven: ProvenLogins, rules: LoginRules | None = None
    ) -> None:
        self._directory = directory
        self._throttle = throttle
        self._proven = proven
        self._rules = rules or LoginRules()
        self._noted: dict[tuple[str, ...], float] = {}

    # What is offered

    def mechanisms(self, peer: Peer) -> tuple[str, ...]:
        """SASL mechanisms for a client who may show his password: under TLS, or where plain text is allowed."""
        names = ["PLAIN", "LOGIN"]
        if self._rules.scram:
            names.append("SCRAM-SHA-256")
            if peer.protocol in self._rules.scram_plus and peer.can_bind:
                names.append("SCRAM-SHA-256-PLUS")
        if self._rules.tokens is not None:
            names += ["OAUTHBEARER", "XOAUTH2"]
        if peer.certified_addresses():
            names.append("EXTERNAL")
        return tuple(names)

    def begin(self, mechanism: str, peer: Peer) -> Exchange | None:
        """The exchange for a mechanism's name, in any case (RFC 4422 §3.1); None if it is not offered."""
        name = mechanism.upper()
        offered = self.mechanisms(peer)
        if name not in offered:
            return None
        if name.startswith("SCRAM"):
            return Scram(
                plus=name.endswith("-PLUS"),
                offers_plus="SCRAM-SHA-256-PLUS" in offered,
                binding=peer.binding,
                nonce=self._nonce,
            )
        if name in ("OAUTHBEARER", "XOAUTH2"):
            return Bearer(with_header=name == "OAUTHBEARER")
        if name == "EXTERNAL":
            return sasl.External()
        return sasl.Plain() if name == "PLAIN" else sasl.Login()

    def verifier(self, login: str) -> Verifier:
        """What SCRAM asks a client to prove; for a login that has nothing to prove, something that looks like it."""
        with self._directory.read() as conn:
            found = self._verifier(conn, login)
            # every spelling of a login is asked the same, as it is where there is such an account
            return found or false_verifier(self._rules.secret, spelled_out_login(conn, login), ROUNDS)

    # Judging

    def pause(self, login: str, client: str) -> float:
        """What to wait before ``judge``: nothing, but while strangers guess at this login."""
        return self._throttle.delay(client, login)

    def recall(self, shown: sasl.Credentials, peer: Peer) -> Admission | None:
        """If this very password was proven minutes ago, or needs no hash, and everything is in order and noted."""
        with self._directory.read() as conn:
            found = credentials_by_login(conn, shown.authcid)
            if found is None or found.account.status != "active" or found.must_change_password:
                return None
            means, stamp = self._recognise(conn, found, shown.password, peer)
            if means == "password" and self._lacks_code(conn, found.account, peer):
                return None
            if means is None or (means == "app-password" and not self._is_noted(("app", stamp), _NOTED_FOR)):
                return None
            account = found.account
            if shown.authzid:
                wanted = self._wanted(conn, found.account, shown.authzid, peer)
                if wanted is None or not self._is_acting_noted(found.account, wanted, peer):
                    return None
                account = wanted
        return Admission(account, found.account, means, peer.protocol, stamp)

    def judge(self, evidence: Evidence, peer: Peer) -> Admission:
        """Who may act now, and for whom: himself, or a mailbox that is delegated to him.  Raises LoginRefused."""
        until: float | None = None
        means: Means
        if isinstance(evidence, sasl.Credentials):
            found, means, stamp = self._judge_password(evidence, peer)
        elif isinstance(evidence, ScramProof):
            found, means, stamp = self._judge_proof(evidence, peer)
        elif isinstance(evidence, BearerToken):
            found, until = self._judge_token(evidence, peer)
            means, stamp = "token", ""
        else:
            found = self._judge_certificate(evidence, peer)
            means, stamp = "certificate", ""
        actor = found.account
        if actor.status != "active":
            self._note(actor.login, peer, "account locked")
            raise LoginRefused("This account is locked; ask your administrator", "locked")
        by_password = means in ("password", "scram", "app-password")
        if found.must_change_password and by_password and peer.protocol not in WEB:
            raise LoginRefused("Sign in on the web first to choose a password of your own", "must-change")
        if means in ("password", "scram"):
            with self._directory.read() as reading:
                if self._lacks_code(reading, actor, peer):
                    self._note(actor.login, peer, "second factor is on, an app password is needed")
                    raise LoginRefused("Two-step sign-in is on: use an app password here", "second-factor")
        if means == "app-password" and not self._is_noted(("app", stamp), _NOTED_FOR):
            with self._directory.write() as conn:
                app_passwords.note_use(conn, stamp, peer.protocol, peer.client)
            self._mark_noted(("app", stamp))
        account = self._acting(actor, evidence.authzid, peer)
        return Admission(account, actor, means, peer.protocol, stamp, until)

    def authenticate(self, login: str, password: str, client: str, protocol: str, authzid: str = "") -> Account:
        """``judge`` for a login and a password that came without SASL.  Raises LoginRefused."""
        return self.judge(sasl.Credentials(authzid, login, password), Peer(client, protocol)).account

    def judge_code(self, owner: Account, code: str, client: str, site: Site | None = None) -> None:
        """The second proof, after the password: a code, or what a security key answered a browser at ``site``.
        Raises LoginRefused.

        Wrong codes count as wrong passwords do, and apart from them: who knows the password must not win new guesses.
        """
        peer, name = Peer(client, "webmail"), f"{owner.login} code"
        self._admit_to_trial(None, name, peer)
        with self._directory.write(origin=client) as conn:
            proof = second_factor.prove(conn, owner.id, code, site)
        if proof is None:
            raise self._refusal(owner.login, name, peer, self._proven.guess(name, code))
        self._throttle.succeeded(client, name)

    def _lacks_code(self, conn: Reading, actor: Account, peer: Peer) -> bool:
        """Whether the password is not enough here: nobody could be asked for more."""
        return peer.protocol not in WEB and second_factor.is_on(conn, actor.id)

    def still_holds(self, admission: Admission) -> Account | None:
        """The account as it is now, if who was let in would be let in again."""
        with self._directory.read() as conn:
            return still_holds(conn, admission, self._directory.clock())

    # Passwords

    def _recognise(self, conn: Reading, found: Credentials, password: str, peer: Peer) -> tuple[Means | None, str]:
        if found.account.status == "closed":
            return None, ""
        key = app_passwords.matching(conn, found.account.id, password, peer.protocol)
        if key is not None:
            return "app-password", key.id
        if self._is_proven(found, password):
            return "password", password_stamp(found.password_hash)
        return None, ""

    def _is_proven(self, found: Credentials, password: str) -> bool:
        stored = found.password_hash
        return stored is not None and self._proven.holds(found.account.id, stored, password)

    def _judge_password(self, shown: sasl.Credentials, peer: Peer) -> tuple[Credentials, Means, str]:
        login, password = shown.authcid, shown.password
        with self._directory.read() as conn:
            found = credentials_by_login(conn, login)
            if found is not None:
                means, stamp = self._recognise(conn, found, password, peer)
                if means is not None:
                    return found, means, stamp
        name = self._admit_to_trial(found, login, peer)
        stored = found.password_hash if found and found.account.status != "closed" else None
        # without a stored hash this takes as long and fails: nobody learns which logins exist
        if not verify_password(stored, password):
            raise self._refusal(login, name, peer, self._proven.guess(name, password))
        assert found is not None
        assert stored is not None
        self._throttle.succeeded(peer.client, name)
        stored = self._brought_up_to_date(found, stored, password)
        self._proven.remember(found.account.id, stored, password)
        return found, "password", password_stamp(stored)

    def _brought_up_to_date(self, found: Credentials, stored: str, password: str) -> str:
        """Now that the password is at hand: today's parameters, and a verifier for SCRAM; the hash as it is then."""
        account_id = found.account.id
        with self._directory.read() as conn:
            verifier = scram_verifiers.find(conn, account_id, stored)
        outdated = needs_rehash(stored)
        lacks = self._rules.scram and (outdated or verifier is None or verifier.rounds < ROUNDS)
        if not outdated and not lacks:
            return stored
        renewed = hash_password(password) if outdated else stored
        made = new_verifier(password) if lacks else None
        with self._directory.write() as conn:
            # not over a password that was changed meanwhile
            unchanged = conn.execute(
                update(account_table)
                .where(account_table.c.id == account_id, account_table.c.password_hash == stored)
                .values(password_hash=renewed)
            ).rowcount
            if unchanged:
                scram_verifiers.keep(conn, account_id, renewed, made)
        return renewed if unchanged else stored

    # SCRAM

    def _nonce(self) -> bytes:
        return base64.b64encode(self._directory.random_bits(144).to_bytes(18, "big"))

    def _verifier(self, conn: Reading, login: str) -> Verifier | None:
        found = credentials_by_login(conn, login)
        if found is None or found.password_hash is None or found.account.status == "closed":
            return None
        return scram_verifiers.find(conn, found.account.id, found.password_hash)

    def _judge_proof(self, proof: ScramProof, peer: Peer) -> tuple[Credentials, Means, str]:
        with self._directory.read() as conn:
            found = credentials_by_login(conn, proof.authcid)
            verifier = self._verifier(conn, proof.authcid)
        name = self._admit_to_trial(found, proof.authcid, peer)
        if found is None or verifier != proof.verifier or not proof.is_right:
            if found is not None and verifier is None:
                log.info("no SCRAM verifier yet; one log-in with PLAIN makes it; login=%r", proof.authcid)
            raise self._refusal(proof.authcid, name, peer)
        self._throttle.succeeded(peer.client, name)
        return found, "scram", password_stamp(found.password_hash)

    # Without a password

    def _judge_certificate(self, claim: sasl.ExternalClaim, peer: Peer) -> Credentials:
        """The certificate's first address that is an account's."""
        # whole addresses only: a bare word would be taken for a login of ours
        addresses = [each for each in peer.certified_addresses() if "@" in each]
        with self._directory.read() as conn:
            known = [found for each in addresses if (found := credentials_by_login(conn, each)) is not None]
        usable = next((each for each in known if each.account.status != "closed"), None)
        if usable is None:
            self._note(", ".join(addresses), peer, "certificate of nobody here")
            raise LoginRefused("The certificate names no account", "credentials")
        return usable

    def _judge_token(self, shown: BearerToken, peer: Peer) -> tuple[Credentials, float]:
        from security.tokens import TokenRefused  # only where an issuer is configured, and its library loaded

        judge = self._rules.tokens
        assert judge is not None
        why = "token of nobody here"
        try:
            token = judge.judge(shown.token)
        except TokenRefused as refused:
            why = f"token {refused}"
        else:
            with self._directory.read() as conn:
                found = credentials_by_login(conn, token.address) if "@" in token.address else None
            if found is not None and found.account.status != "closed":
                return found, token.expires
        self._note(shown.authzid, peer, why)
        raise LoginRefused("The token is not valid", "credentials", challenge=error_challenge(judge.issuer))

    # Acting for another mailbox

    def _wanted(self, conn: Reading, actor: Account, authzid: str, peer: Peer) -> Account | None:
        wanted = credentials_by_login(conn, authzid)
        if wanted is None or wanted.account.id == actor.id:
            return wanted.account if wanted else None
        allowed = wanted.account.id in delegated(conn, actor.id, peer.protocol)
        return wanted.account if allowed and wanted.account.status == "active" else None

    def _acting(self, actor: Account, authzid: str, peer: Peer) -> Account:
        """The account itself, or the mailbox that it may act for, of which a record is kept."""
        if not authzid:
            return actor
        with self._directory.read() as conn:
            wanted = self._wanted(conn, actor, authzid, peer)
        if wanted is None:
            # answered as a wrong password is: nobody learns which mailboxes there are
            self._note(actor.login, peer, f"may not act as {authzid!r}")
            guess = self._proven.guess(actor.login, "act as " + authzid)
            raise LoginRefused(_REFUSED, "credentials", self._throttle.failed(peer.client, actor.login, guess))
        if not self._is_acting_noted(actor, wanted, peer):
            with self._directory.write(origin=peer.client) as conn:
                record(conn, actor.login, "mailbox.act", wanted.login, protocol=peer.protocol)
            self._mark_noted((actor.id, wanted.id, peer.protocol, peer.client))
        return wanted

    def _is_acting_noted(self, actor: Account, wanted: Account, peer: Peer) -> bool:
        if actor.id == wanted.id:
            return True
        return self._is_noted((actor.id, wanted.id, peer.protocol, peer.client), _ACTING_NOTED_FOR)

    # What all have in common

    def _admit_to_trial(self, found: Credentials | None, login: str, peer: Peer) -> str:
        """The name that guesses are counted by.  Raises LoginRefused where there were too many."""
        # the primary address stands for all of an account's logins, so that aliases give no further guesses
        name = found.account.login if found else login
        wait = self._throttle.blocked(peer.client, name)
        if wait > 0:
            self._note(login, peer, "throttled")
            raise LoginRefused(
                "Too many wrong passwords; try again later", "throttled", min(wait, _LONGEST_ANSWER_DELAY)
            )
        return name

    def _refusal(self, login: str, name: str, peer: Peer, guess: bytes = b"") -> LoginRefused:
        self._note(login, peer, "wrong login or password")
        return LoginRefused(_REFUSED, "credentials", self._throttle.failed(peer.client, name, guess))

    def _is_noted(self, what: tuple[str, ...], lately: float) -> bool:
        return self._directory.clock() - self._noted.get(what, float("-inf")) < lately

    def _mark_noted(self, what: tuple[str, ...]) -> None:
        if len(self._noted) >= _MOST_NOTES:
            self._noted.clear()
        self._noted[what] = self._directory.clock()

    def _note(self, login: str, peer: Peer, why: str) -> None:
        log.warning("login refused: %s; login=%r client=%s protocol=%s", why, login, peer.client, peer.protocol)
