"""The algorithms that are understood, as tables; docs/smime.md says why each is there.

What is not listed is not tried.  ``is_sound`` parts what still proves or hides something from what is only read, so
that old mail stays legible: a signature over SHA-1 is told as weak and is never valid, and 3DES is decrypted and
never written.

Standards: RFC 8551 §2.1, §2.2, §2.3, §2.7; RFC 5754 (SHA-2), RFC 4056 (PSS), RFC 5753 §7.1.4 (ECDH), RFC 8418 §2.1
(X25519), RFC 8419 §3 (Ed25519), RFC 5084 §3.2 (GCM), RFC 3560 (OAEP).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from asn1crypto import algos, core
from cryptography.hazmat.primitives import hashes

from security.cms import der
from security.cms.reasons import CmsFault, Reason, malformed


@dataclass(frozen=True, slots=True)
class Digest:
    name: str  # hashlib's
    oid: str
    micalg: str  # RFC 8551 §3.5.3.2
    hash: type[hashes.HashAlgorithm]
    is_sound: bool = True


DIGESTS = (
    Digest("sha256", "2.16.840.1.101.3.4.2.1", "sha-256", hashes.SHA256),
    Digest("sha384", "2.16.840.1.101.3.4.2.2", "sha-384", hashes.SHA384),
    Digest("sha512", "2.16.840.1.101.3.4.2.3", "sha-512", hashes.SHA512),
    Digest("sha1", "1.3.14.3.2.26", "sha-1", hashes.SHA1, is_sound=False),
)
DIGEST_BY_OID = {digest.oid: digest for digest in DIGESTS}
DIGEST_BY_NAME = {digest.name: digest for digest in DIGESTS}
# Known by name, so that a reader is told "weak" and not "unknown"; nobody computes them any more.
_BROKEN_DIGESTS = frozenset({"1.2.840.113549.2.5", "1.2.840.113549.2.2", "2.16.840.1.101.3.4.2.4"})

# What a Signer is asked for, and what signatures are checked as: the kind of key, and its digest.
SignatureKind = Literal["rsa", "rsa-pss", "ecdsa", "ed25519"]


@dataclass(frozen=True, slots=True)
class SignatureScheme:
    kind: SignatureKind
    digest: Digest
    salt_length: int = 0  # rsa-pss

    @property
    def name(self) -> str:
        return self.kind if self.kind == "ed25519" else f"{self.kind}-{self.digest.name}"


_SHA256, _SHA384, _SHA512, _SHA1 = DIGESTS
RSA_PSS = "1.2.840.113549.1.1.10"
# OID -> kind, and the digest if the OID tells it
_SIGNATURES: dict[str, tuple[SignatureKind, Digest | None]] = {
    "1.2.840.113549.1.1.1": ("rsa", None),
    "1.2.840.113549.1.1.5": ("rsa", _SHA1),
    "1.2.840.113549.1.1.11": ("rsa", _SHA256),
    "1.2.840.113549.1.1.12": ("rsa", _SHA384),
    "1.2.840.113549.1.1.13": ("rsa", _SHA512),
    "1.2.840.10045.2.1": ("ecdsa", None),
    "1.2.840.10045.4.1": ("ecdsa", _SHA1),
    "1.2.840.10045.4.3.2": ("ecdsa", _SHA256),
    "1.2.840.10045.4.3.3": ("ecdsa", _SHA384),
    "1.2.840.10045.4.3.4": ("ecdsa", _SHA512),
    "1.3.101.112": ("ed25519", _SHA512),  # RFC 8419 §3.1: with signed attributes, their digest is SHA-512
}


def read_algorithm(identifier: der.Element) -> tuple[str, bytes]:
    """OID and parameters (DER, empty if absent) of an AlgorithmIdentifier."""
    parts = identifier.parts()
    if identifier.tag != der.SEQUENCE or not 1 <= len(parts) <= 2 or parts[0].tag != der.OID:
        raise malformed("an algorithm identifier cannot be read")
    return der.dotted(parts[0].content), parts[1].octets if len(parts) == 2 else b""


def read_digest(identifier: der.Element) -> Digest:
    oid, _ = read_algorithm(identifier)
    if oid in _BROKEN_DIGESTS:
        raise CmsFault(Reason.WEAK_ALGORITHM, f"the digest {oid} is broken")
    try:
        return DIGEST_BY_OID[oid]
    except KeyError:
        raise CmsFault(Reason.UNSUPPORTED_ALGORITHM, f"the digest {oid} is not known") from None


def read_signature_scheme(identifier: der.Element, digest: Digest) -> SignatureScheme:
    """``digest``: the one of the signer's information, which the signature has to share (RFC 8933 §3.2)."""
    oid, parameters = read_algorithm(identifier)
    if oid == RSA_PSS:
        scheme = _read_pss(parameters)
    elif oid in _SIGNATURES:
        kind, own = _SIGNATURES[oid]
        scheme = SignatureScheme(kind, own or digest)
    else:
        raise CmsFault(Reason.UNSUPPORTED_ALGORITHM, f"the signature algorithm {oid} is not known")
    if scheme.digest is not digest:
        raise CmsFault(Reason.UNSUPPORTED_ALGORITHM, "the signature and the content have different digests")
    return scheme


