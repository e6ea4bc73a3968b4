"""The relay: mail to a thousand domains, until the last of it has been taken on the far side.

``live``: an official's programs hand it in while it is sent on, and everything counts.  ``backlog``: whoever sends is
stopped (SIGSTOP) until all is queued, so that sending alone counts.  With the dead: of every ten domains three are out
of reach, and what counts is when the living have theirs.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

import uvloop

from tests.benchmarks import corpus, far_side
from tests.benchmarks.contender import PASSWORD, Contender, address
from tests.benchmarks.far_side import DOMAINS, Sink, sinking
from tests.benchmarks.figures import Figure, Values
from tests.benchmarks.metering import Meter
from tests.benchmarks.series import Series
from tests.benchmarks.smtp_session import open_session

_SESSIONS = 20
_SIZE = 4096
# Seconds without a message after which nobody waits for the rest.
_PATIENCE = 30.0
_DEAD_OF_TEN = 3


@dataclass(frozen=True)
class Relay(Series):
    """``count`` messages to all domains, one recipient each; ``dead``: three tenths of them to the dead."""

    count: int
    backlog: bool = False
    dead: bool = False
    # The living's share alone, to set beside the mixed case.
    living_only: bool = False

    figures = (
        Figure("relayed_per_s", "taken on the far side, messages/s", "more"),
        Figure("queued_per_s", "handed in, messages/s", "more"),
        Figure("missing", "not taken when nothing more came", "less"),
        Figure("server_cpu_ms", "server's CPU a message, ms", "less"),
    )

    @property
    def title(self) -> str:
        kind = "backlog" if self.backlog else "live"
        return f"relay, {kind}" + (
            ", 30 % dead" if self.dead else ", the living of these alone" if self.living_only else ""
        )

    @property
    def settings(self) -> str:
        return f"{self.count:,} messages of {_SIZE / 1024:.0f} KB, {DOMAINS:,} domains, smtp-sink"

    def measure(self, contender: Contender, run: int) -> Values:
        with sinking() as sink:
            return uvloop.run(self._measure(contender, sink))

    async def _measure(self, contender: Contender, sink: Sink) -> Values:
        messages = list(self._messages())
        wanted = sum(to.partition("@")[2].startswith("d") for to, _ in messages)
        senders = contender.senders() if self.backlog else []
        if self.backlog and not senders:
            raise LookupError("nobody who sends was found")
        for pid in senders:
            os.kill(pid, signal.SIGSTOP)
        try:
            start = time.perf_counter()
            with Meter(contender.roots) as meter:
                await self._hand_in(contender, messages)
                queued = time.perf_counter()
                if not self.backlog:
                    await _wait_for(sink, wanted)
            if self.backlog:
                await asyncio.sleep(1.0)
                start = time.perf_counter()
                with Meter(contender.roots) as meter:
                    for pid in senders:
                        os.kill(pid, signal.SIGCONT)
                    await _wait_for(sink, wanted)
        finally:
            for pid in senders:
                os.kill(pid, signal.SIGCONT)
        values = {
            "relayed_per_s": sink.count / (sink.counted_at - start),
            "missing": wanted - sink.count,
            "server_cpu_ms": 1e3 * meter.server / len(messages),
            **meter.figures(),
        }
        if not self.backlog:
            values["queued_per_s"] = len(messages) / (queued - start)
        return values

    def _messages(self) -> Iterator[tuple[str, bytes]]:
        """All made before the clock starts; every body is its own."""
        for number in range(self.count):
            place = number % DOMAINS
            is_dead = place % 10 < _DEAD_OF_TEN
            if is_dead and self.living_only:
                continue
            domain = far_side.dead(place) if is_dead and self.dead else far_side.living(place)
            to = f"nguoi{number}@{domain}"
            yield to, corpus.dot_stuffed(corpus.sized(number, _SIZE, to, author=address(0)))

    async def _hand_in(self, contender: Contender, messages: list[tuple[str, bytes]]) -> None:
        waiting = iter(messages)

        async def work() -> None:
            session = await open_session(contender.outgoing_port, tls=contender.asks_for_login)
            if contender.asks_for_login:
                await session.log_in(address(0), PASSWORD)
            for to, stuffed in waiting:
                await session.send(address(0), [to], stuffed)
            await session.quit()

        await asyncio.gather(*(work() for _ in range(_SESSIONS)))


async def _wait_for(sink: Sink, wanted: int) -> None:
    """Until the sink has them all, or no more come."""
    last, since = -1, time.perf_counter()
    while sink.count < wanted and time.perf_counter() - since < _PATIENCE:
        if sink.count != last:
            last, since = sink.count, time.perf_counter()
        await asyncio.sleep(0.02)
