"""The shell on a port: STARTTLS, implicit TLS, no password in the clear."""

from __future__ import annotations

from base64 import b64encode

import pytest

from security.tls import server_context
from tests.mailserver.imap.talk import LOGIN, Live, wait_until
from tests.mailserver.mailroom import PASSWORD


def test_starttls(live, certificate):
    with live.connect() as client:
        assert b" STARTTLS" in client.read_line()
        assert client.ask("STARTTLS") == ["t OK Begin TLS negotiation now"]
        client.start_tls(certificate.ca_file)
        # What was said before counts no more, and what is offered now is different (RFC 9051 §6.2.1).
        lines = client.ask("CAPABILITY")
        assert " STARTTLS" not in lines[0]
        assert "AUTH=PLAIN" in lines[0]
        assert client.ask("STARTTLS")[-1].startswith("t BAD")
        assert client.ask(f"LOGIN {LOGIN} {PASSWORD}")[-1].startswith("t OK")
        assert client.ask("SELECT INBOX")[-1].startswith("t OK")


@pytest.mark.parametrize("injected", [b"t LOGIN x y\r\n", b"x", b"\r\n", b"t {5+}\r\nab"])
def test_octets_behind_starttls_end_the_connection(live, injected):
    with live.connect() as client:
        client.read_line()
        client.say(b"t STARTTLS\r\n" + injected)
        lines = []
        while (line := client.read_line()) is not None:
            lines.append(line)
        assert len(lines) <= 1, "only the answer to STARTTLS may come"
    wait_until(lambda: not live.services.connections)


def test_a_broken_handshake_ends_the_connection(live):
    with live.connect() as client:
        client.read_line()
        assert client.ask("STARTTLS")[-1].startswith("t OK")
        client.say(b"t NOOP\r\n" * 10)
        assert client.has_hung_up() or client.has_hung_up()
    wait_until(lambda: not live.services.connections)


def test_implicit_tls(live, certificate):
    client = live.connect("imaps")
    client.start_tls(certificate.ca_file)
    with client:
        greeting = client.read_line()
        assert b"STARTTLS" not in greeting
        assert b"LOGINDISABLED" not in greeting
        assert client.ask(f"LOGIN {LOGIN} {PASSWORD}")[-1].startswith("t OK")


def test_no_password_in_the_clear(make_office, certificate):
    server = Live(make_office(), tls_context=server_context(certificate.certificate, certificate.key))
    try:
        with server.connect() as client:
            greeting = client.read_line()
            assert b"LOGINDISABLED" in greeting
            assert b"AUTH=" not in greeting
            assert client.ask(f"LOGIN {LOGIN} {PASSWORD}") == ["t NO [PRIVACYREQUIRED] Use TLS first"]
            secret = b64encode(f"\0{LOGIN}\0{PASSWORD}".encode()).decode()
            assert client.ask(f"AUTHENTICATE PLAIN {secret}") == ["t NO [PRIVACYREQUIRED] Use TLS first"]
            assert client.ask("STARTTLS")[-1].startswith("t OK")
            client.start_tls(certificate.ca_file)
            assert client.ask(f"AUTHENTICATE PLAIN {secret}")[-1].startswith("t OK")
    finally:
        server.close()


def test_on_plain_asyncio_too(office, certificate):
    server = Live(office, tls_context=server_context(certificate.certificate, certificate.key), use_uvloop=False)
    try:
        with server.connect() as client:
            client.read_line()
            assert client.ask("STARTTLS")[-1].startswith("t OK")
            client.start_tls(certificate.ca_file)
            assert client.ask(f"LOGIN {LOGIN} {PASSWORD}")[-1].startswith("t OK")
            assert client.ask('LIST "" *')[-1] == "t OK LIST completed"
    finally:
        server.close()
