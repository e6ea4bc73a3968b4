"""Answering, writing to people found by name and in the tree of units, sending on, signing and encrypting."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from mailserver.store.flags import ANSWERED
from security.cms import is_encrypted
from tests.browser.tasks.ways import Way
from tests.webmail.town_hall import TownHall, letter


def write(way: Way, subject: str = "", text: str = "") -> None:
    if subject:
        way.fill(way.page.locator("#subject"), subject)
    if text:
        way.type(way.page.locator("[data-rich-text]" if way.scripted else "[data-plain-text]"), text)


def send(way: Way, told: str = "Đã gửi thư.") -> None:
    way.press(way.page.get_by_role("button", name="Gửi", exact=True))
    way.told(told)


def reply(way: Way, hall: TownHall) -> None:
    hall.put("an", letter(subject="Chị có dự không?", message_id="<hoi@test.example>"))
    way.open_mailbox("Hộp thư đến")
    way.open("Chị có dự không?")
    way.press(way.page.locator(".answer-row").get_by_role("link", name="Trả lời", exact=True))
    write(way, text="Tôi có dự.")
    send(way)
    [(uid, _, subject)] = hall.rows("binh")
    assert subject == "Re: Chị có dự không?"
    assert b"<hoi@test.example>" in hall.octets("binh", uid)
    assert hall.rows("an")[0][1] & ANSWERED


def write_to_colleagues(way: Way, hall: TownHall) -> None:
    way.compose()
    to = way.page.get_by_role("textbox", name="Đến", exact=True)
    if way.scripted:
        way.type(to, "quoc b")
        way.take_suggestion(way.page.get_by_role("option", name=re.compile("Trần Quốc Bình")))
        expect(to).to_have_value("Trần Quốc Bình <binh@thanhpho.example>, ")
    else:
        way.fill(to, "binh@thanhpho.example")
    write(way, "Tờ trình", "Kính gửi anh, chị.")
    way.press(way.page.get_by_role("button", name="Chọn người nhận"))
    for unit in ("Ủy ban nhân dân Thành phố", "Sở Tài chính"):
        way.press(way.page.locator(".picker-units").get_by_role("link", name=unit))
    way.press(way.page.get_by_label("Lê Mai Chi"))
    way.press(way.page.get_by_role("button", name="Đồng gửi"))
    way.press(way.page.get_by_role("link", name="Trở lại thư"))
    way.hand_in(way.page.locator('input[name="files"]'), "tờ trình.pdf", b"%PDF-1.4 to trinh")
    if not way.scripted:
        way.press(way.page.get_by_role("button", name="Tải lên các tệp đã chọn"))
    expect(way.page.locator(".enclosures")).to_contain_text("tờ trình.pdf")
    send(way)
    assert [subject for login in ("binh", "chi") for *_, subject in hall.rows(login)] == ["Tờ trình", "Tờ trình"]


def forward(way: Way, hall: TownHall) -> None:
    hall.put("an", letter(subject="Số liệu", files=[("số liệu.csv", "text/csv", b"1;2")]))
    way.open_mailbox("Hộp thư đến")
    way.open("Số liệu")
    way.press(way.page.locator(".answer-row").get_by_role("link", name="Chuyển tiếp"))
    expect(way.page.locator(".enclosures")).to_contain_text("số liệu.csv")
    way.fill(way.page.get_by_role("textbox", name="Đến", exact=True), "chi@thanhpho.example")
    send(way)
    [(uid, _, subject)] = hall.rows("chi")
    assert subject == "Fwd: Số liệu"
    assert b"MTsy" in hall.octets("chi", uid)


def sign_and_encrypt(way: Way, hall: TownHall) -> None:
    way.compose()
    way.fill(way.page.get_by_role("textbox", name="Đến", exact=True), "an@thanhpho.example")
    write(way, "Phương án nhân sự", "Chỉ người nhận đọc được.")
    expect(way.page.get_by_label("Ký số")).to_be_checked()
    way.press(way.page.get_by_label("Mã hóa"))
    if not way.scripted:
        way.press(way.page.get_by_role("button", name="Ai đọc được?"))
    expect(way.page.locator("[data-readers]")).to_contain_text("Mọi người nhận đều đọc được.")
    send(way, "Đã gửi thư, có mã hóa.")
    assert is_encrypted(hall.octets("an", 1))
    way.open_mailbox("Hộp thư đến")
    way.press(way.page.locator(".row:visible").locator(".row-link"))
    expect(way.page.frame_locator("iframe.body").get_by_text("Chỉ người nhận đọc được.")).to_be_visible()
    expect(way.page.locator("[data-protection=encrypted]")).to_be_visible()
    expect(way.page.locator("[data-protection=valid]")).to_contain_text("chữ ký hợp lệ")
    way.press(way.page.get_by_role("link", name="Chi tiết"))
    expect(way.page.get_by_role("heading", level=1, name="Chữ ký và mã hóa")).to_be_visible()
    way.press(way.page.get_by_role("link", name="Trở lại thư"))
    expect(way.page.frame_locator("iframe.body").get_by_text("Chỉ người nhận đọc được.")).to_be_visible()
