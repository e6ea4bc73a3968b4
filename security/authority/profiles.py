"""What each kind of certificate holds: a table, and the extensions made from it.

A person and a unit's mailbox have two certificates each, for a key that signs must never be copied and one that
decrypts must never be lost.  Signing: digitalSignature and contentCommitment (nonRepudiation); encryption:
keyEncipherment with RSA, keyAgreement with elliptic curves (RFC 5480 §3, RFC 4055 §1.2, RFC 8410 §5).  The second tells
besides what may be written with it: whoever holds the key reads by this program, which knows AES-GCM.

Standards: RFC 5280 §4.2; RFC 8550 §4.4; RFC 6960 §4.2.2.2.1 (nocheck); RFC 4262 (capabilities).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, ObjectIdentifier

from security.cms import write_capabilities


@dataclass(frozen=True, slots=True)
class Profile:
    """``usages`` are names of arguments of ``x509.KeyUsage``; the others are added for keys of their kind only."""

    name: str
    days: int
    usages: frozenset[str] = frozenset()
    usages_rsa: frozenset[str] = frozenset()
    usages_ec: frozenset[str] = frozenset()
    extended: tuple[ObjectIdentifier, ...] = ()
    path_length: int | None = None  # of an authority
    is_authority: bool = False
    is_looked_up: bool = True  # tells where its revocations are published
    tells_capabilities: bool = False  # of the program that opens what is encrypted for it


_CAPABILITIES = ObjectIdentifier("1.2.840.113549.1.9.15")
_SIGNS = frozenset({"key_cert_sign", "crl_sign"})

ROOT = Profile("root", 7300, _SIGNS, is_authority=True, is_looked_up=False)
# Root and issuer in one, for a server's own TLS
LOCAL = Profile("local", 3650, _SIGNS, is_authority=True, path_length=0, is_looked_up=False)
ISSUING = Profile("issuing", 3650, _SIGNS, is_authority=True, path_length=0)
SIGNING = Profile(
    "signing",
    730,
    frozenset({"digital_signature", "content_commitment"}),
    extended=(ExtendedKeyUsageOID.EMAIL_PROTECTION,),
)
ENCRYPTION = Profile(
    "encryption",
    730,
    usages_rsa=frozenset({"key_encipherment"}),
    usages_ec=frozenset({"key_agreement"}),
    extended=(ExtendedKeyUsageOID.EMAIL_PROTECTION,),
    tells_capabilities=True,
)
# Short, for nobody asks whether it was revoked: who steals it answers for a month
OCSP = Profile(
    "ocsp",
    30,
    frozenset({"digital_signature"}),
    extended=(ExtendedKeyUsageOID.OCSP_SIGNING,),
    is_looked_up=False,
)
TLS = Profile("tls", 397, frozenset({"digital_signature"}), extended=(ExtendedKeyUsageOID.SERVER_AUTH,))

_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True, slots=True)
class Places:
    """Where an issuer publishes: its CRLs, the deltas to them, its own certificate, and answers (RFC 6960)."""

    crls: tuple[str, ...] = ()
    deltas: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    responders: tuple[str, ...] = ()


NOWHERE = Places()


def places_under(host: str, certificate: bytes) -> Places:
    """Where the authority with this certificate (DER) publishes: under its own name, so that what another publishes
    after it stands beside it.  Over plain HTTP: to check the server's certificate, one would need another list.
    """
    stem = f"http://{host}/pki/{sha256(certificate).hexdigest()[:16]}"
    return Places((f"{stem}.crl",), (f"{stem}-delta.crl",), (f"{stem}.cer",), (f"http://{host}/ocsp",))


@dataclass(frozen=True, slots=True)
class Extension:
    value: x509.ExtensionType
    critical: bool = False


def extensions_of(
    profile: Profile,
    public_key: CertificatePublicKeyTypes,
    issuer_key: x509.AuthorityKeyIdentifier,
    names: Sequence[x509.GeneralName],
    *,
    has_subject: bool,
    places: Places,
) -> list[Extension]:
    """RFC 5280 §4.2, for a certificate of this profile."""
    usages = profile.usages | (
        profile.usages_rsa
        if isinstance(public_key, rsa.RSAPublicKey)
        else profile.usages_ec
        if isinstance(public_key, (ec.EllipticCurvePublicKey, x25519.X25519PublicKey))
        else frozenset()
    )
    found = [
        Extension(key_usage(usages), critical=True),
        Extension(x509.SubjectKeyIdentifier.from_public_key(public_key)),
        Extension(issuer_key),
    ]
    if profile.is_authority:
        # not in an end entity's (RFC 8550 §4.4.1)
        found.append(Extension(x509.BasicConstraints(ca=True, path_length=profile.path_length), critical=True))
    if profile.extended:
        found.append(Extension(x509.ExtendedKeyUsage(profile.extended)))
    if names:
        # critical where there is no subject beside it (RFC 5280 §4.2.1.6)
        found.append(Extension(x509.SubjectAlternativeName(names), critical=not has_subject))
    if profile.tells_capabilities:
        found.append(Extension(x509.UnrecognizedExtension(_CAPABILITIES, write_capabilities())))
    if profile == OCSP:
        found.append(Extension(x509.OCSPNoCheck()))
    if profile.is_looked_up:
        found += _published(places)
    return found


def key_usage(usages: frozenset[str]) -> x509.KeyUsage:
    return x509.KeyUsage(**{name: name in usages for name in _USAGES})


def distribution_points(urls: Sequence[str]) -> list[x509.DistributionPoint]:
    """One point that may be had in several places (RFC 5280 §4.2.1.13)."""
    names = [x509.UniformResourceIdentifier(url) for url in urls]
    return [x509.DistributionPoint(names, None, None, None)] if names else []


def _published(places: Places) -> list[Extension]:
    found = []
    if places.crls:
        found.append(Extension(x509.CRLDistributionPoints(distribution_points(places.crls))))
    access = [
        x509.AccessDescription(method, x509.UniformResourceIdentifier(url))
        for method, urls in (
            (AuthorityInformationAccessOID.OCSP, places.responders),
            (AuthorityInformationAccessOID.CA_ISSUERS, places.certificates),
        )
        for url in urls
    ]
    if access:
        found.append(Extension(x509.AuthorityInformationAccess(access)))
    return found
