"""Chains that hold and chains that do not: each rule of RFC 8617 §5.2, and what the public suite asks about tags."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable

import pytest

from security.arc import ArcResult, seal, validate
from security.arc.chain import CHAIN_FIELDS, MOST_SETS
from security.dkim import Message, Signer, read_message, sign, verify
from security.dkim.message import relaxed
from security.dkim.signature import covered_fields
from security.dns import Status
from tests.dns_table import DnsTable
from tests.security.keyring import DOMAIN, NOW, signer, zone

LETTER = (
    b"From: Joe <joe@example.org>\r\nTo: list@example.net\r\nSubject: Dinner\r\n"
    b"Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n\r\nHi.\r\n"
)
FOUND = "mx.example.net; spf=pass smtp.mailfrom=example.org; dkim=pass header.d=example.org"


def check(octets: bytes, dns: DnsTable | None = None) -> ArcResult:
    return (dns or zone()).run(validate(read_message(octets)))


def sealed(octets: bytes, by: Signer | None = None, results: str = FOUND) -> bytes:
    return seal(read_message(octets), check(octets), results, by or signer(), NOW) + octets


def chain(length: int, letter: bytes = LETTER) -> bytes:
    for _ in range(length):
        letter = sealed(letter)
    return letter


def fields(octets: bytes) -> list[bytes]:
    """The fields of the chain, from the top."""
    found = read_message(octets).fields
    return [field.octets for field in found if field.name.startswith("arc-")]


def test_no_chain() -> None:
    dns = zone()
    assert check(LETTER, dns) == ArcResult("none")
    assert check(b"", dns) == ArcResult("none")
    assert dns.asked == []


@pytest.mark.parametrize("length", [1, 2, 3, 7])
def test_a_chain_holds(length: int) -> None:
    dns = zone()
    result = check(chain(length), dns)
    assert (result.status, result.highest, result.oldest_pass, result.reason) == ("pass", length, 0, "")
    assert [one.instance for one in result.sets] == list(range(1, length + 1))
    assert {(one.domain, one.selector, one.results) for one in result.sets} == {(DOMAIN, "s-rsa", FOUND)}
    assert dns.rounds == 1
    assert len(dns.asked) == 1


def test_the_newest_set_must_hold_before_others_are_asked_for() -> None:
    """RFC 8617 §9.2: nobody has us ask for names of others with a chain that he made up."""
    invented = chain(1, LETTER).replace(b"d=example.org", b"d=victim.example")
    for highest in (1, 2, 3):
        found = ArcResult("pass", highest=highest)
        by = Signer(f"d{highest}.example.net", "s-rsa", signer().key)
        invented = seal(read_message(invented), found, FOUND, by, NOW) + invented
    dns = zone()
    assert check(invented, dns).status == "fail"
    assert {question.name for question in dns.asked} == {"s-rsa._domainkey.d3.example.net"}
    dns.records |= zone("rsa", domain="d3.example.net").records
    dns.asked.clear()
    assert check(invented, dns).reason == "seal 3: there is no such key"
    assert len(dns.asked) == len({question.name for question in dns.asked}) == 4


def test_a_chain_with_ed25519_in_it() -> None:
    assert check(sealed(sealed(LETTER, signer("ed25519")))).status == "pass"


def test_fifty_sets_and_no_more() -> None:
    """RFC 8617 §4.2.1, §5.2 step 1"""
    longest = chain(1)
    for highest in range(1, MOST_SETS):
        longest = sealed_as_passed(longest, highest)
    assert check(longest).status == "pass"
    assert sealed(longest) == longest  # nobody seals on
    more = b"ARC-Seal: i=51; cv=pass; a=rsa-sha256; d=a.b; s=c; b=QQ==\r\n" + longest
    assert check(more).status == "fail"
    assert "more than 50" in check(more).reason


def test_a_list_that_changes_the_message_and_seals_it() -> None:
    """Step 5: the older signatures no longer fit, the newest does; the chain holds."""
    changed = (
        chain(2).replace(b"Subject: Dinner", b"Subject: [list] Dinner").replace(b"Hi.\r\n", b"Hi.\r\n-- \r\nfooter\r\n")
    )
    assert check(changed).status == "fail"
    result = check(sealed_as_passed(changed, 2))
    assert (result.status, result.oldest_pass) == ("pass", 3)
    assert check(sealed_as_passed(sealed_as_passed(changed, 2), 3)).oldest_pass == 3


def sealed_as_passed(octets: bytes, highest: int) -> bytes:
    """By somebody who found the chain whole when the message came in, and changed it then."""
    return seal(read_message(octets), ArcResult("pass", highest=highest), FOUND, signer(), NOW) + octets


def test_a_chain_that_failed_is_sealed_once_more_and_then_ended() -> None:
    """RFC 8617 §5.1 step 2, §5.1.2, §5.1.3"""
    broken = chain(2).replace(b"Hi.", b"Ho.")
    failed = check(broken)
    assert (failed.status, failed.highest, failed.ended) == ("fail", 2, False)
    told = sealed(broken)
    assert len(fields(told)) == 9
    assert b"i=3; a=rsa-sha256; t=1795000000; cv=fail;" in fields(told)[0]
    ended = check(told)
    assert (ended.status, ended.highest, ended.ended) == ("fail", 3, True)
    assert sealed(told) == told


def test_a_seal_of_a_failed_chain_covers_its_own_set_alone() -> None:
    """§5.1.2: whatever stands below it, the signature is the same."""
    message = chain(2).replace(b"Hi.", b"Ho.")
    bare = message[message.index(b"From:") :]
    found = check(message)
    assert fields(sealed(message))[0] == fields(seal(read_message(bare), found, FOUND, signer(), NOW) + bare)[0]


@pytest.mark.parametrize("number", range(6))
def test_a_set_must_be_complete(number: int) -> None:
    octets = chain(2)
    result = check(octets.replace(fields(octets)[number], b""))
    assert result.status == "fail"
    assert result.reason


@pytest.mark.parametrize("number", range(6))
def test_a_field_must_not_be_there_twice(number: int) -> None:
    octets = chain(2)
    result = check(fields(octets)[number] + octets)
    assert (result.status, "two fields" in result.reason) == ("fail", True)


def test_sets_are_numbered_from_one_without_gaps() -> None:
    octets = chain(3)
    middle = b"".join(fields(octets)[3:6])
    assert check(octets.replace(middle, b"")).reason == "the sets are not numbered one after the other"
    oldest = b"".join(fields(octets)[6:])
    assert check(octets.replace(oldest, b"")).status == "fail"


@pytest.mark.parametrize("number", range(6))
def test_a_change_of_any_field_breaks_the_chain(number: int) -> None:
    octets = chain(2)
    old = fields(octets)[number]
    new = (
        old.replace(b"example.", b"exbmple.", 1)
        if b"Results" in old
        else old.replace(b"t=1795000000", b"t=1795000009", 1)
    )
    assert new != old
    assert check(octets.replace(old, new), zone()).status == "fail"


@pytest.mark.parametrize("number", [0, 1])
def test_a_signature_that_is_not_base64(number: int) -> None:
    octets = chain(1)
    old = fields(octets)[number]
    assert check(octets.replace(old, old.replace(b" b=", b" b=!"))).status == "fail"


def test_the_order_of_the_fields_does_not_matter() -> None:
    octets = chain(3)
    letter = octets[octets.index(b"From:") :]
    assert check(b"".join(reversed(fields(octets))) + letter).status == "pass"
    assert check(b"".join(sorted(fields(octets))) + letter).status == "pass"


def test_a_message_that_goes_on_may_be_changed_where_nobody_signs() -> None:
    octets = chain(2)
    assert check(b"Received: from x by y\r\nAuthentication-Results: z; none\r\n" + octets).status == "pass"


@pytest.mark.parametrize("change", [(b"Subject: Dinner", b"Subject: Lunch"), (b"Hi.", b"Ho."), (b"To: list", b"To: l")])
def test_the_newest_signature_must_fit(change: tuple[bytes, bytes]) -> None:
    """Step 4"""
    result = check(chain(2).replace(*change))
    assert result.status == "fail"
    assert result.reason.startswith("set 2: the ")


def test_dkim_signatures_below_are_covered() -> None:
    """§4.1.2: SHOULD"""
    octets = sealed(sign(read_message(LETTER), (signer(),), NOW) + LETTER)
    assert check(octets).status == "pass"
    start = octets.index(b"DKIM-Signature:")
    assert check(octets[:start] + octets[octets.index(b"From:") :]).status == "fail"
    (result,) = zone().run(verify(read_message(octets), NOW))
    assert result.status == "pass"


@pytest.mark.parametrize("status", [Status.NO_NAME, Status.EMPTY, Status.FAILED, Status.BOGUS, [b"v=DKIM1; p="]])
def test_every_failure_of_the_dns_is_final(status: object) -> None:
    """§5.2.1"""
    dns = DnsTable({("s-rsa._domainkey.example.org", "TXT"): status})  # type: ignore[dict-item]
    assert check(chain(1), dns).status == "fail"


def resealed(octets: bytes, name: str, edit: Callable[[bytes], bytes]) -> ArcResult:
    """What becomes of a chain whose signature or seal was written otherwise, by one who holds the key."""
    letter = octets[octets.index(b"From:") :]
    top = {field.name: field.octets for field in read_message(octets).fields if field.name in CHAIN_FIELDS}
    by = signer()

    def signed_again(field: bytes, before: bytes) -> bytes:
        match = re.search(rb"(?<![a-z])b=[^;]*", field)
        assert match is not None
        bare = field[: match.start()] + b"b=" + field[match.end() :]
        bare = bare if bare.endswith(b"\r\n") else bare + b"\r\n"
        own = relaxed(field.partition(b":")[0].decode().lower(), bare.partition(b":")[2])[:-2]
        value = base64.b64encode(by.sign(hashlib.sha256(before + own).digest()))
        return bare[: match.start() + 2] + value + bare[match.start() + 2 :]

    def relaxed_field(field: bytes) -> bytes:
        return relaxed(field.partition(b":")[0].decode().lower(), field.partition(b":")[2])

    signature, mark, results = top["arc-message-signature"], top["arc-seal"], top["arc-authentication-results"]
    if name == "results":
        results = edit(results)
    if name == "signature":
        signature = edit(signature)
        listed = re.search(rb"\bh\s*=([^;]*)", signature)
        names = [one.strip().decode().lower() for one in listed[1].split(b":")] if listed else []
        message = read_message(signature + results + letter)
        canonical = b"".join(message.canonical(place, "relaxed") for place in covered_fields(message, names, 0))
        if b" b=" in signature:
            signature = signed_again(signature, canonical)
    if name == "seal":
        mark = edit(mark)
    if b" b=" in mark:
        mark = signed_again(mark, relaxed_field(results) + relaxed_field(signature))
    return check(mark + signature + results + letter)


def swap(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def edit(field: bytes) -> bytes:
        assert old in field
        return field.replace(old, new, 1)

    return edit


# In both the signature and the seal.
BOTH_TAGS = [
    (b" a=rsa-sha256;", b"", "fail"),
    (b"a=rsa-sha256", b"a=", "fail"),
    (b"a=rsa-sha256", b"a=rsa-sha1", "fail"),
    (b"a=rsa-sha256", b"a=rsa-poptart", "fail"),
    (b" d=example.org;", b"", "fail"),
    (b"d=example.org", b"d=", "fail"),
    (b"d=example.org", b"d=example.com", "fail"),
    (b" s=s-rsa;", b"", "fail"),
    (b"s=s-rsa", b"s=", "fail"),
    (b"s=s-rsa", b"S=s-rsa", "fail"),
    (b"s=s-rsa", b"s=other", "fail"),
    (b" i=1;", b"", "fail"),
    (b" i=1;", b" i=;", "fail"),
    (b" i=1;", b" i=0;", "fail"),
    (b" i=1;", b" i=2;", "fail"),
    (b" i=1;", b" i=51;", "fail"),
    (b" i=1;", b" i=one;", "fail"),
    (b" i=1;", b" i=+1;", "fail"),
    (b" i=1;", b" i = 1 ;", "pass"),
    (b" i=1;", b" i=01;", "pass"),
    (b" t=1795000000;", b"", "pass"),
    (b"t=1795000000", b"t=", "fail"),
    (b"t=1795000000", b"t=icecream", "fail"),
    (b" i=1;", b" i=1; i=1;", "fail"),
    (b" i=1;", b" i=1;;", "fail"),
    (b" i=1;", b" i=1; _=2;", "fail"),
    (b" i=1;", b" i=1; unknown=2;", "pass"),
    (b" i=1;", b"\r\n\ti\r\n =\r\n 1\r\n ;", "pass"),
    (b"s=s-rsa", b"s=S-RSA", "pass"),
    (b" b=", b" x=", "fail"),
]


@pytest.mark.parametrize("name", ["signature", "seal"])
@pytest.mark.parametrize(("old", "new", "status"), BOTH_TAGS)
def test_tags_of_signature_and_seal(name: str, old: bytes, new: bytes, status: str) -> None:
    result = resealed(chain(1), name, swap(old, new))
    assert (result.status, bool(result.reason)) == (status, status == "fail")


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (b"cv=none", b"cv=pass", "fail"),
        (b"cv=none", b"cv=fail", "fail"),
        (b"cv=none", b"cv=", "fail"),
        (b"cv=none", b"cv=maybe", "fail"),
        (b" cv=none;", b"", "fail"),
        (b"cv=none", b"cv=NONE", "pass"),
        # §4.1.3: MUST result in a cv status of "fail"
        (b"cv=none", b"cv=none; h=from", "fail"),
    ],
)
def test_tags_of_the_seal(old: bytes, new: bytes, status: str) -> None:
    assert resealed(chain(1), "seal", swap(old, new)).status == status


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (b"h=from", b"h=FROM", "pass"),
        (b"h=from:from", b"h=from : from", "pass"),
        (b"h=from:from:", b"h=from:arc-authentication-results:", "pass"),
        (b"h=from:from:", b"h=from:from:arc-seal:", "fail"),
        (b"h=from:from:", b"h=", "fail"),  # From must be covered (RFC 6376 §5.4)
        (b"c=relaxed/relaxed", b"c=relaxed/unknown", "fail"),
        (b"c=relaxed/relaxed", b"c=", "fail"),
        # it was signed in relaxed form; the drafts of ARC had that for default
        (b" c=relaxed/relaxed;", b"", "pass"),
        (b"c=relaxed/relaxed", b"c=simple/relaxed", "fail"),
        (b"i=1;", b"i=1; v=1;", "pass"),  # §4.1.2: MUST be ignored
        (b"i=1;", b"i=1; v=2;", "pass"),
        (b"i=1;", b"i=1; l=2;", "fail"),
        (b" bh=", b" bh=A", "fail"),
    ],
)
def test_tags_of_the_signature(old: bytes, new: bytes, status: str) -> None:
    assert resealed(chain(1), "signature", swap(old, new)).status == status


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (b" i=1; mx", b" (comment) i (another) = 1 ; mx", "pass"),
        (b" i=1; mx", b" mx", "fail"),
        (b" i=1; mx", b" i=2; mx", "fail"),
        (b" i=1; mx", b" i=; mx", "fail"),
        (b" i=1; mx", b" i=1 mx", "fail"),
        (b" i=1; mx", b" i=1; anything goes (RFC 8617 3.4", "pass"),
        (b" i=1; mx", b" i=1;", "pass"),
    ],
)
def test_what_the_results_may_look_like(old: bytes, new: bytes, status: str) -> None:
    assert resealed(chain(1), "results", swap(old, new)).status == status


def test_the_second_seal_must_say_pass() -> None:
    """Step 3C"""
    letter = chain(1)
    for status, expected in (("none", "fail"), ("pass", "pass")):
        found = ArcResult(status, highest=1)  # type: ignore[arg-type]
        again = seal(read_message(letter), found, FOUND, signer(), NOW) + letter
        assert check(again).status == expected, status


def test_what_a_sealer_writes() -> None:
    octets = chain(1)
    mark, signature, results = fields(octets)
    assert results == (
        b"ARC-Authentication-Results: i=1; mx.example.net; spf=pass smtp.mailfrom=example.org;"
        b" dkim=pass header.d=example.org\r\n"
    )
    for forbidden in (b"authentication-results", b"arc-seal", b"arc-message-signature"):
        assert forbidden not in signature.partition(b" h=")[2].lower()
    for field in (mark, signature):
        assert field.isascii()
        assert max(map(len, field.split(b"\r\n"))) <= 78


@pytest.mark.parametrize(
    "evil", ["\r\nX-Evil: 1", "\r\n\r\nbody", "\nX-Evil: 1", "\rX-Evil: 1", "\r\n \r\nX-Evil: 1", "\0"]
)
def test_results_cannot_add_a_field(evil: str) -> None:
    octets = sealed(LETTER, results=f"mx.example.net;\r\n\tspf=pass{evil}")
    assert check(octets).status == "pass"
    assert b"i=1; mx.example.net;\r\n\tspf=pass " in octets
    names = [field.name for field in read_message(octets).fields]
    assert names[:4] == ["arc-seal", "arc-message-signature", "arc-authentication-results", "from"]


@pytest.mark.parametrize(
    "letter", [LETTER.replace(b"Joe <joe@example.org>\r\n", b"a\nb\r\n"), LETTER[LETTER.index(b"To:") :]]
)
def test_what_cannot_be_sealed(letter: bytes) -> None:
    with pytest.raises(ValueError, match=r"bare|From"):
        seal(read_message(letter), ArcResult("none"), FOUND, signer(), NOW)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_chain_that_somebody_changed_meanwhile_is_not_sealed(number: int) -> None:
    octets = chain(1)
    found = check(octets)
    for changed in (octets.replace(fields(octets)[number], b""), LETTER):
        with pytest.raises(ValueError, match="not what was validated"):
            seal(read_message(changed), found, FOUND, signer(), NOW)


def test_the_body_is_read_once_for_dkim_and_arc() -> None:
    octets = sealed(sign(read_message(LETTER), (signer(),), NOW) + LETTER)
    reads = []

    def pieces() -> list[bytes]:
        reads.append(1)
        return [b"Hi.\r\n"]

    message = Message(read_message(octets).fields, pieces)
    assert zone().run(validate(message)).status == "pass"
    assert zone().run(verify(message, NOW))[0].status == "pass"
    assert reads == [1]
