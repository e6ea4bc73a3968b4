"""Places of messages in a session's view, as ascending, disjoint, half-open ranges."""

from __future__ import annotations

from collections.abc import Iterator

Spans = list[tuple[int, int]]


def count_of(spans: Spans) -> int:
    return sum(end - start for start, end in spans)


def numbers_of(spans: Spans) -> list[int]:
    """The message numbers, which count from 1."""
    if len(spans) == 1:
        start, end = spans[0]
        return list(range(start + 1, end + 1))
    return [number for start, end in spans for number in range(start + 1, end + 1)]


def part_of(spans: Spans, from_: int, to: int) -> Spans:
    """Of the places, counted through from 0, those from one up to, without, another."""
    part: Spans = []
    passed = 0
    for start, end in spans:
        first, last = max(from_ - passed, 0), min(to - passed, end - start)
        if first < last:
            part.append((start + first, start + last))
        passed += end - start
    return part


class Portions:
    """Places taken in order, a portion at a time; ``size`` may be changed in between."""

    def __init__(self, spans: Spans, size: int) -> None:
        self.size = size
        self._spans = iter(spans)
        self._start = self._end = 0

    def __iter__(self) -> Iterator[Spans]:
        while portion := self._take():
            yield portion

    def _take(self) -> Spans:
        portion: Spans = []
        room = self.size
        while room:
            if self._start == self._end:
                self._start, self._end = next(self._spans, (0, 0))
                if self._start == self._end:
                    break
            stop = min(self._end, self._start + room)
            portion.append((self._start, stop))
            room -= stop - self._start
            self._start = stop
        return portion


def intersection(left: Spans, right: Spans) -> Spans:
    common: Spans = []
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if start < end:
            common.append((start, end))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return common