def _read_pss(parameters: bytes) -> SignatureScheme:
    """RFC 4056 §3: the same digest for the mask, and the one trailer there is."""
    try:
        read = algos.RSASSAPSSParams.load(parameters or b"\x30\x00", strict=True)
        names = {
            read["hash_algorithm"]["algorithm"].native,
            read["mask_gen_algorithm"]["parameters"]["algorithm"].native,
        }
        mask, salt_length = read["mask_gen_algorithm"]["algorithm"].native, read["salt_length"].native
        trailer = int(read["trailer_field"])
    except (ValueError, TypeError, KeyError) as fault:
        raise malformed("the parameters of a PSS signature cannot be read") from fault
    if len(names) != 1 or mask != "mgf1" or trailer != 1 or not 0 <= salt_length <= 512:
        raise CmsFault(Reason.UNSUPPORTED_ALGORITHM, "a PSS signature with unusual parameters")
    name = names.pop()
    if name not in DIGEST_BY_NAME:
        raise CmsFault(Reason.UNSUPPORTED_ALGORITHM, f"a PSS signature with the digest {name}")
    return SignatureScheme("rsa-pss", DIGEST_BY_NAME[name], salt_length)


def signature_identifier(scheme: SignatureScheme) -> bytes:
    """The AlgorithmIdentifier that stands in a signer's information."""
    if scheme.kind == "rsa-pss":
        hash_algorithm = algos.DigestAlgorithm({"algorithm": scheme.digest.name})
        parameters = {
            "hash_algorithm": hash_algorithm,
            "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": hash_algorithm},
            "salt_length": scheme.salt_length,
        }
        encoded: bytes = algos.RSASSAPSSParams(parameters).dump()
        return der.element(der.SEQUENCE, der.oid(RSA_PSS), encoded)
    oid = next(oid for oid, known in _SIGNATURES.items() if known == (scheme.kind, scheme.digest))
    # RFC 5754 §3.2: RSA has a NULL; §3.3 and RFC 8419 §3.2: the others have nothing
    return der.element(der.SEQUENCE, der.oid(oid), b"\x05\x00" if scheme.kind == "rsa" else b"")


def digest_identifier(digest: Digest) -> bytes:
    """RFC 5754 §2: without parameters."""
    return der.element(der.SEQUENCE, der.oid(digest.oid))


@dataclass(frozen=True, slots=True)
class Cipher:
    """How a content is encrypted; ``is_authenticated``: a changed one is noticed."""

    name: str
    oid: str
    key_length: int
    is_authenticated: bool = False
    is_triple_des: bool = False


