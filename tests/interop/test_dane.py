"""DANE from end to end: a zone that is signed, unbound that validates it, and mail that goes where it may."""

from __future__ import annotations

import smtplib
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from security.authority import ensure_certificate
from security.tls import server_context
from tests.interop.test_unbound import running, signed_zone
from tests.live import LiveServer
from tests.mailserver.servers.far_away import FarServer

# The zone's TLSA record names the certificate, another one, or was changed after it was signed.
DOMAINS = ("right.example", "wrong.example", "bogus.example")
ZONE = """
@ 300 SOA ns hostmaster 1 3600 600 86400 300
@ 300 NS ns
ns 300 A 127.0.0.1
@ 300 MX 10 mx
mx 300 A 127.0.0.1
_{port}._tcp.mx 300 TLSA 3 1 1 {digest}
"""


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FarServer, str]]:
    """The mail host of all three domains, and the SHA-256 of its key."""
    hosts = [f"mx.{domain}" for domain in DOMAINS]
    files = ensure_certificate(tmp_path_factory.mktemp("far"), hosts, datetime.now(UTC))
    key = x509.load_pem_x509_certificate(files.certificate.read_bytes()).public_key()
    server = FarServer(context=server_context(files.certificate, files.key))
    yield server, sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    server.close()


@pytest.fixture(scope="module")
def live(far: tuple[FarServer, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    server, digest = far
    zones, anchors = {}, []
    for domain in DOMAINS:
        published = "00" * 32 if domain == "wrong.example" else digest
        text, anchor = signed_zone(domain, records=ZONE.format(port=server.port, digest=published))
        if domain == "bogus.example":
            assert digest in text
            text = text.replace(digest, "11" * 32)
        zones[domain] = text
        anchors.append(anchor)
    with running(tmp_path_factory.mktemp("unbound"), zones, anchors) as resolver:
        city = LiveServer(
            tmp_path_factory.mktemp("citymail"),
            ["an"],
            settings={
                "workers": {"web": 0, "mail": 1},
                "relay": {"port": server.port, "schedule": (60,), "mta_sts": False},
                "dns": {"resolvers": (resolver,)},
            },
        )
        city.start()
        yield city
        city.stop()


def send(live: LiveServer, recipient: str) -> None:
    author = live.address("an")
    with smtplib.SMTP_SSL("localhost", live.ports["submissions"], timeout=20) as client:
        client.login(author, live.password)
        client.sendmail(author, [recipient], f"From: {author}\r\nTo: {recipient}\r\nSubject: x\r\n\r\nbody\r\n")


def test_mail_goes_only_where_the_zone_proves_the_host(live: LiveServer, far: tuple[FarServer, str]) -> None:
    server, _ = far
    for domain in DOMAINS:
        send(live, f"x@{domain}")

    def waits(domain: str) -> bool:
        return "4.7.5" in live.citymail("queue", "list", "--domain", domain)

    until = time.monotonic() + 60
    while not (server.messages and waits("wrong.example") and waits("bogus.example")):
        assert time.monotonic() < until, live.citymail("queue", "list")
        time.sleep(0.1)
    assert [(each.recipients, each.secured) for each in server.messages] == [(["x@right.example"], True)]
    # Not even an envelope was shown to the host that was not proven.
    assert not any("wrong.example" in line or "bogus.example" in line for line in server.lines if "RCPT" in line)
