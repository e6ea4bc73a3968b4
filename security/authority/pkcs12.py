"""A key with its certificates in one file, for another program (PKCS#12).

Standards: RFC 7292, RFC 8018 (PBES2: AES-256-CBC under PBKDF2 with HMAC-SHA-256, as OpenSSL 3, NSS and
Windows read it).
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from security.authority.issuing import is_pair
from security.authority.key_kinds import KeyFault, PrivateKey

SHORTEST_PASSPHRASE = 12
_ROUNDS = 600_000


def write(name: str, key: PrivateKey, certificate: x509.Certificate, chain: Sequence[bytes], passphrase: str) -> bytes:
    """``chain``: the authorities above it (DER)."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise KeyFault(f"a passphrase needs {SHORTEST_PASSPHRASE} characters")
    protection = (
        serialization.PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(_ROUNDS)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(passphrase.encode())
    )
    above = [x509.load_der_x509_certificate(each) for each in chain]
    return pkcs12.serialize_key_and_certificates(name.encode(), key, certificate, above, protection)


def read(octets: bytes, passphrase: str) -> tuple[PrivateKey, x509.Certificate, list[x509.Certificate]]:
    """Key, its certificate, and the others beside it.  Raises KeyFault."""
    try:
        found = pkcs12.load_pkcs12(octets, passphrase.encode())
    except (ValueError, TypeError) as fault:
        raise KeyFault(f"the file cannot be opened: {fault}") from None
    if found.cert is None or not isinstance(found.key, PrivateKey):
        raise KeyFault("the file holds no RSA or elliptic-curve key with its certificate")
    if not is_pair(found.cert.certificate, found.key):
        raise KeyFault("the key and the certificate do not belong together")
    return found.key, found.cert.certificate, [each.certificate for each in found.additional_certs]
