"""Channel bindings of certificates with every signature, and of real connections of TLS 1.2 and 1.3."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import NameOID

from security.authority import ensure_certificate
from security.channel_binding import binding, end_point
from security.peer import Peer
from security.tls import client_context, server_context

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP384R1())
NOW = datetime.now(UTC)


def certificate(key: Any, digest: Any, how: Any = None) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.city.vn" * 5)])
    builder = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1))
    )  # fmt: skip
    return builder.sign(key, digest, rsa_padding=how) if how is not None else builder.sign(key, digest)


def pem(made: x509.Certificate) -> str:
    return made.public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize("key", [RSA, EC])
@pytest.mark.parametrize("digest", [hashes.SHA256, hashes.SHA384, hashes.SHA512])
def test_the_digest_is_that_of_the_signature(key: Any, digest: Any) -> None:
    """RFC 5929 §4.1; ``cryptography`` tells which it is."""
    made = certificate(key, digest())
    assert end_point(pem(made)) == made.fingerprint(digest())
    assert end_point("text before\n" + pem(made) + pem(certificate(key, hashes.SHA256()))) == made.fingerprint(digest())


@pytest.mark.parametrize("digest", [hashes.SHA256, hashes.SHA384, hashes.SHA512])
def test_pss(digest: Any) -> None:
    how = padding.PSS(padding.MGF1(digest()), digest().digest_size)
    made = certificate(RSA, digest(), how)
    assert end_point(pem(made)) == made.fingerprint(digest())


def test_where_none_is_defined() -> None:
    assert end_point(pem(certificate(ed25519.Ed25519PrivateKey.generate(), None))) is None
    assert end_point("") is None


def connect(folder: Path, version: ssl.TLSVersion) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    files = ensure_certificate(folder, ["mail.city.vn"], NOW)
    server, client = server_context(files.certificate, files.key), client_context(ca_file=files.ca_file)
    client.minimum_version = client.maximum_version = version
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(there, back, server_side=True)
    theirs = client.wrap_bio(back, there, server_hostname="mail.city.vn")
    for _ in range(4):
        for each in (theirs, ours):
            try:
                each.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return ours, theirs


def test_both_ends_know_the_same(tmp_path: Path) -> None:
    ours, theirs = connect(tmp_path, ssl.TLSVersion.TLSv1_2)
    assert ours.version() == "TLSv1.2"
    shown = theirs.getpeercert(binary_form=True)
    assert shown is not None
    wanted = x509.load_der_x509_certificate(shown)
    assert wanted.signature_hash_algorithm is not None
    assert binding(ours, "tls-server-end-point") == wanted.fingerprint(wanted.signature_hash_algorithm)
    assert binding(ours, "tls-unique") == theirs.get_channel_binding("tls-unique")
    assert binding(ours, "tls-unique")
    assert binding(ours, "tls-exporter") is None
    assert Peer("::1", "imap", ours).can_bind


def test_tls_13_has_an_exporter_instead(tmp_path: Path) -> None:
    ours, theirs = connect(tmp_path, ssl.TLSVersion.TLSv1_3)
    exported = binding(ours, "tls-exporter")
    assert exported == binding(theirs, "tls-exporter")
    assert exported is not None
    assert len(exported) == 32
    others, _ = connect(tmp_path, ssl.TLSVersion.TLSv1_3)
    assert binding(others, "tls-exporter") != exported
    assert Peer("::1", "imap", ours).can_bind
    assert ours.version() == "TLSv1.3"
    assert binding(ours, "tls-server-end-point")
    assert binding(ours, "tls-unique") is None


def test_another_certificate_is_another_binding(tmp_path: Path) -> None:
    first = ensure_certificate(tmp_path / "a", ["mail.city.vn"], NOW)
    second = ensure_certificate(tmp_path / "b", ["mail.city.vn"], NOW)
    context: Any = server_context(first.certificate, first.key)
    before = context.end_point
    context.load_cert_chain(second.certificate, second.key)
    assert context.end_point not in (before, None)


def test_without_tls_there_is_nothing() -> None:
    peer = Peer("::1", "imap")
    assert not peer.can_bind
    assert peer.binding("tls-unique") is None
    assert peer.certified_addresses() == ()
