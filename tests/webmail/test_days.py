"""Days and moments as officials type them, and as the pages write them in each language."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall, letter
from webmail.days import day_of, moment_of, typed_day

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


@pytest.mark.parametrize("text", ["31/12/2026", " 31-12-2026", "31.12.2026", "2026-12-31", "31/12/26"])
def test_days_that_are_read(text: str) -> None:
    assert day_of(text) == date(2026, 12, 31)


@pytest.mark.parametrize("text", ["", "12/31/2026", "30/02/2026", "mai", "31/12", "31/12/2026 08:00"])
def test_days_that_are_none(text: str) -> None:
    assert day_of(text) is None


@pytest.mark.parametrize("text", ["31/12/2026 08:05", "2026-12-31T08:05", "31/12/2026 8h05", "31-12-2026  8g05"])
def test_moments_that_are_read(text: str) -> None:
    assert moment_of(text, ZONE) == datetime(2026, 12, 31, 8, 5, tzinfo=ZONE).timestamp()


def test_a_whole_hour_needs_no_minutes() -> None:
    assert moment_of("31/12/2026 8h", ZONE) == moment_of("31/12/2026 08:00", ZONE)


@pytest.mark.parametrize("text", ["", "31/12/2026", "08:00", "31/12/2026 25:00", "31/12/2026 8:60", "1/1/2026 8x"])
def test_moments_that_are_none(text: str) -> None:
    assert moment_of(text, ZONE) is None


def test_what_is_typed_is_read_again() -> None:
    assert [typed_day(date(2026, 2, 1), language) for language in ("vi", "en")] == ["01/02/2026", "2026-02-01"]


def test_days_on_the_pages_mean_one_day_in_each_language(an: Visitor, hall: TownHall) -> None:
    hall.put("an", letter(), date=1_700_000_000)
    inbox = f"/mail/{hall.mailbox('an').id}"
    assert ">15/11/2023</time>" in an.page(inbox)
    an.post("/language", {"language": "en"})
    page = an.page("/search?q=before:31/12/2025")
    assert ">15 Nov 2023</time>" in an.page(inbox)
    assert "before:2025-12-31" in page or "Before: 2025-12-31" in page
    assert 'value="2025-12-31" placeholder="yyyy-mm-dd"' in page
