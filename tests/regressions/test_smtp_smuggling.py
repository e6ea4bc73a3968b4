"""SMTP smuggling (CVE-2023-51764, -51765, -51766; RFC 5321 §2.3.8): only CRLF.CRLF ends the data, and nothing bare
gets through.
"""

from __future__ import annotations

import itertools

import pytest

from tests.mailserver.mailroom import Talk, mails

LINE_ENDS = [b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r", b"\0\n", b"\r\0\n"]
SMUGGLED = b"MAIL FROM:<dung@city.vn>\r\nRCPT TO:<binh@city.vn>\r\nDATA\r\nSubject: forged\r\n\r\nforged\r\n.\r\n"
ENDINGS = [
    before + b"." + after
    for before, after in itertools.product(LINE_ENDS, LINE_ENDS)
    if (before, after) != (b"\r\n", b"\r\n")
]


@pytest.mark.parametrize("ending", ENDINGS, ids=repr)
def test_no_other_end_of_data_is_believed(room, ending):
    with Talk(room) as talk:
        talk.hello()
        talk.asks("MAIL FROM:<x@y.example>", "RCPT TO:<an@city.vn>", "DATA")
        talk.send(b"Subject: x\r\n\r\nbody" + ending + SMUGGLED)
        reply = talk.reply()
        # One message, and if it is refused then as a whole; what was smuggled is never taken for commands.
        assert reply.startswith("554 5.6.0"), reply
        assert talk.is_alive()
    assert mails(room.office.store, "an") == []
    assert mails(room.office.store, "binh") == []


@pytest.mark.parametrize("line", [b"body\rmore", b"body\nmore", b"\n", b"\r", b"a\r\r", b"\nb"])
def test_bare_line_ends_are_refused_anywhere(room, line):
    with Talk(room) as talk:
        talk.hello()
        for message in (b"Subject: " + line + b"\r\n\r\nx\r\n", b"Subject: x\r\n\r\n" + line + b"\r\n"):
            talk.asks("MAIL FROM:<x@y.example>", "RCPT TO:<an@city.vn>", "DATA")
            talk.send(message + b".\r\n")
            assert talk.reply().startswith("554 5.6.0")
    assert mails(room.office.store, "an") == []


@pytest.mark.parametrize("ending", [b"\n", b"\r", b"\r\r\n", b"\0\r\n"])
def test_a_command_ends_in_crlf_too(room, ending):
    with Talk(room) as talk:
        talk.hello()
        talk.send(b"NOOP" + ending + b"NOOP\r\n")
        assert talk.reply().startswith("500 5.5.2")
        assert talk.has_hung_up()


def test_octets_before_354_end_the_connection(room):
    with Talk(room) as talk:
        talk.hello()
        talk.send(b"MAIL FROM:<x@y.example>\r\nRCPT TO:<an@city.vn>\r\nDATA\r\nSubject: early\r\n\r\n.\r\n")
        assert [talk.reply()[:9] for _ in range(3)] == ["250 2.1.0", "250 2.1.5", "554 5.5.0"]
        assert talk.has_hung_up()
    assert mails(room.office.store, "an") == []


def test_octets_behind_a_refused_data_are_commands(room):
    # RFC 2920 §3.1: whoever pipelines cannot know yet that DATA fails, and goes on with commands.
    with Talk(room) as talk:
        talk.hello()
        replies = talk.asks("MAIL FROM:<x@y.example>", "RCPT TO:<nobody@city.vn>", "DATA", "RSET", "NOOP")
        assert [reply[:3] for reply in replies] == ["250", "550", "503", "250", "250"]
