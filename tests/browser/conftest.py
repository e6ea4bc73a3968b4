"""Debian's Chromium on the live webmail, with a witness for everything it asks for and everything it runs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

from tests.browser.laboratory import Laboratory
from tests.webmail.town_hall import PASSWORD, LiveWebmail, TownHall, live_webmail

# The same browser without the windows that nobody sees: half the work.
CHROMIUM = shutil.which("chromium-headless-shell") or "/usr/bin/chromium"
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking")
PATIENCE = 30_000  # milliseconds: for the slowest machine; a test that succeeds never waits for it
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    # Not for the whole session: while Playwright is open, this thread has a running loop and nobody may start one.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def laboratory(chromium: Browser) -> Iterator[Laboratory]:
    context = chromium.new_context(viewport={"width": 1200, "height": 900})
    context.set_default_timeout(30_000)
    yield Laboratory(context)
    context.close()


@pytest.fixture
def webmail(tmp_path: Path) -> Iterator[LiveWebmail]:
    with live_webmail(tmp_path) as live:
        yield live


@pytest.fixture
def hall(webmail: LiveWebmail) -> TownHall:
    return webmail.hall


class Witness:
    """Lets nothing out to the network, and writes down what wanted out, what ran, and what a policy forbade."""

    def __init__(self, context: BrowserContext, origin: str) -> None:
        self.origin = origin
        self.foreign: list[str] = []
        self.console: list[str] = []
        self.faults: list[str] = []
        context.route("**/*", self._route)
        context.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        context.on("weberror", lambda fault: self.faults.append(str(fault.error)))

    def _route(self, route: Route) -> None:
        if route.request.url.startswith(f"{self.origin}/"):
            route.continue_()
        else:  # what a policy forbade never comes this far
            self.foreign.append(route.request.url)
            route.abort()

    @property
    def complaints(self) -> list[str]:
        """Errors of ours, and violations of our own policy."""
        refused = re.compile(
            r"the server responded with a status of (401|409|422)"
        )  # a form that was filled in wrongly
        return [each for each in self.console if each.startswith("error") and not refused.search(each)] + self.faults


@pytest.fixture
def expected_complaints() -> list[str]:
    """Beginnings of console errors that a test provokes on purpose."""
    return []


@pytest.fixture
def open_browser(
    chromium: Browser, webmail: LiveWebmail, expected_complaints: list[str]
) -> Iterator[Callable[..., Page]]:
    """A page of a fresh profile.  At the end: no complaint was made and nothing was asked of anybody else."""
    contexts: list[tuple[BrowserContext, Witness]] = []

    def opened(*, width: int = 1366, height: int = 820, host: str = "127.0.0.1", **settings: Any) -> Page:
        url = webmail.url.replace("127.0.0.1", host)
        context = chromium.new_context(
            viewport={"width": width, "height": height}, base_url=url, locale="vi-VN", **settings
        )
        context.set_default_timeout(PATIENCE)
        contexts.append((context, Witness(context, url)))
        return context.new_page()

    yield opened
    for context, witness in contexts:
        context.close()
        assert witness.foreign == []
        unexpected = [each for each in witness.complaints if not each.startswith(tuple(expected_complaints) or ("\0",))]
        assert unexpected == []


@pytest.fixture
def sign_in(open_browser: Callable[..., Page], hall: TownHall) -> Callable[..., Page]:
    """A page of somebody signed in, showing the inbox."""

    def signed_in(login: str = "an", **settings: Any) -> Page:
        page = open_browser(**settings)
        asked = page.context.request  # shares the page's cookies; the form itself is tried in test_reading_mail
        token = re.search(r'name="csrf_token" value="([^"]+)"', asked.get("/login").text())
        assert token is not None
        asked.post(
            "/login", form={"csrf_token": token[1], "login": hall.address(login), "password": PASSWORD}, max_redirects=0
        )
        page.goto("/")
        expect(page.get_by_label("Tài khoản của")).to_be_visible()
        return page

    return signed_in
