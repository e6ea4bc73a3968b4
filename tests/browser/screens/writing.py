"""Writing, and whom one writes to."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.screens.desk import UNIT, Desk, Screen, opened, plain, told


def blank(desk: Desk, login: str = "an") -> Page:
    page = desk.at("/compose", login)
    expect(page.locator("[data-rich-text]")).to_be_visible()
    return page


def completing(desk: Desk) -> Page:
    page = blank(desk)
    page.get_by_role("textbox", name="Đến", exact=True).press_sequentially("quoc")
    expect(page.locator(".suggestion").first).to_be_visible()
    return page


def warned(desk: Desk) -> Page:
    page = blank(desk)
    page.get_by_role("textbox", name="Đến", exact=True).fill("ai@ngoai.example, nosuch@thanhpho.example")
    page.get_by_label("Mã hóa").check()
    expect(page.locator(".lacking").first).to_be_visible()
    expect(page.locator(".remarks p").first).to_be_visible()
    return page


def refused(desk: Desk) -> Page:
    page = blank(desk)
    page.get_by_role("textbox", name="Đến", exact=True).fill("nosuch@thanhpho.example")
    page.locator("#subject").fill("Nhầm")
    page.get_by_role("button", name="Gửi", exact=True).click()
    expect(page.get_by_role("alert")).to_be_visible()
    return page


def answering(desk: Desk) -> Page:
    box = desk.hall.mailbox("an").id
    page = desk.at(f"/compose?reply_all={box}:2")
    expect(page.locator("[data-rich-text] blockquote")).to_be_visible()
    return page


def going_on(desk: Desk) -> Page:
    page = desk.at(f"/compose?forward={desk.hall.mailbox('an').id}:1")
    page.get_by_role("button", name="Lưu nháp").and_(page.locator(".tool")).click()
    expect(page.locator("[data-saved]")).to_contain_text("Đã lưu lúc")
    page.reload()
    expect(page.locator(".enclosures li")).to_be_visible()
    return page


def written_twice(desk: Desk) -> Page:
    """In two windows: both are kept, and the page says so."""
    page = going_on(desk)
    other = page.context.new_page()
    other.goto(page.url)
    other.locator("#subject").fill("Từ cửa sổ khác")
    other.get_by_role("button", name="Lưu nháp").and_(other.locator(".tool")).click()
    expect(other.locator("[data-saved]")).to_contain_text("Đã lưu lúc")
    other.close()
    page.locator("#subject").fill("Từ cửa sổ này")
    page.get_by_role("button", name="Lưu nháp").and_(page.locator(".tool")).click()
    expect(page.get_by_role("alert")).to_contain_text("một thư nháp riêng")
    return page


def side_by_side(desk: Desk) -> Page:
    page = written_twice(desk)
    page.get_by_role("button", name="So sánh hai bản").click()
    expect(page.locator("table.versions")).to_be_visible()
    return page


def choosing(desk: Desk) -> Page:
    page = blank(desk)
    page.get_by_role("button", name="Chọn người nhận").click()
    page.locator(".picker-units a").first.click()
    page.locator(".picker-units").get_by_role("link", name="Sở Nội vụ").click()
    expect(page.locator(".picker-people")).to_be_visible()
    return page


def linking(desk: Desk) -> Page:
    page = blank(desk)
    page.get_by_role("button", name="Gửi bằng liên kết").click()
    page.locator("#link-file").set_input_files({"name": "bản đồ.zip", "mimeType": "application/zip", "buffer": b"x"})
    page.get_by_label("Mật khẩu").fill("trời mưa to")
    page.get_by_role("button", name="Tải lên").click()
    expect(page.locator("[data-rich-text]")).to_contain_text("bản đồ.zip")
    return page


def linked(desk: Desk) -> Page:
    page = linking(desk)
    page.goto("/links")
    expect(page.get_by_text("bản đồ.zip").first).to_be_visible()
    return page


def asked_for_its_password(desk: Desk) -> Page:
    page = linking(desk)
    page.goto(str(page.locator("[data-rich-text] a[href*='/files/']").get_attribute("href")))
    page.get_by_label("Mật khẩu").fill("sai")
    page.get_by_role("button", name="Tải tệp").click()
    expect(page.get_by_role("alert")).to_be_visible()
    return page


def waiting(desk: Desk) -> Page:
    page = blank(desk, "chi")
    page.get_by_role("textbox", name="Đến", exact=True).fill("binh@thanhpho.example")
    page.locator("#subject").fill("Lịch tuần")
    opened(page, ".send-later").locator(".send-later .menu-item").last.click()
    page.wait_for_url("**/mail/*")
    page.goto("/scheduled")
    return page


def signing_elsewhere(desk: Desk) -> Page:
    page = blank(desk)
    page.get_by_role("textbox", name="Đến", exact=True).fill("binh@thanhpho.example")
    page.locator("#subject").fill("Công văn")
    page.get_by_role("button", name="Ký bằng thiết bị của bạn").click()
    page.wait_for_url("**/compose/sign?draft=*")
    expect(page.locator("#signature")).to_be_visible()
    return page


def signed_wrongly(desk: Desk) -> Page:
    page = signing_elsewhere(desk)
    page.locator("#signature").set_input_files({"name": "a.p7s", "mimeType": "", "buffer": b"no signature"})
    page.get_by_role("button", name="Kiểm tra và gửi").click()
    expect(page.get_by_role("alert")).to_be_visible()
    return page


def signing_for_a_unit(desk: Desk) -> Page:
    desk.post("huong", "/settings", "/open")  # her own mailbox again
    page = blank(desk, "huong")
    page.locator("#author").select_option(f"{UNIT}@thanhpho.example")
    page.get_by_role("textbox", name="Đến", exact=True).fill("binh@thanhpho.example")
    page.locator("#subject").fill("Công văn")
    page.get_by_role("button", name="Gửi", exact=True).click()
    page.get_by_label("Mật khẩu hiện tại").fill("sai")
    page.get_by_label("Mật khẩu hiện tại").press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    return page


def opened_contacts(desk: Desk) -> Page:
    page = desk.at("/contacts")
    for each in page.locator(".sheet summary").all():
        each.click()
    expect(page.locator("#g1-members")).to_be_visible()
    return page


def refused_contact(desk: Desk) -> Page:
    page = desk.at("/contacts")
    page.locator(".sheet summary").first.click()
    page.locator("#new-address").fill("không phải địa chỉ")
    page.locator("#new-address").press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    return page


def brought_contacts(desk: Desk) -> Page:
    page = desk.at("/contacts", "binh")
    cards = "".join(f"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{name}\r\n{line}END:VCARD\r\n" for name, line in CARDS)
    page.locator("#contacts-file").set_input_files(
        {"name": "a.vcf", "mimeType": "text/vcard", "buffer": cards.encode()}
    )
    page.get_by_role("button", name="Đưa vào", exact=True).click()
    expect(page.get_by_text("Đã đưa vào 1 liên hệ")).to_be_visible()
    return page


CARDS = (("Lý Mai", "EMAIL:mai@ngoai.example\r\n"), ("Không có địa chỉ", ""))

SCREENS = (
    Screen("composing.show", "a new letter", blank),
    Screen("composing.show", "completing a name", completing),
    Screen("composing.show", "sending later", lambda desk: opened(blank(desk), ".send-later")),
    Screen("composing.show", "templates", lambda desk: opened(blank(desk), ".composer-tools .menu:not(.send-later)")),
    Screen("composing.show", "who is outside and cannot read it", warned),
    Screen("composing.show", "a recipient that there is not", refused),
    Screen("composing.show", "an answer", answering),
    Screen("composing.go_on", "a draft with an attachment", going_on),
    Screen("composing.go_on", "written in two windows", written_twice),
    Screen("versions.show", "both versions", side_by_side),
    Screen("picker.show", "choosing from the tree", choosing),
    Screen("links.show", "no links", plain("/links", "dung")),
    Screen("links.show", "files sent as links", linked),
    Screen("links.download", "the password of a file", asked_for_its_password),
    Screen("postponed.show", "nothing waits", plain("/scheduled")),
    Screen("postponed.show", "letters that wait", waiting),
    Screen("composing.prove", "a proof for a unit's signature", signing_for_a_unit),
    Screen("signing_elsewhere.show", "signing on a device of one's own", signing_elsewhere),
    Screen("signing_elsewhere.show", "a file that is no signature", signed_wrongly),
    Screen("contacts.show", "no contacts", plain("/contacts", "dung")),
    Screen("contacts.show", "contacts", opened_contacts),
    Screen("contacts.show", "a contact that cannot be", refused_contact),
    Screen("contacts.show", "contacts were brought in", brought_contacts),
    Screen("templates.show", "templates", plain("/templates")),
    Screen("templates.show", "a template without a name", told("/templates", "/templates", action="keep", text="x")),
)
