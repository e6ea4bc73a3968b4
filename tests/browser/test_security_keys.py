"""A security key in Chromium: a virtual one, as its protocol for testing offers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import CDPSession, Page, expect

from tests.webmail.town_hall import PASSWORD, TownHall

pytestmark = pytest.mark.browser


@pytest.fixture
def page(open_browser: Callable[..., Page]) -> Page:
    """No site that is only an address has keys."""
    return open_browser(host="localhost")


@pytest.fixture
def desk(page: Page) -> CDPSession:
    """Where keys are plugged in."""
    protocol = page.context.new_cdp_session(page)
    protocol.send("WebAuthn.enable")
    return protocol


def plug_in(desk: CDPSession) -> None:
    """A key that is touched whenever it is asked."""
    options = {"protocol": "ctap2", "transport": "usb", "automaticPresenceSimulation": True}
    desk.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def begin(page: Page, hall: TownHall) -> None:
    page.goto("/login")
    page.get_by_label("Địa chỉ thư").fill(hall.address("an"))
    page.get_by_label("Mật khẩu").fill(PASSWORD)
    page.get_by_role("button", name="Đăng nhập").click()


def add(page: Page, name: str) -> None:
    page.goto("/settings/two-steps")
    form = page.locator("[data-new-security-key]")
    form.get_by_label("Tên khóa").fill(name)
    form.get_by_label("Mật khẩu hiện tại").fill(PASSWORD)
    form.get_by_role("button", name="Thêm khóa bảo mật").click()


def test_a_key_is_added_and_opens_the_second_step(page: Page, desk: CDPSession, hall: TownHall) -> None:
    plug_in(desk)
    begin(page, hall)
    add(page, "Khóa xanh")
    expect(page.get_by_role("heading", name="Mã khôi phục của bạn")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="Khóa xanh")).to_be_visible()
    page.context.clear_cookies()
    begin(page, hall)
    page.get_by_role("button", name="Dùng khóa bảo mật").click()
    expect(page.get_by_label("Tài khoản của")).to_be_visible()
    # and wherever else a code is asked for
    page.goto("/settings/two-steps")
    page.locator("#change-password").fill(PASSWORD)
    ask = page.locator("section", has=page.locator("#change-code")).get_by_role("button", name="Dùng khóa bảo mật")
    ask.click()
    expect(ask).to_be_disabled()
    page.get_by_role("button", name="Tạo mã khôi phục mới").press("Enter")
    expect(page.get_by_role("heading", name="Mã khôi phục của bạn")).to_be_visible()


def test_a_key_of_somebody_else_is_told(page: Page, desk: CDPSession, hall: TownHall) -> None:
    plug_in(desk)
    begin(page, hall)
    add(page, "Khóa xanh")
    expect(page.get_by_role("heading", name="Mã khôi phục của bạn")).to_be_visible()
    page.context.clear_cookies()
    desk.send("WebAuthn.disable")  # pulls out what was plugged in
    desk.send("WebAuthn.enable")
    plug_in(desk)
    begin(page, hall)
    page.get_by_role("button", name="Dùng khóa bảo mật").click()
    expect(page.get_by_role("alert")).to_have_text("Khóa bảo mật không trả lời.")
