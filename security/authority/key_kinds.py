"""Kinds of private keys, and how they are written down.

Standards: RFC 5958 (PKCS#8; encrypted with PBES2, RFC 8018), RFC 8017, RFC 5480.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_EXPONENT = 65_537
KINDS: dict[str, Callable[[], PrivateKey]] = {
    "rsa2048": lambda: rsa.generate_private_key(_EXPONENT, 2048),
    "rsa3072": lambda: rsa.generate_private_key(_EXPONENT, 3072),
    "rsa4096": lambda: rsa.generate_private_key(_EXPONENT, 4096),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
}


class KeyFault(Exception):
    """A key that cannot be had: no such file or token, a wrong passphrase, another kind than we use."""


def make_key(kind: str) -> PrivateKey:
    return KINDS[kind]()


def pack(key: PrivateKey) -> bytes:
    """PKCS#8 in DER, in the clear: for what is wrapped next."""
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def unpack(octets: bytes) -> PrivateKey:
    """What ``pack`` packed, unchecked: checking an RSA key costs 40 ms, and ours was checked when it came to us."""
    return _ours(serialization.load_der_private_key(octets, None, unsafe_skip_rsa_key_validation=True))


def to_pem(key: PrivateKey, passphrase: bytes) -> bytes:
    """Encrypted PKCS#8, for a file."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase),
    )


def from_pem(octets: bytes, passphrase: bytes | None) -> PrivateKey:
    """Raises KeyFault."""
    try:
        key = serialization.load_pem_private_key(octets, passphrase)
    except (ValueError, TypeError) as fault:
        raise KeyFault(f"the key cannot be opened: {fault}") from None
    return _ours(key)


def _ours(key: object) -> PrivateKey:
    if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        raise KeyFault("the key is neither RSA nor of an elliptic curve")
    return key
