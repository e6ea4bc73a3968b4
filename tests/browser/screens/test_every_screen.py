"""Every screen and state that people see: judged by axe, light and dark, wide and narrow; walked through by Tab; looked
at in colours of one's own, with large text and with text set wide.

Standards: WCAG 2.2 §1.4.10 (reflow), §2.4.2 (titles), §3.1.1 (language), and what ``axe``, ``focus``,
``forced_colours`` and ``room`` judge.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import axe
from tests.browser.focus import walk
from tests.browser.forced_colours import unseen
from tests.browser.room import crowded, large_text, spaced_text
from tests.browser.screens import account, custody, errors, mail, writing
from tests.browser.screens.desk import WIDE, Desk, Screen, furnish, furnish_settings
from tests.browser.tasks.ways import FITS
from tests.webmail.certified_hall import certified_hall
from tests.webmail.town_hall import LiveWebmail
from webmail import create_app

pytestmark = pytest.mark.browser

SCREENS = (*mail.SCREENS, *writing.SCREENS, *account.SCREENS, *errors.SCREENS, *custody.SCREENS)
TELEPHONE = {"width": 390, "height": 844}
NARROW = {"width": 320, "height": 640}
SIDEWAYS = ({"width": 683, "height": 410}, NARROW)  # zoomed to 200 % and to 400 %
ELSEWHERE = {  # what a GET brings that is no screen
    **dict.fromkeys(("listing.start", "search_form.write"), "goes on to a list"),
    **dict.fromkeys(("assets.show", "help.picture", "contacts.take_along"), "a file"),
    **dict.fromkeys(("attachments.download", "attachments.all_in_one", "inline_pictures.show"), "a file"),
    "signing_elsewhere.take": "a file",
    "left_over.arrived": "for scripts",
    **dict.fromkeys(("attachments.inline", "attachments.original", "protection.certificate", "mta_sts.show"), "a file"),
    **dict.fromkeys(
        ("message_body.show", "message_body.to_print", "previews.frame"), "what others wrote: test_documents"
    ),
    **dict.fromkeys(("login.status", "people.show", "people.find", "people.top", "people.below"), "for scripts"),
    **dict.fromkeys(
        ("people.of_unit", "people.all_positions", "people.of_position", "people.all_groups"), "for scripts"
    ),
    **dict.fromkeys(("events.not_here", "pictures.not_here"), "answered by the server before the webmail"),
}


@pytest.fixture(scope="module")
def desk(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with certified_hall(tmp_path_factory.mktemp("hall")) as authorities:
        furnish(authorities)
        live = LiveWebmail(authorities.hall)
        made = Desk(chromium, authorities, live.url)
        furnish_settings(made)
        yield made
        live.close()
    assert [each for witness in made.witnesses for each in witness.foreign] == []


def test_no_screen_is_left_out(desk: Desk) -> None:
    """A new page belongs in one of the tables."""
    rules = create_app(desk.hall.services).url_map.iter_rules()
    known = {each.endpoint for each in SCREENS} | set(ELSEWHERE)
    assert {rule.endpoint for rule in rules if "GET" in (rule.methods or ())} - known == set()
    assert known - {rule.endpoint for rule in create_app(desk.hall.services).url_map.iter_rules()} == {errors.ENDPOINT}


@pytest.fixture(scope="module")
def titles() -> dict[str, str]:
    """Of which view each is."""
    return {}


@pytest.mark.parametrize("screen", SCREENS, ids=[each.name for each in SCREENS])
def test_screen(screen: Screen, desk: Desk, titles: dict[str, str]) -> None:
    page = screen.show(desk)
    try:
        found = {
            "wide": axe.faults(page),
            "keyboard": walk(page),
            "dark": under(page, axe.COLOURS, color_scheme="dark"),
            "telephone": under(page, axe.EVERYTHING, viewport=TELEPHONE),
            "sideways": [str(size) for size in SIDEWAYS if hangs_over(page, size)],
            "large text": room_for(page, large_text),
            "text set wide": room_for(page, spaced_text),
            "page": told_wrong(page, "vi"),
            "own colours": unseen(page),
        }
    finally:
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    assert {name: faults for name, faults in found.items() if faults} == {}
    assert titles.setdefault(page.title(), screen.endpoint) == screen.endpoint


ENGLISH = (
    "/",
    "/compose",
    "/search",
    "/contacts",
    "/mailboxes",
    "/labels",
    "/settings",
    "/settings/two-steps",
    "/help",
)


def test_in_english(desk: Desk) -> None:
    """Words of the other language have names, room and a language, too."""
    page = desk.page("huong")
    desk.post("huong", "/settings", "/language", language="en")
    try:
        for path in ENGLISH:
            page.goto(path)
            found = {
                "names": axe.faults(page),
                "page": told_wrong(page, "en"),
                "sideways": [str(size) for size in (TELEPHONE, *SIDEWAYS) if hangs_over(page, size)],
            }
            page.set_viewport_size(WIDE)  # type: ignore[arg-type]
            assert {name: faults for name, faults in found.items() if faults} == {}, path
    finally:
        page.set_viewport_size(WIDE)  # type: ignore[arg-type]
        desk.post("huong", "/settings", "/language", language="vi")


def under(
    page: Page, options: dict[str, object], *, color_scheme: Any = "dark", viewport: dict[str, int] | None = None
) -> list[str]:
    page.emulate_media(color_scheme=color_scheme)
    if viewport:
        page.set_viewport_size(viewport)  # type: ignore[arg-type]
    return axe.faults(page, options)


def hangs_over(page: Page, size: dict[str, int]) -> bool:
    page.set_viewport_size(size)  # type: ignore[arg-type]
    return not page.evaluate(FITS)


def room_for(page: Page, reader: Callable[[Page], AbstractContextManager[None]]) -> list[str]:
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    with reader(page):
        return crowded(page)


def told_wrong(page: Page, language: str) -> list[str]:
    """What a screen reader says first."""
    found = [] if page.locator("html").get_attribute("lang") == language else ["the language is not told"]
    headings = page.locator("h1:visible").count()
    return found + ([] if headings >= 1 else ["no heading"]) + ([] if re.search(r"\w", page.title()) else ["no title"])
