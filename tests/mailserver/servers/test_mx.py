"""Mail from other servers, over a real socket to a live server with a real store and directory behind it."""

from __future__ import annotations

import smtplib

import pytest

from mailserver.delivery import spool
from tests.mailserver.mailroom import DOMAIN, Talk, mails, set_quota, set_status

MESSAGE = (
    b"From: X <x@ngoai.example>\r\nTo: an@city.vn\r\nSubject: hello\r\nMessage-ID: <1@x>\r\n\r\n"
    b"Xin ch\xc3\xa0o\r\n.dot\r\n"
)


def deliver(talk, message, *recipients, sender="x@ngoai.example"):
    """One transaction with everything pipelined; the last reply."""
    replies = talk.asks(f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{each}>" for each in recipients), "DATA")
    assert replies[-1].startswith("354 "), replies
    talk.send(message.replace(b"\r\n.", b"\r\n..") + b".\r\n")
    return talk.reply()


def spooled(office):
    with office.store.read() as connection:
        return spool.load_items(connection)


def test_a_message_arrives_with_its_trace(room):
    with smtplib.SMTP("127.0.0.1", room.ports["smtp"]) as client:
        client.ehlo("ngoai.example")
        assert client.sendmail("x@ngoai.example", ["An@City.vn"], MESSAGE) == {}
    (mail,) = mails(room.office.store, "an")
    assert mail.endswith(MESSAGE)
    trace = mail[: -len(MESSAGE)].decode()
    assert trace.startswith(
        "Return-Path: <x@ngoai.example>\r\n"
        "Received: from ngoai.example ([127.0.0.1])\r\n\tby mail.city.vn with ESMTP id "
    )
    assert "\r\n\tfor <An@city.vn>;\r\n" in trace
    assert trace.count("\r\n") == 5


def test_the_greeting_and_the_extensions(room):
    with Talk(room) as talk:
        assert talk.greeting == "220 mail.city.vn ESMTP CityMail"
        assert talk.hello().split("\n") == [
            "250-mail.city.vn",
            "250-PIPELINING",
            "250-SIZE 1000000",
            "250-8BITMIME",
            "250-SMTPUTF8",
            "250-ENHANCEDSTATUSCODES",
            "250-CHUNKING",
            "250-BINARYMIME",
            "250-DELIVERBY",
            "250-MT-PRIORITY",
            "250-LIMITS RCPTMAX=100",
            "250-DSN",
            "250 STARTTLS",
        ]
        assert talk.ask("HELO client.example") == "250 mail.city.vn"


@pytest.mark.parametrize(
    ("address", "reply"),
    [
        ("nobody@city.vn", "550 5.1.1"),
        ("an@elsewhere.example", "550 5.7.1"),  # no relaying for strangers
        ("an%elsewhere.example@city.vn", "550 5.1.1"),
        ("@city.vn:an@elsewhere.example", "550 5.7.1"),
        ("an@city.vn@elsewhere.example", "553 5.1.3"),
        ('"an@elsewhere.example"@city.vn', "550 5.1.1"),
        ("an@[127.0.0.1]", "550 5.7.1"),
        ("inner@city.vn", "550 5.7.1"),  # a group for our own people
        ("named@city.vn", "550 5.7.1"),
    ],
)
def test_refused_at_rcpt(room, address, reply):
    with Talk(room) as talk:
        talk.hello()
        talk.ask("MAIL FROM:<x@ngoai.example>")
        assert talk.ask(f"RCPT TO:<{address}>").startswith(reply)
        assert talk.ask("DATA").startswith("503 5.5.1")


@pytest.mark.parametrize("claimed", ["an@city.vn", "dung@city.vn"])
def test_a_stranger_who_claims_to_be_ours_may_no_more(room, claimed):
    with Talk(room) as talk:
        talk.hello()
        talk.ask(f"MAIL FROM:<{claimed}>")
        assert talk.ask("RCPT TO:<a@elsewhere.example>").startswith("550 5.7.1")
        assert talk.ask("RCPT TO:<inner@city.vn>").startswith("550 5.7.1")


@pytest.mark.parametrize(
    ("recipients", "reached"),
    [
        (["AN@CITY.VN"], {"an"}),
        (["an+bao.cao@city.vn"], {"an"}),
        (["sep@city.vn"], {"binh"}),
        (["postmaster"], {"dung"}),
        (["postmaster@city.vn"], {"dung"}),
        (["an@city.vn", "An@city.vn", "an+x@city.vn"], {"an"}),
        (["outer@city.vn", "an@city.vn"], {"an", "binh", "chi", "dung"}),
        (["vanthu@city.vn"], {"vanthu"}),
    ],
)
def test_whom_an_address_reaches(room, recipients, reached):
    with Talk(room) as talk:
        talk.hello()
        assert deliver(talk, MESSAGE, *recipients).startswith("250 2.0.0 ")
    store = room.office.store
    counts = {name: len(mails(store, name)) for name in ("an", "binh", "chi", "dung", "vanthu")}
    assert counts == {name: int(name in reached) for name in counts}


def test_members_elsewhere_are_spooled_in_the_same_transaction(room):
    with Talk(room) as talk:
        talk.hello()
        assert deliver(talk, MESSAGE, "outer@city.vn", "ngoai@city.vn").startswith("250 ")
    (item,) = spooled(room.office)
    assert [each.forward_path for each in item.recipients] == ["ban@ngoai.example", "khach@ngoai.example"]
    assert item.envelope.reverse_path == "x@ngoai.example"
    assert len(mails(room.office.store, "chi")) == 1
    assert b"\tfor <" not in mails(room.office.store, "chi")[0]


def test_one_body_for_all(room):
    with Talk(room) as talk:
        talk.hello()
        deliver(talk, MESSAGE, "an@city.vn", "binh@city.vn", "chi@city.vn")
    with room.office.store.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM message").scalar() == 1


def test_a_full_mailbox_is_refused_at_rcpt(room):
    set_quota(room.office, "an", 5000)
    with Talk(room) as talk:
        talk.hello()
        assert deliver(talk, MESSAGE + b"x" * 4000 + b"\r\n", "an@city.vn").startswith("250 ")
        talk.ask("MAIL FROM:<x@ngoai.example> SIZE=2000")
        assert talk.ask("RCPT TO:<an@city.vn>").startswith("452 4.2.2")
        assert talk.ask("RCPT TO:<binh@city.vn>").startswith("250 ")
        talk.ask("RSET")
        talk.ask("MAIL FROM:<x@ngoai.example> SIZE=900000")
        assert talk.ask("RCPT TO:<an@city.vn>").startswith("552 5.3.4")  # will never fit


def test_a_full_member_of_a_group_waits_and_the_others_get_it(room):
    set_quota(room.office, "an", 10)
    with Talk(room) as talk:
        talk.hello()
        assert deliver(talk, MESSAGE, "everyone@city.vn").startswith("250 ")
    assert (len(mails(room.office.store, "an")), len(mails(room.office.store, "binh"))) == (0, 1)
    waiting = {each.forward_path: each for item in spooled(room.office) for each in item.recipients}
    assert set(waiting) == {"an@city.vn", "khach@ngoai.example"}
    assert waiting["an@city.vn"].next_attempt_at > room.office.now()


def test_locked_accounts_receive_and_closed_ones_do_not(room):
    set_status(room.office, "an", "locked")
    set_status(room.office, "binh", "closed")
    with Talk(room) as talk:
        talk.hello()
        talk.ask("MAIL FROM:<x@ngoai.example>")
        assert talk.ask("RCPT TO:<an@city.vn>").startswith("250 ")
        assert talk.ask("RCPT TO:<binh@city.vn>").startswith("550 5.1.1")


def test_size_declared_and_real(room):
    with Talk(room) as talk:
        talk.hello()
        assert talk.ask("MAIL FROM:<x@ngoai.example> SIZE=1000001").startswith("552 5.3.4")
        talk.ask("MAIL FROM:<x@ngoai.example> SIZE=10")
        talk.ask("RCPT TO:<an@city.vn>")
        talk.ask("DATA")
        talk.send((b"x" * 998 + b"\r\n") * 1001 + b".\r\n")
        assert talk.reply().startswith("552 5.3.4")
        assert deliver(talk, MESSAGE, "an@city.vn").startswith("250 ")
    assert len(mails(room.office.store, "an")) == 1
    assert not list(room.office.incoming.iterdir())


def test_a_large_message_goes_through_a_file(room):
    body = b"Subject: large\r\n\r\n" + b"".join(b".%d\r\n" % number for number in range(100_000))
    with Talk(room) as talk:
        talk.hello()
        assert deliver(talk, body, "an@city.vn", "binh@city.vn").startswith("250 ")
    assert mails(room.office.store, "an")[0].endswith(body)
    assert mails(room.office.store, "binh") == mails(room.office.store, "an")
    assert not list(room.office.incoming.iterdir())


def test_utf8_addresses_and_headers(room):
    message = "From: Nguyễn <nguyễn@ngoài.example>\r\nSubject: Tiếng Việt\r\n\r\nchào\r\n".encode()
    with Talk(room) as talk:
        talk.hello()
        assert talk.ask("MAIL FROM:<nguyễn@ngoai.example>").startswith("550 5.6.7")
        assert talk.ask("MAIL FROM:<nguyễn@ngoài.example> SMTPUTF8 BODY=8BITMIME").startswith("250 ")
        assert talk.ask("RCPT TO:<an@CITY.vn>").startswith("250 ")
        talk.ask("DATA")
        talk.send(message + b".\r\n")
        assert talk.reply().startswith("250 ")
    (mail,) = mails(room.office.store, "an")
    assert mail.endswith(message)
    assert b"with UTF8SMTP id" in mail
    assert mail.startswith("Return-Path: <nguyễn@xn--".encode())


def test_octets_that_are_not_utf8_in_a_command(room):
    with Talk(room) as talk:
        talk.hello()
        talk.send(b"MAIL FROM:<\xff\xfe@x.vn>\r\n")
        assert talk.reply().startswith("501 5.5.4")
        assert talk.is_alive()


def test_a_loop_is_found(room):
    hops = b"".join(b"Received: from a by b; x\r\n" for _ in range(50))
    with Talk(room) as talk:
        talk.hello()
        assert deliver(talk, hops + MESSAGE, "an@city.vn").startswith("250 ")
        assert deliver(talk, b"received: one more\r\n" + hops + MESSAGE, "an@city.vn").startswith("554 5.6.0")


def test_what_begins_with_white_space_is_no_part_of_our_trace(room):
    forged = b"\tby mail.city.vn; Mon, 1 Jan 2024 00:00:00 +0700\r\n" + MESSAGE
    with Talk(room) as talk:
        talk.hello()
        assert deliver(talk, forged, "an@city.vn").startswith("250 ")
    (received,) = mails(room.office.store, "an")
    header, _, body = received.partition(b"\r\n\r\n")
    assert b"2024" not in header
    assert body == forged


def test_auth_is_not_offered(room):
    with Talk(room) as talk:
        talk.start_tls()
        assert "AUTH" not in talk.hello()
        assert talk.ask("AUTH PLAIN AGEAYg==").startswith("502 5.5.1")


def test_dsn_need_not_be_offered_to_strangers(make_room):
    with Talk(make_room(reception={"dsn": False})) as talk:
        assert "DSN" not in talk.hello()
        assert talk.ask("MAIL FROM:<x@ngoai.example> RET=FULL").startswith("555 5.5.4")
        talk.ask("MAIL FROM:<x@ngoai.example>")
        assert talk.ask("RCPT TO:<an@city.vn> NOTIFY=SUCCESS").startswith("555 5.5.4")


def test_the_null_sender(room):
    with Talk(room) as talk:
        talk.hello()
        assert deliver(talk, MESSAGE, "an@city.vn", sender="").startswith("250 ")
    assert mails(room.office.store, "an")[0].startswith(b"Return-Path: <>\r\n")


def test_too_many_recipients(make_room):
    room = make_room(smtp={"max_recipients": 2})
    with Talk(room) as talk:
        talk.hello()
        talk.ask("MAIL FROM:<x@ngoai.example>")
        replies = talk.asks(*(f"RCPT TO:<{name}@{DOMAIN}>" for name in ("an", "binh", "chi")))
        assert [reply[:9] for reply in replies] == ["250 2.1.5", "250 2.1.5", "452 4.5.3"]


def test_a_hostile_name_in_ehlo_stays_harmless(room):
    with Talk(room) as talk:
        talk.ask("EHLO <b>(x);\tx\\evil")
        assert talk.ask("EHLO x y;(z)").startswith("250")
        assert deliver(talk, MESSAGE, "an@city.vn").startswith("250 ")
    assert b"from x?y??z? ([127.0.0.1])" in mails(room.office.store, "an")[0]


def test_over_tls(room):
    with Talk(room) as talk:
        talk.hello()
        talk.start_tls()
        assert talk.ask("MAIL FROM:<x@y.example>").startswith("503 5.5.1")  # EHLO is forgotten
        assert "STARTTLS" not in talk.hello()
        assert deliver(talk, MESSAGE, "an@city.vn").startswith("250 ")
        assert talk.ask("STARTTLS").startswith("503 5.5.1")
        assert talk.ask("QUIT").startswith("221 2.0.0")
    assert b" with ESMTPS id " in mails(room.office.store, "an")[0]


def test_with_a_database_over_the_network_everything_runs_in_threads(room):
    room.office.in_place = False
    with Talk(room) as talk:
        talk.hello()
        assert deliver(talk, MESSAGE, "an@city.vn", "everyone@city.vn").startswith("250 ")
        talk.ask("MAIL FROM:<x@ngoai.example>")
        assert talk.ask("RCPT TO:<nobody@city.vn>").startswith("550 5.1.1")
    with Talk(room, "submissions") as talk:
        talk.hello()
        talk.log_in()
        assert talk.ask("MAIL FROM:<binh@city.vn>").startswith("550 5.7.1")
        assert (
            deliver(talk, MESSAGE.replace(b"x@ngoai.example", b"an@city.vn"), "inner@city.vn", sender="an@city.vn")[:3]
            == "250"
        )
    assert len(mails(room.office.store, "binh")) == 2
