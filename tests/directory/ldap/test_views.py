"""Virtual list views: parts of sorted lists, as Outlook browses an address book.

Standards: draft-ietf-ldapext-ldapv3-vlv-09.
"""

from __future__ import annotations

import pytest

from directory.ldap import ber, searching
from directory.ldap.messages import PAGED, SORT_RESPONSE, VIEW_REQUEST, VIEW_RESPONSE, Code
from tests.directory.conftest import City, Clock
from tests.directory.ldap_city import PASSWORD, PEOPLE_BASE, TOP, make_client, staff
from tests.directory.ldap_client import Client, Found, page, sort_by

# As their list is: people by given names, the mailbox by the whole of its name.
BY_NAME = [
    *("Nguyễn Văn An", "Phạm Đức Anh", "Nguyễn Thị Ân", "Đỗ An Bình", "Trần Thị Thu Hà", "Lê Văn Hạ", "Võ Hùng"),
    "Văn thư Sở Y tế",
]


@pytest.fixture
def member(any_city: City, clock: Clock) -> Client:
    staff(any_city)
    client = make_client(any_city, clock)
    assert client.bind("annv", PASSWORD) is Code.SUCCESS
    return client


def view(before: int, after: int, offset: int = 1, count: int = 0, *, critical: bool = True) -> tuple[str, bool, bytes]:
    place = ber.sequence((ber.integer(offset), ber.integer(count)), ber.context(0, constructed=True))
    return VIEW_REQUEST, critical, ber.sequence((ber.integer(before), ber.integer(after), place))


def view_from(value: str, before: int = 0, after: int = 2) -> tuple[str, bool, bytes]:
    parts = ber.integer(before), ber.integer(after), ber.octets(value, ber.context(1)), ber.octets(b"context")
    return VIEW_REQUEST, True, ber.sequence(parts)


def told(found: Found) -> tuple[int, int, int]:
    """Position, count, result."""
    inside = ber.Reader(found.controls[VIEW_RESPONSE]).inside()
    return inside.integer(), inside.integer(), inside.integer(ber.ENUMERATED)


# One is all people by name, which an index has; the other two are made and sorted for each view.
LISTS = [("(cn=*)", BY_NAME), ("(mail=*@city.gov.vn)", BY_NAME), ("(title=*)", BY_NAME[:-1])]


@pytest.mark.parametrize(("text", "whole"), LISTS)
def test_every_part_of_a_list(member: Client, text: str, whole: list[str]) -> None:
    count = len(whole)
    for offset in range(1, count + 1):
        for before, after in ((0, 0), (0, 2), (2, 1), (9, 9)):
            found = member.search(PEOPLE_BASE, text, controls=[sort_by("cn"), view(before, after, offset, count)])
            assert found.code is Code.SUCCESS
            assert told(found) == (offset, count, 0)
            assert found.names == whole[max(0, offset - 1 - before) : offset + after]
            back = member.search(PEOPLE_BASE, text, controls=[sort_by("-cn"), view(before, after, offset, count)])
            assert back.names == whole[::-1][max(0, offset - 1 - before) : offset + after]


@pytest.mark.parametrize(("text", "whole"), LISTS)
def test_type_down(member: Client, text: str, whole: list[str]) -> None:
    for typed in ("A", "An", "Nguyễn Văn An", "B", "H", "Hạ", "Zu"):
        found = member.search(PEOPLE_BASE, text, controls=[sort_by("displayName"), view_from(typed, before=1)])
        position, count, result = told(found)
        assert (found.code, count, result) == (Code.SUCCESS, len(whole), 0)
        assert found.names == whole[max(0, position - 2) : position + 2]
    assert told(member.search(PEOPLE_BASE, text, controls=[sort_by("cn"), view_from("Bình")]))[0] == 4
    nobody = member.search(PEOPLE_BASE, text, controls=[sort_by("cn"), view_from("Zu", before=1)])
    assert told(nobody)[0] == len(whole) + 1  # §5: none is not less
    assert nobody.names == whole[-1:]
    # the other way round it is the first that is not more
    back = member.search(PEOPLE_BASE, text, controls=[sort_by("-cn"), view_from("Đỗ An Bình", after=0)])
    assert back.names == ["Đỗ An Bình"]


