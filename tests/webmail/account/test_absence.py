"""Being away: said in the settings, remembered on every page, told to who addresses a letter, answered by itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest

from directory.dates import days_after
from directory.mail import absences
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall
from tests.webmail.writing.test_composing import field
from tests.webmail.writing.test_remarks import told

HERE = "/settings/absence"
BINH, CHI = "binh@thanhpho.example", "chi@thanhpho.example"


@pytest.fixture
def binh(sign_in: Callable[[str], Visitor]) -> Visitor:
    return sign_in("binh")


def day(hall: TownHall, count: int) -> str:
    with hall.services.directory.read() as conn:
        return days_after(conn.today, count)


def written(day: str) -> str:
    """As the form shows it, and takes it."""
    return "/".join(reversed(day.split("-")))


def goes(who: Visitor, hall: TownHall, first: int = 0, last: int = 2, **form: str) -> Any:
    who.get(HERE)
    days = {"since": day(hall, first), "until": written(day(hall, last))}
    return who.post(HERE, days | {"substitute": CHI, "text": "Đi công tác\r\nHà Nội", **form})


def test_what_is_said_is_kept_and_reminded_of_until_he_is_back(binh: Visitor, hall: TownHall) -> None:
    assert "Đang vắng mặt" not in binh.page("/settings")
    assert goes(binh, hall, outside="Vắng").status_code == 303
    page = unescape(binh.page(HERE))
    assert all(each in page for each in (written(day(hall, 2)), CHI, "Đi công tác\nHà Nội", ">Vắng</textarea>"))
    assert "Đang vắng mặt đến" in binh.page("/settings")
    assert binh.post(HERE, {"action": "end"}).status_code == 303
    assert "Đang vắng mặt" not in binh.page("/settings")


def test_what_was_typed_wrongly_stays_and_is_not_kept(binh: Visitor, hall: TownHall) -> None:
    answer = goes(binh, hall, substitute="ai-do@ngoai.example", text="Câu <này>")
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert "ai-do@ngoai.example" in page
    assert "Câu &lt;này&gt;" in page
    assert goes(binh, hall, first=3, last=1).status_code == 422
    assert binh.post(HERE, {"action": "end"}).status_code == 422
    with hall.services.directory.read() as conn:
        assert absences.absence_of(conn, hall.account("binh").id) is None


def test_who_writes_is_told_and_offered_who_stands_in(an: Visitor, binh: Visitor, hall: TownHall) -> None:
    goes(binh, hall)
    an.get("/compose")
    ((told_of, offer, adds),) = (
        (each["text"], each["offer"], each["adds"])
        for each in an.post("/compose/remarks", {"to": BINH}).get_json()["remarks"]
    )
    until = "/".join(reversed(day(hall, 2).split("-")))
    assert told_of == f"Trần Quốc Bình vắng mặt đến hết {until}. “Đi công tác Hà Nội” Lê Mai Chi làm thay."
    assert "Lê Mai Chi" in offer
    assert adds == f"Lê Mai Chi <{CHI}>"
    form = {"to": f"{BINH}; ", "subject": "Việc gấp", "text": "x"}
    assert f'value="add Lê Mai Chi &lt;{CHI}&gt;"' in an.post("/compose", form | {"action": "check"}).get_data(
        as_text=True
    )
    page = an.post("/compose", form | {"action": f"add {adds}"}).get_data(as_text=True)
    assert field(page, "to") == f"{BINH}, Lê Mai Chi <{CHI}>"
    assert [kind for kind, _text in told(an, to=f"{BINH}, {CHI}")] == ["note"]


def test_of_those_in_a_group_it_is_not_told(an: Visitor, binh: Visitor, hall: TownHall) -> None:
    goes(binh, hall)
    assert told(an, to="toanso@thanhpho.example") == []


def test_it_is_marked_where_people_are_chosen(an: Visitor, binh: Visitor, hall: TownHall) -> None:
    goes(binh, hall)
    [found] = json.loads(an.get("/people?q=quoc+binh").data)
    assert "vắng mặt đến hết" in found["detail"]
    an.get("/compose")
    place = an.post("/compose", {"action": "choose", "subject": "x"}).headers["Location"]
    assert "vắng mặt đến hết" in an.page(f"{place}&q=quoc+binh")
    goes(binh, hall, first=1)
    [found] = json.loads(an.get("/people?q=quoc+binh").data)
    assert "vắng mặt" not in found["detail"]


def test_a_letter_is_answered(an: Visitor, binh: Visitor, hall: TownHall) -> None:
    goes(binh, hall)
    an.get("/compose")
    an.post("/settings/undo-send", {"seconds": "0"})
    an.post("/compose", {"action": "send", "to": BINH, "subject": "Việc gấp", "text": "x"})
    inbox = an.page(f"/mail/{hall.mailbox('an').id}")
    assert "Auto: Việc gấp" in unescape(inbox)
