"""Mail that was left behind, before whoever has custody of it.  These come last: one of the people leaves."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from directory.dates import days_after
from directory.mail import custody
from directory.staff import leaving
from tests.browser.screens.desk import Desk, Screen
from tests.webmail.town_hall import letter

SUBJECT = "Sổ của người đã nghỉ"


def entrusted(desk: Desk) -> str:
    """Chi has left, Dũng has custody; her account's id."""
    dung = desk.hall.account("dung")
    with desk.hall.services.directory.read() as conn:
        for held in custody.entrusted_to(conn, dung.id):
            return held
    chi = desk.hall.account("chi")
    desk.hall.put("chi", letter(subject=SUBJECT))
    with desk.hall.services.directory.write(reason="Bàn giao hồ sơ") as conn:
        leaving.leave(conn, "test", chi.id, last_day=days_after(conn.today, -1), custodian_id=dung.id)
    return chi.id


def offered(desk: Desk) -> Page:
    entrusted(desk)
    desk.post("dung", "/settings", "/open")
    page = desk.at("/", "dung")
    expect(page.get_by_role("heading", name="Thư tôi trông coi")).to_be_visible()
    return page


def opened_by_its_custodian(desk: Desk, path: str = "/") -> Page:
    left = entrusted(desk)
    desk.post("dung", "/search", "/open", account=left)
    page = desk.at(path, "dung")
    expect(page.get_by_role("note")).to_contain_text("chỉ đọc")
    return page


def read_by_its_custodian(desk: Desk) -> Page:
    page = opened_by_its_custodian(desk)
    page.locator(".row", has_text=SUBJECT).first.locator(".row-link").click()
    expect(page.locator("#thread-subject")).to_be_visible()
    return page


def kept_from_writing(desk: Desk) -> Page:
    return opened_by_its_custodian(desk, "/compose")


SCREENS = (
    Screen("listing.show", "mail in custody", offered),
    Screen("listing.show", "a closed mailbox", opened_by_its_custodian),
    Screen("reading.show", "a message in a closed mailbox", read_by_its_custodian),
    Screen("search.show", "a search of a closed mailbox", lambda desk: opened_by_its_custodian(desk, "/search?q=sổ")),
    Screen("listing.show", "refused in a closed mailbox", kept_from_writing),
)
