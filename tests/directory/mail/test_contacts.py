"""Contacts that an account keeps, and groups of them: kept, found, changed, bounded."""

from __future__ import annotations

import pytest

from directory.database import Directory
from directory.faults import Fault
from directory.mail import contacts
from directory.mail.contacts import Contact, ContactGroup, contacts_of, groups_of
from tests.directory.conftest import City, found_city

THANH = Contact("thanh@nhathau.example", "Đặng Thành", "Công ty Ánh Dương")
MAI = Contact("mai@nhathau.example", "Lý Thị Mai")


@pytest.fixture
def town(directory: Directory) -> City:
    return found_city(directory)


@pytest.fixture
def owner(town: City) -> str:
    with town.directory.write() as conn:
        return town.join(conn, "Nguyễn Văn An").account_id


def keep(town: City, owner: str, *given: Contact, old: str = "") -> None:
    with town.directory.write() as conn:
        for each in given:
            contacts.keep(conn, owner, each, old)


def known(town: City, owner: str, text: str = "") -> list[Contact]:
    with town.directory.read() as conn:
        return contacts_of(conn, owner, text)


def groups(town: City, owner: str, text: str = "") -> list[ContactGroup]:
    with town.directory.read() as conn:
        return groups_of(conn, owner, text)


def keep_group(town: City, owner: str, name: str, *members: Contact, old: str = "") -> None:
    with town.directory.write() as conn:
        contacts.keep_group(conn, owner, name, members, old)


def refusal(town: City, owner: str, given: Contact, old: str = "") -> str:
    with pytest.raises(Fault) as raised:
        keep(town, owner, given, old=old)
    return raised.value.code


def test_they_are_found_by_the_beginnings_of_words_without_marks(town: City, owner: str) -> None:
    keep(town, owner, MAI, THANH)
    assert known(town, owner) == [THANH, MAI]  # Đ before L
    for text in ("dang", "Đặng", "thanh da", "anh duong", "thanh@nha", "THANH@nhathau.example"):
        assert known(town, owner, text) == [THANH], text
    assert known(town, owner, "nhathau") == [THANH, MAI]
    for text in ("ang", "dang mai", "x"):
        assert known(town, owner, text) == [], text


def test_an_address_is_kept_once_in_one_spelling(town: City, owner: str) -> None:
    keep(town, owner, Contact(" Thanh@NhaThau.example ", " Đặng \u202e Thành\n"))
    assert known(town, owner) == [Contact("thanh@nhathau.example", "Đặng Thành")]
    assert refusal(town, owner, THANH) == "contact-exists"


@pytest.mark.parametrize(
    "address",
    [
        *("", "thanh", "thanh@", "@x.example", "a@b", "a b@x.example", "a@x.example, c@x.example", '"a,b"@x.example'),
        *("a<b@x.example>", "a\0b@x.example", "a@x..example", "x" * 250 + "@x.example", "a@" + "é" * 200_000 + ".vn"),
    ],
)
def test_what_is_no_single_address_is_refused(town: City, owner: str, address: str) -> None:
    assert refusal(town, owner, Contact(address)) == "address-malformed"


def test_lengths_end_somewhere(town: City, owner: str) -> None:
    assert refusal(town, owner, Contact("a@x.example", "x" * 101)) == "text-long"
    assert refusal(town, owner, Contact("a@x.example", "", "x" * 301)) == "text-long"


def test_either_engine_keeps_and_finds_them(any_directory: Directory) -> None:
    town = found_city(any_directory)
    with town.directory.write() as conn:
        owner = town.join(conn, "Nguyễn Văn An").account_id
    keep_group(town, owner, "Nhà thầu", THANH, MAI)
    keep(town, owner, Contact("dang.thanh@moi.example", "Đặng Thành"), old=THANH.address)
    assert [each.address for each in known(town, owner, "dang thanh@")] == ["dang.thanh@moi.example"]
    with town.directory.write() as conn:
        contacts.remove(conn, owner, "dang.thanh@moi.example")
    assert groups(town, owner, "thầu") == [ContactGroup("Nhà thầu", (MAI,))]


