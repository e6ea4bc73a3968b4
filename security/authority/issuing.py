"""Making certificates.

Pure: the moment, the serial number and the keys are arguments.  A serial number is up to 20 octets of which most must
be random (RFC 5280 §4.1.2.2): ``serial_from`` makes one of random bits.

Standards: RFC 5280 §4.1; RFC 2986 (requests); RFC 5754 and RFC 8551 §2.2 (SHA-256 throughout).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes, CertificatePublicKeyTypes

from security.authority.profiles import NOWHERE, ROOT, Places, Profile, extensions_of

# Clocks differ: what was issued just now must hold for who is a little behind
_BACKDATED = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Issuer:
    """An authority that can sign; ``places`` is where it publishes what belongs to the certificates it issues."""

    certificate: x509.Certificate
    key: CertificateIssuerPrivateKeyTypes = field(repr=False)
    places: Places = NOWHERE

    @property
    def key_identifier(self) -> x509.AuthorityKeyIdentifier:
        """The subject's, as it stands in its certificate, whoever made it up (RFC 5280 §4.2.1.1)."""
        try:
            own = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        except x509.ExtensionNotFound:
            return x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


class RequestFault(Exception):
    """A request for a certificate is not signed by the key in it, or has none that we certify."""


def serial_from(random_bits: int) -> int:
    """A serial number of 159 bits, positive and never nought, from at least as many random ones."""
    return (random_bits & ((1 << 158) - 1)) | (1 << 158)


def make_root(
    key: CertificateIssuerPrivateKeyTypes, name: x509.Name, *, serial: int, now: datetime, profile: Profile = ROOT
) -> x509.Certificate:
    """A self-signed authority."""
    until = now + timedelta(days=profile.days)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    return _build(profile, key, name, identifier, name, key.public_key(), (), NOWHERE, serial, now, until)


def issue(
    issuer: Issuer,
    profile: Profile,
    public_key: CertificatePublicKeyTypes,
    *,
    subject: x509.Name,
    names: Sequence[x509.GeneralName] = (),
    serial: int,
    now: datetime,
    days: int | None = None,
) -> x509.Certificate:
    """It never outlives its issuer; ``days``: another life than the profile's."""
    until = min(now + timedelta(days=days or profile.days), issuer.certificate.not_valid_after_utc)
    return _build(
        profile,
        issuer.key,
        issuer.certificate.subject,
        issuer.key_identifier,
        subject,
        public_key,
        names,
        issuer.places,
        serial,
        now,
        until,
    )


def _build(
    profile: Profile,
    key: CertificateIssuerPrivateKeyTypes,
    issuer_name: x509.Name,
    issuer_key: x509.AuthorityKeyIdentifier,
    subject: x509.Name,
    public_key: CertificatePublicKeyTypes,
    names: Sequence[x509.GeneralName],
    places: Places,
    serial: int,
    now: datetime,
    until: datetime,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer_name)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(until)
    )
    for extension in extensions_of(
        profile, public_key, issuer_key, names, has_subject=bool(list(subject)), places=places
    ):
        builder = builder.add_extension(extension.value, extension.critical)
    return builder.sign(key, hashes.SHA256())


def make_request(key: CertificateIssuerPrivateKeyTypes, subject: x509.Name) -> x509.CertificateSigningRequest:
    """What an issuing authority takes to the root (RFC 2986)."""
    return x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())


def public_key_of(request: x509.CertificateSigningRequest) -> CertificatePublicKeyTypes:
    """The key in a request whose maker has its private half.  Raises RequestFault."""
    if not request.is_signature_valid:
        raise RequestFault("it is not signed by the key in it")
    key = request.public_key()
    if not isinstance(key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)):
        raise RequestFault("its key is neither RSA nor of an elliptic curve")
    return key


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's name and signature are on it; nothing is said of its validity."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def is_pair(certificate: x509.Certificate, key: object) -> bool:
    """Whether this private key is the certificate's."""
    public = getattr(key, "public_key", None)
    return public is not None and public() == certificate.public_key()
