"""Answers given lately: address books of a whole city ask for the same few syllables again and again.

An answer holds for whoever sees the same of the attributes that a search is about (``Asker.view``), as long as the
directory does not change, and a minute at most.

Limits: ``MOST_OCTETS`` in a process, and ``LARGEST`` of one answer; what was not asked for longest is forgotten first.
Nothing is kept of requests longer than ``LONGEST``.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

from directory.ldap.messages import Result

MOST_OCTETS, LARGEST, LONGEST = 24 * 1024 * 1024, 128 * 1024, 1000
# What Python keeps beside the octets of an operation, of an answer, and for each octet of a request.
_OPERATION, _ANSWER, _REQUEST = 60, 500, 8


class Remembered(NamedTuple):
    """Entries as operations without a message's number, and how the search ended."""

    operations: Sequence[bytes]
    result: Result


class Answers:
    """One per process.  ``state``: of the directory (``Memory.state``)."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Any, tuple[int, Remembered]] = OrderedDict()
        self._state = -1, 0.0
        self._octets = 0
        self._lock = threading.Lock()

    def recall(self, state: tuple[int, float], key: Any) -> Remembered | None:
        with self._lock:
            found = self._kept.get(key) if self._is_of(state) else None
            if found is None:
                return None
            self._kept.move_to_end(key)
            return found[1]

    def keep(self, state: tuple[int, float], key: Any, asked: int, operations: Sequence[bytes], result: Result) -> None:
        """``asked``: octets of the request."""
        size = sum(map(len, operations)) + _OPERATION * len(operations) + _REQUEST * asked + _ANSWER
        if size > LARGEST:
            return
        with self._lock:
            if not self._is_of(state):
                return
            self._octets += size - self._kept.pop(key, (0, None))[0]
            self._kept[key] = size, Remembered(operations, result)
            while self._octets > MOST_OCTETS:
                self._octets -= self._kept.popitem(last=False)[1][0]

    def _is_of(self, state: tuple[int, float]) -> bool:
        """Whether what is kept, if only from now on, is of this state; a thread may come with an older one."""
        if state > self._state:
            self._kept.clear()
            self._octets, self._state = 0, state
        return state == self._state
