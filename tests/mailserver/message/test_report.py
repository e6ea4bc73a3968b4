"""Reports: three parts, fields that programs read, words that people read."""

from __future__ import annotations

import email
import email.policy

import pytest

from mailserver.message.report import (
    DELAYED,
    DELIVERED,
    EXPANDED,
    FAILED,
    RELAYED,
    Outcome,
    delivery_report,
)
from mailserver.message.structure import scan
from mailserver.message.summary import summarize

ORIGINAL = (
    b"From: an@example.vn\r\nTo: b@far.example\r\nSubject: =?utf-8?q?K=E1=BA=BF_ho=E1=BA=A1ch?=\r\n"
    b"Message-ID: <1@example.vn>\r\n\r\nBody\r\n"
)


def report(*outcomes, original=ORIGINAL, **options):
    octets = delivery_report(
        outcomes,
        original,
        reverse_path="an@example.vn",
        reporting_mta="mail.example.vn",
        postmaster="mailer-daemon@example.vn",
        message_id="<r@mail.example.vn>",
        date=1736127000,
        **options,
    )
    assert b"\n" not in octets.replace(b"\r\n", b"")
    return octets


def parts_of(octets):
    root = scan(octets)
    assert root.media_type == "multipart/report"
    return [(part.media_type, octets[part.body_start : part.end]) for part in root.parts]


def blocks(octets):
    """The groups of fields of the second part, as dictionaries."""
    _, body = parts_of(octets)[1]
    return [
        dict(line.split(": ", 1) for line in group.splitlines())
        for group in body.decode().split("\r\n\r\n")
        if group.strip()
    ]


def test_a_failure():
    octets = report(
        Outcome("b@far.example", FAILED, "5.1.1", "550 5.1.1 No such user", "mx.far.example",
                "rfc822;b+40x@far.example", 1736126000, 1736999999),
        Outcome("c@far.example", FAILED, "bogus"),
        envelope_id="QQ314159",
        arrival=1736120000,
    )  # fmt: skip
    message, first, second = blocks(octets)
    assert message == {
        "Original-Envelope-Id": "QQ314159",
        "Reporting-MTA": "dns;mail.example.vn",
        "Arrival-Date": "Mon, 06 Jan 2025 06:33:20 +0700",
    }
    assert first == {
        "Original-Recipient": "rfc822;b+40x@far.example",
        "Final-Recipient": "rfc822;b@far.example",
        "Action": "failed",
        "Status": "5.1.1",
        "Remote-MTA": "dns;mx.far.example",
        "Diagnostic-Code": "smtp;550 5.1.1 No such user",
        "Last-Attempt-Date": "Mon, 06 Jan 2025 08:13:20 +0700",
    }
    assert second == {"Final-Recipient": "rfc822;c@far.example", "Action": "failed", "Status": "5.0.0"}


def test_its_header_and_its_words():
    octets = report(Outcome("b@far.example", FAILED, "5.1.1", "550 5.1.1 No such user"))
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["To"] == "an@example.vn"
    assert message["In-Reply-To"] == "<1@example.vn>"
    assert message["Subject"] == "Thư không gửi được / Undeliverable mail: Kế hoạch"
    assert message["Content-Type"].params["report-type"] == "delivery-status"
    text = message.get_payload()[0].get_content()
    assert "b@far.example: địa chỉ này không tồn tại" in text
    assert "b@far.example: there is no such address" in text
    assert text.index("Thư của bạn") < text.index("Your message")
    assert "550 5.1.1 No such user" in text
    assert not summarize(octets).has_attachments


@pytest.mark.parametrize(
    "action, whole, returned",
    [
        (FAILED, True, ("message/rfc822", ORIGINAL)),
        (FAILED, False, ("text/rfc822-headers", ORIGINAL.split(b"\r\n\r\n")[0] + b"\r\n")),
        # RFC 3461 §6.3: only a failure returns the message
        (DELAYED, True, ("text/rfc822-headers", ORIGINAL.split(b"\r\n\r\n")[0] + b"\r\n")),
        (DELIVERED, True, ("text/rfc822-headers", ORIGINAL.split(b"\r\n\r\n")[0] + b"\r\n")),
    ],
)
def test_what_is_returned(action, whole, returned):
    assert parts_of(report(Outcome("b@far.example", action), return_whole=whole))[2] == returned


@pytest.mark.parametrize(
    "action, status",
    [(FAILED, "5.0.0"), (DELAYED, "4.0.0"), (DELIVERED, "2.0.0"), (RELAYED, "2.0.0"), (EXPANDED, "2.0.0")],
)
def test_every_action_has_words_and_a_status(action, status):
    octets = report(Outcome("b@far.example", action))
    assert blocks(octets)[1]["Status"] == status
    text = email.message_from_bytes(octets, policy=email.policy.default).get_payload()[0].get_content()
    assert text.count("b@far.example") == 2


def test_a_delay_says_until_when():
    octets = report(Outcome("b@far.example", DELAYED, "4.4.1", will_retry_until=1736999999))
    assert blocks(octets)[1]["Will-Retry-Until"] == "Thu, 16 Jan 2025 10:59:59 +0700"


def test_mixed_outcomes_are_named_by_the_worst():
    octets = report(Outcome("a@x", DELIVERED), Outcome("b@x", FAILED, "5.2.2"))
    assert summarize(octets).subject.startswith("Thư không gửi được")
    assert [block["Action"] for block in blocks(octets)[1:]] == ["delivered", "failed"]


def test_addresses_outside_ascii_take_the_types_of_rfc_6533():
    original = "From: ấn@ví-dụ.vn\r\nSubject: Chào\r\n\r\nx\r\n".encode()
    octets = report(
        Outcome("bình@ví-dụ.vn", FAILED, "5.1.1", "550 không có", original_recipient=r"utf-8;b\x{EC}nh@ví-dụ.vn"),
        original=original,
        return_whole=True,
    )
    assert [kind for kind, _ in parts_of(octets)] == ["text/plain", "message/global-delivery-status", "message/global"]
    block = blocks(octets)[1]
    assert block["Final-Recipient"] == "utf-8;bình@ví-dụ.vn"
    assert block["Original-Recipient"] == "utf-8;bình@ví-dụ.vn"
    assert block["Diagnostic-Code"] == "smtp;550 kh?ng c?"
    assert b"Content-Transfer-Encoding: 8bit\r\n" in octets
    header_only = report(Outcome("b@x", FAILED), original=original)
    assert parts_of(header_only)[2][0] == "message/global-headers"


def test_what_the_other_side_says_cannot_add_fields():
    octets = report(Outcome("b@x\r\nAction: delivered", FAILED, diagnostic="550 no\r\n\r\nAction: delivered"))
    assert [block["Action"] for block in blocks(octets)[1:]] == ["failed"]


def test_a_returned_message_that_uses_our_boundary_does_not_break_out():
    probe = report(Outcome("b@x", FAILED))
    boundary = scan(probe).mime.boundary
    hostile = ORIGINAL + f"--{boundary}--\r\n".encode()
    octets = report(Outcome("b@x", FAILED), original=hostile, return_whole=True)
    assert parts_of(octets)[2] == ("message/rfc822", hostile)
