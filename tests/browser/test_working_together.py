"""A unit's mailbox that two officials have open; mail taken along and brought in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from directory.mail import mailboxes
from tests.browser.axe import faults
from tests.webmail.town_hall import PASSWORD, TownHall, letter

pytestmark = pytest.mark.browser
UNIT = "vanthu.snv"


def open_unit(page: Page, hall: TownHall) -> None:
    page.get_by_label("Tài khoản của").click()
    page.locator(f'button[name="account"][value="{hall.account(UNIT).id}"]').click()
    page.locator(".row .subject").click()
    expect(page.locator(".handling .now")).to_be_visible()


def test_two_officials_see_at_once_who_answers(sign_in: Callable[..., Page], hall: TownHall) -> None:
    with hall.services.directory.write() as conn:
        mailboxes.grant(conn, "test", hall.account(UNIT).id, hall.account("binh").id)
    hall.put(UNIT, letter("Lê Mai Chi <chi@thanhpho.example>", [f"{UNIT}@thanhpho.example"], "Đơn xin phép"))
    huong, binh = sign_in("huong"), sign_in("binh")
    for page in (huong, binh):
        open_unit(page, hall)
    assert faults(huong) == []
    huong.get_by_role("button", name="Tôi trả lời").click()
    expect(huong.locator(".handling .now")).to_have_text("Võ Thị Thu Hương đang trả lời")
    expect(binh.locator(".handling .now")).to_have_text("Võ Thị Thu Hương đang trả lời")  # by itself
    expect(binh.locator(".row .place")).to_have_text("Võ Thị Thu Hương")
    huong.locator("#handling-note").fill("Đã gọi điện")
    huong.get_by_role("button", name="Ghi", exact=True).click()
    expect(binh.locator(".handling .words")).to_have_text("Đã gọi điện")
    binh.locator(".answer-row a").first.click()
    expect(binh.get_by_text("Võ Thị Thu Hương đang trả lời.")).to_be_visible()
    huong.locator(".handling").get_by_role("button", name="Xong").click()
    expect(huong.locator(".handling .now")).to_contain_text("Xong")
    assert faults(huong) == []


@pytest.mark.parametrize("scripts", [True, False], ids=["with script", "without"])
def test_mail_goes_out_as_a_file_and_in_again(
    sign_in: Callable[..., Page], hall: TownHall, tmp_path: Path, scripts: bool
) -> None:
    for number in range(60):
        hall.put("an", letter(subject=f"thư {number}"))
    page = sign_in(java_script_enabled=scripts, accept_downloads=True)
    page.goto("/search?q=subject:thư&choose=all")
    page.locator(".selection-tools .move-menu > summary").click()
    page.get_by_role("button", name="Tải về dạng mbox").click()
    page.get_by_label("Mật khẩu hiện tại").fill(PASSWORD)
    if scripts:
        assert faults(page) == []
    with page.expect_download() as download:
        page.get_by_role("button", name="Tải về").click()
    download.value.save_as(tmp_path / "thư.mbox")
    page.goto("/import")
    page.get_by_label("Vào hộp thư").select_option(label="Lưu trữ")
    page.get_by_label("Tệp", exact=True).set_input_files(tmp_path / "thư.mbox")
    page.locator("main form button").click()
    expect(page.get_by_text("Đã nhập 60 thư.")).to_be_visible()
    if scripts:
        assert faults(page) == []
    assert len(hall.rows("an", "Archive")) == 60
