"""Ingest: many SMTP sessions deliver to a hundred mailboxes, until the last 250 and until every message is visible.

Visible is what IMAP STATUS says, on connections that were opened before the clock started.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

import uvloop

from tests.benchmarks import corpus
from tests.benchmarks.async_imap import AsyncImap, sign_in
from tests.benchmarks.contender import PASSWORD, REVERSE_PATH, Contender, address
from tests.benchmarks.figures import Figure, Values, spread
from tests.benchmarks.metering import Meter
from tests.benchmarks.series import Series
from tests.benchmarks.smtp_session import open_session

_RECIPIENTS = 100
_SESSIONS = 20
_PATIENCE = 300.0


@dataclass(frozen=True)
class Ingest(Series):
    """``count`` messages of ``size`` octets, one recipient each."""

    size: int
    count: int

    figures = (
        Figure("visible_per_s", "until visible, messages/s", "more"),
        Figure("accepted_per_s", "until 250, messages/s", "more"),
        Figure("accepted_ms_p50", "MAIL to 250, p50, ms", "less"),
        Figure("accepted_ms_p99", "MAIL to 250, p99, ms", "less"),
        Figure("server_cpu_ms", "server's CPU a message, ms", "less"),
    )

    @property
    def title(self) -> str:
        return f"ingest, {self.size / 1024:.0f} KB"

    @property
    def settings(self) -> str:
        return f"{self.count:,} messages, {_SESSIONS} sessions, PIPELINING, {_RECIPIENTS} mailboxes"

    def measure(self, contender: Contender, run: int) -> Values:
        return uvloop.run(self._measure(contender))

    async def _measure(self, contender: Contender) -> Values:
        watchers = await asyncio.gather(
            *(sign_in(contender.imap_port, address(number), PASSWORD) for number in range(_RECIPIENTS))
        )
        before = await asyncio.gather(*(watcher.status() for watcher in watchers))
        wanted = [had + len(range(number, self.count, _RECIPIENTS)) for number, had in enumerate(before)]
        messages = iter(list(self._messages()))
        times: list[float] = []
        with Meter(contender.roots) as meter:
            start = time.perf_counter()
            await asyncio.gather(*(_deliver(contender.smtp_port, messages, times) for _ in range(_SESSIONS)))
            accepted = time.perf_counter()
            await _wait_until_visible(list(zip(watchers, wanted, strict=True)))
            visible = time.perf_counter()
        for watcher in watchers:
            watcher.transport.abort()
        return {
            "accepted_per_s": self.count / (accepted - start),
            "visible_per_s": self.count / (visible - start),
            **spread("accepted_ms", [1e3 * each for each in times]),
            "server_cpu_ms": 1e3 * meter.server / self.count,
            **meter.figures(),
        }

    def _messages(self) -> Iterator[tuple[str, bytes]]:
        """All made before the clock starts."""
        for number in range(self.count):
            to = address(number % _RECIPIENTS)
            yield to, corpus.dot_stuffed(corpus.sized(number, self.size, to))


async def _deliver(port: int, messages: Iterator[tuple[str, bytes]], times: list[float]) -> None:
    session = await open_session(port)
    for to, stuffed in messages:
        start = time.perf_counter()
        _, end = await session.send(REVERSE_PATH, [to], stuffed)
        times.append(end - start)
    await session.quit()


async def _wait_until_visible(watched: list[tuple[AsyncImap, int]]) -> None:
    deadline = time.perf_counter() + _PATIENCE
    while True:
        counts = await asyncio.gather(*(watcher.status() for watcher, _ in watched))
        watched = [each for each, count in zip(watched, counts, strict=True) if count < each[1]]
        if not watched:
            return
        if time.perf_counter() > deadline:
            raise TimeoutError(f"{len(watched)} mailboxes lack messages after {_PATIENCE:.0f} s")
        await asyncio.sleep(0.02)
