"""Mail from outside is checked while it comes in: over the wire, with a name server on a socket."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from mailserver.delivery import tracing
from security.dkim import Signer, read_message, sign
from security.dkim.keys import render_record
from security.dkim.signing import make_key
from tests.mailserver.mailroom import Talk, add_address, mails
from tests.mailserver.servers.test_mx import deliver

OURS = "city.vn"
PTR = ("1.0.0.127.in-addr.arpa", "PTR")
GOOD: dict[tuple[str, str], Any] = {
    PTR: ["mx.a.example."],
    ("mx.a.example", "A"): ["127.0.0.1"],
    ("a.example", "TXT"): ['"v=spf1 ip4:127.0.0.1 -all"'],
    ("_dmarc.a.example", "TXT"): ['"v=DMARC1; p=reject"'],
    ("bad.example", "TXT"): ['"v=spf1 -all"'],
    ("_dmarc.strict.example", "TXT"): ['"v=DMARC1; p=reject"'],
    ("_dmarc.wary.example", "TXT"): ['"v=DMARC1; p=quarantine"'],
    ("_dmarc.watch.example", "TXT"): ['"v=DMARC1; p=none"'],
}


@pytest.fixture
def trusting(make_room, name_server):
    """Start the servers; nobody's network is trusted, and ``records`` are what the DNS says."""

    def start(records=GOOD, **trust):
        server = name_server(records)
        return make_room(trust={"networks": (), **trust}, dns={"resolvers": (server.address,), "timeout": 2}), server

    return start


def letter(author: str = "x@a.example", *, more: str = "", body: str = "Xin chào\r\n") -> bytes:
    return (
        f"From: X <{author}>\r\nTo: an@city.vn\r\nDate: Mon, 23 Nov 2026 10:00:00 +0700\r\n"
        f"Message-ID: <1@x>\r\nSubject: hello\r\n{more}\r\n{body}"
    ).encode()


def send(room, message: bytes, *recipients: str, sender: str = "x@a.example", hello: str = "mx.a.example") -> str:
    with Talk(room) as talk:
        assert talk.ask(f"EHLO {hello}").startswith("250")
        return deliver(talk, message, *(recipients or ("an@city.vn",)), sender=sender)


def traces(room):
    room.office.store.write(
        lambda tx: None
    ).result()  # nobody waits for the record of a refusal; behind it, it is there
    with room.office.store.read() as connection:
        return tracing.find(connection, tracing.Wanted(), 100)


def test_a_good_message_and_what_is_written_of_it(trusting):
    room, _ = trusting()
    assert send(room, letter()).startswith("250 2.0.0")
    (mail,) = mails(room.office.store, "an")
    head, _, rest = mail.partition(b"Received: ")
    assert head.decode() == (
        "Return-Path: <x@a.example>\r\n"
        "Authentication-Results: mail.city.vn;\r\n"
        "\tspf=pass smtp.mailfrom=a.example;\r\n"
        "\tdkim=none;\r\n"
        "\tdmarc=pass (p=reject dis=none) header.from=a.example;\r\n"
        "\tiprev=pass policy.iprev=mx.a.example\r\n"
    )
    assert rest.endswith(letter())
    (trace,) = traces(room)
    assert (trace["action"], trace["client"], trace["hello"]) == ("accept", "127.0.0.1", "mx.a.example")
    assert (trace["reverse_path"], trace["author"]) == ("x@a.example", "x@a.example")
    assert trace["message_id_header"] == "<1@x>"
    assert trace["reference"] in rest.decode()
    assert "dmarc=pass" in trace["results"]
    assert trace["fates"] == [tracing.Fate("an@city.vn", "inbox", "an")]


