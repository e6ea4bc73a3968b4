"""Choosing recipients from the tree: a letter begun, people ticked, and the letter as it was with them in it."""

from __future__ import annotations

import re
from html import unescape

import pytest

from directory.mail import contacts
from directory.mail.contacts import Contact
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall


@pytest.fixture
def start(an: Visitor) -> str:
    """Where a letter that is begun leads."""
    an.get("/compose")
    values = {"action": "choose", "to": "ngoai@example.org", "subject": "Họp", "text": "Kính gửi", "author": ""}
    answer = an.post("/compose", values)
    assert answer.status_code == 303
    return answer.headers["Location"]


def links(page: str) -> dict[str, str]:
    found = re.findall(r'<a href="([^"]+)">.*?<span>([^<]+)</span>', page)
    return {unescape(name): unescape(address) for address, name in found}


def ticks(page: str) -> list[str]:
    return [unescape(each) for each in re.findall(r'name="person" value="([^"]+)"', page)]


def hidden(page: str) -> dict[str, str]:
    form = page[page.index('class="picker-people"') :]
    return {name: unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)}


def test_down_the_tree_to_people_and_back_with_them(an: Visitor, start: str) -> None:
    page = an.page(start)
    page = an.page(links(page)["Ủy ban nhân dân Thành phố"])
    page = an.page(links(page)["Sở Nội vụ"])
    offered = ticks(page)
    assert any("binh@thanhpho.example" in each for each in offered)
    assert any("vanthu.snv@thanhpho.example" in each for each in offered)
    binh = next(each for each in offered if "binh@" in each)
    answer = an.post("/people/choose", {**hidden(page), "person": binh, "field": "cc"})
    assert answer.status_code == 303
    page = an.page(answer.headers["Location"])
    assert "Sở Nội vụ</h2>" in page  # where one was
    assert "Đã thêm 1 người nhận" in page
    # and once more is not twice
    an.post("/people/choose", {**hidden(page), "person": binh, "field": "cc"})
    draft = re.search(r'href="(/compose/[0-9]+)"', an.page(answer.headers["Location"]))
    assert draft is not None
    letter = unescape(an.page(draft[1]))
    assert letter.count("binh@thanhpho.example") == 1
    assert "ngoai@example.org" in letter
    assert "Kính gửi" in letter
    assert 'value="Họp"' in letter


def test_all_who_hold_a_position_below_a_unit(an: Visitor, start: str) -> None:
    page = an.page(start)
    clerks = {unescape(name): value for value, name in re.findall(r'<option value="(\w+)">([^<]+)', page)}
    found = ticks(an.page(f"{start}&position={clerks['Chuyên viên']}"))
    assert len(found) > 1
    assert all("@thanhpho.example" in each for each in found)


def test_groups_and_searches(an: Visitor, start: str) -> None:
    assert any("toanso@thanhpho.example" in each for each in ticks(an.page(f"{start}&groups=1")))
    page = an.page(f"{start}&q=so+noi+vu")
    assert "Sở Nội vụ" in links(page)
    assert any("huong@" in each for each in ticks(an.page(f"{start}&q=huong")))
    assert "Không có ai ở đây" in an.page(f"{start}&q=zzzz")


@pytest.mark.parametrize(
    "query", ["unit=nosuch", "position=nosuch", "draft=999999", "draft=-1", "draft=x", "unit=" + "x" * 5000]
)
def test_what_is_not_there(an: Visitor, start: str, query: str) -> None:
    name = query.partition("=")[0]
    path = re.sub(rf"{name}=[^&]*", "", start).rstrip("?&")
    assert an.get(f"{path}{'&' if '?' in path else '?'}{query}").status_code == 404


def test_of_anothers_letter_nobody_learns(an: Visitor, start: str, hall: TownHall, app: object) -> None:
    binh = Visitor(app, hall).sign_in("binh")  # type: ignore[arg-type]
    assert binh.get(start).status_code == 404
    binh.get("/settings")
    assert binh.post("/people/choose", {"draft": start.rpartition("=")[2], "field": "to"}).status_code == 404


def test_a_field_that_there_is_not(an: Visitor, start: str) -> None:
    draft = start.rpartition("=")[2]
    assert an.post("/people/choose", {"draft": draft, "field": "author", "person": "x@example.org"}).status_code == 404


def test_look_ups_have_a_pace(an: Visitor, start: str) -> None:
    answers = [an.get(start).status_code for _ in range(70)]
    assert 429 in answers


def test_contacts_and_groups_of_them_are_offered_too(an: Visitor, start: str, hall: TownHall) -> None:
    members = [Contact(f"nguoi.thu.{number:03}@nhathau.example", f"Người thứ {number}") for number in range(60)]
    with hall.services.directory.write() as conn:
        contacts.keep_group(conn, hall.account("an").id, "Nhà thầu", members)
    page = an.page(f"{start}&contacts=1")
    group, first = ticks(page)[:2]
    assert first == "Người thứ 0 <nguoi.thu.000@nhathau.example>"
    assert ticks(an.page(f"{start}&q=nha thau"))[0] == group
    answer = an.post("/people/choose", {**hidden(page), "person": group, "field": "bcc"})
    assert "Đã thêm 60 người nhận" in an.page(answer.headers["Location"])
