"""Which keys and signatures are proof enough, everywhere on a path: a list of what is allowed, never of what is not.

Standards: RFC 8550 §4.3 (sizes of keys), RFC 8551 §2.2 (digests).
Limits: RSA from 2048 to 16384 bits (larger keys cost more to check than a stranger may make us spend); the curves
P-256, P-384, P-521; Ed25519 and Ed448.  SHA-1 and MD5 prove nothing.
"""

from __future__ import annotations

from datetime import datetime

from asn1crypto import algos, keys
from pyhanko_certvalidator.policy_decl import AlgorithmUsageConstraint, AlgorithmUsagePolicy

SMALLEST_RSA, LARGEST_RSA = 2048, 16384
# OpenSSL's own bound for large moduli, held for all here
_LARGEST_EXPONENT = 2**64
_DIGESTS = frozenset({"sha256", "sha384", "sha512", "sha3_256", "sha3_384", "sha3_512"})
_SIGNATURES = frozenset({"rsassa_pkcs1v15", "rsassa_pss", "ecdsa"})
_PURE_SIGNATURES = frozenset({"ed25519", "ed448"})
_CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1"})
_YES = AlgorithmUsageConstraint(allowed=True)


def weakness_of_key(public_key: keys.PublicKeyInfo) -> str:
    """Why a key is not accepted; empty if it is.  Raises ValueError for one that cannot be read."""
    algorithm = public_key.algorithm
    if algorithm in ("rsa", "rsassa_pss"):
        key = public_key["public_key"].parsed
        size, exponent = key["modulus"].native.bit_length(), key["public_exponent"].native
        if not SMALLEST_RSA <= size <= LARGEST_RSA:
            return f"an RSA key of {size} bits"
        if not 2 < exponent < _LARGEST_EXPONENT or exponent % 2 == 0:
            return "an RSA key whose exponent is out of bounds"
        return ""
    if algorithm == "ec":
        kind, curve = public_key.curve
        return (
            "" if kind == "named" and curve in _CURVES else f"a key on the curve {curve if kind == 'named' else kind}"
        )
    return "" if algorithm in (*_PURE_SIGNATURES, "x25519", "x448") else f"a key of the kind {algorithm}"


class AllowedAlgorithms(AlgorithmUsagePolicy):
    def digest_algorithm_allowed(
        self, algo: algos.DigestAlgorithm, moment: datetime | None
    ) -> AlgorithmUsageConstraint:
        name = algo["algorithm"].native
        return _YES if name in _DIGESTS else _no(f"the digest {name}")

    def signature_algorithm_allowed(
        self, algo: algos.SignedDigestAlgorithm, moment: datetime | None, public_key: keys.PublicKeyInfo | None
    ) -> AlgorithmUsageConstraint:
        name = algo["algorithm"].native
        if name not in _PURE_SIGNATURES:
            try:
                signature, digest = algo.signature_algo, algo.hash_algo
            except ValueError:
                return _no(f"a signature of the kind {name}")
            if signature not in _SIGNATURES or digest not in _DIGESTS:
                return _no(f"a signature of the kind {name} over {digest}")
        weakness = weakness_of_key(public_key) if public_key is not None else ""
        return _no(weakness) if weakness else _YES


def _no(reason: str) -> AlgorithmUsageConstraint:
    return AlgorithmUsageConstraint(allowed=False, failure_reason=reason)
