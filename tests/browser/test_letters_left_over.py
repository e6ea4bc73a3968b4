"""Words that no server has are found again in their browser: by who wrote them, and by nobody else."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.waiting import until
from tests.webmail.town_hall import PASSWORD, TownHall

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def _without_a_line(expected_complaints: list[str]) -> None:
    expected_complaints.append("error: Failed to load resource")


def drafts(hall: TownHall, login: str = "an") -> list[str]:
    return [subject for _, _, subject in hall.rows(login, "Drafts")]


def break_line(page: Page) -> None:
    """From here on nothing that is written on this page reaches the server, not even as it closes."""
    page.evaluate("() => { window.fetch = () => Promise.reject(new TypeError('no line')); }")


def lose_posts(route: Route) -> None:
    if route.request.method == "POST":
        route.abort()
    else:
        route.fallback()


def write(page: Page, text: str, subject: str = "dở dang", to: str = "") -> None:
    page.goto("/compose")
    expect(page.locator("[data-rich-text]")).to_be_visible()
    break_line(page)
    if to:
        page.get_by_role("textbox", name="Đến", exact=True).fill(to)
    page.get_by_role("textbox", name="Nội dung").click()
    page.keyboard.press("Control+Home")  # above the signature
    page.keyboard.type(text)
    page.get_by_role("textbox", name="Tiêu đề").fill(subject)
    window = page.locator('[name="window"]').input_value().split(" ")[0]
    own = f"Object.keys(localStorage).find((each) => each.endsWith(' {window}'))"
    page.evaluate(f"localStorage.removeItem({own})")
    page.get_by_role("textbox", name="Tiêu đề").press("End")
    page.keyboard.type("!")  # kept once more, and whole
    until(page, f"() => {own}")


def kill(page: Page) -> Page:
    """The tab dies; another one is opened."""
    context = page.context
    page.close(run_before_unload=False)
    return context.new_page()


def notice(page: Page) -> Locator:
    return page.locator("left-over")


def sign_in_by_hand(page: Page, login: str) -> None:
    page.get_by_label("Địa chỉ thư").fill(f"{login}@thanhpho.example")
    page.get_by_label("Mật khẩu").fill(PASSWORD)
    page.get_by_role("button", name="Đăng nhập").click()
    expect(page.get_by_label("Tài khoản của")).to_be_visible()


def test_a_letter_of_a_window_that_died_is_told_of_and_opened(sign_in: Callable[..., Page], hall: TownHall) -> None:
    page = sign_in()
    write(page, "chữ chưa ai có", to="binh@thanhpho.example")
    again = kill(page)
    again.goto("/")
    expect(notice(again)).to_contain_text("chưa được lưu: 1")
    expect(notice(again)).to_contain_text("“dở dang!”, người nhận: binh@thanhpho.example")
    notice(again).get_by_role("link", name="Mở").press("Enter")
    expect(again.get_by_role("textbox", name="Tiêu đề")).to_have_value("dở dang!")
    expect(again.get_by_role("textbox", name="Nội dung")).to_contain_text("chữ chưa ai có")
    expect(again.locator("[data-saved]")).to_contain_text("Đã lưu lúc")
    assert drafts(hall) == ["dở dang!"]
    again.goto("/")
    expect(again.locator(".row, .empty").first).to_be_visible()
    expect(notice(again)).to_be_hidden()


def test_a_blank_letter_offers_it_too(sign_in: Callable[..., Page], hall: TownHall) -> None:
    page = sign_in()
    write(page, "chữ chưa ai có")
    again = kill(page)
    again.goto("/compose")
    expect(again.locator("[data-left-over]")).to_contain_text("dở dang")
    again.get_by_role("button", name="Khôi phục").click()
    expect(again.get_by_role("textbox", name="Nội dung")).to_contain_text("chữ chưa ai có")
    expect(again.locator("[data-saved]")).to_contain_text("Đã lưu lúc")
    until(again, "() => Object.keys(localStorage).length === 0")


def test_it_is_saved_or_thrown_away_from_the_notice(sign_in: Callable[..., Page], hall: TownHall) -> None:
    page = sign_in()
    write(page, "giữ lại", "một")
    page = kill(page)
    write(page, "bỏ đi", "hai")
    page = kill(page)
    page.goto("/settings")
    expect(notice(page)).to_contain_text("chưa được lưu: 2")
    other = page.context.new_page()  # tells of them, too, and sees them go
    other.goto("/")
    expect(notice(other)).to_contain_text("chưa được lưu: 2")
    notice(page).locator("li", has_text="một!").get_by_role("button", name="Lưu thành thư nháp").click()
    expect(notice(page)).to_contain_text("chưa được lưu: 1")
    expect(notice(other)).to_contain_text("chưa được lưu: 1")
    assert drafts(hall) == ["một!"]
    page.once("dialog", lambda dialog: dialog.accept())
    notice(page).get_by_role("button", name="Bỏ").click()
    expect(notice(page)).to_be_hidden()
    expect(notice(other)).to_be_hidden()
    assert drafts(hall) == ["một!"]


def test_what_another_window_is_writing_is_not_told_of(sign_in: Callable[..., Page]) -> None:
    page = sign_in()
    write(page, "còn đang viết")
    other = page.context.new_page()
    other.goto("/")
    expect(other.locator("#list h1")).to_be_visible()
    other.wait_for_timeout(300)
    expect(notice(other)).to_be_hidden()
    page.on("dialog", lambda dialog: dialog.accept())


def test_what_came_with_the_last_breath_is_not_told_of(sign_in: Callable[..., Page], hall: TownHall) -> None:
    """A window that closes sends its words without hearing an answer."""
    page = sign_in()
    write(page, "đã đến nơi")
    form = page.evaluate("Object.fromEntries(new FormData(document.querySelector('[data-composer]')))")
    del form["files"]
    answer = page.context.request.post("/compose", form={**form, "action": "save"})
    assert answer.ok
    page = kill(page)
    page.goto("/")
    until(page, "() => Object.keys(localStorage).length === 0")
    expect(notice(page)).to_be_hidden()
    assert drafts(hall) == ["dở dang!"]


def test_another_official_sees_nothing_of_it(sign_in: Callable[..., Page], hall: TownHall) -> None:
    page = sign_in()
    write(page, "bí mật của An")
    page = kill(page)
    hall.clock.pass_by(40 * 60)  # the session ends by itself: nobody has signed out
    page.goto("/")
    sign_in_by_hand(page, "binh")
    page.goto("/compose")
    expect(page.get_by_role("textbox", name="Tiêu đề")).to_be_visible()
    page.goto("/")
    expect(page.locator("#list h1")).to_be_visible()
    expect(notice(page)).to_be_hidden()
    stored = page.evaluate("Object.values(localStorage).join()")
    assert len(stored) > 100
    assert "mật" not in stored
    assert "dở dang" not in stored
    page.context.clear_cookies()
    page.goto("/")
    sign_in_by_hand(page, "an")
    expect(notice(page)).to_contain_text("“dở dang!”, người nhận: chưa có, viết đến")
    expect(notice(page)).to_contain_text(re.compile(r" \d\d/\d\d/20\d\d \d\d:\d\d"))


def test_signing_out_saves_it_and_leaves_nothing_behind(sign_in: Callable[..., Page], hall: TownHall) -> None:
    page = sign_in()
    write(page, "không để mất")
    page = kill(page)
    page.goto("/")
    page.get_by_label("Tài khoản của").click()
    page.get_by_role("button", name="Đăng xuất").click()
    expect(page.get_by_role("button", name="Đăng nhập")).to_be_visible()
    until(page, "() => Object.keys(localStorage).length === 0")
    assert drafts(hall) == ["dở dang!"]


def test_signing_out_asks_where_nothing_can_be_saved(sign_in: Callable[..., Page], hall: TownHall) -> None:
    page = sign_in()
    write(page, "chưa gửi được")
    page = kill(page)
    page.goto("/")
    expect(notice(page)).to_be_visible()
    page.context.route("**/compose", lose_posts)
    page.get_by_label("Tài khoản của").click()
    with page.expect_event("dialog") as asked:
        page.get_by_role("button", name="Đăng xuất").click()
    assert "chưa được lưu: 1" in asked.value.message
    asked.value.dismiss()
    expect(notice(page)).to_be_visible()
    with page.expect_event("dialog") as asked:
        page.get_by_role("button", name="Đăng xuất").click()
    asked.value.accept()
    expect(page.get_by_role("button", name="Đăng nhập")).to_be_visible()
    until(page, "() => Object.keys(localStorage).length === 0")
    assert drafts(hall) == []


def test_a_form_that_comes_back_goes_on_in_the_same_window(sign_in: Callable[..., Page], hall: TownHall) -> None:
    page = sign_in()
    write(page, "chào", to="khongcoai@thanhpho.example")  # nothing but the form itself arrives
    page.get_by_role("button", name="Gửi", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Không có hộp thư này")
    expect(page.locator("[data-left-over]")).to_be_hidden()
    page.get_by_role("textbox", name="Đến", exact=True).fill("binh@thanhpho.example")
    page.get_by_role("button", name="Gửi", exact=True).click()
    expect(page.get_by_text("Đã gửi thư.")).to_be_visible()
    until(page, "() => Object.keys(localStorage).length === 0")
    assert len(hall.rows("binh")) == 1
