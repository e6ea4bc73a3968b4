"""Logging in to IMAP in every way, with a session alone and over a port under TLS; and what ends a login."""

from __future__ import annotations

import base64
import ssl

import pytest
from scramp import ScramClient

from directory.mail import account_changes, hidden_capabilities
from directory.signing_in import app_passwords
from security.passwords import hash_password
from tests.mailserver.mailroom import DOMAIN, PASSWORD

AN = f"an@{DOMAIN}"


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def scram(client, password=PASSWORD, binding=None):
    """One exchange over a connection that talks in lines; the tagged line."""
    name = "SCRAM-SHA-256" if binding is None else "SCRAM-SHA-256-PLUS"
    other = ScramClient([name], AN, password, channel_binding=binding)
    client.say(f"t AUTHENTICATE {name} {encoded(other.get_client_first())}\r\n".encode())
    asked = client.read_line()
    if not asked.startswith(b"+ "):
        return asked
    other.set_server_first(base64.b64decode(asked[2:]).decode())
    client.say(encoded(other.get_client_final()).encode() + b"\r\n")
    proven = client.read_line()
    if not proven.startswith(b"+ "):
        return proven
    other.set_server_final(base64.b64decode(proven[2:]).decode())
    client.say(b"\r\n")
    return client.read_line()


def test_scram(live):
    with live.connect() as client:
        client.read_line()
        assert scram(client, "sai") == b"t NO [AUTHENTICATIONFAILED] Wrong login or password"
        assert scram(client).startswith(b"t OK [CAPABILITY ")
        assert client.ask("SELECT INBOX")[-1].startswith("t OK")


@pytest.mark.parametrize("kind", ["tls-unique", "tls-server-end-point"])
@pytest.mark.parametrize("starts", [False, True])
def test_scram_bound_to_the_channel(live, certificate, kind, starts):
    """The third type, tls-exporter, is what gsasl takes (tests/interop/test_logins.py)."""
    from security.channel_binding import binding, end_point

    with live.connect("imap" if starts else "imaps") as client:
        context = ssl.create_default_context(cafile=str(certificate.ca_file))
        context.check_hostname = False
        version = ssl.TLSVersion.TLSv1_2 if kind == "tls-unique" else ssl.TLSVersion.TLSv1_3
        context.minimum_version = context.maximum_version = version
        if starts:
            assert "AUTH=SCRAM-SHA-256-PLUS" not in client.read_line().decode()
            assert client.ask("STARTTLS")[-1].startswith("t OK")
        client.socket = context.wrap_socket(client.socket, server_hostname="mail.city.vn")
        if not starts:
            client.read_line()
        assert "AUTH=SCRAM-SHA-256-PLUS" in client.ask("CAPABILITY")[0]
        # "y": a client that was shown a list without PLUS (RFC 5802 §6)
        assert client.ask(f"AUTHENTICATE SCRAM-SHA-256 {encoded('y,,n=an,r=abc')}") == [
            "t NO [AUTHENTICATIONFAILED] The server does support channel binding"
        ]
        if kind == "tls-server-end-point":
            data = end_point(certificate.certificate.read_text())
        else:
            data = binding(client.socket, kind)
        assert scram(client, binding=(kind, bytes(len(data)))).startswith(b"t NO [AUTHENTICATIONFAILED]")
        assert scram(client, binding=(kind, data)).startswith(b"t OK")


@pytest.mark.parametrize("way", ["password", "scram", "app-password"])
def test_a_login_ends_with_what_it_rests_on(services, connect, clock, way):
    from tests.mailserver.imap.talk import Direct

    with services.directory.write() as conn:
        made, letters = app_passwords.add(conn, "test", "an", "Điện thoại")
    client = Direct(services)
    client.buffer = b""
    if way == "scram":
        assert scram(client).startswith(b"t OK")
    else:
        client.log_in(AN, PASSWORD if way == "password" else letters)
    other = connect("binh@city.vn")
    clock.pass_by(61)
    client.ok("NOOP")
    with services.directory.write() as conn:
        if way == "app-password":
            app_passwords.revoke(conn, "test", "an", made.id)
        else:
            account_changes.set_password(conn, "test", "an", hash_password("một mật khẩu khác"))
    clock.pass_by(61)
    assert client.ask("NOOP")[0].startswith("t NO This account is locked, or its password was changed")
    assert client.closed
    other.ok("NOOP")


