"""What holds for every message, found by Hypothesis; and the entrance for a fuzzer.

``python tests/mailserver/message/test_properties.py SECONDS`` runs the same checks on damaged messages without end.
"""

from __future__ import annotations

import email
import email.policy
import random
import sys
import time
from email.message import EmailMessage
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailserver.message.bodystructure import structure_forms
from mailserver.message.headers import fields_of, select_fields, split
from mailserver.message.structure import decode_parts, encode_parts, scan
from mailserver.message.summary import summarize
from mailserver.message.text import readable_text

# What difficult mail is made of
_PIECES = [
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\n\n", b"--b", b"--b--", b"\r\n--b\r\n", b"\r\n--c--\r\n", b"--", b"\x00",
    b"\xff", b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: multipart/digest; boundary=c\r\n",
    b'Content-Type: multipart/alternative; boundary="b"\r\n', b"Content-Type: message/rfc822\r\n",
    b"Content-Type: text/html; charset=utf-16\r\n", b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Transfer-Encoding: quoted-printable\r\n",
    b"Content-Disposition: attachment; filename*0*=utf-8''%e1; x=\r\n", b"From: ", b"To: a@b, ", b"Subject: ",
    b"References: <a@b>", b"Date: Mon, 99 Jan 20000 24:61:61 +9999", b"=?utf-8?q?=E1", b"?=", b"=?", b'"', b"\\",
    b"(", b")", b"<", b">", b";", b":", b",", b"@", b" ", b"\t", b"=", b"'", b"*", b"%", b"\x1b$B", "Nguyễn".encode(),
    "Đ".encode("cp1258"), b"<style>", b"<p>", b"&nbsp;", b"begin 644 a\r\n#0V%T\r\nend\r\n",
]  # fmt: skip
octet_soup = st.lists(st.one_of(st.sampled_from(_PIECES), st.binary(max_size=12)), max_size=60).map(b"".join)

_texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), max_size=60)
_names = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), max_size=60)


def well_formed(draw, depth):
    """A part as Python's own library writes it."""
    if depth and draw(st.booleans()):
        part = EmailMessage(policy=email.policy.SMTP)
        getattr(part, draw(st.sampled_from(["make_mixed", "make_alternative", "make_related"])))()
        part.set_boundary(f"b{draw(st.integers(0, 10**12))}-{depth}")
        for _ in range(draw(st.integers(1, 3))):
            part.attach(well_formed(draw, depth - 1))
        return part
    part = EmailMessage(policy=email.policy.SMTP)
    kind = draw(st.sampled_from(["text", "file", "message"] if depth else ["text", "file"]))
    if kind == "text":
        lines = draw(st.lists(_texts, max_size=6))
        part.set_content("\n".join(lines), cte=draw(st.sampled_from(["base64", "quoted-printable"])))
    elif kind == "file":
        part.set_content(draw(st.binary(max_size=200)), "application", "pdf", filename=draw(_names) or None)
    else:
        inner = well_formed(draw, depth - 1)
        inner["Subject"] = "inner"
        part.set_content(inner)
    return part


@st.composite
def whole_messages(draw):
    message = well_formed(draw, 3)
    message["From"] = "a@example.vn"
    message["Subject"] = " ".join(draw(_texts).split())
    return message.as_bytes()


_TEXTS = (
    "subject", "base_subject", "preview", "author_name", "author_address", "to_text", "sort_from", "sort_to", "sort_cc",
    "message_id", "thread_key", "search_text",
)  # fmt: skip


