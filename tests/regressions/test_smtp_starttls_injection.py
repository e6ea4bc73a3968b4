"""Commands in clear behind STARTTLS (CVE-2011-0411 and its many children; RFC 3207 §4.2)."""

from __future__ import annotations

import pytest

from tests.mailserver.mailroom import PASSWORD, Talk, plain


@pytest.mark.parametrize("service", ["smtp", "submission", "lmtp"])
@pytest.mark.parametrize("injected", [b"NOOP\r\n", b"E", b"\r\n", b"EHLO x\r\nMAIL FROM:<dung@city.vn>\r\n"])
def test_octets_behind_starttls_end_the_connection(room, service, injected):
    with Talk(room, service) as talk:
        talk.ask("LHLO x" if service == "lmtp" else "EHLO x")
        talk.send(b"STARTTLS\r\n" + injected)
        assert talk.reply().startswith("554 5.5.0")
        assert talk.has_hung_up()


@pytest.mark.parametrize("use_uvloop", [True, False])
def test_everything_is_forgotten_after_the_handshake(make_room, use_uvloop):
    room = make_room(use_uvloop=use_uvloop)
    with Talk(room, "submission") as talk:
        talk.hello()
        talk.start_tls()
        assert talk.log_in().startswith("503 5.5.1")
        assert "AUTH PLAIN LOGIN" in talk.hello()
        assert talk.log_in().startswith("235 2.7.0")


def test_a_handshake_that_fails_ends_the_connection_and_only_that(room):
    with Talk(room) as talk:
        talk.hello()
        assert talk.ask("STARTTLS").startswith("220")
        talk.send(b"EHLO in clear\r\n" * 10)
        while reply := talk.reply():
            assert not reply.startswith("250")
    with Talk(room) as talk:
        assert talk.is_alive()


def test_a_login_in_clear_is_refused_and_not_judged(room):
    with Talk(room, "submission") as talk:
        assert "AUTH" not in talk.hello().split("\n", 1)[1]
        assert talk.ask("AUTH PLAIN " + plain("an@city.vn", PASSWORD)).startswith("538 5.7.11")
        assert talk.ask("AUTH LOGIN").startswith("538 5.7.11")
        assert talk.ask("MAIL FROM:<an@city.vn>").startswith("530 5.7.0")
