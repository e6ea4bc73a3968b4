"""Addresses as RFC 5321 and RFC 6531 write them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.address import (
    Address,
    AddressFault,
    domain_to_ascii,
    parse_address,
    parse_path,
    quote_local_part,
)


@pytest.mark.parametrize(
    ("text", "local", "domain"),
    [
        ("a@b.vn", "a", "b.vn"),
        ("Nguyen.Van.An@CITY.vn", "Nguyen.Van.An", "city.vn"),
        ("a+tag@b", "a+tag", "b"),
        ("!#$%&'*+-/=?^_`{|}~@b.vn", "!#$%&'*+-/=?^_`{|}~", "b.vn"),
        ('"a b"@b.vn', "a b", "b.vn"),
        ('"a\\"b"@b.vn', 'a"b', "b.vn"),
        ('"plain"@b.vn', "plain", "b.vn"),
        ('""@b.vn', "", "b.vn"),
        ("a@[192.0.2.1]", "a", "[192.0.2.1]"),
        ("a@[IPv6:2001:DB8::1]", "a", "[IPv6:2001:db8::1]"),
        ("nguyễn@b.vn", "nguyễn", "b.vn"),
        ("nguyê\u0303n@b.vn", "nguyễn", "b.vn"),  # decomposed letters are the same letters
        ("a@bưu-điện.vn", "a", domain_to_ascii("bưu-điện.vn")),
        ("a@xn--bu-in-xqax63z.vn", "a", "xn--bu-in-xqax63z.vn"),
        ("a" * 64 + "@b.vn", "a" * 64, "b.vn"),
    ],
)
def test_addresses(text, local, domain):
    assert parse_address(text) == Address(local, domain)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "@b.vn",
        "a@",
        "a@@b",
        "a@b@c",
        ".a@b",
        "a.@b",
        "a..b@c",
        "a b@c",
        "a@b c",
        "a@-b.vn",
        "a@b-.vn",
        "a@.b",
        "a@b.",
        "a@b..c",
        "a@[1.2.3]",
        "a@[1.2.3.256]",
        "a@[IPv6:zz]",
        "a@[x]",
        '"a@b.vn',
        'a"b"@c',
        '"a"b@c',
        "a(x)@b",
        "a,b@c",
        "<a@b>",
        "a@b_c.vn",
        "a\r\nb@c",
        "a\0@b",
        "a@b\n",
        "a" * 256 + "@b.vn",
        "a@" + ("b" * 63 + ".") * 4 + "vn",
        "ễ" * 86 + "@b.vn",
    ],
)
def test_what_is_no_address(text):
    with pytest.raises(AddressFault):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "path"),
    [("", ""), ("a@B.vn", "a@b.vn"), ("@x.vn:a@b.vn", "a@b.vn"), ("@x.vn,@y.vn:a@b.vn", "a@b.vn")],
)
def test_paths(text, path):
    assert parse_path(text) == path


@pytest.mark.parametrize("text", ["@x.vn", "@x.vn:", "@:a@b.vn", "x.vn:a@b.vn", "@x..vn:a@b"])
def test_what_is_no_path(text):
    with pytest.raises(AddressFault):
        parse_path(text)


@given(st.text(max_size=100))
def test_no_text_does_more_than_be_no_address(text):
    try:
        address = parse_address(text)
    except AddressFault:
        return
    assert not re.search(r"[\r\n\0<>]", address.domain)
    assert parse_address(str(address)) == address


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_any_printable_local_part_can_be_written(local):
    assert parse_address(f"{quote_local_part(local)}@b.vn").local == local


@given(st.from_regex(r"[a-z0-9]{1,10}(\.[a-z0-9]{1,10}){0,3}", fullmatch=True))
def test_ascii_domains_are_kept(domain):
    assert parse_address(f"a@{domain.upper()}").domain == domain


def test_surrogates_are_no_letters():
    with pytest.raises(AddressFault):
        parse_address("a\udcff@b.vn")


def test_a_long_hostile_text_is_refused_quickly():
    for text in ("a." * 200_000, "a@" + "b-" * 200_000, '"' + "\\" * 200_001, "@" + "a," * 100_000):
        with pytest.raises(AddressFault):
            parse_address(text)
