"""The city's certificate authorities as the directory knows them: which issues, what each has published and revoked.

The root's key is offline: its certificate and its CRL come from there (``install``, ``take_crl``).  The issuing one's
key lies where ``key_place`` says; ``open_certifier`` opens it for those who issue and sign CRLs.

A full CRL is made every day, a delta every hour, and both are made again as soon as something was revoked: a delta by
the next look, in minutes.  Retired issuers still sign CRLs for what they issued.

Standards: RFC 5280 §5.1.2.5 (nextUpdate), §5.2.3, §5.2.4, §3.3 (a revocation is listed beyond its certificate's end).
Limits: one active issuer at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import bindparam, delete, func, insert, select, update

from directory.database import Question, Reading, Writing
from directory.faults import Fault
from directory.pki.certificates import REVOKED, describe, fingerprint
from directory.record import record
from directory.tables import certificate, issuer, issuer_crl
from security.authority.issuing import Issuer, is_issued_by, is_pair
from security.authority.key_places import Safe, is_place, open_key
from security.authority.profiles import NOWHERE, places_under
from security.authority.responder import Known
from security.authority.revocation_lists import Revoked, delta_list, full_list
from security.keys.made import KeyMaker

_ENCODING = Encoding.DER
ROOT, ISSUING = "root", "issuing"
FULL, DELTA = "full", "delta"
HOUR, DAY = 3600, 86_400
# How often lists are made, and for how long whoever has one may rely on it: others reach us again after a long weekend
_EVERY = {FULL: DAY, DELTA: HOUR}
_HOLDS = {FULL: 4 * DAY, DELTA: 6 * HOUR}
# A certificate's end does not take it off the list at once: who was offline is to learn of it
_STAYS_LISTED = 7 * DAY


@dataclass(frozen=True, slots=True)
class IssuerRow:
    id: str
    role: str
    state: str
    fingerprint: str
    key_place: str
    crl_number: int
    crl_due: bool
    created_at: int
    der: bytes = field(repr=False)

    @property
    def certificate(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(self.der)


@dataclass(frozen=True, slots=True)
class Practice:
    """How the city certifies.  ``host`` serves CRLs and answers; without one, certificates do not say where to ask."""

    host: str = ""
    organization: str = ""
    country: str = "VN"
    key_kind: str = "rsa2048"
    days: int = 730
    renew_days: int = 60


@dataclass(frozen=True, slots=True)
class Certifier:
    """An authority that is open: it issues, for keys that ``keys`` makes."""

    row: IssuerRow
    issuer: Issuer
    keys: KeyMaker = field(repr=False)
    practice: Practice


@dataclass(frozen=True, slots=True)
class PublishedCrl:
    kind: str
    number: int
    this_update: int
    next_update: int
    der: bytes = field(repr=False)


_COLUMNS = (
    issuer.c.id,
    issuer.c.role,
    issuer.c.state,
    issuer.c.fingerprint,
    issuer.c.key_place,
    issuer.c.crl_number,
    issuer.c.crl_due,
    issuer.c.created_at,
    issuer.c.der,
)
_CRL_COLUMNS = (
    issuer_crl.c.kind,
    issuer_crl.c.number,
    issuer_crl.c.this_update,
    issuer_crl.c.next_update,
    issuer_crl.c.der,
)
_ALL = Question(select(*_COLUMNS).order_by(issuer.c.role, issuer.c.created_at.desc(), issuer.c.id.desc()))
_CRL = Question(
    select(*_CRL_COLUMNS).where(issuer_crl.c.issuer_id == bindparam("issuer"), issuer_crl.c.kind == bindparam("kind"))
)
_KNOWN = Question(
    select(certificate.c.state, certificate.c.revoked_at, certificate.c.revocation_reason).where(
        certificate.c.issuer_id == bindparam("issuer"), certificate.c.serial == bindparam("serial")
    )
)


def list_issuers(conn: Reading | Writing) -> list[IssuerRow]:
    """Those who issue before roots; of each, the newest first."""
    return [IssuerRow(*row) for row in conn.rows(_ALL)]


def active_issuer(conn: Reading | Writing) -> IssuerRow:
    """Who issues today.  Raises Fault."""
    found = [row for row in list_issuers(conn) if row.role == ISSUING and row.state == "active"]
    if not found:
        raise Fault("issuer-none")
    return found[0]


def crl_of(conn: Reading | Writing, issuer_id: str, kind: str = FULL) -> PublishedCrl | None:
    row = conn.row(_CRL, issuer=issuer_id, kind=kind)
    return PublishedCrl(*row) if row else None


def install(
    conn: Writing,
    actor: str,
    *,
    root: x509.Certificate,
    issuing: x509.Certificate,
    root_crl: bytes,
    key_place: str,
    safe: Safe,
) -> IssuerRow:
    """Begin to issue with a certificate that the root has given; who issued before is retired.

    Raises Fault, KeyFault.
    """
    if not is_issued_by(issuing, root) or not is_issued_by(root, root):
        raise Fault("issuer-foreign", subject=issuing.subject.rfc4514_string())
    if not _may_issue(issuing) or issuing.not_valid_after_utc.timestamp() < conn.now:
        raise Fault("issuer-unfit", subject=issuing.subject.rfc4514_string())
    if not is_place(key_place) or not is_pair(issuing, open_key(safe, key_place)):
        raise Fault("issuer-key", place=key_place)
    known = {row.fingerprint: row for row in list_issuers(conn)}
    root_row = known.get(fingerprint(_der(root))) or _add(conn, root, ROOT, "")
    take_crl(conn, actor, root_row, root_crl)
    if fingerprint(_der(issuing)) in known:
        raise Fault("issuer-exists", subject=issuing.subject.rfc4514_string())
    conn.execute(update(issuer).where(issuer.c.role == ISSUING).values(state="retired"))
    row = _add(conn, issuing, ISSUING, key_place)
    record(conn, actor, "issuer.install", issuing.subject.rfc4514_string(), fingerprint=row.fingerprint, key=key_place)
    return row


def is_list_of(octets: bytes, row: IssuerRow) -> bool:
    """Whether a CRL bears an authority's name."""
    try:
        return x509.load_der_x509_crl(octets).issuer == row.certificate.subject
    except ValueError:
        return False


