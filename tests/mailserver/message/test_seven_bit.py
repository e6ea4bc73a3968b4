"""Messages encoded for a transport of seven bits say the same as before."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.message.seven_bit import to_seven_bit

HEAD = b"From: an@city.vn\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
TEXT = HEAD + b"Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"


def parts(octets: bytes) -> list[tuple[str, bytes]]:
    message = message_from_bytes(octets, policy=policy.SMTP)
    return [
        (part.get_content_type(), part.get_payload(decode=True) or b"")
        for part in message.walk()
        if not part.is_multipart()
    ]


def is_fit(octets: bytes) -> bool:
    return octets.isascii() and b"\0" not in octets and max(map(len, octets.split(b"\r\n"))) <= 998


def test_text_becomes_quoted_printable() -> None:
    converted = to_seven_bit(TEXT + "Kính gửi = anh\r\n.\r\nchào \r\n".encode())
    assert converted is not None
    assert is_fit(converted)
    assert b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" in converted
    assert b"8bit" not in converted
    assert parts(converted)[0][1].decode() == "Kính gửi = anh\r\n.\r\nchào \r\n"


def test_parts_are_converted_each_in_its_own_way() -> None:
    whole = (
        HEAD
        + b'Content-Type: multipart/mixed; boundary="b"\r\nContent-Transfer-Encoding: binary\r\n\r\npreamble\r\n'
        + b"--b\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nch\xc3\xa0o\r\n"
        + b"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n\x89PNG\r\n\x00\n\r\xff\r\n"
        + b"--b\r\nContent-Type: text/plain\r\n\r\nplain\r\n"
        + b"--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        + b"Subject: i\r\nContent-Type: text/plain; charset=utf8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xc3\xa1\r\n"
        + b"--b--\r\nepilogue\r\n"
    )
    converted = to_seven_bit(whole)
    assert converted is not None
    assert is_fit(converted)
    assert [content for _, content in parts(converted)] == [
        "chào".encode(),
        b"\x89PNG\r\n\x00\n\r\xff",
        b"plain",
        "á".encode(),
    ]
    assert converted.startswith(HEAD)
    assert b"preamble\r\n--b\r\n" in converted
    assert converted.endswith(b"--b--\r\nepilogue\r\n")
    assert b"binary" not in converted


def test_what_needs_nothing_keeps_its_octets() -> None:
    plain = HEAD + b"\r\nline\r\n"
    assert to_seven_bit(plain) == plain


def test_a_long_line_is_broken() -> None:
    converted = to_seven_bit(TEXT + b"a" * 2000 + b"\r\n")
    assert converted is not None
    assert is_fit(converted)
    assert parts(converted)[0][1] == b"a" * 2000 + b"\r\n"


@pytest.mark.parametrize(
    "octets",
    [
        b"DKIM-Signature: v=1\r\n" + TEXT + b"\xc3\xa1\r\n",
        b"ARC-Seal: i=1\r\n" + TEXT + b"\xc3\xa1\r\n",
        HEAD + b'Content-Type: multipart/signed; boundary="b"\r\n\r\n--b\r\n\r\n\xc3\xa1\r\n--b--\r\n',
        b"Subject: \xc3\xa1\r\n\r\nx\r\n",
        HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n\xc3\xa1\r\n",
        HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n\xc3\xa1\r\n--b\r\n\r\nx\r\n--b--\r\n',
    ],
    ids=["dkim", "arc", "signed", "header", "not base64", "preamble"],
)
def test_what_would_break_is_left_alone(octets: bytes) -> None:
    assert to_seven_bit(octets) is None


@given(st.binary(max_size=300), st.sampled_from(["text/plain; charset=UTF-8", "application/x-y", "text/html"]))
def test_any_body_comes_back(body: bytes, kind: str) -> None:
    head = HEAD + f"Content-Type: {kind}\r\nContent-Transfer-Encoding: binary\r\n\r\n".encode()
    converted = to_seven_bit(head + body)
    assert converted is not None
    assert converted.isascii()
    assert b"\0" not in converted
    assert parts(converted)[0][1] == body
