"""The webmail on the screen: Debian's Chromium on a mailbox of many messages, from the click to what was asked for.

Times are the browser's own (Navigation Timing, Paint Timing; of what is done with mouse and keyboard, from the event
until what was asked for can be seen, looked at as often as the browser paints), but for new mail, whose time begins
outside.  The driver runs on the same two cores.
"""

from __future__ import annotations

import abc
import asyncio
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Page, sync_playwright

from tests.benchmarks import corpus
from tests.benchmarks.citymail import CityMail
from tests.benchmarks.contender import COLLECTOR, PASSWORD, REVERSE_PATH, Contender
from tests.benchmarks.figures import Figure, Values, percentile
from tests.benchmarks.metering import Meter
from tests.benchmarks.roundcube import Roundcube
from tests.benchmarks.series import Series
from tests.benchmarks.smtp_session import open_session
from tests.benchmarks.web_pages import fill

_CHROMIUM = "/usr/bin/chromium"
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
_PATIENCE = 60_000
_SIZE = {"width": 1440, "height": 900}
_TIMINGS = """() => [performance.getEntriesByType('navigation')[0].responseStart,
    performance.getEntriesByName('first-contentful-paint')[0].startTime]"""
# Looked for as often as the browser paints; the moment at which it was seen.  The page's policy allows no eval, which
# Playwright's own waiting for an expression would need.
_LOOK = """(given) => new Promise((resolve, reject) => {
    const end = performance.now() + %d;
    const look = () => {
        if (%s) resolve(performance.now());
        else if (performance.now() > end) reject(new Error("never seen"));
        else requestAnimationFrame(look);
    };
    look();
})"""
# As with the scroll bar; and whether there is a row in the middle of what is in sight.
_SCROLL = """(share) => {
    const rows = document.querySelector("[data-rows]");
    window.begunAt = performance.now();
    rows.scrollTop = share * (rows.scrollHeight - rows.clientHeight);
}"""
_ROW_IN_SIGHT = """((at) =>
    document.elementFromPoint(at.left + at.width / 2, at.top + at.height / 2)?.closest("[data-item]")
)(document.querySelector("[data-rows]").getBoundingClientRect())"""
# Whether the frame of this address is where it is read, and has loaded.
_TEXT_IN_PANE = """[...document.querySelectorAll("#reading iframe")].some((frame) =>
    frame.getAttribute("src").startsWith(given) && frame.contentDocument?.URL.includes(given)
    && frame.contentDocument.readyState === "complete" && frame.contentDocument.body.textContent.trim())"""
_FIRST_ROW_HAS = "document.querySelector('[data-item]')?.textContent.includes(given)"
_STEPS = {
    "first_byte": "first byte of the mail screen",
    "first_paint": "first paint of the mail screen",
    "open": "open a message",
    "row": "any row of the list",
    "search": "search",
    "arrival": "new mail on the screen",
}


@dataclass(frozen=True)
class WebScreen(Series):
    count: int  # of messages
    tries: int

    figures = tuple(
        Figure(f"{step}_ms_{share}", f"{name}: {share}, ms", "less")
        for step, name in _STEPS.items()
        for share in ("p50", "p95")
    )

    @property
    def title(self) -> str:
        return f"webmail in Chromium, {self.count:,} messages"

    @property
    def settings(self) -> str:
        return f"{self.tries} times each, {_SIZE['width']} × {_SIZE['height']}"

    def prepare(self, contender: Contender) -> Values:
        fill(contender, self.count)
        return {}

    def measure(self, contender: Contender, run: int) -> Values:
        times: dict[str, list[float]] = {}
        with Meter(contender.roots) as meter, _page() as page:
            screen = _screen(contender, page, random.Random(run))
            screen.sign_in()
            for number in range(self.tries + 1):  # the first of everything pays for what the others find
                for step, spent in screen.walk().items():
                    if number:
                        times.setdefault(step, []).append(spent)
        return {
            f"{step}_ms_p{share}": percentile(found, share) for step, found in times.items() for share in (50, 95)
        } | meter.figures()


@contextmanager
def _page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_ARGUMENTS)
        page = browser.new_page(viewport=_SIZE)  # type: ignore[arg-type]
        page.set_default_timeout(_PATIENCE)
        yield page
        browser.close()


def _screen(contender: Contender, page: Page, chance: random.Random) -> Screen:
    if isinstance(contender, CityMail):
        return CityMailScreen(page, contender.live.ports["http"], chance, contender.smtp_port)
    assert isinstance(contender, Roundcube)
    return RoundcubeScreen(page, contender.web_port, chance)


