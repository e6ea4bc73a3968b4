"""Answers given lately: address books of a whole city ask for the same few syllables again and again.

An answer holds for whoever sees the same of the attributes that a search is about (``Asker.view``), as long as the
directory does not change.

Limits: ``MOST_OCTETS`` in a process, and ``LARGEST`` of one answer; who was not asked for longest is forgotten first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

from directory.ldap.messages import Result
from directory.memory import Memory

MOST_OCTETS, LARGEST = 24 * 1024 * 1024, 128 * 1024
# What Python keeps beside the octets of an operation.
_OVERHEAD = 60


class Remembered(NamedTuple):
    """Entries as operations without a message's number, and how the search ended."""

    operations: Sequence[bytes]
    result: Result


class Answers:
    """Of one state of the directory."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Any, tuple[int, Remembered]] = OrderedDict()
        self._octets = 0
        self._lock = threading.Lock()

    @classmethod
    def of(cls, memory: Memory) -> Answers:
        found: Answers = memory.shelf("ldap answers").setdefault("all", cls())
        return found

    def recall(self, key: Any) -> Remembered | None:
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            self._kept.move_to_end(key)
            return found[1]

    def keep(self, key: Any, operations: Sequence[bytes], result: Result) -> None:
        size = sum(map(len, operations)) + _OVERHEAD * (1 + len(operations))
        if size > LARGEST:
            return
        with self._lock:
            self._octets += size - self._kept.pop(key, (0, None))[0]
            self._kept[key] = size, Remembered(operations, result)
            while self._octets > MOST_OCTETS:
                self._octets -= self._kept.popitem(last=False)[1][0]
