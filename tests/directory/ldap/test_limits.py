"""Limits, pages and order.

Standards: RFC 2696; RFC 2891; RFC 4511 §4.5.1.4–5.
"""

from __future__ import annotations

import pytest

from directory.ldap import ber, searching, walking
from directory.ldap.messages import SORT_RESPONSE, Code
from directory.ldap.policy import attribute_keys
from tests.directory.conftest import City, Clock
from tests.directory.ldap_city import PASSWORD, PEOPLE, PEOPLE_BASE, TOP, make_client, make_gate
from tests.directory.ldap_client import Client, cookie_in, page, services, sort_by


def test_size_limits(staffed: City, clock: Clock) -> None:
    client = make_client(staffed, clock, size_limit=4, anonymous_size_limit=2, anonymous=attribute_keys(("cn", "mail")))
    found = client.search(TOP, "(cn=*)")
    assert (found.code, len(found.entries)) == (Code.SIZE_LIMIT_EXCEEDED, 2)
    assert {key for _, values in found.entries for key in values} == {"cn", "mail", "objectClass"}
    assert client.search(TOP, "(title=*)").entries == []
    client.bind("annv", PASSWORD)
    for asked, got in ((0, 4), (3, 3), (100, 4)):
        found = client.search(TOP, "(cn=*)", size_limit=asked)
        assert (found.code, len(found.entries)) == (Code.SIZE_LIMIT_EXCEEDED, got)
    assert client.search(TOP, "(cn=*hùng*)", size_limit=1).code is Code.SUCCESS


def test_a_time_limit(staffed: City, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "BATCH_OF_LARGE", 2)
    given = services(staffed.directory, make_gate(staffed, clock))
    object.__setattr__(given, "monotonic", clock)
    client = Client(given)
    client.bind("annv", PASSWORD)
    client.on_step = lambda step: clock.advance(1.5)
    found = client.search(TOP, "(cn=*)", time_limit=3)
    assert found.code is Code.TIME_LIMIT_EXCEEDED
    assert 0 < len(found.entries) < 9


def test_what_no_index_helps_with_ends(member: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "EXAMINED", 3)
    monkeypatch.setattr(walking, "_BATCH", 1)
    monkeypatch.setattr(walking, "_LEAST", 1)
    found = member.search(TOP, "(telephoneNumber=1)")
    assert (found.code, found.entries) == (Code.ADMIN_LIMIT_EXCEEDED, [])
    assert member.search(TOP, "(cn=*hùng*)").code is Code.SUCCESS
    # in pages the search goes on where it stopped
    seen, cookie = 0, b""
    for _ in range(50):
        found = member.search(TOP, "(telephoneNumber=028*)", controls=[page(2, cookie)])
        assert found.code is Code.SUCCESS
        seen, cookie = seen + len(found.entries), cookie_in(found)
        if not cookie:
            break
    assert seen == len(PEOPLE)


@pytest.mark.parametrize("size", [1, 2, 5, 9, 10, 100])
def test_pages(member: Client, size: int) -> None:
    whole = member.search(TOP, "(cn=*)").dns
    found: list[str] = []
    cookie = b""
    while True:
        one = member.search(TOP, "(cn=*)", controls=[page(size, cookie)])
        assert one.code is Code.SUCCESS
        assert len(one.entries) <= size
        found += one.dns
        cookie = cookie_in(one)
        if not cookie:
            break
        assert len(one.entries) == size
    assert found == whole


