"""Address lists: the forms of RFC 5322, the obsolete ones, and what is none of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.message import envelope
from mailserver.message.addresses import (
    ADDRESS_LIMIT,
    GROUP_END,
    Entry,
    address_text,
    mailboxes,
    parse_addresses,
)
from mailserver.message.envelope import people


@pytest.mark.parametrize(
    "raw, entries",
    [
        ("a@b", [Entry(None, None, "a", "b")]),
        ("<a@b>", [Entry(None, None, "a", "b")]),
        ("John Doe <j@example.com>", [Entry("John Doe", None, "j", "example.com")]),
        # RFC 5322 §A.1.2
        ('"Joe Q. Public" <john.q.public@example.com>', [Entry("Joe Q. Public", None, "john.q.public", "example.com")]),
        (
            'Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>, <boss@nil.test>, '
            '"Giant; \\"Big\\" Box" <s@e.net>',
            [
                Entry("Mary Smith", None, "mary", "x.test"),
                Entry(None, None, "jdoe", "example.org"),
                Entry("Who?", None, "one", "y.test"),
                Entry(None, None, "boss", "nil.test"),
                Entry('Giant; "Big" Box', None, "s", "e.net"),
            ],
        ),
        # RFC 5322 §A.1.3
        (
            "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
            [
                Entry(None, None, "A Group", None),
                Entry("Ed Jones", None, "c", "a.test"),
                Entry(None, None, "joe", "where.test"),
                Entry("John", None, "jdoe", "one.test"),
                GROUP_END,
            ],
        ),
        ("Undisclosed recipients:;", [Entry(None, None, "Undisclosed recipients", None), GROUP_END]),
        # RFC 5322 §A.5: comments and folding anywhere
        ("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", [Entry("Pete", None, "pete", "silly.test")]),
        ("Chris Jones <c@(Chris's host.)public.example>", [Entry("Chris Jones", None, "c", "public.example")]),
        # RFC 5322 §A.6.1: obsolete
        ("Joe Q. Public <john.q.public@example.com>", [Entry("Joe Q. Public", None, "john.q.public", "example.com")]),
        ("Mary <@node.test:mary@example.net>, , jdoe@test  . example",
         [Entry("Mary", "@node.test", "mary", "example.net"), Entry(None, None, "jdoe", "test.example")]),
        ("a@b (Old Style)", [Entry("Old Style", None, "a", "b")]),
        ("", []),
        (" , ,, ", []),
        ("nobody", [Entry(None, None, "nobody", "")]),
        ("two words", [Entry(None, None, "two words", "")]),
        ("<>", [Entry(None, None, "", "")]),
        ("x <a@b> y, c@d", [Entry("x  y", None, "a", "b"), Entry(None, None, "c", "d")]),
        ("user@[IPv6:2001:db8::1]", [Entry(None, None, "user", "[IPv6:2001:db8::1]")]),
        ("group: a@b", [Entry(None, None, "group", None), Entry(None, None, "a", "b"), GROUP_END]),
        ("one: two: a@b;", [Entry(None, None, "one", None), Entry(None, None, "two:a", "b"), GROUP_END]),
    ],
)  # fmt: skip
def test_parsing(raw, entries):
    assert parse_addresses(raw) == entries


def test_names_stay_raw_and_are_shown_decoded():
    raw = "=?utf-8?q?Tr=E1=BA=A7n_An?= <an@example.vn>"
    (entry,) = parse_addresses(raw)
    assert entry.name == "=?utf-8?q?Tr=E1=BA=A7n_An?="
    assert people(raw).text() == "Trần An <an@example.vn>"


@pytest.mark.parametrize("name", ["Phan Hà", "Đỗ Thị Lê Ạ", "à", "Hà Nà à"])
def test_letters_that_end_in_a_no_break_space_octet_stay_whole(name):
    # "à" is C3 A0 in UTF-8, and A0 alone would be white space
    raw = name.encode().decode("latin-1")
    for field in (f"{raw} <a@b>", f'"{raw}" <a@b>', f"(x) {raw} <a@b>", f"a@b ({raw})", f"{raw}: a@b;"):
        assert name in people(field).text()


def test_a_local_part_that_needs_quotes_is_shown_with_them():
    (entry,) = parse_addresses('"a \\"b\\"@c"@example.vn')
    assert entry.local == 'a "b"@c'
    assert address_text(entry) == '"a \\"b\\"@c"@example.vn'
    assert parse_addresses(address_text(entry)) == [entry]


def test_groups_are_shown_as_groups():
    text = "x@y, Sở Xây dựng: a@b, C <c@d>;, e@f"
    raw = text.encode().decode("latin-1")
    assert people(raw).text() == text
    assert [address_text(entry) for entry in mailboxes(parse_addresses(raw))] == ["x@y", "a@b", "c@d", "e@f"]


def test_what_is_known_of_people_is_what_their_field_says():
    """Names and addresses are remembered, and put together anew; of long fields nothing is."""
    one, other = "=?utf-8?q?Tr=E1=BA=A7n_An?= <an@x.vn>", "=?utf-8?q?Tr=E1=BA=A7n_An?= <binh@x.vn>"
    shown = ["Trần An <an@x.vn>", "Trần An <binh@x.vn>"]
    assert [people(raw).text() for raw in (one, other, one)] == [shown[0], shown[1], shown[0]]
    for raw in (f"{one}, {other}", ", ".join([one, other] * 200)):
        found = people(raw)
        assert found.text().startswith(", ".join(shown))
        assert found.folded.startswith("tran an <an@x.vn> tran an <binh@x.vn>")
        assert found.form.startswith(
            '(("=?utf-8?q?Tr=E1=BA=A7n_An?=" NIL "an" "x.vn")("=?utf-8?q?Tr=E1=BA=A7n_An?=" NIL'
        )
        assert (found.name, found.address, found.sort_key) == ("Trần An", "an@x.vn", "AN")


def test_long_and_many_are_not_remembered():
    """Else one sender could fill the memory, or drive everybody else out of it."""
    memories = (envelope._known_people, envelope._known_name, envelope._known_address)

    def kept():
        return [memory.cache_info().currsize for memory in memories]

    for memory in memories:
        memory.cache_clear()
    people(f"{'x' * 400} <long@x.vn>")
    people(f"L <{'x' * 400}@x.vn>")
    people(", ".join(f"N{number} <many{number}@x.vn>" for number in range(200)))
    assert kept() == [0, 0, 0]
    people("Once Only <once.only@x.vn>, Twice Only <twice.only@x.vn>")
    assert kept() == [0, 2, 2]
    people("Once Only <once.only@x.vn>")
    assert kept() == [1, 2, 2]


def test_a_group_is_nobody():
    found = people("Friends: an@x.vn;")
    assert (found.name, found.address, found.sort_key) == ("", "", "FRIENDS")
    assert found.form == '((NIL NIL "Friends" NIL)(NIL NIL "an" "x.vn")(NIL NIL NIL NIL))'


def test_their_number_is_limited():
    assert len(parse_addresses("a@b," * 5000)) == ADDRESS_LIMIT
    assert len(parse_addresses("(c) a@b," * 5000)) == ADDRESS_LIMIT


_atom = st.text("abcxyz.-_'", min_size=1, max_size=8).filter(lambda text: text.strip("."))
_names = st.text(
    st.characters(codec="latin-1", categories=["L", "N", "P", "S", "Zs"], exclude_characters="="), max_size=20
)


@given(st.lists(st.tuples(_names, _atom, _atom), max_size=6))
def test_whatever_is_quoted_rightly_is_read_back(people):
    def quote(name):
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'

    raw = ", ".join(f"{quote(name)} <{local}@{domain}>" for name, local, domain in people)
    found = [(entry.name or "", entry.local, entry.domain) for entry in parse_addresses(raw)]
    assert found == [(name.strip(" "), local, domain) for name, local, domain in people]
