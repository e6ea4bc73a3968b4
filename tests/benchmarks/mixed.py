"""Many clients at once, each with the small things that mail programs do all day, for some seconds.

A session signs in, lists the newest, opens three messages and marks them, asks for counts, searches, keeps a draft now
and then, waits a moment and goes; then again.  Nobody pauses to think: the server is full.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import defaultdict
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import uvloop

from tests.benchmarks import corpus
from tests.benchmarks.async_imap import AsyncImap, connect
from tests.benchmarks.blocking_imap import BlockingImap
from tests.benchmarks.contender import PASSWORD, Contender, address
from tests.benchmarks.figures import Figure, Values, spread
from tests.benchmarks.metering import Meter
from tests.benchmarks.refused import RefusedByServer
from tests.benchmarks.series import Series
from tests.benchmarks.sync import append_together, corpus_items

T = TypeVar("T")

_MAILBOX = "Mixed"
_STEPS = ("login", "select", "newest", "body", "mark", "status", "unseen", "subject", "draft", "noop", "idle")


class _Over(Exception):
    """No error: the time is up."""


@dataclass(frozen=True)
class Mixed(Series):
    clients: int
    seconds: int
    messages: int

    figures = (
        Figure("commands_per_s", "commands/s", "more"),
        Figure("all_ms_p50", "all commands, p50, ms", "less"),
        Figure("all_ms_p99", "all commands, p99, ms", "less"),
        Figure("server_cpu_ms", "server's CPU a command, ms", "less"),
        *(Figure(f"{step}_ms_{share}", f"{step}, {share}, ms", "less") for step in _STEPS for share in ("p50", "p99")),
        Figure("failures", "sessions that broke (must be 0)"),
    )

    @property
    def title(self) -> str:
        return f"{self.clients} busy clients"

    @property
    def settings(self) -> str:
        return f"{self.messages} messages each, no pauses, {self.seconds} s"

    def prepare(self, contender: Contender) -> Values:
        if contender.is_variant:
            return {}  # its mail is there
        for number in range(self.clients):
            client = BlockingImap(contender.imap_port, address(number), PASSWORD)
            client.command(f"CREATE {_MAILBOX}")
            for first in range(0, self.messages, 100):
                base = number % 50 * 1000 + first
                append_together(client, _MAILBOX, corpus_items(base, base + min(100, self.messages - first)))
            client.close()
        return {}

    def measure(self, contender: Contender, run: int) -> Values:
        contender.take_over()
        return uvloop.run(self._measure(contender, run))

    async def _measure(self, contender: Contender, run: int) -> Values:
        times: dict[str, list[float]] = defaultdict(list)
        with Meter(contender.roots) as meter:
            end = time.perf_counter() + self.seconds
            rngs = [random.Random(run * 10_000 + number) for number in range(self.clients)]
            outcomes = await asyncio.gather(
                *(
                    _Client(contender, address(number), self.messages, end, rng, times).work()
                    for number, rng in enumerate(rngs)
                ),
                return_exceptions=True,
            )
        broken = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if len(broken) == self.clients:
            raise broken[0]
        every = [each for step in times.values() for each in step]
        values = {
            "commands_per_s": len(every) / self.seconds,
            **spread("all_ms", every),
            "server_cpu_ms": 1e3 * meter.server / max(1, len(every)),
            "failures": len(broken),
            **meter.figures(),
        }
        for step in _STEPS:
            values |= spread(f"{step}_ms", times[step])
        return values


@dataclass(slots=True)
class _Client:
    contender: Contender
    login: str
    messages: int
    end: float
    rng: random.Random
    times: dict[str, list[float]]
    imap: AsyncImap | None = field(default=None)

    async def work(self) -> None:
        try:
            await asyncio.sleep(self.rng.random() * 0.2)
            while time.perf_counter() < self.end:
                await self._session()
        except _Over:
            pass
        finally:
            if self.imap is not None:
                self.imap.transport.abort()

    async def _session(self) -> None:
        self.imap = imap = await self._timed("login", self._sign_in())
        await self._timed("select", imap.command(f"SELECT {_MAILBOX}"))
        newest = f"{self.messages - 19}:*"
        items = "(UID FLAGS ENVELOPE INTERNALDATE RFC822.SIZE BODYSTRUCTURE)"
        await self._timed("newest", imap.command(f"FETCH {newest} {items}"))
        for _ in range(3):
            place = self.rng.randint(max(1, self.messages - 100), self.messages)
            sign = "+" if self.rng.random() < 0.7 else "-"
            await self._timed("body", imap.command(f"FETCH {place} (BODY.PEEK[])"))
            await self._timed("mark", imap.command(f"STORE {place} {sign}FLAGS (\\Seen)"))
        await self._timed("status", imap.command("STATUS INBOX (MESSAGES UNSEEN UIDNEXT)"))
        await self._timed("unseen", imap.command("SEARCH UNSEEN"))
        if self.rng.random() < 0.25:
            await self._timed("subject", imap.command(f"SEARCH SUBJECT {corpus.SUBJECT_MARK}"))
        if self.rng.random() < 0.1:
            octets = corpus.sized(self.rng.randrange(2000), 4096, self.login)
            await self._timed("draft", imap.command(b"APPEND Drafts (\\Draft) {%d+}\r\n%s" % (len(octets), octets)))
        await self._timed("noop", imap.command("NOOP"))
        await self._timed("idle", self._idle(imap))
        with contextlib.suppress(EOFError, RefusedByServer):
            await imap.command("LOGOUT")
        imap.transport.close()

    async def _sign_in(self) -> AsyncImap:
        client = await connect(self.contender.imap_port)
        await client.command(f'LOGIN "{self.login}" "{PASSWORD}"')
        return client

    async def _idle(self, imap: AsyncImap) -> None:
        await imap.idle()
        await imap.done()

    async def _timed(self, step: str, doing: Coroutine[Any, Any, T]) -> T:
        start = time.perf_counter()
        result = await doing
        now = time.perf_counter()
        if now > self.end:
            raise _Over
        self.times[step].append(1e3 * (now - start))
        return result
