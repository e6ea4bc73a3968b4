"""Another address in a browser: its signature takes the place of the one before."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from directory.mail import identities
from directory.mail.identities import Chosen
from tests.browser.axe import faults
from tests.webmail.town_hall import TownHall

pytestmark = pytest.mark.browser

OFFICE = "vanthu.snv@thanhpho.example"


def test_the_signature_goes_with_the_address(sign_in: Callable[..., Page], hall: TownHall) -> None:
    with hall.services.directory.write() as conn:
        identities.keep(conn, hall.account("huong").id, Chosen(OFFICE, signature="Văn thư Sở\nTầng 2"))
    page = sign_in("huong")
    page.goto("/compose")
    box = page.get_by_role("textbox", name="Nội dung")
    expect(box).to_contain_text("Võ Thị Thu Hương")
    page.locator("#author").select_option(OFFICE)
    expect(box).to_contain_text("Văn thư Sở")
    expect(box).not_to_contain_text("Võ Thị Thu Hương")
    page.locator("#author").select_option("huong@thanhpho.example")
    expect(box).to_contain_text("Võ Thị Thu Hương")
    expect(box).not_to_contain_text("Văn thư Sở\nTầng")
    box.get_by_text("Võ Thị Thu Hương").click()
    page.keyboard.press("End")
    page.keyboard.type(" của tôi")  # it is no longer the directory's, and stays
    page.locator("#author").select_option(OFFICE)
    expect(box).to_contain_text("của tôi")
    page.goto("/settings/identities")
    for each in page.locator(".sheet summary").all():
        each.click()
    assert faults(page) == []