@pytest.mark.parametrize(
    ("author", "sender", "reply", "place"),
    [
        ("x@strict.example", "x@other.example", "550 5.7.26", ""),
        ("x@wary.example", "x@other.example", "250", "Junk"),
        ("x@watch.example", "x@other.example", "250", "INBOX"),
        ("x@bad.example", "x@bad.example", "250", "Junk"),
        ("x@nowhere.example", "", "250", "INBOX"),
        # in our own name: refused whatever our policy is, and whoever is the sender
        ("an@city.vn", "x@a.example", "550 5.7.26", ""),
        ("an@CITY.vn.", "an@city.vn", "550 5.7.26", ""),
        ("an@phong.city.vn", "x@a.example", "550 5.7.26", ""),
        ('"an"@[127.0.0.1]', "x@a.example", "250", "Junk"),
        # ours to the eye
        ("an@city.vn\u200b", "x@a.example", "550 5.7.26", ""),
        ("an@city.vn\x01", "x@a.example", "250", "Junk"),
        ("an@city.vn\u202e", "x@a.example", "250", "Junk"),
        ("an@ci\x7fty.vn", "x@a.example", "250", "Junk"),
        # an address only to programs that decode it
        ("=?utf-8?q?an=40city.vn?=", "x@a.example", "250", "Junk"),
    ],
)
def test_authors(trusting, author, sender, reply, place):
    room, _ = trusting()
    assert send(room, letter(author), sender=sender).startswith(reply)
    assert {name: len(mails(room.office.store, "an", name)) for name in ("INBOX", "Junk")} == {
        "INBOX": int(place == "INBOX"),
        "Junk": int(place == "Junk"),
    }
    (trace,) = traces(room)
    assert trace["action"] == {"": "refuse", "Junk": "junk", "INBOX": "accept"}[place]
    assert (trace["message_id"] > 0) is bool(place)
    assert [fate.outcome for fate in trace["fates"]] == [{"": "refuse"}.get(place, place.lower())]


def test_our_own_domain_from_a_server_of_ours_outside(trusting):
    records = {**GOOD, ("city.vn", "TXT"): ['"v=spf1 ip4:127.0.0.1 -all"']}
    room, _ = trusting(records)
    assert send(room, letter("an@city.vn"), sender="news@city.vn").startswith("250")


def test_our_own_domain_while_the_dns_is_silent(trusting):
    room, _ = trusting({**GOOD, ("city.vn", "TXT"): "SERVFAIL"})
    assert send(room, letter("an@city.vn"), sender="news@city.vn").startswith("451 4.7.1")
    assert [trace["action"] for trace in traces(room)] == ["defer"]


@pytest.mark.parametrize(("setting", "reply"), [("defer", "451 4.7.1"), ("accept", "250")])
def test_a_policy_that_cannot_be_asked_for(trusting, setting, reply):
    room, _ = trusting({**GOOD, ("_dmarc.a.example", "TXT"): "SERVFAIL"}, dns_failure=setting)
    assert send(room, letter()).startswith(reply)


@pytest.mark.parametrize(("setting", "reply"), [("accept", "250"), ("junk", "250"), ("refuse", "550 5.7.1")])
def test_what_an_spf_failure_means(trusting, setting, reply):
    room, _ = trusting(spf_fail=setting)
    assert send(room, letter("x@bad.example"), sender="x@bad.example").startswith(reply)
    assert len(mails(room.office.store, "an", "Junk")) == (setting == "junk")


@pytest.mark.parametrize(("setting", "reply"), [("junk", "250"), ("accept", "250")])
def test_dmarc_may_be_softened(trusting, setting, reply):
    room, _ = trusting(dmarc=setting)
    assert send(room, letter("x@strict.example"), sender="x@other.example").startswith(reply)
    assert len(mails(room.office.store, "an", "Junk")) == (setting == "junk")


def test_a_signature_vouches_where_spf_cannot(trusting):
    key = make_key("ed25519")
    records = {
        **GOOD,
        ("s._domainkey.strict.example", "TXT"): [f'"{render_record(key.public_key())}"'],
        ("strict.example", "TXT"): ['"v=spf1 -all"'],
    }
    room, _ = trusting(records)
    signer = Signer("strict.example", "s", key)
    octets = letter("x@strict.example")
    signed = sign(read_message(octets), [signer], room.office.now()) + octets
    assert send(room, signed, sender="x@strict.example").startswith("250")
    (mail,) = mails(room.office.store, "an")
    assert b"dkim=pass header.d=strict.example header.s=s header.a=ed25519-sha256" in mail
    assert b"dmarc=pass" in mail
    broken = signed.replace(b"Xin", b"Tin")
    assert send(room, broken, sender="x@strict.example").startswith("550 5.7.26")


def test_several_recipients_and_junk_for_many(trusting):
    room, _ = trusting()
    reply = send(room, letter("x@wary.example"), "everyone@city.vn", "an@city.vn", sender="x@other.example")
    assert reply.startswith("250")
    assert len(mails(room.office.store, "binh", "Junk")) == len(mails(room.office.store, "an", "Junk")) == 1
    assert mails(room.office.store, "binh") == []


