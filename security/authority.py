"""A certificate authority of our own, for demonstrations and first starts.

``ensure_certificate`` gives a folder that has none a small authority (ca.pem, ca.key) and a server certificate signed
by it (server.pem, server.key), and renews the latter before it ends.  Real ones replace the files.

Apart from ``tls``, because what makes certificates is large and those who serve for months need none of it.

Standards: RFC 5280 (profiles), RFC 9525 (names in subjectAltName).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_AUTHORITY_LIFE = timedelta(days=3650)
_SERVER_LIFE = timedelta(days=397)
_RENEW_BEFORE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    ca_file: Path
    certificate: Path
    key: Path


def ensure_certificate(folder: Path, names: Iterable[str], now: datetime) -> CertificateFiles:
    """The files in ``folder``, made or renewed where need be.  ``names`` are host names and IP addresses.

    ``localhost``, 127.0.0.1 and ::1 are always among the names.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = CertificateFiles(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    wanted = list(dict.fromkeys([*names, "localhost", "127.0.0.1", "::1"]))
    if not _still_good(files, wanted, now):
        authority, authority_key = _authority(folder, now)
        certificate, key = _issue(authority, authority_key, wanted, now)
        # the chain goes out whole: the server's own certificate first (RFC 8446 §4.4.2)
        chain = certificate.public_bytes(serialization.Encoding.PEM) + authority.public_bytes(
            serialization.Encoding.PEM
        )
        _write(files.key, _pem(key), 0o600)
        _write(files.certificate, chain, 0o644)
    return files


def _still_good(files: CertificateFiles, wanted: list[str], now: datetime) -> bool:
    if not (files.ca_file.exists() and files.certificate.exists() and files.key.exists()):
        return False
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    authority = x509.load_pem_x509_certificate(files.ca_file.read_bytes())
    if certificate.issuer != authority.subject:
        return True  # somebody put a real one there: it is his to renew
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    if not set(_general_names(wanted)) <= set(names):
        return False
    return now + _RENEW_BEFORE < min(certificate.not_valid_after_utc, authority.not_valid_after_utc)


def _authority(folder: Path, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    certificate_file, key_file = folder / "ca.pem", folder / "ca.key"
    if certificate_file.exists() and key_file.exists():
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        if isinstance(key, ec.EllipticCurvePrivateKey) and certificate.not_valid_after_utc > now + _SERVER_LIFE:
            return certificate, key
    new_key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "CityMail"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"CityMail local authority {x509.random_serial_number():x}"[:40]),
        ]
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(new_key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(new_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .add_extension(identifier, critical=False)
        # the same again, as RFC 5280 §4.2.1.1 allows and strict verifiers ask of self-signed ones
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(new_key, hashes.SHA256())
    )
    _write(key_file, _pem(new_key), 0o600)
    _write(certificate_file, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return certificate, new_key


def _issue(
    authority: x509.Certificate, authority_key: ec.EllipticCurvePrivateKey, names: list[str], now: datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    authority_identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(min(now + _SERVER_LIFE, authority.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(_general_names(names)), critical=False)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority_identifier),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    return certificate, key


def _general_names(names: Iterable[str]) -> list[x509.GeneralName]:
    general: list[x509.GeneralName] = []
    for name in names:
        try:
            general.append(x509.IPAddress(ip_address(name)))
        except ValueError:
            general.append(x509.DNSName(name.encode("idna").decode("ascii").lower()))
    return general


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, octets: bytes, mode: int) -> None:
    """Whole or not at all, and never readable by others for a moment."""
    partial = path.with_name(path.name + ".new")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with open(descriptor, "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
