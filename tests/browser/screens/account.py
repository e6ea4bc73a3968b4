"""Coming in, and one's own affairs."""

from __future__ import annotations

from base64 import b32decode

from playwright.sync_api import Page, expect

from directory import record
from directory.mail import account_changes
from directory.signing_in import sessions
from security import totp
from security.passwords import hash_password
from tests.browser.screens.desk import Desk, Screen, opened, plain, told
from tests.webmail.town_hall import PASSWORD, letter

GIVEN = "do văn phòng cấp cho"


def entering(desk: Desk, login: str, password: str) -> Page:
    page = desk.page("")
    page.context.clear_cookies()
    page.goto("/login")
    page.get_by_label("Địa chỉ thư").fill(desk.hall.address(login))
    page.get_by_label("Mật khẩu").fill(password)
    page.get_by_role("button", name="Đăng nhập").click()
    return page


def wrong_password(desk: Desk) -> Page:
    page = entering(desk, "an", "sai")
    expect(page.get_by_role("alert")).to_be_visible()
    return page


def signed_out(desk: Desk) -> Page:
    page = entering(desk, "huong", PASSWORD)
    opened(page, ".account-menu").get_by_role("button", name="Đăng xuất").click()
    expect(page.get_by_text("Bạn đã đăng xuất.")).to_be_visible()
    return page


def second_step(desk: Desk) -> Page:
    turn_on(desk, "binh")
    page = entering(desk, "binh", PASSWORD)
    page.locator("#code").fill("000000")
    page.get_by_role("button", name="Đăng nhập").click()
    expect(page.get_by_role("alert")).to_be_visible()
    return page


def given_password(desk: Desk) -> Page:
    with desk.hall.services.directory.write() as conn:
        account_changes.set_password(conn, "test", desk.hall.account("chi").id, hash_password(GIVEN), must_change=True)
    page = entering(desk, "chi", GIVEN)
    expect(page.get_by_text("Vui lòng tự đặt mật khẩu")).to_be_visible()
    return page