class Screen(abc.ABC):
    def __init__(self, page: Page, port: int, chance: random.Random) -> None:
        self.page = page
        self.origin = f"http://127.0.0.1:{port}"
        self.chance = chance

    @abc.abstractmethod
    def sign_in(self) -> None: ...

    @abc.abstractmethod
    def walk(self) -> dict[str, float]:
        """Every step once, in milliseconds."""

    def _loaded(self, path: str, row: str) -> dict[str, float]:
        self.page.goto(f"{self.origin}{path}")
        self.page.wait_for_selector(row)
        self._seen("performance.getEntriesByName('first-contentful-paint').length")
        first_byte, first_paint = self.page.evaluate(_TIMINGS)
        return {"first_byte": first_byte, "first_paint": first_paint}

    def _watch(self) -> None:
        """Count the frames that have loaded, for nobody else can look into all of them; and note what began when."""
        self.page.evaluate(
            """() => {
                window.framesLoaded = 0;
                document.addEventListener("load", (event) => {
                    if (event.target.tagName === "IFRAME") window.framesLoaded += 1;
                }, true);
                for (const name of ["click", "keydown"])
                    document.addEventListener(name, (event) => { window.begunAt = event.timeStamp; }, true);
            }"""
        )

    def _seen(self, expression: str, given: object = None) -> float:
        """When the page saw that ``expression``, of ``given``, holds; by its own clock."""
        return float(self.page.evaluate(_LOOK % (_PATIENCE, expression), given))

    def _until(self, action: Callable[[], object], expression: str, given: object = None) -> float:
        """Milliseconds from what the browser was told to do until ``expression`` holds."""
        action()
        return self._seen(expression, given) - float(self.page.evaluate("window.begunAt"))


class CityMailScreen(Screen):
    def __init__(self, page: Page, port: int, chance: random.Random, smtp_port: int) -> None:
        super().__init__(page, port, chance)
        self._smtp_port = smtp_port
        self._inbox = ""
        self._sent = 0

    def sign_in(self) -> None:
        self.page.goto(f"{self.origin}/login")
        self.page.fill("input[name=login]", COLLECTOR)
        self.page.fill("input[name=password]", PASSWORD)
        self.page.press("input[name=password]", "Enter")
        self.page.wait_for_selector("[data-item]")
        self._inbox = self.page.url.removeprefix(self.origin)

    def walk(self) -> dict[str, float]:
        found = self._loaded(self._inbox, "[data-item]")
        self._watch()
        row = f"[data-item]:nth-child({self.chance.randint(2, 10)})"
        path = self.page.get_attribute(f"{row} .row-link", "href")
        found["open"] = self._until(lambda: self.page.click(f"{row} .subject"), _TEXT_IN_PANE, f"{path}/body")
        found["arrival"] = self._arrival()
        found["row"] = self._row()
        box = "input[name=q]"
        self.page.fill(box, corpus.SUBJECT_MARK)
        found["search"] = self._until(
            lambda: self.page.press(box, "Enter"),
            f"location.pathname === '/search' && {_FIRST_ROW_HAS}",
            corpus.SUBJECT_MARK,
        )
        return found

    def _row(self) -> float:
        """Scrolled to some place far away, as with the bar, until the rows there can be read."""
        return self._until(lambda: self.page.evaluate(_SCROLL, self.chance.random()), _ROW_IN_SIGHT)

    def _arrival(self) -> float:
        self._sent += 1
        mark = f"moi-{self._sent}-{self.chance.randrange(10**9)}"
        letter = f"From: <{REVERSE_PATH}>\r\nTo: <{COLLECTOR}>\r\nSubject: {mark}\r\n\r\nx\r\n.\r\n".encode()

        async def hand_in() -> None:
            session = await open_session(self._smtp_port)
            await session.send(REVERSE_PATH, [COLLECTOR], letter)
            await session.quit()

        with ThreadPoolExecutor(1) as pool:
            start = time.perf_counter()
            pool.submit(asyncio.run, hand_in()).result()
            self._seen(_FIRST_ROW_HAS, mark)
            return 1e3 * (time.perf_counter() - start)


class RoundcubeScreen(Screen):
    def sign_in(self) -> None:
        self.page.goto(f"{self.origin}/")
        self.page.fill("#rcmloginuser", COLLECTOR)
        self.page.fill("#rcmloginpwd", PASSWORD)
        self.page.press("#rcmloginpwd", "Enter")
        self.page.wait_for_selector("#messagelist tbody tr")

    def walk(self) -> dict[str, float]:
        found = self._loaded("/?_task=mail&_mbox=INBOX", "#messagelist tbody tr")
        self._watch()
        row = f"#messagelist tbody tr:nth-child({self.chance.randint(2, 10)})"
        before = self.page.evaluate("window.framesLoaded")
        found["open"] = self._until(
            lambda: self.page.click(f"{row} span.subject"), "window.framesLoaded > given", before
        )
        self.page.fill("#mailsearchform", corpus.SUBJECT_MARK)
        found["search"] = self._until(
            lambda: self.page.press("#mailsearchform", "Enter"),
            "document.querySelector('#messagelist tbody tr')?.textContent.includes(given)",
            corpus.SUBJECT_MARK,
        )
        return found
