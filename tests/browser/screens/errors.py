"""What is shown when something went wrong."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browser.screens.desk import Desk, Screen

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
)
