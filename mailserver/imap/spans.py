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


def chunks(spans: Spans, size: int) -> Iterator[Spans]:
    """The same places in order, in pieces of at most ``size`` messages."""
    chunk: Spans = []
    room = size
    for start, end in spans:
        while end - start >= room:
            chunk.append((start, start + room))
            yield chunk
            start += room
            chunk, room = [], size
        if start < end:
            chunk.append((start, end))
            room -= end - start
    if chunk:
        yield chunk


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
