"""Each thing that may be wrong with a signature or its key, and what is said of it."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from security.dkim import Message, Signer, read_message, sign, verify
from security.dkim.keys import render_record
from security.dkim.message import LONGEST_HEADER
from security.dkim.results import DkimResult
from security.dkim.verifying import MOST_SIGNATURES
from security.dns import Answer, Status
from tests.dns_table import DnsTable
from tests.security.keyring import DOMAIN, NOW, key, record, resigned, signer, zone

LETTER = (
    b"From: Joe <joe@example.org>\r\nTo: sue@example.net\r\nSubject: Dinner\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n"
    b"Message-ID: <1@example.org>\r\n\r\nHi.\r\n\r\nWe lost  the game. \r\n\r\n"
)
# The key without t=s, so that i= may be of a domain below.
LOOSE = DnsTable({("s-rsa._domainkey.example.org", "TXT"): [record().replace(b"; t=s", b"")]})


def signed(letter: bytes = LETTER, *signers: Signer) -> bytes:
    return sign(read_message(letter), signers or (signer(),), NOW) + letter


def check(octets: bytes | Path, dns: DnsTable | None = None, now: int = NOW) -> tuple[DkimResult, ...]:
    return (dns or zone()).run(verify(read_message(octets), now))


def one(octets: bytes | Path, dns: DnsTable | None = None, now: int = NOW) -> tuple[str, str]:
    (result,) = check(octets, dns, now)
    return result.status, result.reason


def test_both_algorithms_pass() -> None:
    results = check(signed(LETTER, signer("rsa"), signer("ed25519")))
    assert [(result.status, result.algorithm) for result in results] == [
        ("pass", "rsa-sha256"),
        ("pass", "ed25519-sha256"),
    ]
    first, second = results
    assert (first.domain, first.selector, first.identity) == (DOMAIN, "s-rsa", "@example.org")
    assert (first.key_bits, first.is_weak, second.key_bits, second.is_weak) == (2048, False, 0, False)


def test_the_helper_of_these_tests_signs_rightly() -> None:
    assert one(resigned(LETTER, b"DKIM", b"DKIM")) == ("pass", "")


def test_no_signature_no_result_and_no_question() -> None:
    dns = zone()
    assert check(LETTER, dns) == ()
    assert dns.asked == []


def test_all_keys_are_asked_for_at_once_and_each_once() -> None:
    dns = zone()
    check(signed(LETTER, signer("rsa"), signer("ed25519"), signer("rsa")), dns)
    assert dns.rounds == 1
    assert sorted(question.name for question in dns.asked) == [
        "s-ed25519._domainkey.example.org",
        "s-rsa._domainkey.example.org",
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"joe@example.org", b"eve@example.org"),
        (b"Subject: Dinner", b"Subject: Lunch"),
        (b"Hi.", b"Ho."),
        (b"We lost", b"We  won"),
        (b"\r\n\r\nWe", b"\r\n\r\n\r\nWe"),
        (b"t=1795000000", b"t=1795000001"),
        (b"Date:", b"Reply-To: eve@example.com\r\nDate:"),
        (b"Date:", b"Cc: eve@example.com\r\nDate:"),
        (b"Date:", b"Content-Type: text/html\r\nDate:"),
    ],
)
def test_a_change_breaks_the_signature(old, new) -> None:
    octets = signed()
    assert octets.count(old) >= 1
    assert one(octets.replace(old, new, 1))[0] == "fail"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Subject: Dinner", b"SUBJECT:\tDinner  "),
        (b"Subject: Dinner", b"Subject:\r\n  Dinner"),
        (b"game. \r\n", b"game.\t\t\r\n"),
        (b"lost  the", b"lost \t the"),
        (b"\r\n\r\n", b"\r\nReceived: from x by y\r\nX-Spam: no\r\n\r\n"),
    ],
)
def test_what_relays_may_do_does_not(old, new) -> None:
    octets = signed()
    assert old in octets
    assert one(octets.replace(old, new, 1)) == ("pass", "")


def test_empty_lines_at_the_end_do_not_count() -> None:
    assert one(signed() + b"\r\n\r\n \t\r\n") == ("pass", "")
    assert one(signed().rstrip(b"\r\n")) == ("pass", "")


def test_a_body_in_a_file(tmp_path: Path) -> None:
    letter = LETTER + b"".join(b"%07d\t%d \r\n" % (number, number) for number in range(60_000)) + b"\r\n" * 3
    path = tmp_path / "letter"
    path.write_bytes(letter)
    fields = sign(read_message(path), (signer(),), NOW)
    assert fields == sign(read_message(letter), (signer(),), NOW)
    path.write_bytes(fields + letter)
    assert one(path) == ("pass", "")
    path.write_bytes(fields + letter + b"x")
    assert one(path) == ("fail", "the body was changed")


def test_the_body_is_read_once_for_all_signatures() -> None:
    reads = []
    octets = signed(LETTER, signer("rsa"), signer("ed25519"), signer("rsa"))
    whole = read_message(octets)
    body = octets[octets.index(b"\r\n\r\n") + 4 :]

    def pieces() -> list[bytes]:
        reads.append(1)
        return [body]

    assert {result.status for result in zone().run(verify(Message(whole.fields, pieces), NOW))} == {"pass"}
    assert reads == [1]


@pytest.mark.parametrize(
    ("old", "new", "status", "reason"),
    [
        # the tag list (RFC 6376 §3.2, §6.1.1)
        (b"v=1;", b"v=1; v=1;", "neutral", "has v= twice"),
        (b"v=1;", b"v=1;;", "neutral", "no tag=value"),
        (b"v=1;", b"v=1; x;", "neutral", "no tag=value"),
        (b"v=1;", b"v=1; 1x=2;", "neutral", "no tag=value"),
        (b"v=1;", b"v=1; _=2;", "neutral", "no tag=value"),
        (b"v=1;", b"v=1; z=\x01;", "neutral", "has control characters"),
        (b"v=1;", b"v=1; z=\xff;", "neutral", "is not UTF-8"),
        # what is required (§3.5)
        (b"v=1;", b"", "neutral", "has no v="),
        (b" a=rsa-sha256;", b"", "neutral", "has no a="),
        (b" d=example.org;", b"", "neutral", "has no d="),
        (b" s=s-rsa;", b"", "neutral", "has no s="),
        (b"v=1;", b"v=2;", "neutral", "unknown version"),
        (b"v=1;", b"v=01;", "neutral", "unknown version"),
        (b"v=1;", b"V=1;", "neutral", "has no v="),
        # algorithms (RFC 8301 §3.1)
        (b"a=rsa-sha256", b"a=rsa-sha1", "policy", "rsa-sha1 is not taken"),
        (b"a=rsa-sha256", b"a=rsa-sha512", "neutral", "unknown algorithm"),
        (b"a=rsa-sha256", b"a=", "neutral", "has no a="),
        (b"a=rsa-sha256", b"a=ed25519-sha256", "permerror", "not of the signature's kind"),
        # canonical forms
        (b"c=relaxed/relaxed", b"c=relaxed/nowsp", "neutral", "unknown canonicalization"),
        (b"c=relaxed/relaxed", b"c=/", "neutral", "unknown canonicalization"),
        (b"c=relaxed/relaxed", b"c=relaxed/simple/relaxed", "neutral", "unknown canonicalization"),
        # domains
        (b"d=example.org", b"d=org", "neutral", "no domain"),
        (b"d=example.org", b"d=example..org", "neutral", "no domain"),
        (b"d=example.org", b"d=exam ple.org", "neutral", "no domain"),
        (b"d=example.org", b"d=" + b"a" * 64 + b".org", "neutral", "no domain"),
        (b"s=s-rsa", b"s=a..b", "neutral", "no selector"),
        (b"s=s-rsa", b"s=*", "neutral", "no selector"),
        (b"s=s-rsa", b"s=" + b".".join([b"a" * 60] * 4), "neutral", "no selector"),
        (b"v=1;", b"v=1; i=joe@example.com;", "permerror", "outside of its d="),
        (b"v=1;", b"v=1; i=joe@notexample.org;", "permerror", "outside of its d="),
        (b"v=1;", b"v=1; i=joe;", "neutral", "no identity"),
        (b"v=1;", b"v=1; i==ZZ@example.org;", "neutral", "encodes nothing"),
        (b"v=1;", b"v=1; i==0D=0AX-Evil:=20yes@example.org;", "neutral", "no identity"),
        # time (§3.5, t= and x=)
        (b"t=1795000000", b"t=yesterday", "neutral", "t= is not a number"),
        (b"t=1795000000", b"t=-1", "neutral", "t= is not a number"),
        (b"t=1795000000", b"t=1234567890123", "neutral", "t= is not a number"),
        (b"x=1796209600", b"x=1795000000", "neutral", "ended before it began"),
        # what is covered
        (b"h=from:from:", b"h=", "permerror", "From is not signed"),
        (b"h=from:from:", b"h=from::", "neutral", "h= is not a list"),
        (b"v=1;", b"v=1; l=9x;", "neutral", "l= is not a number"),
        (b"v=1;", b"v=1; l=" + b"1" * 77 + b";", "neutral", "l= is not a number"),
        (b"v=1;", b"v=1; q=http;", "neutral", "unknown place"),
        (b" bh=", b" bh=!", "neutral", "bh= is not base64"),
    ],
)
def test_what_no_signature_may_say(old, new, status, reason) -> None:
    found = one(resigned(LETTER, old, new))
    assert found[0] == status
    assert reason in found[1]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"v=1;", b"v=1; q=dns/txt;"),
        (b"v=1;", b"v=1; q=x/y : dns/txt;"),
        (b"v=1;", b"v=1; unknown=1; Z=2;"),
        (b"v=1;", b"v=1; z=From:joe@example.org|Subject:x=20y;"),
        (b"v=1;", b"\tv\r\n =\r\n 1\t;"),
        (b"v=1;", b"v=1; i=joe@example.org;"),
        (b"v=1;", b'v=1; i="a=3Bb"@mail.example.org;'),
        (b"v=1;", "v=1; i=người@thư.example.org;".encode()),
        (b"h=from:", b"h=From : "),
        (b"d=example.org", b"d=EXAMPLE.Org"),
        (b"a=rsa-sha256", b"a=RSA-SHA256"),
    ],
)
def test_what_a_signature_may_say(old, new) -> None:
    assert one(resigned(LETTER, old, new), LOOSE) == ("pass", "")


def test_identities_are_told_in_a_labels() -> None:
    (result,) = check(resigned(LETTER, b"v=1;", "v=1; i=người@thư.example.org;".encode()))
    local, _, domain = result.identity.rpartition("@")
    assert local == "người"
    assert domain.startswith("xn--th-")


def test_an_internationalised_domain_is_asked_for_in_a_labels() -> None:
    """RFC 8616 §4"""
    dns = DnsTable({("s-rsa._domainkey.xn--mnchen-3ya.example", "TXT"): [record()]})
    letter = LETTER.replace(b"joe@example.org", "jö@münchen.example".encode())
    by = Signer("xn--mnchen-3ya.example", "s-rsa", key("rsa"))
    assert one(signed(letter, by), dns) == ("pass", "")
    octets = resigned(letter, b"d=xn--mnchen-3ya.example", "d=münchen.example".encode(), by)
    (result,) = check(octets, dns)
    assert (result.status, result.domain) == ("pass", "xn--mnchen-3ya.example")


def test_expiry_with_a_little_patience() -> None:
    octets = signed()
    assert one(octets, now=1_796_209_600 + 299) == ("pass", "")
    assert one(octets, now=1_796_209_600 + 301) == ("policy", "the signature has expired")


def test_a_body_that_is_signed_in_part_is_not_signed() -> None:
    """RFC 6376 §8.2: with l= anything may be put behind the body."""
    whole = len(b"Hi.\r\n\r\nWe lost the game.\r\n")
    assert one(resigned(LETTER, b"v=1;", b"v=1; l=%d;" % whole)) == ("pass", "")
    partial = resigned(LETTER, b"v=1;", b"v=1; l=%d;" % whole) + b"<p>Pay here</p>\r\n"
    assert one(partial) == ("policy", "the signature leaves some of the body out")
    assert one(resigned(LETTER, b"v=1;", b"v=1; l=0;"))[0] == "policy"
    assert one(resigned(LETTER, b"v=1;", b"v=1; l=%d;" % (whole + 1))) == (
        "fail",
        "the body is shorter than was signed",
    )


@pytest.mark.parametrize("name", [b"Subject", b"To", b"Date", b"Reply-To", b"Content-Type", b"Message-ID"])
@pytest.mark.parametrize("above", [False, True])
def test_a_second_field_beside_a_signed_one(name, above) -> None:
    """RFC 6376 §8.15: many programs show the first, the signature covers the last."""
    letter = LETTER.replace(b"To: sue", b"Reply-To: joe@example.org\r\nContent-Type: text/plain\r\nTo: sue")
    listed = re.search(rb" h=[^;]*;", sign(read_message(letter), (signer(),), NOW))
    assert listed is not None
    once = resigned(letter, listed[0], b" h=from:to:subject:date:reply-to:content-type:message-id;")
    assert one(once) == ("pass", "")
    second = name + b": something else\r\n"
    start = once.index(b"From:")
    doubled = (
        once[:start] + second + once[start:] if above else once.replace(b"\r\n\r\n", b"\r\n" + second + b"\r\n", 1)
    )
    assert one(doubled)[0] == "policy"


def test_two_froms_are_never_signed() -> None:
    letter = b"From: eve@example.com\r\n" + LETTER
    assert one(signed(letter)) == ("policy", "there is a second From field beside the signed one")


def test_ours_guard_against_a_second_field_themselves() -> None:
    assert one(b"Subject: other\r\n" + signed())[0] == "fail"


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        (Status.NO_NAME, "permerror", "there is no such key"),
        (Status.EMPTY, "permerror", "there is no such key"),
        (Status.FAILED, "temperror", "the key cannot be asked for now"),
        (Status.BOGUS, "temperror", "the key cannot be asked for now"),
        ([b"v=spf1 -all"], "permerror", "the key record is malformed"),
        ([record(), record("ed25519")], "permerror", "there are several keys under one name"),
        ([b"v=spf1 -all", record()], "pass", ""),
        ([b"v=DKIM1; p="], "permerror", "the key was revoked"),
        ([b"v=DKIM1; k=rsa"], "permerror", "the key record has no p="),
        ([b"v=DKIM2; " + record()[10:]], "permerror", "the key record is malformed"),
        ([b"k=rsa; v=DKIM1; p=" + record().rpartition(b"=")[2]], "permerror", "unknown version"),
        ([record().replace(b"v=DKIM1; ", b"")], "pass", ""),
        ([record().replace(b"; ", b";") + b";"], "pass", ""),
        ([record().replace(b"k=rsa; ", b"")], "pass", ""),
        ([record().replace(b"k=rsa", b"k=dsa")], "permerror", "of an unknown kind"),
        ([record().replace(b"k=rsa", b"k=ed25519")], "permerror", "has not 32 octets"),
        ([record().replace(b"h=sha256", b"h=sha1")], "permerror", "not for this hash"),
        ([record().replace(b"h=sha256", b"h=sha1 : sha256 : x")], "pass", ""),
        ([record().replace(b"s=email", b"s=tlsrpt")], "permerror", "not for mail"),
        ([record().replace(b"s=email", b"s=*")], "pass", ""),
        ([record().replace(b"s=email", b"s=x:email")], "pass", ""),
        ([record().replace(b"t=s", b"t=y")], "neutral", "the domain is testing DKIM"),
        ([record().replace(b"t=s", b"t=unknown")], "pass", ""),
        ([record() + b"; n=note; future=1"], "pass", ""),
        ([record() + b"; p=x"], "permerror", "has p= twice"),
        ([record()[:-4]], "permerror", "cannot be read"),
        ([record() + b"!"], "permerror", "is not base64"),
        ([record("ed25519")], "permerror", "not of the signature's kind"),
        ([b"v=DKIM1; k=rsa; p=" + b"A" * 4000], "policy", "more than 8192 bits"),
        ([], "permerror", "there is no such key"),
    ],
)
def test_what_the_dns_may_say(answer, status, reason) -> None:
    found = one(signed(), DnsTable({("s-rsa._domainkey.example.org", "TXT"): answer}))
    assert found[0] == status
    assert reason in found[1]


def test_a_testing_domain_is_neutral_whether_it_fits_or_not() -> None:
    """RFC 6376 §3.6.1: no different from unsigned mail."""
    dns = DnsTable({("s-rsa._domainkey.example.org", "TXT"): [record().replace(b"t=s", b"t=s:y")]})
    assert one(signed(), dns) == ("neutral", "the domain is testing DKIM")
    assert one(signed() + b"x", dns) == ("neutral", "the domain is testing DKIM (the body was changed)")
    assert check(signed(), dns)[0].is_testing


def test_a_strict_key_is_not_for_subdomains() -> None:
    octets = resigned(LETTER, b"v=1;", b"v=1; i=joe@mail.example.org;")
    assert one(octets) == ("permerror", "the key is not for subdomains")
    assert one(octets, LOOSE) == ("pass", "")


def test_a_key_as_the_rfc_says_without_its_wrapping() -> None:
    """RFC 6376 §3.6.1: RSAPublicKey; everybody publishes SubjectPublicKeyInfo."""
    bare = key("rsa").public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    text = b"v=DKIM1; p=" + base64.b64encode(bare)
    assert one(signed(), DnsTable({("s-rsa._domainkey.example.org", "TXT"): [text]})) == ("pass", "")


def test_short_rsa_keys() -> None:
    """RFC 8301 §3.2: 1024 bits are the least; less than 2048 is remarked."""
    letter = signed(LETTER, signer("1024"))
    (result,) = check(letter, zone("1024"))
    assert (result.status, result.key_bits, result.is_weak) == ("pass", 1024, True)


@pytest.mark.parametrize(
    ("bits", "exponent", "reason"),
    [
        (512, 65537, "the RSA key has 512 bits only"),
        (1023, 65537, "the RSA key has 1023 bits only"),
        (8193, 65537, "the RSA key has more than 8192 bits"),
        (2048, (1 << 64) + 1, "the RSA key has a giant exponent"),
    ],
)
def test_rsa_keys_that_nobody_should_use(bits, exponent, reason) -> None:
    """RFC 8301 §3.2; and the short keys of VU#268267, which were broken within hours."""
    numbers = rsa.RSAPublicNumbers(exponent, (1 << (bits - 1)) | (1 << (bits // 2)) | 1)
    text = render_record(numbers.public_key()).encode()
    assert one(signed(), DnsTable({("s-rsa._domainkey.example.org", "TXT"): [text]})) == ("policy", reason)


def test_dnssec_is_told() -> None:
    answer = Answer(Status.FOUND, (record(),), validated=True)
    (result,) = check(signed(), DnsTable({("s-rsa._domainkey.example.org", "TXT"): answer}))
    assert result.validated


def test_a_header_with_bare_line_ends_cannot_be_judged() -> None:
    for bad in (b"Subject: x\ny", b"Subject: x\ry", b"Subject: x\r\r\n y"):
        octets = signed().replace(b"Subject: Dinner", bad)
        assert one(octets) == ("permerror", "the header has a bare CR or LF")


def test_a_header_without_end_is_not_read_on() -> None:
    octets = b"DKIM-Signature: v=1\r\n" + b"X: y\r\n" * (LONGEST_HEADER // 6 + 1) + b"\r\nbody"
    assert one(octets) == ("permerror", "the header is too large")


def test_a_header_of_nothing_but_fields_is_not_read() -> None:
    many = b"X:\r\n" * 10_001
    assert one(many + signed()) == ("permerror", "the header has too many fields")
    folded = b"X:\r\n" + b" y\r\n" * 20_000
    assert one(folded + signed()) == ("pass", "")


@pytest.mark.parametrize("octets", [b"", b"\r\n", b"DKIM-Signature:", b"DKIM-Signature: \r\n\r\n", b" \r\n\r\n", b"x"])
def test_next_to_nothing(octets) -> None:
    assert all(result.status == "neutral" for result in check(octets))


def test_a_short_signature_is_told_as_it_is() -> None:
    (result,) = check(re.sub(rb" b=\r\n.*?\r\n(?=From)", b" b=QQ==\r\n", signed(), flags=re.DOTALL))
    assert (result.status, result.signature) == ("fail", "QQ==")


def test_signatures_are_told_apart() -> None:
    """RFC 6008 §4: eight characters, more where they are the same."""
    octets = signed(LETTER, signer("rsa"), signer("ed25519"))
    first, second = check(octets)
    assert len(first.signature) == len(second.signature) == 8
    assert first.signature != second.signature
    alike = b"".join(
        b"DKIM-Signature: v=1; a=x-y; d=a.b; s=c; b=AAAAAAAAAAAA%s\r\n" % tail for tail in (b"AAAA", b"BBBB")
    )
    assert [result.signature for result in check(alike + LETTER)] == ["AAAAAAAAAAAAAAAA", "AAAAAAAAAAAABBBB"]
    long = alike.replace(b"AAAAAAAAAAAA", b"A" * 60_000)
    assert [result.signature for result in check(long + LETTER)] == ["A" * 8] * 2  # so much alike is not told apart
    odd = alike.replace(b"AAAAAAAAAAAA", b'A"\\(\xc3\xa0?x')
    assert [result.signature for result in check(odd + LETTER)] == ["AxAAAA", "AxBBBB"]


def test_many_signatures_are_limited_and_the_authors_own_come_first() -> None:
    junk = b"".join(
        b"DKIM-Signature: v=1; a=rsa-sha256; d=junk%d.example; s=x; h=from; bh=QQ==; b=QQ==\r\n" % number
        for number in range(60)
    )
    dns = zone()
    results = check(junk + signed(), dns)
    assert len(results) == MOST_SIGNATURES
    assert len(dns.asked) == MOST_SIGNATURES
    assert results[-1].status == "pass"
    assert results[-1].domain == DOMAIN


def test_another_signature_may_be_covered_but_not_its_own() -> None:
    """RFC 6376 §3.5, h=: it MUST NOT include the one that is being made; others it may."""
    inner = signed(LETTER, signer("ed25519"))
    octets = resigned(inner, b"h=from:from:", b"h=dkim-signature:dkim-signature:from:from:")
    assert [result.status for result in check(octets)] == ["pass", "pass"]
    broken = octets.replace(b"s=s-ed25519;", b"s=s-ed25519; ", 1)
    assert check(broken)[0].status == "pass"  # relaxed: a blank more
    gone = octets[: octets.index(b"DKIM-Signature", 10)] + octets[octets.index(b"From:") :]
    assert [result.status for result in check(gone)] == ["fail"]
