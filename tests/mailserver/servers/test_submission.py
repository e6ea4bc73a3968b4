"""Submission on 587 and 465: who may log in, who may send as whom, and what becomes of the message."""

from __future__ import annotations

import smtplib
import ssl
from base64 import b64encode

import pytest

from directory.signing_in.login import LoginRefused
from mailserver.delivery import spool
from tests.mailserver.mailroom import PASSWORD, Talk, mails, plain, set_status

MESSAGE = (
    b"From: An <an@city.vn>\r\nTo: binh@city.vn\r\nDate: Mon, 23 Nov 2026 10:00:00 +0700\r\n"
    b"Message-ID: <m1@city.vn>\r\n"
    b"Subject: hop\r\n\r\nbody\r\n"
)


def b64(text):
    return b64encode(text.encode()).decode()


@pytest.fixture
def talk(room):
    with Talk(room, "submissions") as talk:
        talk.hello()
        yield talk


@pytest.fixture
def as_an(talk):
    assert talk.log_in("an").startswith("235 2.7.0")
    return talk


def send(talk, message, *recipients, sender="an@city.vn", parameters=""):
    replies = talk.asks(f"MAIL FROM:<{sender}>{parameters}", *(f"RCPT TO:{each}" for each in recipients), "DATA")
    assert replies[-1].startswith("354 "), replies
    talk.send(message + b".\r\n")
    return talk.reply()


def spooled(office):
    with office.store.read() as connection:
        return spool.load_items(connection)


# -- login


@pytest.mark.parametrize("service", ["submission", "submissions"])
def test_smtplib_logs_in_and_sends(room, service):
    context = ssl.create_default_context(cafile=str(room.ca_file))
    if service == "submissions":
        client = smtplib.SMTP_SSL("127.0.0.1", room.ports[service], context=context)
    else:
        client = smtplib.SMTP("127.0.0.1", room.ports[service])
        client.starttls(context=context)
    with client:
        client.login("an@city.vn", PASSWORD)
        assert client.sendmail("an@city.vn", ["binh@city.vn"], MESSAGE) == {}
    assert mails(room.office.store, "binh")[0].endswith(MESSAGE)
    assert b" with ESMTPSA id " in mails(room.office.store, "binh")[0]


@pytest.mark.parametrize("login", ["an@city.vn", "AN@City.VN", "an"])
def test_plain_and_login_in_all_their_forms(room, login):
    forms = [
        ["AUTH PLAIN " + plain(login, PASSWORD)],
        ["auth plain " + plain(login, PASSWORD)],
        ["AUTH PLAIN", plain(login, PASSWORD)],
        ["AUTH LOGIN", b64(login), b64(PASSWORD)],
        ["AUTH LOGIN " + b64(login), b64(PASSWORD)],
    ]
    for lines in forms:
        with Talk(room, "submissions") as talk:
            talk.hello()
            for line in lines[:-1]:
                assert talk.ask(line).startswith("334 ")
            assert talk.ask(lines[-1]).startswith("235 2.7.0"), lines


@pytest.mark.parametrize(
    ("lines", "reply"),
    [
        (["AUTH"], "501 5.5.4"),
        (["AUTH PLAIN a b"], "501 5.5.4"),
        (["AUTH CRAM-MD5"], "504 5.5.4"),
        (["AUTH PLAIN !!!"], "501 5.5.2"),
        (["AUTH PLAIN ="], "501 5.5.2"),
        (["AUTH PLAIN " + b64("no zeros")], "501 5.5.2"),
        (["AUTH PLAIN", "*"], "501 5.7.0"),
        (["AUTH LOGIN", "*"], "501 5.7.0"),
        (["AUTH LOGIN", b64("an"), "*"], "501 5.7.0"),
        (["AUTH LOGIN", "%%%"], "501 5.5.2"),
        (["AUTH PLAIN " + plain("an@city.vn", "wrong")], "535 5.7.8"),
        (["AUTH PLAIN " + plain("nobody@city.vn", PASSWORD)], "535 5.7.8"),
        (["AUTH PLAIN " + plain("vanthu@city.vn", PASSWORD)], "535 5.7.8"),
        (["AUTH PLAIN " + plain("everyone@city.vn", PASSWORD)], "535 5.7.8"),
        (["AUTH PLAIN " + plain("an@city.vn", PASSWORD, "binh@city.vn")], "535 5.7.8"),
    ],
)
def test_logins_that_fail(talk, lines, reply):
    for line in lines[:-1]:
        assert talk.ask(line).startswith("334 ")
    assert talk.ask(lines[-1]).startswith(reply)
    assert talk.ask("MAIL FROM:<an@city.vn>").startswith("530 5.7.0")
    assert talk.log_in().startswith("235 ")


def test_unknown_and_wrong_say_the_same(talk):
    wrong = talk.ask("AUTH PLAIN " + plain("an@city.vn", "wrong"))
    assert wrong == talk.ask("AUTH PLAIN " + plain("nobody@city.vn", "wrong"))


