"""How fast somebody may ask: so many at once, and so many a second from then on.

Each key has permits that come again by themselves.  They lie in memory that the processes share, are bounded, and
forget first who has not asked for longest, which gives him all of his.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from security.shared_table import SharedTable

_CAPACITY = 16_384


def pace_memory() -> SharedTable:
    """Made before processes are forked, it is one for all of them."""
    return SharedTable("dd", _CAPACITY)


@dataclass(slots=True)
class Pace:
    """``monotonic`` is a clock that all processes have in common."""

    burst: int
    per_second: float
    monotonic: Callable[[], float]
    memory: SharedTable = field(default_factory=pace_memory)

    def wait(self, key: str) -> float:
        """Seconds until the key may ask; 0: now, and this was one."""
        now = self.monotonic()
        with self.memory.lock():
            permits: float
            at: float
            permits, at = self.memory.get(key) or (float(self.burst), now)
            permits = min(float(self.burst), permits + max(0.0, now - at) * self.per_second)
            if permits < 1:
                return (1 - permits) / self.per_second
            self.memory.put(now, (permits - 1, now), key)
        return 0.0