def count_certificates(conn: Reading | Writing) -> list[tuple[str, str, int]]:
    """By purpose and state."""
    chosen = select(certificate.c.purpose, certificate.c.state, func.count().label("total"))
    grouped = chosen.group_by(certificate.c.purpose, certificate.c.state)
    ordered = grouped.order_by(certificate.c.purpose, certificate.c.state)
    return [(row.purpose, row.state, row.total) for row in conn.execute(ordered)]


def take_crl(conn: Writing, actor: str, row: IssuerRow, octets: bytes) -> None:
    """A CRL that was made where the key is, offline.  What it lists is ours no more.  Raises Fault."""
    try:
        read = x509.load_der_x509_crl(octets)
        number = read.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        public_key = row.certificate.public_key()
        is_ours = read.issuer == row.certificate.subject and read.is_signature_valid(public_key)  # type: ignore[arg-type]
    except (ValueError, TypeError, x509.ExtensionNotFound) as fault:
        raise Fault("crl-unfit", why=str(fault)) from None
    if not is_ours or read.next_update_utc is None:
        raise Fault("crl-unfit", why="signature, issuer or nextUpdate")
    if number < row.crl_number:
        raise Fault("crl-unfit", why=f"number {number} < {row.crl_number}")
    listed = {entry.serial_number for entry in read}
    for other in list_issuers(conn):
        if other.id != row.id and other.certificate.serial_number in listed and other.state == "active":
            conn.execute(update(issuer).where(issuer.c.id == other.id).values(state="retired"))
            record(conn, actor, "issuer.revoked", other.certificate.subject.rfc4514_string())
    _keep(conn, row.id, FULL, number, read)
    conn.execute(update(issuer).where(issuer.c.id == row.id).values(crl_number=number, crl_due=False))
    record(conn, actor, "issuer.crl", row.certificate.subject.rfc4514_string(), number=number)


def open_certifier(row: IssuerRow, safe: Safe, keys: KeyMaker, practice: Practice) -> Certifier:
    """Raises Fault, KeyFault."""
    read = row.certificate
    key = open_key(safe, row.key_place)
    if not is_pair(read, key):
        raise Fault("issuer-key", place=row.key_place)
    return Certifier(
        row, Issuer(read, key, places_under(practice.host, row.der) if practice.host else NOWHERE), keys, practice
    )


def crls_due(conn: Reading | Writing) -> list[IssuerRow]:
    """Whose lists are to be made: something was revoked, or one is an hour or a day old."""
    return [row for row in list_issuers(conn) if row.key_place and (row.crl_due or _kinds_due(conn, row))]


