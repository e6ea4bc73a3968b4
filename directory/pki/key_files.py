"""Keys that are brought along in PKCS#12 files: what another authority has given to somebody, of either kind.

The way out, for keys that decrypt, is ``directory.keys.taking_along``.

Standards: RFC 7292 (by way of ``security.authority.pkcs12``).
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509

from directory.database import Writing
from directory.keys.making import keep_key
from directory.mail.accounts import Account
from directory.pki.certificates import SIGNING, Certificate
from directory.pki.trust import import_certificate, note_authority
from security.keys.made import Brought


def import_brought(conn: Writing, actor: str, owner: Account, brought: Brought) -> Sequence[Certificate]:
    """Enter what the key process took from a file.  Raises Fault."""
    own = x509.load_der_x509_certificate(brought.certificate)
    for der in brought.others:
        if x509.load_der_x509_certificate(der).subject != own.subject:
            note_authority(conn, actor, der)

    def keep(purpose: str) -> str | None:
        return keep_key(conn, owner.id, purpose, brought.signing if purpose == SIGNING else brought.encryption)

    return import_certificate(conn, actor, brought.certificate, owner=owner, companions=brought.others, keep_key=keep)
