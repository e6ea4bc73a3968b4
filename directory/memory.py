"""What a process remembers of the directory: answers that hold until it changes, and estimates that may be old."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from directory import tables

T = TypeVar("T")

# Seconds; after them even what did not change is looked up anew.
LIFETIME = 60.0
_ENTRIES = 50_000
# Shelves that hang on one table alone and are dear to fill: other changes of a transaction leave them as they are.
_HANGS_ON = {
    "unit trees": tables.unit_version.name,
    "positions": tables.position.name,
    "positions by key": tables.position.name,
    "domains": tables.domain.name,
}


class Memory:
    """Answers that hold as long as the directory does not change."""

    __slots__ = ("_shelves", "born", "version")

    def __init__(self, version: int, born: float) -> None:
        self.version = version
        self.born = born
        self._shelves: dict[str, dict[Any, Any]] = {}

    @property
    def state(self) -> tuple[int, float]:
        """The same as long as what is remembered holds, more once it does not."""
        return self.version, self.born

    def shelf(self, name: str) -> dict[Any, Any]:
        shelf = self._shelves.get(name)
        if shelf is None:
            shelf = self._shelves.setdefault(name, {})
        elif len(shelf) > _ENTRIES:
            shelf.clear()
        return shelf

    def clear(self) -> None:
        self._shelves.clear()

    def forget(self, table: str) -> None:
        """What may be another after a change of this table."""
        self._shelves = {name: shelf for name, shelf in self._shelves.items() if _HANGS_ON.get(name, table) != table}


class Estimates:
    """What is dear to count and may be out of date.  After ``LIFETIME`` one thread makes it anew, while the others have
    it as it was; only who asks for the first time waits.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._known: dict[Any, _Estimate] = {}

    def recall(self, key: Any, make: Callable[[], T]) -> T:
        found = self._known.get(key)
        if found is None:
            if len(self._known) > _ENTRIES:
                self._known.clear()
            found = self._known.setdefault(key, _Estimate())
        if self._is_old(found) and found.lock.acquire(blocking=found.made_at is None):
            try:
                if self._is_old(found):  # still
                    found.value, found.made_at = make(), self._monotonic()
            finally:
                found.lock.release()
        return found.value  # type: ignore[no-any-return]

    def _is_old(self, found: _Estimate) -> bool:
        return found.made_at is None or self._monotonic() - found.made_at >= LIFETIME


class _Estimate:
    """A value, and the moment at which it was made."""

    __slots__ = ("lock", "made_at", "value")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.made_at: float | None = None
        self.value: Any = None
