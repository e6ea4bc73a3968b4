"""Messages with NUL octets: kept in base64, and given back as they came."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.imap.binary import without_nul
from mailserver.imap.grammar.responses import UnknownEncoding
from mailserver.message.structure import scan
from mailserver.message.transfer import decode_transfer


def test_a_plain_message():
    kept = without_nul(b"Subject: x\r\n\r\na\x00b")
    assert kept == b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\nYQBi\r\n"


def test_only_the_part_that_has_to():
    octets = (
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        b"--b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xc4\x91 signed\r\n"
        b"--b\r\nContent-Type: image/x\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <1>\r\n\r\n"
        b"\x00\n\xff\r\n--b--\r\n"
    )
    kept = without_nul(octets)
    assert kept == octets.replace(
        b"Content-Transfer-Encoding: binary\r\nContent-ID: <1>\r\n\r\n\x00\n\xff",
        b"Content-ID: <1>\r\nContent-Transfer-Encoding: base64\r\n\r\nAAr/",
    )


def test_within_an_enclosed_message():
    octets = b"Content-Type: message/rfc822\r\n\r\nSubject: y\r\n\r\n\x00"
    kept = without_nul(octets)
    inner = scan(kept).parts[0]
    assert decode_transfer(inner.encoding, kept[inner.body_start : inner.end]) == b"\x00"


@pytest.mark.parametrize(
    "octets",
    [
        b"Sub\x00ject: x\r\n\r\na",
        b"Content-Transfer-Encoding: base64\r\n\r\nAA\x00AA",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\npre\x00amble\r\n--b\r\n\r\nx\r\n--b--\r\n",
    ],
)
def test_where_no_encoding_helps(octets):
    with pytest.raises(UnknownEncoding):
        without_nul(octets)


@given(st.binary(max_size=200), st.booleans())
def test_nothing_is_lost(body, in_part):
    octets = b"\r\n" + body
    if in_part:
        body = body.replace(b"--b", b"-.b")
        octets = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + body + b"\r\n--b--\r\n"
    if b"\x00" not in octets:
        return
    kept = without_nul(octets)
    assert b"\x00" not in kept
    part = scan(kept)
    part = part.parts[0] if in_part else part
    assert decode_transfer(part.encoding, kept[part.body_start : part.end]) == body


def test_append_and_fetch(an):
    octets = b"Content-Transfer-Encoding: binary\r\n\r\na\x00b"
    line = b"APPEND INBOX ~{%d+}\r\n%b" % (len(octets), octets)
    an.ok(line)
    an.ok("SELECT INBOX")
    answer = an.send(b"t FETCH 1 (BINARY.PEEK[1] BINARY.SIZE[1] BODYSTRUCTURE)\r\n")
    assert b"BINARY[1] ~{3}\r\na\x00b BINARY.SIZE[1] 3" in answer
    assert b'"BASE64"' in answer.upper()
    assert an.ask(b"APPEND INBOX {3+}\r\na\x00b")[-1].startswith("t NO [CANNOT]")
    assert an.ask(b"APPEND INBOX ~{3+}\r\na\x00b")[-1].startswith("t NO [UNKNOWN-CTE]")
    assert an.ok(b"APPEND INBOX CATENATE (TEXT {2+}\r\n\r\n TEXT ~{2+}\r\n\x00\x01)")


def test_one_unknown_encoding_leaves_no_half_answer(an):
    """The large part is sent in slices, but not before it is known that all can be sent."""
    large = b"x" * 76 + b"\r\n"
    octets = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + large * 8000
        + b"\r\n--b\r\nContent-Transfer-Encoding: strange\r\n\r\nx\r\n--b--\r\n"
    )  # fmt: skip
    an.append(octets)
    an.ok("SELECT INBOX")
    assert an.ask("FETCH 1 (BODY.PEEK[1] BINARY.PEEK[2])") == [
        "t NO [UNKNOWN-CTE] The part's transfer encoding cannot be undone"
    ]
    assert len(an.send(b"t FETCH 1 (BODY.PEEK[1] BODY.PEEK[2])\r\n")) > len(large) * 8000


def test_one_unknown_encoding_leaves_the_answer_before_it_whole(an):
    plain = b"x" * 76 + b"\r\n"
    an.append(b"\r\n" + plain * 100)
    an.append(b"Content-Transfer-Encoding: strange\r\n\r\nx\r\n")
    an.ok("SELECT INBOX")
    assert an.send(b"t FETCH 1:2 BINARY.PEEK[1]\r\n") == (
        b"* 1 FETCH (BINARY[1] {7800}\r\n" + plain * 100 + b")\r\n"
        b"t NO [UNKNOWN-CTE] The part's transfer encoding cannot be undone\r\n"
    )


def test_whole_messages_come_as_they_are(an):
    """Short ones are gathered, long ones are not, and a literal has no NUL (RFC 9051 §4.3)."""
    messages = [b"Subject: %d\r\n\r\n" % length + b"y" * length for length in (0, 5, 2047, 2048, 20_000, 600_000, 3)]
    for octets in messages * 3:
        an.append(octets)
    an.ok("SELECT INBOX")
    assert (
        an.send(b"t FETCH 1:* BODY.PEEK[]\r\n")
        == b"".join(
            b"* %d FETCH (BODY[] {%d}\r\n%b)\r\n" % (number, len(octets), octets)
            for number, octets in enumerate(messages * 3, 1)
        )
        + b"t OK FETCH completed\r\n"
    )
