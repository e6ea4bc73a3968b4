"""ENVELOPE, BODY and BODYSTRUCTURE: the examples of the RFC, and what must never get into them."""

from __future__ import annotations

from mailserver.message.envelope import quoted
from mailserver.message.summary import summarize


def test_the_example_of_the_rfc():
    # RFC 9051 §7.5.2: a text part and a base64-encoded text attachment
    text = b"x" * 48 + b"\r\n"
    octets = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\n"
        + text * 23
        + b"\r\n--b\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII; NAME=cc.diff\r\n"
        b"Content-ID: <960723163407.20117h@cac.washington.edu>\r\nContent-Description: Compiler diff\r\n"
        b"Content-Transfer-Encoding: BASE64\r\n\r\n" + text * 73 + b"\r\n--b--\r\n"
    )
    assert summarize(octets).body == (
        b'(("text" "plain" ("charset" "US-ASCII") NIL NIL "7bit" 1150 23)'
        b'("text" "plain" ("charset" "US-ASCII" "name" "cc.diff") '
        b'"<960723163407.20117h@cac.washington.edu>" "Compiler diff" "base64" 3650 73) "mixed")'
    )


def test_the_envelope_of_the_rfc(imap_reader):
    # RFC 9051 §7.5.2 and RFC 3501 §8: fields in their order, Sender and Reply-To taken from From
    octets = (
        b"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\nFrom: Terry Gray <gray@cac.washington.edu>\r\n"
        b"Subject: IMAP4rev2 WG mtg summary and minutes\r\nTo: imap@cac.washington.edu\r\n"
        b"Cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
        b"Message-Id: <B27397-0100000@cac.washington.edu>\r\n\r\n"
    )
    gray = ((b"Terry Gray", None, b"gray", b"cac.washington.edu"),)
    assert imap_reader.envelope(summarize(octets).envelope) == (
        b"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)",
        b"IMAP4rev2 WG mtg summary and minutes",
        gray,
        gray,
        gray,
        ((None, None, b"imap", b"cac.washington.edu"),),
        (
            (None, None, b"minutes", b"CNRI.Reston.VA.US"),
            (b"John Klensin", None, b"KLENSIN", b"MIT.EDU"),
        ),
        None,
        None,
        b"<B27397-0100000@cac.washington.edu>",
    )


def test_present_but_empty_fields_are_empty_strings(imap_reader):
    date, subject, *_, in_reply_to, message_id = imap_reader.envelope(
        summarize(b"Date:\r\nSubject: \r\nIn-Reply-To:\r\nMessage-ID:  \r\n\r\n").envelope
    )
    assert (date, subject, in_reply_to, message_id) == (b"", b"", b"", b"")


def test_a_group_begins_and_ends_with_a_marker(imap_reader):
    to = imap_reader.envelope(summarize(b"To: team: a@b, c@d;, e@f\r\n\r\n").envelope)[5]
    assert to == (
        (None, None, b"team", None),
        (None, None, b"a", b"b"),
        (None, None, b"c", b"d"),
        (None, None, None, None),
        (None, None, b"e", b"f"),
    )


def test_no_line_of_a_header_can_break_out_of_the_answer(imap_reader):
    hostile = b'") FETCH (UID 1 FLAGS (\\Deleted)\r\n * BYE\x00\x07{3}\xff'
    header = b"".join(
        b"%b: %b\r\n" % (name, hostile)
        for name in (b"Date", b"Subject", b"From", b"To", b"In-Reply-To", b"Message-ID", b"Content-ID", b"Content-MD5",
                     b"Content-Description", b"Content-Language", b"Content-Location", b"Content-Disposition",
                     b"Content-Transfer-Encoding")
    ) + b'Content-Type: application/x; name="%b"; "%b"=x\r\n\r\n' % (hostile, hostile)  # fmt: skip
    summary = summarize(header)
    for octets in (summary.envelope, summary.body, summary.bodystructure):
        assert octets.isascii()
        assert not any(octet < 32 or octet == 127 for octet in octets)
    imap_reader.envelope(summary.envelope)
    imap_reader.body(summary.body)
    imap_reader.body(summary.bodystructure, extended=True)


def test_a_bomb_of_addresses_does_not_become_an_answer_of_its_size(imap_reader):
    summary = summarize(b"To: " + b"a@b, " * 100_000 + b"\r\nSubject: " + b"x" * 1_000_000 + b"\r\n\r\n")
    assert len(imap_reader.envelope(summary.envelope)[5]) == 1000
    assert len(summary.envelope) < 40_000


def test_depth_and_number_stay_within_the_grammar(imap_reader):
    for octets in (
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(300)),
        b"Content-Type: message/rfc822\r\n\r\n" * 300,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 11_000,
    ):
        summary = summarize(octets)
        imap_reader.body(summary.body)
        imap_reader.body(summary.bodystructure, extended=True)


def test_quoted_strings_escape_only_what_must_be():
    assert quoted('a "b" \\ c\r\n\x00d') == '"a \\"b\\" \\\\ c   d"'
