"""What the RFCs give as examples."""

from __future__ import annotations

import base64
import textwrap

import pytest

from security.dkim import read_message, verify
from security.dkim.message import BodyHash, read_fields
from security.dkim.signing import Signer, sign, unpack_key
from security.dns import Answer, Status
from tests.dns_table import DnsTable


def wire(text: str) -> bytes:
    return textwrap.dedent(text).lstrip("\n").replace("\n", "\r\n").encode()


# RFC 8463 appendix A.2, A.3
KEYS = DnsTable(
    {
        ("brisbane._domainkey.football.example.com", "TXT"): [
            b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
        ],
        ("test._domainkey.football.example.com", "TXT"): [
            b"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR"
            b"iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lx"
            b"j+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
        ],
    }
)
SIGNED = wire(
    """
    DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
     d=football.example.com; i=@football.example.com;
     q=dns/txt; s=brisbane; t=1528637909; h=from : to :
     subject : date : message-id : from : subject : date;
     bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
     b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
     Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
    DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
     d=football.example.com; i=@football.example.com;
     q=dns/txt; s=test; t=1528637909; h=from : to : subject :
     date : message-id : from : subject : date;
     bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
     b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
     DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
     dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
    From: Joe SixPack <joe@football.example.com>
    To: Suzie Q <suzie@shopping.example.net>
    Subject: Is dinner ready?
    Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
    Message-ID: <20030712040037.46341.5F8J@football.example.com>

    Hi.

    We lost the game.  Are you hungry yet?

    Joe.

    """
)


def test_rfc_8463_appendix_a() -> None:
    ed25519, rsa = KEYS.run(verify(read_message(SIGNED), 1528637909))
    assert (ed25519.status, ed25519.algorithm, ed25519.selector) == ("pass", "ed25519-sha256", "brisbane")
    assert (rsa.status, rsa.algorithm, rsa.selector) == ("pass", "rsa-sha256", "test")
    assert (rsa.key_bits, rsa.is_weak, ed25519.is_weak) == (1024, True, False)
    assert KEYS.rounds == 1


def test_rfc_8463_secret_key_signs_as_its_public_key_verifies() -> None:
    secret = bytes.fromhex("302e020100300506032b657004220420") + base64.b64decode(
        "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
    )
    message = SIGNED[SIGNED.index(b"From:") :]
    fields = sign(read_message(message), [Signer("football.example.com", "brisbane", unpack_key(secret))], 1528637909)
    (result,) = KEYS.run(verify(read_message(fields + message), 1528637909))
    assert result.status == "pass"


@pytest.mark.parametrize(
    ("form", "body", "digest"),
    [
        # RFC 6376 §3.4.3, §3.4.4: the hash of a body that is not there
        ("simple", b"", "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY="),
        ("relaxed", b"", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
        ("simple", b"\r\n\r\n\r\n", "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY="),
        ("relaxed", b" \r\n\t\r\n\r\n", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
    ],
)
def test_rfc_6376_empty_bodies(form, body, digest) -> None:
    hashed = BodyHash(form)
    hashed.feed(body)
    assert base64.b64encode(hashed.finish().digest).decode() == digest


def test_rfc_6376_examples_of_canonical_forms() -> None:
    """§3.4.5"""
    first, second = read_fields(b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n")
    assert first.canonical("relaxed") + second.canonical("relaxed") == b"a:X\r\nb:Y Z\r\n"
    assert first.canonical("simple") + second.canonical("simple") == b"A: X\r\nB : Y\t\r\n\tZ  \r\n"
    body = b" C \r\nD \t E\r\n\r\n\r\n"
    for form, same in (("relaxed", b" C\r\nD E\r\n"), ("simple", b" C \r\nD \t E\r\n")):
        one, other = BodyHash(form), BodyHash("simple")
        one.feed(body)
        other.feed(same)
        assert one.finish() == other.finish()


# RFC 6376 appendix A.2 with the key of appendix C, in the white space in which it was signed (simple/simple): printing
# has changed it in the RFC.
RFC_6376_KEY = (
    b"v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt"
    b"IxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhi"
    b"tdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"
)
RFC_6376_SIGNED = wire(
    """
    DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;
          c=simple/simple; q=dns/txt; i=joe@football.example.com;
          h=Received : From : To : Subject : Date : Message-ID;
          bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
          b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB
          4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut
          KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV
          4bmp/YzhwvcubU4=;
    Received: from client1.football.example.com  [192.0.2.1]
          by submitserver.example.com with SUBMISSION;
          Fri, 11 Jul 2003 21:01:54 -0700 (PDT)
    From: Joe SixPack <joe@football.example.com>
    To: Suzie Q <suzie@shopping.example.net>
    Subject: Is dinner ready?
    Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
    Message-ID: <20030712040037.46341.5F8J@football.example.com>

    Hi.

    We lost the game. Are you hungry yet?

    Joe.
    """
)


def test_rfc_6376_appendix_a() -> None:
    table = DnsTable({("brisbane._domainkey.example.com", "TXT"): Answer(Status.FOUND, (RFC_6376_KEY,), True)})
    (result,) = table.run(verify(read_message(RFC_6376_SIGNED), 0))
    assert (result.status, result.reason) == ("pass", "")
    assert (result.domain, result.identity) == ("example.com", "joe@football.example.com")
    assert (result.key_bits, result.validated) == (1024, True)
