"""Sessions, with and without a socket, over a small city."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from security.authority import ensure_certificate
from security.tls import server_context
from tests.mailserver.imap.talk import Direct, Live, make_services
from tests.mailserver.mailroom_fixtures import city_template, clock, make_office  # noqa: F401

LOOPBACK = {"plaintext_networks": ()}


@pytest.fixture
def office(make_office):  # noqa: F811
    from ipaddress import ip_network

    return make_office(
        login={"plaintext_networks": (ip_network("127.0.0.0/8"),)},
        imap={"append_limit": 3_000_000},
        city={"timezone": "UTC"},
    )


@pytest.fixture
def services(office):
    return make_services(office)


@pytest.fixture
def connect(services):
    """New connections, logged in as an."""
    made = []

    def make(login="an@city.vn"):
        client = Direct(services).log_in(login)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def an(connect):
    return connect()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    return ensure_certificate(tmp_path_factory.mktemp("tls"), ["mail.city.vn"], datetime.now(UTC))


@pytest.fixture
def live(office, certificate):
    server = Live(office, tls_context=server_context(certificate.certificate, certificate.key))
    yield server
    server.close()
