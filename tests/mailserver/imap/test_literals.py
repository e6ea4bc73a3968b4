"""LITERAL+ or LITERAL-, never both (RFC 7888 §5)."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from tests.mailserver.imap.talk import Direct, make_services


@pytest.fixture
def careful(make_office):
    """A server that wants to be asked before large literals are sent."""
    office = make_office(
        login={"plaintext_networks": (ip_network("127.0.0.0/8"),)}, imap={"literal_plus": False, "append_limit": 70_000}
    )
    client = Direct(make_services(office))
    yield client
    client.close()


def test_what_is_said(careful, an):
    for said in (careful.buffer.decode(), careful.log_in().ok("CAPABILITY")[0]):
        assert "LITERAL-" in said
        assert "LITERAL+" not in said
    assert "LITERAL+" in an.ok("CAPABILITY")[0]


def test_small_ones_need_not_be_asked_for(careful):
    careful.log_in()
    careful.ok(b"APPEND INBOX {4096+}\r\n" + b"a: b\r\n\r\n" + b"x" * 4088)


def test_large_ones_are_refused_and_skipped(careful):
    careful.log_in()
    octets = b"a: b\r\n\r\n" + b"x" * 4089
    assert careful.ask(b"APPEND INBOX {4097+}\r\n" + octets) == [
        "t BAD [TOOBIG] Literal is too large to be sent without asking"
    ]
    # Still in step; asked for, it may come.
    assert careful.send(b"t APPEND INBOX {4097}\r\n") == b"+ OK\r\n"
    assert careful.send(octets + b"\r\n").startswith(b"t OK [APPENDUID")


def test_larger_than_any_is_refused_before_it_comes(careful):
    careful.log_in()
    assert careful.send(b"t APPEND INBOX {70001}\r\n") == b"t NO [TOOBIG] Message is too large\r\n"


def test_after_utf8_accept(an):
    """RFC 6855 §3: quoted names are UTF-8, or BAD; a search names no charset."""
    an.ok("ENABLE UTF8=ACCEPT")
    assert an.ask(b'SELECT "\xff"') == ["t BAD The mailbox name is not UTF-8"]
    an.ok('CREATE "Dự án"')
    an.ok('SELECT "Dự án"')
    assert an.ask("SEARCH CHARSET UTF-8 ALL")[-1].startswith("t BAD")
    assert an.ok('SEARCH SUBJECT "dự án"')
    an.ok("APPEND INBOX UTF8 (~{14+}\r\nSubject: \u0111\r\n\r\n)".replace("{14+}", "{15+}"))
