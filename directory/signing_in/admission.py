"""Who was let in, by what, and whether that still holds.

A session keeps its ``Admission`` and asks the gate now and then: it ends when the account is locked, the password is
changed, the app password revoked, the delegation taken back or the token's time over.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from directory.database import Reading
from directory.mail.accounts import Account, credentials_of
from directory.mail.recipients import mailboxes_of
from directory.signing_in import app_passwords, second_factor

# Where somebody can be asked for more than his password.
WEB = frozenset(("web", "webmail", "http", "https"))

Means = Literal["password", "scram", "app-password", "certificate", "token"]


@dataclass(frozen=True, slots=True)
class Admission:
    account: Account  # whose mail it is
    actor: Account  # who has proven who he is: the same, or one who may act for it
    means: Means
    protocol: str
    stamp: str = ""  # what must be as it was: a digest of the password's hash, the app password's id
    until: float | None = None  # epoch seconds


def delegated(conn: Reading, actor_id: str, protocol: str) -> frozenset[str]:
    """Mailboxes that the account may open by this protocol: to read in IMAP, to send for in SMTP."""
    return mailboxes_of(conn, actor_id, "send" if protocol == "smtp" else "read")


def password_stamp(password_hash: str | None) -> str:
    """Another with each password that is set.  Short, for every session keeps one."""
    return hashlib.blake2b((password_hash or "").encode(), digest_size=10).hexdigest()


def still_holds(conn: Reading, admission: Admission, now: float) -> Account | None:
    """The account as it is now, if the admission is as good as on its first day."""
    found = credentials_of(conn, admission.actor.id)
    if found is None or found.account.status != "active":
        return None
    if admission.until is not None and now >= admission.until:
        return None
    if admission.means in ("password", "scram"):
        # A second factor that was turned on meanwhile ends what the password alone has opened.
        asks_code = admission.protocol not in WEB and second_factor.is_on(conn, admission.actor.id)
        if asks_code or password_stamp(found.password_hash) != admission.stamp:
            return None
    if admission.means == "app-password" and all(
        key.id != admission.stamp for key in app_passwords.keys_of(conn, admission.actor.id)
    ):
        return None
    if admission.account.id == admission.actor.id:
        return found.account
    if admission.account.id not in delegated(conn, admission.actor.id, admission.protocol):
        return None
    opened = credentials_of(conn, admission.account.id)
    return opened.account if opened is not None and opened.account.status == "active" else None
