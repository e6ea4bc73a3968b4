"""What MAIL and the header asked for, as the spool keeps it (RFC 2852, RFC 3030, RFC 4865, RFC 6710, RFC 8689)."""

from __future__ import annotations

import pytest

from mailserver.delivery.envelopes import envelope_of, is_tls_optional, release_time
from mailserver.smtp.commands import MailCommand, parse_mail

NOW = 1_000_000


@pytest.mark.parametrize(
    ("parameters", "fields"),
    [
        ("", {}),
        ("BODY=8BITMIME", {"eight_bit": True}),
        ("BODY=BINARYMIME", {"eight_bit": True, "is_binary": True}),
        ("REQUIRETLS", {"require_tls": True}),
        ("MT-PRIORITY=-3", {"priority": -3}),
        ("BY=60;R", {"deliver_by": NOW + 60, "deliver_by_mode": "R"}),
        ("BY=-60;NT", {"deliver_by": NOW - 60, "deliver_by_mode": "NT"}),
        ("HOLDFOR=10", {"release_at": NOW + 10}),
        ("HOLDFOR=10 BY=60;N", {"release_at": NOW + 10, "deliver_by": NOW + 70, "deliver_by_mode": "N"}),
        ("HOLDUNTIL=1970-01-12T13:46:41Z", {"release_at": NOW + 1}),
        ("HOLDUNTIL=1970-01-12T13:46:40Z", {}),
        ("RET=HDRS ENVID=x", {"ret": "HDRS", "envelope_id": "x"}),
    ],
)
def test_parameters(parameters, fields):
    envelope = envelope_of(parse_mail(f"FROM:<a@b.vn> {parameters}".rstrip()), b"text", b"", now=NOW)
    defaults = envelope_of(MailCommand("a@b.vn"), b"text", b"", now=NOW)
    changed = {
        name: getattr(envelope, name)
        for name in type(envelope).__dataclass_fields__
        if getattr(envelope, name) != getattr(defaults, name)
    }
    assert changed == fields


def test_octets_speak_for_themselves():
    assert envelope_of(MailCommand("a@b.vn"), "thư".encode(), b"", now=NOW).eight_bit
    assert not envelope_of(MailCommand("a@b.vn"), None, b"", now=NOW).eight_bit


def test_what_was_granted_counts():
    assert envelope_of(MailCommand("a@b.vn", priority=9), b"", b"", now=NOW, priority=0).priority == 0


@pytest.mark.parametrize(
    ("header", "optional"),
    [
        (b"TLS-Required: No\r\n\r\n", True),
        (b"Subject: x\r\nTLS-Required:\r\n no\r\n\r\n", True),
        (b"TLS-Required: No\r\nTLS-Required: No\r\n\r\n", False),
        (b"TLS-Required: Yes\r\n\r\n", False),
        (b"Subject: TLS-Required: No\r\n\r\n", False),
        (b"\r\n", False),
    ],
)
def test_the_field_that_makes_tls_optional(header, optional):
    assert is_tls_optional(header) is optional


def test_no_time_is_given():
    assert release_time(MailCommand("a@b.vn"), NOW) == 0
