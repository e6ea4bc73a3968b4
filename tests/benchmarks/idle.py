"""Idle connections: thousands sign in, select INBOX and wait; then mail comes for some of them.

Memory is that of the server's whole process tree.  The server is started anew before each run, so that every account
signs in for the first time; both hash passwords with Argon2id.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import uvloop

from tests.benchmarks import corpus
from tests.benchmarks.async_imap import AsyncImap, connect
from tests.benchmarks.contender import PASSWORD, REVERSE_PATH, Contender, address
from tests.benchmarks.figures import Figure, Values, spread
from tests.benchmarks.metering import Meter, memory
from tests.benchmarks.series import Series
from tests.benchmarks.smtp_session import open_session

_AT_ONCE = 50
# Deliveries a second while everybody waits.
_RATE = 20
_MAIL_SIZE = 4096
# Seconds until memory is read: the peer may give up idle processes by then.
_SETTLING = 6.0
_IDLE_SAMPLE = 5.0


@dataclass(frozen=True)
class Idle(Series):
    connections: int
    deliveries: int

    figures = (
        Figure("login_per_s", "first log-ins (Argon2id)/s", "more"),
        Figure("login_ms_p50", "first log-in, p50, ms", "less"),
        Figure("login_ms_p99", "first log-in, p99, ms", "less"),
        Figure("login_cpu_ms", "server's CPU a log-in, ms", "less"),
        Figure("select_per_s", "SELECT and IDLE, connections/s", "more"),
        Figure("pss_mb", "memory of all processes (PSS), MB", "less"),
        Figure("pss_kb_each", "memory a connection (PSS), KB", "less"),
        Figure("base_mb", "memory before the first connection, MB", "less"),
        Figure("rss_mb", "the same by RSS, MB"),
        Figure("processes", "processes"),
        Figure("idle_cpu_share", "server's CPU while idle, % of a core", "less"),
        Figure("push_ms_p50", "body sent to EXISTS, p50, ms", "less"),
        Figure("push_ms_p99", "body sent to EXISTS, p99, ms", "less"),
        Figure("push_after_250_ms_p50", "250 to EXISTS, p50, ms", "less"),
        Figure("push_after_250_ms_p99", "250 to EXISTS, p99, ms", "less"),
        Figure("unheard", "deliveries not told of (or two at once)"),
    )

    @property
    def title(self) -> str:
        return f"{self.connections:,} idle connections"

    @property
    def settings(self) -> str:
        return f"an account each, {self.deliveries} deliveries at {_RATE}/s"

    def measure(self, contender: Contender, run: int) -> Values:
        contender.restart()
        return uvloop.run(_Waiters(contender, self.connections).measure(self.deliveries, run))


@dataclass(slots=True)
class _Waiters:
    contender: Contender
    count: int
    clients: dict[int, AsyncImap] = field(default_factory=dict)
    # Account → who waits for its next EXISTS.
    expected: dict[int, asyncio.Future[float]] = field(default_factory=dict)

    async def measure(self, deliveries: int, seed: int) -> Values:
        base = memory(self.contender.roots())
        times: list[float] = []
        with Meter(self.contender.roots) as whole:
            with Meter(self.contender.roots) as logins:
                await self._each(lambda number: self._sign_in(number, times))
            with Meter(self.contender.roots) as selects:
                await self._each(self._idle)
            await asyncio.sleep(_SETTLING)
            full = memory(self.contender.roots())
            with Meter(self.contender.roots) as idling:
                await asyncio.sleep(_IDLE_SAMPLE)
            pushes = await self._deliver(deliveries, random.Random(seed))
        for client in self.clients.values():
            client.transport.abort()
        await asyncio.sleep(2.0)
        return {
            "login_per_s": self.count / logins.wall,
            **spread("login_ms", times),
            "login_cpu_ms": 1e3 * logins.server / self.count,
            "select_per_s": self.count / selects.wall,
            "pss_mb": full.pss,
            "pss_kb_each": 1024 * (full.pss - base.pss) / self.count,
            "base_mb": base.pss,
            "rss_mb": full.rss,
            "processes": full.processes,
            "idle_cpu_share": 100 * idling.server / idling.wall,
            **pushes,
            **whole.figures(),
        }

    async def _each(self, step: Callable[[int], Coroutine[Any, Any, None]]) -> None:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(number: int) -> None:
            async with gate:
                await step(number)

        await asyncio.gather(*(one(number) for number in range(self.count)))

    async def _sign_in(self, number: int, times: list[float]) -> None:
        start = time.perf_counter()
        client = await connect(self.contender.imap_port)
        await client.command(f'LOGIN "{self.contender.hashed_login(number)}" "{PASSWORD}"')
        times.append(1e3 * (time.perf_counter() - start))
        self.clients[number] = client

    async def _idle(self, number: int) -> None:
        client = self.clients[number]
        await client.command("SELECT INBOX")
        client.on_push = lambda octets: self._heard(number, octets)
        await client.idle()

    def _heard(self, number: int, octets: bytes) -> None:
        if b" EXISTS" in octets:
            waiting = self.expected.pop(number, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(time.perf_counter())

    async def _deliver(self, count: int, rng: random.Random) -> Values:
        """Milliseconds from the message's body, and from its 250, to the EXISTS."""
        session = await open_session(self.contender.smtp_port)
        sent: list[tuple[asyncio.Future[float], float, float]] = []
        for number in range(count):
            start = time.perf_counter()
            who = rng.randrange(self.count)
            heard: asyncio.Future[float] = asyncio.get_running_loop().create_future()
            self.expected[who] = heard
            stuffed = corpus.dot_stuffed(corpus.sized(number, _MAIL_SIZE, address(who)))
            sent.append((heard, *await session.send(REVERSE_PATH, [address(who)], stuffed)))
            await asyncio.sleep(max(0.0, 1 / _RATE - (time.perf_counter() - start)))
        await asyncio.wait([heard for heard, _, _ in sent], timeout=20)
        await session.quit()
        told = [(heard.result(), body_at, done_at) for heard, body_at, done_at in sent if heard.done()]
        return {
            **spread("push_ms", [1e3 * (at - body_at) for at, body_at, _ in told]),
            **spread("push_after_250_ms", [1e3 * (at - done_at) for at, _, done_at in told]),
            "unheard": len(sent) - len(told),
        }
