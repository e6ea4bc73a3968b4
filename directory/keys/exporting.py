"""A decryption key for its owner's own mail program, in a PKCS#12 file: the one way in which a private key leaves.

Its owner proves anew who he is, with all that he signs in with.  A key that signs does not go out, not even to its
owner: it would be two people's, and a signature nobody's; nor does a mailbox's key, which belongs to nobody alone.

Standards: RFC 7292 (by way of ``security.authority.pkcs12``).
"""

from __future__ import annotations

from cryptography import x509

from directory.keys.using import sealed_key
from directory.keys.vault import Vault
from directory.mail.accounts import account_by_login
from directory.pki.certificates import ENCRYPTION, certificates_of
from directory.pki.trust import judge_certificate
from directory.record import record
from security.authority import pkcs12
from security.authority.key_kinds import unpack
from security.keys.wire import Refusal
from security.paths import Purpose


def export(vault: Vault, login: str, password: str, code: str, certificate_id: str, passphrase: str) -> bytes | Refusal:
    """Raises KeyFault for a passphrase that is too short."""
    pair = vault.open_for_owner(login, password, code)
    if isinstance(pair, Refusal):
        return pair
    with vault.directory.read() as conn:
        owner = account_by_login(conn, login)
        held = certificates_of(conn, owner.id) if owner else []
        one = next((each for each in held if each.id == certificate_id), None)
        if owner is None or one is None or one.key_id is None:
            return Refusal.NO_KEY
        if one.purpose != ENCRYPTION or owner.kind != "person":
            return Refusal.NOT_ALLOWED
        sealed = sealed_key(conn, owner.id, one.key_id, ENCRYPTION)
        if isinstance(sealed, Refusal):
            return sealed
        chain = judge_certificate(conn, one.der, purpose=Purpose.ENCRYPTION).path[1:]
    key = unpack(pair.open(sealed, owner.id, one.key_id, ENCRYPTION))
    packed = pkcs12.write(owner.login, key, x509.load_der_x509_certificate(one.der), chain, passphrase)
    with vault.directory.write() as writing:
        record(writing, owner.login, "certificate.export", owner.login, serial=one.serial)
    return packed
