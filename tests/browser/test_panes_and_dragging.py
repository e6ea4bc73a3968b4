"""The panes' widths by mouse and keyboard, and messages dragged away."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.waiting import becomes
from tests.webmail.town_hall import TownHall, letter

pytestmark = pytest.mark.browser


def width(page: Page, selector: str) -> float:
    box = page.locator(selector).bounding_box()
    assert box is not None
    return box["width"]


def test_panes_are_as_wide_as_one_likes_and_stay_so(sign_in: Callable[..., Page]) -> None:
    page = sign_in()
    divider = page.get_by_role("separator", name="Bề rộng danh sách")
    before = width(page, "#list")
    divider.focus()
    with page.expect_response(re.compile("/settings/widths")):
        page.keyboard.press("ArrowRight")
    expect(divider).to_have_attribute("aria-valuenow", "39")
    assert width(page, "#list") > before
    with page.expect_response(re.compile("/settings/widths")):
        page.keyboard.press("End")
    expect(divider).to_have_attribute("aria-valuenow", "65")
    mailboxes = page.get_by_role("separator", name="Bề rộng cột hộp thư")
    box = mailboxes.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, 400)
    page.mouse.down()
    page.mouse.move(300, 400)
    with page.expect_response(re.compile("/settings/widths")):
        page.mouse.up()
    assert width(page, "#sidebar") == pytest.approx(300, abs=2)
    page.reload()
    expect(divider).to_have_attribute("aria-valuenow", "65")
    assert width(page, "#sidebar") == pytest.approx(300, abs=2)


def test_messages_are_dragged_to_a_mailbox_and_come_back(sign_in: Callable[..., Page], hall: TownHall) -> None:
    for number in range(4):
        hall.put("an", letter(subject=f"thư {number}"))
    page = sign_in()
    page.locator(".row input").nth(1).check()
    page.locator(".row input").nth(2).check()
    page.locator(".row-link").nth(2).drag_to(page.locator(".mailboxes").get_by_role("link", name="Lưu trữ"))
    expect(page.locator(".row:visible")).to_have_count(2)
    expect(page.locator("#toasts")).to_contain_text("2")
    becomes(page, lambda: len(hall.rows("an", "Archive")), 2)
    page.get_by_role("button", name="Hoàn tác").click()
    expect(page.locator(".row:visible")).to_have_count(4)
    page.locator(".row-link", has_text="thư 3").drag_to(
        page.locator(".mailboxes").get_by_role("link", name="Thùng rác")
    )
    expect(page.locator(".row:visible")).to_have_count(3)
    expect(page.locator("#toasts")).to_contain_text("Thùng rác")
    becomes(page, lambda: [subject for _, _, subject in hall.rows("an", "Trash")], ["thư 3"])
