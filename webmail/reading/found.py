"""What a filter or a search holds, whole, so that any row of it can be asked for by its place.

It is kept for a while: who scrolls through a hundred thousand hits has them looked for once, not once a window.  What
is kept is used only for as long as the mailboxes are as they were.

Limits: ``_SECONDS``, for files sent along are read later than the messages; ``_MOST`` places in one process.
"""

from __future__ import annotations

import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from time import monotonic
from typing import Any, overload

_SECONDS = 60.0
_MOST = 1_000_000


class Places(Sequence[tuple[int, int]]):
    """(mailbox, UID) of messages, the newest first; sixteen octets each."""

    def __init__(self, places: Iterable[tuple[int, int]]) -> None:
        self._numbers = array("q", (number for place in places for number in place))

    def __len__(self) -> int:
        return len(self._numbers) // 2

    @overload
    def __getitem__(self, index: int) -> tuple[int, int]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[int, int]]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._numbers[2 * index], self._numbers[2 * index + 1]


class Kept:
    """The latest results, by what was asked and how the mailboxes were then."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._results: OrderedDict[Hashable, tuple[float, Places]] = OrderedDict()
        self._count = 0

    def get(self, key: Hashable) -> Places | None:
        with self._lock:
            found = self._results.get(key)
        return found[1] if found is not None and self._clock() - found[0] < _SECONDS else None

    def keep(self, key: Hashable, places: Places) -> Places:
        with self._lock:
            old = self._results.pop(key, None)
            self._results[key] = self._clock(), places
            self._count += len(places) + 1 - (len(old[1]) + 1 if old is not None else 0)
            while self._count > _MOST and len(self._results) > 1:
                self._count -= len(self._results.popitem(last=False)[1][1]) + 1
        return places
