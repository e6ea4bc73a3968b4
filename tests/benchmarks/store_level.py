"""The store by itself, without a protocol above it: what a server process could reach at best.

Runs in the driver's own process, so the driver's CPU is the store's here.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mailserver.store import Store, broadcast, messages, open_store, reading
from mailserver.store.content import Content
from mailserver.store.messages import Target
from tests.benchmarks import corpus
from tests.benchmarks.contender import Contender, address
from tests.benchmarks.figures import Figure, Values, percentile
from tests.benchmarks.metering import Meter
from tests.benchmarks.series import Series

_MAILBOXES = 100
_WINDOWS = (1, 20, 100)
_FLAGS_COLUMNS = ("uid", "flags")
_LIST_COLUMNS = ("uid", "flags", "internal_date", "size", "envelope", "bodystructure")


@dataclass(frozen=True)
class StoreLevel(Series):
    appends: int
    listed: int
    broadcasts: tuple[int, ...]

    @property
    def figures(self) -> tuple[Figure, ...]:  # type: ignore[override]
        return (
            Figure("scan_4k_us", "scan of a 4 KB message, µs"),
            Figure("scan_real_us", "scan of a city office's message, µs"),
            Figure("scan_100k_us", "scan of a 100 KB message, µs"),
            *(
                figure
                for window in _WINDOWS
                for figure in (
                    Figure(f"commit_{window}_per_s", f"durable appends/s, {window} at once"),
                    Figure(f"commit_{window}_ms", f"durable append, {window} at once, p99, ms"),
                )
            ),
            *(Figure(f"broadcast_{count}_s", f"broadcast to {count:,}, s") for count in self.broadcasts),
            Figure("fill_per_s", "messages/s into one mailbox, 100 a commit"),
            Figure("flags_ms", "list of UID and flags, ms"),
            Figure("list_ms", "list with ENVELOPE, BODYSTRUCTURE, ms"),
            Figure("last_us", "the last 50 with ENVELOPE, µs"),
            Figure("octets_us", "octets of one message, µs"),
            Figure("mark_ms", "flags of a fifth of them, ms"),
            Figure("copy_ms", "copy of a tenth of them, ms"),
        )

    @property
    def title(self) -> str:
        return "the store by itself"

    @property
    def settings(self) -> str:
        return f"{self.appends:,} appends to {_MAILBOXES} mailboxes; a mailbox of {self.listed:,}"

    def measure(self, contender: Contender, run: int) -> Values:
        folder = contender.folder / "store-level"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with Meter(list) as meter:
            store = open_store(f"sqlite:///{folder / 'mail.db'}", folder)
            bench = _Bench(store)
            try:
                values = bench.scan()
                for window in _WINDOWS:
                    values |= bench.commit(window, self.appends if window > 1 else self.appends // 5)
                for count in self.broadcasts:
                    values |= bench.broadcast(count)
                values |= bench.listing(self.listed)
            finally:
                store.close()
        shutil.rmtree(folder)
        return values | meter.figures()


@dataclass(slots=True)
class _Bench:
    store: Store
    inboxes: list[int] = field(default_factory=list)

    def scan(self) -> Values:
        samples = {
            "scan_4k_us": [corpus.sized(number, 4096, address(number)) for number in range(300)],
            "scan_real_us": [corpus.message(number) for number in range(300)],
            "scan_100k_us": [corpus.sized(number, 102_400, address(number)) for number in range(50)],
        }
        values = {}
        for name, octets in samples.items():
            start = time.perf_counter()
            for each in octets:
                self.store.prepare(each)
            values[name] = 1e6 * (time.perf_counter() - start) / len(octets)
        return values

    def commit(self, window: int, count: int) -> Values:
        """Appends of 4 KB with ``window`` of them under way; each is over when it is on disk."""
        if not self.inboxes:
            self.inboxes = [self.store.maildrop(f"a{number}").id for number in range(_MAILBOXES)]
        contents = [self.store.prepare(corpus.sized(number, 4096, address(number))) for number in range(100)]
        free = threading.Semaphore(window)
        times: list[float] = []
        pending: list[Future[Any]] = []
        start = time.perf_counter()
        for number in range(count):
            free.acquire()
            future = self._append(contents[number % 100], self.inboxes[number % _MAILBOXES])
            began = time.perf_counter()

            def finished(_: Future[Any], began: float = began) -> None:
                times.append(1e3 * (time.perf_counter() - began))
                free.release()

            future.add_done_callback(finished)
            pending.append(future)
        for future in pending:
            future.result()
        seconds = time.perf_counter() - start
        return {f"commit_{window}_per_s": count / seconds, f"commit_{window}_ms": percentile(times, 99)}

    def _append(self, content: Content, mailbox_id: int) -> Future[Any]:
        return self.store.write(lambda tx: messages.append(tx, content, [Target(mailbox_id)]), [mailbox_id])

    def broadcast(self, count: int) -> Values:
        """The second message: the first makes the mailboxes."""
        accounts = [f"b{number}" for number in range(count)]
        seconds = 0.0
        for number in range(2):
            content = self.store.prepare(corpus.sized(number, 20_480, "tatca@bench.example"))
            start = time.perf_counter()
            deliver = partial(broadcast.deliver_to_accounts, content=content, account_ids=accounts)
            reached = self.store.write(deliver, heavy=True).result()
            seconds = time.perf_counter() - start
            assert reached == count
        return {f"broadcast_{count}_s": seconds}

    def listing(self, count: int) -> Values:
        inbox = self.store.maildrop("lister").id
        start = time.perf_counter()
        for first in range(0, count, 100):
            batch = [self.store.prepare(corpus.message(number)) for number in range(first, first + 100)]
            futures = [self._append(content, inbox) for content in batch]
            for future in futures:
                future.result()
        values = {"fill_per_s": count / (time.perf_counter() - start)}
        everything = [(1, count)]
        with self.store.read() as connection:
            values["flags_ms"] = _milliseconds(
                lambda: sum(1 for _ in reading.fetch(connection, inbox, everything, _FLAGS_COLUMNS))
            )
            values["list_ms"] = _milliseconds(
                lambda: sum(1 for _ in reading.fetch(connection, inbox, everything, _LIST_COLUMNS))
            )
            last = [(count - 49, count)]
            values["last_us"] = _microseconds(
                200, lambda _: sum(1 for _ in reading.fetch(connection, inbox, last, _LIST_COLUMNS))
            )
            ids = [row[0] for row in reading.fetch(connection, inbox, everything, ("message_id",))]
            values["octets_us"] = _microseconds(
                200, lambda number: self.store.octets(connection, ids[number * 7919 % count])
            )
        fifth, tenth = [(1, count // 5)], [(1, count // 10)]
        values["mark_ms"] = _milliseconds(
            lambda: self.store.write(
                lambda tx: messages.set_flags(tx, inbox, fifth, "add", ["$Bench"]), heavy=True
            ).result()
        )
        target = self.store.maildrop("copies").id
        values["copy_ms"] = _milliseconds(
            lambda: self.store.write(lambda tx: messages.copy(tx, inbox, tenth, target), heavy=True).result()
        )
        return values


def _milliseconds(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    step()
    return 1e3 * (time.perf_counter() - start)


def _microseconds(times: int, step: Callable[[int], object]) -> float:
    """Of one of many."""
    start = time.perf_counter()
    for number in range(times):
        step(number)
    return 1e6 * (time.perf_counter() - start) / times
