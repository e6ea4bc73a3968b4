"""Writing in a browser: completion, formatting, attachments, drafts that are never lost."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from mailserver.message.headers import find_field
from mailserver.store.flags import ANSWERED
from tests.browser.waiting import becomes
from tests.webmail.town_hall import PASSWORD, TownHall, letter

pytestmark = pytest.mark.browser


def drafts(hall: TownHall, login: str = "an") -> list[str]:
    return [subject for _, _, subject in hall.rows(login, "Drafts")]


def write(page: Page, *, to: str = "binh@thanhpho.example", subject: str = "Thử", text: str = "") -> None:
    page.goto("/compose")
    page.get_by_role("textbox", name="Đến", exact=True).fill(to)
    page.get_by_role("textbox", name="Tiêu đề").fill(subject)
    page.get_by_role("textbox", name="Nội dung").click()
    page.keyboard.type(text)


def saved(page: Page) -> None:
    """Wait for the autosave to say that it is done."""
    expect(page.locator("[data-saved]")).to_contain_text("Đã lưu lúc")


def test_completion_writes_the_address(sign_in: Callable[..., Page], hall: TownHall) -> None:
    page = sign_in()
    page.goto("/compose")
    to = page.get_by_role("textbox", name="Đến", exact=True)
    expect(to).to_be_focused()
    page.keyboard.type("quoc b", delay=20)
    expect(page.get_by_role("option", name=re.compile("Trần Quốc Bình"))).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(to).to_have_value("Trần Quốc Bình <binh@thanhpho.example>, ")
    page.keyboard.type("so noi vu", delay=20)
    expect(page.locator(".suggestion").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.get_by_role("option", name=re.compile("Văn thư")).click()
    expect(to).to_have_value(re.compile("vanthu.snv@thanhpho.example>, $"))
    page.get_by_role("textbox", name="Tiêu đề").fill("Gửi hai nơi")
    page.get_by_role("textbox", name="Nội dung").click()
    page.keyboard.type("Chào")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Đã gửi thư.")).to_be_visible()
    assert [len(hall.rows(login)) for login in ("binh", "vanthu.snv")] == [1, 1]


def test_formatted_text_arrives_as_it_was_written(sign_in: Callable[..., Page], hall: TownHall) -> None:
    page = sign_in()
    write(page, subject="Có định dạng", text="Kính gửi ")
    page.get_by_role("button", name="Đậm").click()
    page.keyboard.type("quý cơ quan")
    page.get_by_role("button", name="Đậm").click()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Danh sách").click()
    page.keyboard.type("một")
    page.keyboard.press("Enter")
    page.keyboard.type("hai")
    page.get_by_role("button", name="Gửi", exact=True).click()
    expect(page.get_by_text("Đã gửi thư.")).to_be_visible()
    reader = sign_in("binh")
    reader.locator(".row-link").click()
    frame = reader.frame_locator("iframe.body")
    expect(frame.locator("b, strong")).to_have_text("quý cơ quan")
    expect(frame.locator("li")).to_have_text(["một", "hai"])


def test_what_is_pasted_is_rebuilt(
    sign_in: Callable[..., Page], hall: TownHall, expected_complaints: list[str]
) -> None:
    # Of the pasted text, while it lies inert: the policy at work.
    expected_complaints += ["error: Applying inline style violates", "error: Executing inline event handler violates"]
    page = sign_in()
    write(page, subject="Dán")
    page.evaluate(
        """() => {
          const data = new DataTransfer();
          data.setData("text/html", `<style>p{color:red}</style><p style="color:red" onclick="x()">a<b>đậm</b>
            <img src="http://leak.test/p" onerror="console.error('ran-canary')"><a href="javascript:1">k</a></p>
            <table><tr><td colspan="2">ô</td></tr></table><svg><script>1</script></svg><o:p>word</o:p>`);
          document.querySelector("[data-rich-text]").dispatchEvent(
            new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
        }"""
    )
    box = page.locator("[data-rich-text]")
    expect(box.locator("b")).to_have_text("đậm")
    expect(box.locator("td[colspan='2']")).to_have_text("ô")
    expect(box).to_contain_text("word")
    html = box.evaluate("e => e.innerHTML")
    for word in ("style", "onclick", "img", "javascript", "svg", "script", "o:p"):
        assert word not in html


def test_a_draft_is_kept_while_writing_and_goes_on_after_a_reload(sign_in: Callable[..., Page], hall: TownHall) -> None:
    page = sign_in()
    write(page, subject="Đang viết", text="Câu đầu tiên")
    saved(page)
    page.wait_for_url(re.compile(r"/compose/\d+$"))
    page.reload()
    expect(page.get_by_role("textbox", name="Tiêu đề")).to_have_value("Đang viết")
    expect(page.get_by_role("textbox", name="Nội dung")).to_contain_text("Câu đầu tiên")
    assert drafts(hall) == ["Đang viết"]
    page.goto(f"/mail/{hall.mailbox('an', 'Drafts').id}")
    page.locator(".row-link").click()
    page.get_by_role("button", name="Gửi", exact=True).click()
    expect(page.get_by_text("Đã gửi thư.")).to_be_visible()
    assert drafts(hall) == []


def test_leaving_the_page_keeps_what_was_written(sign_in: Callable[..., Page], hall: TownHall) -> None:
    page = sign_in()
    page.on("dialog", lambda dialog: dialog.accept())
    write(page, subject="Rời trang", text="chưa lưu")
    page.evaluate(
        """() => {
          Object.defineProperty(document, "hidden", { value: true, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    saved(page)
    assert drafts(hall) == ["Rời trang"]


def test_two_tabs_keep_both_texts(sign_in: Callable[..., Page], hall: TownHall) -> None:
    page = sign_in()
    write(page, subject="Chung", text="gốc")
    saved(page)
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_role("textbox", name="Tiêu đề").fill("Từ tab hai")
    other.get_by_role("button", name="Lưu nháp").click()
    saved(other)
    page.get_by_role("textbox", name="Tiêu đề").fill("Từ tab một")
    page.get_by_role("button", name="Lưu nháp").click()
    expect(page.get_by_role("alert")).to_contain_text("một thư nháp riêng")
    assert sorted(drafts(hall)) == ["Từ tab hai", "Từ tab một"]


def test_attachments_by_choosing_and_removing(sign_in: Callable[..., Page], hall: TownHall) -> None:
    page = sign_in()
    write(page, subject="Có tệp", text="Xin gửi")
    files: list[Any] = [
        {"name": "tờ trình.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 x"},
        {"name": "bỏ.txt", "mimeType": "text/plain", "buffer": b"x"},
    ]
    page.locator('input[name="files"]').set_input_files(files)
    expect(page.locator(".enclosures li")).to_have_count(2)
    page.get_by_role("button", name="Bỏ bỏ.txt").click()
    expect(page.locator(".enclosures li")).to_have_count(1)
    page.get_by_role("button", name="Gửi", exact=True).click()
    expect(page.get_by_text("Đã gửi thư.")).to_be_visible()
    reader = sign_in("binh")
    reader.locator(".row-link").click()
    with reader.expect_download() as download:
        reader.get_by_role("link", name=re.compile("^tờ trình.pdf")).click()
    assert download.value.suggested_filename == "tờ trình.pdf"
    path = download.value.path()
    assert path.read_bytes() == b"%PDF-1.4 x"


def test_files_that_are_too_large_are_not_even_sent(sign_in: Callable[..., Page]) -> None:
    page = sign_in()
    write(page)
    large: Any = {"name": "lớn.bin", "mimeType": "application/octet-stream", "buffer": b"x" * 400_000}
    page.locator('input[name="files"]').set_input_files(large)
    expect(page.locator("#toasts")).to_contain_text("quá lớn")
    expect(page.locator(".enclosures li")).to_have_count(0)


def test_a_forgotten_attachment_is_asked_about(sign_in: Callable[..., Page], hall: TownHall) -> None:
    page = sign_in()
    asked: list[str] = []
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    write(page, text="Xin xem tệp đính kèm.")
    page.get_by_role("button", name="Gửi", exact=True).click()
    becomes(page, lambda: ["chưa đính kèm" in question for question in asked], [True])
    assert hall.rows("binh") == []
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Gửi", exact=True).click()
    expect(page.get_by_text("Đã gửi thư.")).to_be_visible()
    assert len(hall.rows("binh")) == 1


def test_a_reply_from_the_keyboard(sign_in: Callable[..., Page], hall: TownHall) -> None:
    hall.put("an", letter(subject="Hỏi", text="Chị có dự không?", message_id="<hoi@x>"))
    page = sign_in()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Hỏi")).to_be_visible()
    page.keyboard.press("r")
    page.wait_for_url("**/compose?reply=*")
    expect(page.get_by_role("textbox", name="Đến", exact=True)).to_have_value("Trần Quốc Bình <binh@thanhpho.example>")
    expect(page.locator("[data-rich-text] blockquote")).to_contain_text("Chị có dự không?")
    page.keyboard.type("Có ạ.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Đã gửi thư.")).to_be_visible()
    expect(page.locator("details.letter")).to_have_count(2)
    [(uid, _, subject)] = hall.rows("binh")
    assert subject == "Re: Hỏi"
    octets = hall.octets("binh", uid)
    assert find_field(octets, "In-Reply-To") == "<hoi@x>"
    assert hall.rows("an")[0][1] & ANSWERED


def test_the_session_ends_while_writing(sign_in: Callable[..., Page], hall: TownHall) -> None:
    """Nothing is lost: signing in again in another tab is enough to go on."""
    page = sign_in()
    write(page, subject="Dài hơn một buổi", text="Phần đầu")
    saved(page)
    hall.clock.pass_by(40 * 60)
    page.get_by_role("textbox", name="Nội dung").click()
    page.keyboard.type(" phần sau")
    page.get_by_role("button", name="Lưu nháp").click()
    expect(page.locator("#toasts")).to_contain_text("Phiên làm việc đã kết thúc")
    with page.context.expect_page() as opened:
        page.locator("#toasts").get_by_role("button", name="Đăng nhập").click()
    other = opened.value
    other.get_by_label("Địa chỉ thư").fill("an@thanhpho.example")
    other.get_by_label("Mật khẩu").fill(PASSWORD)
    other.get_by_role("button", name="Đăng nhập").click()
    other.wait_for_url(re.compile(r"/mail/\d+$"))
    other.close()
    page.bring_to_front()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    saved(page)
    page.get_by_role("button", name="Gửi", exact=True).click()
    expect(page.get_by_text("Đã gửi thư.")).to_be_visible()
    assert [subject for _, _, subject in hall.rows("binh")] == ["Dài hơn một buổi"]


def test_what_is_wrong_is_shown_beside_what_was_written(sign_in: Callable[..., Page], hall: TownHall) -> None:
    page = sign_in()
    write(page, to="khongcoai@thanhpho.example", subject="Nhầm", text="Giữ nguyên")
    page.get_by_role("button", name="Gửi", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Không có hộp thư này")
    expect(page.get_by_role("textbox", name="Nội dung")).to_contain_text("Giữ nguyên")
    expect(page.get_by_role("textbox", name="Đến", exact=True)).to_have_attribute("aria-invalid", "true")
    page.get_by_role("textbox", name="Đến", exact=True).fill("chi@thanhpho.example")
    page.get_by_role("button", name="Gửi", exact=True).click()
    expect(page.get_by_text("Đã gửi thư.")).to_be_visible()
    assert len(hall.rows("chi")) == 1
