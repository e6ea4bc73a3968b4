"""Contacts: kept, found, offered while one types, added from a message; each mailbox's own."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest

from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import PASSWORD, TownHall, letter
from webmail.contents.heads import parse_people
from webmail.writing.contacts import ON_PAGE

THANH = {"name": "Đặng Thành", "address": "thanh@nhathau.example", "note": "Công ty Ánh Dương"}
CLERK = "clerk@nhathau.example"
ALL = f'Đặng Thành <thanh@nhathau.example>, "Mai, Lý" <mai@nhathau.example>, {CLERK}'


def sent(visitor: Visitor, action: str = "keep", **values: str) -> int:
    visitor.get("/contacts")
    return visitor.post("/contacts", {"action": action, **values}).status_code


def offered(visitor: Visitor, text: str) -> list[dict[str, Any]]:
    answer = visitor.get("/people", query_string={"q": text})
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.get_json()
    return found


def test_kept_it_is_listed_and_found_without_marks(an: Visitor) -> None:
    assert sent(an, **THANH) == 303
    assert "Đặng Thành" in an.page("/contacts?q=dang+thanh@nha")
    assert "Đặng Thành" not in an.page("/contacts?q=mai")


def test_what_cannot_be_kept_stays_in_its_form(an: Visitor) -> None:
    sent(an, **THANH)
    sent(an, name="Mai", address="mai@nhathau.example")
    an.get("/contacts")
    answer = an.post("/contacts", {"action": "keep", "old": "mai@nhathau.example", "name": "Lý Mai"} | {"address": "x"})
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert 'value="Lý Mai"' in page
    assert page.count("<details open>") == 1
    again = an.post("/contacts", {"action": "keep", **THANH, "name": "Người khác"})
    assert (again.status_code, 'value="Người khác"' in again.get_data(as_text=True)) == (422, True)


def test_changed_and_removed(an: Visitor) -> None:
    sent(an, **THANH)
    assert sent(an, old="thanh@nhathau.example", name="Anh Thành", address="thanh@moi.example") == 303
    assert [each["address"] for each in offered(an, "thanh")] == ["thanh@moi.example"]
    assert sent(an, "remove", old="thanh@nhathau.example") == 422
    assert sent(an, "remove", old="thanh@moi.example") == 303
    assert offered(an, "thanh") == []


def test_a_group_puts_everybody_into_the_field(an: Visitor) -> None:
    assert sent(an, "keep-group", name="Nhà thầu & đối tác", members=ALL) == 303
    (group,) = [each for each in offered(an, "doi tac") if not each["address"]]
    assert (group["name"], group["detail"]) == ("Nhà thầu & đối tác", "Nhóm liên hệ · 3 liên hệ")
    assert {(each.name, each.address) for each in parse_people(group["insert"])} == {
        ("Đặng Thành", "thanh@nhathau.example"),
        ("Mai, Lý", "mai@nhathau.example"),
        ("", CLERK),
    }
    link = re.search(r'href="(/compose\?group=[^"]+)"', an.page("/contacts"))
    assert link
    page = unescape(an.page(unescape(link[1])))
    assert re.search(r'<textarea[^>]*name="to"[^>]*>\s*' + re.escape(group["insert"]), page)
    assert sent(an, "keep-group", old="Nhà thầu & đối tác", name="Nhà thầu", members=CLERK) == 303
    assert offered(an, "nha thau")[0]["insert"] == CLERK
    assert sent(an, "remove-group", old="Nhà thầu") == 303
    assert [each["address"] for each in offered(an, "clerk")] == [CLERK]
    assert 'name="to"' in an.page("/compose?group=Nhà+thầu")


def test_own_contacts_stand_before_the_city_and_nobody_twice(an: Visitor) -> None:
    sent(an, name="Anh Bình trưởng phòng", address="BINH@thanhpho.example", note="gọi trước")
    sent(an, name="Bình nhà thầu", address="binh@nhathau.example")
    found = offered(an, "binh")
    assert [each["address"] for each in found] == ["binh@thanhpho.example", "binh@nhathau.example"]
    assert (found[0]["name"], "Sở Nội vụ" in found[0]["detail"]) == ("Trần Quốc Bình", True)
    assert found[1]["detail"] == "Liên hệ"
    assert offered(an, "goi truoc")[0]["insert"] == "Anh Bình trưởng phòng <binh@thanhpho.example>"
    assert offered(an, "...") == []
    for number in range(9):
        sent(an, name=f"Bình {number}", address=f"b{number}@x.example")
    found = offered(an, "binh")
    assert len(found) <= 8
    assert "binh@thanhpho.example" in {each["address"] for each in found}


def test_an_answer_of_before_is_not_taken_for_todays(an: Visitor) -> None:
    tag = an.get("/people?q=thanh").headers["ETag"]
    sent(an, **THANH)
    answer = an.get("/people?q=thanh", headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert answer.get_json()[0]["address"] == "thanh@nhathau.example"
    assert an.get("/people?q=thanh", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_the_sender_is_added_from_his_message(an: Visitor, hall: TownHall) -> None:
    uid = hall.put("an", letter('"Thành, Đặng" <thanh@nhathau.example>', subject="Báo giá"))
    page = an.page(f"/mail/{hall.mailbox('an').id}/{uid}")
    form = re.search(r'<form action="/contacts".*?</form>', page, re.DOTALL)
    assert form
    fields = {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', form[0])}
    assert fields["address"] == "thanh@nhathau.example"
    answer = an.post("/contacts", fields)
    assert (answer.status_code, answer.headers["Location"]) == (303, fields["next"])
    assert offered(an, "dang")[0]["insert"] == '"Thành, Đặng" <thanh@nhathau.example>'
    again = an.post("/contacts", fields, follow=True)
    assert "đã có trong danh bạ" in again.get_data(as_text=True)


def test_pages(an: Visitor, hall: TownHall) -> None:
    everybody = ", ".join(f"a{number:03}@x.example" for number in range(ON_PAGE + 1))
    sent(an, "keep-group", name="Mọi người", members=everybody)
    last = f'value="a{ON_PAGE:03}@x.example"'
    assert last not in an.page("/contacts")
    assert last in an.page(f"/contacts?from={ON_PAGE}")
    for odd in ("-1", "x", "99999", "1e9", "²"):
        assert an.get("/contacts", query_string={"from": odd}).status_code == 200


def test_a_units_mailbox_has_its_own_and_others_see_none(
    an: Visitor, sign_in: Callable[[str], Visitor], hall: TownHall
) -> None:
    sent(an, **THANH)
    clerk = sign_in("huong")
    assert offered(clerk, "thanh") == []
    clerk.post("/open", {"account": hall.account("vanthu.snv").id})
    assert sent(clerk, name="Báo Thành phố", address="toasoan@bao.example") == 303
    assert [each["address"] for each in offered(clerk, "toasoan")] == ["toasoan@bao.example"]
    clerk.post("/open", {})
    assert offered(clerk, "toasoan") == []
    assert "Đặng Thành" not in clerk.page("/contacts")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Mai <a@x.example>; Lý <b@x.example>\nC <c@x.example>", ["Mai", "Lý", "C"]),
        ('"Mai; Lý" <a@x.example>;b@x.example', ["Mai; Lý", ""]),
        ('a@x.example; b@x.example, "', ["", ""]),
    ],
)
def test_semicolons_and_lines_part_people_but_not_names(text: str, names: list[str]) -> None:
    assert [each.name for each in parse_people(text) if each.address] == names


def test_a_field_of_many_quotes_is_read_in_one_go() -> None:
    assert parse_people('";' * 100_000 + "a@x.example") is not None  # which took hours


def test_taken_along_and_brought_in_elsewhere(an: Visitor, sign_in: Callable[[str], Visitor]) -> None:
    sent(an, **THANH)
    assert "Mật khẩu hiện tại" in an.post("/contacts/contacts.vcf", {"version": "3.0"}).get_data(as_text=True)
    answer = an.post("/contacts/contacts.vcf", {"version": "3.0", "password": PASSWORD})
    assert answer.mimetype == "text/vcard"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="contacts.vcf"'
    assert an.post("/contacts/contacts.vcf", {"version": "2.1"}).status_code == 404
    binh = sign_in("binh")
    for told in ("Đã đưa vào 1 liên hệ", "1 liên hệ đã có sẵn"):
        page = binh.post("/contacts/import", {"file": (io.BytesIO(answer.data), "contacts.vcf")}).get_data(as_text=True)
        assert told in page
    assert "Đặng Thành" in page


@pytest.mark.parametrize(
    ("octets", "status", "told"),
    [(b"", 303, "Hãy chọn"), (b"\x89PNG\r\n", 200, "Dòng 1"), (b"BEGIN:VCARD\r\n" * 9, 303, "quá lớn")],
)
def test_a_file_that_is_none(
    an: Visitor, octets: bytes, status: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webmail.writing.contacts.LARGEST", 100)
    answer = an.post("/contacts/import", {"file": (io.BytesIO(octets), "x.vcf")})
    assert answer.status_code == status
    assert told in (answer.get_data(as_text=True) if status == 200 else an.page("/contacts"))


def test_namesakes_are_pointed_out(an: Visitor) -> None:
    sent(an, **THANH)
    assert "Có thể bị trùng" not in an.page("/contacts")
    sent(an, name="dang thanh", address="thanh@khac.example")
    assert "Có thể bị trùng" in an.page("/contacts")
