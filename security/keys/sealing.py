"""Sealing a secret to a public key: whoever has the private half opens it, whoever sealed it cannot.

What is sealed is bound to what it is, as with wrapping (``security.keys.wrapping``).

Standards: RFC 9180 §5, §6.1 (HPKE, base mode, single shot) with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and
AES-256-GCM; RFC 7748.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from security.keys.wrapping import WrappingFault, context

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_FORM = b"\x02"  # the first octet, apart from that of what is wrapped
PUBLIC_OCTETS = 32


@dataclass(frozen=True, slots=True)
class Pair:
    """The half that opens, as octets; the other follows from it."""

    octets: bytes = field(repr=False)

    @property
    def public(self) -> bytes:
        return X25519PrivateKey.from_private_bytes(self.octets).public_key().public_bytes_raw()

    def open(self, sealed: bytes, *bound: str) -> bytes:
        """Raises WrappingFault."""
        if sealed[:1] != _FORM:
            raise WrappingFault("not sealed in a way that is known")
        try:
            key = X25519PrivateKey.from_private_bytes(self.octets)
            return _SUITE.decrypt(sealed[1:], key, info=context(bound))
        except InvalidTag:
            raise WrappingFault("sealed to another key, or for another use") from None


def new_pair() -> Pair:
    return Pair(X25519PrivateKey.generate().private_bytes_raw())


def seal(public: bytes, secret: bytes, *bound: str) -> bytes:
    return _FORM + _SUITE.encrypt(secret, X25519PublicKey.from_public_bytes(public), info=context(bound))
