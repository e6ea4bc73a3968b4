"""How the addresses that SMTP clients come from have behaved lately: how often they came, and how many unknown
recipients they asked for.

Each count leaks away evenly, so that whoever waits long enough is served as before.  Counts lie in memory that the
processes share, are bounded, and forget first who was not heard of for longest.

Limits: IPv4 addresses one by one, IPv6 by /64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from security.shared_table import SharedTable

_CAPACITY = 65_536
MINUTE, HOUR = 60.0, 3600.0


def conduct_memory() -> SharedTable:
    """Made before processes are forked, it is one for all of them."""
    return SharedTable("dd", _CAPACITY)


@dataclass(slots=True)
class Conduct:
    """``connections`` in a minute and ``unknown`` recipients in an hour are free; 0: any number.

    ``monotonic`` is a clock that all processes have in common.
    """

    connections: int
    unknown: int
    monotonic: Callable[[], float]
    memory: SharedTable = field(default_factory=conduct_memory)

    def came(self, source: str) -> bool:
        """Count a connection; False when it comes too soon."""
        return not self.connections or self._add("came", source, self.connections, MINUTE)

    def asked_unknown(self, source: str) -> None:
        """Count a recipient whom nobody knows."""
        if self.unknown:
            self._add("unknown", source, self.unknown, HOUR)

    def is_harvesting(self, source: str) -> bool:
        """Whether it has asked for more unknown recipients than anybody needs."""
        return bool(self.unknown) and self._level("unknown", source, self.unknown / HOUR) > self.unknown - 1

    def _level(self, kind: str, source: str, leak: float) -> float:
        level: float
        at: float
        level, at = self.memory.get(kind, source) or (0.0, 0.0)
        return max(0.0, level - (self.monotonic() - at) * leak)

    def _add(self, kind: str, source: str, limit: int, period: float) -> bool:
        """One more, up to the limit: who keeps on trying is let in again as soon as one who gave up."""
        with self.memory.lock():
            level = self._level(kind, source, limit / period)
            fits = level + 1 <= limit
            now = self.monotonic()
            self.memory.put(now, (level + 1 if fits else float(limit), now), kind, source)
        return fits
