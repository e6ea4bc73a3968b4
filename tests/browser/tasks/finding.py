"""Searching by words and operators, by the form, and keeping a search."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.tasks.ways import Way
from tests.webmail.town_hall import TownHall, letter

CHI = "Lê Mai Chi <chi@thanhpho.example>"


def search(way: Way, hall: TownHall) -> None:
    files = [("dự toán.txt", "text/plain", b"x")]
    hall.put("an", letter(subject="Dự toán quý III"))
    hall.put("an", letter(subject="Dự toán quý IV", files=files))
    hall.put("an", letter(CHI, subject="Dự toán sửa chữa", files=files))
    rows, chips = way.page.locator(".row:visible"), way.page.locator(".query .chip")
    way.fill(way.page.get_by_role("searchbox"), "du toan")
    way.page.keyboard.press("Enter")
    expect(rows).to_have_count(3)
    way.fill(way.page.get_by_role("searchbox"), "từ:chi dự toán")
    way.page.keyboard.press("Enter")
    expect(rows).to_have_count(1)
    expect(chips.first).to_be_visible()
    menu = way.page.locator(".search-menu")
    way.press(menu.locator("summary"))
    way.fill(menu.get_by_label("Từ", exact=True), "")
    way.fill(menu.get_by_label("Tiêu đề"), "dự toán")
    way.press(menu.get_by_label("Có tệp đính kèm"))
    way.press(menu.get_by_role("button", name="Tìm kiếm"))
    expect(rows).to_have_count(2)
    way.press(way.page.locator(".query summary"))
    way.fill(way.page.locator("#search-name"), "Dự toán có tệp")
    way.press(way.page.locator(".query").get_by_role("button", name="Lưu", exact=True))
    way.open_mailbox("Hộp thư đến")
    expect(rows).to_have_count(3)
    if way.narrow:
        way.press(way.page.locator("#menu-button"))
    way.press(way.page.locator("#sidebar").get_by_role("link", name="Dự toán có tệp"))
    expect(rows).to_have_count(2)
    way.press(rows.filter(has_text="quý IV").locator(".row-link"))
    expect(way.page.get_by_role("heading", level=1, name="Dự toán quý IV")).to_be_visible()
