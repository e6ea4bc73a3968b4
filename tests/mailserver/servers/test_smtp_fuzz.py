"""Any octets, any order of commands: the server answers by the rules, survives, and never takes what was not said."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.mailserver.mailroom import Talk, mails

# RFC 2034 §4: an enhanced code, but in the greeting and the answer to EHLO.
REPLY = re.compile(r"([245])\d\d[ -]\1\.\d{1,3}\.\d{1,3} |354 |220 mail|250-mail")
COMMANDS = st.sampled_from(
    [
        "EHLO a",
        "HELO a",
        "LHLO a",
        "MAIL FROM:<x@y.example>",
        "MAIL FROM:<>",
        "MAIL FROM:<x@y.example> SIZE=5",
        "MAIL",
        "RCPT TO:<an@city.vn>",
        "RCPT TO:<binh@city.vn>",
        "RCPT TO:<no@city.vn>",
        "RCPT TO:<x@far.example>",
        "RCPT",
        "RSET",
        "NOOP",
        "VRFY x",
        "HELP",
        "DATA x",
        "BDAT 0",
        "BDAT 0 LAST",
        "MAIL FROM:<x@y.example> BODY=BINARYMIME",
        "MAIL FROM:<x@y.example> REQUIRETLS",
        "MAIL FROM:<x@y.example> BY=5;R MT-PRIORITY=-1 RET=HDRS",
        "RCPT TO:<an@city.vn> NOTIFY=NEVER",
        "XCLIENT ADDR=192.0.2.1",
        "AUTH PLAIN",
        "FOO",
        "",
    ]
)


@pytest.fixture
def survivor(room):
    yield room
    with Talk(room) as talk:
        assert talk.hello().startswith("250")
        assert talk.is_alive()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.binary(max_size=40)
        | st.sampled_from([b"\r\n", b"DATA\r\n", b"EHLO a\r\n", b"\r\n.\r\n", b"BDAT 4\r\n", b"BDAT 1 LAST\r\n"]),
        max_size=30,
    )
)
def test_any_octets(survivor, pieces):
    with Talk(survivor) as talk:
        try:
            for piece in pieces:
                talk.send(piece)
            talk.send(b"\r\nQUIT\r\n\r\n.\r\nQUIT\r\n")
        except OSError:
            pass
        while reply := talk.reply():
            assert REPLY.match(reply), reply
            assert not reply.startswith("451")
    assert mails(survivor.office.store, "an") == []


class Model:
    """RFC 5321 §4.1.4 in a few lines: what each command may be answered."""

    def __init__(self):
        self.greeted = self.extended = False
        self.delivered = Counter()
        self.mail = self.failed = self.chunks = self.binary = False
        self.recipients = set()

    def expects(self, line):
        verb = line.split(" ")[0]
        if verb in ("EHLO", "HELO"):
            self.greeted, self.extended = True, verb == "EHLO"
            self.reset()
            return "250"
        if verb == "MAIL":
            if not self.greeted or self.mail:
                return "503"
            if line == "MAIL":
                return "501"
            if line.count(" ") > 1 and not self.extended:
                return "555"
            if "REQUIRETLS" in line:
                return "530"
            self.mail = True
            self.binary = "BINARYMIME" in line
            return "250"
        if verb == "RCPT":
            if not self.mail:
                return "503"
            if self.chunks or self.failed:
                return "503"
            if line == "RCPT":
                return "501"
            if "NOTIFY" in line and not self.extended:
                return "555"
            if "no@" in line or "far" in line:
                return "550"
            self.recipients.add(line[9:].split("@")[0])
            return "250"
        if verb == "BDAT":
            if not self.mail or self.failed or not self.recipients:
                self.failed = self.mail
                return "503"
            self.chunks = True
            if line.endswith("LAST"):
                self.delivered.update(self.recipients)
                self.reset()
            return "250"
        if verb == "RSET":
            self.reset()
        return {"RSET": "250", "NOOP": "250", "VRFY": "252", "HELP": "214", "DATA": "501", "AUTH": "502"}.get(
            verb, "550" if verb == "XCLIENT" else "500"
        )

    def reset(self):
        self.mail = self.failed = self.chunks = self.binary = False
        self.recipients = set()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(COMMANDS, max_size=15), st.booleans())
def test_any_order_of_commands(survivor, lines, pipelined):
    model = Model()
    store = survivor.office.store
    before = {name: len(mails(store, name)) for name in ("an", "binh")}
    with Talk(survivor) as talk:
        replies = talk.asks(*lines) if pipelined else [talk.ask(line) for line in lines]
        assert [reply[:3] for reply in replies] == [model.expects(line) for line in lines]
        reply = talk.ask("DATA")
        fits = model.mail and model.recipients and not (model.chunks or model.failed or model.binary)
        assert reply[:3] == ("354" if fits else "503")
        if reply.startswith("354"):
            talk.send(b"Subject: x\r\n\r\n.\r\n")
            assert talk.reply().startswith("250")
            model.delivered.update(model.recipients)
    after = {name: len(mails(store, name)) for name in ("an", "binh")}
    assert {name: after[name] - before[name] for name in before} == {name: model.delivered[name] for name in before}
