"""BER in, DER out, in any pieces, within bounds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from security.cms import CmsFault, der
from security.cms.ber import DEEPEST, MOST_ELEMENTS, MOST_PIECES, MOST_STRUCTURE, Reader
from tests.security.cms.forging import indefinite

leaves = st.builds(
    der.element, st.sampled_from([der.INTEGER, der.OCTET_STRING, der.OID, 0x0C, 0x80, 0x81]), st.binary(max_size=300)
)
trees = st.recursive(
    leaves,
    lambda inner: st.builds(
        lambda tag, parts: der.element(tag, *parts),
        st.sampled_from([der.SEQUENCE, der.SET, 0xA0, 0xA1]),
        st.lists(inner, max_size=5),
    ),
    max_leaves=25,
)


def cut(octets, size):
    return [octets[at : at + size] for at in range(0, len(octets), size)]


@settings(max_examples=60, deadline=None)
@given(trees, st.integers(1, 400), st.integers(1, 50))
def test_indefinite_and_cut_up_is_the_same_as_der(tree, size, chunk):
    assert Reader([tree]).element() == tree
    assert Reader(cut(tree, size)).element() == tree
    assert Reader(cut(indefinite(tree, chunk), size)).element() == tree


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=2000), st.integers(1, 300), st.integers(1, 300))
def test_content_comes_in_pieces(content, chunk, size):
    for octets in (der.element(der.OCTET_STRING, content), indefinite(der.element(der.OCTET_STRING, content), chunk)):
        assert b"".join(Reader(cut(octets, size)).content(der.OCTET_STRING)) == content


def test_implicit_content_is_strung_together_and_nested():
    pieces = der.element(der.OCTET_STRING, b"ab") + b"\x24\x80" + der.element(der.OCTET_STRING, b"cd") + b"\0\0"
    assert b"".join(Reader([b"\xa0\x80" + pieces + b"\0\0"]).content(0x80)) == b"abcd"
    assert b"".join(Reader([der.element(0xA0, pieces)]).content(0x80)) == b"abcd"
    assert b"".join(Reader([der.element(0x80, b"abcd")]).content(0x80)) == b"abcd"


def test_what_was_definite_stays_to_the_octet():
    """A length in more octets than it needs: hashed as it was sent."""
    odd = b"\x30\x81\x05" + b"\x02\x82\x00\x01\x07"
    assert Reader([odd]).element() == odd
    assert Reader([b"\x30\x80" + odd + b"\0\0"]).element() == der.element(der.SEQUENCE, odd)
    assert Reader([odd]).verbatim() == odd


def test_strings_in_parts():
    assert Reader([b"\x23\x80\x03\x02\x00\xff\x03\x02\x04\xf0\0\0"]).element() == b"\x03\x03\x04\xff\xf0"
    assert Reader([b"\x2c\x80\x04\x01a\x0c\x01b\0\0"]).element() == b"\x0c\x02ab"
    for wrong in (
        b"\x23\x80\x03\x02\x04\xf0\x03\x02\x00\xff\0\0",
        b"\x24\x80\x02\x01\x01\0\0",
        b"\x23\x80\x03\x00\0\0",
    ):
        with pytest.raises(CmsFault):
            Reader([wrong]).element()


def test_a_key_identifier_in_parts_is_flattened_only_where_it_is_one():
    constructed = b"\xa0\x80\x04\x01a\x04\x01b\0\0"
    info = b"\x30\x80\x02\x01\x03" + constructed + constructed + b"\0\0"
    flat, kept = b"\x80\x02ab", b"\xa0\x06\x04\x01a\x04\x01b"
    assert Reader([info]).element(has_identifier=True) == der.element(der.SEQUENCE, b"\x02\x01\x03", flat, kept)
    assert Reader([info]).element() == der.element(der.SEQUENCE, b"\x02\x01\x03", kept, kept)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x30",
        b"\x30\x03\x02\x01",
        b"\x30\x80\x02\x01\x01",
        b"\x30\x02\x02\x01\x01",
        b"\x30\x03\x02\x05\x01",
        b"\x02\x80\x01\0\0",
        b"\x1f\x81\x01\x01\x00",
        b"\x30\x80\x00\x01\x00",
        b"\x30\x02\x00\x00",
        b"\x30\x8b" + b"\1" * 11,
        b"\x00\x00",
    ],
    ids=lambda octets: octets.hex() or "empty",
)
def test_what_is_no_ber(octets):
    with pytest.raises(CmsFault) as fault:
        Reader([octets]).element()
    assert fault.value.reason == "malformed"


@pytest.mark.parametrize(
    "octets",
    [
        b"\x30\x80" * (DEEPEST + 1) + b"\0\0" * (DEEPEST + 1),
        b"\x30\x80" + b"\x05\x00" * MOST_ELEMENTS + b"\0\0",
        der.element(der.OCTET_STRING, bytes(MOST_STRUCTURE + 1)),
        b"\x04\x84\xff\xff\xff\xff",
    ],
    ids=["deep", "many", "large", "said to be large"],
)
def test_bounds(octets):
    with pytest.raises(CmsFault) as fault:
        Reader(cut(octets, 65536)).element()
    assert fault.value.reason == "too-large"


def test_bounds_of_content():
    many = b"\x24\x80" + b"\x04\x00" * (MOST_PIECES + 1) + b"\0\0"
    deep = b"\x24\x80" * (DEEPEST + 1)
    for octets in (many, deep):
        with pytest.raises(CmsFault) as fault:
            list(Reader(cut(octets, 65536)).content(der.OCTET_STRING))
        assert fault.value.reason == "too-large"


def test_enter_and_leave():
    reader = Reader([b"\x30\x80\x02\x01\x01\xa0\x03\x02\x01\x02\0\0"])
    reader.enter(der.SEQUENCE)
    assert reader.element(der.INTEGER) == b"\x02\x01\x01"
    reader.enter(0xA0)
    assert reader.peek() == der.INTEGER
    with pytest.raises(CmsFault):
        reader.leave()
    reader.element()
    reader.leave()
    reader.leave()
    with pytest.raises(CmsFault):
        Reader([b"\x31\x00"]).enter(der.SEQUENCE)
    with pytest.raises(CmsFault):
        list(Reader([b"\x30\x00"]).content(der.OCTET_STRING))


@given(st.integers(0, 2**70), st.lists(st.integers(0, 2**40), min_size=1, max_size=8))
def test_der_of_numbers(value, arcs):
    assert int.from_bytes(der.one(der.integer(value), der.INTEGER).content, "big", signed=True) == value
    name = ".".join(map(str, (1, 2, *arcs)))
    assert der.dotted(der.one(der.oid(name), der.OID).content) == name


@pytest.mark.parametrize("octets", [b"", b"\x80", b"\x30", b"\x30\x82", b"\x30\x85\1\1\1\1\1", b"\x3f\x00"])
def test_der_that_is_none(octets):
    with pytest.raises(CmsFault):
        der.one(octets, der.SEQUENCE)
    with pytest.raises(CmsFault):
        der.dotted(octets + b"\x80")
