"""Signed data: what stands in it, and whether a signer's signature fits a content.

Standards: RFC 5652 §3, §5; RFC 8551 §2.4.2, §2.5; RFC 8933; RFC 8550 §4.2 (how the signer's certificate is found).
Limits: ``MOST_SIGNERS`` signers, ``MOST_CERTIFICATES`` certificates and as many CRLs.
"""

from __future__ import annotations

import hashlib
import hmac
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from security.cms import der
from security.cms.algorithms import SignatureScheme, read_digest, read_signature_scheme
from security.cms.attributes import DATA, SignedAttributes, read_attributes
from security.cms.ber import Reader
from security.cms.certificates import Certificate, Identifier, read_identifier
from security.cms.reasons import CmsFault, Reason, malformed

SIGNED_DATA = "1.2.840.113549.1.7.2"
MOST_SIGNERS = 8
MOST_CERTIFICATES = 64
LARGEST_ATTRIBUTES = 1 << 16
# Several certificates may go by one name; so many are tried.
_MOST_TRIED = 4
_CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1"})


@dataclass(frozen=True, slots=True)
class SignerInfo:
    """``attributes`` as they are hashed: with the tag of a SET; empty if there are none."""

    identifier: Identifier
    digest_algorithm: bytes
    attributes: bytes
    signature_algorithm: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class SignedData:
    """``content`` is None where the signature is detached."""

    content_type: str
    content: bytes | None
    certificates: tuple[bytes, ...]
    crls: tuple[bytes, ...]
    signers: tuple[SignerInfo, ...]


class Content:
    """Octets that were signed, hashed once for each digest; ``canonical`` makes the form to try if they do not fit."""

    def __init__(self, octets: bytes | memoryview, canonical: Callable[[], bytes | None] | None = None) -> None:
        self.octets = octets
        self._canonical = canonical
        self._hashes: dict[str, bytes] = {}

    def hash(self, digest: str) -> bytes:
        if digest not in self._hashes:
            self._hashes[digest] = hashlib.new(digest, self.octets, usedforsecurity=False).digest()
        return self._hashes[digest]

    @cached_property
    def forms(self) -> tuple[Content, ...]:
        other = self._canonical() if self._canonical is not None else None
        return (self,) if other is None else (self, Content(other))


def enter_content_info(reader: Reader) -> str:
    """Go inside; what content type it is (RFC 5652 §3)."""
    reader.enter(der.SEQUENCE)
    oid = der.dotted(der.one(reader.element(der.OID), der.OID).content)
    reader.enter(0xA0)
    return oid


def read_signed(reader: Reader) -> SignedData:
    """Behind ``enter_content_info``.  RFC 5652 §5.1."""
    reader.enter(der.SEQUENCE)
    reader.element(der.INTEGER)
    reader.element(der.SET)  # what the content was hashed with is told by each signer as well
    reader.enter(der.SEQUENCE)
    content_type = der.dotted(der.one(reader.element(der.OID), der.OID).content)
    content: bytes | None = None
    if reader.peek() == 0xA0:
        reader.enter(0xA0)  # EXPLICIT: RFC 5652 §5.2
        kept = io.BytesIO()
        for piece in reader.content(der.OCTET_STRING):
            kept.write(piece)
        content = kept.getvalue()
        reader.leave()
    reader.leave()
    certificates = _octets_of(reader, 0xA0)
    crls = _octets_of(reader, 0xA1)
    reader.enter(der.SET)
    signers: list[SignerInfo] = []
    while reader.peek():
        if len(signers) == MOST_SIGNERS:
            raise CmsFault(Reason.TOO_LARGE, f"more than {MOST_SIGNERS} signers")
        signers.append(_read_signer(reader.element(der.SEQUENCE, has_identifier=True)))
    reader.leave()
    return SignedData(content_type, content, certificates, crls, tuple(signers))


def _octets_of(reader: Reader, tag: int) -> tuple[bytes, ...]:
    """Certificates or CRLs; other choices of theirs (RFC 5652 §10.2.1, §10.2.2) are left out."""
    found: list[bytes] = []
    if reader.peek() == tag:
        reader.enter(tag)
        while following := reader.peek():
            octets = reader.verbatim()
            if following == der.SEQUENCE:
                found.append(octets)
            if len(found) > MOST_CERTIFICATES:
                raise CmsFault(Reason.TOO_LARGE, f"more than {MOST_CERTIFICATES} certificates or CRLs")
        reader.leave()
    return tuple(found)


def _read_signer(octets: bytes) -> SignerInfo:
    """RFC 5652 §5.3."""
    parts = der.one(octets, der.SEQUENCE).parts()
    attributes = b""
    if len(parts) > 3 and parts[3].tag == 0xA0:
        if len(parts[3].octets) > LARGEST_ATTRIBUTES:
            raise CmsFault(Reason.TOO_LARGE, "the signed attributes are too large")
        # RFC 5652 §5.4: hashed as a SET, and otherwise as it was sent
        attributes = bytes((der.SET,)) + parts.pop(3).octets[1:]
    if parts and parts[-1].tag == 0xA1:
        parts.pop()  # nobody has signed these
    if [part.tag for part in parts[2:]] != [der.SEQUENCE, der.SEQUENCE, der.OCTET_STRING]:
        raise malformed("a signer's information cannot be read")
    return SignerInfo(read_identifier(parts[1]), parts[2].octets, attributes, parts[3].octets, parts[4].content)


@dataclass(frozen=True, slots=True)
class Checked:
    """What is known of a signature; ``fault`` is None when it fits."""

    certificate: Certificate | None
    scheme: SignatureScheme | None
    attributes: SignedAttributes | None
    fault: CmsFault | None


