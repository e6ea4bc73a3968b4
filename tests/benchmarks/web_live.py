"""Many people with the webmail open: each has a stream of news, mail comes for them, and they look at it.

One web worker serves them all.  Everybody who is told of a message asks for the list anew, as the page's script does.
"""

from __future__ import annotations

import asyncio
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import uvloop

from tests.benchmarks import corpus
from tests.benchmarks.citymail import CityMail
from tests.benchmarks.contender import REVERSE_PATH, Contender, address
from tests.benchmarks.figures import Figure, Values, percentile
from tests.benchmarks.metering import Meter, memory
from tests.benchmarks.series import Series
from tests.benchmarks.smtp_session import open_session
from tests.benchmarks.web_session import WebSession, signed_in

_RATE = 20  # deliveries a second
_MAIL_SIZE = 4096
_SIGNING_IN = 4  # at once
_SETTLING = 3.0
_READERS = 20  # who ask at the same time


@dataclass(frozen=True)
class WebLive(Series):
    people: int
    deliveries: int

    figures = (
        Figure("sign_in_per_s", "signing in (Argon2id)/s", "more"),
        Figure("pss_mb", "memory of all processes (PSS), MB", "less"),
        Figure("pss_kb_each", "memory a person (PSS), KB", "less"),
        Figure("idle_cpu_share", "server's CPU while nothing happens, % of a core", "less"),
        Figure("told_ms_p50", "mail handed in to news in the page: p50, ms", "less"),
        Figure("told_ms_p95", "mail handed in to news in the page: p95, ms", "less"),
        Figure("list_ms_p50", "the list anew: p50, ms", "less"),
        Figure("list_ms_p95", "the list anew: p95, ms", "less"),
        Figure("untold", "messages nobody was told of (must be 0)"),
    )

    @property
    def title(self) -> str:
        return f"{self.people} people with the webmail open"

    @property
    def settings(self) -> str:
        return f"one web worker, {self.deliveries} messages at {_RATE}/s"

    def measure(self, contender: Contender, run: int) -> Values:
        assert isinstance(contender, CityMail)
        contender.restart()
        port = contender.live.ports["http"]
        base = memory(contender.roots())
        with Meter(contender.roots) as whole:
            start = time.perf_counter()
            with ThreadPoolExecutor(_SIGNING_IN) as pool:
                sessions = list(pool.map(lambda number: signed_in(port, address(number)), range(self.people)))
            signing_in = time.perf_counter() - start
            for session in sessions:
                session.ask("GET", "/", wanted=303)
            found = uvloop.run(_Crowd(contender, sessions).measure(self.deliveries, run))
        pss = found.pop("pss")
        return {
            "sign_in_per_s": self.people / signing_in,
            "pss_mb": pss,
            "pss_kb_each": 1024 * (pss - base.pss) / self.people,
            **found,
            **whole.figures(),
        }


class _Crowd:
    def __init__(self, contender: CityMail, sessions: list[WebSession]) -> None:
        self.contender = contender
        self.sessions = sessions
        self.expected: dict[int, asyncio.Future[float]] = {}
        self.lists: list[float] = []

    async def measure(self, deliveries: int, seed: int) -> Values:
        streams = [await self._open(number) for number in range(len(self.sessions))]
        await asyncio.sleep(_SETTLING)
        pss = memory(self.contender.roots()).pss
        with Meter(self.contender.roots) as idling:
            await asyncio.sleep(_SETTLING)
        with ThreadPoolExecutor(_READERS) as pool:
            told, untold = await self._deliver(deliveries, random.Random(seed), pool)
        for task in streams:
            task.cancel()
        await asyncio.gather(*streams, return_exceptions=True)
        return {
            "pss": pss,
            "idle_cpu_share": 100 * idling.server / idling.wall,
            **{f"told_ms_p{share}": percentile(told, share) for share in (50, 95)},
            **{f"list_ms_p{share}": percentile(self.lists, share) for share in (50, 95)},
            "untold": untold,
        }

    async def _open(self, number: int) -> asyncio.Task[None]:
        session = self.sessions[number]
        reader, writer = await asyncio.open_connection("127.0.0.1", session.port)
        cookies = "; ".join(f"{name}={value}" for name, value in session.cookies.items())
        writer.write(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookies}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        return asyncio.create_task(self._listen(number, reader, writer))

    async def _listen(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while octets := await reader.read(65536):
                waiting = self.expected.get(number)
                if b'"arrived"' in octets and waiting is not None and not waiting.done():
                    waiting.set_result(time.perf_counter())
        finally:
            writer.close()

    async def _deliver(self, count: int, rng: random.Random, pool: ThreadPoolExecutor) -> tuple[list[float], int]:
        """Milliseconds from the message's body to the news of it; and how many had none."""
        loop = asyncio.get_running_loop()
        session = await open_session(self.contender.smtp_port)
        sent: list[tuple[asyncio.Future[float], float]] = []
        looking: list[asyncio.Future[None]] = []
        for number in range(count):
            start = time.perf_counter()
            who = rng.choice([each for each in range(len(self.sessions)) if each not in self.expected])
            heard = self.expected[who] = loop.create_future()
            heard.add_done_callback(lambda _, who=who: self._heard(who, looking, pool))
            stuffed = corpus.dot_stuffed(corpus.sized(number, _MAIL_SIZE, address(who)))
            body_at, _ = await session.send(REVERSE_PATH, [address(who)], stuffed)
            sent.append((heard, body_at))
            await asyncio.sleep(max(0.0, 1 / _RATE - (time.perf_counter() - start)))
        await asyncio.wait([heard for heard, _ in sent], timeout=20)
        await asyncio.gather(*looking)
        await session.quit()
        told = [1e3 * (heard.result() - body_at) for heard, body_at in sent if heard.done()]
        return told, len(sent) - len(told)

    def _heard(self, who: int, looking: list[asyncio.Future[None]], pool: ThreadPoolExecutor) -> None:
        looking.append(asyncio.get_running_loop().run_in_executor(pool, self._look, who))
        del self.expected[who]

    def _look(self, who: int) -> None:
        session = self.sessions[who]
        if not session.location.startswith("/mail/"):
            session.ask("GET", "/", wanted=303)
        inbox = session.location
        session.ask("GET", inbox, headers={"X-Fragments": "list,sidebar"})
        self.lists.append(session.spent)
        session.location = inbox
