"""Second thoughts and appointed times: sent, and not gone."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from mailserver.message.headers import text_of
from mailserver.store.flags import DRAFT, SEEN
from tests.webmail import town_hall
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall
from tests.webmail.writing.test_composing import field, send
from webmail import create_app

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


@pytest.fixture
def hall(tmp_path: Path):
    founded = town_hall.build(tmp_path, webmail={"undo_seconds": 10})
    yield founded
    founded.close()


def number(page: str) -> int:
    found = re.search(r'action="/scheduled/(\d+)/take-back"|formaction="/scheduled/(\d+)/take-back"', page)
    assert found is not None
    return int(found[1] or found[2])


def in_days(hall: TownHall, days: float) -> str:
    return f"{datetime.fromtimestamp(hall.clock(), ZONE) + timedelta(days=days):%Y-%m-%dT%H:%M}"


def test_what_was_sent_is_taken_back_and_is_a_draft_again(an: Visitor, hall: TownHall) -> None:
    send(an, subject="Gửi nhầm", bcc="dung@thanhpho.example")
    page = an.page("/mail/1")
    assert "Đã gửi thư" in page
    assert "Hoàn tác" in page
    assert hall.rows("binh") == hall.rows("dung") == []
    answer = an.post(f"/scheduled/{number(page)}/take-back", {})
    assert answer.status_code == 303
    draft = an.page(answer.headers["Location"])
    assert field(draft, "subject") == "Gửi nhầm"
    assert field(draft, "bcc") == "dung@thanhpho.example"
    assert hall.rows("an", "Sent") == []
    [(_, flags, _)] = hall.rows("an", "Drafts")
    assert flags == DRAFT | SEEN
    answer = an.ask(f"/scheduled/{number(page)}/take-back", {})
    assert answer.status_code == 409
    assert "Đã quá muộn" in answer.get_json()["error"]


def test_nobody_takes_back_what_another_sent(an: Visitor, hall: TownHall, sign_in: Callable[[str], Visitor]) -> None:
    send(an)
    page = an.page("/scheduled")
    assert "Thử" in page
    binh = sign_in("binh")
    assert "Không có thư nào đang chờ" in binh.page("/scheduled")
    for act in ("take-back", "send"):
        assert binh.ask(f"/scheduled/{number(page)}/{act}", {}).status_code == 409
    assert len(hall.rows("an", "Sent")) == 1


def test_each_chooses_how_long_he_may_think(an: Visitor, hall: TownHall, sign_in: Callable[[str], Visitor]) -> None:
    assert 'value="10" aria-pressed="true"' in an.page("/settings")
    an.post("/settings/undo-send", {"seconds": "0"})
    assert 'value="0" aria-pressed="true"' in an.page("/settings")
    an.post("/settings/undo-send", {"seconds": "86400"})
    assert 'value="0" aria-pressed="true"' in an.page("/settings")
    send(an)
    assert len(hall.rows("binh")) == 1
    assert 'value="10" aria-pressed="true"' in sign_in("binh").page("/settings")


def test_a_letter_for_later(an: Visitor, hall: TownHall) -> None:
    answer = send(an, action="later", send_at=in_days(hall, 2), subject="Để thứ Hai")
    assert answer.status_code == 303
    assert "Thư sẽ được gửi lúc" in an.page("/mail/1")
    assert hall.rows("binh") == []
    page = an.page("/scheduled")
    assert "Để thứ Hai" in page
    assert "binh@thanhpho.example" in page
    octets = hall.octets("an", 1, "Sent")
    written = datetime.strptime(text_of(octets, "Date"), "%a, %d %b %Y %H:%M:%S %z").timestamp()
    assert abs(written - hall.clock() - 2 * 86_400) < 120
    answer = an.post(f"/scheduled/{number(page)}/send", {}, follow=True)
    assert "Không có thư nào đang chờ" in answer.get_data(as_text=True)


def test_moments_that_are_offered_can_be_chosen(an: Visitor, hall: TownHall) -> None:
    offers = re.findall(r'value="later (\d+)"', an.page("/compose"))
    assert len(offers) >= 1
    for moment in offers:
        send(an, action=f"later {moment}")
    assert an.page("/scheduled").count('formaction="/scheduled/') == 2 * len(offers)


@pytest.mark.parametrize("wrong", ["", "heute", "2020-01-01T08:00", "9999-12-31T23:59", "2026-02-30T08:00"])
def test_moments_that_are_none(an: Visitor, hall: TownHall, wrong: str) -> None:
    answer = send(an, action="later", send_at=wrong, subject="Không mất")
    assert answer.status_code == 422
    assert field(answer.get_data(as_text=True), "subject") == "Không mất"
    assert hall.rows("an", "Sent") == []
    answer = send(an, action="later 99999999999999999999")
    assert answer.status_code == 422


def test_where_nothing_is_relayed_everything_goes_at_once(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    founded = town_hall.build(tmp_path / "other", webmail={"undo_seconds": 10}, relay={"enabled": False})
    try:
        an = Visitor(create_app(founded.services), founded).sign_in("an")
        assert 'name="send_at"' not in an.page("/compose")
        send(an)
        assert len(founded.rows("binh")) == 1
    finally:
        founded.close()
