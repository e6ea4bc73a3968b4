"""A list of thousands is scrolled through whole, though only what is in sight is on the page."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.waiting import becomes
from tests.webmail.town_hall import TownHall, letter

pytestmark = pytest.mark.browser

COUNT = 1200
IN_VIEW = """() => {
  const rows = document.querySelector('[data-rows]');
  const box = rows.getBoundingClientRect();
  return [...rows.querySelectorAll('.row')]
    .filter((row) => row.getBoundingClientRect().bottom > box.top && row.getBoundingClientRect().top < box.bottom)
    .map((row) => Number(row.getAttribute('aria-rowindex')));
}"""


@pytest.fixture
def long_list(sign_in: Callable[..., Page], hall: TownHall) -> Callable[..., Page]:
    letters = [letter(subject=f"thư {number:04}", text=f"Nội dung {number:04}") for number in range(COUNT)]
    hall.fill("an", [(octets, (), 1_760_000_000 + number) for number, octets in enumerate(letters)])

    def opened(**settings: object) -> Page:
        page = sign_in(**settings)
        expect(page.get_by_role("grid")).to_have_attribute("aria-rowcount", str(COUNT))
        return page

    return opened


def scroll(page: Page, share: float) -> None:
    page.locator("[data-rows]").evaluate(
        "(rows, share) => { rows.scrollTop = share * (rows.scrollHeight - rows.clientHeight); }", share
    )


def test_any_row_comes_where_one_scrolls(long_list: Callable[..., Page]) -> None:
    page = long_list()
    for share, subject in ((1.0, "thư 0000"), (0.5, "thư 0600"), (0.0, "thư 1199")):
        scroll(page, share)
        expect(page.locator(".row", has_text=subject)).to_be_in_viewport()
        expect(page.locator(".row", has_text=subject)).to_have_attribute(
            "aria-rowindex", str(COUNT - int(subject.split()[1]))
        )
        seen = page.evaluate(IN_VIEW)
        assert seen == list(range(seen[0], seen[0] + len(seen)))
        assert page.locator(".row").count() <= 200
        expect(page.locator(".range")).to_contain_text(f"{seen[0]:,}".replace(",", "."))


def test_the_scrollbar_is_exact_on_a_phone_too(long_list: Callable[..., Page]) -> None:
    page = long_list(width=390, height=800)
    height = page.locator(".row").first.evaluate("(row) => row.getBoundingClientRect().height")
    assert page.locator("[data-rows]").evaluate("(rows) => rows.scrollHeight") == pytest.approx(COUNT * height, abs=2)
    scroll(page, 1.0)
    expect(page.locator(".row", has_text="thư 0000")).to_be_in_viewport()


def test_the_keyboard_reaches_both_ends_and_every_part_of_a_row(long_list: Callable[..., Page]) -> None:
    page = long_list()
    page.keyboard.press("j")
    focused = page.locator(".row:focus-within")
    expect(focused).to_contain_text("thư 1199")
    page.keyboard.press("End")
    expect(focused).to_contain_text("thư 0000")
    page.keyboard.press("ArrowUp")
    expect(focused).to_contain_text("thư 0001")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(":focus")).to_have_class(re.compile("star"))
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Space")
    expect(page.get_by_text("Đã chọn 1")).to_be_visible()
    page.keyboard.press("Home")
    expect(focused).to_contain_text("thư 1199")
    for _ in range(150):
        page.keyboard.press("ArrowDown")
    expect(focused).to_contain_text("thư 1049")
    expect(focused).to_be_in_viewport()
    assert page.locator('.row a[tabindex="-1"]').count() == page.locator(".row").count() - 1


def test_what_was_chosen_stays_chosen_out_of_sight(long_list: Callable[..., Page], hall: TownHall) -> None:
    page = long_list()
    page.locator(".row input").nth(2).check()
    scroll(page, 0.8)
    expect(page.locator(".row", has_text="thư 1197")).to_have_count(0)
    page.locator(".row:has-text('thư 0250') input").check()
    expect(page.get_by_text("Đã chọn 2")).to_be_visible()
    scroll(page, 0.0)
    expect(page.locator(".row", has_text="thư 1197").locator("input")).to_be_checked()
    page.locator(".selection-tools").get_by_role("button", name="Lưu trữ").click()
    expect(page.locator("#toasts")).to_contain_text("2")
    expect(page.get_by_role("grid")).to_have_attribute("aria-rowcount", str(COUNT - 2))
    becomes(page, lambda: sorted(each[2] for each in hall.rows("an", "Archive")), ["thư 0250", "thư 1197"])


def test_news_moves_nothing_far_down(long_list: Callable[..., Page], hall: TownHall) -> None:
    page = long_list()
    scroll(page, 0.5)
    row = page.locator(".row", has_text="thư 0600")
    expect(row).to_be_in_viewport()
    before = row.bounding_box()
    for number in range(3):
        hall.put("an", letter(subject=f"vừa đến {number}"))
    expect(page.get_by_role("grid")).to_have_attribute("aria-rowcount", str(COUNT + 3))
    expect(row).to_have_attribute("aria-rowindex", "603")
    after = row.bounding_box()
    assert before is not None and after is not None
    assert abs(before["y"] - after["y"]) < 1


def test_a_message_far_down_is_opened_and_left_where_it_lies(long_list: Callable[..., Page]) -> None:
    page = long_list(width=1000)
    scroll(page, 0.5)
    page.locator(".row", has_text="thư 0600").click()
    expect(page.get_by_role("heading", level=1, name="thư 0600")).to_be_visible()
    page.keyboard.press("u")
    expect(page.locator(".row", has_text="thư 0600")).to_be_in_viewport()
    page.locator(".row", has_text="thư 0600").click()
    expect(page.get_by_role("heading", level=1, name="thư 0600")).to_be_visible()
    page.reload()
    page.keyboard.press("u")
    expect(page.locator(".row", has_text="thư 0600")).to_be_in_viewport()
