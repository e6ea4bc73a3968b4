"""The relay and other servers' TLS, live: DANE, MTA-STS, and hosts that spoke TLS before."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
import threading
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailserver.delivery import peers
from mailserver.servers import dns as dns_shell
from mailserver.servers import relay_destination, sts
from security.authority import ensure_certificate
from security.tls import server_context
from tests.mailserver.servers.far_away import FarServer, NameServer
from tests.mailserver.servers.relaying import items, submit, until

HOST = "mx.far.example"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(relay_destination, "LINGER", 0.1)
    monkeypatch.setattr(dns_shell, "FAILURE_MEMORY", 0)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Certificates for the far domain's hosts, from one authority."""
    return ensure_certificate(tmp_path_factory.mktemp("far"), [HOST, "mta-sts.far.example"], datetime.now(UTC))


@pytest.fixture
def far(files):
    server = FarServer(context=server_context(files.certificate, files.key))
    yield server
    server.close()


@pytest.fixture
def sending(make_room, far, files):
    """Mail to far.example, whose zone is as given; ends all of it."""
    servers = []

    def start(records=None, *, secure=(), **settings):
        zone = {("far.example", "MX"): [f"10 {HOST}."], (HOST, "A"): ["127.0.0.1"], **(records or {})}
        servers.append(NameServer(zone, secure=secure))
        room = make_room(
            with_relay=True,
            relay={"port": far.port, "authorities": str(files.ca_file), "schedule": (1,), **settings},
            dns={"resolvers": (servers[-1].address,)},
        )
        return room, servers[-1]

    yield start
    for server in servers:
        server.close()


def fingerprint(path):
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(key).hexdigest()


def last_reply(room):
    waiting = [each.last_reply for item in items(room) for each in item.recipients]
    return waiting[0] if waiting else ""


def tlsa(far, *records):
    return {(f"_{far.port}._tcp.{HOST}", "TLSA"): list(records)}


# DANE


def test_the_certificate_that_the_zone_names(sending, far, files):
    room, _ = sending(tlsa(far, f"3 1 1 {fingerprint(files.certificate)}"), secure=["far.example"])
    submit(room, "<x@far.example>")
    until(lambda: far.messages)
    assert far.messages[0].secured


def test_another_certificate_gets_nothing(sending, far):
    room, _ = sending(tlsa(far, f"3 1 1 {'00' * 32}"), secure=["far.example"])
    submit(room, "<x@far.example>")
    until(lambda: "4.7.5" in last_reply(room))
    assert not any(line.startswith("MAIL") for line in far.lines)


def test_records_that_cannot_be_had_are_not_plain_text(sending, far):
    room, _ = sending({(f"_{far.port}._tcp.{HOST}", "TLSA"): "SERVFAIL"}, secure=["far.example"])
    submit(room, "<x@far.example>")
    until(lambda: "4.7.5" in last_reply(room))
    assert far.connections == 0


def test_records_of_a_zone_that_is_not_signed_mean_nothing(sending, far):
    room, names = sending(tlsa(far, f"3 1 1 {'00' * 32}"))
    submit(room, "<x@far.example>")
    until(lambda: far.messages)
    assert not any(kind == "TLSA" for _, kind in names.questions)


# MTA-STS


