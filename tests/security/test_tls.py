"""The contexts, and the certificates made for first starts: tried in real handshakes."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from security.authority import CertificateFiles, ensure_certificate
from security.tls import client_context, server_context

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    return ensure_certificate(tmp_path_factory.mktemp("tls"), ["mail.city.gov.vn", "thư.vn"], NOW)


def shake_hands(files: CertificateFiles, context: ssl.SSLContext, name: str) -> str | None:
    """A handshake over a socket pair; the protocol agreed upon.  Raises what the client raises."""
    ours, theirs = socket.socketpair()
    server = server_context(files.certificate, files.key)

    def serve() -> None:
        try:
            with server.wrap_socket(ours, server_side=True) as wrapped:
                wrapped.recv(1)
        except (ssl.SSLError, OSError):
            ours.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with context.wrap_socket(theirs, server_hostname=name) as wrapped:
            return wrapped.version()
    finally:
        theirs.close()
        thread.join()


@pytest.mark.parametrize("name", ["mail.city.gov.vn", "localhost", "127.0.0.1", "::1", "xn--th-e0a.vn"])
def test_a_verifying_client_accepts_every_name(files: CertificateFiles, name: str) -> None:
    assert shake_hands(files, client_context(ca_file=files.ca_file), name) == "TLSv1.3"


def test_a_verifying_client_refuses_other_names_and_other_authorities(files: CertificateFiles) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(files, client_context(ca_file=files.ca_file), "mail.example.org")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(files, client_context(), "localhost")


def test_an_opportunistic_client_takes_what_there_is(files: CertificateFiles) -> None:
    assert shake_hands(files, client_context(verify=False), "mail.example.org") == "TLSv1.3"


def test_tls_1_2_only_with_forward_secrecy_and_nothing_older(files: CertificateFiles) -> None:
    context = client_context(ca_file=files.ca_file)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert shake_hands(files, context, "localhost") == "TLSv1.2"
    context.set_ciphers("AES128-SHA256:AES256-GCM-SHA384")
    with pytest.raises(ssl.SSLError):
        shake_hands(files, context, "localhost")
    assert server_context(files.certificate, files.key).minimum_version == ssl.TLSVersion.TLSv1_2


def test_the_certificates_say_what_they_should(files: CertificateFiles) -> None:
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    authority = x509.load_pem_x509_certificate(files.ca_file.read_bytes())
    certificate.verify_directly_issued_by(authority)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"mail.city.gov.vn", "xn--th-e0a.vn", "localhost"}
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)


def test_keys_are_readable_by_nobody_else(files: CertificateFiles) -> None:
    for secret in (files.key, files.ca_file.with_name("ca.key")):
        assert os.stat(secret).st_mode & 0o077 == 0


def test_a_good_certificate_is_kept_and_an_ending_one_renewed(tmp_path: Path) -> None:
    first = ensure_certificate(tmp_path, ["a.example"], NOW)
    octets, authority = first.certificate.read_bytes(), first.ca_file.read_bytes()
    ensure_certificate(tmp_path, ["a.example"], NOW + timedelta(days=300))
    assert first.certificate.read_bytes() == octets
    # another name is wanted
    ensure_certificate(tmp_path, ["b.example"], NOW)
    renamed = first.certificate.read_bytes()
    assert renamed != octets
    # it ends within a month
    ensure_certificate(tmp_path, ["b.example"], NOW + timedelta(days=380))
    assert first.certificate.read_bytes() != renamed
    assert first.ca_file.read_bytes() == authority
    # the authority itself ends
    ensure_certificate(tmp_path, ["b.example"], NOW + timedelta(days=3640))
    assert first.ca_file.read_bytes() != authority
    x509.load_pem_x509_certificate(first.certificate.read_bytes()).verify_directly_issued_by(
        x509.load_pem_x509_certificate(first.ca_file.read_bytes())
    )


def test_a_certificate_of_somebody_else_is_left_alone(tmp_path: Path, files: CertificateFiles) -> None:
    mine = ensure_certificate(tmp_path, ["a.example"], NOW)
    mine.certificate.write_bytes(files.certificate.read_bytes())
    mine.key.write_bytes(files.key.read_bytes())
    ensure_certificate(tmp_path, ["a.example"], NOW + timedelta(days=3000))
    assert mine.certificate.read_bytes() == files.certificate.read_bytes()
