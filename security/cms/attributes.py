"""What a signer signs besides the content: its digest, when, with which certificate, and what may be sent back.

Standards: RFC 5652 §5.3, §11; RFC 8551 §2.5; RFC 5035 §3, §5 (signingCertificateV2), RFC 2634 §5.4 (the older form);
RFC 6211 (algorithm protection).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from asn1crypto import cms

from security.cms import der
from security.cms.algorithms import (
    AES_256_CBC,
    AES_256_GCM,
    CIPHERS,
    DIGEST_BY_NAME,
    RSA_OAEP,
    SignatureScheme,
    digest_identifier,
    read_algorithm,
    read_digest,
    signature_identifier,
)
from security.cms.certificates import Certificate, Identifier, read_identifier
from security.cms.reasons import CmsFault, Reason, malformed

DATA = "1.2.840.113549.1.7.1"
_CONTENT_TYPE = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
_SIGNING_TIME = "1.2.840.113549.1.9.5"
_CAPABILITIES = "1.2.840.113549.1.9.15"
_SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
_SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
_KEY_PREFERENCE = "1.2.840.113549.1.9.16.2.11"
_PROTECTION = "1.2.840.113549.1.9.52"
# RFC 5652 §11, RFC 8551 §2.5: at most one, with one value
_SINGLE = frozenset(
    {
        _CONTENT_TYPE,
        _MESSAGE_DIGEST,
        _SIGNING_TIME,
        _CAPABILITIES,
        _SIGNING_CERTIFICATE,
        _SIGNING_CERTIFICATE_V2,
        _KEY_PREFERENCE,
        _PROTECTION,
    }
)
_MOST = 64
_CAPABILITY_NAMES = {oid: cipher.name for oid, cipher in CIPHERS.items()} | {RSA_OAEP: "rsa-oaep"}
# What we say we can read, best first (RFC 8551 §2.5.2).
_OURS = (AES_256_GCM.oid, AES_256_CBC.oid, "2.16.840.1.101.3.4.1.6", "2.16.840.1.101.3.4.1.2")


@dataclass(frozen=True, slots=True)
class SigningCertificate:
    """The certificate that the signer says he used."""

    digest: str
    hash: bytes

    def is_(self, certificate: Certificate) -> bool:
        return hashlib.new(self.digest, certificate.octets, usedforsecurity=False).digest() == self.hash


@dataclass(frozen=True, slots=True)
class SignedAttributes:
    content_type: str
    message_digest: bytes
    signing_time: datetime | None = None
    capabilities: frozenset[str] = frozenset()
    signing_certificate: SigningCertificate | None = None
    encryption_certificate: Identifier | None = None


def read_attributes(octets: bytes, digest_algorithm: bytes, signature_algorithm: bytes) -> SignedAttributes:
    """``octets``: SET OF Attribute.  The two algorithms are the signer's, which RFC 6211 protects.  Raises CmsFault."""
    values = demand_attributes(octets)
    if _PROTECTION in values:
        _check_protection(values[_PROTECTION], digest_algorithm, signature_algorithm)
    return SignedAttributes(
        der.dotted(values[_CONTENT_TYPE].content),
        values[_MESSAGE_DIGEST].content,
        _read_time(values[_SIGNING_TIME]) if _SIGNING_TIME in values else None,
        _capabilities(values[_CAPABILITIES].octets) if _CAPABILITIES in values else frozenset(),
        _read_signing_certificate(values),
        _read_preference(values[_KEY_PREFERENCE]) if _KEY_PREFERENCE in values else None,
    )


def demand_attributes(octets: bytes) -> dict[str, der.Element]:
    """What a signer of mail signs, and nothing else: raises CmsFault for what lacks RFC 5652 §5.3's two attributes."""
    values = _values(octets)
    if _CONTENT_TYPE not in values or _MESSAGE_DIGEST not in values:
        raise CmsFault(Reason.ATTRIBUTES_WRONG, "the content's type and digest are not both signed")
    _expect(values[_CONTENT_TYPE], der.OID)
    _expect(values[_MESSAGE_DIGEST], der.OCTET_STRING)
    return values


def message_digest(octets: bytes) -> bytes:
    """Of the content that is signed with these.  Raises CmsFault."""
    return demand_attributes(octets)[_MESSAGE_DIGEST].content


def _values(octets: bytes) -> dict[str, der.Element]:
    """The value of each attribute of which there may be but one; the others are nobody's business here."""
    found: dict[str, der.Element] = {}
    for count, attribute in enumerate(der.elements(der.one(octets, der.SET).content)):
        parts = attribute.parts()
        if count >= _MOST or [part.tag for part in parts] != [der.OID, der.SET]:
            raise CmsFault(Reason.ATTRIBUTES_WRONG, "the signed attributes cannot be read")
        oid = der.dotted(parts[0].content)
        if oid in _SINGLE:
            values = parts[1].parts()
            if oid in found or len(values) != 1:
                raise CmsFault(Reason.ATTRIBUTES_WRONG, f"the attribute {oid} has not one value")
            found[oid] = values[0]
    return found


def _expect(value: der.Element, tag: int) -> None:
    if value.tag != tag:
        raise CmsFault(Reason.ATTRIBUTES_WRONG, "a signed attribute is of another type than it should be")


