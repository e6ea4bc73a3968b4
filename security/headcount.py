"""How many connections somebody has, over all processes that serve him.

Counters lie in memory that forked processes share, made before they are.  Each process has a seat, a part of the
table in which nobody else writes; so no lock is needed, and what a process that died had counted goes when its seat is
taken over.  A count is the sum over all seats.

Keys are not kept.  Each is counted in two places that a keyed hash gives, and the smaller counter is believed: with
many keys a count may come out a little too high, never too low.

Limits: 64 processes; those beyond count only for themselves.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import secrets
import weakref
from collections import Counter
from collections.abc import Callable, Mapping

_SEATS = 64
_WIDTH = 16_384  # counters of a row; each seat has two rows
_SEAT = 2 * _WIDTH


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Headcount:
    __slots__ = ("__weakref__", "_counters", "_first", "_key", "_lock_file", "_mine", "_pids")

    def __init__(self, *, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(16)
        self._pids = memoryview(mmap.mmap(-1, _SEATS * 4)).cast("I")
        self._counters = memoryview(mmap.mmap(-1, _SEATS * _SEAT * 4)).cast("I")
        self._lock_file = os.memfd_create("headcount", os.MFD_CLOEXEC)
        weakref.finalize(self, os.close, self._lock_file)
        self._mine: Counter[str] = Counter()
        self._first = -1  # this process's counters; before it has sat down: none

    def sit_down(self, is_alive: Callable[[int], bool] = _is_alive) -> None:
        """Take a seat for this process, once it is forked; that of a process which is no more is as good as new."""
        self._mine = Counter()
        fcntl.lockf(self._lock_file, fcntl.LOCK_EX)  # not flock: the file is open once for all of us
        try:
            for seat in range(_SEATS):
                if not self._pids[seat] or not is_alive(self._pids[seat]):
                    self._first = seat * _SEAT
                    if self._pids[seat]:
                        self._counters[self._first : self._first + _SEAT] = memoryview(bytes(_SEAT * 4)).cast("I")
                    self._pids[seat] = os.getpid()
                    return
            self._first = -1
        finally:
            fcntl.lockf(self._lock_file, fcntl.LOCK_UN)

    @property
    def is_seated(self) -> bool:
        """Whether others see what this process counts."""
        return self._first >= 0

    def add(self, key: str) -> None:
        self._mine[key] += 1
        if self._first >= 0:
            for place in self._places(key):
                self._counters[self._first + place] += 1

    def remove(self, key: str) -> None:
        """To be called once for each ``add``."""
        self._mine[key] -= 1
        if not self._mine[key]:
            del self._mine[key]
        if self._first >= 0:
            for place in self._places(key):
                self._counters[self._first + place] -= 1

    def count(self, key: str) -> int:
        if self._first < 0:
            return self._mine[key]
        return min(self._everywhere(place) for place in self._places(key))

    @property
    def mine(self) -> Mapping[str, int]:
        """What this process has counted."""
        return self._mine

    def _everywhere(self, place: int) -> int:
        total = 0
        for seat in range(_SEATS):
            if not self._pids[seat]:
                break  # seats are taken in order
            total += self._counters[seat * _SEAT + place]
        return total

    def _places(self, key: str) -> tuple[int, int]:
        digest = hashlib.blake2b(key.encode(), key=self._key, digest_size=8).digest()
        first, second = int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:], "little")
        return first % _WIDTH, _WIDTH + second % _WIDTH
