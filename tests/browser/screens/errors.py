"""What is shown when something went wrong."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.screens.desk import Desk, Screen
from tests.webmail.town_hall import letter
from webmail import pages

ENDPOINT = "an error"  # of no view


def not_found(desk: Desk) -> Page:
    return desk.at("/nirgends")


def not_so(desk: Desk) -> Page:
    return desk.at("/logout")


def stale(desk: Desk) -> Page:
    """The form was made for another session."""
    return send(desk.at("/labels"), "csrf_token", "x")


def too_large(desk: Desk) -> Page:
    return send(desk.at("/labels"), "name", "x" * 3_000_000)


def too_often(desk: Desk) -> Page:
    """Somebody looks up one colleague after the other."""
    draft = desk.put(letter(subject="Nháp"), "Drafts", "dung").rpartition("/")[2]
    path = f"/people/choose?draft={draft}"
    page = desk.at(path, "dung")
    while (answer := page.reload()) is not None and answer.status != 429:
        pass
    return page


def broken(desk: Desk) -> Page:
    """A fault of ours, with its number."""

    def fail(_conn: object) -> None:
        raise RuntimeError("disk I/O error")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "sidebar", fail)
        return desk.at("/labels")


def send(page: Page, field: str, value: str) -> Page:
    page.evaluate(
        "([field, value]) => { document.querySelector(`main [name=${field}]`).value = value }", [field, value]
    )
    with page.expect_navigation():
        page.evaluate("document.querySelector('main form').submit()")
    return page


SCREENS = (
    Screen(ENDPOINT, "not found", not_found),
    Screen(ENDPOINT, "not allowed", not_so),
    Screen(ENDPOINT, "a stale page", stale),
    Screen(ENDPOINT, "too large", too_large),
    Screen(ENDPOINT, "too often", too_often),
    Screen(ENDPOINT, "a fault of ours", broken),
)
