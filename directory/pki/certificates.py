"""Certificates of people and mailboxes: which are whose, which others are to use, and taking them back.

Each account has a signing and an encryption certificate.  ``active``: in use, and published (LDAP serves the rows of
``published`` as ``userCertificate;binary``, RFC 4523 §2.1).  ``superseded``: it still holds and opens old mail, but
another has taken its place.  ``revoked``, ``expired``: as the words say.

A key that signs is erased with its last certificate that holds; a key that decrypts is kept for as long as the mail.
Revoking needs no authority's key: the register says so at once, OCSP with it, and the next CRL
(``directory.pki.issuers``).

Standards: RFC 5280 §5.3.1 (reasons), RFC 8550 §4.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from sqlalchemy import and_, bindparam, insert, literal, or_, select, update

from directory.database import Question, Reading, Writing
from directory.faults import Fault
from directory.record import Recorder
from directory.tables import (
    account,
    certificate,
    certificate_address,
    fetched_crl,
    issuer,
    known_authority,
    private_key,
    trust_anchor,
)

ACTIVE, SUPERSEDED, REVOKED, EXPIRED = "active", "superseded", "revoked", "expired"
SIGNING, ENCRYPTION = "signing", "encryption"
PURPOSES = (SIGNING, ENCRYPTION)

# What a leaver's certificates are revoked for, and a mover's
LEFT, MOVED = "cessation-of-operation", "affiliation-changed"
_LOT = 500


@dataclass(frozen=True, slots=True)
class Certificate:
    id: str
    account_id: str | None
    issuer_id: str | None  # none: somebody else's authority issued it
    purpose: str
    state: str
    serial: str
    subject: str
    fingerprint: str
    not_before: int
    not_after: int
    created_at: int
    revoked_at: int | None
    revocation_reason: str
    key_id: str | None  # none: its key is elsewhere, in a token
    der: bytes = field(repr=False)


COLUMNS = (
    certificate.c.id,
    certificate.c.account_id,
    certificate.c.issuer_id,
    certificate.c.purpose,
    certificate.c.state,
    certificate.c.serial,
    certificate.c.subject,
    certificate.c.fingerprint,
    certificate.c.not_before,
    certificate.c.not_after,
    certificate.c.created_at,
    certificate.c.revoked_at,
    certificate.c.revocation_reason,
    certificate.c.key_id,
    certificate.c.der,
)
_OF_ACCOUNT = Question(
    select(*COLUMNS)
    .where(certificate.c.account_id == bindparam("account"))
    .order_by(certificate.c.state != ACTIVE, certificate.c.created_at.desc(), certificate.c.id.desc())
)
_ENCRYPTING = Question(
    select(*COLUMNS)
    .join(certificate_address, certificate_address.c.certificate_id == certificate.c.id)
    .where(
        certificate_address.c.address == bindparam("address"),
        certificate.c.purpose == ENCRYPTION,
        certificate.c.not_before <= bindparam("moment"),
        certificate.c.not_after >= bindparam("moment"),
        or_(certificate.c.revoked_at.is_(None), certificate.c.revoked_at > bindparam("moment")),
    )
    .order_by(certificate.c.state != ACTIVE, certificate.c.not_before.desc(), certificate.c.id.desc())
    .limit(1)
)
_HOLDING = Question(
    select(*COLUMNS)
    .where(
        certificate.c.account_id == bindparam("account"),
        certificate.c.purpose == bindparam("purpose"),
        certificate.c.state == ACTIVE,
        certificate.c.not_after >= bindparam("now"),
    )
    .order_by(certificate.c.not_before.desc(), certificate.c.id.desc())
)
_STANDING = Question(
    select(certificate.c.revoked_at, certificate.c.not_after).where(
        certificate.c.fingerprint == bindparam("fingerprint"), certificate.c.purpose == SIGNING
    )
)


def read_row(row: Iterable[Any]) -> Certificate:
    """From COLUMNS, in that order."""
    return Certificate(*tuple(row))


def certificates_of(conn: Reading | Writing, account_id: str) -> list[Certificate]:
    """All that an account ever had: those in use first, then the newest."""
    return [read_row(row) for row in conn.rows(_OF_ACCOUNT, account=account_id)]


def holding(conn: Reading | Writing, account_id: str, purpose: str) -> list[Certificate]:
    """What an account signs with, or is written to with, today: the newest first."""
    return [read_row(row) for row in conn.rows(_HOLDING, account=account_id, purpose=purpose, now=conn.now)]


def still_holds(conn: Reading | Writing, fingerprint: str) -> bool:
    """Whether what was signed with a certificate of ours is believed by who gets it today, another in its place or
    not.
    """
    row = conn.row(_STANDING, fingerprint=fingerprint)
    return row is not None and row[0] is None and row[1] >= conn.now


def encryption_certificate(conn: Reading | Writing, address: str, moment: int | None = None) -> Certificate | None:
    """What mail to this address is to be encrypted for, now or at another moment (epoch seconds)."""
    from security.mailbox_names import comparable

    try:
        wanted = comparable(address)
    except ValueError:
        return None
    row = conn.row(_ENCRYPTING, address=wanted, moment=conn.now if moment is None else moment)
    return read_row(row) if row else None


def published(conn: Reading | Writing, account_ids: Collection[str]) -> dict[str, list[bytes]]:
    """The certificates that everybody may have, by account, as DER; the newest first."""
    found: dict[str, list[bytes]] = {}
    ids = list(account_ids)
    for start in range(0, len(ids), _LOT):
        chosen = (
            select(certificate.c.account_id, certificate.c.der)
            .where(
                certificate.c.account_id.in_(ids[start : start + _LOT]),
                certificate.c.purpose.in_(PURPOSES),
                certificate.c.state == ACTIVE,
                certificate.c.not_after >= conn.now,
            )
            .order_by(certificate.c.not_before.desc(), certificate.c.id.desc())
        )
        for row in conn.execute(chosen):
            found.setdefault(row.account_id, []).append(row.der)
    return found


def find_certificates(conn: Reading | Writing, key: str) -> list[Certificate]:
    """By id, fingerprint, or serial number: one certificate, which may serve for two purposes.  Raises Fault."""
    wanted = key.strip().lower().replace(":", "").replace(" ", "")
    statement = select(*COLUMNS).where(
        or_(certificate.c.id == wanted, certificate.c.fingerprint == wanted, certificate.c.serial == wanted.lstrip("0"))
    )
    found = [read_row(row) for row in conn.execute(statement)]
    if len({one.fingerprint for one in found}) != 1:
        raise Fault("certificate-unknown", certificate=key)
    return found


def describe(der: bytes) -> dict[str, Any]:
    """What a row says of a certificate, read from it.  Raises ValueError."""
    from cryptography import x509  # megabytes, as below, that most processes which ask for certificates never need

    read = x509.load_der_x509_certificate(der)
    return {
        "serial": f"{read.serial_number:x}",
        "subject": read.subject.rfc4514_string(),
        "fingerprint": fingerprint(der),
        "not_before": int(read.not_valid_before_utc.timestamp()),
        "not_after": int(read.not_valid_after_utc.timestamp()),
        "der": der,
    }


def fingerprint(der: bytes) -> str:
    """SHA-256, hexadecimal."""
    return sha256(der).hexdigest()


def insert_certificate(
    conn: Writing, der: bytes, purpose: str, *, account_id: str | None, issuer_id: str | None, key_id: str | None
) -> str:
    """A row of its own, with the addresses it names; its id."""
    from security.mailbox_names import addresses_of, comparable

    new = conn.new_id()
    values = describe(der) | {
        "id": new,
        "account_id": account_id,
        "issuer_id": issuer_id,
        "purpose": purpose,
        "state": ACTIVE,
        "created_at": conn.now,
        "revocation_reason": "",
        "key_id": key_id,
    }
    conn.execute(insert(certificate), values)
    named = sorted({comparable(name) for name in addresses_of(der)})
    if named:
        conn.execute(insert(certificate_address), [{"address": name, "certificate_id": new} for name in named])
    return new


def supersede(conn: Writing, replaced: Collection[Certificate]) -> None:
    """Others have taken their place; their signing keys go."""
    for one in replaced:
        if one.state == ACTIVE:
            conn.execute(update(certificate).where(certificate.c.id == one.id).values(state=SUPERSEDED))
    _erase_keys(conn, [one for one in replaced if one.purpose == SIGNING])


def revoke(conn: Writing, actor: str, wanted: Collection[Certificate], reason: str) -> int:
    """From now on they hold no longer; how many did until now.  Raises Fault."""
    from security.authority.revocation_lists import REASONS

    if reason not in REASONS or reason == "ca-compromise":
        raise Fault("value-invalid", value=reason, what=", ".join(REASONS))
    recorder = Recorder(conn, actor)
    ended = [one for one in wanted if one.state in (ACTIVE, SUPERSEDED)]
    for one in ended:
        if one.issuer_id is None:
            # only its own authority can revoke it; we use it no more
            conn.execute(update(certificate).where(certificate.c.id == one.id).values(state=SUPERSEDED))
        else:
            conn.execute(
                update(certificate)
                .where(certificate.c.id == one.id)
                .values(state=REVOKED, revoked_at=conn.now, revocation_reason=reason)
            )
        recorder.add(
            "certificate.revoke",
            login_of(conn, one),
            serial=one.serial,
            purpose=one.purpose,
            why=reason,
            imported=one.issuer_id is None or None,
        )
    issuers = {one.issuer_id for one in ended if one.issuer_id}
    if issuers:
        conn.execute(update(issuer).where(issuer.c.id.in_(issuers)).values(crl_due=True))
    _erase_keys(conn, [one for one in ended if one.purpose == SIGNING])
    recorder.flush()
    return len(ended)


def expire(conn: Writing, limit: int = _LOT) -> int:
    """Note which have come to their end, and erase the keys that signed with them; how many."""
    over = (
        select(*COLUMNS)
        .where(certificate.c.state.in_((ACTIVE, SUPERSEDED)), certificate.c.not_after < conn.now)
        .limit(limit)
    )
    rows = [read_row(row) for row in conn.execute(over)]
    for one in rows:
        conn.execute(update(certificate).where(certificate.c.id == one.id).values(state=EXPIRED))
    _erase_keys(conn, [one for one in rows if one.purpose != ENCRYPTION])
    return len(rows)


def is_any_known(conn: Reading) -> bool:
    """Whether there are authorities, ours or others', or lists of theirs: with none of them there is nothing to do."""
    tables = (issuer, known_authority, trust_anchor, fetched_crl)
    return any(conn.execute(select(literal(True)).select_from(each).limit(1)).first() for each in tables)


def login_of(conn: Reading | Writing, one: Certificate) -> str:
    """Under which name the audit record speaks of a certificate."""
    if one.account_id is None:
        return one.subject[:254]
    found: str = conn.execute(select(account.c.login).where(account.c.id == one.account_id)).scalar_one()
    return found


def _erase_keys(conn: Writing, of: Collection[Certificate]) -> None:
    """The private halves that no certificate that holds needs any more."""
    for key_id in {one.key_id for one in of if one.key_id}:
        still = select(certificate.c.id).where(and_(certificate.c.key_id == key_id, certificate.c.state == ACTIVE))
        if conn.execute(still.limit(1)).first() is None:
            conn.execute(update(private_key).where(private_key.c.id == key_id).values(wrapped=None))