def test_with_another_address_it_stays_in_its_groups(town: City, owner: str) -> None:
    keep_group(town, owner, "Nhà thầu", THANH, MAI)
    moved = Contact("dang.thanh@moi.example", "Đặng Thành")
    keep(town, owner, moved, old=THANH.address)
    assert known(town, owner, "dang") == [moved]
    assert known(town, owner, "nhathau") == [MAI]
    assert groups(town, owner) == [ContactGroup("Nhà thầu", (moved, MAI))]
    assert refusal(town, owner, Contact(MAI.address), old=moved.address) == "contact-exists"
    assert refusal(town, owner, THANH, old=THANH.address) == "contact-unknown"


def test_a_group_makes_contacts_of_its_members_and_leaves_known_ones_alone(town: City, owner: str) -> None:
    keep(town, owner, THANH)
    keep_group(town, owner, "Nhà thầu", Contact("THANH@nhathau.example", "Một tên khác"), MAI, MAI)
    assert known(town, owner) == [THANH, MAI]
    assert groups(town, owner, "nha th") == [ContactGroup("Nhà thầu", (THANH, MAI))]
    assert groups(town, owner, "hau") == []
    keep_group(town, owner, "Đối tác", MAI, old="Nhà thầu")
    assert groups(town, owner) == [ContactGroup("Đối tác", (MAI,))]
    assert known(town, owner) == [THANH, MAI]


def test_removed_they_are_gone(town: City, owner: str) -> None:
    keep_group(town, owner, "Nhà thầu", THANH, MAI)
    keep_group(town, owner, "Một mình", THANH)
    with town.directory.write() as conn:
        contacts.remove(conn, owner, THANH.address)
    assert groups(town, owner) == [ContactGroup("Nhà thầu", (MAI,))]  # the other one has nobody left
    with town.directory.write() as conn:
        contacts.remove_group(conn, owner, "Nhà thầu")
    assert (groups(town, owner), known(town, owner)) == ([], [MAI])
    for forget, what in ((contacts.remove, THANH.address), (contacts.remove_group, "Nhà thầu")):
        with pytest.raises(Fault, match=what), town.directory.write() as conn:
            forget(conn, owner, what)


@pytest.mark.parametrize(
    ("name", "members", "code"),
    [
        ("nhà THẦU", (MAI,), "contact-group-exists"),
        (" ", (MAI,), "name-empty"),
        ("x" * 61, (MAI,), "text-long"),
        ("Trống", (), "contact-group-empty"),
        ("Sai", (MAI, Contact("x")), "address-malformed"),
        ("Lớn", tuple(Contact(f"a{each}@x.example") for each in range(201)), "contact-group-large"),
    ],
)
def test_a_group_that_cannot_be_kept_leaves_nothing(
    town: City, owner: str, name: str, members: tuple[Contact, ...], code: str
) -> None:
    keep_group(town, owner, "Nhà thầu", THANH)
    with pytest.raises(Fault) as raised:
        keep_group(town, owner, name, *members)
    assert raised.value.code == code
    assert groups(town, owner) == [ContactGroup("Nhà thầu", (THANH,))]
    assert known(town, owner) == [THANH]


def test_numbers_end_somewhere(town: City, owner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contacts, "MOST", 3)
    monkeypatch.setattr(contacts, "MOST_GROUPS", 2)
    keep(town, owner, THANH, MAI, Contact("a@x.example"))
    assert refusal(town, owner, Contact("b@x.example")) == "contacts-many"
    keep(town, owner, Contact("b@x.example"), old="a@x.example")
    for name in ("Một", "Hai"):
        keep_group(town, owner, name, MAI)
    keep_group(town, owner, "Hai lần", MAI, old="Hai")
    with pytest.raises(Fault) as raised:
        keep_group(town, owner, "Ba", MAI)
    assert raised.value.code == "contact-groups-many"
    with pytest.raises(Fault) as raised:
        keep_group(town, owner, "Hai lần", Contact("c@x.example"), old="Hai lần")
    assert raised.value.code == "contacts-many"


def test_they_are_the_accounts_own(town: City, owner: str) -> None:
    with town.directory.write() as conn:
        other = town.join(conn, "Trần Bình").account_id
    keep_group(town, owner, "Nhà thầu", THANH)
    assert (known(town, other), groups(town, other)) == ([], [])
    keep_group(town, other, "Nhà thầu", MAI)
    with town.directory.write() as conn:
        contacts.remove(conn, other, MAI.address)
    assert groups(town, owner) == [ContactGroup("Nhà thầu", (THANH,))]
