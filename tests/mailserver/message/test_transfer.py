"""Content-Transfer-Encoding in both directions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.message.transfer import canonical_lines, decode_transfer, encode_base64, encode_text


@pytest.mark.parametrize(
    "encoding, octets, decoded",
    [
        ("7bit", b"as is\r\n", b"as is\r\n"),
        ("", b"as is", b"as is"),
        ("base64", b"SGVs\r\nbG8=\r\n", b"Hello"),
        ("base64", b"SGVsbG8", b"Hello"),  # padding cut off
        ("base64", b"SGVsbG8=SGVsbG8=", b"HelloHello"),
        ("base64", b"S*G V\x00s!bG8=", b"Hello"),
        ("base64", b"SGVsbG8A=", b"Hello\x00"),
        ("base64", b"====", b""),
        ("base64", b"A", b""),
        ("quoted-printable", b"a=\r\nb=3D=20\r\n", b"ab= \r\n"),
        ("quoted-printable", b"a \t\r\nb= \r\nc\t\n\r\n d ", b"a\r\nbc\n\r\n d "),
        ("quoted-printable", b"bad =ZZ and =", b"bad =ZZ and "),
        ("x-uuencode", b"intro\r\nbegin 644 f.txt\r\n%2&5L;&\\ \r\n \r\nend\r\nrest", b"Hello"),
        ("x-uuencode", b"nothing here", b""),
    ],
)
def test_decoding(encoding, octets, decoded):
    assert decode_transfer(encoding, octets) == decoded


def test_an_unknown_encoding_is_not_guessed():
    # RFC 9051 §7.5.2: BINARY answers UNKNOWN-CTE
    assert decode_transfer("x-secret", b"abc") is None


@given(st.binary(max_size=400))
def test_base64_round_trip(octets):
    encoded = encode_base64(octets)
    assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))
    assert decode_transfer("base64", encoded) == octets


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace"))))
def test_text_is_safe_on_every_path_and_comes_back(octets):
    encoding, encoded = encode_text(octets)
    assert encoded.isascii()
    assert b"\x00" not in encoded
    lines = encoded.split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    assert all(len(line) <= 998 for line in lines)
    expected = canonical_lines(octets)
    if expected and not expected.endswith(b"\r\n"):
        expected += b"\r\n"
    assert decode_transfer(encoding, encoded) == expected


def test_the_shortest_encoding_is_taken():
    assert encode_text(b"plain\n")[0] == "7bit"
    assert encode_text("mostly plain text with one à in it\n".encode())[0] == "quoted-printable"
    assert encode_text(("ộẫặ" * 100).encode())[0] == "base64"
    assert encode_text(b"x" * 1000)[0] == "quoted-printable"


@given(st.binary(max_size=100))
def test_any_octets_decode_in_any_encoding(octets):
    for encoding in ("base64", "quoted-printable", "x-uuencode", "8bit"):
        assert isinstance(decode_transfer(encoding, octets), bytes)