def ended(desk: Desk) -> Page:
    """A letter is sent after the session has ended."""
    page = desk.at("/compose", "dung")
    with desk.hall.services.directory.write() as conn:
        sessions.end_all(conn, desk.hall.account("dung").id)
    page.locator("#subject").fill("Giữ lại")
    page.get_by_role("textbox", name="Đến", exact=True).fill("an@thanhpho.example")
    page.get_by_role("button", name="Gửi", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("nội dung bạn viết vẫn được giữ")
    desk.post("dung", "/login", "/login", login=desk.hall.address("dung"), password=PASSWORD)
    return page


def begun(desk: Desk, login: str) -> Page:
    page = desk.at("/settings/two-steps", login)
    page.locator("#begin-password").fill(PASSWORD)
    page.get_by_role("button", name="Bắt đầu").click()
    expect(page.locator("#totp-key")).to_be_visible()
    return page


def turn_on(desk: Desk, login: str) -> Page:
    page = desk.at("/settings/two-steps", login)
    if page.get_by_role("heading", name="Đang bật").count():
        return page
    begun(desk, login)
    secret = b32decode(page.locator("#totp-key").inner_text().replace(" ", ""))
    page.locator("#on-password").fill(PASSWORD)
    page.locator("#on-code").fill(totp.code_at(secret, int(desk.hall.clock()) // totp.STEP_SECONDS))
    page.get_by_role("button", name="Bật").click()
    expect(page.locator(".recovery-codes")).to_be_visible()
    return page


def refused_two_steps(desk: Desk) -> Page:
    page = desk.at("/settings/two-steps", "huong")
    page.locator("#begin-password").fill("sai")
    page.get_by_role("button", name="Bắt đầu").click()
    expect(page.get_by_role("alert")).to_be_visible()
    return page


def is_on(desk: Desk) -> Page:
    turn_on(desk, "binh")
    return desk.at("/settings/two-steps", "binh")


def settings(desk: Desk) -> Page:
    with desk.hall.services.directory.write() as conn:
        sessions.start(conn, desk.hall.account("an").id, user_agent="Máy ở nhà", ip="10.1.1.1")
    return desk.at("/settings")


def app_password(desk: Desk, password: str) -> Page:
    page = desk.at("/settings/app-passwords")
    page.locator("#app-name").fill("Điện thoại")
    page.locator("#app-own-password").fill(password)
    page.get_by_role("button", name="Tạo").click()
    expect(page.locator("#app-password, .banner.caution")).to_be_visible()
    return page


def looked_at(desk: Desk) -> Page:
    owner = desk.hall.account("an")
    with desk.hall.services.directory.write(origin="10.1.2.3", reason="Thanh tra") as conn:
        record.record(conn, "lan@x.vn", "mailbox.share", owner.login, to="khoa@x.vn", rights="lrs")
    return desk.at("/settings/openings")


def brought_in(desk: Desk) -> Page:
    page = desk.at("/import")
    files = [("thư.eml", letter(subject="Cũ")), ("hỏng.eml", b"")]
    page.locator("#import-files").set_input_files(
        [{"name": name, "mimeType": "message/rfc822", "buffer": octets} for name, octets in files]
    )
    page.get_by_role("button", name="Nhập thư").click()
    expect(page.locator("section[role=status]")).to_be_visible()
    return page


def taking_along(desk: Desk) -> Page:
    for number in range(60):
        desk.hall.put("dung", letter(subject=f"thư {number}"), "Archive")
    page = desk.at("/search?q=thư&choose=all", "dung")
    opened(page, ".selection-tools .move-menu")
    page.get_by_role("button", name="Tải về dạng mbox").click()
    page.get_by_label("Mật khẩu hiện tại").fill("sai")
    page.get_by_role("button", name="Tải về").click()
    expect(page.get_by_role("alert")).to_be_visible()
    return page


def mailboxes(desk: Desk) -> Page:
    return opened(desk.at("/mailboxes"), ".row-actions .menu")


def away(desk: Desk) -> Page:
    page = desk.at("/settings/absence", "dung")
    page.locator("#until").fill("2099-01-01")
    page.locator("#substitute").fill("ai-do@ngoai.example")
    page.get_by_role("button", name="Lưu").click()
    expect(page.get_by_role("alert")).to_be_visible()
    return page


def two_steps_stay_on(desk: Desk) -> Page:
    turn_on(desk, "binh")
    return told("/settings/two-steps", "/settings/two-steps/off", "binh", password="sai")(desk)


KEYS = "/settings/keys"

SCREENS = (
    Screen("login.show", "signing in", plain("/login", "")),
    Screen("login.show", "a wrong password", wrong_password),
    Screen("login.show", "signed out", signed_out),
    Screen("login.show", "the second step, and a wrong code", second_step),
    Screen("login.show", "the session has ended", ended),
    Screen("settings.show", "settings", settings),
    Screen("settings.show", "a password that must be changed", given_password),
    Screen("settings.show", "a password that is too weak", told("/settings", "/password", old="a", new="b", again="b")),
    Screen("identities.show", "signatures", plain("/settings/identities")),
    Screen(
        "identities.show",
        "an address of others",
        told("/settings/identities", "/settings/identities", address="ai@ngoai.example", kind="own", signature="x"),
    ),
    Screen("absence.show", "being away", away),
    Screen("own_keys.show", "one's own certificates", plain(KEYS)),
    Screen("own_keys.show", "a key that is not handed out", told(KEYS, KEYS, passphrase="mot hai ba", again="bon nam")),
    Screen("own_keys.show", "a key that is not taken", told(KEYS, f"{KEYS}/bring", password="sai")),
    Screen("approvals.show", "what waits for approval", plain("/approvals")),
    Screen("approvals.show", "a refusal without a reason", told("/approvals", "/approvals", action="refuse")),
    Screen("app_passwords.show", "an app password", lambda desk: app_password(desk, PASSWORD)),
    Screen("app_passwords.show", "an app password refused", lambda desk: app_password(desk, "sai")),
    Screen("openings.show", "nobody opened it", plain("/settings/openings", "dung")),
    Screen("openings.show", "somebody opened it", looked_at),
    Screen("two_steps.show", "two steps are off", plain("/settings/two-steps")),
    Screen("two_steps.show", "two steps begin", lambda desk: begun(desk, "dung")),
    Screen("two_steps.show", "two steps refused", refused_two_steps),
    Screen("two_steps.show", "recovery codes", lambda desk: turn_on(desk, "huong")),
    Screen("two_steps.show", "two steps are on", is_on),
    Screen("two_steps.show", "two steps stay on", two_steps_stay_on),
    Screen("protection.show_correspondents", "certificates of people outside", plain("/settings/correspondents")),
    Screen("unlocking.show", "one's keys", plain("/keys")),
    Screen("mailboxes.show", "mailboxes", mailboxes),
    Screen("labels.show", "no labels", plain("/labels", "dung")),
    Screen("labels.show", "labels", plain("/labels")),
    Screen("saved_searches.show", "no saved searches", plain("/searches", "dung")),
    Screen("saved_searches.show", "saved searches", plain("/searches")),
    Screen("recovering.show", "nothing to restore", plain("/recover", "dung")),
    Screen("recovering.show", "deleted mail", plain("/recover")),
    Screen("importing.show", "bringing mail in", plain("/import")),
    Screen("importing.show", "mail was brought in", brought_in),
    Screen("importing.show", "taking mail along", taking_along),
    Screen("help.show", "help", plain("/help")),
)
