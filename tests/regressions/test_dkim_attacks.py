"""Ways in which signatures were made to vouch for what nobody signed, each tried on ours.

Sources: RFC 6376 §8; VU#268267 (short keys); "Composition Kills" (USENIX Security 2020: names that verifier and
resolver read differently); "Weak Links in Authentication Chains" (USENIX Security 2021: several From fields); bodies
appended behind ``l=`` (2024).
"""

from __future__ import annotations

import pytest

from security.arc import ArcResult, seal, validate
from security.dkim import DkimResult, read_message, sign, verify
from security.dns import Answer, Asking, Question, Status
from tests.security.keyring import NOW, record, resigned, signer, zone

LETTER = (
    b"From: Bank <service@example.org>\r\nTo: sue@example.net\r\nSubject: Account\r\n"
    b"Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nAll is well.\r\n"
)


def check(octets: bytes) -> list[str]:
    return [result.status for result in zone().run(verify(read_message(octets), NOW))]


def signed(letter: bytes = LETTER) -> bytes:
    return sign(read_message(letter), (signer(),), NOW) + letter


@pytest.mark.parametrize(
    "line",
    [
        b"From: Eve <eve@evil.example>",
        b"from: Eve <eve@evil.example>",
        b"FROM : Eve <eve@evil.example>",
        b"From\t: Eve <eve@evil.example>",
        b"From:\r\n Eve <eve@evil.example>",
    ],
)
@pytest.mark.parametrize("place", ["top", "above", "below", "bottom"])
def test_a_second_from(line: bytes, place: str) -> None:
    octets = signed()
    field = line + b"\r\n"
    start = octets.index(b"From: Bank")
    changed = {
        "top": field + octets,
        "above": octets[:start] + field + octets[start:],
        "below": octets.replace(b"To: sue", field + b"To: sue"),
        "bottom": octets.replace(b"\r\n\r\n", b"\r\n" + field + b"\r\n", 1),
    }[place]
    assert "pass" not in check(changed)


@pytest.mark.parametrize("line", [b" From: Eve <eve@evil.example>", b"\tFrom: Eve <eve@evil.example>"])
def test_a_from_that_is_folded_onto_what_stands_above(line: bytes) -> None:
    """A line that begins with a blank belongs to the field above it; at the very top it is no field."""
    octets = signed()
    assert check(line + b"\r\n" + octets) == ["pass"]  # no From for anybody
    start = octets.index(b"From: Bank")
    assert "pass" not in check(octets[:start] + line + b"\r\n" + octets[start:])


@pytest.mark.parametrize("bad", [b"\n", b"\r", b"\r\r\n", b"\n\r\n"])
def test_line_ends_that_some_take_for_one(bad: bytes) -> None:
    octets = signed().replace(b"Subject: Account\r\n", b"Subject: Account" + bad + b"From: eve@evil.example\r\n")
    assert "pass" not in check(octets)


@pytest.mark.parametrize(
    "name",
    [
        b"example.org\0.evil.example",
        b"example.org\\000.evil.example",
        b"example.org'.evil.example",
        b'example.org".evil.example',
        b"example.org(.evil.example",
        b"example.org#.evil.example",
        b"example.org/.evil.example",
        b"example.org@evil.example",
        b"example.org .evil.example",
        b"example.org,evil.example",
        b"example.org:evil.example",
        b".example.org",
        b"example.org.",
        "example.org\u3002evil\uff0eexample\u200d".encode(),
    ],
)
@pytest.mark.parametrize("tag", [b"d=example.org", b"s=s-rsa"])
def test_names_that_are_read_in_two_ways(name: bytes, tag: bytes) -> None:
    """No such name is ever asked for, whoever would answer."""
    octets = resigned(LETTER, tag, tag[:2] + name)
    asked: list[Question] = []

    def answer(generator: Asking[tuple[DkimResult, ...]]) -> tuple[DkimResult, ...]:
        answers = None
        while True:
            try:
                questions = next(generator) if answers is None else generator.send(answers)
            except StopIteration as end:
                results: tuple[DkimResult, ...] = end.value
                return results
            asked.extend(questions)
            answers = tuple(Answer(Status.FOUND, (record(),)) for _ in questions)

    assert [result.status for result in answer(verify(read_message(octets), NOW))] == ["neutral"]
    assert asked == []


def test_a_body_appended_behind_a_length() -> None:
    length = len(b"All is well.\r\n")
    octets = resigned(LETTER, b"v=1;", b"v=1; l=%d;" % length)
    assert check(octets) == ["pass"]
    assert check(octets + b"<script>") == ["policy"]


def test_a_content_type_that_shows_another_body() -> None:
    """With a boundary of the attacker's the signed text becomes a preamble that nobody sees."""
    octets = signed()
    assert "pass" not in check(b"Content-Type: multipart/mixed; boundary=x\r\n" + octets)
    assert "pass" not in check(octets.replace(b"text/plain", b"multipart/mixed; boundary=x"))
    bare = LETTER.replace(b"Content-Type: text/plain\r\n", b"").replace(b"MIME-Version: 1.0\r\n", b"")
    assert "pass" not in check(b"MIME-Version: 1.0\r\nContent-Type: text/html\r\n" + signed(bare))


def test_a_signature_under_another_name() -> None:
    """b= hidden in a folded or doubled tag, or in a value that looks like one."""
    octets = signed()
    for old, new in (
        (b" b=", b" b=QQ==; b="),
        (b" b=", b" B="),
        (b" b=", b" z=x b="),
        (b" bh=", b" bh=QQ==; bh="),
        (b"d=example.org", b"d=evil.example; d=example.org"),
    ):
        assert check(octets.replace(old, new, 1)) in (["neutral"], ["fail"])


def test_a_signature_of_one_domain_says_nothing_of_another() -> None:
    octets = resigned(LETTER, b"v=1;", b"v=1; i=service@bank.example;")
    assert check(octets) == ["permerror"]


def test_a_chain_cannot_be_moved_to_another_message() -> None:
    sealed = seal(
        read_message(LETTER), ArcResult("none"), "mx.example; dmarc=pass header.from=example.org", signer(), NOW
    )
    other = LETTER.replace(b"All is well", b"Send your password")
    assert zone().run(validate(read_message(sealed + LETTER))).status == "pass"
    assert zone().run(validate(read_message(sealed + other))).status == "fail"
    assert zone().run(validate(read_message(b"Subject: x\r\n" + sealed + LETTER))).status == "fail"


def test_results_of_a_chain_that_failed_are_not_told() -> None:
    sealed = seal(read_message(LETTER), ArcResult("none"), "mx.example; dmarc=pass", signer(), NOW) + LETTER
    assert zone().run(validate(read_message(sealed.replace(b"dmarc=pass", b"dmarc=none")))).sets == ()