def test_offsets_are_shares(member: Client) -> None:
    """§5: of what the client takes for the whole."""
    for offset, count, position in (
        *((1, 80, 1), (80, 80, 8), (40, 80, 4), (41, 80, 4), (44, 80, 4), (45, 80, 4), (46, 80, 5), (1, 1, 1)),
        *((3, 0, 3), (99, 0, 8)),
    ):
        found = member.search(PEOPLE_BASE, "(cn=*)", controls=[sort_by("cn"), view(0, 0, offset, count)])
        assert (offset, count, told(found)[0]) == (offset, count, position)
        assert found.names == [BY_NAME[position - 1]]


def test_what_cannot_be_viewed(member: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for controls, code in (
        ([view(0, 5)], Code.SORT_CONTROL_MISSING),
        ([sort_by("cn"), view(0, 5, 0, 8)], Code.OFFSET_RANGE_ERROR),
        ([sort_by("cn"), view(0, 5, 9, 8)], Code.OFFSET_RANGE_ERROR),
        ([sort_by("createTimestamp"), view_from("yesterday")], Code.INAPPROPRIATE_MATCHING),
    ):
        found = member.search(PEOPLE_BASE, "(cn=*)", controls=controls)
        assert (found.code, found.entries, told(found)[2]) == (Code.VIRTUAL_LIST_VIEW_ERROR, [], code)
    monkeypatch.setattr(searching, "SORTABLE", 3)
    found = member.search(PEOPLE_BASE, "(title=*)", controls=[sort_by("cn"), view(0, 5)])
    assert (found.code, told(found)[2]) == (Code.VIRTUAL_LIST_VIEW_ERROR, Code.ADMIN_LIMIT_EXCEEDED)
    # all people by name are in an index
    assert told(member.search(PEOPLE_BASE, "(cn=*)", controls=[sort_by("cn"), view(0, 5)])) == (1, 8, 0)
    broken = member.search(PEOPLE_BASE, "(cn=*)", controls=[sort_by("cn"), (VIEW_REQUEST, True, b"\x30\x03")])
    assert broken.code is Code.PROTOCOL_ERROR


def test_an_empty_list(member: Client) -> None:
    found = member.search(PEOPLE_BASE, "(cn=*zzz*)", controls=[sort_by("cn"), view(3, 3)])
    assert (found.code, found.entries, told(found)) == (Code.SUCCESS, [], (0, 0, 0))


def test_a_view_has_the_limits_of_a_search(any_city: City, clock: Clock, member: Client) -> None:
    few = make_client(any_city, clock, size_limit=3)
    few.bind("annv", PASSWORD)
    for text in ("(cn=*)", "(title=*)"):
        found = few.search(PEOPLE_BASE, text, controls=[sort_by("cn"), view(0, 6)])
        assert (found.code, found.names) == (Code.SIZE_LIMIT_EXCEEDED, BY_NAME[:3])
    stranger = make_client(any_city, clock)
    assert stranger.search(TOP, "(cn=*)", controls=[sort_by("cn"), view(0, 6)]).code is Code.INSUFFICIENT_ACCESS_RIGHTS


def test_pages_and_views_do_not_go_together(member: Client) -> None:
    """RFC 4511 §4.1.11: of the two, one that is not critical is passed over."""
    both = member.search(PEOPLE_BASE, "(cn=*)", controls=[sort_by("cn"), view(0, 1), page(3)])
    assert both.code is Code.PROTOCOL_ERROR
    paged = member.search(PEOPLE_BASE, "(cn=*)", controls=[sort_by("cn"), view(0, 1, critical=False), page(3)])
    assert (paged.names, set(paged.controls)) == (BY_NAME[:3], {PAGED, SORT_RESPONSE})
    viewed = member.search(PEOPLE_BASE, "(cn=*)", controls=[sort_by("cn"), view(0, 1), page(3, critical=False)])
    assert (viewed.names, set(viewed.controls)) == (BY_NAME[:2], {VIEW_RESPONSE, SORT_RESPONSE})


def test_outlook_browses(member: Client) -> None:
    """Its first look into the book, and the scroll bar drawn to the end."""
    text = "(&(mail=*)(cn=*)(objectClass=person))"
    attributes = ["cn", "mail", "title", "telephoneNumber", "displayName"]
    first = member.search(PEOPLE_BASE, text, attributes=attributes, controls=[sort_by("cn"), view(0, 3)])
    count = told(first)[1]
    last = member.search(PEOPLE_BASE, text, attributes=attributes, controls=[sort_by("cn"), view(3, 0, count, count)])
    assert first.names + last.names == BY_NAME