def _check_protection(value: der.Element, digest_algorithm: bytes, signature_algorithm: bytes) -> None:
    """RFC 6211 §2: what is said outside the signature has to be what is said inside."""
    inside = {part.tag: part for part in value.parts()}
    signature = inside.get(0xA1)
    if (
        der.SEQUENCE not in inside
        or signature is None
        or read_algorithm(inside[der.SEQUENCE])[0] != read_algorithm(der.one(digest_algorithm, der.SEQUENCE))[0]
        or signature.content != der.one(signature_algorithm, der.SEQUENCE).content
    ):
        raise CmsFault(Reason.ATTRIBUTES_WRONG, "the algorithms are not those that were signed")


def _read_time(value: der.Element) -> datetime | None:
    """RFC 8551 §2.5.1: UTCTime or GeneralizedTime; None for what is neither, as it proves nothing anyway."""
    try:
        found = cms.Time.load(value.octets, strict=True).native
    except (ValueError, TypeError, KeyError):
        return None
    return found if isinstance(found, datetime) else None  # asn1crypto has a class of its own for the year 0


def _capabilities(octets: bytes) -> frozenset[str]:
    """RFC 8551 §2.5.2: what is not understood there is no fault of the signature's."""
    try:
        return read_capabilities(octets)
    except CmsFault:
        return frozenset()


def read_capabilities(octets: bytes) -> frozenset[str]:
    """The names of those that are known (RFC 8551 §2.5.2): of ciphers, and ``rsa-oaep``."""
    found = set()
    for capability in der.one(octets, der.SEQUENCE).parts():
        oid, _ = read_algorithm(capability)
        if oid in _CAPABILITY_NAMES:
            found.add(_CAPABILITY_NAMES[oid])
    return frozenset(found)


def write_capabilities() -> bytes:
    """What this package reads; also for certificates (RFC 4262)."""
    return der.element(der.SEQUENCE, *(der.element(der.SEQUENCE, der.oid(oid)) for oid in _OURS))


def _read_signing_certificate(values: dict[str, der.Element]) -> SigningCertificate | None:
    """The first of them is the signer's (RFC 5035 §5.4); the others restrict the path, which is the judge's."""
    is_new = _SIGNING_CERTIFICATE_V2 in values
    value = values.get(_SIGNING_CERTIFICATE_V2) or values.get(_SIGNING_CERTIFICATE)
    if value is None:
        return None
    lists = value.parts()
    named = lists[0].parts() if lists else []
    parts = named[0].parts() if named else []
    digest = "sha256" if is_new else "sha1"
    if is_new and parts and parts[0].tag == der.SEQUENCE:
        digest = read_digest(parts.pop(0)).name
    if not parts or parts[0].tag != der.OCTET_STRING:
        raise CmsFault(Reason.ATTRIBUTES_WRONG, "the signing certificate's hash cannot be read")
    return SigningCertificate(digest, parts[0].content)


def _read_preference(value: der.Element) -> Identifier:
    """RFC 8551 §2.5.3: [0] IssuerAndSerialNumber, [1] RecipientKeyIdentifier, [2] SubjectKeyIdentifier."""
    if value.tag == 0xA1:
        parts = value.parts()
        if not parts or parts[0].tag != der.OCTET_STRING:
            raise malformed("the preferred key cannot be read")
        return Identifier(key_identifier=parts[0].content)
    return read_identifier(value, key_identifier_tag=0x82)


def write_attributes(
    digest: bytes, scheme: SignatureScheme, certificate: Certificate, encryption: bytes | None, at: datetime
) -> bytes:
    """SET OF Attribute in DER, all of RFC 8551 §2.5.  ``encryption``: the certificate to answer to, if another."""
    moment = at.astimezone(UTC)
    # RFC 8551 §2.5.1: UTCTime through 2049
    time = (0x17, f"{moment:%y%m%d%H%M%S}Z") if moment.year < 2050 else (0x18, f"{moment:%Y%m%d%H%M%S}Z")
    hashed = der.element(der.OCTET_STRING, hashlib.sha256(certificate.octets).digest())
    # RFC 5035 §4: without a hashAlgorithm it is SHA-256, and DER leaves out what is the default
    issuer = der.element(der.SEQUENCE, der.element(0xA4, certificate.issuer))
    serial = der.one(certificate.identifier, der.SEQUENCE).parts()[1].octets
    named = der.element(der.SEQUENCE, hashed, der.element(der.SEQUENCE, issuer, serial))
    protection = der.one(signature_identifier(scheme), der.SEQUENCE).content
    attributes: Sequence[tuple[str, bytes]] = (
        (_CONTENT_TYPE, der.oid(DATA)),
        (_MESSAGE_DIGEST, der.element(der.OCTET_STRING, digest)),
        (_SIGNING_TIME, der.element(time[0], time[1].encode("ascii"))),
        (_CAPABILITIES, write_capabilities()),
        (_SIGNING_CERTIFICATE_V2, der.element(der.SEQUENCE, der.element(der.SEQUENCE, named))),
        (
            _PROTECTION,
            der.element(
                der.SEQUENCE,
                digest_identifier(DIGEST_BY_NAME[scheme.digest.name]),
                der.element(0xA1, protection),
            ),
        ),
    )
    if encryption is not None:
        preferred = der.one(Certificate(encryption).identifier, der.SEQUENCE).content
        attributes = (*attributes, (_KEY_PREFERENCE, der.element(0xA0, preferred)))
    return der.set_of(
        [der.element(der.SEQUENCE, der.oid(oid), der.element(der.SET, value)) for oid, value in attributes]
    )