@pytest.mark.parametrize("size", [0, 400_000])
def test_results_in_our_name_are_removed(trusting, size):
    room, _ = trusting()
    forged = (
        "Authentication-Results: mail.city.vn;\r\n\tdmarc=pass header.from=bank.example\r\n"
        "AUTHENTICATION-RESULTS : (x) city.vn 1; none\r\n"
        "Authentication-Results: mx.other.example; spf=pass smtp.mailfrom=a.example\r\n"
        "ARC-Authentication-Results: i=1; mail.city.vn; dmarc=pass header.from=bank.example\r\n"
    )
    octets = letter(more=forged, body="x" * 70 + "\r\n" + ("y" * 70 + "\r\n") * (size // 72))
    assert send(room, octets).startswith("250")
    (mail,) = mails(room.office.store, "an")
    assert mail.endswith(octets[octets.index(b"Authentication-Results: mx.other") :])
    # ours, the other server's, and the one in a chain, which is no result of ours
    assert mail.count(b"bank.example") == 1
    assert mail.lower().count(b"\nauthentication-results") == 2
    assert room.office.store.check_consistency() == []


def test_two_from_fields(trusting):
    room, _ = trusting()
    assert send(room, letter(more="from : an@city.vn\r\n")).startswith("554 5.6.0")


def test_several_authors_of_which_one_is_ours(trusting):
    room, _ = trusting()
    assert send(room, letter("x@a.example>, <an@city.vn")).startswith("550 5.7.26")


def test_a_dead_resolver(make_room):
    room = make_room(trust={"networks": ()}, dns={"resolvers": ("127.0.0.1:1",), "timeout": 1})
    assert send(room, letter()).startswith("451 4.7.1")
    # without a policy to ask for, there is nothing to wait for
    lax = make_room(trust={"networks": (), "dns_failure": "accept"}, dns={"resolvers": ("127.0.0.1:1",), "timeout": 1})
    assert send(lax, letter()).startswith("250")
    (mail,) = mails(lax.office.store, "an")
    assert b"spf=temperror" in mail
    assert b"dmarc=temperror" in mail


def test_a_slow_dns_costs_only_those_who_need_it(make_room):
    """A resolver that never answers: whoever waits for it, waits; somebody else is served meanwhile."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        resolver = f"127.0.0.1:{silent.getsockname()[1]}"
        room = make_room(trust={"networks": (), "dns_failure": "accept"}, dns={"resolvers": (resolver,), "timeout": 2})
        replies: list[str] = []
        waiting = threading.Thread(target=lambda: replies.append(send(room, letter())))
        waiting.start()
        silent.recvfrom(4096)  # it has asked
        with Talk(room) as talk:
            assert talk.ask("EHLO other.example").startswith("250")
            assert talk.ask("NOOP").startswith("250")
        assert replies == []
        waiting.join(60)
    assert replies[0].startswith("250")


def test_whom_we_trust_is_not_checked(trusting, make_room, name_server):
    server = name_server(GOOD)
    room = make_room(dns={"resolvers": (server.address,)})  # loopback is trusted
    assert send(room, letter("an@city.vn"), sender="an@city.vn").startswith("250")
    with Talk(room, "lmtp") as talk:
        talk.ask("LHLO inside")
        assert deliver(talk, letter("an@city.vn"), "an@city.vn", sender="an@city.vn").startswith("250")
    assert server.questions == []
    assert [trace["reason"] for trace in traces(room)] == ["trusted", "trusted"]


# -- lists and greylisting


LISTED = {
    **GOOD,
    ("1.0.0.127.bl.example", "A"): ["127.0.0.2"],
    ("1.0.0.127.bl.example", "TXT"): ['"See https://bl.example/"'],
    ("1.0.0.127.wl.example", "A"): ["127.0.0.4"],
    ("a.example.dbl.example", "A"): ["127.0.1.2"],
}


def test_a_list_that_refuses_does_so_at_rcpt(trusting):
    room, _ = trusting(LISTED, address_lists={"bl.example": "refuse"})
    with Talk(room) as talk:
        talk.ask("EHLO mx.a.example")
        talk.ask("MAIL FROM:<x@a.example>")
        reply = talk.ask("RCPT TO:<an@city.vn>")
        assert reply == "550 5.7.1 127.0.0.1 is listed by bl.example: See https://bl.example/"
        assert talk.ask("RCPT TO:<binh@city.vn>").startswith("550 5.7.1")
        # nobody learns whether an address exists by being listed, nor the other way round
        assert talk.ask("RCPT TO:<nobody@city.vn>").startswith("550 5.1.1")
    (trace,) = traces(room)
    assert (trace["action"], trace["reason"]) == ("refuse", "127.0.0.1 is listed by bl.example")


def test_whoever_is_listed_may_write_to_postmaster(trusting):
    room, _ = trusting(LISTED, address_lists={"bl.example": "refuse"}, greylisting=True)
    with room.office.directory.write() as conn:
        add_address(conn, "postmaster@city.vn", account_id="dung")
    assert send(room, letter(), "Postmaster@city.vn").startswith("250")
    assert len(mails(room.office.store, "dung")) == 1


def test_on_a_database_over_a_network_the_loop_asks_threads(trusting):
    room, _ = trusting(greylisting=True)
    room.office.in_place = False
    assert send(room, letter()).startswith("250")
    assert send(room, letter("an@city.vn")).startswith("550 5.7.26")


@pytest.mark.parametrize(
    ("addresses", "domains", "place"),
    [
        ({"bl.example": "3", "wl.example": "2"}, {}, "Junk"),
        ({"bl.example": "3"}, {"dbl.example": "2"}, "Junk"),
        ({"bl.example": "4", "clean.example": "9"}, {}, "INBOX"),
    ],
)
def test_points_of_lists(trusting, addresses, domains, place):
    room, _ = trusting(LISTED, address_lists=addresses, domain_lists=domains)
    assert send(room, letter()).startswith("250")
    assert len(mails(room.office.store, "an", place)) == 1


def test_a_list_of_domains_may_refuse(trusting):
    room, _ = trusting(LISTED, domain_lists={"dbl.example": "refuse"})
    assert send(room, letter()).startswith("550 5.7.1 a.example is listed by dbl.example")


def test_strangers_come_again(trusting, clock):
    room, _ = trusting(greylisting=True)

    def offer(recipient="an@city.vn", sender="x@other.example"):
        with Talk(room) as talk:
            talk.ask("EHLO mx.other.example")
            talk.ask(f"MAIL FROM:<{sender}>")
            return talk.ask(f"RCPT TO:<{recipient}>")

    assert offer() == "451 4.7.1 You are new here; come again in 300 seconds"
    clock.pass_by(100)
    assert offer().startswith("451")
    clock.pass_by(200)
    assert offer().startswith("250")
    clock.pass_by(86_400)
    assert offer().startswith("250")  # remembered
    assert offer("binh@city.vn").startswith("451")  # another recipient is another matter
    assert offer(sender="x@a.example").startswith("250")  # SPF vouches for that one
    assert [trace["action"] for trace in traces(room)] == ["defer"] * 3


def test_a_network_that_comes_again_is_known(trusting, clock):
    room, _ = trusting(greylisting=True)
    with Talk(room) as talk:
        talk.ask("EHLO mx.other.example")
        for _ in range(2):
            for number in range(5):
                talk.ask(f"MAIL FROM:<x{number}@other.example>")
                reply = talk.ask("RCPT TO:<an@city.vn>")
                talk.ask("RSET")
            clock.pass_by(400)
        assert reply.startswith("250")
        talk.ask("MAIL FROM:<y@other.example>")
        assert talk.ask("RCPT TO:<binh@city.vn>").startswith("250")


# -- our own people


def test_what_an_official_sends_is_recorded_and_says_nothing_in_our_name(make_room):
    room = make_room()
    forged = letter("an@city.vn", more="Authentication-Results: mail.city.vn; dmarc=pass header.from=bank.example\r\n")
    with Talk(room, "submissions") as talk:
        talk.hello()
        assert talk.log_in().startswith("235")
        reply = deliver(talk, forged, "binh@city.vn", "x@far.example", sender="an@city.vn")
    assert reply.startswith("250")
    (mail,) = mails(room.office.store, "binh")
    assert b"Authentication-Results" not in mail
    (trace,) = traces(room)
    assert (trace["author"], trace["results"]) == ("an@city.vn", "auth=pass smtp.auth=an@city.vn")
    assert trace["fates"] == [tracing.Fate("binh@city.vn", "inbox", "binh"), tracing.Fate("x@far.example", "relay")]
