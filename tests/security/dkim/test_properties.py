"""What must hold for any message: changes are found, hostile ones cost little, nothing raises."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from security.dkim import read_message, sign, verify
from security.dkim.keys import KeyFault, read_record
from security.dkim.message import BodyHash, Form, read_fields
from security.dkim.results import DkimStatus
from security.dkim.signature import SINGLE, covered_fields
from security.dkim.signing import COVERED
from security.dkim.tags import TagFault, parse_tags
from security.dns import Answer, Status
from tests.dns_table import DnsTable
from tests.security.keyring import NOW, record, signer, zone

LETTER = (
    b"Received: from x by y; z\r\nFrom: Joe <joe@example.org>\r\nTo: sue@example.net\r\nSubject: Dinner\r\n"
    b"Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@example.org>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain\r\n\r\nHi.\r\n\r\nWe lost  the game. \r\n"
)
SIGNED = sign(read_message(LETTER), (signer("ed25519"),), NOW) + LETTER
DNS = zone("ed25519")
STATUSES = set(DkimStatus.__args__)  # type: ignore[attr-defined]


def statuses(octets: bytes) -> list[str]:
    return [result.status for result in DNS.run(verify(read_message(octets), NOW))]


def essence(octets: bytes) -> tuple[list[bytes], tuple[bytes, int]]:
    """What a signature in relaxed form is about: the signed fields, and the body."""
    message = read_message(octets)
    signed = [
        field.canonical("relaxed") for field in message.fields if field.name in (*SINGLE, *COVERED, "dkim-signature")
    ]
    body = message.digest_of_body("relaxed")
    return sorted(signed), (body.digest, body.length)


@settings(deadline=None)
@given(st.integers(0, len(SIGNED) - 1), st.binary(max_size=3), st.integers(0, 3))
def test_no_change_passes_that_a_reader_would_see(place: int, inserted: bytes, removed: int) -> None:
    changed = SIGNED[:place] + inserted + SIGNED[place + removed :]
    if "pass" in statuses(changed):
        # the signature's own octets may change as long as they decode to the same
        assert [one for one in essence(changed)[0] if not one.startswith(b"dkim-")] == [
            one for one in essence(SIGNED)[0] if not one.startswith(b"dkim-")
        ]
        assert essence(changed)[1] == essence(SIGNED)[1]


@settings(deadline=None)
@given(st.sampled_from([*SINGLE, "received"]), st.booleans())
def test_no_field_can_be_added_that_counts(name: str, above: bool) -> None:
    field = name.encode() + b": x\r\n"
    changed = field + SIGNED if above else SIGNED.replace(b"\r\n\r\n", b"\r\n" + field + b"\r\n", 1)
    assert statuses(changed) in ([["pass"]] if name == "received" else [["fail"], ["policy"]])


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_header_raises(octets: bytes) -> None:
    assert set(statuses(b"DKIM-Signature: " + octets)) <= STATUSES
    assert set(statuses(octets)) <= STATUSES
    block = octets.replace(b"\r", b"").replace(b"\n", b"\r\n") + b"x\r\n"
    assert b"".join(field.octets for field in read_fields(block)) == block


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_no_key_record_raises(octets: bytes) -> None:
    for text in (octets, b"v=DKIM1; p=" + octets, b"v=DKIM1; k=ed25519; p=" + octets, record() + octets):
        with suppress(KeyFault):
            read_record(text)
        table = DnsTable({("s-ed25519._domainkey.example.org", "TXT"): Answer(Status.FOUND, (text,))})
        (result,) = table.run(verify(read_message(SIGNED), NOW))
        assert result.status in STATUSES
        assert result.reason.isascii()


@settings(deadline=None)
@given(st.dictionaries(st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,5}", fullmatch=True), st.text("ab /=+:.@", max_size=9)))
def test_tag_lists_come_back(tags: dict[str, str]) -> None:
    written = "; ".join(f"{name} = {value}" for name, value in tags.items()).encode()
    if not tags:
        with pytest.raises(TagFault):
            parse_tags(written)
        return
    found = parse_tags(written)
    assert {name: tag.value for name, tag in found.items()} == {name: value.strip() for name, value in tags.items()}
    for tag in found.values():
        assert written[tag.start : tag.end].strip().decode() == tag.value


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from([b"\r\n", b" ", b"\t", b"\r", b"\n", b"x"]), max_size=30),
    st.sampled_from(["simple", "relaxed"]),
)
def test_pieces_make_no_difference(parts: list[bytes], form: Form) -> None:
    """Bare CR and LF too, which the wire refuses: wherever a body is cut, its hash is the same."""
    body = b"".join(parts)
    whole = BodyHash(form)
    whole.feed(body)
    expected = whole.finish()
    single = BodyHash(form)
    for position in range(len(body)):
        single.feed(body[position : position + 1])
    assert single.finish() == expected


HOSTILE = {
    "blanks": b" " * 65_536,
    "tabs": b"\t" * 65_536,
    "empty lines": b"\r\n" * 32_768,
    "returns": b"\r" * 65_536,
    "feeds": b"\n" * 65_536,
    "blank lines": b" \r\n" * 21_845,
    "returns and pairs": b"\r\r\n" * 21_845,
    "blanks and returns": b" \r" * 32_768,
}


@pytest.mark.parametrize("form", ["simple", "relaxed"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_takes_little_memory(name: str, form: Form) -> None:
    """16 MiB of what canonical forms are about, and one letter at the end, so that all of it counts."""

    def pieces() -> Iterator[bytes]:
        for _ in range(256):
            yield HOSTILE[name]
        yield b"x"

    hashed = BodyHash(form)
    tracemalloc.start()
    try:
        for piece in pieces():
            hashed.feed(piece)
        hashed.finish()
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_hostile_headers_do_not_multiply() -> None:
    """Work is counted, not time: however often ``h=`` names a field, each is hashed once for a signature."""
    listed = b":".join([b"from"] * 5000 + [b"x"] * 5000)
    octets = (
        b"DKIM-Signature: v=1; a=ed25519-sha256; d=example.org; s=s-ed25519; bh=QQ==; b=QQ==; h=" + listed + b"\r\n"
    )
    message = read_message(octets + b"X: y\r\n" * 5000 + LETTER)
    covered = covered_fields(message, [name.decode() for name in listed.split(b":")], 0)
    assert len(covered) == len(set(covered)) == 5001
    assert [result.status for result in DNS.run(verify(message, NOW))] == ["fail"]