def test_pages_that_are_not_given(member: Client, staffed: City, clock: Clock) -> None:
    first = member.search(TOP, "(cn=*)", controls=[page(2)])
    cookie = cookie_in(first)
    # RFC 2696 §3: it must be the same search
    assert member.search(TOP, "(sn=*)", controls=[page(2, cookie)]).code is Code.UNWILLING_TO_PERFORM
    assert member.search(TOP, "(cn=*)", controls=[page(2, cookie)]).code is Code.UNWILLING_TO_PERFORM
    assert member.search(TOP, "(cn=*)", controls=[page(2, b"forged")]).code is Code.UNWILLING_TO_PERFORM
    cookie = cookie_in(member.search(TOP, "(cn=*)", controls=[page(2)]))
    enough = member.search(TOP, "(cn=*)", controls=[page(0, cookie)])
    assert (enough.code, enough.entries, cookie_in(enough)) == (Code.SUCCESS, [], b"")
    cookie = cookie_in(member.search(TOP, "(cn=*)", controls=[page(2)]))
    member.bind("hungv", PASSWORD)
    assert member.search(TOP, "(cn=*)", controls=[page(2, cookie)]).code is Code.UNWILLING_TO_PERFORM
    few = make_client(staffed, clock, paged_limit=3, size_limit=3)
    few.bind("annv", PASSWORD)
    cookie = cookie_in(few.search(TOP, "(cn=*)", controls=[page(2)]))
    last = few.search(TOP, "(cn=*)", controls=[page(2, cookie)])
    assert (last.code, len(last.entries), cookie_in(last)) == (Code.SIZE_LIMIT_EXCEEDED, 1, b"")


def test_order(member: Client) -> None:
    found = member.search(PEOPLE_BASE, "(title=*)", controls=[sort_by("cn")])
    # by the given name, as a Vietnamese list is
    order = ("Nguyễn Văn An", "Phạm Đức Anh", "Nguyễn Thị Ân", "Đỗ An Bình", "Trần Thị Thu Hà", "Lê Văn Hạ", "Võ Hùng")
    assert found.names == list(order)
    assert found.controls[SORT_RESPONSE] == ber.sequence([ber.integer(0, ber.ENUMERATED)])
    back = member.search(PEOPLE_BASE, "(title=*)", controls=[sort_by("-cn")])
    assert back.names == found.names[::-1]
    by_unit = member.search(PEOPLE_BASE, "(cn=*)", controls=[sort_by("title", "-cn")])
    assert by_unit.names[0] == "Phạm Đức Anh"
    assert by_unit.names[-1] == "Văn thư Sở Y tế"  # has none: larger than all others
    pages = member.search(PEOPLE_BASE, "(title=*)", controls=[sort_by("cn"), page(3)])
    rest = member.search(PEOPLE_BASE, "(title=*)", controls=[sort_by("cn"), page(9, cookie_in(pages))])
    assert pages.names + rest.names == found.names


def test_what_cannot_be_sorted(member: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for attribute, code in (("nickname", Code.NO_SUCH_ATTRIBUTE), ("attributeTypes", Code.INAPPROPRIATE_MATCHING)):
        found = member.search(TOP, "(cn=*hùng*)", controls=[sort_by(attribute)])
        assert (found.code, found.entries) == (Code.UNAVAILABLE_CRITICAL_EXTENSION, [])
        assert ber.Reader(found.controls[SORT_RESPONSE]).inside().integer(ber.ENUMERATED) == code
        found = member.search(TOP, "(cn=*hùng*)", controls=[sort_by(attribute, critical=False)])
        assert (found.code, found.names) == (Code.SUCCESS, ["Võ Hùng"])
    monkeypatch.setattr(searching, "SORTABLE", 3)
    found = member.search(TOP, "(cn=*)", controls=[sort_by("cn", critical=False)])
    assert (found.code, len(found.entries)) == (Code.SUCCESS, 9)
    assert member.search(TOP, "(cn=*)", controls=[sort_by("cn")]).code is Code.UNAVAILABLE_CRITICAL_EXTENSION
    # people by name come from an index, however many they are
    for order in ("cn", "-displayName"):
        sorted_names = member.search(PEOPLE_BASE, "(cn=*)", controls=[sort_by(order)]).names
        assert len(sorted_names) == 8
        assert sorted_names.index("Võ Hùng") > sorted_names.index("Nguyễn Văn An") or order.startswith("-")
        assert sorted_names == member.search(PEOPLE_BASE, "(sn=*)", controls=[sort_by(order)]).names
