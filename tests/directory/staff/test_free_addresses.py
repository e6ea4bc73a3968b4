"""Addresses made from names: free for ever, numbered from two, short enough, and always one."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from directory.mail.addresses import is_issuable
from directory.staff.intake import FreeAddresses
from directory.words.names import MAX_LOCAL_PART, RESERVED_LOCAL_PARTS, PersonName, split_name
from tests.directory.conftest import City

NAMES = st.sampled_from(["Nguyễn Văn An", "Trần Thị Thu Hà", "Y Moan Êñuôl", "王 小明", "Admin Root", "Đỗ Ư"])


def made(city: City, name: PersonName, count: int) -> list[str]:
    with city.directory.write() as conn:
        free = FreeAddresses(conn, "city.gov.vn")
        found = []
        for _ in range(count):
            found.append(free.propose(name))
            free.take(found[-1])
    return [each.removesuffix("@city.gov.vn") for each in found]


def test_collisions_are_numbered_from_two(city: City) -> None:
    assert made(city, split_name("Nguyễn Văn An"), 4) == ["annv", "annv2", "annv3", "annv4"]


def test_what_was_ever_given_out_is_not_given_again(city: City) -> None:
    with city.directory.write() as conn:
        for _ in range(3):
            city.join(conn, "Nguyễn Văn An")
    assert made(city, split_name("Nguyễn Văn An"), 2) == ["annv4", "annv5"]


def test_a_long_name_keeps_room_for_its_number(city: City) -> None:
    found = made(city, PersonName("x", "Tôn Nữ", "Thị " * 20, "Nghiêngnghiêngnghiêng"), 120)
    assert len(set(found)) == 120
    assert max(map(len, found)) <= MAX_LOCAL_PART


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(NAMES, st.text(max_size=60)))
def test_an_address_is_always_found_and_can_be_issued(city: City, full: str) -> None:
    found = made(city, split_name(full), 3)
    assert len(set(found)) == 3
    for local in found:
        assert local not in RESERVED_LOCAL_PARTS
        assert is_issuable(f"{local}@city.gov.vn")
        assert len(local) <= MAX_LOCAL_PART
