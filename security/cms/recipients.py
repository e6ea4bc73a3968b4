"""A content's key for one recipient: written for a certificate, found again with a private key.

Standards: RFC 5652 §6.2.1, §6.2.2; RFC 3370 §4.2.1 (RSA), RFC 3560 (OAEP), RFC 5753 §3.1, §7.2 (ECDH), RFC 8418 §2
(X25519), RFC 3565 §2.3.2 (AES key wrap), RFC 8551 §2.3 (wrap and cipher of one strength).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, x25519
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from security.cms import der
from security.cms.algorithms import (
    AES_256_WRAP,
    AES_WRAPS,
    AGREEMENTS,
    ECDH_SHA256,
    HKDF_SHA256,
    OAEP_SHA256,
    RSA_ENCRYPTION,
    RSA_OAEP,
    Agreement,
    OaepForm,
    oaep_identifier,
    read_algorithm,
    read_oaep,
)
from security.cms.certificates import Certificate, Identifier, read_identifier
from security.cms.keys import Decrypter
from security.cms.reasons import CmsFault, Reason, malformed

_EC_PUBLIC_KEY = "1.2.840.10045.2.1"
_X25519 = "1.3.101.110"
_KEY_AGREEMENT = 0xA1
_WRAPPED_BY = 8  # octets that a wrapped key is longer
_CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1"})


@dataclass(frozen=True, slots=True)
class Transported:
    """KeyTransRecipientInfo."""

    identifier: Identifier
    form: OaepForm | None  # None: PKCS #1 v1.5
    encrypted_key: bytes

    def open(self, key: Decrypter, length: int) -> bytes:
        found = key.unwrap(self.encrypted_key, self.form, length)
        if len(found) != length:
            raise _not_decrypted()
        return found


@dataclass(frozen=True, slots=True)
class Agreed:
    """One recipient of a KeyAgreeRecipientInfo."""

    identifier: Identifier
    point: bytes
    agreement: Agreement
    wrap: bytes  # AlgorithmIdentifier
    user_material: bytes | None
    wrapped_key: bytes

    def open(self, key: Decrypter, length: int) -> bytes:
        if len(self.wrapped_key) != length + _WRAPPED_BY:  # before any work is done for it
            raise _not_decrypted()
        secret = key.agree(self.point)
        for salt in self._salts():
            try:
                return aes_key_unwrap(
                    _derive(secret, self.agreement, self.wrap, self.user_material, salt), self.wrapped_key
                )
            except InvalidUnwrap:
                continue
        raise _not_decrypted()

    def _salts(self) -> tuple[bytes | None, ...]:
        """RFC 8418 §2.2: of HKDF the user keying material is the salt as well; programs leave the salt out."""
        if self.agreement.is_hkdf and self.user_material is not None:
            return self.user_material, None
        return (None,)


RecipientKey = Transported | Agreed


def _not_decrypted() -> CmsFault:
    return CmsFault(Reason.NOT_DECRYPTED, "the content's key cannot be decrypted")


def read_recipient(octets: bytes) -> list[RecipientKey]:
    """Of a RecipientInfo.  Those with passwords and shared keys (RFC 5652 §6.2.3 to §6.2.5) are not for mail."""
    info = next(der.elements(octets))
    if info.tag == der.SEQUENCE:
        return [_read_transported(info)]
    return _read_agreed(info) if info.tag == _KEY_AGREEMENT else []


def _read_transported(info: der.Element) -> RecipientKey:
    parts = info.parts()
    if [part.tag for part in parts[2:]] != [der.SEQUENCE, der.OCTET_STRING]:
        raise malformed("a recipient cannot be read")
    oid, parameters = read_algorithm(parts[2])
    if oid not in (RSA_ENCRYPTION, RSA_OAEP):
        raise CmsFault(Reason.UNSUPPORTED_ALGORITHM, f"the key encryption {oid} is not known")
    form = read_oaep(parameters) if oid == RSA_OAEP else None
    return Transported(read_identifier(parts[1]), form, parts[3].content)


def _read_agreed(info: der.Element) -> list[RecipientKey]:
    parts = info.parts()[1:]
    if not parts or parts[0].tag != 0xA0:
        raise malformed("a recipient cannot be read")
    originator = parts.pop(0).parts()
    material: bytes | None = None
    if parts and parts[0].tag == 0xA1:
        material = der.one(parts.pop(0).content, der.OCTET_STRING).content
    if [part.tag for part in parts] != [der.SEQUENCE, der.SEQUENCE]:
        raise malformed("a recipient cannot be read")
    if len(originator) != 1 or originator[0].tag != 0xA1:
        # a static key of the sender's would need his certificate; RFC 8551 §2.3 has ephemeral ones
        raise CmsFault(Reason.UNSUPPORTED_ALGORITHM, "a key agreement without an ephemeral key")
    public = originator[0].parts()
    if len(public) != 2 or public[1].tag != der.BIT_STRING or public[1].content[:1] != b"\0":
        raise malformed("the sender's key cannot be read")
    oid, wrap = read_algorithm(parts[0])
    if oid not in AGREEMENTS or not wrap or read_algorithm(der.one(wrap, der.SEQUENCE))[0] not in AES_WRAPS:
        raise CmsFault(Reason.UNSUPPORTED_ALGORITHM, f"the key agreement {oid} is not known")
    found: list[RecipientKey] = []
    for each in parts[1].parts():
        fields = each.parts()
        if len(fields) != 2 or fields[1].tag != der.OCTET_STRING:
            raise malformed("a recipient cannot be read")
        found.append(
            Agreed(
                _read_key_holder(fields[0]), public[1].content[1:], AGREEMENTS[oid], wrap, material, fields[1].content
            )
        )
    return found


def _read_key_holder(element: der.Element) -> Identifier:
    """KeyAgreeRecipientIdentifier: ``[0]`` is a RecipientKeyIdentifier (RFC 5652 §6.2.2)."""
    if element.tag != 0xA0:
        return read_identifier(element)
    parts = element.parts()
    if not parts or parts[0].tag != der.OCTET_STRING:
        raise malformed("a recipient cannot be read")
    return Identifier(key_identifier=parts[0].content)


def find_key(recipients: Sequence[RecipientKey], keys: Sequence[Decrypter], length: int) -> bytes:
    """The content's key, by the first recipient that one of the keys is meant for and can serve.  Raises CmsFault."""
    holders = [(Certificate(key.certificate), key) for key in keys]
    fault = CmsFault(Reason.NOT_A_RECIPIENT, "encrypted for others")
    for recipient in recipients:
        for certificate, key in holders:
            if certificate.is_meant(recipient.identifier):
                try:
                    return recipient.open(key, length)
                except CmsFault as refused:
                    fault = refused
    raise fault


