"""The mail page: lists, messages, searches, and what opens above them."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.screens.desk import UNIT, Desk, Screen, opened, plain
from tests.webmail.certified_hall import signed
from tests.webmail.town_hall import letter


def inbox(desk: Desk) -> Page:
    page = desk.at(desk.mailbox("INBOX"))
    expect(page.locator("html")).to_have_class("scripted")
    return page


def choosing(desk: Desk) -> Page:
    page = inbox(desk)
    page.get_by_label("Chọn tất cả trên trang này").check()
    expect(page.locator(".selected-count")).to_be_visible()
    return page


def choosing_menu(name: str) -> object:
    return lambda desk: opened(choosing(desk), f".selection-tools .{name}")


def undoing(desk: Desk) -> Page:
    page = inbox(desk)
    page.locator(".row .star").first.click()
    expect(page.locator("#toasts button")).to_be_visible()
    return page


def failing(desk: Desk) -> Page:
    page = inbox(desk)
    page.context.set_offline(True)
    page.locator(".row .star").first.click()
    expect(page.locator("#toasts .error")).to_be_visible()
    page.context.set_offline(False)
    return page


def keys(desk: Desk) -> Page:
    page = inbox(desk)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    return page


def left_over(desk: Desk) -> Page:
    """A window died before its words reached the server."""
    page = desk.at("/compose", "binh")
    expect(page.locator("[data-rich-text]")).to_be_visible()
    page.evaluate("() => { window.fetch = () => Promise.reject(new TypeError('no line')); }")
    page.get_by_role("textbox", name="Nội dung").click()
    page.keyboard.type("chữ chưa ai có")
    page.get_by_role("textbox", name="Tiêu đề").press_sequentially("Dở dang")
    expect(page.locator("[data-saved]")).to_contain_text("Chưa lưu được")
    while not page.evaluate("() => localStorage.length"):
        page.wait_for_timeout(20)
    page.goto("about:blank")
    page.goto(desk.mailbox("INBOX", "binh"))
    expect(page.locator("left-over li")).to_be_visible()
    return page


def message(subject: str) -> object:
    def show(desk: Desk) -> Page:
        page = inbox(desk)
        page.locator(".row", has_text=subject).first.locator(".row-link").click()
        expect(page.locator("#thread-subject")).to_be_visible()
        return page

    return show


def reading(desk: Desk) -> Page:
    page = desk.at(desk.put(letter(subject="Bảng lương", files=[("bảng.csv", "text/csv", b"a;1")])))
    page.locator(".recipients summary").first.click()
    return page


def reading_menu(name: str) -> object:
    return lambda desk: opened(reading(desk), f"[data-reading-tools] .{name}")


def of_a_unit(desk: Desk) -> Page:
    page = desk.page("huong")
    desk.post("huong", "/settings", "/open", account=desk.hall.account(UNIT).id)
    page.goto("/")
    page.locator(".row-link").first.click()
    expect(page.locator(".handling .now")).to_be_visible()
    page.locator(".handling .story:not([open]) > summary").click()
    page.locator("#handling-note").fill("Đã gọi điện")
    page.get_by_role("button", name="Ghi", exact=True).click()
    expect(page.locator(".handling .words").first).to_be_visible()
    return opened(page, ".handling .menu")


def preview(desk: Desk) -> Page:
    return desk.at(desk.put(letter(subject="Tệp", files=[("bảng.csv", "text/csv", b"a;1")])) + "/part/1/view")


def strangers_signature(desk: Desk) -> str:
    stranger = desk.authorities.stranger("khach@doitac.example", trusted=False)
    return desk.put(stranger.signed(letter("Khách <khach@doitac.example>", subject="Báo giá", text="Chào")))


def forged(desk: Desk) -> Page:
    unit = desk.authorities.certify(UNIT)
    return desk.at(desk.put(signed(letter(subject="Chuyển khoản", text="x"), unit.signer)))


def found(desk: Desk) -> Page:
    page = desk.at("/search?q=từ:bình")
    expect(page.locator(".query .chip").first).to_be_visible()
    return opened(page, ".query .menu")


SCREENS = (
    Screen("listing.show", "the inbox", inbox),
    Screen("listing.show", "an empty inbox", lambda desk: desk.at(desk.mailbox("INBOX", "dung"), "dung")),
    Screen("listing.show", "an empty mailbox", lambda desk: desk.at(desk.mailbox("Archive"))),
    Screen("listing.show", "the trash", lambda desk: desk.at(desk.mailbox("Trash"))),
    Screen("listing.show", "junk", lambda desk: desk.at(desk.mailbox("Junk"))),
    Screen("listing.show", "drafts", lambda desk: desk.at(desk.mailbox("Drafts"))),
    Screen("listing.show", "a filter", lambda desk: desk.at(desk.mailbox("INBOX") + "?show=starred")),
    Screen("listing.show", "nothing by a filter", lambda desk: desk.at(desk.mailbox("Archive") + "?show=unread")),
    Screen("listing.show", "messages chosen", choosing),
    Screen("listing.show", "moving those chosen", choosing_menu("move-menu")),
    Screen("listing.show", "putting those chosen off", choosing_menu("snooze-menu")),
    Screen("listing.show", "labelling those chosen", choosing_menu("label-menu")),
    Screen("listing.show", "an act that can be undone", undoing),
    Screen("listing.show", "an act that failed", failing),
    Screen("listing.show", "the account's menu", lambda desk: opened(inbox(desk), ".account-menu")),
    Screen("listing.show", "the search form", lambda desk: opened(inbox(desk), ".search-menu")),
    Screen("listing.show", "the keys", keys),
    Screen("listing.show", "a letter left over", left_over),
    Screen("reading.show", "a message", reading),
    Screen("reading.show", "moving a message", reading_menu("move-menu")),
    Screen("reading.show", "putting a message off", reading_menu("snooze-menu")),
    Screen("reading.show", "labelling a message", reading_menu("label-menu")),
    Screen("reading.show", "a conversation from outside", message("Từ ngoài")),
    Screen("reading.show", "a signed message", message("Có ký")),
    Screen("reading.show", "a stranger's signature", lambda desk: desk.at(strangers_signature(desk))),
    Screen("reading.show", "a false signature", forged),
    Screen("reading.show", "deleted", lambda desk: desk.at(desk.mailbox("Trash") + "/1")),
    Screen("reading.show", "of a unit's mailbox", of_a_unit),
    Screen("previews.show", "an attachment", preview),
    Screen("protection.show", "a signature", lambda desk: desk.at(strangers_signature(desk) + "/protection")),
    Screen("search.show", "what can be searched for", plain("/search")),
    Screen("search.show", "nothing found", plain("/search?q=khongcogi")),
    Screen("search.show", "found, and kept", found),
)
