"""Modified UTF-7 (RFC 3501 §5.1.3)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.imap.grammar import mutf7


@pytest.mark.parametrize(
    "name, octets",
    [
        ("INBOX", b"INBOX"),
        ("A & B", b"A &- B"),
        ("&", b"&-"),
        ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
        ("Đã gửi", b"&ARAA4w- g&Hu0-i"),
        ("😀", b"&2D3eAA-"),
        ("a\tb", b"a&AAk-b"),
    ],
)
def test_known(name, octets):
    assert mutf7.encode(name) == octets
    assert mutf7.decode(octets) == name


@pytest.mark.parametrize(
    "octets",
    [
        b"&",  # never ended
        b"&AGE-",  # printable ASCII
        b"&ARA-&AOM-",  # one shift would do
        b"&ARA=-",
        b"&AR-",  # half a character
        b"&2D0-",  # half a surrogate pair
        b"&Jjo!",
        b"&U/BTFw-",  # "/" stands for nothing here
        b"\xc4\x91",
        b"a\tb",
        b"&ARB-",  # bits left over
        b"&-&",
    ],
)
def test_refused(octets):
    assert mutf7.decode(octets) is None


@settings(deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_round_trip(name):
    octets = mutf7.encode(name)
    assert octets.isascii()
    assert mutf7.decode(octets) == name


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_any_octets(octets):
    name = mutf7.decode(octets)
    assert name is None or mutf7.encode(name) == octets