def publish_crls(conn: Writing, actor: str, certifier: Certifier, *, anew: bool = False) -> list[PublishedCrl]:
    """Make the lists that are due, or both (``anew``).  Raises Fault."""
    rows = [row for row in list_issuers(conn) if row.id == certifier.row.id]
    row = rows[0]
    kinds = (FULL, DELTA) if anew else _kinds_due(conn, row) or ((DELTA,) if row.crl_due else ())
    made: list[PublishedCrl] = []
    number = row.crl_number
    now = datetime.fromtimestamp(conn.now, UTC)
    for kind in kinds:
        until = datetime.fromtimestamp(conn.now + _HOLDS[kind], UTC)
        number += 1
        if kind == FULL:
            read = full_list(certifier.issuer, _revoked(conn, row.id), number=number, now=now, next_update=until)
        else:
            base = crl_of(conn, row.id)
            assert base is not None  # full ones are made first
            since = _revoked(conn, row.id, since=base.this_update)
            read = delta_list(certifier.issuer, since, number=number, base=base.number, now=now, next_update=until)
        made.append(_keep(conn, row.id, kind, number, read))
    if made:
        conn.execute(update(issuer).where(issuer.c.id == row.id).values(crl_number=number, crl_due=False))
        told = ", ".join(f"{each.kind} {each.number}" for each in made)
        record(conn, actor, "issuer.crl", row.certificate.subject.rfc4514_string(), lists=told)
    return made


def register(conn: Reading | Writing, issuer_id: str, serial: int) -> Known | None:
    """What is known of a serial number, for who answers (OCSP)."""
    row = conn.row(_KNOWN, issuer=issuer_id, serial=f"{serial:x}")
    if row is None:
        return None
    state, revoked_at, reason = row
    if state != REVOKED:
        return Known()
    return Known(Revoked(serial, datetime.fromtimestamp(revoked_at, UTC), reason))


def _kinds_due(conn: Reading | Writing, row: IssuerRow) -> tuple[str, ...]:
    found = {kind: crl_of(conn, row.id, kind) for kind in (FULL, DELTA)}
    due = [kind for kind, crl in found.items() if crl is None or crl.this_update + _EVERY[kind] <= conn.now]
    # a new base wants a delta that builds on it
    return (FULL, DELTA) if FULL in due else tuple(due)


def _revoked(conn: Reading | Writing, issuer_id: str, since: int = 0) -> Sequence[Revoked]:
    chosen = (
        select(certificate.c.serial, certificate.c.revoked_at, certificate.c.revocation_reason)
        .where(
            certificate.c.issuer_id == issuer_id,
            certificate.c.state == REVOKED,
            # in the very second of the base it may have come too late for it
            certificate.c.revoked_at >= since,
            certificate.c.not_after >= conn.now - _STAYS_LISTED,
        )
        .order_by(certificate.c.revoked_at, certificate.c.serial)
    )
    return [
        Revoked(int(row.serial, 16), datetime.fromtimestamp(row.revoked_at, UTC), row.revocation_reason)
        for row in conn.execute(chosen)
    ]


def _keep(conn: Writing, issuer_id: str, kind: str, number: int, read: x509.CertificateRevocationList) -> PublishedCrl:
    assert read.next_update_utc is not None
    kept = PublishedCrl(
        kind,
        number,
        int(read.last_update_utc.timestamp()),
        int(read.next_update_utc.timestamp()),
        read.public_bytes(_ENCODING),
    )
    conn.execute(delete(issuer_crl).where(issuer_crl.c.issuer_id == issuer_id, issuer_crl.c.kind == kind))
    values = {"kind": kind, "number": number, "this_update": kept.this_update, "next_update": kept.next_update}
    conn.execute(insert(issuer_crl), values | {"issuer_id": issuer_id, "der": kept.der})
    return kept


def _add(conn: Writing, read: x509.Certificate, role: str, key_place: str) -> IssuerRow:
    der = _der(read)
    row = IssuerRow(conn.new_id(), role, "active", describe(der)["fingerprint"], key_place, 0, False, conn.now, der)
    values = {name: getattr(row, name) for name in IssuerRow.__slots__}
    conn.execute(insert(issuer), values)
    return row


def _may_issue(read: x509.Certificate) -> bool:
    try:
        constraints = read.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = read.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return constraints.ca and usage.key_cert_sign and usage.crl_sign


def _der(read: x509.Certificate) -> bytes:
    return read.public_bytes(_ENCODING)
