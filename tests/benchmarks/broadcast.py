"""Broadcast: one message to a group, until everybody in it has it, and what it takes on disk.

Some mailboxes of the group, evenly spread, are asked by STATUS: eight of them at first, the rest once those have it.
Afterwards every mailbox of the group is counted with the server's own tools.  The first message to a group, which finds
mailboxes that nobody ever used, is told apart.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass, field

import uvloop

from tests.benchmarks import corpus
from tests.benchmarks.async_imap import AsyncImap, sign_in
from tests.benchmarks.citymail import CityMail
from tests.benchmarks.contender import PASSWORD, REVERSE_PATH, Contender, address, group
from tests.benchmarks.figures import Figure, Values
from tests.benchmarks.metering import Meter, disk_use, octets_written
from tests.benchmarks.series import Series
from tests.benchmarks.smtp_session import open_session

_SIZE = 20_480
_SENTINELS = 100
# Asked from the beginning; more would be a load of its own.
_VANGUARD = 8
_PATIENCE = 900.0
# Seconds for the queue to be cleared and for logs to come home before the disk is read.
_AFTERMATH = 3.0


@dataclass(frozen=True)
class Broadcast(Series):
    """One message of 20 KB to the first ``count`` accounts."""

    count: int
    # Contender → login → messages after its last run.
    _counts: dict[str, dict[str, int]] = field(default_factory=dict, repr=False)

    figures = (
        Figure("visible_s", "until all have it, s", "less"),
        Figure("recipients_per_s", "recipients/s", "more"),
        Figure("accepted_s", "until 250, s", "less"),
        Figure("server_cpu_ms", "server's CPU a recipient, ms", "less"),
        Figure("grown_octets", "disk, octets a recipient (logs too)", "less"),
        Figure("kept_octets", "the same, once the log has come home", "less"),
        Figure("written_octets", "written by the disk, octets a recipient", "less"),
        Figure("bodies", "bodies kept for all of them"),
        Figure("missing", "mailboxes without it (must be 0)"),
        Figure("first_visible_s", "the first message: until all have it, s", "less"),
        Figure("first_grown_octets", "the first message: disk, octets a recipient", "less"),
    )

    @property
    def title(self) -> str:
        return f"broadcast to {self.count:,}"

    @property
    def settings(self) -> str:
        return f"one message of {_SIZE // 1024} KB to a group, by SMTP"

    def prepare(self, contender: Contender) -> Values:
        values = uvloop.run(self._measure(contender))
        self._counts[contender.name] = contender.inbox_counts(self.count)
        return {f"first_{key}": values[key] for key in ("visible_s", "grown_octets")}

    def measure(self, contender: Contender, run: int) -> Values:
        values = uvloop.run(self._measure(contender))
        before, after = self._counts[contender.name], contender.inbox_counts(self.count)
        self._counts[contender.name] = after
        wanted = map(address, range(self.count))
        values["missing"] = sum(after.get(login, 0) != before.get(login, 0) + 1 for login in wanted)
        return values

    async def _measure(self, contender: Contender) -> Values:
        sentinels = await _sign_in_sentinels(contender, self.count)
        contender.settle()
        # Both before the clock: a group's octets are the same whoever they are for.
        stuffed = corpus.dot_stuffed(corpus.sized(self.count, _SIZE, group(self.count)))
        bodies = contender.bodies() if isinstance(contender, CityMail) else None
        os.sync()
        used, written = disk_use(contender.stores), octets_written(contender.folder)
        with Meter(contender.roots) as meter:
            start = time.perf_counter()
            session = await open_session(contender.smtp_port)
            await session.send(REVERSE_PATH, [group(self.count)], stuffed)
            accepted = time.perf_counter()
            await _wait_until_seen(sentinels, start)
            visible = time.perf_counter()
        await session.quit()
        for sentinel, _ in sentinels:
            sentinel.transport.abort()
        await asyncio.sleep(_AFTERMATH)
        os.sync()
        values = {
            "visible_s": visible - start,
            "recipients_per_s": self.count / (visible - start),
            "accepted_s": accepted - start,
            "server_cpu_ms": 1e3 * meter.server / self.count,
            "grown_octets": (disk_use(contender.stores).allocated - used.allocated) / self.count,
            **meter.figures(),
        }
        if written is not None:
            values["written_octets"] = ((octets_written(contender.folder) or 0) - written) / self.count
        contender.settle()
        os.sync()
        values["kept_octets"] = (disk_use(contender.stores).allocated - used.allocated) / self.count
        if bodies is not None and isinstance(contender, CityMail):
            values["bodies"] = contender.bodies() - bodies
        return values


async def _sign_in_sentinels(contender: Contender, count: int) -> list[tuple[AsyncImap, int]]:
    """With how many messages each has so far."""
    last = min(_SENTINELS, count) - 1
    numbers = sorted({round(place * (count - 1) / max(1, last)) for place in range(last + 1)})
    found = []
    for start in range(0, len(numbers), 20):
        clients = await asyncio.gather(
            *(sign_in(contender.imap_port, address(number), PASSWORD) for number in numbers[start : start + 20])
        )
        found += [(client, await client.status()) for client in clients]
    return found


async def _wait_until_seen(sentinels: list[tuple[AsyncImap, int]], start: float) -> None:
    """Asks more and more seldom, so that the error stays near 4 % and asking costs the server little."""
    stride = max(1, len(sentinels) // _VANGUARD)
    vanguard = [*sentinels[::stride], sentinels[-1]]
    for waiting in (vanguard, sentinels):
        while waiting:
            counts = await asyncio.gather(*(client.status() for client, _ in waiting))
            waiting = [each for each, count in zip(waiting, counts, strict=True) if count <= each[1]]
            elapsed = time.perf_counter() - start
            if elapsed > _PATIENCE:
                raise TimeoutError(f"{len(waiting)} mailboxes lack the message after {elapsed:.0f} s")
            if waiting:
                await asyncio.sleep(min(max(0.01, elapsed * 0.04), 0.25))
