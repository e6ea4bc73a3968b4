"""CRLs and delta CRLs: which of an issuer's certificates hold no longer.

Standards: RFC 5280 §5 (profile), §5.2.3 (one sequence of numbers for full and delta lists), §5.2.4 (delta CRLs),
§5.2.6 (where the deltas are), §5.3.1 (reasons; unspecified is left out).
Limits: the issuer signs its own lists, whole and for all reasons; no certificate is ever on hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from security.authority.issuing import Issuer
from security.authority.profiles import distribution_points

REASONS = {
    "unspecified": x509.ReasonFlags.unspecified,
    "key-compromise": x509.ReasonFlags.key_compromise,
    "ca-compromise": x509.ReasonFlags.ca_compromise,
    "affiliation-changed": x509.ReasonFlags.affiliation_changed,
    "superseded": x509.ReasonFlags.superseded,
    "cessation-of-operation": x509.ReasonFlags.cessation_of_operation,
    "privilege-withdrawn": x509.ReasonFlags.privilege_withdrawn,
}


@dataclass(frozen=True, slots=True)
class Revoked:
    serial: int
    at: datetime
    reason: str = "unspecified"


def full_list(
    issuer: Issuer, revoked: Iterable[Revoked], *, number: int, now: datetime, next_update: datetime
) -> x509.CertificateRevocationList:
    builder = _begin(issuer, revoked, number, now, next_update)
    if issuer.places.deltas:
        builder = builder.add_extension(x509.FreshestCRL(distribution_points(issuer.places.deltas)), critical=False)
    return builder.sign(issuer.key, hashes.SHA256())


def delta_list(
    issuer: Issuer, revoked: Iterable[Revoked], *, number: int, base: int, now: datetime, next_update: datetime
) -> x509.CertificateRevocationList:
    """What was revoked since the full list with the number ``base``."""
    builder = _begin(issuer, revoked, number, now, next_update)
    return builder.add_extension(x509.DeltaCRLIndicator(base), critical=True).sign(issuer.key, hashes.SHA256())


def _begin(
    issuer: Issuer, revoked: Iterable[Revoked], number: int, now: datetime, next_update: datetime
) -> x509.CertificateRevocationListBuilder:
    return (
        # entry by entry, the builder would copy its list each time
        x509.CertificateRevocationListBuilder(revoked_certificates=[_entry(each) for each in revoked])
        .issuer_name(issuer.certificate.subject)
        .last_update(now)
        .next_update(next_update)
        .add_extension(issuer.key_identifier, critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
    )


def _entry(revoked: Revoked) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder().serial_number(revoked.serial).revocation_date(revoked.at)
    if revoked.reason != "unspecified":
        builder = builder.add_extension(x509.CRLReason(REASONS[revoked.reason]), critical=False)
    return builder.build()
