"""Makes the pictures of the help pages: ``make pictures``.

A small town hall with a few letters is opened in Chromium in both languages; each screen becomes
``webmail/help_pictures/<screen>-<language>.webp``.
"""

from __future__ import annotations

import base64
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from directory.mail import mailboxes
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.webmail.town_hall import PASSWORD, LiveWebmail, TownHall, letter, live_webmail
from webmail.help_pages import PICTURES
from webmail.languages import LANGUAGES

SIZE = {"width": 1280, "height": 800}  # wide enough for all three panes
SCALE = 0.8
QUALITY = 45
UNIT = "vanthu.snv"
MORNING = 1_790_000_000


def furnish(hall: TownHall) -> None:
    for number, (author, subject, text) in enumerate(
        (
            ("Lê Mai Chi <chi@thanhpho.example>", "Dự toán quý IV", "Gửi chị bảng dự toán đã chỉnh lý."),
            ("Phạm Đức Dũng <dung@thanhpho.example>", "Góp ý dự thảo quyết định", "Đề nghị góp ý trước thứ Sáu."),
            ("Công ty Sao Mai <lienhe@saomai.example>", "Báo giá thiết bị", "Kính gửi Quý cơ quan báo giá."),
            ("Võ Thị Thu Hương <huong@thanhpho.example>", "Lịch tiếp công dân", "Lịch tuần tới như sau."),
            ("Trần Quốc Bình <binh@thanhpho.example>", "Họp giao ban sáng thứ Hai", "Mời chị dự họp lúc 8 giờ."),
        )
    ):
        files = [("du-toan.pdf", "application/pdf", b"%PDF-1.4")] if number in (0, 4) else []
        moment = MORNING + number * 5400
        octets = letter(author, subject=subject, text=f"{text}\n\nTrân trọng.\n", files=files, date=moment)
        hall.put("an", octets, flags=("\\Seen",) if number < 3 else (), date=moment)
    hall.put(UNIT, letter("Công dân <dan@ngoai.example>", [f"{UNIT}@thanhpho.example"], "Đơn kiến nghị"), date=MORNING)
    with hall.services.directory.write() as conn:
        mailboxes.grant(conn, "pictures", hall.account(UNIT).id, hall.account("an").id)


def sign_in(browser: Browser, live: LiveWebmail, language: str) -> Page:
    context = browser.new_context(base_url=live.url, viewport=SIZE, locale="vi-VN", color_scheme="light")  # type: ignore[arg-type]
    page = context.new_page()
    token = re.search(r'name="csrf_token" value="([^"]+)"', context.request.get("/login").text())
    assert token is not None
    form = {"csrf_token": token[1], "login": live.hall.address("an"), "password": PASSWORD}
    context.request.post("/login", form=form)
    post(page, "/language", language=language)
    return page


def post(page: Page, path: str, **values: str) -> None:
    found = re.search(r'name="csrf-token" content="([^"]+)"', page.context.request.get("/settings").text())
    assert found is not None
    page.context.request.post(path, form={"csrf_token": found[1], **values})


def reading(page: Page, hall: TownHall) -> None:
    page.goto("/")
    page.locator(".row-link").first.click()
    expect(page.locator("iframe.body")).to_be_visible()


def searching(page: Page, hall: TownHall) -> None:
    page.goto("/search?q=du+toan+has:attachment")


def writing(page: Page, hall: TownHall) -> None:
    page.goto("/compose")
    page.keyboard.type("quoc", delay=15)
    expect(page.locator(".suggestion").first).to_be_visible()


def formatting(page: Page, hall: TownHall) -> None:
    page.goto("/")
    page.evaluate("localStorage.clear()")  # what other pictures left over
    page.goto("/compose")
    box = page.locator("[data-rich-text]")
    box.focus()
    box.press("Control+Home")
    page.keyboard.press("Control+b")
    page.keyboard.type("Kế hoạch mua sắm quý IV")
    page.keyboard.press("Control+b")
    page.keyboard.press("Enter")
    page.keyboard.press("Control+Shift+8")
    page.keyboard.type("Máy tính cho bộ phận một cửa")
    page.keyboard.press("Enter")
    page.keyboard.type("Máy quét")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.locator('[data-tool="table"]').click()
    page.keyboard.press("Enter")
    for text in ("Thiết bị", "Số lượng", "Đơn giá", "Máy tính", "12", "15.000.000", "Máy quét", "3", "8.500.000"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.press("Control+z")  # the row that the last Tab began


def choosing(page: Page, hall: TownHall) -> None:
    page.goto("/compose")
    page.locator("button[value=choose]").click()
    page.locator(".picker-units a").first.click()
    expect(page.locator(".picker-path")).to_be_visible()


def two_steps(page: Page, hall: TownHall) -> None:
    page.goto("/settings/two-steps")


def programs(page: Page, hall: TownHall) -> None:
    page.goto("/settings/app-passwords")


def keyboard(page: Page, hall: TownHall) -> None:
    page.goto("/settings")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()


def unit(page: Page, hall: TownHall) -> None:
    post(page, "/open", account=hall.account(UNIT).id)
    reading(page, hall)


SCREENS: tuple[Callable[[Page, TownHall], None], ...] = (
    reading, searching, writing, formatting, choosing, two_steps, programs, keyboard, unit,
)  # fmt: skip


def take(page: Page, file: Path) -> None:
    page.wait_for_timeout(500)  # what moves has come to rest
    session = page.context.new_cdp_session(page)
    shot = session.send(
        "Page.captureScreenshot",
        {"format": "webp", "quality": QUALITY, "clip": {"x": 0, "y": 0, "scale": SCALE, **SIZE}},
    )
    file.write_bytes(base64.b64decode(shot["data"]))


def main() -> None:
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        with live_webmail(Path(folder)) as live:
            furnish(live.hall)
            for language in LANGUAGES:
                page = sign_in(browser, live, language)
                for screen in SCREENS:
                    screen(page, live.hall)
                    take(page, PICTURES / f"{screen.__name__.replace('_', '-')}-{language}.webp")
        browser.close()


if __name__ == "__main__":
    main()
