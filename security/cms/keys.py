"""What is asked of a private key, and the answers of one that lies in memory.

``Signer`` and ``Decrypter`` are all that this package wants of whoever holds keys: the key process behind its socket, a
token behind PKCS#11, a browser.  Both are narrow on purpose.  A signer is shown the signed attributes whole (some
hundred octets, whatever the message weighs) and not a digest, so that it can see that it signs mail; Ed25519 could not
do with a digest anyway.  A decrypter gives out the key of one content, or a shared secret, and never tells whether
what it was given made sense: see ``unwrap``.

Standards: RFC 5652 §5.4; RFC 3218 §2.3.2 (against an oracle of PKCS #1 v1.5); RFC 5753 §3.1, RFC 8418 §2.
"""

from __future__ import annotations

import secrets
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, x25519

from security.cms.algorithms import DIGEST_BY_NAME, OaepForm, SignatureScheme
from security.cms.certificates import Certificate
from security.cms.reasons import CmsFault, Reason

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | x25519.X25519PrivateKey
_SALT = 32
_DIGEST_OF_SIZE = {256: "sha256", 384: "sha384"}


class Signer(Protocol):
    @property
    def certificate(self) -> bytes:
        """DER."""

    @property
    def scheme(self) -> SignatureScheme:
        """What it signs with."""

    def sign(self, octets: bytes) -> bytes:
        """The signature over these octets, which are hashed where the scheme says so."""


class Decrypter(Protocol):
    @property
    def certificate(self) -> bytes:
        """DER; senders name the key by it."""

    def unwrap(self, encrypted: bytes, form: OaepForm | None, length: int) -> bytes:
        """A content's key of ``length`` octets, from RSA; without a form it is PKCS #1 v1.5.

        Of PKCS #1 v1.5 it must not be learnt whether the padding was right, not even from the time it took: a random
        key comes back when it was not (RFC 3218 §2.3.2).  With OAEP a CmsFault is raised.
        """

    def agree(self, point: bytes) -> bytes:
        """The secret shared with whoever has this public point (RFC 5480 §2.2 uncompressed; RFC 7748 §5).

        Raises CmsFault when it is none on the key's curve.
        """


def usual_scheme(certificate: bytes) -> SignatureScheme:
    """What is signed with by a key of this kind, wherever it is kept.  Raises CmsFault for one that does not sign."""
    key = Certificate(certificate).public_key
    if isinstance(key, rsa.RSAPublicKey):
        return SignatureScheme("rsa", DIGEST_BY_NAME["sha256"])
    if isinstance(key, ec.EllipticCurvePublicKey):
        # RFC 8551 §2.1: a digest as strong as the signature
        return SignatureScheme("ecdsa", DIGEST_BY_NAME[_DIGEST_OF_SIZE.get(key.key_size, "sha512")])
    if isinstance(key, ed25519.Ed25519PublicKey):
        return SignatureScheme("ed25519", DIGEST_BY_NAME["sha512"])
    raise CmsFault(Reason.UNSUPPORTED_ALGORITHM, "a key of this kind does not sign")


class MemoryKey:
    """A key in this process's memory: Signer and Decrypter, as far as its kind goes."""

    def __init__(self, key: PrivateKey, certificate: bytes, *, pss: bool = False) -> None:
        self._key = key
        self.certificate = certificate
        self._pss = pss

    @property
    def scheme(self) -> SignatureScheme:
        usual = usual_scheme(self.certificate)
        return SignatureScheme("rsa-pss", usual.digest, _SALT) if self._pss else usual

    def sign(self, octets: bytes) -> bytes:
        scheme = self.scheme
        digest = scheme.digest.hash()
        if isinstance(self._key, rsa.RSAPrivateKey):
            if self._pss:
                return self._key.sign(octets, padding.PSS(padding.MGF1(digest), _SALT), digest)
            return self._key.sign(octets, padding.PKCS1v15(), digest)
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            return self._key.sign(octets, ec.ECDSA(digest))
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(octets)
        raise CmsFault(Reason.UNSUPPORTED_ALGORITHM, "this key does not sign")

    def unwrap(self, encrypted: bytes, form: OaepForm | None, length: int) -> bytes:
        instead = secrets.token_bytes(length)
        if not isinstance(self._key, rsa.RSAPrivateKey):
            raise CmsFault(Reason.NOT_DECRYPTED, "this key is not RSA")
        try:
            if form is not None:
                oaep = padding.OAEP(padding.MGF1(form.mask_digest.hash()), form.digest.hash(), form.label or None)
                return self._key.decrypt(encrypted, oaep)
            # libcrypto answers a wrong padding with octets made of the ciphertext and the key: implicit rejection
            found = self._key.decrypt(encrypted, padding.PKCS1v15())
        except ValueError as fault:
            if form is not None:
                raise CmsFault(Reason.NOT_DECRYPTED, "the content's key cannot be decrypted") from fault
            return instead
        return found if len(found) == length else instead

    def agree(self, point: bytes) -> bytes:
        try:
            if isinstance(self._key, x25519.X25519PrivateKey):
                # a point of low order, whose secret all know, is a ValueError here
                return self._key.exchange(x25519.X25519PublicKey.from_public_bytes(point))
            if isinstance(self._key, ec.EllipticCurvePrivateKey):
                peer = ec.EllipticCurvePublicKey.from_encoded_point(self._key.curve, point)
                return self._key.exchange(ec.ECDH(), peer)
        except ValueError as fault:
            raise CmsFault(Reason.NOT_DECRYPTED, "the sender's point is not on the key's curve") from fault
        raise CmsFault(Reason.NOT_DECRYPTED, "this key agrees on nothing")
