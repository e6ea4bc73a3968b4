"""The gate: the one place where a password is judged, whichever protocol asks.

``recall`` answers from memory within microseconds and is safe on an event loop; where it says None,
``authenticate`` is to be run in a thread (it hashes, about 20 ms).  What a refused client is told is the same
whether the login is unknown, the password wrong or the account closed, and takes the same time.

Shells that can wait without holding a thread should first wait ``pause(login, client)`` seconds, and must
wait ``LoginRefused.delay`` before they answer a refusal.

Standards: RFC 4954 §4, RFC 9051 §6.2.2, RFC 4422 (authcid, authzid).
"""

from __future__ import annotations

import logging
from typing import Literal

from sqlalchemy import update

from directory.accounts import Account, Credentials, credentials_by_login
from directory.database import Directory
from directory.recipients import mailboxes_of
from directory.tables import account as account_table
from security.passwords import hash_password, needs_rehash, verify_password
from security.proven import ProvenLogins
from security.throttle import Throttle

log = logging.getLogger("citymail.login")

Reason = Literal["credentials", "throttled", "locked", "must-change", "not-delegated"]

# Where a password that must be changed can be changed.
_WEB = frozenset(("web", "webmail", "http", "https"))
_REFUSED = "Wrong login or password"
# Passwords are never looked at where the throttle says no; the answer still takes a moment.
_LONGEST_ANSWER_DELAY = 5.0


class LoginRefused(Exception):
    """Why not.  ``client_text`` is safe to show; ``delay`` is what to wait before showing it."""

    def __init__(self, client_text: str, reason: Reason, delay: float = 0.0) -> None:
        super().__init__(client_text)
        self.client_text = client_text
        self.reason = reason
        self.delay = delay


class Gate:
    """One per process."""

    def __init__(self, directory: Directory, *, throttle: Throttle, proven: ProvenLogins) -> None:
        self._directory = directory
        self._throttle = throttle
        self._proven = proven

    def pause(self, login: str, client: str) -> float:
        """What to wait before ``authenticate``: nothing, but while strangers guess at this login."""
        return self._throttle.delay(client, login)

    def recall(self, login: str, password: str, client: str) -> Account | None:
        """The account, if this very password was proven minutes ago and the account is in order."""
        with self._directory.read() as conn:
            credentials = credentials_by_login(conn, login)
        if credentials is None or not self._is_proven(credentials, password):
            return None
        if credentials.account.status != "active" or credentials.must_change_password:
            return None
        return credentials.account

    def authenticate(self, login: str, password: str, client: str, protocol: str, authzid: str = "") -> Account:
        """The account that may act now: the login's own, or the unit mailbox named by ``authzid``.

        Raises LoginRefused.
        """
        with self._directory.read() as conn:
            credentials = credentials_by_login(conn, login)
        if credentials is None or not self._is_proven(credentials, password):
            self._judge(credentials, login, password, client, protocol)
        assert credentials is not None
        account = credentials.account
        if account.status == "locked":
            self._note(login, client, protocol, "account locked")
            raise LoginRefused("This account is locked; ask your administrator", "locked")
        if credentials.must_change_password and protocol not in _WEB:
            raise LoginRefused("Sign in on the web first to choose a password of your own", "must-change")
        return self._acting(account, authzid, client, protocol)

    def check_password(self, login: str, password: str) -> bool:
        """Whether this is the login's password, for one who is signed in already and confirms a change."""
        with self._directory.read() as conn:
            credentials = credentials_by_login(conn, login)
        return verify_password(credentials.password_hash if credentials else None, password)

    def _is_proven(self, credentials: Credentials, password: str) -> bool:
        stored = credentials.password_hash
        return stored is not None and self._proven.holds(credentials.account.id, stored, password)

    def _judge(self, credentials: Credentials | None, login: str, password: str, client: str, protocol: str) -> None:
        # the primary address stands for all of an account's logins, so that aliases give no further guesses
        name = credentials.account.login if credentials else login
        wait = self._throttle.blocked(client, name)
        if wait > 0:
            self._note(login, client, protocol, "throttled")
            raise LoginRefused(
                "Too many wrong passwords; try again later", "throttled", min(wait, _LONGEST_ANSWER_DELAY)
            )
        stored = credentials.password_hash if credentials else None
        if credentials is not None and credentials.account.status == "closed":
            stored = None
        # without a stored hash this takes as long and fails: nobody learns which logins exist
        if not verify_password(stored, password):
            self._note(login, client, protocol, "wrong login or password")
            delay = self._throttle.failed(client, name, self._proven.guess(name, password))
            raise LoginRefused(_REFUSED, "credentials", delay)
        assert credentials is not None
        assert stored is not None
        self._throttle.succeeded(client, name)
        if needs_rehash(stored):
            stored = self._rehash(credentials.account.id, stored, password)
        self._proven.remember(credentials.account.id, stored, password)

    def _rehash(self, account_id: str, stored: str, password: str) -> str:
        """Today's parameters in place of those the stored hash was made with."""
        renewed = hash_password(password)
        with self._directory.write() as conn:
            changed = conn.execute(
                update(account_table)
                .where(account_table.c.id == account_id, account_table.c.password_hash == stored)
                .values(password_hash=renewed)
            ).rowcount
        return renewed if changed else stored

    def _acting(self, account: Account, authzid: str, client: str, protocol: str) -> Account:
        if not authzid:
            return account
        with self._directory.read() as conn:
            wanted = credentials_by_login(conn, authzid)
            if wanted is not None and wanted.account.id == account.id:
                return account
            if (
                wanted is not None
                and wanted.account.status == "active"
                and wanted.account.id in mailboxes_of(conn, account.id)
            ):
                return wanted.account
        self._note(account.login, client, protocol, f"may not act as {authzid!r}")
        raise LoginRefused("You may not act for that mailbox", "not-delegated")

    def _note(self, login: str, client: str, protocol: str, why: str) -> None:
        log.warning("login refused: %s; login=%r client=%s protocol=%s", why, login, client, protocol)
