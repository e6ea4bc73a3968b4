"""Answers given lately: address books of a whole city ask for the same few syllables again and again.

An answer is known by the octets of its request, and holds for whoever sees the same of the attributes that it is about
(``Asker.view``), as long as the directory does not change, and a minute at most.

Limits: ``MOST_OCTETS`` in a process, and ``LARGEST`` of one answer; what was not asked for longest is forgotten first.
Nothing is kept of requests longer than ``LONGEST``.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from directory.ldap.policy import Asker

MOST_OCTETS, LARGEST, LONGEST = 24 * 1024 * 1024, 128 * 1024, 1000
# What Python keeps beside the octets of an operation, and of an answer with its request.
_OPERATION, _ANSWER = 60, 600


class Answers:
    """One per process: entries and how the search ended, as operations without a message's number.  ``state``: of the
    directory (``Memory.state``).
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[Any, tuple[int, Sequence[bytes]]] = OrderedDict()
        self._state = -1, 0.0
        self._octets = 0
        self._lock = threading.Lock()

    def recall(self, state: tuple[int, float], asker: Asker, request: bytes) -> Sequence[bytes] | None:
        with self._lock:
            if not self._is_of(state):
                return None
            for view in asker.views:
                found = self._kept.get((view, request))
                if found is not None:
                    self._kept.move_to_end((view, request))
                    return found[1]
            return None

    def keep(self, state: tuple[int, float], view: Any, request: bytes, operations: Sequence[bytes]) -> None:
        """``view``: of the attributes that the request is about."""
        size = sum(map(len, operations)) + _OPERATION * len(operations) + len(request) + _ANSWER
        if size > LARGEST:
            return
        key = view, request
        with self._lock:
            if not self._is_of(state):
                return
            self._octets += size - self._kept.pop(key, (0, ()))[0]
            self._kept[key] = size, operations
            while self._octets > MOST_OCTETS:
                self._octets -= self._kept.popitem(last=False)[1][0]

    def _is_of(self, state: tuple[int, float]) -> bool:
        """Whether what is kept, if only from now on, is of this state; a thread may come with an older one."""
        if state > self._state:
            self._kept.clear()
            self._octets, self._state = 0, state
        return state == self._state
