"""Searching by the form, choosing all that was found, putting off, looking at attachments and at pictures elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mailserver.servers import pictures, web_pictures
from mailserver.servers.pictures import Fetcher
from tests.browser.axe import faults
from tests.browser.waiting import becomes
from tests.webmail.town_hall import TownHall, letter

pytestmark = pytest.mark.browser

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63e83fdb0d0003f601f6"
    "4c05fe3f0000000049454e44ae426082"
)


@pytest.fixture
def strangers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A server of strangers with a picture; the paths it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(PNG)))
            self.end_headers()
            self.wfile.write(PNG)

        def log_message(self, *_arguments: object) -> None:
            pass

    async def resolve(_host: str) -> Sequence[str]:
        return ("127.0.0.1",)

    server = HTTPServer(("127.0.0.1", 0), Handler)
    monkeypatch.setattr(pictures, "_PORTS", {"http": server.server_port, "https": 1})
    monkeypatch.setattr(
        web_pictures,
        "_fetcher",
        lambda services: Fetcher(
            resolve, None, services.attachments.picture, is_allowed=lambda each: each == "127.0.0.1"
        ),
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield asked
    server.shutdown()
    server.server_close()


def subjects(page: Page) -> list[str]:
    return page.locator(".row:visible .subject").all_inner_texts()


@pytest.mark.parametrize("scripts", [True, False], ids=["with script", "without"])
def test_a_search_by_the_form_is_narrowed_kept_and_acted_on(
    sign_in: Callable[..., Page], hall: TownHall, scripts: bool
) -> None:
    for number in range(60):
        hall.put("an", letter(subject=f"Dự toán {number}", files=[("a.txt", "text/plain", b"x")] if number else ()))
    page = sign_in(java_script_enabled=scripts)
    page.locator(".search-menu > summary").click()
    page.get_by_label("Tiêu đề", exact=True).fill("dự toán")
    page.locator(".search-menu").get_by_label("Có tệp đính kèm").check()
    if scripts:
        assert faults(page) == []
    page.locator(".search-menu button.primary").click()
    chips = page.locator(".query .chip")
    expect(chips).to_have_count(2)
    page.get_by_text("Lưu tìm kiếm này").click()
    page.locator("#search-name").fill("Dự toán có tệp")
    page.locator(".query button").click()
    expect(page.locator(".sidebar").get_by_text("Dự toán có tệp")).to_be_visible()
    if scripts:
        page.get_by_label("Chọn tất cả trên trang này").check()
        page.get_by_role("button", name="Chọn tất cả 59 thư của danh sách này").click()
    else:
        page.get_by_text("Chọn tất cả, kể cả các trang khác").click()
    expect(page.get_by_text("59", exact=False).and_(page.locator(".selected-count"))).to_be_visible()
    if scripts:
        assert faults(page) == []
    page.locator('.selection-tools button[value="archive"]').click()
    expect(page.get_by_text("Đã chuyển 59 thư đến “Lưu trữ”.")).to_be_visible()
    becomes(page, lambda: [len(hall.rows("an", name)) for name in ("INBOX", "Archive")], [1, 59])
    page.get_by_role("button", name="Hoàn tác").click()
    expect(page.get_by_text("Đã hoàn tác.")).to_be_visible()
    becomes(page, lambda: [len(hall.rows("an", name)) for name in ("INBOX", "Archive")], [60, 0])
    page.goto("/searches")
    if scripts:
        assert faults(page) == []
    page.goto("/search?q=từ:bình là:sao")
    page.locator(".query .chip").last.click()
    expect(page.locator(".query .chip")).to_have_count(1)


@pytest.mark.parametrize("scripts", [True, False], ids=["with script", "without"])
def test_a_message_is_put_off_and_had_back(sign_in: Callable[..., Page], hall: TownHall, scripts: bool) -> None:
    hall.put("an", letter(subject="Họp tuần sau"))
    page = sign_in(java_script_enabled=scripts)
    page.locator(".row .subject").click()
    tools = page.locator(".reading-tools")
    tools.locator(".snooze-menu > summary").click()
    if scripts:
        assert faults(page) == []
    if scripts:
        own = tools.locator("[name=until]")
        tools.locator(".day-field .native").evaluate(
            """(native) => {
                native.value = "2099-12-31T08:00";
                native.dispatchEvent(new Event("change", { bubbles: true }));
            }"""
        )
        expect(own).to_have_value("31/12/2099 08:00")
        own.fill("")
    tools.locator(".snooze-menu button[value=snooze]").click()
    expect(page.get_by_text("Đã tạm hoãn 1 thư đến")).to_be_visible()
    expect(page.locator(".row:visible")).to_have_count(0)
    page.locator(".sidebar").get_by_text("Tạm hoãn").click()
    expect(page.locator(".row .place")).to_contain_text("trở lại")
    page.locator(".row .subject").click()
    page.locator('.reading-tools button[value="wake"]').click()
    expect(page.get_by_text("1 thư đã trở lại.")).to_be_visible()
    becomes(page, lambda: [subject for _, _, subject in hall.rows("an")], ["Họp tuần sau"])


def test_an_attachment_is_looked_at(sign_in: Callable[..., Page], hall: TownHall, tmp_path: Path) -> None:
    hall.put("an", letter(subject="Tệp", files=[("bảng.csv", "text/csv", b"a;1"), ("ảnh.png", "image/png", PNG)]))
    page = sign_in()
    page.locator(".row .subject").click()
    page.get_by_title("Xem bảng.csv").click()
    expect(page.frame_locator("iframe.preview").get_by_text("a;1")).to_be_visible()
    assert faults(page) == []
    page.get_by_title("Trở lại thư").click()
    page.get_by_title("Xem ảnh.png").click()
    image = page.frame_locator("iframe.preview").locator("img")
    expect(image).to_be_visible()
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 1


@pytest.mark.parametrize("scripts", [True, False], ids=["with script", "without"])
def test_pictures_elsewhere_come_by_way_of_this_server(
    strangers: list[str], sign_in: Callable[..., Page], hall: TownHall, scripts: bool
) -> None:
    hall.put("an", letter(subject="Bản tin", html='<p>Tin</p><img alt="hình" src="http://pic.example/a.png">'))
    page = sign_in(java_script_enabled=scripts)
    page.locator(".row .subject").click()
    frame = page.frame_locator(".letter.main iframe").first
    expect(frame.get_by_text("Tin", exact=True)).to_be_visible()
    assert strangers == []
    page.get_by_text("Hiện ảnh", exact=True).click()
    expect(frame.locator('img[src^="/picture/"]')).to_be_visible()
    if scripts:
        page.wait_for_function(
            "document.querySelector('.letter.main iframe').contentDocument.querySelector('img')?.naturalWidth === 1"
        )
        assert strangers == ["/a.png"]
    page.goto(page.url.partition("?")[0])
    page.get_by_role("button", name="Luôn hiện từ người gửi này").click()
    expect(page.get_by_text("Bạn luôn xem hình ảnh của người gửi này.")).to_be_visible()
    expect(page.frame_locator(".letter.main iframe").first.locator('img[src^="/picture/"]')).to_be_visible()
