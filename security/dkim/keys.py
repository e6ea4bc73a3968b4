"""Public keys as they stand in the DNS, read and written.

Standards: RFC 6376 §3.6.1 (key records), §3.6.2, §6.1.2; RFC 8301 §3.2 (sizes of RSA keys); RFC 8463 §4.2 (Ed25519).
Limits: RSA keys of more than 8192 bits, or an exponent of more than 64, are not used: they cost more than a signature
is worth.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from security.dkim.tags import TagFault, decode_base64, parse_tags

LEAST_RSA_BITS = 1024
SOUND_RSA_BITS = 2048
MOST_RSA_BITS = 8192
MOST_EXPONENT_BITS = 64

_PREHASHED = Prehashed(hashes.SHA256())
_PKCS1 = padding.PKCS1v15()


class KeyFault(Exception):
    """The record holds no key that this signature may use; ``policy`` when it is one that we do not take."""

    def __init__(self, reason: str, *, policy: bool = False) -> None:
        self.policy = policy
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One ``_domainkey`` record that may be used for mail."""

    kind: str  # rsa, ed25519
    key: rsa.RSAPublicKey | ed25519.Ed25519PublicKey
    bits: int  # of an RSA key
    hashes: tuple[str, ...] = ()  # those it is for; empty: all
    is_testing: bool = False  # t=y
    is_strict: bool = False  # t=s: i= must be of the very domain

    def verify(self, signature: bytes, digest: bytes) -> bool:
        """Whether the signature over data of this SHA-256 is the key's."""
        try:
            if isinstance(self.key, rsa.RSAPublicKey):
                self.key.verify(signature, digest, _PKCS1, _PREHASHED)
            else:
                # RFC 8463 §3: PureEdDSA over the hash
                self.key.verify(signature, digest)
        except InvalidSignature:
            return False
        return True


def looks_like_key(record: bytes) -> bool:
    """Whether a TXT record means to be a key: others come from wildcards (RFC 6376 §6.1.2, note)."""
    try:
        tags = parse_tags(record)
    except TagFault:
        return record.lstrip().startswith(b"v=DKIM1")
    return tags.text("v") == "DKIM1" if "v" in tags else "p" in tags


def read_record(record: bytes) -> KeyRecord:
    """Raises KeyFault, for a revoked key too."""
    try:
        tags = parse_tags(record)
        if tags.text("v", "DKIM1") != "DKIM1" or ("v" in tags and next(iter(tags)) != "v"):
            raise KeyFault("the key record has an unknown version")
        if "p" not in tags:
            raise KeyFault("the key record has no p=")
        if not tags.text("p"):
            raise KeyFault("the key was revoked")  # RFC 6376 §6.1.2 step 7
        kind = tags.text("k", "rsa")
        services, flags = tags.words("s", "*"), tags.words("t", "-") if tags.text("t") else []
        accepted = tuple(tags.words("h", "-")) if tags.text("h") else ()
        octets = decode_base64(tags.text("p"), "p")
    except TagFault as fault:
        raise KeyFault(f"the key record {fault}") from None
    if not {"*", "email"}.intersection(services):
        raise KeyFault("the key is not for mail")
    key = _read_key(kind, octets)
    bits = key.key_size if isinstance(key, rsa.RSAPublicKey) else 0
    return KeyRecord(kind, key, bits, accepted, "y" in flags, "s" in flags)


def _read_key(kind: str, octets: bytes) -> rsa.RSAPublicKey | ed25519.Ed25519PublicKey:
    if kind == "ed25519":
        if len(octets) != 32:
            raise KeyFault("the Ed25519 key has not 32 octets")
        try:
            return ed25519.Ed25519PublicKey.from_public_bytes(octets)
        except (ValueError, UnsupportedAlgorithm):
            raise KeyFault("the Ed25519 key cannot be read") from None
    if kind != "rsa":
        raise KeyFault("the key is of an unknown kind")
    if len(octets) > MOST_RSA_BITS // 4:  # twice the modulus: nothing honest is larger
        raise KeyFault(f"the RSA key has more than {MOST_RSA_BITS} bits", policy=True)
    try:
        # SubjectPublicKeyInfo, which everybody publishes, or the bare RSAPublicKey of RFC 6376 §3.6.1
        key = serialization.load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        raise KeyFault("the RSA key cannot be read") from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise KeyFault("the key is not an RSA key, though it says so")
    if key.key_size < LEAST_RSA_BITS:
        # RFC 8301 §3.2: MUST NOT be considered valid
        raise KeyFault(f"the RSA key has {key.key_size} bits only", policy=True)
    if key.key_size > MOST_RSA_BITS:
        raise KeyFault(f"the RSA key has more than {MOST_RSA_BITS} bits", policy=True)
    if key.public_numbers().e.bit_length() > MOST_EXPONENT_BITS:
        raise KeyFault("the RSA key has a giant exponent", policy=True)
    return key


def render_record(key: rsa.RSAPublicKey | ed25519.Ed25519PublicKey) -> str:
    """The record to publish, narrowed to what the key is used for (``t=s``: RFC 6376 §3.6.1)."""
    if isinstance(key, rsa.RSAPublicKey):
        kind = "rsa"
        octets = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    else:
        kind = "ed25519"
        octets = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return f"v=DKIM1; k={kind}; h=sha256; s=email; t=s; p={base64.b64encode(octets).decode()}"


def same_key(record: bytes, key: rsa.RSAPublicKey | ed25519.Ed25519PublicKey) -> bool:
    """Whether a published record is of this key.  Raises KeyFault when it is of none."""
    found = read_record(record).key
    return _fingerprint(found) == _fingerprint(key)


def _fingerprint(key: rsa.RSAPublicKey | ed25519.Ed25519PublicKey) -> bytes:
    octets = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(octets).digest()
