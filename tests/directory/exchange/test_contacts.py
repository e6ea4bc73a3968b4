"""Contacts as vCards: out and in again, and in from what other programs write."""

from __future__ import annotations

import io

import pytest

from directory.database import Directory
from directory.exchange import contacts as cards
from directory.exchange.contacts import Report, Version
from directory.faults import Fault
from directory.mail import contacts
from directory.mail.contacts import Contact, contacts_of, groups_of
from tests.directory.conftest import City, found_city

THANH = Contact("thanh@nhathau.example", "Đặng Văn Thành", "Công ty Ánh Dương; tầng 2, phòng 3")
MAI = Contact("mai@nhathau.example", "Lý, Thị Mai")
BARE = Contact("bare@x.example")


@pytest.fixture
def town(directory: Directory) -> City:
    return found_city(directory)


def join(town: City, name: str) -> str:
    with town.directory.write() as conn:
        return town.join(conn, name).account_id


def bring(town: City, owner: str, text: str) -> Report:
    with town.directory.write() as conn:
        return cards.bring_in(conn, owner, io.BytesIO(text.replace("\n", "\r\n").encode()))


def known(town: City, owner: str) -> list[Contact]:
    with town.directory.read() as conn:
        return contacts_of(conn, owner)


def groups(town: City, owner: str) -> dict[str, list[str]]:
    with town.directory.read() as conn:
        return {group.name: sorted(each.address for each in group.members) for group in groups_of(conn, owner)}


@pytest.mark.parametrize("version", cards.VERSIONS)
def test_what_is_taken_along_comes_back_as_it_was(town: City, version: Version) -> None:
    one, other = join(town, "Nguyễn Văn An"), join(town, "Trần Thị Bình")
    with town.directory.write() as conn:
        for each in (THANH, MAI, BARE):
            contacts.keep(conn, one, each)
        contacts.keep_group(conn, one, "Nhà thầu, xây", [THANH, MAI])
        contacts.keep_group(conn, one, "Báo; đài", [MAI])
    out = io.StringIO(newline="")
    with town.directory.read() as conn:
        cards.write(contacts_of(conn, one), groups_of(conn, one), version, out)
    assert all(len(line.encode()) <= 75 for line in out.getvalue().split("\r\n"))
    assert out.getvalue().count(f"VERSION:{version}\r\n") == 3
    with town.directory.write() as conn:
        report = cards.bring_in(conn, other, io.BytesIO(out.getvalue().encode()))
    assert (report.added, report.known, report.groups, report.refused) == (3, 0, 2, [])
    assert known(town, other) == known(town, one)
    assert groups(town, other) == groups(town, one)


def test_telephones_and_address_books(town: City) -> None:
    owner = join(town, "Nguyễn Văn An")
    report = bring(
        town,
        owner,
        """\
BEGIN:VCARD
VERSION:3.0
N:Đặng;Thành;Văn;;
EMAIL;TYPE=WORK:cu@nhathau.example
item1.EMAIL;type=INTERNET;type=pref:Thanh@NhaThau.example
ORG:Công ty Ánh Dương;Phòng Thi công
NOTE:dòng một\\ndòng hai
PHOTO;ENCODING=b;TYPE=JPEG:AAAA
 BBBB
CATEGORIES:Nhà thầu,* myContacts
UID:A-1
END:VCARD
BEGIN:VCARD
VERSION:4.0
FN:Lý Thị Mai
EMAIL:mailto:mai%2Bviec@nhathau.example
UID:urn:uuid:B-2
END:VCARD
BEGIN:VCARD
VERSION:4.0
KIND:group
FN:Xây dựng
MEMBER:urn:uuid:a-1
MEMBER:mailto:moi@x.example
END:VCARD
BEGIN:VCARD
VERSION:3.0
FN:Apple
X-ADDRESSBOOKSERVER-KIND:group
X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:B-2
END:VCARD
""",
    )
    assert (report.added, report.groups, report.refused) == (3, 3, [])
    note = "Công ty Ánh Dương, Phòng Thi công · dòng một dòng hai"
    assert Contact("thanh@nhathau.example", "Đặng Văn Thành", note) in known(town, owner)
    assert groups(town, owner) == {
        "Apple": ["mai+viec@nhathau.example"],
        "Nhà thầu": ["cu@nhathau.example", "thanh@nhathau.example"],
        "Xây dựng": ["moi@x.example", "thanh@nhathau.example"],
    }


def card(address: str, *more: str) -> str:
    return "\n".join(("BEGIN:VCARD", "VERSION:4.0", f"FN:{address}", f"EMAIL:{address}", *more, "END:VCARD", ""))


def test_who_is_known_stays_as_he_is_and_joins_the_groups(town: City) -> None:
    owner = join(town, "Nguyễn Văn An")
    with town.directory.write() as conn:
        contacts.keep_group(conn, owner, "nhà thầu", [THANH])
    twice = card(THANH.address, "CATEGORIES:Nhà thầu") + card("moi@x.example", "CATEGORIES:Nhà thầu")
    report = bring(town, owner, twice + card("moi@x.example"))
    assert (report.added, report.known, report.groups) == (1, 2, 0)
    assert THANH in known(town, owner)
    assert groups(town, owner) == {"nhà thầu": ["moi@x.example", THANH.address]}


def test_what_is_not_taken_is_told_with_its_line_and_the_rest_is_there(town: City) -> None:
    owner = join(town, "Nguyễn Văn An")
    broken = "BEGIN:VCARD\nVERSION:2.1\nFN:Cũ\nEMAIL:cu@x.example\nEND:VCARD\n"
    silent = "BEGIN:VCARD\nVERSION:4.0\nFN:Không có thư\nEND:VCARD\n"
    report = bring(town, owner, broken + silent + card("a b@x") + card("tot@x.example") + "BEGIN:VCARD\nFN:dở\n")
    told = [(line, fault.code) for line, fault in report.refused]
    assert told == [
        (1, "value-invalid"),
        (6, "card-without-address"),
        (10, "address-malformed"),
        (20, "line-malformed"),
    ]
    assert [each.address for each in known(town, owner)] == ["tot@x.example"]


def test_no_more_than_there_may_be(town: City, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = join(town, "Nguyễn Văn An")
    monkeypatch.setattr(contacts, "MOST", 2)
    monkeypatch.setattr(contacts, "LARGEST_GROUP", 1)
    report = bring(town, owner, "".join(card(f"a{number}@x.example", "CATEGORIES:N") for number in range(3)))
    assert (report.added, report.groups) == (2, 0)
    assert [fault.code for _, fault in report.refused] == ["contacts-many", "contact-group-large"]
    monkeypatch.setattr(cards, "MOST_CARDS", 2)
    with pytest.raises(Fault, match="brings"):
        bring(town, owner, card("a@x.example") * 3)


def test_namesakes_are_found_whatever_their_marks() -> None:
    other = Contact("thanh2@x.example", "Dang van  Thanh")
    assert contacts.namesakes([THANH, MAI, BARE, other, Contact("c@x.example")]) == [[THANH, other]]
