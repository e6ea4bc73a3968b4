"""A certificate for this server's own TLS, for demonstrations and first starts.

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
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from security.authority.issuing import Issuer, issue, make_root
from security.authority.names import hosts, subject
from security.authority.profiles import LOCAL, TLS

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
        authority = _authority(folder, now)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = issue(
            authority,
            TLS,
            key.public_key(),
            subject=subject(wanted[0]),
            names=hosts(wanted),
            serial=x509.random_serial_number(),
            now=now,
        )
        _write_key(files.key, key)
        # the chain goes out whole: the server's own certificate first (RFC 8446 §4.4.2)
        write_whole(files.certificate, _pem(certificate) + _pem(authority.certificate), 0o644)
    return files


def _still_good(files: CertificateFiles, wanted: list[str], now: datetime) -> bool:
    if not (files.ca_file.exists() and files.certificate.exists() and files.key.exists()):
        return False
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    authority = x509.load_pem_x509_certificate(files.ca_file.read_bytes())
    if certificate.issuer != authority.subject:
        return True  # somebody put a real one there: it is his to renew
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    if not set(hosts(wanted)) <= set(names):
        return False
    return now + _RENEW_BEFORE < min(certificate.not_valid_after_utc, authority.not_valid_after_utc)


def _authority(folder: Path, now: datetime) -> Issuer:
    certificate_file, key_file = folder / "ca.pem", folder / "ca.key"
    if certificate_file.exists() and key_file.exists():
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        is_long_lived = certificate.not_valid_after_utc > now + timedelta(days=TLS.days)
        if isinstance(key, ec.EllipticCurvePrivateKey) and is_long_lived:
            return Issuer(certificate, key)
    new_key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    # the number in its name tells it from one that was here before
    name = subject(f"CityMail local authority {serial:x}"[:40], organization="CityMail", country="VN")
    certificate = make_root(new_key, name, serial=serial, now=now, profile=LOCAL)
    _write_key(key_file, new_key)
    write_whole(certificate_file, _pem(certificate), 0o644)
    return Issuer(certificate, new_key)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    octets = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_whole(path, octets, 0o600)


def write_whole(path: Path, octets: bytes, mode: int) -> None:
    """Whole or not at all, and never readable by others for a moment."""
    partial = path.with_name(path.name + ".new")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with open(descriptor, "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