def test_locked_people_cannot_log_in(room, talk):
    set_status(room.office, "an", "locked")
    assert talk.log_in().startswith("535 5.7.8")


def test_login_at_the_wrong_moment(as_an):
    assert as_an.log_in().startswith("503 5.5.1")
    as_an.ask("MAIL FROM:<an@city.vn>")
    assert as_an.ask("AUTH PLAIN").startswith("503 5.5.1")


def test_login_needs_ehlo(room):
    with Talk(room, "submissions") as talk:
        assert talk.log_in().startswith("503 5.5.1")
        talk.ask("HELO x")
        assert talk.log_in().startswith("503 5.5.1")


def test_a_second_login_is_recalled_without_hashing(room, monkeypatch):
    with Talk(room, "submissions") as talk:
        talk.hello()
        assert talk.log_in().startswith("235 ")
    monkeypatch.setattr(type(room.gate), "judge", None)
    with Talk(room, "submissions") as talk:
        talk.hello()
        assert talk.log_in().startswith("235 ")


def test_a_guesser_waits_and_nobody_else(room, monkeypatch):
    def refuse(*_arguments):
        raise LoginRefused("Wrong login or password", "credentials", 1.0)

    monkeypatch.setattr(room.gate, "judge", refuse)
    with Talk(room, "submissions") as guesser, Talk(room, "submissions") as other:
        guesser.hello()
        guesser.send(b"AUTH PLAIN " + plain("an@city.vn", "guess").encode() + b"\r\n")
        assert all(other.is_alive() for _ in range(20))
        guesser.socket.settimeout(0.01)
        with pytest.raises(TimeoutError):
            guesser.socket.recv(1)
        guesser.socket.settimeout(20)
        assert guesser.reply().startswith("535 5.7.8")


def test_passwords_never_reach_the_log(room, caplog):
    with caplog.at_level("DEBUG"), Talk(room, "submissions") as talk:
        talk.hello()
        talk.ask("AUTH PLAIN " + plain("an@city.vn", "Secret-guess-77"))
        talk.log_in()
    for secret in (PASSWORD, "Secret-guess-77", plain("an@city.vn", PASSWORD), plain("an@city.vn", "Secret-guess-77")):
        assert secret not in caplog.text


def test_before_login_nothing_is_taken(room):
    with Talk(room, "submission") as talk:
        talk.hello()
        assert talk.ask("MAIL FROM:<an@city.vn>").startswith("530 5.7.0")
        assert "STARTTLS" in talk.ask("MAIL FROM:<an@city.vn>")
        assert talk.ask("RCPT TO:<an@city.vn>").startswith("503")


# -- who may send as whom


@pytest.mark.parametrize(
    ("sender", "reply"),
    [
        ("an@city.vn", "250"),
        ("An+viec@city.vn", "250"),
        ("vanthu@city.vn", "250"),  # an sends for the unit
        ("", "250"),  # a receipt
        ("binh@city.vn", "550 5.7.1"),
        ("sep@city.vn", "550 5.7.1"),
        ("everyone@city.vn", "550 5.7.1"),
        ("an@elsewhere.example", "550 5.7.1"),
        ("nobody@city.vn", "550 5.7.1"),
    ],
)
def test_the_reverse_path_belongs_to_the_login(as_an, sender, reply):
    assert as_an.ask(f"MAIL FROM:<{sender}>").startswith(reply)


@pytest.mark.parametrize(
    ("header", "reply"),
    [
        (b"From: An <an@city.vn>", "250"),
        (b"From: vanthu@city.vn", "250"),
        (b"From: an@city.vn, vanthu@city.vn", "250"),
        (b"From: Giam doc <binh@city.vn>", "550 5.7.1"),
        (b"From: an@city.vn, binh@city.vn", "550 5.7.1"),
        (b"From: an@city.vn\r\nFrom: binh@city.vn", "554 5.6.0"),
        (b'From: "an@city.vn" <binh@city.vn>', "550 5.7.1"),
        (b"From: nobody", "554 5.6.0"),
        (b"X-From: an@city.vn", "554 5.6.0"),
    ],
)
def test_the_author_belongs_to_the_login(as_an, room, header, reply):
    assert send(as_an, header + b"\r\nSubject: x\r\n\r\nx\r\n", "<binh@city.vn>").startswith(reply)
    assert len(mails(room.office.store, "binh")) == (reply == "250")


def test_logging_in_for_a_unit(talk, room):
    assert talk.ask("AUTH PLAIN " + plain("an@city.vn", PASSWORD, "vanthu@city.vn")).startswith("235 2.7.0")
    assert talk.ask("MAIL FROM:<an@city.vn>").startswith("550 5.7.1")
    assert send(talk, MESSAGE.replace(b"<an@", b"<vanthu@"), "<binh@city.vn>", sender="vanthu@city.vn").startswith(
        "250"
    )


