"""Putting messages off, seeing when they come back, and having them back."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest

from mailserver.store import snoozing
from mailserver.store.flags import SEEN
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall, letter

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


@pytest.fixture
def key(hall: TownHall) -> str:
    uid = hall.put("an", letter(subject="Họp"), flags=("\\Seen",))
    return f"{hall.mailbox('an').id}:{uid}"


def later(hall: TownHall, hours: float) -> datetime:
    return datetime.fromtimestamp(hall.clock(), ZONE) + timedelta(hours=hours)


def subjects(hall: TownHall, name: str = "INBOX") -> list[tuple[str, bool]]:
    return [(subject, bool(flags & SEEN)) for _, flags, subject in hall.rows("an", name)]


def test_until_a_moment_of_ones_own_and_back_unread(an: Visitor, hall: TownHall, key: str) -> None:
    moment = later(hall, 5)
    form = {"action": "snooze", "item": key, "until": f"{moment:%Y-%m-%dT%H:%M}", "unread": "1"}
    assert an.ask("/actions", form).get_json()["message"] == f"Đã tạm hoãn 1 thư đến {moment:%d/%m/%Y %H:%M}."
    assert subjects(hall) == []
    box = hall.mailbox("an", "Snoozed")
    page = an.page(f"/mail/{box.id}")
    assert f"trở lại {moment:%d/%m/%Y %H:%M}" in page
    assert "Tạm hoãn" in page
    assert "Đưa trở lại ngay" in page
    assert snoozing.wake_due(hall.services.store, int(moment.timestamp()) - 60) == 0
    assert snoozing.wake_due(hall.services.store, int(moment.timestamp())) == 1
    assert subjects(hall) == [("Họp", False)]


def test_until_a_moment_that_was_offered_and_undone(an: Visitor, hall: TownHall, key: str) -> None:
    page = an.page(f"/mail/{key.replace(':', '/')}")
    offers = re.findall(r'<option value="(\d{10})">([^<]+)</option>', page)
    assert any("Sáng mai" in words for _moment, words in offers)
    done = an.ask("/actions", {"action": "snooze", "item": key, "moment": offers[-1][0]}).get_json()
    assert subjects(hall) == []
    an.ask("/actions/undo", done["undo"])
    assert subjects(hall) == [("Họp", True)]


def test_back_by_hand(an: Visitor, hall: TownHall, key: str) -> None:
    an.post("/actions", {"action": "snooze", "item": key, "until": f"{later(hall, 5):%d/%m/%Y %Hh%M}"})
    box = hall.mailbox("an", "Snoozed").id
    [(uid, _, _)] = hall.rows("an", "Snoozed")
    page = an.post("/actions", {"action": "wake", "item": f"{box}:{uid}"}, follow=True).get_data(as_text=True)
    assert "1 thư đã trở lại." in unescape(page)
    assert subjects(hall) == [("Họp", True)]


@pytest.mark.parametrize(
    "form",
    [{}, {"moment": "x"}, {"moment": "²"}, {"moment": "1"}, {"moment": "9" * 15}, {"until": "x"},
     {"until": "2020-01-01T08:00"}, {"until": "9999-01-01T08:00"}],
)  # fmt: skip
def test_moments_that_are_none(an: Visitor, hall: TownHall, key: str, form: dict[str, str]) -> None:
    assert an.ask("/actions", {"action": "snooze", "item": key, **form}).status_code == 400
    assert subjects(hall) == [("Họp", True)]
