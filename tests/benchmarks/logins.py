"""Short sessions: connect, LOGIN, LOGOUT, many at once.

First every account signs in for the first time since the server started, with passwords kept as Argon2id hashes by
both; then the same accounts again, which is the everyday of telephones: CityMail remembers proven log-ins for some
minutes, the peer here has the passwords in clear.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import uvloop

from tests.benchmarks.async_imap import sign_in
from tests.benchmarks.contender import PASSWORD, Contender, address
from tests.benchmarks.figures import Figure, Values, spread
from tests.benchmarks.metering import Meter
from tests.benchmarks.series import Series

_AT_ONCE = 50


@dataclass(frozen=True)
class Logins(Series):
    count: int

    figures = (
        Figure("first_per_s", "first, Argon2id on both sides, sessions/s", "more"),
        Figure("first_ms_p50", "first: p50, ms", "less"),
        Figure("first_ms_p99", "first: p99, ms", "less"),
        Figure("first_cpu_ms", "first: server's CPU each, ms", "less"),
        Figure("again_per_s", "again, no hashing, sessions/s", "more"),
        Figure("again_ms_p50", "again: p50, ms", "less"),
        Figure("again_ms_p99", "again: p99, ms", "less"),
        Figure("again_cpu_ms", "again: server's CPU each, ms", "less"),
    )

    @property
    def title(self) -> str:
        return "log-ins"

    @property
    def settings(self) -> str:
        return f"{self.count:,} accounts, {_AT_ONCE} sessions at once"

    def prepare(self, contender: Contender) -> Values:
        """Nobody pays for making mailboxes while it is measured."""
        uvloop.run(_sign_in_all(contender, contender.hashed_login, self.count))
        if contender.hashed_login(0) != address(0):
            uvloop.run(_sign_in_all(contender, address, self.count))
        return {}

    def measure(self, contender: Contender, run: int) -> Values:
        contender.restart()
        with Meter(contender.roots) as whole:
            values = self._round("first", contender, contender.hashed_login)
            # With several processes, the second time may meet one that has not seen this account yet.
            uvloop.run(_sign_in_all(contender, address, self.count))
            values |= self._round("again", contender, address)
        return values | whole.figures()

    def _round(self, name: str, contender: Contender, login_of: Callable[[int], str]) -> Values:
        with Meter(contender.roots) as meter:
            times = uvloop.run(_sign_in_all(contender, login_of, self.count))
        return {
            f"{name}_per_s": self.count / meter.wall,
            **spread(f"{name}_ms", times),
            f"{name}_cpu_ms": 1e3 * meter.server / self.count,
        }


async def _sign_in_all(contender: Contender, login_of: Callable[[int], str], count: int) -> list[float]:
    """Milliseconds from connecting to the end of the session."""
    numbers = iter(range(count))
    times: list[float] = []

    async def work() -> None:
        for number in numbers:
            start = time.perf_counter()
            client = await sign_in(contender.imap_port, login_of(number), PASSWORD)
            with contextlib.suppress(EOFError):
                await client.command("LOGOUT")
            times.append(1e3 * (time.perf_counter() - start))
            client.transport.abort()

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
    return times
