"""Who answers for the city's authorities (OCSP): delegates with short certificates and keys of their own.

An answer is signed where it is served, and the authority's key is nowhere near: the responder's is wrapped under a key
that only the processes that serve have.

Standards: RFC 6960 §2.6, §4.2.2.2 (delegation; nocheck, so the certificate is short).
"""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import bindparam, insert, select

from directory.database import Directory, Question, Reading, Writing
from directory.pki.certificates import ACTIVE, COLUMNS, Certificate, insert_certificate, read_row, supersede
from directory.pki.issuers import DAY, Certifier, list_issuers
from directory.record import record
from directory.tables import certificate, private_key
from security.authority.issuing import issue, serial_from
from security.authority.key_kinds import PrivateKey, make_key, pack, unpack
from security.authority.names import subject
from security.authority.profiles import OCSP
from security.authority.responder import Responder
from security.keys.wrapping import WrappingFault, WrappingKey

_PURPOSE = "ocsp"
_RENEW = 10 * DAY
_ACTIVE = Question(
    select(*COLUMNS)
    .where(
        certificate.c.issuer_id == bindparam("issuer"),
        certificate.c.purpose == _PURPOSE,
        certificate.c.state == ACTIVE,
    )
    .order_by(certificate.c.not_after.desc())
)


def is_due(conn: Reading | Writing, issuer_id: str, wrapping: WrappingKey) -> bool:
    """Whether an authority has no responder whose key can be opened, or one that ends soon."""
    rows = [read_row(row) for row in conn.rows(_ACTIVE, issuer=issuer_id)]
    return not any(one.not_after >= conn.now + _RENEW and _key(conn, one, wrapping) for one in rows)


def renew(directory: Directory, actor: str, certifier: Certifier, wrapping: WrappingKey) -> None:
    """Another key, another certificate."""
    key = make_key("p256")
    signed = issue(
        certifier.issuer,
        OCSP,
        key.public_key(),
        subject=subject(
            "OCSP responder", organization=certifier.practice.organization, country=certifier.practice.country
        ),
        serial=serial_from(directory.random_bits(160)),
        now=datetime.fromtimestamp(directory.clock(), UTC),
    )
    with directory.write() as conn:
        before = [read_row(row) for row in conn.rows(_ACTIVE, issuer=certifier.row.id)]
        key_id = conn.new_id()
        wrapped = wrapping.wrap(pack(key), _PURPOSE, key_id)
        values = {"id": key_id, "account_id": None, "purpose": _PURPOSE, "wrapped": wrapped, "created_at": conn.now}
        conn.execute(insert(private_key), values)
        insert_certificate(
            conn,
            signed.public_bytes(Encoding.DER),
            _PURPOSE,
            account_id=None,
            issuer_id=certifier.row.id,
            key_id=key_id,
        )
        supersede(conn, before)
        record(conn, actor, "issuer.responder", certifier.row.certificate.subject.rfc4514_string())


def responders(conn: Reading | Writing, wrapping: WrappingKey) -> dict[str, Responder]:
    """Those who answer today, by the authority's id."""
    found = {}
    for row in list_issuers(conn):
        for one in (read_row(each) for each in conn.rows(_ACTIVE, issuer=row.id)):
            if one.not_after <= conn.now or row.id in found:
                continue
            key = _key(conn, one, wrapping)
            if key is not None:
                found[row.id] = Responder(row.certificate, x509.load_der_x509_certificate(one.der), key)
    return found


def _key(conn: Reading | Writing, one: Certificate, wrapping: WrappingKey) -> PrivateKey | None:
    """None where it was wrapped under a key that is not here any more."""
    wrapped = conn.execute(select(private_key.c.wrapped).where(private_key.c.id == one.key_id)).scalar_one()
    try:
        return unpack(wrapping.unwrap(wrapped, _PURPOSE, one.key_id or ""))
    except WrappingFault:
        return None