class PolicyHost:
    """Serves one policy over HTTPS."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.answer = b""
        self.asked: list[bytes] = []
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            try:
                with self._context.wrap_socket(raw, server_side=True) as connection:
                    self.asked.append(connection.recv(4096))
                    connection.sendall(self.answer)
            except OSError:
                continue

    def says(self, policy: str, *, status="200 OK", content_type="text/plain; charset=utf-8") -> None:
        body = policy.encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.answer = head.encode() + body

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


@pytest.fixture
def policy_host(files, monkeypatch):
    host = PolicyHost(server_context(files.certificate, files.key))
    monkeypatch.setattr(sts, "HTTPS_PORT", host.port)
    yield host
    host.close()


STS = {
    ("_mta-sts.far.example", "TXT"): ['"v=STSv1; id=1;"'],
    ("mta-sts.far.example", "A"): ["127.0.0.1"],
}


def policy(mode="enforce", host=HOST, max_age=86_400):
    return f"version: STSv1\nmode: {mode}\nmx: {host}\nmax_age: {max_age}\n"


def test_a_host_that_the_policy_names_and_that_proves_itself(sending, far, policy_host):
    policy_host.says(policy())
    room, _ = sending(STS)
    submit(room, "<x@far.example>")
    until(lambda: far.messages)
    assert far.messages[0].secured
    assert policy_host.asked[0].startswith(b"GET /.well-known/mta-sts.txt HTTP/1.1\r\n")
    with room.office.store.read() as connection:
        assert peers.known_policy(connection, "far.example").policy_id == "1"


def test_a_host_that_the_policy_does_not_name(sending, far, policy_host):
    policy_host.says(policy(host="other.far.example"))
    room, _ = sending(STS)
    submit(room, "<x@far.example>")
    until(lambda: "4.7.5" in last_reply(room))
    assert far.connections == 0


def test_a_certificate_that_nobody_vouches_for(sending, far, policy_host, tmp_path):
    policy_host.says(policy())
    other = ensure_certificate(tmp_path, [HOST], datetime.now(UTC))
    far.context = server_context(other.certificate, other.key)
    room, _ = sending(STS)
    submit(room, "<x@far.example>")
    until(lambda: "4.7.5" in last_reply(room))
    assert not any(line.startswith("MAIL") for line in far.lines)
    # How it went is kept for the report (RFC 8460).
    room.on_loop(room.relay.peers.flush())
    with room.office.store.read() as connection:
        rows = connection.exec_driver_sql("SELECT domain, result, host FROM tls_outcome").all()
    assert ("far.example", "certificate-not-trusted", HOST) in [tuple(row) for row in rows]


def test_a_policy_that_is_tested_stops_nothing(sending, far, policy_host, tmp_path):
    policy_host.says(policy("testing"))
    other = ensure_certificate(tmp_path, [HOST], datetime.now(UTC))
    far.context = server_context(other.certificate, other.key)
    room, _ = sending(STS)
    submit(room, "<x@far.example>")
    until(lambda: far.messages)
    assert far.messages[0].secured


@pytest.mark.parametrize(
    "answer",
    [
        {"policy": policy(), "status": "302 Found"},
        {"policy": policy(), "content_type": "text/html"},
        {"policy": "no policy"},
        {"policy": policy() + "x: " + "y" * 70_000},
    ],
)
def test_what_is_no_policy_stops_nothing(sending, far, policy_host, answer):
    policy_host.says(**answer)
    room, _ = sending(STS)
    submit(room, "<x@far.example>")
    until(lambda: far.messages)


def test_a_policy_binds_though_its_record_is_gone(sending, far, policy_host):
    """RFC 8461 §5.1: who takes the record away gains nothing."""
    policy_host.says(policy(host="other.far.example"))
    room, names = sending(STS)
    submit(room, "<x@far.example>")
    until(lambda: "4.7.5" in last_reply(room))
    del names.records["_mta-sts.far.example", "TXT"]
    room.call(room.relay.dns._memory.clear)

    async def ask():
        return await room.relay._policies.policy_of("far.example")

    assert room.on_loop(ask()) is not None


# Memory


def test_a_host_that_spoke_tls_must_go_on(sending, far):
    room, _ = sending()
    submit(room, "<x@far.example>")
    until(lambda: far.messages)
    assert far.messages[0].secured
    until(lambda: far.open == 0)
    far.context = None
    submit(room, "<y@far.example>")
    until(lambda: "4.7.5" in last_reply(room))
    assert len(far.messages) == 1
    room.on_loop(room.relay.peers.flush())
    with room.office.store.read() as connection:
        assert peers.spoke_tls_at(connection, HOST) > 0


def test_an_administrator_may_know_better(sending, far):
    room, _ = sending(tls={f"{HOST}:{far.port}": "opportunistic"})
    submit(room, "<x@far.example>")
    until(lambda: far.messages)
    until(lambda: far.open == 0)
    far.context = None
    submit(room, "<y@far.example>")
    until(lambda: len(far.messages) == 2)
    assert [message.secured for message in far.messages] == [True, False]


def test_memory_can_be_turned_off(sending, far):
    room, _ = sending(remember_tls_days=0)
    submit(room, "<x@far.example>")
    until(lambda: far.messages)
    until(lambda: far.open == 0)
    far.context = None
    submit(room, "<y@far.example>")
    until(lambda: len(far.messages) == 2)


def test_what_is_remembered_outlives_the_relay(sending, far):
    room, _ = sending()
    submit(room, "<x@far.example>")
    until(lambda: far.messages)
    room.on_loop(room.relay.peers.flush())
    with room.relay_for_a_while() as another:

        async def ask():
            return await another.peers.spoke_tls(HOST)

        assert asyncio.run_coroutine_threadsafe(ask(), room.loop).result(10)
