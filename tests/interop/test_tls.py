"""TLS on every port: the certificate verified against the city's own authority, and what attackers do around it."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.programs import run
from tests.live import LiveServer

TLS_FROM_THE_START = ("submissions", "imaps")
STARTTLS = {"smtp": "smtp", "submission": "smtp", "lmtp": "lmtp", "imap": "imap"}  # service → openssl's word for it


@contextlib.contextmanager
def connected(server: LiveServer, service: str, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.ports[service]), 20, (source, 0)) as line:
        yield line


def ask_for_tls(line: socket.socket, service: str, more: bytes = b"") -> bytes:
    line.recv(1000)
    if service == "imap":
        line.sendall(b"a STARTTLS\r\n" + more)
        return line.recv(1000)
    line.sendall(b"LHLO may.example\r\n" if service == "lmtp" else b"EHLO may.example\r\n")
    line.recv(4000)
    line.sendall(b"STARTTLS\r\n" + more)
    return line.recv(1000)


@pytest.mark.parametrize("name", ["localhost", "mail.thanhpho.example", "thanhpho.example"])
@pytest.mark.parametrize("service", [*STARTTLS, *TLS_FROM_THE_START])
def test_openssl_trusts_the_certificate(server: LiveServer, tmp_path: Path, service: str, name: str) -> None:
    starttls = ("-starttls", STARTTLS[service]) if service in STARTTLS else ()
    said = run(
        *(
            "openssl",
            "s_client",
            "-connect",
            f"127.0.0.1:{server.ports[service]}",
            *starttls,
            "-CAfile",
            server.ca_file,
        ),
        *("-verify_return_error", "-verify_hostname", name, "-brief"),
        home=tmp_path,
    )
    assert "Verification: OK" in said
    assert f"Verified peername: {name}" in said
    assert "Protocol version: TLSv1.3" in said


@pytest.mark.parametrize("service", [*STARTTLS, *TLS_FROM_THE_START])
def test_old_versions_of_tls_are_refused(server: LiveServer, tmp_path: Path, service: str) -> None:
    starttls = ("-starttls", STARTTLS[service]) if service in STARTTLS else ()
    said = run(
        *("openssl", "s_client", "-connect", f"127.0.0.1:{server.ports[service]}", *starttls),
        *("-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-brief"),
        home=tmp_path,
        status=1,
    )
    assert "SSL routines" in said
    assert "Protocol version" not in said


@pytest.mark.parametrize(
    ("service", "smuggled"),
    [
        ("smtp", b"MAIL FROM:<ai.do@ngoai.example>\r\n"),
        ("submission", b"AUTH PLAIN AGFuAHNhaQ==\r\n"),
        ("lmtp", b"MAIL FROM:<ai.do@ngoai.example>\r\n"),
        ("imap", b'b LOGIN "an" "sai"\r\n'),
    ],
)
def test_commands_behind_starttls_are_not_obeyed(server: LiveServer, service: str, smuggled: bytes) -> None:
    """What somebody slips in before the handshake must not count as if it had come under TLS (CVE-2011-0411)."""
    context = ssl.create_default_context(cafile=str(server.ca_file))
    with connected(server, service) as line:
        ask_for_tls(line, service, smuggled)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(line, server_hostname="localhost").close()


@pytest.mark.parametrize("service", ["smtp", "submission", "imap"])
def test_what_is_said_in_the_clear_is_forgotten(server: LiveServer, service: str) -> None:
    context = ssl.create_default_context(cafile=str(server.ca_file))
    with connected(server, service) as line:
        ask_for_tls(line, service)
        with context.wrap_socket(line, server_hostname="localhost") as secured:
            if service == "imap":
                secured.sendall(b"c CAPABILITY\r\n")
                assert b"STARTTLS" not in secured.recv(4000)
                secured.sendall(b"d STARTTLS\r\n")
                assert secured.recv(4000).split()[1] in (b"BAD", b"NO")
            else:
                secured.sendall(b"MAIL FROM:<khach@ngoai.example>\r\n")
                assert secured.recv(1000).startswith((b"503", b"530"))
                secured.sendall(b"EHLO may.example\r\n")
                assert b"STARTTLS" not in secured.recv(4000)


@pytest.mark.parametrize("service", [*STARTTLS, *TLS_FROM_THE_START])
def test_handshakes_that_fail_leave_nothing_behind(server: LiveServer, service: str) -> None:
    """More of them than one client may have connections; the next one is served all the same."""
    for attempt in range(server.config.smtp.max_connections_per_client * server.config.workers.mail + 10):
        with connected(server, service, source="127.0.0.77") as line:
            if service in STARTTLS:
                ask_for_tls(line, service)
            if attempt % 2:
                line.sendall(b"this is no handshake\r\n")
    with connected(server, service, source="127.0.0.77") as line:
        if service in STARTTLS:
            assert line.recv(1000).startswith((b"220 ", b"* OK"))
        else:
            context = ssl.create_default_context(cafile=str(server.ca_file))
            with context.wrap_socket(line, server_hostname="localhost") as secured:
                assert secured.recv(1000).startswith((b"220 ", b"* OK"))


@pytest.mark.parametrize("service", [*STARTTLS])
@pytest.mark.parametrize("verb", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n"])
def test_a_browser_at_the_wrong_port_is_hung_up_on(server: LiveServer, service: str, verb: bytes) -> None:
    """Nothing of what a web page can make a browser send is taken for commands (ALPACA)."""
    with connected(server, service) as line:
        line.recv(1000)
        line.sendall(verb)
        said = b""
        with contextlib.suppress(ConnectionError):
            while octets := line.recv(1000):
                said += octets
        assert b"Host" not in said