AES_256_CBC = Cipher("aes256-cbc", "2.16.840.1.101.3.4.1.42", 32)
AES_256_GCM = Cipher("aes256-gcm", "2.16.840.1.101.3.4.1.46", 32, is_authenticated=True)
CIPHERS = {
    cipher.oid: cipher
    for cipher in (
        Cipher("aes128-cbc", "2.16.840.1.101.3.4.1.2", 16),
        Cipher("aes192-cbc", "2.16.840.1.101.3.4.1.22", 24),
        AES_256_CBC,
        Cipher("aes128-gcm", "2.16.840.1.101.3.4.1.6", 16, is_authenticated=True),
        Cipher("aes192-gcm", "2.16.840.1.101.3.4.1.26", 24, is_authenticated=True),
        AES_256_GCM,
        Cipher("3des-cbc", "1.2.840.113549.3.7", 24, is_triple_des=True),
    )
}

# AES key wrap (RFC 3565 §2.3.2): OID -> length of the wrapping key
AES_WRAPS = {"2.16.840.1.101.3.4.1.5": 16, "2.16.840.1.101.3.4.1.25": 24, "2.16.840.1.101.3.4.1.45": 32}
AES_256_WRAP = "2.16.840.1.101.3.4.1.45"

RSA_ENCRYPTION = "1.2.840.113549.1.1.1"
RSA_OAEP = "1.2.840.113549.1.1.7"


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a wrapping key comes of a shared secret."""

    oid: str
    digest: type[hashes.HashAlgorithm]
    is_hkdf: bool = False


ECDH_SHA256 = Agreement("1.3.132.1.11.1", hashes.SHA256)
HKDF_SHA256 = Agreement("1.2.840.113549.1.9.16.3.19", hashes.SHA256, is_hkdf=True)
AGREEMENTS = {
    agreement.oid: agreement
    for agreement in (
        Agreement("1.3.133.16.840.63.0.2", hashes.SHA1),  # as a derivation SHA-1 is not broken, and OpenSSL writes it
        Agreement("1.3.132.1.11.0", hashes.SHA224),
        ECDH_SHA256,
        Agreement("1.3.132.1.11.2", hashes.SHA384),
        Agreement("1.3.132.1.11.3", hashes.SHA512),
        HKDF_SHA256,
        Agreement("1.2.840.113549.1.9.16.3.20", hashes.SHA384, is_hkdf=True),
        Agreement("1.2.840.113549.1.9.16.3.21", hashes.SHA512, is_hkdf=True),
    )
}


@dataclass(frozen=True, slots=True)
class OaepForm:
    digest: Digest
    mask_digest: Digest
    label: bytes = b""


OAEP_SHA256 = OaepForm(_SHA256, _SHA256)


def read_oaep(parameters: bytes) -> OaepForm:
    """RFC 8017 §A.2.1, RFC 3560 §2.3; everything left out means SHA-1."""
    try:
        read = algos.RSAESOAEPParams.load(parameters or b"\x30\x00", strict=True)
        digest = read["hash_algorithm"]["algorithm"].native
        mask, mask_digest = (
            read["mask_gen_algorithm"]["algorithm"].native,
            read["mask_gen_algorithm"]["parameters"]["algorithm"].native,
        )
        label = read["p_source_algorithm"]["parameters"].native
    except (ValueError, TypeError, KeyError) as fault:
        raise malformed("the parameters of OAEP cannot be read") from fault
    if mask != "mgf1" or digest not in DIGEST_BY_NAME or mask_digest not in DIGEST_BY_NAME:
        raise CmsFault(Reason.UNSUPPORTED_ALGORITHM, "OAEP with unusual parameters")
    return OaepForm(DIGEST_BY_NAME[digest], DIGEST_BY_NAME[mask_digest], label or b"")


def oaep_identifier(form: OaepForm) -> bytes:
    digest = algos.DigestAlgorithm({"algorithm": form.digest.name})
    parameters = {
        "hash_algorithm": digest,
        "mask_gen_algorithm": {
            "algorithm": "mgf1",
            "parameters": algos.DigestAlgorithm({"algorithm": form.mask_digest.name}),
        },
    }
    encoded: bytes = algos.RSAESOAEPParams(parameters).dump()
    return der.element(der.SEQUENCE, der.oid(RSA_OAEP), encoded)


class GcmParameters(core.Sequence):  # type: ignore[misc]
    """RFC 5084 §3.2; asn1crypto knows the OIDs and not this."""

    _fields = [("nonce", core.OctetString), ("icv_length", core.Integer, {"default": 12})]  # noqa: RUF012