def test_a_password_outside_ascii(talk):
    assert talk.log_in("chi").startswith("235 2.7.0")


# -- recipients


def test_mixed_recipients_are_one_transaction(as_an, room):
    reply = send(as_an, MESSAGE, "<binh@city.vn>", "<x@far.example>", "<y@far.example>", "<sep@city.vn>")
    assert reply.startswith("250 2.0.0")
    assert len(mails(room.office.store, "binh")) == 1
    (item,) = spooled(room.office)
    assert [each.forward_path for each in item.recipients] == ["x@far.example", "y@far.example"]
    assert item.envelope.submitter == "an"
    with room.office.store.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM message").scalar() == 1


@pytest.mark.parametrize(
    ("name", "address", "reply"),
    [
        ("an", "inner@city.vn", "250"),
        ("dung", "inner@city.vn", "250"),  # internal: any of us
        ("an", "named@city.vn", "250"),
        ("chi", "named@city.vn", "550 5.7.1"),  # a member, but not one who may post
        ("an", "nobody@city.vn", "550 5.1.1"),
        ("an", "anyone@far.example", "250"),
    ],
)
def test_who_may_write_to_whom(talk, name, address, reply):
    talk.log_in(name)
    talk.ask(f"MAIL FROM:<{name}@city.vn>")
    assert talk.ask(f"RCPT TO:<{address}>").startswith(reply)


def test_without_a_relay_nothing_goes_out(make_room):
    room = make_room(relay={"enabled": False})
    with Talk(room, "submissions") as talk:
        talk.hello()
        talk.log_in()
        talk.ask("MAIL FROM:<an@city.vn>")
        assert talk.ask("RCPT TO:<x@far.example>").startswith("550 5.7.1")


# -- what is done to the message


def test_date_and_message_id_are_added_where_they_lack(as_an, room):
    send(as_an, b"From: an@city.vn\r\nSubject: x\r\n\r\nx\r\n", "<binh@city.vn>")
    (mail,) = mails(room.office.store, "binh")
    assert mail.count(b"\r\nDate: ") == 1
    assert mail.count(b"\r\nMessage-ID: <") == 1
    assert mail.index(b"Received:") < mail.index(b"Message-ID:")
    send(as_an, MESSAGE, "<binh@city.vn>")
    assert mails(room.office.store, "binh")[1].endswith(MESSAGE)


def test_bcc_is_taken_out(as_an, room):
    send(
        as_an,
        MESSAGE.replace(b"Subject", b"Bcc: chi@city.vn,\r\n dung@city.vn\r\nSubject"),
        "<binh@city.vn>",
        "<chi@city.vn>",
    )
    for name in ("binh", "chi"):
        (mail,) = mails(room.office.store, name)
        assert mail.endswith(MESSAGE)
        assert b"dung@" not in mail


def test_a_large_message_with_bcc(as_an, room):
    body = b"".join(b"line %d\r\n" % number for number in range(50_000))
    message = b"From: an@city.vn\r\nBcc: x@y.example\r\nSubject: large\r\n\r\n" + body
    assert send(as_an, message, "<binh@city.vn>").startswith("250")
    (mail,) = mails(room.office.store, "binh")
    assert mail.endswith(b"Subject: large\r\n\r\n" + body)
    assert b"Bcc" not in mail
    assert not list(room.office.incoming.iterdir())


# -- DSN


def test_dsn_parameters_are_kept_in_the_spool(as_an, room):
    reply = send(
        as_an,
        MESSAGE,
        "<x@far.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x@far.example",
        "<y@far.example> NOTIFY=NEVER",
        parameters=" RET=HDRS ENVID=env1",
    )
    assert reply.startswith("250")
    (item,) = spooled(room.office)
    assert (item.envelope.ret, item.envelope.envelope_id) == ("HDRS", "env1")
    assert [(each.notify, each.original_recipient) for each in item.recipients] == [
        ("SUCCESS,DELAY", "rfc822;x@far.example"),
        ("NEVER", "rfc822;y@far.example"),
    ]


def test_success_of_local_delivery_is_reported_when_asked(as_an, room):
    send(
        as_an,
        MESSAGE,
        "<binh@city.vn> NOTIFY=SUCCESS",
        "<chi@city.vn>",
        "<inner@city.vn> NOTIFY=SUCCESS",
        parameters=" ENVID=e7",
    )
    (inner_copy, report) = sorted(mails(room.office.store, "an"), key=len)
    assert inner_copy.endswith(MESSAGE)
    assert report.startswith(b"Return-Path: <>\r\n")
    assert b"Original-Envelope-Id: e7\r\n" in report
    assert b"Final-Recipient: rfc822;binh@city.vn\r\nAction: delivered" in report
    assert b"Final-Recipient: rfc822;inner@city.vn\r\nAction: expanded" in report
    assert b"chi@city.vn\r\nAction" not in report
