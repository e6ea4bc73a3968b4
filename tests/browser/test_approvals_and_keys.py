"""Pages of administrators and of keys in a browser: a request decided, certificates shown, both judged by axe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from directory.administration import approvals, delegations
from directory.faults import Refused
from directory.mail import account_changes
from tests.browser.axe import faults
from tests.webmail.certified_hall import certified_hall
from tests.webmail.town_hall import PASSWORD, LiveWebmail, TownHall

pytestmark = pytest.mark.browser


@pytest.fixture
def webmail(tmp_path: Path) -> Iterator[LiveWebmail]:
    with certified_hall(tmp_path) as authorities:
        live = LiveWebmail(authorities.hall)
        yield live
        live.close()


def open_all(page: Page) -> None:
    for each in page.locator(".sheet summary").all():
        each.click()


def test_a_request_is_approved(sign_in: Callable[..., Page], hall: TownHall) -> None:
    directory = hall.services.directory
    with directory.write() as conn:
        for login in ("binh", "dung"):
            delegations.grant(conn, "test", hall.account(login).id, "city-admin", below_rank=0)
        approvals.set_rule(conn, "test", "mailbox.quota")
    with pytest.raises(Refused), directory.write(reason="hồ sơ", administrator=hall.account("dung").id) as conn:
        account_changes.set_quota(conn, "dung@thanhpho.example", hall.account("an").id, 5_000_000)
    page = sign_in("binh")
    page.get_by_role("link", name="Yêu cầu chờ duyệt").click()
    expect(page.locator("input[name=password]")).to_be_attached()
    open_all(page)
    assert faults(page) == []
    page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Duyệt", exact=True).click()
    expect(page.get_by_text("Không có yêu cầu nào chờ bạn.")).to_be_visible()
    with directory.read() as conn:
        assert [each.state for each in approvals.requests(conn)] == ["approved"]


def test_certificates_are_shown(sign_in: Callable[..., Page]) -> None:
    page = sign_in("an", width=390, height=844, color_scheme="dark")
    page.goto("/settings/keys")
    open_all(page)
    expect(page.get_by_role("heading", name="Để mã hóa")).to_be_visible()
    assert faults(page) == []
    for path in ("/contacts", "/settings"):
        page.goto(path)
        assert faults(page) == []
