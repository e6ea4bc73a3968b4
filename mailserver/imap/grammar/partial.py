"""PARTIAL: places in a result.

Standards: RFC 9394 §3.1, §4; RFC 5267 §4.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from mailserver.imap.grammar.syntax import Cursor

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Partial:
    """Places in a result, counted from 1, or back from -1, which is the last."""

    first: int
    last: int

    @property
    def written(self) -> bytes:
        """As it is told with the result: the nearer end first, whichever way it was asked for (4:2 is 2:4)."""
        return b"%d:%d" % tuple(sorted((self.first, self.last), key=abs))

    def of(self, found: Sequence[T]) -> Sequence[T]:
        """The part, in the result's own order."""
        start, end = self.span(len(found))
        return found[start:end]

    def span(self, count: int) -> tuple[int, int]:
        """Where it begins and ends among so many; places beyond are no fault (RFC 9394 §3.1)."""
        low, high = sorted((abs(self.first), abs(self.last)))
        if self.first > 0:
            return min(low - 1, count), min(high, count)
        return max(count - high, 0), max(count - low + 1, 0)


def parse_partial(cursor: Cursor) -> Partial:
    """partial-range = nz-number ":" nz-number / "-" nz-number ":" "-" nz-number"""
    sign = -1 if cursor.skip(b"-") else 1
    first = cursor.nz_number()
    cursor.need(b":")
    if sign < 0:
        cursor.need(b"-")
    last = cursor.nz_number()
    return Partial(sign * first, sign * last)
