"""One's own affairs: other sessions, the signature, app passwords, the password, two-step sign-in."""

from __future__ import annotations

from base64 import b32decode

from playwright.sync_api import expect

from directory.signing_in import sessions
from security import totp
from tests.browser.tasks.ways import Way, sign_in
from tests.webmail.town_hall import PASSWORD, TownHall

OTHER_PASSWORD = "mật khẩu mới rất dài"


def settle_ones_affairs(way: Way, hall: TownHall) -> None:
    page = way.page
    with hall.services.directory.write() as conn:
        elsewhere = sessions.start(conn, hall.account("an").id, user_agent="Máy ở nhà", ip="10.1.1.1")
    way.menu("Cài đặt")
    way.press(page.get_by_role("button", name="Đăng xuất ở mọi nơi khác"))
    expect(page.get_by_text("Máy ở nhà")).to_have_count(0)
    with hall.services.directory.read() as conn:
        assert sessions.find(conn, elsewhere, idle=3600, absolute=36_000) is None

    way.press(page.locator('main a[href="/settings/identities"]'))
    identity = page.locator("section", has_text=hall.address("an"))
    way.press(identity.get_by_role("radio", name="Tự soạn:"))
    way.fill(identity.get_by_role("textbox", name="Tự soạn:"), "Hoài An, điện thoại 123")
    way.press(identity.get_by_role("button", name="Lưu"))
    way.told("Đã lưu.")
    way.menu("Cài đặt")

    way.press(page.get_by_role("link", name="Mật khẩu ứng dụng"))
    way.fill(page.locator("#app-name"), "Thunderbird")
    way.choose(page.locator("#app-scope"), "Chỉ đọc (IMAP)")
    way.fill(page.locator("#app-own-password"), PASSWORD)
    way.press(page.get_by_role("button", name="Tạo", exact=True))
    expect(page.locator("#app-password")).to_be_visible()
    way.press(page.get_by_role("link", name="Cài đặt").last)

    for field, text in (("old", PASSWORD), ("new", OTHER_PASSWORD), ("again", OTHER_PASSWORD)):
        way.fill(page.locator(f"#password-change input[name={field}]"), text)
    way.press(page.get_by_role("button", name="Đổi mật khẩu"))
    way.told("Đã đổi mật khẩu")

    way.press(page.get_by_role("link", name="Đăng nhập hai bước"))
    way.fill(page.locator("#begin-password"), OTHER_PASSWORD)
    way.press(page.get_by_role("button", name="Bắt đầu"))
    secret = page.locator("#totp-key").inner_text()
    way.fill(page.locator("#on-password"), OTHER_PASSWORD)
    way.fill(page.locator("#on-code"), code(hall, secret))
    way.press(page.get_by_role("button", name="Bật"))
    expect(page.get_by_role("heading", name="Mã khôi phục của bạn")).to_be_visible()
    recovery = page.locator(".recovery-codes code").first.inner_text()

    way.menu("Đăng xuất")
    sign_in(way, hall.address("an"), OTHER_PASSWORD)
    way.fill(page.get_by_label("Mã trên điện thoại, hoặc mã khôi phục"), recovery)
    way.press(page.get_by_role("button", name="Đăng nhập"))
    expect(page.get_by_role("heading", level=1, name="Hộp thư đến")).to_be_visible()


def code(hall: TownHall, letters: str) -> str:
    return totp.code_at(b32decode(letters.replace(" ", "")), int(hall.clock()) // totp.STEP_SECONDS)
