"""The district level dissolved and 273 wards made into 168 units, while mail comes in at a steady rate.

The plan is worked out and applied by a process of its own, as the steward does; four sessions hand messages to
officials and to mailboxes of units all the time.  Lost is what was acknowledged and is in nobody's INBOX.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import uvloop
from sqlalchemy import select

from directory.database import open_directory
from directory.plans import life
from directory.tables import account
from tests.benchmarks import corpus
from tests.benchmarks.contender import REVERSE_PATH, Server
from tests.benchmarks.figures import Figure, Values, percentile
from tests.benchmarks.metering import Meter
from tests.benchmarks.series import Series
from tests.benchmarks.smtp_session import open_session
from tests.directory.plans.synthetic import DOMAIN, Sizes, build
from tests.live import LiveServer

_SESSIONS = 4
_MAIL_SIZE = 4096
# Messages a second, and seconds of them before and after.
_RATE, _APART = 40, 10.0
_AUTHOR, _APPROVER = "bench-author", "bench-approver"


class City(Server):
    """CityMail with a whole synthetic city on the eve of its reorganisation."""

    name = "CityMail"

    def __init__(self, folder: Path, sizes: Sizes) -> None:
        self._folder = folder
        self._sizes = sizes
        self._live: LiveServer | None = None

    @property
    def live(self) -> LiveServer:
        assert self._live is not None, "install first"
        return self._live

    def install(self) -> None:
        self._live = LiveServer(
            self._folder,
            settings={
                "city": {"domain": DOMAIN, "hostname": f"mail.{DOMAIN}"},
                "workers": {"web": 0},
                "log": {"level": "warning"},
            },
        )
        directory = open_directory(self._live.config.directory_url)
        try:
            self.source = dict(build(directory, self._sizes).plan.source)
            # its day is past, and what it redirects must still be
            self.source["plan.toml"] += "redirect_until = 2099-12-31\n"
            with directory.read() as conn:
                logins = list(conn.execute(select(account.c.login).order_by(account.c.login)).scalars())
        finally:
            directory.close()
        # half to people, half to the mailboxes of districts and wards, many of which end
        self.units = [login for login in logins if login.startswith("ubnd.")]
        self.people = [login for login in logins if not login.startswith("ubnd.")]

    def start(self) -> None:
        self.live.start()

    def stop(self) -> None:
        if self._live is not None and self._live.process is not None:
            self._live.stop()

    def roots(self) -> list[int]:
        return [self.live.process.pid] if self.live.process is not None else []

    def in_inboxes(self) -> int:
        database = sqlite3.connect(self.live.config.data / "mail.db", timeout=60)
        try:
            statement = "SELECT count(*) FROM placement p JOIN mailbox m ON m.id = p.mailbox_id WHERE m.name = 'INBOX'"
            return int(database.execute(statement).fetchone()[0])
        finally:
            database.close()


# What the other process does: each tells its processor seconds, and how many rows or what it made.


def _open(url: str) -> tuple[float, None]:
    """So that it has all it needs."""
    open_directory(url).close()
    return time.process_time(), None


def _propose(url: str, source: dict[str, str]) -> tuple[float, str]:
    from directory.plans.reading import parse_source

    began, directory = time.process_time(), open_directory(url)
    with directory.write() as conn:
        found = life.propose(conn, _AUTHOR, parse_source(source))
    directory.close()
    return time.process_time() - began, found.id


def _approve(url: str, plan_id: str) -> tuple[float, str]:
    began, directory = time.process_time(), open_directory(url)
    with directory.write() as conn:
        life.approve(conn, _APPROVER, plan_id)
    directory.close()
    return time.process_time() - began, plan_id


def _apply(url: str, plan_id: str) -> tuple[float, int]:
    began, directory = time.process_time(), open_directory(url)
    effects = life.apply(directory, _AUTHOR, plan_id)
    directory.close()
    return time.process_time() - began, len(effects.changes)


def _undo(url: str, plan_id: str) -> tuple[float, int]:
    began, directory = time.process_time(), open_directory(url)
    rows = life.undo(directory, _AUTHOR, plan_id)
    directory.close()
    return time.process_time() - began, rows


@dataclass
class _Flow:
    """Messages as they go in: when each was begun, and how long until its 250."""

    city: City
    chance: random.Random
    times: list[tuple[float, float]] = field(default_factory=list)
    is_over: bool = False

    async def run(self) -> None:
        await asyncio.gather(*(self._session(number) for number in range(_SESSIONS)))

    async def _session(self, number: int) -> None:
        session = await open_session(self.city.live.ports["smtp"])
        due = time.perf_counter() + number / _RATE
        while not self.is_over:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            due = max(due + _SESSIONS / _RATE, time.perf_counter() - 1)
            reader = self.chance.choice(self.city.people if self.chance.random() < 0.5 else self.city.units)
            stuffed = corpus.dot_stuffed(corpus.sized(len(self.times), _MAIL_SIZE, reader))
            start = time.perf_counter()
            await session.send(REVERSE_PATH, [reader], stuffed)
            self.times.append((start, time.perf_counter() - start))
        await session.quit()

    def between(self, start: float, end: float) -> list[float]:
        """Milliseconds, of messages under way in this time."""
        return [1e3 * took for at, took in self.times if at < end and at + took > start]


@dataclass(frozen=True)
class Reorganisation(Series):
    sizes: Sizes

    figures = (
        Figure("propose_s", "proposed (worked out, checked), s", "less"),
        Figure("apply_s", "applied, s", "less"),
        Figure("apply_cpu_s", "applied: its CPU, s", "less"),
        Figure("undo_s", "undone, s", "less"),
        Figure("rows", "rows changed"),
        Figure("before_p50", "MAIL to 250 before, p50, ms", "less"),
        Figure("during_p50", "MAIL to 250 during it, p50, ms", "less"),
        Figure("during_p99", "MAIL to 250 during it, p99, ms", "less"),
        Figure("stall_ms", "longest wait of a message during it, ms", "less"),
        Figure("messages", "messages during it"),
        Figure("lost", "lost of all", "less"),
    )

    @property
    def title(self) -> str:
        return "reorganisation while mail comes in"

    @property
    def settings(self) -> str:
        sizes = self.sizes
        return f"{sizes.officials:,} officials, {sizes.wards} wards into {sizes.new_wards}, {_RATE} messages/s"

    def measure(self, contender: City, run: int) -> Values:
        url = contender.live.config.directory_url
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart, Meter(contender.roots) as whole:
            values = uvloop.run(_measure(contender, url, apart, run))
        return values | whole.figures()


async def _measure(city: City, url: str, apart: ProcessPoolExecutor, run: int) -> Values:
    flow = _Flow(city, random.Random(run))
    before = city.in_inboxes()
    flowing = asyncio.create_task(flow.run())
    loop = asyncio.get_running_loop()

    async def step(call: Callable[..., tuple[float, object]], *arguments: object) -> tuple[float, float, float, object]:
        start = time.perf_counter()
        cpu, found = await loop.run_in_executor(apart, call, *arguments)
        return start, time.perf_counter(), cpu, found

    await step(_open, url)
    began = time.perf_counter()
    await asyncio.sleep(_APART)
    start, end, _, plan_id = await step(_propose, url, city.source)
    values: Values = {"propose_s": end - start, "before_p50": percentile(flow.between(began, start), 50)}
    await step(_approve, url, plan_id)
    start, end, cpu, rows = await step(_apply, url, plan_id)
    during = flow.between(start, end)
    await asyncio.sleep(_APART)
    undo_start, undo_end, _, _ = await step(_undo, url, plan_id)
    await asyncio.sleep(_APART / 2)
    flow.is_over = True
    await flowing
    return values | {
        "apply_s": end - start,
        "apply_cpu_s": cpu,
        "undo_s": undo_end - undo_start,
        "rows": float(str(rows)),
        "during_p50": percentile(during, 50),
        "during_p99": percentile(during, 99),
        "stall_ms": max(during, default=0.0),
        "messages": len(during),
        "lost": len(flow.times) - (city.in_inboxes() - before),
    }