def check(octets):
    """Everything that must be true of any octets at all."""
    root = scan(octets)
    assert (root.header_start, root.end) == (0, len(octets))
    for part in root.walk():
        assert part.header_start <= part.body_start <= part.end
        place = part.body_start
        for child in part.parts:
            assert place <= child.header_start
            assert child.end <= part.end
            place = child.end
    assert encode_parts(decode_parts(encode_parts(root))) == encode_parts(root)
    summary = summarize(octets)
    assert summary.size == len(octets)
    assert summary.header_size == root.body_start == len(split(octets)[0])
    assert len(summary.preview) <= 200
    for name in _TEXTS:
        text = getattr(summary, name)
        assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in text)
        text.encode()  # a lone surrogate would not reach a page or a database
    assert summary.thread_key
    readable_text(root, octets).encode()
    return summary


@given(octet_soup)
@example(b"")
@example(b"\r\n--b")
@example(b"From: a\x00\xc3\xa9@b\r\nSubject: =?utf-7?q?+2AA-?=\r\nMessage-ID: <\x00>\r\n\r\n")
@example(b"Content-Type: text/plain; charset=utf-7\r\n\r\n+2AA- +3AA-")
@settings(max_examples=300)
def test_any_octets_have_a_structure_and_a_summary(imap_reader, octets):
    summary = check(octets)
    imap_reader.envelope(summary.envelope)
    imap_reader.body(summary.body)
    imap_reader.body(summary.bodystructure, extended=True)


@given(whole_messages(), st.data())
@settings(max_examples=150)
def test_a_damaged_message_is_still_a_message(imap_reader, octets, data):
    start = data.draw(st.integers(0, len(octets)))
    end = data.draw(st.integers(start, min(start + 100, len(octets))))
    damaged = octets[:start] + data.draw(octet_soup) + octets[end:]
    imap_reader.body(check(damaged).bodystructure, extended=True)


def outline(message):
    """Types and decoded contents in the order of the message, by the standard library."""
    if message.is_multipart():
        return (message.get_content_type(), [outline(part) for part in message.get_payload()])
    return (message.get_content_type(), message.get_payload(decode=True))


def our_outline(part, octets):
    from mailserver.message.text import content

    if part.parts:
        return (part.media_type, [our_outline(child, octets) for child in part.parts])
    return (part.media_type, content(part, octets))


@given(whole_messages())
@settings(max_examples=150)
def test_we_agree_with_the_standard_library_on_what_it_wrote(octets):
    message = email.message_from_bytes(octets, policy=email.policy.SMTP)
    assert our_outline(scan(octets), octets) == outline(message)


@given(whole_messages())
@settings(max_examples=50)
def test_subjects_agree_with_the_standard_library(octets):
    message = email.message_from_bytes(octets, policy=email.policy.default)
    expected = " ".join("".join(c if c.isprintable() else " " for c in str(message["Subject"])).split())
    found = " ".join("".join(c if c.isprintable() else " " for c in summarize(octets).subject).split())
    assert found == expected


@given(octet_soup)
def test_a_choice_of_fields_and_its_complement_make_up_the_header(octets):
    header, _ = split(octets)
    names = {"from", "content-type"}
    chosen, others = fields_of(select_fields(header, names)), fields_of(select_fields(header, names, but=True))
    assert {name: value.rstrip("\r\n") for name, value in (chosen | others).items()} == {
        name: value.rstrip("\r\n") for name, value in fields_of(header).items()
    }


@given(octet_soup)
def test_structures_do_not_depend_on_what_the_caches_hold(octets):
    assert structure_forms(scan(octets)) == structure_forms(scan(octets))


def fuzz(octets):
    """The target for a coverage-guided fuzzer: raises only when an invariant is broken."""
    check(octets)


if __name__ == "__main__":
    chance = random.Random(0)
    seeds = [path.read_bytes() for path in (Path(__file__).parents[2] / "messages").glob("*/message.eml")]
    end = time.monotonic() + float(sys.argv[1])
    rounds = 0
    while time.monotonic() < end:
        octets = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 12)):
            place = chance.randint(0, len(octets))
            octets[place : place + chance.randint(0, 30)] = chance.choice(_PIECES)
        fuzz(bytes(octets))
        rounds += 1
    print(f"{rounds} messages, nothing broken")
