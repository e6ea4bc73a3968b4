"""Reading and sorting mail in a browser: by mouse, by keyboard, live, on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from mailserver.delivery.submission import Submission, submit
from mailserver.store.flags import FLAGGED, SEEN
from tests.browser.waiting import becomes
from tests.webmail.town_hall import PASSWORD, TownHall, letter

pytestmark = pytest.mark.browser


def lay(hall: TownHall, *subjects: str, **more: object) -> None:
    for number, subject in enumerate(subjects):
        hall.put("an", letter(subject=subject, text=f"Nội dung của {subject}"), date=1_760_000_000 + number)


def row(page: Page, subject: str) -> object:
    return page.locator(".row", has_text=subject)


def test_a_wrong_password_and_then_the_right_one(open_browser: Callable[..., Page], hall: TownHall) -> None:
    page = open_browser()
    page.goto("/")
    page.get_by_label("Địa chỉ thư").fill("an@thanhpho.example")
    page.get_by_label("Mật khẩu").fill("sai mật khẩu")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("không đúng")
    expect(page.get_by_label("Mật khẩu")).to_be_focused()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Hộp thư đến")).to_be_visible()
    page.get_by_label("Tài khoản của").click()
    page.get_by_role("button", name="Đăng xuất").click()
    expect(page.get_by_text("Bạn đã đăng xuất.")).to_be_visible()


def test_opening_a_message_shows_it_and_marks_it_as_read(sign_in: Callable[..., Page], hall: TownHall) -> None:
    lay(hall, "Một", "Hai", "Ba")
    page = sign_in()
    expect(page.locator(".mailboxes .count").first).to_contain_text("3")
    page.locator(".row-link", has_text="Hai").click()
    expect(page.get_by_role("heading", level=1, name="Hai")).to_be_visible()
    expect(page.frame_locator("iframe.body").get_by_text("Nội dung của Hai")).to_be_visible()
    expect(page.locator(".row.current")).to_contain_text("Hai")
    expect(page.locator(".row", has_text="Hai").first).not_to_have_class(re.compile("unread"))
    expect(page.locator(".mailboxes .count").first).to_contain_text("2")
    becomes(page, lambda: [flags & SEEN for _, flags, _ in hall.rows("an")], [0, SEEN, 0])
    page.go_back()
    expect(page.get_by_text("Chưa chọn thư")).to_be_visible()


def test_a_frame_is_as_tall_as_its_message(sign_in: Callable[..., Page], hall: TownHall) -> None:
    hall.put("an", letter(subject="dài", text="\n".join(f"dòng {number}" for number in range(200))))
    page = sign_in()
    page.locator(".row-link").first.click()
    frame = page.locator("iframe.body")
    expect(page.frame_locator("iframe.body").get_by_text("dòng 199")).to_be_attached()
    page.wait_for_function("document.querySelector('iframe.body').offsetHeight > 3000")
    assert frame.evaluate("f => f.contentDocument.documentElement.scrollHeight <= f.clientHeight")


def test_live_arrival(sign_in: Callable[..., Page], hall: TownHall) -> None:
    page = sign_in()
    expect(page.get_by_text("Thư mới sẽ tự hiện ở đây.")).to_be_visible()
    submit(
        hall.services.office,
        Submission(
            submitter=hall.account("binh"),
            reverse_path="binh@thanhpho.example",
            forward_paths=("an@thanhpho.example",),
            octets=letter(subject="Vừa đến"),
            origin="smtp",
            client="127.0.0.1",
        ),
    ).result(10)
    expect(page.locator(".row", has_text="Vừa đến")).to_be_visible()
    expect(page.locator("#toasts")).to_contain_text("Có thư mới.")
    expect(page.locator(".mailboxes .count").first).to_contain_text("1")
    expect(page).to_have_title(re.compile(r"^\(1\)"))


def test_another_programs_changes_appear_too(sign_in: Callable[..., Page], hall: TownHall) -> None:
    from mailserver.store.messages import remove, set_flags

    lay(hall, "Một", "Hai")
    page = sign_in()
    box = hall.mailbox("an").id
    store = hall.services.store
    store.write(lambda tx: set_flags(tx, box, [(1, 1)], "add", ["\\Flagged"])).result(5)
    expect(page.locator(".row", has_text="Một")).to_have_class(re.compile("starred"))
    store.write(lambda tx: remove(tx, box, [(2, 2)])).result(5)
    expect(page.locator(".row", has_text="Hai")).to_have_count(0)


def test_the_keyboard_alone(sign_in: Callable[..., Page], hall: TownHall) -> None:
    lay(hall, "Một", "Hai", "Ba", "Bốn")
    page = sign_in()
    press = page.keyboard.press
    press("j")
    press("j")
    expect(page.locator(".row-link:focus")).to_contain_text("Ba")
    press("s")
    expect(page.locator(".row", has_text="Ba")).to_have_class(re.compile("starred"))
    press("o")
    expect(page.get_by_role("heading", level=1, name="Ba")).to_be_visible()
    press("j")
    expect(page.get_by_role("heading", level=1, name="Hai")).to_be_visible()
    press("e")
    expect(page.locator("#toasts")).to_contain_text("Lưu trữ")
    expect(page.get_by_role("heading", level=1, name="Một")).to_be_visible()
    press("#")
    expect(page.locator("#toasts")).to_contain_text("Thùng rác")
    press("z")
    expect(page.locator("#toasts")).to_contain_text("Đã hoàn tác")
    expect(page.locator(".row", has_text="Một")).to_be_visible()
    press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("hai x j")
    expect(page.get_by_role("searchbox")).to_have_value("hai x j")
    press("Escape")
    page.locator("h1").first.click()
    press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    press("c")
    page.wait_for_url("**/compose")
    becomes(page, lambda: [subject for _, _, subject in hall.rows("an", "Archive")], ["Hai"])
    assert sorted(subject for _, _, subject in hall.rows("an")) == ["Ba", "Bốn", "Một"]
    becomes(page, lambda: FLAGGED in [flags & FLAGGED for _, flags, _ in hall.rows("an")], True)


def test_choosing_many_and_undoing(sign_in: Callable[..., Page], hall: TownHall) -> None:
    hall.fill("an", [(letter(subject=f"thư {n}"), (), 1_760_000_000 + n) for n in range(70)])
    page = sign_in()
    page.get_by_label("Chọn tất cả trên trang này").check()
    expect(page.get_by_text("Đã chọn 50")).to_be_visible()
    page.get_by_role("button", name="Chọn tất cả 70 thư trong hộp này").click()
    expect(page.get_by_text("Đã chọn 70")).to_be_visible()
    page.locator(".selection-tools").get_by_role("button", name="Lưu trữ").click()
    expect(page.get_by_text("Thư mới sẽ tự hiện ở đây.")).to_be_visible()
    becomes(page, lambda: len(hall.rows("an", "Archive")), 70)
    page.locator("#toasts").get_by_role("button", name="Hoàn tác").click()
    expect(page.locator(".row")).to_have_count(50)
    first, third = page.locator(".row input").nth(0), page.locator(".row input").nth(2)
    first.check()
    third.click(modifiers=["Shift"])
    expect(page.get_by_text("Đã chọn 3")).to_be_visible()


def test_the_star_answers_at_once_and_comes_back_on_undo(sign_in: Callable[..., Page], hall: TownHall) -> None:
    lay(hall, "Một")
    page = sign_in()
    star = page.locator(".row .star")
    star.click()
    expect(star).to_have_attribute("aria-pressed", "true")
    page.locator("#toasts").get_by_role("button", name="Hoàn tác").click()
    expect(star).to_have_attribute("aria-pressed", "false")
    becomes(page, lambda: hall.rows("an")[0][1] & FLAGGED, 0)


def test_searching_and_reading_what_was_found(sign_in: Callable[..., Page], hall: TownHall) -> None:
    lay(hall, "Họp về đất đai", "Ngân sách 2026", "Dat coc")
    page = sign_in()
    page.get_by_role("searchbox").fill("dat")
    page.keyboard.press("Enter")
    expect(page.locator(".row")).to_have_count(2)
    page.locator(".row-link", has_text="đất đai").click()
    expect(page.get_by_role("heading", level=1, name="Họp về đất đai")).to_be_visible()
    expect(page.locator(".row")).to_have_count(2)


def test_moving_to_a_mailbox_made_just_now(sign_in: Callable[..., Page], hall: TownHall) -> None:
    lay(hall, "Một")
    page = sign_in()
    page.get_by_role("link", name="Quản lý hộp thư").click()
    page.get_by_label("Tên", exact=True).fill("Dự án metro")
    page.get_by_role("button", name="Tạo").click()
    expect(page.get_by_text("Đã tạo hộp thư.")).to_be_visible()
    page.get_by_role("link", name="Hộp thư đến").click()
    page.locator(".row-link").click()
    tools = page.locator("[data-reading-tools]")
    tools.locator(".move-menu summary").click()
    tools.get_by_label("Chuyển đến").select_option("Dự án metro")
    tools.get_by_role("button", name="Chuyển", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("Dự án metro")
    becomes(page, lambda: [subject for _, _, subject in hall.rows("an", "Dự án metro")], ["Một"])


def test_pictures_are_loaded_only_when_asked_for(
    sign_in: Callable[..., Page], hall: TownHall, request: pytest.FixtureRequest
) -> None:
    hall.put("an", letter(subject="ảnh", html='<p>Chào</p><img src="http://pictures.test/a.png">'))
    page = sign_in()
    asked: list[str] = []
    page.context.on("request", lambda each: asked.append(each.url))
    page.locator(".row-link").click()
    expect(page.frame_locator("iframe.body").get_by_text("Chào")).to_be_visible()
    page.wait_for_timeout(300)
    assert not [each for each in asked if "pictures.test" in each]
    assert page.get_by_role("link", name="Hiện ảnh").is_visible()


def test_a_unit_mailbox_and_back(sign_in: Callable[..., Page], hall: TownHall) -> None:
    hall.put("vanthu.snv", letter(to=["vanthu.snv@thanhpho.example"], subject="Công văn đến số 12"))
    page = sign_in("huong")
    page.get_by_label("Tài khoản của").click()
    page.get_by_role("button", name="Văn thư Sở Nội vụ").click()
    expect(page.locator(".row", has_text="Công văn đến số 12")).to_be_visible()
    expect(page.locator(".acting")).to_have_text("Văn thư Sở Nội vụ")
    page.get_by_label("Tài khoản của").click()
    page.get_by_role("button", name="Võ Thị Thu Hương").click()
    expect(page.locator(".acting")).to_have_count(0)


def test_on_a_phone(sign_in: Callable[..., Page], hall: TownHall) -> None:
    lay(hall, "Một", "Hai")
    hall.put("an", letter("Bản tin <x@ngoai.example>", subject="Rộng", html="<table width=900><tr><td>rộng</table>"))
    page = sign_in(width=390, height=844, has_touch=True, is_mobile=True)
    page.get_by_role("button", name="Các hộp thư").or_(page.get_by_role("link", name="Các hộp thư")).first.tap()
    expect(page.get_by_role("link", name="Thùng rác")).to_be_in_viewport()
    page.get_by_role("link", name="Hộp thư đến").tap()
    expect(page.get_by_role("link", name="Thùng rác")).not_to_be_in_viewport()
    page.locator(".row-link", has_text="Rộng").tap()
    expect(page.get_by_role("heading", level=1, name="Rộng")).to_be_visible()
    expect(page.locator(".list-pane")).to_be_hidden()
    page.get_by_role("link", name="Về danh sách").tap()
    expect(page.locator(".row")).to_have_count(3)
    for path in ("/compose", "/settings", "/mailboxes", page.url):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_without_script(open_browser: Callable[..., Page], hall: TownHall) -> None:
    """Sign in, read, mark, star, move, undo, search, write, attach, send, sign out: links and forms are enough."""
    lay(hall, "Một", "Hai")
    page = open_browser(java_script_enabled=False)
    page.goto("/")
    page.get_by_label("Địa chỉ thư").fill("an@thanhpho.example")
    page.get_by_label("Mật khẩu").fill(PASSWORD)
    page.get_by_role("button", name="Đăng nhập").click()
    page.locator(".row-link", has_text="Hai").click()
    expect(page.frame_locator("iframe.body").get_by_text("Nội dung của Hai")).to_be_visible()
    page.locator("[data-reading-tools]").get_by_role("button", name="Đánh dấu đã đọc").click()
    expect(page.get_by_role("status").first).to_contain_text("đã đọc")
    page.locator(".row", has_text="Một").get_by_role("button", name="Gắn sao").click()
    expect(page.locator(".row", has_text="Một")).to_have_class(re.compile("starred"))
    page.locator(".row", has_text="Hai").get_by_role("checkbox").check()
    page.locator(".selection-tools").get_by_role("button", name="Xóa").click()
    expect(page.locator(".row")).to_have_count(1)
    page.get_by_role("button", name="Hoàn tác").click()
    expect(page.locator(".row")).to_have_count(2)
    page.get_by_role("searchbox").fill("mot")
    page.keyboard.press("Enter")
    expect(page.locator(".row")).to_have_count(1)
    page.get_by_role("link", name="Soạn thư").click()
    page.get_by_role("textbox", name="Đến", exact=True).fill("Trần Quốc Bình <binh@thanhpho.example>")
    page.get_by_role("textbox", name="Tiêu đề").fill("Không cần kịch bản")
    page.get_by_role("textbox", name="Nội dung").fill("Chào anh")
    page.locator('input[name="files"]').set_input_files(
        [{"name": "bảng.txt", "mimeType": "text/plain", "buffer": b"1 2 3"}]
    )
    page.get_by_role("button", name="Tải lên các tệp đã chọn").click()
    expect(page.locator(".enclosures")).to_contain_text("bảng.txt")
    expect(page.get_by_role("textbox", name="Tiêu đề")).to_have_value("Không cần kịch bản")
    page.get_by_role("button", name="Gửi", exact=True).click()
    expect(page.get_by_text("Đã gửi thư.")).to_be_visible()
    [(uid, _, subject)] = hall.rows("binh")
    assert subject == "Không cần kịch bản"
    assert b"1 2 3" in hall.octets("binh", uid) or b"MSAyIDM=" in hall.octets("binh", uid)
    page.get_by_label("Tài khoản của").click()
    page.get_by_role("button", name="Đăng xuất").click()
    expect(page.get_by_text("Bạn đã đăng xuất.")).to_be_visible()