def _derive(
    secret: bytes, agreement: Agreement, wrap: bytes, material: bytes | None = None, salt: bytes | None = None
) -> bytes:
    """The wrapping key: RFC 5753 §7.2, RFC 8418 §2.2."""
    digest, length = agreement.digest(), AES_WRAPS[read_algorithm(der.one(wrap, der.SEQUENCE))[0]]
    entity = b"" if material is None else der.element(0xA0, der.element(der.OCTET_STRING, material))
    bits = der.element(0xA2, der.element(der.OCTET_STRING, (length * 8).to_bytes(4, "big")))
    shared = der.element(der.SEQUENCE, wrap, entity, bits)
    if agreement.is_hkdf:
        return HKDF(digest, length, salt, shared).derive(secret)
    return X963KDF(digest, length, shared).derive(secret)


def write_recipient(certificate: Certificate, content_key: bytes, *, oaep: bool) -> bytes:
    """RecipientInfo, DER.  Raises CmsFault for a key that nothing can be encrypted to."""
    key = certificate.public_key
    if isinstance(key, rsa.RSAPublicKey):
        try:
            return _write_transported(certificate, key, content_key, oaep=oaep)
        except ValueError as fault:
            raise CmsFault(Reason.RECIPIENT_REFUSED, "an RSA key that is too short") from fault
    if isinstance(key, x25519.X25519PublicKey):
        ephemeral = x25519.X25519PrivateKey.generate()
        point = ephemeral.public_key().public_bytes_raw()
        return _write_agreed(certificate, _X25519, point, ephemeral.exchange(key), HKDF_SHA256, content_key)
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        own = ec.generate_private_key(key.curve)
        point = own.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return _write_agreed(certificate, _EC_PUBLIC_KEY, point, own.exchange(ec.ECDH(), key), ECDH_SHA256, content_key)
    raise CmsFault(Reason.RECIPIENT_REFUSED, "nothing can be encrypted to a key of this kind")


def _write_transported(certificate: Certificate, key: rsa.RSAPublicKey, content_key: bytes, *, oaep: bool) -> bytes:
    if oaep:
        digest = OAEP_SHA256.digest.hash()
        algorithm, encrypted = (
            oaep_identifier(OAEP_SHA256),
            key.encrypt(content_key, padding.OAEP(padding.MGF1(digest), digest, None)),
        )
    else:
        algorithm = der.element(der.SEQUENCE, der.oid(RSA_ENCRYPTION), b"\x05\x00")
        encrypted = key.encrypt(content_key, padding.PKCS1v15())
    return der.element(
        der.SEQUENCE, der.integer(0), certificate.identifier, algorithm, der.element(der.OCTET_STRING, encrypted)
    )


def _write_agreed(
    certificate: Certificate, kind: str, point: bytes, secret: bytes, agreement: Agreement, content_key: bytes
) -> bytes:
    wrap = der.element(der.SEQUENCE, der.oid(AES_256_WRAP))
    wrapped = aes_key_wrap(_derive(secret, agreement, wrap), content_key)
    # RFC 5753 §3.1.1: ephemeral-static, the sender's key as a point
    public = der.element(0xA1, der.element(der.SEQUENCE, der.oid(kind)), der.element(der.BIT_STRING, b"\0", point))
    recipient = der.element(der.SEQUENCE, certificate.identifier, der.element(der.OCTET_STRING, wrapped))
    return der.element(
        _KEY_AGREEMENT,
        der.integer(3),
        der.element(0xA0, public),
        der.element(der.SEQUENCE, der.oid(agreement.oid), wrap),
        der.element(der.SEQUENCE, recipient),
    )
