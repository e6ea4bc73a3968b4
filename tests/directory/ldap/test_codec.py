"""Octets and values: golden ones, every message of another hand's encoder, and what breaks the rules."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.ldap import ber
from directory.ldap.ber import BerFault, Framer, Reader
from directory.ldap.filters import (
    And,
    Approx,
    AtLeast,
    AtMost,
    Equal,
    Extensible,
    Filter,
    Not,
    Or,
    Present,
    Substrings,
)
from directory.ldap.messages import (
    Abandon,
    Answer,
    Bind,
    Code,
    Compare,
    Control,
    Extended,
    Message,
    Result,
    Search,
    Unbind,
    Write,
    numbered,
    read_message,
    read_page,
    read_sort_keys,
    write_entry,
    write_notice,
    write_result,
)
from tests.directory.ldap_client import filter_text, message, read_answers, rfc4511, search_request


def read(octets: bytes) -> Message:
    framer = Framer(1_000_000)
    framer.feed(octets)
    content = framer.next()
    assert content is not None
    assert not framer.has_unread
    return read_message(content)


GOLDEN = [
    # as OpenLDAP's tools send them
    ("300c020101600702010304008000", Message(1, Bind(3, "", None, b""))),
    ("3012020101600d0201030403783d798003616263", Message(1, Bind(3, "x=y", None, b"abc"))),
    ("30050201034200", Message(3, Unbind())),
    ("3006020104500102", Message(4, Abandon(2))),
    (
        "301e02010277198017312e332e362e312e342e312e343230332e312e31312e33",
        Message(2, Extended("1.3.6.1.4.1.4203.1.11.3", None)),
    ),
]


@pytest.mark.parametrize(("octets", "value"), GOLDEN)
def test_golden_requests(octets: str, value: Message) -> None:
    assert read(bytes.fromhex(octets)) == value


def test_golden_answers() -> None:
    assert write_result(1, Answer.BIND, Result(Code.SUCCESS)).hex() == "300c02010161070a010004000400"
    notice = write_notice(Result(Code.UNAVAILABLE)).hex()
    assert notice == "3024020100781f0a0134040004008a16312e332e362e312e342e312e313436362e3230303336"
    assert (
        numbered(2, [write_entry("o=x", [("cn", [b"a"])])]).hex()
        == "3017020102641204036f3d78300b30090402636e3103040161"
    )


NAMES = st.sampled_from(["cn", "mail", "sn", "2.5.4.3", "userCertificate;binary", "givenName"])
VALUES = st.binary(min_size=1, max_size=30)


def assertions() -> st.SearchStrategy[Filter]:
    return st.one_of(
        st.builds(Equal, NAMES, VALUES),
        st.builds(AtLeast, NAMES, VALUES),
        st.builds(AtMost, NAMES, VALUES),
        st.builds(Approx, NAMES, VALUES),
        st.builds(Present, NAMES),
        st.builds(
            Substrings,
            NAMES,
            st.none() | VALUES,
            st.lists(VALUES, min_size=1, max_size=3).map(tuple),
            st.none() | VALUES,
        ),
        st.builds(Extensible, st.sampled_from(["", "2.5.13.2"]), NAMES, VALUES, st.booleans()),
    )


FILTERS: st.SearchStrategy[Filter] = st.recursive(
    assertions(),
    lambda parts: st.one_of(
        st.builds(And, st.lists(parts, min_size=1, max_size=3).map(tuple)),
        st.builds(Or, st.lists(parts, min_size=1, max_size=3).map(tuple)),
        st.builds(Not, parts),
    ),
    max_leaves=8,
)


@given(wanted=FILTERS, size=st.integers(0, 2**31 - 1), types_only=st.booleans(), number=st.integers(1, 2**31 - 1))
def test_searches_of_another_encoder_are_read(wanted: Filter, size: int, types_only: bool, number: int) -> None:
    request = search_request(
        "dc=x", filter_text(wanted), "LEVEL", ["cn", "*"], size_limit=size, time_limit=3, types_only=types_only
    )
    octets = message(number, "searchRequest", request, [("1.2.3", True, b"v"), ("1.2.4", False, None)])
    expected = Search("dc=x", 1, size, 3, types_only, wanted, ("cn", "*"))
    assert read(octets) == Message(number, expected, (Control("1.2.3", True, b"v"), Control("1.2.4", False, None)))


@given(octets=st.lists(FILTERS, min_size=1, max_size=3), cuts=st.lists(st.integers(1, 40), min_size=1))
def test_messages_are_the_same_however_they_come(octets: list[Filter], cuts: list[int]) -> None:
    whole = b"".join(
        message(number + 1, "searchRequest", search_request("", filter_text(each)))
        for number, each in enumerate(octets)
    )
    for sizes in ([1], cuts):
        framer, found, at, turn = Framer(100_000), [], 0, 0
        while at < len(whole):
            size = sizes[turn % len(sizes)]
            framer.feed(whole[at : at + size])
            at, turn = at + size, turn + 1
            while (content := framer.next()) is not None:
                found.append(read_message(content).operation.filter)  # type: ignore[union-attr]
        assert found == octets
        assert not framer.has_unread


def test_other_requests_are_read() -> None:
    compare = rfc4511.CompareRequest()
    compare["entry"] = "o=x"
    compare["ava"] = rfc4511.AttributeValueAssertion()
    compare["ava"]["attributeDesc"] = rfc4511.AttributeDescription("cn")
    compare["ava"]["assertionValue"] = rfc4511.AssertionValue(b"a")
    assert read(message(5, "compareRequest", compare)).operation == Compare("o=x", "cn", b"a")
    assert read(message(6, "delRequest", rfc4511.DelRequest("o=x"))).operation == Write(Answer.DELETE)
    add = rfc4511.AddRequest()
    add["entry"], add["attributes"] = "o=x", rfc4511.AttributeList()
    assert read(message(7, "addRequest", add)).operation == Write(Answer.ADD)


@given(
    number=st.integers(0, 2**31 - 1),
    code=st.sampled_from(Code),
    text=st.text(max_size=300),
    value=st.none() | st.binary(max_size=300),
)
def test_answers_are_read_by_another_decoder(number: int, code: Code, text: str, value: bytes | None) -> None:
    octets = write_result(
        number, Answer.EXTENDED, Result(code, text, "o=x"), value=value, controls=[Control("1.2", True, value)]
    )
    (answer,) = read_answers(octets)
    assert int(answer["messageID"]) == number
    done = answer["protocolOp"].getComponent()
    assert (int(done["resultCode"]), bytes(done["diagnosticMessage"]).decode()) == (code, text)
    assert bytes(done["matchedDN"]) == b"o=x"
    assert (bytes(done["responseValue"]) if value is not None else None) == value
    (control,) = answer["controls"]
    assert bool(control["criticality"])


@given(st.lists(st.tuples(st.sampled_from(["cn", "mail"]), st.lists(st.binary(max_size=200), max_size=3)), max_size=4))
def test_entries_are_read_by_another_decoder(attributes: list[tuple[str, list[bytes]]]) -> None:
    (answer,) = read_answers(numbered(9, [write_entry("cn=Ấn,o=x", attributes)]))
    entry = answer["protocolOp"].getComponent()
    assert bytes(entry["object"]).decode() == "cn=Ấn,o=x"
    assert [(str(each["type"]), [bytes(value) for value in each["vals"]]) for each in entry["attributes"]] == attributes


# What breaks the rules


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        ("3180", "not an LDAP message"),
        ("3080", "indefinite length"),  # RFC 4511 §5.1
        ("3089" + "00" * 9, "length too long"),
        ("30887fffffffffffffff", "message too long"),
        ("474554202f", "not an LDAP message"),  # GET /
    ],
)
def test_frames_that_nothing_can_follow(octets: str, words: str) -> None:
    framer = Framer(1000)
    framer.feed(bytes.fromhex(octets))
    with pytest.raises(BerFault, match=words):
        framer.next()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "0201",
        "0201004200",  # the number of notices
        "0201015f810100",  # a large tag
        "02010160030201",  # a bind cut short
        "0201804200",  # a negative number
        "02090101010101010101014200",  # one of nine octets
        "0201016382000a0400",  # longer than what holds it
        "0201017e00",  # an operation that does not exist
        "02010160070201030401ff8000",  # a name that is not UTF-8
    ],
)
def test_broken_messages(content: str) -> None:
    with pytest.raises(BerFault):
        read_message(bytes.fromhex(content))


def test_nothing_is_nested_or_repeated_without_end() -> None:
    deep = ber.octets(b"cn", ber.context(7))
    for _ in range(100):
        deep = ber.element(ber.context(2, constructed=True), deep)
    for filter_octets, words in (
        (deep, "deeply"),
        (ber.sequence([ber.octets(b"cn", ber.context(7))] * 600, ber.context(0, constructed=True)), "too many"),
    ):
        request = ber.sequence(
            [
                ber.octets(""),
                *(ber.integer(0, ber.ENUMERATED),) * 2,
                *(ber.integer(0),) * 2,
                ber.boolean(False),
                filter_octets,
                ber.sequence([]),
            ],
            ber.application(3),
        )
        with pytest.raises(BerFault, match=words):
            read_message(ber.integer(1) + request)
    reader = Reader(ber.octets(b"") * (ber.MAX_ELEMENTS + 1))
    for _ in range(ber.MAX_ELEMENTS):
        reader.skip()
    with pytest.raises(BerFault, match="too many elements"):
        reader.skip()


@given(st.integers(-(2**40), 2**40))
def test_integers(value: int) -> None:
    assert Reader(ber.integer(value)).integer(low=-(2**41), high=2**41) == value


@given(st.binary(max_size=70_000))
def test_lengths(value: bytes) -> None:
    assert Reader(ber.octets(value)).octets() == value


@given(st.binary(max_size=60))
def test_any_octets_are_a_message_or_a_fault(octets: bytes) -> None:
    for read_it in (read_message, read_page, read_sort_keys):
        with contextlib.suppress(BerFault):
            read_it(octets)
