"""The main pages where no script runs: judged by axe, light and dark, wide and narrow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser import axe
from tests.browser.screens.desk import WIDE, Desk, furnish, furnish_settings
from tests.webmail.certified_hall import certified_hall
from tests.webmail.town_hall import LiveWebmail

pytestmark = pytest.mark.browser

NARROW = {"width": 390, "height": 844}
PATHS = ("/", "{inbox}/1", "/compose", "/search?q=từ:bình", "/settings", "/contacts", "/people/choose?draft=1")


@pytest.fixture(scope="module")
def desk(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with certified_hall(tmp_path_factory.mktemp("hall")) as authorities:
        furnish(authorities)
        live = LiveWebmail(authorities.hall)
        made = Desk(chromium, authorities, live.url, scripted=False)
        furnish_settings(made)
        yield made
        live.close()
    assert [each for witness in made.witnesses for each in witness.foreign] == []


@pytest.mark.parametrize("path", PATHS)
def test_page(path: str, desk: Desk) -> None:
    page, found = desk.at(path.format(inbox=desk.mailbox("INBOX"))), {}
    assert page.locator("html.scripted").count() == 0
    assert page.locator("#sidebar").count() == 1  # no error
    try:
        for scheme in ("light", "dark"):
            for size in (WIDE, NARROW):
                page.emulate_media(color_scheme=scheme)
                page.set_viewport_size(size)  # type: ignore[arg-type]
                found[f"{scheme} {size['width']}"] = axe.faults(page, without_script=True)
    finally:
        page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    assert {name: faults for name, faults in found.items() if faults} == {}
