"""Coming in, reading, keeping order, looking at attachments, having back what was deleted."""

from __future__ import annotations

from playwright.sync_api import expect

from mailserver.store.flags import FLAGGED, SEEN
from tests.browser.tasks.ways import Way, sign_in
from tests.webmail.town_hall import TownHall, letter


def come_and_go(way: Way, hall: TownHall) -> None:
    way.menu("Đăng xuất")
    way.told("Bạn đã đăng xuất.")
    sign_in(way, hall.address("an"), "không phải mật khẩu")
    expect(way.page.get_by_role("alert")).to_contain_text("không đúng")
    sign_in(way, hall.address("an"))
    expect(way.page.get_by_role("heading", level=1, name="Hộp thư đến")).to_be_visible()


def read_new_mail(way: Way, hall: TownHall) -> None:
    for number, subject in enumerate(("Báo cáo quý", "Lịch trực", "Mời họp")):
        hall.put("an", letter(subject=subject, text=f"Nội dung: {subject}"), date=1_760_000_000 + number)
    way.open_mailbox("Lưu trữ")
    way.open_mailbox("Hộp thư đến")
    expect(way.page.locator("#list h1")).to_contain_text("3 chưa đọc")
    way.open("Lịch trực")
    expect(way.page.frame_locator("iframe.body").get_by_text("Nội dung: Lịch trực")).to_be_visible()
    if not way.scripted:  # with script, to open is to have read
        way.reading_tool("Đánh dấu đã đọc")
        way.told("đã đọc")
        way.open("Lịch trực")
    way.press(way.page.get_by_role("link", name="Thư cũ hơn"))
    expect(way.page.frame_locator("iframe.body").get_by_text("Nội dung: Báo cáo quý")).to_be_visible()
    way.back_to_the_list()
    expect(way.page.locator(".row.unread", has_text="Mời họp")).to_be_visible()
    expect(way.page.locator(".row.unread", has_text="Lịch trực")).to_have_count(0)
    assert [flags & SEEN for _, flags, subject in hall.rows("an") if subject == "Lịch trực"] == [SEEN]


def keep_order(way: Way, hall: TownHall) -> None:
    hall.make_mailbox("an", "Dự án")
    for subject in ("Việc xong", "Của dự án", "Thừa một", "Thừa hai"):
        hall.put("an", letter(subject=subject))
    way.open_mailbox("Hộp thư đến")
    way.open("Việc xong")
    way.reading_tool("Lưu trữ")
    way.told("Lưu trữ")
    way.undo()
    way.told("Đã hoàn tác.")
    way.open_mailbox("Hộp thư đến")
    expect(way.page.locator(".row", has_text="Việc xong")).to_be_visible()
    way.open("Của dự án")
    tools = way.page.locator("[data-reading-tools]")
    way.press(tools.locator(".move-menu > summary"))
    way.choose(tools.get_by_label("Chuyển đến"), "Dự án")
    way.reading_tool("Chuyển")
    way.told("Dự án")
    way.open_mailbox("Hộp thư đến")
    for subject in ("Thừa một", "Thừa hai"):
        way.press(way.page.locator(".row", has_text=subject).get_by_role("checkbox"))
    way.press(way.page.locator(".selection-tools").get_by_role("button", name="Xóa", exact=True))
    way.told("Thùng rác")
    expect(way.page.locator(".row:visible")).to_have_count(1)
    way.undo()
    way.told("Đã hoàn tác.")
    expect(way.page.locator(".row:visible")).to_have_count(3)
    assert sorted(subject for *_, subject in hall.rows("an")) == ["Thừa hai", "Thừa một", "Việc xong"]
    assert [subject for *_, subject in hall.rows("an", "Dự án")] == ["Của dự án"]


def mark_and_put_off(way: Way, hall: TownHall) -> None:
    hall.put("an", letter(subject="Tuần sau mới cần"))
    way.open_mailbox("Hộp thư đến")
    way.press(way.page.locator(".row", has_text="Tuần sau").get_by_role("button", name="Gắn sao"))
    expect(way.page.locator(".row.starred", has_text="Tuần sau")).to_be_visible()
    way.told("Đã gắn sao 1 thư")
    assert hall.rows("an")[0][1] & FLAGGED
    if way.narrow:
        way.press(way.page.locator("#menu-button"))
    way.press(way.page.locator("#sidebar").get_by_role("link", name="Quản lý nhãn"))
    way.fill(way.page.locator("#label-name"), "Ngân sách")
    way.press(way.page.get_by_role("button", name="Tạo", exact=True))
    expect(way.page.locator("main .tag", has_text="Ngân sách")).to_be_visible()
    way.open_mailbox("Hộp thư đến")
    way.open("Tuần sau mới cần")
    tools = way.page.locator("[data-reading-tools]")
    way.press(tools.locator(".label-menu > summary"))
    way.choose(tools.get_by_label("Nhãn", exact=True), "Ngân sách")
    way.reading_tool("Gắn")
    way.told("Ngân sách")
    if not way.scripted:
        way.open("Tuần sau mới cần")
    expect(way.page.locator(".letter .tag", has_text="Ngân sách")).to_be_visible()
    way.press(tools.locator(".snooze-menu > summary"))
    way.reading_tool("Tạm hoãn")
    way.told("Đã tạm hoãn 1 thư")
    way.open_mailbox("Tạm hoãn")
    expect(way.page.locator(".row", has_text="Tuần sau").locator(".place")).to_contain_text("trở lại")
    assert hall.rows("an") == []


def look_at_attachments(way: Way, hall: TownHall) -> None:
    hall.put("an", letter(subject="Bảng lương", files=[("bảng.csv", "text/csv", "họ;tên\nLê;Chi".encode())]))
    way.open_mailbox("Hộp thư đến")
    way.open("Bảng lương")
    way.press(way.page.get_by_role("link", name="Xem bảng.csv"))
    expect(way.page.frame_locator("iframe.preview").get_by_text("Lê;Chi")).to_be_visible()
    assert way.take(way.page.get_by_role("link", name="Tải về")).suggested_filename == "bảng.csv"
    way.press(way.page.get_by_role("link", name="Trở lại thư"))
    expect(way.page.get_by_role("heading", level=1, name="Bảng lương")).to_be_visible()
    taken = way.take(way.page.locator(".attachments").get_by_role("link", name="bảng.csv").first)
    assert taken.path().read_bytes().decode() == "họ;tên\nLê;Chi"


def have_it_back(way: Way, hall: TownHall) -> None:
    hall.put("an", letter(subject="Xóa nhầm"))
    hall.put("an", letter(subject="Bỏ hẳn"), "Trash")
    way.open_mailbox("Hộp thư đến")
    way.open("Xóa nhầm")
    way.reading_tool("Xóa")
    way.told("Thùng rác")
    way.open_mailbox("Thùng rác")
    way.press(way.page.get_by_role("button", name="Dọn sạch"))
    way.told("Đã dọn sạch.")
    way.menu("Khôi phục thư đã xóa")
    way.press(way.page.get_by_label("Xóa nhầm"))
    way.press(way.page.get_by_role("button", name="Khôi phục thư đã chọn"))
    way.told("Đã khôi phục 1 thư")
    assert "Xóa nhầm" in {subject for name in ("INBOX", "Trash") for *_, subject in hall.rows("an", name)}
