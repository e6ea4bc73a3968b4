"""g and a letter lead to a place; single letters can be switched off (WCAG 2.2, 2.1.4)."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.webmail.town_hall import TownHall, letter

pytestmark = pytest.mark.browser


def heading(page: Page, name: str) -> None:
    expect(page.locator("#list h1")).to_contain_text(name)


def test_g_and_a_letter_lead_to_a_place(sign_in: Callable[..., Page], hall: TownHall) -> None:
    hall.put("an", letter(subject="Có sao"), flags=["\\Flagged"])
    page = sign_in()
    for key, name in (("t", "Đã gửi"), ("d", "Thư nháp"), ("a", "Lưu trữ"), ("i", "Hộp thư đến")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        heading(page, name)
    page.keyboard.press("g")
    page.keyboard.press("s")
    heading(page, "là:sao")
    expect(page.locator(".row")).to_have_count(1)
    page.keyboard.press("g")
    page.keyboard.press("c")
    page.wait_for_url("**/contacts")
    page.keyboard.press("g")
    page.keyboard.press("i")
    page.wait_for_url(re.compile(r"/mail/\d+$"))
    heading(page, "Hộp thư đến")


def test_a_letter_that_leads_nowhere_does_nothing(sign_in: Callable[..., Page], hall: TownHall) -> None:
    hall.put("an", letter(subject="Ở lại"))
    page = sign_in()
    page.keyboard.press("j")
    expect(page.locator(".row-link").first).to_be_focused()
    page.keyboard.press("g")
    page.keyboard.press("e")  # alone it archives
    page.keyboard.press("x")  # and this one is itself again
    expect(page.locator(".row input").first).to_be_checked()
    assert len(hall.rows("an")) == 1


def test_nobody_is_led_away_while_typing(sign_in: Callable[..., Page]) -> None:
    page = sign_in()
    page.keyboard.press("/")
    page.keyboard.type("gt")
    expect(page.locator("#q")).to_have_value("gt")
    heading(page, "Hộp thư đến")


def test_single_letters_are_switched_off(sign_in: Callable[..., Page], hall: TownHall) -> None:
    hall.put("an", letter(subject="Một"))
    hall.put("an", letter(subject="Hai"))
    page = sign_in()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_contain_text("đến: Thư nháp")
    page.keyboard.press("Escape")
    page.goto("/settings")
    card = page.locator("#shortcuts")
    card.get_by_role("button", name="Tắt").click()
    expect(card.get_by_role("button", name="Tắt")).to_have_attribute("aria-pressed", "true")
    page.goto("/")
    row = page.locator(".row-link")
    row.first.focus()
    for key in ("g", "t", "j", "e", "c", "?"):
        page.keyboard.press(key)
    expect(row.first).to_be_focused()
    page.keyboard.press("ArrowDown")  # no character: it is no accident
    expect(row.nth(1)).to_be_focused()
    assert len(hall.rows("an")) == 2
    page.get_by_label("Tài khoản của").click()
    page.get_by_text("Phím tắt").first.click()
    expect(page.locator("#keys")).to_contain_text("đang tắt")
