"""Time and wake-ups for thousands of connections on one event loop.

``Wheel``: one timer for all; each connection sits in the bucket of its next look, and a timeout is told by comparing
times when the look comes, so that activity costs nothing.  ``Post``: calls from other threads, gathered, so that a
commit that wakes thousands wakes the loop once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from typing import Protocol

log = logging.getLogger("citymail.imap")

# Seconds a turn of the wheel takes; no timeout here is finer.
TICK = 5.0


class Timed(Protocol):
    """``look(now)``, with the loop's time, gives the seconds until the next look, or None for no more."""

    due: int

    def look(self, now: float) -> float | None: ...


class Wheel:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._buckets: dict[int, set[Timed]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, timed: Timed, seconds: float) -> None:
        timed.due = int((self._loop.time() + seconds) / TICK) + 1
        self._buckets.setdefault(timed.due, set()).add(timed)
        if self._timer is None:
            self._timer = self._loop.call_later(TICK, self._turn)

    def remove(self, timed: Timed) -> None:
        bucket = self._buckets.get(timed.due)
        if bucket is not None:
            bucket.discard(timed)
            if not bucket:
                del self._buckets[timed.due]

    def _turn(self) -> None:
        now = self._loop.time()
        self._timer = None
        for due in [due for due in self._buckets if due * TICK <= now]:
            for timed in self._buckets.pop(due):
                try:
                    seconds = timed.look(now)
                except Exception:
                    log.exception("a timed look failed")
                    continue
                if seconds is not None:
                    self.add(timed, seconds)
        if self._buckets and self._timer is None:
            self._timer = self._loop.call_later(TICK, self._turn)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._buckets.clear()


class Post:
    """Calls left by any thread, made on the loop in the order they came."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: deque[Callable[[], None]] = deque()
        self._is_awake = False

    def leave(self, call: Callable[[], None]) -> None:
        self._calls.append(call)
        if not self._is_awake:
            self._is_awake = True
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
                self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        # First this, then the calls: one that is left now is either seen below or wakes us again.
        self._is_awake = False
        calls = self._calls
        for _ in range(len(calls)):
            try:
                calls.popleft()()
            except Exception:
                log.exception("a call from another thread failed")
        if calls and not self._is_awake:
            self._is_awake = True
            self._loop.call_soon(self._deliver)
