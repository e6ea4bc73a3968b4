"""The webmail over HTTP, on a mailbox of many messages: what a person does, action by action, and many at once.

Only what a browser asks for at the action is counted.  Roundcube's preview pane is what is compared with opening a
message; its search in subject and sender with ours, which looks everywhere.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from tests.benchmarks import corpus
from tests.benchmarks.blocking_imap import BlockingImap
from tests.benchmarks.citymail import CityMail
from tests.benchmarks.contender import COLLECTOR, PASSWORD, Contender
from tests.benchmarks.figures import Figure, Values, percentile
from tests.benchmarks.metering import Meter
from tests.benchmarks.roundcube import Roundcube
from tests.benchmarks.series import Series
from tests.benchmarks.sync import append_together, corpus_items
from tests.benchmarks.web_browsers import ROWS, CityMailBrowser, RoundcubeBrowser, WebBrowser

_BATCH = 100
_STEPS = {
    "sign_in": "signing in",
    "whole_page": "the whole screen",
    "first_page": "first page",
    "far_page": "a page in the middle",
    "open_message": "open a message",
    "search_heads": "search subject and sender",
    "mark": "star a message",
}


@dataclass(frozen=True)
class WebPages(Series):
    count: int  # of messages
    tries: int
    browsers: int  # at once
    text_searches: int = 3
    _filled: set[str] = field(default_factory=set)

    figures = (
        *(
            Figure(f"{step}_ms_{share}", f"{name}: {share}, ms", "less")
            for step, name in _STEPS.items()
            for share in ("p50", "p95")
        ),
        Figure("search_text_ms_p50", "search the whole text: p50, ms", "less"),
        Figure("actions_per_s", "actions of all browsers at once/s", "more"),
        Figure("server_cpu_ms", "server's CPU an action, ms", "less"),
    )

    @property
    def title(self) -> str:
        return f"webmail over HTTP, {self.count:,} messages"

    @property
    def settings(self) -> str:
        return f"{self.tries} times each, then {self.browsers} browsers"

    def prepare(self, contender: Contender) -> Values:
        fill(contender, self.count)
        return {}

    def measure(self, contender: Contender, run: int) -> Values:
        times: dict[str, list[float]] = {}
        browser = _browser(contender, run)
        self._walk(browser, {})  # the first of everything pays for what the others find
        for number in range(self.tries):
            self._walk(browser, times, search_text=number < self.text_searches)
        browser.close()
        with Meter(contender.roots) as meter:
            actions = self._at_once(contender, run)
        values = {"search_text_ms_p50": percentile(times.pop("search_text"), 50)}
        for step, found in times.items():
            values |= {f"{step}_ms_p{share}": percentile(found, share) for share in (50, 95)}
        values["actions_per_s"] = actions / meter.wall
        values["server_cpu_ms"] = 1e3 * meter.server / actions
        return values | meter.figures()

    def _walk(self, browser: WebBrowser, times: dict[str, list[float]], *, search_text: bool = False) -> int:
        """A browser's way through all actions; how many they were."""
        middle = browser.chance.randint(2, self.count // ROWS - 1)
        steps: list[tuple[str, tuple[int | str, ...]]] = [
            ("sign_in", ()),
            ("whole_page", ()),
            ("first_page", ()),
            ("open_message", ()),
            ("mark", ()),
            ("far_page", (middle,)),
            ("search_heads", (corpus.SUBJECT_MARK,)),
        ]
        if search_text:
            steps.append(("search_text", (corpus.RARE_WORD,)))
        for step, wanted in steps:
            if step == "sign_in":
                browser.session.cookies.clear()
            times.setdefault(step, []).append(browser.timed(step, *wanted))
        return len(steps)

    def _at_once(self, contender: Contender, run: int) -> int:
        done: list[int] = []

        def work(number: int) -> None:
            browser = _browser(contender, 1000 * run + number)
            done.extend(self._walk(browser, {}) for _ in range(max(1, self.tries // self.browsers)))
            browser.close()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(self.browsers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expected = self.browsers * max(1, self.tries // self.browsers)
        assert len(done) == expected, "a browser failed"
        return sum(done)


def fill(contender: Contender, count: int) -> None:
    """The collector's INBOX, from message 0 on, where it is not full already."""
    client = BlockingImap(contender.imap_port, COLLECTOR, PASSWORD)
    for first in range(client.status("INBOX"), count, _BATCH):
        append_together(client, "INBOX", corpus_items(first, min(first + _BATCH, count)))
    client.command("SELECT INBOX")
    client.command(f"SEARCH TEXT {corpus.RARE_WORD}")  # whoever indexes has done so
    client.close()
    time.sleep(1.0)


def _browser(contender: Contender, seed: int) -> WebBrowser:
    if isinstance(contender, CityMail):
        return CityMailBrowser(contender.live.ports["http"], seed)
    assert isinstance(contender, Roundcube)
    return RoundcubeBrowser(contender.web_port, seed)
