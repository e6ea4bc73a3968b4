"""Smuggling through BDAT: octets within the count are never commands, those behind it always are; and what DATA would
refuse, BDAT refuses too.
"""

from __future__ import annotations

import pytest

from tests.mailserver.mailroom import Talk, mails
from tests.regressions.test_smtp_smuggling import ENDINGS, SMUGGLED

OPENING = b"MAIL FROM:<x@y.example>\r\nRCPT TO:<an@city.vn>\r\n"
HEADER = b"Subject: x\r\n\r\nbody"


def chunk(octets, last=b" LAST"):
    return b"BDAT %d%b\r\n%b" % (len(octets), last, octets)


@pytest.mark.parametrize("ending", ENDINGS[::3], ids=repr)
def test_no_end_of_data_is_believed_in_a_chunk(room, ending):
    with Talk(room) as talk:
        talk.hello()
        talk.send(OPENING + chunk(HEADER + ending + SMUGGLED) + b"NOOP\r\n")
        replies = [talk.reply()[:9] for _ in range(4)]
        assert replies == ["250 2.1.0", "250 2.1.5", "554 5.6.0", "250 2.0.0"]
    assert mails(room.office.store, "an") == []
    assert mails(room.office.store, "binh") == []


def test_the_end_of_data_is_text_in_a_chunk(room):
    whole = HEADER + b"\r\n.\r\n" + SMUGGLED
    with Talk(room) as talk:
        talk.hello()
        talk.send(OPENING + chunk(whole[:20], b"") + chunk(whole[20:]) + b"NOOP\r\n")
        replies = [talk.reply()[:9] for _ in range(5)]
        assert replies == ["250 2.1.0", "250 2.1.5", "250 2.0.0", "250 2.0.0", "250 2.0.0"]
    assert mails(room.office.store, "an")[0].endswith(whole)
    assert mails(room.office.store, "binh") == []


def test_the_lines_of_a_binary_message_are_no_commands_either(room):
    whole = HEADER + b"\n.\n\r.\r" + SMUGGLED
    with Talk(room) as talk:
        talk.hello()
        talk.send(OPENING.replace(b"ple>", b"ple> BODY=BINARYMIME") + chunk(whole) + b"NOOP\r\n")
        assert [talk.reply()[:3] for _ in range(4)] == ["250"] * 4
    assert mails(room.office.store, "an")[0].endswith(whole)
    assert mails(room.office.store, "binh") == []


@pytest.mark.parametrize(
    "opening",
    [
        b"",  # no transaction
        b"MAIL FROM:<x@y.example>\r\nRCPT TO:<nobody@city.vn>\r\n",  # nobody to get it
        OPENING + b"BDAT 2000000\r\n" + b"x" * 2_000_000,  # too much already
    ],
    ids=["early", "nobody", "too much"],
)
def test_chunks_behind_a_failure_are_no_commands(room, opening):
    with Talk(room) as talk:
        talk.hello()
        talk.send(opening + chunk(SMUGGLED, b"") + chunk(b"RSET\r\n" + SMUGGLED) + b"NOOP\r\n")
        replies = []
        while (reply := talk.reply()) and reply != "250 2.0.0 OK":
            replies.append(reply[:3])
        assert replies[-2:] == ["503", "503"]
    assert mails(room.office.store, "binh") == []


@pytest.mark.parametrize(
    "line",
    [b"BDAT", b"BDAT x", b"BDAT -1", b"BDAT 10 LAST x", b"BDAT 10LAST", b"BDAT 1e1", b"BDAT 99999999999999999999999"],
)
def test_a_chunk_of_no_size_ends_the_connection(room, line):
    with Talk(room) as talk:
        talk.hello()
        talk.send(OPENING + line + b"\r\n" + SMUGGLED)
        assert [talk.reply()[:9] for _ in range(3)] == ["250 2.1.0", "250 2.1.5", "501 5.5.4"]
        assert talk.has_hung_up()
    assert mails(room.office.store, "binh") == []


@pytest.mark.parametrize("ending", [b"\n", b"\r", b"\0\r\n"])
def test_a_chunks_line_ends_in_crlf(room, ending):
    with Talk(room) as talk:
        talk.hello()
        talk.send(OPENING + b"BDAT 5 LAST" + ending + SMUGGLED)
        assert [talk.reply()[:9] for _ in range(3)] == ["250 2.1.0", "250 2.1.5", "500 5.5.2"]
        assert talk.has_hung_up()


def test_starttls_right_behind_a_chunk_is_alone(room):
    with Talk(room) as talk:
        talk.hello()
        talk.send(OPENING + chunk(HEADER) + b"STARTTLS\r\nMAIL FROM:<dung@city.vn>\r\n")
        assert [talk.reply()[:3] for _ in range(4)] == ["250", "250", "250", "554"]
        assert talk.has_hung_up()


def test_a_transaction_in_clear_does_not_go_on_under_tls(room):
    with Talk(room) as talk:
        talk.hello()
        talk.send(OPENING + chunk(HEADER, b""))
        assert [talk.reply()[:3] for _ in range(3)] == ["250"] * 3
        talk.start_tls()
        talk.send(chunk(b""))
        assert talk.reply().startswith("503")
    assert mails(room.office.store, "an") == []
