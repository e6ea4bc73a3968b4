"""The root authority, in a folder that lies in a safe: founded, used and put away on a machine without network.

    root.key   its key, encrypted           root.pem   its certificate
    root.crl   what it has revoked; it knows nothing else of what it ever signed

Standards: RFC 5280 §3.3, §5; RFC 2986; RFC 5958.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from security.authority.issuing import Issuer, issue, make_root, public_key_of
from security.authority.key_kinds import KeyFault
from security.authority.key_places import Safe, make_key_at, open_key
from security.authority.local import write_whole
from security.authority.names import subject
from security.authority.profiles import ISSUING, NOWHERE, Places, places_under
from security.authority.revocation_lists import REASONS, Revoked, full_list

_PLACE = "file:root.key"
# The folder is opened twice a year: its list must last until then, and a while longer
CRL_DAYS = 210


def found(
    folder: Path,
    passphrase: bytes,
    *,
    name: str,
    organization: str,
    country: str,
    kind: str,
    serial: int,
    now: datetime,
) -> x509.Certificate:
    """Raises KeyFault where a root is already."""
    key = make_key_at(Safe(folder, passphrase), _PLACE, kind)
    certificate = make_root(key, subject(name, organization=organization, country=country), serial=serial, now=now)
    write_whole(folder / "root.pem", certificate.public_bytes(Encoding.PEM), 0o644)
    _write_list(folder, Issuer(certificate, key), [], 1, now)
    return certificate


def sign(
    folder: Path, passphrase: bytes, request: x509.CertificateSigningRequest, *, host: str, serial: int, now: datetime
) -> x509.Certificate:
    """An issuing authority's certificate, as ``host`` will serve the root's CRL.  Raises KeyFault, RequestFault."""
    opened = _open(folder, passphrase)
    places = places_under(host, opened.certificate.public_bytes(Encoding.DER)) if host else NOWHERE
    # a root gives no answers, and has no delta lists
    issuer = Issuer(opened.certificate, opened.key, Places(crls=places.crls, certificates=places.certificates))
    return issue(issuer, ISSUING, public_key_of(request), subject=request.subject, serial=serial, now=now)


def renew_list(
    folder: Path, passphrase: bytes, revoke: Sequence[x509.Certificate], *, reason: str, now: datetime
) -> x509.CertificateRevocationList:
    """A new CRL: what the last one lists, and these.  Raises KeyFault."""
    issuer = _open(folder, passphrase)
    try:
        last = x509.load_der_x509_crl((folder / "root.crl").read_bytes())
    except (OSError, ValueError) as fault:
        raise KeyFault(f"{folder / 'root.crl'}: {fault}") from None
    listed = {entry.serial_number: _revoked(entry) for entry in last}
    for certificate in revoke:
        if certificate.issuer != issuer.certificate.subject:
            raise KeyFault(f"{certificate.subject.rfc4514_string()} is not of this root")
        listed.setdefault(certificate.serial_number, Revoked(certificate.serial_number, now, reason))
    number = last.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number + 1
    return _write_list(folder, issuer, list(listed.values()), number, now)


def _open(folder: Path, passphrase: bytes) -> Issuer:
    try:
        certificate = x509.load_pem_x509_certificate((folder / "root.pem").read_bytes())
    except (OSError, ValueError) as fault:
        raise KeyFault(f"{folder / 'root.pem'}: {fault}") from None
    return Issuer(certificate, open_key(Safe(folder, passphrase), _PLACE))


def _write_list(
    folder: Path, issuer: Issuer, revoked: Sequence[Revoked], number: int, now: datetime
) -> x509.CertificateRevocationList:
    made = full_list(issuer, revoked, number=number, now=now, next_update=now + timedelta(days=CRL_DAYS))
    write_whole(folder / "root.crl", made.public_bytes(Encoding.DER), 0o644)
    return made


def _revoked(entry: x509.RevokedCertificate) -> Revoked:
    try:
        flag = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        flag = x509.ReasonFlags.unspecified
    return Revoked(
        entry.serial_number, entry.revocation_date_utc, {value: name for name, value in REASONS.items()}[flag]
    )
