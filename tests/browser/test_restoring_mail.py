"""Bringing deleted mail back in a real browser: found, chosen by its subject, restored; judged by axe as it is seen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from mailserver.store import messages
from tests.browser.axe import faults
from tests.webmail.town_hall import TownHall, letter

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    "settings", [{}, {"color_scheme": "dark", "width": 390, "height": 844}], ids=["wide", "narrow"]
)
def test_deleted_mail_is_found_and_restored(
    sign_in: Callable[..., Page], hall: TownHall, settings: dict[str, object]
) -> None:
    subjects = ["Thông báo nghỉ lễ", "Góp ý dự thảo kế hoạch chuyển đổi số của các sở, ban, ngành năm 2026", "Họp"]
    for subject in subjects:
        hall.put("an", letter(subject=subject))
    inbox = hall.mailbox("an")
    hall.services.store.write(lambda tx: messages.remove(tx, inbox.id, [(1, 9)])).result(30)
    page = sign_in("an", **settings)
    page.locator(".account-menu summary").click()
    page.get_by_role("link", name="Khôi phục thư đã xóa").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Khôi phục thư đã xóa")
    assert faults(page) == []
    # nothing hangs over the edge of the screen
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.get_by_label(subjects[1]).check()
    page.get_by_role("button", name="Khôi phục thư đã chọn").click()
    expect(page.locator(".notice.success")).to_contain_text("Đã khôi phục 1 thư vào “Hộp thư đến”.")
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_role("button", name="Khôi phục tất cả 2 thư").click()
    expect(page.get_by_role("heading", name="Không có gì để khôi phục")).to_be_visible()
    assert {subject for *_, subject in hall.rows("an")} == set(subjects)