def check(signer: SignerInfo, content_type: str, content: Content, candidates: Sequence[Certificate]) -> Checked:
    """Does the signature fit?  ``candidates`` are whatever certificates are at hand: none of them is believed here."""
    known = Checked(None, None, None, None)
    try:
        digest = read_digest(der.one(signer.digest_algorithm, der.SEQUENCE))
        scheme = read_signature_scheme(der.one(signer.signature_algorithm, der.SEQUENCE), digest)
        known = replace(known, scheme=scheme)
        certificates = [one for one in candidates if one.is_meant(signer.identifier)][:_MOST_TRIED]
        known = replace(known, certificate=certificates[0] if certificates else None)
        attributes = None
        if signer.attributes:
            attributes = read_attributes(signer.attributes, signer.digest_algorithm, signer.signature_algorithm)
            known = replace(known, attributes=attributes)
        return replace(known, certificate=_check(signer, scheme, attributes, content_type, content, certificates))
    except CmsFault as fault:
        return replace(known, fault=fault)


def _check(
    signer: SignerInfo,
    scheme: SignatureScheme,
    attributes: SignedAttributes | None,
    content_type: str,
    content: Content,
    certificates: Sequence[Certificate],
) -> Certificate:
    """The certificate that the signature fits."""
    if attributes is None:
        _refuse_stripped(content_type, content)
    elif attributes.content_type != content_type:
        raise CmsFault(Reason.ATTRIBUTES_WRONG, "the content is of another type than the one signed")
    else:
        content = _fitting(content, scheme.digest.name, attributes.message_digest)
    if not certificates:
        raise CmsFault(Reason.CERTIFICATE_MISSING, "the signer's certificate is not at hand")
    if attributes is not None and attributes.signing_certificate is not None:
        # RFC 8550 §4.2: it is the one that counts
        certificates = [one for one in certificates if attributes.signing_certificate.is_(one)]
        if not certificates:
            raise CmsFault(Reason.CERTIFICATE_SUBSTITUTED, "the certificate is not the one that was signed with")
    found = next((one for one in certificates if _fits(one, scheme, signer, content)), None)
    if found is None:
        raise CmsFault(Reason.SIGNATURE_WRONG, "the signature does not fit the certificate's key")
    if not scheme.digest.is_sound:
        raise CmsFault(Reason.WEAK_ALGORITHM, f"a signature over {scheme.digest.name} proves nothing any more")
    return found


def _fitting(content: Content, digest: str, expected: bytes) -> Content:
    """The content in the form that has this hash."""
    if hmac.compare_digest(content.hash(digest), expected):
        return content
    for other in content.forms[1:]:
        if hmac.compare_digest(other.hash(digest), expected):
            return other
    raise CmsFault(Reason.CONTENT_CHANGED, "the content is not the one that was signed")


def _refuse_stripped(content_type: str, content: Content) -> None:
    """A signature over signed attributes fits a content that consists of them.

    So without signed attributes the content must be plain data (RFC 5652 §5.3) and must not be such a set.
    """
    if content_type != DATA:
        raise CmsFault(Reason.ATTRIBUTES_WRONG, "only plain data may be signed without attributes")
    if _is_set_of_attributes(content.octets):
        raise CmsFault(Reason.ATTRIBUTES_STRIPPED, "the content is the signed attributes of something else")


def _is_set_of_attributes(octets: bytes | memoryview) -> bool:
    if octets[:1] != b"\x31" or len(octets) > LARGEST_ATTRIBUTES:
        return False
    try:
        parts = der.one(bytes(octets), der.SET).parts()
        return bool(parts) and all([inner.tag for inner in part.parts()] == [der.OID, der.SET] for part in parts)
    except CmsFault:
        return False


def _fits(certificate: Certificate, scheme: SignatureScheme, signer: SignerInfo, content: Content) -> bool:
    if not signer.attributes:
        if scheme.kind == "ed25519":
            return signature_fits(certificate, scheme, signer.signature, bytes(content.octets))
        digest = scheme.digest.name
        return any(
            signature_fits(certificate, scheme, signer.signature, form.hash(digest), is_hash=True)
            for form in content.forms
        )
    if signature_fits(certificate, scheme, signer.signature, signer.attributes):
        return True
    # RFC 5652 §5.4: what counts is their DER, whose order senders do not always keep
    ordered = der.set_of([part.octets for part in der.one(signer.attributes, der.SET).parts()])
    return ordered != signer.attributes and signature_fits(certificate, scheme, signer.signature, ordered)


def signature_fits(
    certificate: Certificate, scheme: SignatureScheme, signature: bytes, octets: bytes, *, is_hash: bool = False
) -> bool:
    """Whether a certificate's key has signed these octets, or that they hash to (``is_hash``)."""
    key = certificate.public_key
    digest = scheme.digest.hash()
    hashed = utils.Prehashed(digest) if is_hash else digest
    try:
        if isinstance(key, rsa.RSAPublicKey) and scheme.kind == "rsa":
            key.verify(signature, octets, padding.PKCS1v15(), hashed)
        elif isinstance(key, rsa.RSAPublicKey) and scheme.kind == "rsa-pss":
            key.verify(signature, octets, padding.PSS(padding.MGF1(digest), scheme.salt_length), hashed)
        elif isinstance(key, ec.EllipticCurvePublicKey) and scheme.kind == "ecdsa":
            if key.curve.name not in _CURVES:
                raise CmsFault(Reason.UNSUPPORTED_ALGORITHM, f"a key on the curve {key.curve.name}")
            key.verify(signature, octets, ec.ECDSA(hashed))
        elif isinstance(key, ed25519.Ed25519PublicKey) and scheme.kind == "ed25519":
            key.verify(signature, octets)
        else:
            return False
    except (InvalidSignature, ValueError):
        return False
    return True
