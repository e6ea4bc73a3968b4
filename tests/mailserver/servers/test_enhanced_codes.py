"""RFC 2034 §4: every reply has an enhanced code of its class, but the greeting, and the answers to EHLO and HELO."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest

import mailserver.servers
import mailserver.smtp
from mailserver.delivery import inbound
from mailserver.refusals import NotPermitted
from mailserver.smtp.replies import REFUSALS, Reply, fault_reply, refusal_reply
from tests.mailserver.mailroom import Talk

ENHANCED = re.compile(r"([245])\d\d[ -]\1\.\d{1,3}\.\d{1,3} \S")


def constants():
    """Every reply that has a name, and every line that is kept as octets."""
    for package in (mailserver.smtp, mailserver.servers):
        for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            for name, value in vars(importlib.import_module(found.name)).items():
                if isinstance(value, Reply):
                    yield f"{found.name}.{name}", value.octets
                elif isinstance(value, bytes) and re.match(rb"[2345]\d\d[ -]", value):
                    yield f"{found.name}.{name}", value


KNOWN = dict(constants())


def test_there_are_many():
    assert len(KNOWN) > 40


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_replies_that_have_a_name(name):
    assert all(ENHANCED.match(line) for line in KNOWN[name].decode().splitlines())


@pytest.mark.parametrize("kind", REFUSALS, ids=lambda each: each.__name__)
def test_refusals(kind):
    assert ENHANCED.match(refusal_reply(kind()).octets.decode())


def test_faults_of_ours():
    assert ENHANCED.match(fault_reply("ABC").octets.decode())


@pytest.mark.parametrize("service", ["smtp", "submissions", "lmtp"])
def test_a_whole_conversation(room, service):
    lines = [
        "FOO", "DATA", "BDAT 0", "RCPT TO:<an@city.vn>", "MAIL FROM:<an@city.vn>", "AUTH", "AUTH PLAIN x", "VRFY",
        "VRFY an", "EXPN x", "HELP", "NOOP", "RSET", "RSET x", "STARTTLS x", "XCLIENT ADDR=192.0.2.1", "MAIL FROM:<",
        "MAIL FROM:<an@city.vn> SIZE=99999999", "MAIL FROM:<an@city.vn> BODY=X", "LHLO", "EHLO", "HELO", "QUIT x",
    ]  # fmt: skip
    hello = "LHLO a" if service == "lmtp" else "EHLO a"
    for start in range(0, len(lines), 8):
        with Talk(room, service) as talk:
            talk.ask(hello)
            if service == "submissions":
                assert ENHANCED.match(talk.log_in())
            for line in lines[start : start + 8]:
                reply = talk.ask(line)
                assert all(ENHANCED.match(each) for each in reply.split("\n")), line
            assert ENHANCED.match(talk.ask("QUIT"))


def test_replies_are_ascii(room, monkeypatch):
    """RFC 6531 §3.7.4: UTF-8 only for who has said SMTPUTF8."""

    def refuse(*_):
        raise NotPermitted("Không được")

    monkeypatch.setattr(inbound, "offer_recipient", refuse)
    with Talk(room) as talk:
        talk.hello()
        talk.ask("MAIL FROM:<x@y.example>")
        assert talk.ask("RCPT TO:<an@city.vn>") == "550 5.7.1 Kh?ng ???c"
