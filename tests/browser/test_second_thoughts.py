"""Undo send and sending later, in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from playwright.sync_api import Page, expect

from tests.browser.axe import faults
from tests.browser.test_writing_mail import write
from tests.webmail.town_hall import TownHall


def test_undone_the_letter_is_open_again_and_nobody_has_it(sign_in: Callable[..., Page], hall: TownHall) -> None:
    page = sign_in()
    page.goto("/settings")
    page.get_by_role("button", name="30 giây").click()
    expect(page.get_by_role("button", name="30 giây")).to_have_attribute("aria-pressed", "true")
    write(page, subject="Gửi nhầm", text="Chưa xong")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Đã gửi thư.")).to_be_visible()
    expect(page).not_to_have_url(re.compile("#"))  # the page's script has looked by then
    assert page.evaluate("Object.keys(localStorage)") == []  # what has gone is not offered as left over
    page.get_by_role("button", name="Hoàn tác").click()
    expect(page.get_by_text("Thư chưa được gửi đi.")).to_be_visible()
    expect(page.get_by_role("textbox", name="Tiêu đề")).to_have_value("Gửi nhầm")
    expect(page.get_by_role("textbox", name="Nội dung")).to_contain_text("Chưa xong")
    assert hall.rows("binh") == hall.rows("an", "Sent") == []
    page.goto("/scheduled")
    expect(page.get_by_role("heading", name="Không có thư nào đang chờ")).to_be_visible()


def test_a_letter_is_sent_another_day(sign_in: Callable[..., Page], hall: TownHall) -> None:
    page = sign_in()
    write(page, subject="Lịch tuần", text="Gửi các anh chị")
    page.get_by_text("Gửi sau").click()
    there = datetime.fromtimestamp(hall.clock(), ZoneInfo("Asia/Ho_Chi_Minh")) + timedelta(days=3)
    page.get_by_label("Lúc khác").fill(f"{there:%Y-%m-%dT08:30}")
    assert faults(page) == []
    page.get_by_role("button", name="Hẹn gửi").click()
    expect(page.get_by_text(f"{there:%d/%m/%Y} 08:30")).to_be_visible()
    page.goto("/scheduled")
    expect(page.get_by_role("rowheader", name="Lịch tuần")).to_be_visible()
    assert faults(page) == []
    assert hall.rows("binh") == []
    page.get_by_role("button", name="Rút lại").click()
    expect(page.get_by_role("textbox", name="Tiêu đề")).to_have_value("Lịch tuần")
