"""The way to the next server: its name, its addresses, and TLS to it."""

from __future__ import annotations

import socket
from datetime import UTC, datetime

import pytest

from mailserver.servers import dns as dns_shell
from mailserver.servers import relay_destination
from security.authority import ensure_certificate
from security.tls import server_context
from tests.mailserver.mailroom import mails
from tests.mailserver.servers.relaying import is_empty, move_time, submit, until, waiting


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(relay_destination, "LINGER", 0.2)
    monkeypatch.setattr(dns_shell, "FAILURE_MEMORY", 0)


def test_tls_is_used_when_offered_though_nobody_vouches_for_it(relaying, make_far, tmp_path):
    files = ensure_certificate(tmp_path / "far", ["far.example"], datetime.now(UTC))
    far = make_far(context=server_context(files.certificate, files.key))
    room = relaying(far)
    submit(room, "<x@far.example>")
    until(lambda: is_empty(room))
    assert far.messages[0].secured


@pytest.mark.parametrize("answer", [None, "454 4.7.0 not now"])
def test_tls_that_fails_is_gone_without(relaying, make_far, answer):
    # It offers STARTTLS and then hangs up, or says no.
    far = make_far({"EHLO": "250-far.example\r\n250 STARTTLS", **({"STARTTLS": answer} if answer else {})})
    room = relaying(far)
    submit(room, "<x@far.example>")
    until(lambda: is_empty(room))
    assert not far.messages[0].secured
    assert far.connections == (1 if answer else 2)


# -- routes


def test_mx_and_the_next_host_when_the_best_is_down(relaying, far, name_server):
    with socket.socket() as unused:
        unused.bind(("127.0.0.2", far.port))  # bound and not listening: refuses
        dns = name_server(
            {
                ("far.example", "MX"): ["10 best.far.example.", "20 second.far.example."],
                ("best.far.example", "A"): ["127.0.0.2"],
                ("second.far.example", "A"): ["127.0.0.1"],
            }
        )
        room = relaying(None, resolver=dns.address, port=far.port)
        submit(room, "<x@far.example>")
        until(lambda: is_empty(room))
    assert len(far.messages) == 1


def test_implicit_mx(relaying, far, name_server):
    dns = name_server({("far.example", "A"): ["127.0.0.1"]})
    room = relaying(None, resolver=dns.address, port=far.port)
    submit(room, "<x@far.example>")
    until(lambda: is_empty(room))
    assert len(far.messages) == 1


def test_domains_with_the_same_hosts_share_a_connection(relaying, far, name_server):
    dns = name_server(
        {
            ("one.example", "MX"): ["10 mx.far.example."],
            ("two.example", "MX"): ["10 mx.far.example."],
            ("mx.far.example", "A"): ["127.0.0.1"],
        }
    )
    room = relaying(None, resolver=dns.address, port=far.port, per_destination=1)
    submit(room, "<x@one.example>", "<y@two.example>")
    submit(room, "<x@two.example>")
    until(lambda: is_empty(room))
    assert far.connections == 1
    paths = sorted(path for message in far.messages for path in message.recipients)
    assert paths == ["x@one.example", "x@two.example", "y@two.example"]


@pytest.mark.parametrize(
    ("records", "status"),
    [
        ({("far.example", "MX"): ["0 ."]}, b"Status: 5.1.10"),
        ({("far.example", "MX"): "NXDOMAIN"}, b"Status: 5.1.2"),
        ({("far.example", "MX"): ["10 mail.city.vn."]}, b"Status: 5.4.6"),  # that is us
    ],
)
def test_domains_that_take_no_mail(relaying, name_server, records, status):
    room = relaying(None, resolver=name_server(records).address)
    submit(room, "<x@far.example>")
    (report,) = until(lambda: mails(room.office.store, "an"))
    assert status in report
    assert is_empty(room)


@pytest.mark.parametrize(
    "records",
    [
        {("far.example", "MX"): "SERVFAIL"},
        {
            ("far.example", "MX"): ["10 mx.far.example."],
            ("mx.far.example", "A"): "SERVFAIL",
            ("mx.far.example", "AAAA"): "SERVFAIL",
        },
    ],
)
def test_name_servers_that_fail_are_asked_again(relaying, far, name_server, clock, records):
    dns = name_server(records)
    room = relaying(None, resolver=dns.address, port=far.port)
    submit(room, "<x@far.example>")
    until(lambda: waiting(room)["x@far.example"].attempts == 1)
    assert waiting(room)["x@far.example"].last_reply.startswith("451 4.4.3")
    dns.records = {
        ("far.example", "A"): ["127.0.0.1"],
        ("mx.far.example", "A"): ["127.0.0.1"],
        ("far.example", "MX"): ["10 mx.far.example."],
    }
    move_time(room, clock, 400)
    until(lambda: is_empty(room))
    assert len(far.messages) == 1


def test_a_dead_resolver_only_delays(relaying):
    room = relaying(None, resolver="127.0.0.1:1")
    submit(room, "<x@far.example>", "<binh@city.vn>")
    until(lambda: waiting(room)["x@far.example"].attempts == 1, 30)
    assert waiting(room)["x@far.example"].last_reply.startswith("451 4.4.3")
    assert len(mails(room.office.store, "binh")) == 1