def test_a_delegate_is_out_when_the_right_is_taken_back(services, clock):
    from sqlalchemy import delete

    from directory import tables
    from tests.mailserver.imap.talk import Direct

    client = Direct(services)
    client.buffer = b""
    client.ok(f"AUTHENTICATE PLAIN {encoded(f'vanthu@{DOMAIN}' + chr(0) + AN + chr(0) + PASSWORD)}")
    assert client.session.account.login == f"vanthu@{DOMAIN}"
    assert client.session.admission.actor.login == AN
    with services.directory.write() as conn:
        conn.execute(delete(tables.mailbox_right))
    clock.pass_by(61)
    assert client.ask("NOOP")[0].startswith("t NO ")
    assert client.closed


# --- hidden capabilities ----------------------------------------------------------------------------------------------


def hide(services, *names, client=""):
    with services.directory.write() as conn:
        hidden_capabilities.hide(conn, "test", "an", names, client)


def offered(client):
    return set(client.ok("CAPABILITY")[0].split()[2:])


def test_what_is_hidden_is_neither_told_nor_enabled_nor_obeyed(services, connect):
    before = offered(connect())
    hide(services, "QRESYNC", "idle", "MOVE", "QUOTA", "IMAP4rev2", "APPENDLIMIT")
    client, other = connect(), connect("binh@city.vn")
    left = offered(client)
    assert {name.partition("=")[0] for name in before - left} == {
        "QRESYNC", "IDLE", "MOVE", "QUOTA", "IMAP4rev2", "APPENDLIMIT"
    }  # fmt: skip
    assert offered(other) == before
    assert client.ok("ENABLE QRESYNC IMAP4rev2 CONDSTORE")[0] == "* ENABLED CONDSTORE"
    client.ok("SELECT INBOX")
    for command in ("IDLE", "MOVE 1 Trash", "UID MOVE 1 Trash", "GETQUOTAROOT INBOX"):
        assert client.ask(command) == ["t BAD Unknown command"]
    client.ok("UNSELECT")
    assert other.ok("GETQUOTAROOT INBOX")


def test_it_may_depend_on_what_the_client_calls_itself(services, connect):
    hide(services, "CONDSTORE", client="*outlook*")
    client = connect()
    assert "CONDSTORE" in offered(client)
    client.ok('ID ("name" "Microsoft Outlook" "version" "16")')
    assert "CONDSTORE" not in offered(client)
    client.ok('ID ("name" "Thunderbird")')
    assert "CONDSTORE" in offered(client)
    # said before the login it counts from the start
    from tests.mailserver.imap.talk import Direct

    early = Direct(services)
    early.buffer = b""
    early.ok('ID ("name" "Outlook")')
    assert "CONDSTORE" not in early.ok(f'LOGIN {AN} "{PASSWORD}"')[-1]


def test_every_capability_that_is_a_command_can_be_hidden():
    from mailserver.imap.capabilities import AFTER_LOGIN, COMMANDS_OF
    from mailserver.imap.table import COMMANDS

    for capability in AFTER_LOGIN:
        if capability in COMMANDS and capability != b"ESEARCH":  # the command of that name is MULTISEARCH's
            assert capability in COMMANDS_OF[capability]
    for capability, commands in COMMANDS_OF.items():
        assert any(name.partition(b"=")[0] == capability for name in AFTER_LOGIN), capability
        assert set(commands) <= set(COMMANDS), capability
