"""Keys that never leave a token: an HSM, a card, or SoftHSM, behind PKCS#11.

A token's key signs in place of one of cryptography's own, which looks at nothing of a private key but that it signs and
has a public half.  The private half is made in the token, is sensitive and cannot be extracted.

Standards: PKCS #11 v2.40 (mechanisms CKM_SHA256_RSA_PKCS, CKM_ECDSA); RFC 8017 §8.2, RFC 5480.
Limits: RSA with PKCS#1 v1.5 and ECDSA, which is what certificates and CRLs of ours are signed with; the library comes
with the extra ``hsm``.  A session belongs to the process that opened it: open keys after forking.
"""

from __future__ import annotations

from functools import cache
from threading import Lock
from typing import Any, cast

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_public_key

from security.authority.key_kinds import KeyFault

_CURVES = {"p256": "secp256r1", "p384": "secp384r1"}
# A session belongs to one thread at a time (PKCS #11 v2.40 §6.7.6)
_one_at_a_time = Lock()
_BITS = {"rsa2048": 2048, "rsa3072": 3072, "rsa4096": 4096}


class _TokenRsaKey:
    def __init__(self, private: Any, public: rsa.RSAPublicKey) -> None:
        self._private, self._public = private, public

    def public_key(self) -> rsa.RSAPublicKey:
        return self._public

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def sign(self, data: bytes, padding: object, algorithm: hashes.HashAlgorithm) -> bytes:
        import pkcs11

        if not isinstance(algorithm, hashes.SHA256):
            raise KeyFault(f"a token's key signs SHA-256, not {algorithm.name}")
        with _one_at_a_time:
            return bytes(self._private.sign(data, mechanism=pkcs11.Mechanism.SHA256_RSA_PKCS))


class _TokenEcKey:
    def __init__(self, private: Any, public: ec.EllipticCurvePublicKey) -> None:
        self._private, self._public = private, public

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._public

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._public.curve

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def sign(self, data: bytes, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        import pkcs11

        chosen = signature_algorithm.algorithm
        if isinstance(chosen, utils.Prehashed):
            raise KeyFault("a token's key is given what it signs, not a digest")
        digest = hashes.Hash(chosen)
        digest.update(data)
        with _one_at_a_time:
            raw = bytes(self._private.sign(digest.finalize(), mechanism=pkcs11.Mechanism.ECDSA))
        # PKCS #11 gives r and s side by side; certificates have them as a SEQUENCE (RFC 5480 appendix A)
        half = len(raw) // 2
        return utils.encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))


rsa.RSAPrivateKey.register(_TokenRsaKey)
ec.EllipticCurvePrivateKey.register(_TokenEcKey)


def open_token_key(module: str, pin: str, token: str, label: str) -> CertificateIssuerPrivateKeyTypes:
    """Raises KeyFault."""
    import pkcs11

    session = open_session(module, pin, token)
    try:
        private = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=label)
        public = session.get_key(object_class=pkcs11.ObjectClass.PUBLIC_KEY, label=label)
    except pkcs11.PKCS11Error as fault:
        raise KeyFault(f"the token {token} has no key {label}: {type(fault).__name__}") from None
    return _adopt(private, public)


def make_token_key(module: str, pin: str, token: str, label: str, kind: str) -> CertificateIssuerPrivateKeyTypes:
    """Raises KeyFault."""
    import pkcs11
    from pkcs11.util.ec import encode_named_curve_parameters

    session = open_session(module, pin, token)
    if list(session.get_objects({pkcs11.Attribute.LABEL: label})):
        raise KeyFault(f"the token {token} has a key {label} already")
    kept = {
        pkcs11.Attribute.SENSITIVE: True,
        pkcs11.Attribute.EXTRACTABLE: False,
        pkcs11.Attribute.SIGN: True,
        pkcs11.Attribute.DECRYPT: False,
    }
    try:
        if kind in _BITS:
            public, private = session.generate_keypair(
                pkcs11.KeyType.RSA, _BITS[kind], store=True, label=label, private_template=kept
            )
        else:
            parameters = session.create_domain_parameters(
                pkcs11.KeyType.EC,
                {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters(_CURVES[kind])},
                local=True,
            )
            public, private = parameters.generate_keypair(
                store=True, label=label, private_template={**kept, pkcs11.Attribute.DERIVE: False}
            )
    except pkcs11.PKCS11Error as fault:
        raise KeyFault(f"the token {token} makes no such key: {type(fault).__name__}") from None
    return _adopt(private, public)


@cache
def open_session(module: str, pin: str, token: str) -> Any:
    try:
        import pkcs11
    except ImportError:
        raise KeyFault("tokens need python-pkcs11: install citymail[hsm]") from None
    try:
        return pkcs11.lib(module).get_token(token_label=token).open(rw=True, user_pin=pin)
    except (pkcs11.PKCS11Error, RuntimeError) as fault:
        raise KeyFault(f"the token {token} cannot be opened: {fault or type(fault).__name__}") from None


def _adopt(private: Any, public: Any) -> CertificateIssuerPrivateKeyTypes:
    import pkcs11
    from pkcs11.util.ec import encode_ec_public_key
    from pkcs11.util.rsa import encode_rsa_public_key

    if public.key_type is pkcs11.KeyType.RSA:
        numbers = encode_rsa_public_key(public)
        from asn1crypto import keys

        wrapped = keys.PublicKeyInfo.wrap(keys.RSAPublicKey.load(numbers), "rsa").dump()
        key = load_der_public_key(wrapped)
        assert isinstance(key, rsa.RSAPublicKey)
        return cast(CertificateIssuerPrivateKeyTypes, _TokenRsaKey(private, key))
    key = load_der_public_key(encode_ec_public_key(public))
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return cast(CertificateIssuerPrivateKeyTypes, _TokenEcKey(private, key))
