"""RFC 2047, from both sides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.message.encoded_words import decode_words, encode_words, seven_bit


@pytest.mark.parametrize(
    "raw, text",
    [
        # RFC 2047 §8
        ("=?ISO-8859-1?Q?Andr=E9?= Pirard", "André Pirard"),
        ("(=?ISO-8859-1?Q?a?=)", "(a)"),
        ("(=?ISO-8859-1?Q?a?= b)", "(a b)"),
        ("(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"),
        ("(=?ISO-8859-1?Q?a?=  \r\n    =?ISO-8859-1?Q?b?=)", "(ab)"),
        ("(=?ISO-8859-1?Q?a_b?=)", "(a b)"),
        ("(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"),
        ("=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=", "If you can read this yo"),
        # RFC 2231 §5: a language behind the charset
        ("=?utf-8*vi?Q?Ch=C3=A0o?=", "Chào"),
        ("=?UTF-8?Q?a?=x=?UTF-8?Q?b?=", "axb"),
        ("no words at all", "no words at all"),
        ("=?utf-8?X?abc?=", "=?utf-8?X?abc?="),
        ("=?utf-8?B?!!!!?=", ""),
        ("=?utf-8?B?YWJjZA?=", "abcd"),
        ("=?utf-8?Q?=4?= =?utf-8?Q?=G1?=", "=4=G1"),
        ("=?utf-8?q?a?= à =?utf-8?q?b?=".encode().decode("latin-1"), "a à b"),
        ("tab\tand\x01control", "tab and control"),
    ],
)
def test_decoding(raw, text):
    assert decode_words(raw) == text


def test_raw_octets_are_read_as_utf8_or_as_the_old_charset():
    assert decode_words("Trần".encode().decode("latin-1")) == "Trần"
    assert decode_words("Thông báo".encode("cp1258").decode("latin-1")) == "Thông báo"


@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=300), st.integers(0, 40))
def test_what_is_encoded_is_decoded_again(text, lead):
    encoded = encode_words(text, lead)
    assert encoded.isascii()
    assert decode_words(encoded) == text
    if encoded != text:
        first, *rest = encoded.split(" ")
        assert len(first) + lead <= 76
        assert all(len(word) <= 75 for word in rest)


def test_plain_text_stays_readable():
    assert encode_words("Plain text, really.") == "Plain text, really."
    assert encode_words("looks like =?utf-8?q?one?=").startswith("=?utf-8?b?")


def test_seven_bit_changes_only_what_is_not():
    assert seven_bit("=?utf-8?q?kept?= as is") == "=?utf-8?q?kept?= as is"
    assert decode_words(seven_bit("Bình".encode().decode("latin-1") + " =?utf-8?q?An?=")) == "Bình An"
