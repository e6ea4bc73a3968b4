"""The city's people as JSON: completion and the tree, for those who are signed in, at the pace of one who types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from directory.staff import provisioning
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall, build
from webmail import create_app
from webmail.services import LOOK_UPS_AT_ONCE

PATHS = (
    *("/people?q=an", "/people/find?q=an", "/people/units", "/people/units/x", "/people/units/x/people"),
    *("/people/positions", "/people/positions/x", "/people/groups"),
)


def told(visitor: Visitor, path: str, **query: Any) -> Any:
    answer = visitor.get(path, query_string=query)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_json()


def unit_named(visitor: Visitor, name: str) -> dict[str, Any]:
    return next(each for each in told(visitor, "/people/find", q=name)["units"] if each["name"] == name)


@pytest.mark.parametrize("path", PATHS)
def test_nobody_else_is_told_anything(visitor: Visitor, path: str) -> None:
    answer = visitor.get(path, headers={"Accept": "application/json"})
    assert answer.status_code == 401
    assert set(answer.get_json()) == {"error"}
    assert "ETag" not in answer.headers


def test_the_tree_is_walked_from_the_top_to_a_person(an: Visitor) -> None:
    (city,) = told(an, "/people/units")["children"]
    assert (city["short_name"], city["units"], city["people"], city["people_below"]) == ("UBND", 2, 0, 5)
    opened = told(an, f"/people/units/{city['id']}")
    assert (opened["unit"]["id"], opened["path"]) == (city["id"], [])
    interior = next(each for each in opened["children"] if each["short_name"] == "SNV")
    inside = told(an, f"/people/units/{interior['id']}")
    assert [each["id"] for each in inside["path"]] == [city["id"]]
    assert [each["insert"] for each in inside["mailboxes"]] == ["Văn thư Sở Nội vụ <vanthu.snv@thanhpho.example>"]
    first = told(an, f"/people/units/{interior['id']}/people", limit=2)
    rest = told(an, f"/people/units/{interior['id']}/people", limit=2, **{"from": first["next"]})
    people = first["people"] + rest["people"]
    assert [each["name"] for each in people] == ["Nguyễn Thị Hoài An", "Trần Quốc Bình", "Võ Thị Thu Hương"]
    assert rest["next"] is None
    assert people[1] | {"id": "", "picture": None} == {
        "id": "",
        "name": "Trần Quốc Bình",
        "address": "binh@thanhpho.example",
        "title": "Trưởng phòng",
        "unit": "Sở Nội vụ",
        "phone": "",
        "picture": None,
        "insert": "Trần Quốc Bình <binh@thanhpho.example>",
    }


def test_units_and_people_by_a_few_letters(an: Visitor) -> None:
    found = told(an, "/people/find", q="snv")
    assert [each["name"] for each in found["units"]] == ["Sở Nội vụ"]
    assert found["people"][0]["kind"] == "unit"
    found = told(an, "/people/find", q="binhf")  # typed while the input method was off
    assert (found["units"], [each["name"] for each in found["people"]]) == ([], ["Trần Quốc Bình"])
    assert told(an, "/people/find", q=" ") == told(an, "/people/find") == {"units": [], "people": []}
    assert len(told(an, "/people/find", q="s", limit=1)["units"]) == 1


def test_positions_and_who_holds_them(an: Visitor) -> None:
    positions = told(an, "/people/positions")
    assert {each["title"]: each["posts"] for each in positions} == {"Chuyên viên": 2, "Trưởng phòng": 2, "Văn thư": 1}
    heads = next(each["id"] for each in positions if each["code"] == "TP")
    assert len(told(an, f"/people/positions/{heads}")["people"]) == 2
    finance = unit_named(an, "Sở Tài chính")["id"]
    assert [each["name"] for each in told(an, f"/people/positions/{heads}", unit=finance)["people"]] == [
        "Phạm Đức Dũng"
    ]


def test_groups(an: Visitor) -> None:
    first = told(an, "/people/groups", limit=1)
    assert len(first["groups"]) == 1
    seen = first["groups"]
    while first["next"]:
        first = told(an, "/people/groups", limit=1, after=first["next"])
        seen += first["groups"]
    assert [each["address"] for each in seen] == sorted({each["address"] for each in seen})
    assert "toanso@thanhpho.example" in {each["address"] for each in seen}


@pytest.mark.parametrize("path", ["/people/units/x", "/people/units/x/people", "/people/positions/x"])
def test_what_is_not_there_is_told_in_words(an: Visitor, path: str) -> None:
    answer = an.get(path)
    assert answer.status_code == 404
    assert answer.get_json()["error"].startswith("không có")


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=x", "from=-5", "from=99999999", "limit=1e9", "q=%00"])
def test_odd_numbers_are_no_fault(an: Visitor, query: str) -> None:
    city = told(an, "/people/units")["children"][0]["id"]
    for path in (f"/people/units/{city}/people", "/people/groups", "/people/find"):
        assert an.get(f"{path}?{query}").status_code == 200


def test_an_answer_is_told_again_only_if_it_may_be_another(
    an: Visitor, sign_in: Callable[[str], Visitor], hall: TownHall
) -> None:
    answer = an.get("/people/units")
    tag = answer.headers["ETag"]
    assert answer.headers["Cache-Control"] == "private, no-cache"
    again = an.get("/people/units", headers={"If-None-Match": tag})
    assert (again.status_code, again.get_data(), again.headers["ETag"]) == (304, b"", tag)
    assert an.get("/people/units?x", headers={"If-None-Match": tag}).status_code == 200
    with hall.services.directory.write() as conn:
        provisioning.update_person(conn, "test", hall.account("chi").id, phone="0909")
    assert an.get("/people/units", headers={"If-None-Match": tag}).status_code == 200
    assert sign_in("binh").get("/people/units").headers["ETag"] != an.get("/people/units").headers["ETag"]


def test_a_session_that_asks_too_fast_has_to_wait(
    an: Visitor, sign_in: Callable[[str], Visitor], hall: TownHall
) -> None:
    pace = hall.services.look_ups
    moment = pace.monotonic()
    pace.monotonic = lambda: moment
    answers = [an.get("/people?q=a").status_code for _ in range(LOOK_UPS_AT_ONCE)]
    assert answers == [200] * LOOK_UPS_AT_ONCE
    refused = an.get("/people/units")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    assert set(refused.get_json()) == {"error"}
    assert sign_in("binh").get("/people/units").status_code == 200
    pace.monotonic = lambda: moment + 0.3
    assert an.get("/people/units").status_code == 200


def test_telephone_numbers_may_be_private(tmp_path: Any) -> None:
    hall = build(tmp_path, ldap={"private_attributes": ("telephoneNumber",)})
    try:
        with hall.services.directory.write() as conn:
            provisioning.update_person(conn, "test", hall.account("binh").id, phone="0909 123 456")
        app: Flask = create_app(hall.services)
        for login, numbers in (("an", []), ("binh", ["0909 123 456"])):
            visitor = Visitor(app, hall).sign_in(login)
            unit = unit_named(visitor, "Sở Nội vụ")["id"]
            people = told(visitor, f"/people/units/{unit}/people")["people"]
            assert [each["phone"] for each in people if each["phone"]] == numbers
            assert told(visitor, "/people", q="123456") == []
    finally:
        hall.close()
