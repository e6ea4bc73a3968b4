"""Keys that are brought along and taken along, in PKCS#12 files.

Out goes a key that decrypts, for a mail program of its owner's own.  One that signs does not, not even to its owner: it
would be two people's, and a signature nobody's.  In comes what another authority has given to somebody, of either kind.

Standards: RFC 7292 (by way of ``security.authority.pkcs12``).
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select

from directory.database import Reading, Writing
from directory.faults import Fault
from directory.mail.accounts import Account
from directory.pki.certificates import ENCRYPTION, Certificate, login_of
from directory.pki.enrolment import account_wrapping_key, keep_key
from directory.pki.trust import import_certificate, judge_certificate, note_authority
from directory.record import record
from directory.tables import private_key
from security.authority import pkcs12
from security.authority.key_kinds import PrivateKey, unpack
from security.keys.wrapping import WrappingKey
from security.paths import Purpose


def private_key_of(conn: Reading | Writing, wrapping: WrappingKey, one: Certificate) -> PrivateKey:
    """Raises Fault where it is not here, WrappingFault where it was wrapped for another installation."""
    row = conn.execute(select(private_key.c.wrapped).where(private_key.c.id == one.key_id)).first()
    own = account_wrapping_key(conn, wrapping, one.account_id) if one.account_id else None
    if row is None or row.wrapped is None or own is None or one.account_id is None or one.key_id is None:
        raise Fault("key-absent", certificate=one.serial)
    return unpack(own.unwrap(row.wrapped, one.account_id, one.key_id, one.purpose))


def export_pkcs12(conn: Writing, actor: str, wrapping: WrappingKey, one: Certificate, passphrase: str) -> bytes:
    """A decryption key with its certificate and those above it.  Raises Fault, KeyFault, WrappingFault."""
    if one.purpose != ENCRYPTION:
        raise Fault("key-stays", certificate=one.serial)
    read = x509.load_der_x509_certificate(one.der)
    chain = judge_certificate(conn, one.der, purpose=Purpose.ENCRYPTION).path[1:]
    login = login_of(conn, one)
    packed = pkcs12.write(login, private_key_of(conn, wrapping, one), read, chain, passphrase)
    record(conn, actor, "certificate.export", login, serial=one.serial)
    return packed


def import_pkcs12(
    conn: Writing, actor: str, wrapping: WrappingKey, owner: Account, octets: bytes, passphrase: str
) -> Sequence[Certificate]:
    """Raises Fault, KeyFault."""
    key, certificate, others = pkcs12.read(octets, passphrase)
    above = [each.public_bytes(Encoding.DER) for each in others]
    for der in above:
        if x509.load_der_x509_certificate(der).subject != certificate.subject:
            note_authority(conn, actor, der)
    return import_certificate(
        conn,
        actor,
        certificate.public_bytes(Encoding.DER),
        owner=owner,
        companions=above,
        keep_key=lambda purpose: keep_key(conn, wrapping, owner.id, purpose, key),
    )
