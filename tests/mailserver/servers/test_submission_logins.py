"""Submission without a password in the clear, for another mailbox, and what ends a login between two messages."""

from __future__ import annotations

import base64

import pytest
from scramp import ScramClient

from directory.mail import account_changes
from directory.signing_in import app_passwords
from security.channel_binding import end_point
from security.passwords import hash_password
from tests.mailserver.mailroom import PASSWORD, Talk, mails, plain, set_status

MESSAGE = (
    b"From: van thu <vanthu@city.vn>\r\nTo: binh@city.vn\r\nDate: Mon, 23 Nov 2026 10:00:00 +0700\r\n"
    b"Message-ID: <m1@city.vn>\r\nSubject: hop\r\n\r\nbody\r\n"
)


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def decoded(reply):
    assert reply.startswith("334 "), reply
    return base64.b64decode(reply[4:]).decode()


def scram(talk, password=PASSWORD, binding=None):
    name = "SCRAM-SHA-256" if binding is None else "SCRAM-SHA-256-PLUS"
    client = ScramClient([name], "an@city.vn", password, channel_binding=binding)
    client.set_server_first(decoded(talk.ask(f"AUTH {name} {encoded(client.get_client_first())}")))
    reply = talk.ask(encoded(client.get_client_final()))
    if not reply.startswith("334 "):
        return reply
    client.set_server_final(decoded(reply))
    return talk.ask("")


@pytest.fixture
def talk(room):
    with Talk(room, "submissions") as talk:
        talk.hello()
        yield talk


def test_what_is_offered_before_and_under_tls(room):
    with Talk(room, "submission") as talk:
        assert "AUTH" not in talk.hello()
        assert talk.ask("AUTH SCRAM-SHA-256").startswith("538 5.7.11")
    with Talk(room, "submissions") as talk:
        assert "AUTH PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS" in talk.hello()
        for name in ("EXTERNAL", "OAUTHBEARER", "XOAUTH2", "CRAM-MD5"):
            assert talk.ask(f"AUTH {name}").startswith("504 5.5.4")


@pytest.mark.parametrize("size", [12_300, 16_000, 40_000])
def test_an_answer_that_is_too_long_is_answered_once(talk, size):
    assert talk.ask("AUTH PLAIN").startswith("334")
    assert talk.ask("A" * size).startswith("500 5.5.6")  # RFC 4954 §6
    assert talk.ask("AUTH PLAIN " + "A" * size).startswith("500 5.5.")
    assert talk.is_alive()


def test_scram(talk):
    assert scram(talk, "sai").startswith("535 5.7.8")
    assert scram(talk).startswith("235 2.7.0")
    assert talk.ask("MAIL FROM:<an@city.vn>").startswith("250 ")


def test_scram_bound_to_the_channel(room, talk):
    data = end_point((room.ca_file.parent / "server.pem").read_text())
    assert data is not None
    assert scram(talk, binding=("tls-server-end-point", b"x" * 32)).startswith("535 5.7.8")
    assert scram(talk, binding=("tls-server-end-point", data)).startswith("235 2.7.0")


@pytest.mark.parametrize(
    ("lines", "reply"),
    [
        (["AUTH SCRAM-SHA-256 ="], "501 5.5.2"),
        (["AUTH SCRAM-SHA-256 " + encoded("n,,n=an")], "501 5.5.2"),
        (["AUTH SCRAM-SHA-256", encoded("n,,m=x,n=an,r=abc")], "501 5.5.2"),
        (["AUTH SCRAM-SHA-256", "*"], "501 5.7.0"),
        (["AUTH SCRAM-SHA-256 " + encoded("n,,n=an,r=abc"), "*"], "501 5.7.0"),
        (["AUTH SCRAM-SHA-256 " + encoded("n,,n=an,r=abc"), ""], "501 5.5.2"),
        (["AUTH SCRAM-SHA-256 " + encoded("p=tls-unique,,n=an,r=abc")], "501 5.5.2"),
        (["AUTH SCRAM-SHA-256-PLUS " + encoded("p=x,,n=an,r=abc")], "535 5.7.8"),
        (["AUTH SCRAM-SHA-256 " + encoded("y,,n=an,r=abc")], "535 5.7.8"),
        (["AUTH SCRAM-SHA-256 " + encoded("n,,n=" + "x" * 12000 + ",r=abc")], "500 5.5.6"),
        (["AUTH SCRAM-SHA-256", encoded("n,,n=" + "x" * 10000 + ",r=abc")], "500 5.5.6"),
    ],
)
def test_clients_that_keep_no_rule(talk, lines, reply):
    for line in lines[:-1]:
        assert talk.ask(line).startswith("334 ")
    assert talk.ask(lines[-1]).startswith(reply)
    assert talk.ask("MAIL FROM:<an@city.vn>").startswith("530 5.7.0")
    assert talk.log_in("an").startswith("235 2.7.0")


def test_an_official_sends_for_the_units_mailbox(room, talk):
    assert talk.ask("AUTH PLAIN " + plain("an@city.vn", PASSWORD, "binh@city.vn")).startswith("535 5.7.8")
    assert talk.ask("AUTH PLAIN " + plain("an@city.vn", PASSWORD, "vanthu@city.vn")).startswith("235 2.7.0")
    replies = talk.asks("MAIL FROM:<vanthu@city.vn>", "RCPT TO:<binh@city.vn>", "DATA")
    assert replies[-1].startswith("354 "), replies
    talk.send(MESSAGE + b".\r\n")
    assert talk.reply().startswith("250 ")
    assert mails(room.office.store, "binh")[0].endswith(MESSAGE)


@pytest.mark.parametrize("end", ["lock", "password", "revoke"])
def test_a_login_ends_between_two_messages(room, talk, end):
    directory = room.office.directory
    with directory.write() as conn:
        made, letters = app_passwords.add(conn, "test", "an", "Máy", "smtp")
    assert talk.ask("AUTH PLAIN " + plain("an@city.vn", letters)).startswith("235 2.7.0")
    assert talk.ask("MAIL FROM:<an@city.vn>").startswith("250 ")
    assert talk.ask("RSET").startswith("250 ")
    if end == "lock":
        set_status(room.office, "an", "locked")
    else:
        with directory.write() as conn:
            if end == "password":
                account_changes.set_password(conn, "test", "an", hash_password("một mật khẩu khác"))
            else:
                app_passwords.revoke(conn, "test", "an", made.id)
    assert talk.ask("MAIL FROM:<an@city.vn>").startswith("530 5.7.0 Your login does not hold any more")
    assert talk.ask("AUTH PLAIN " + plain("an@city.vn", letters)).startswith("535 5.7.8")
