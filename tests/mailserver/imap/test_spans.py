"""Ranges of places."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.imap.spans import Portions, count_of, intersection, numbers_of


def spans_of(places):
    spans = []
    for place in sorted(places):
        if spans and spans[-1][1] == place:
            spans[-1] = (spans[-1][0], place + 1)
        else:
            spans.append((place, place + 1))
    return spans


def places_of(spans):
    return [number - 1 for number in numbers_of(spans)]


PLACES = st.sets(st.integers(0, 40))


@settings(deadline=None)
@given(PLACES, PLACES)
def test_intersection(left, right):
    assert places_of(intersection(spans_of(left), spans_of(right))) == sorted(left & right)


@settings(deadline=None)
@given(PLACES, st.lists(st.integers(1, 7), min_size=1, max_size=50))
def test_portions_are_all_in_order(places, sizes):
    sizes = iter(sizes)
    portions = Portions(spans_of(places), 3)
    taken = []
    for portion in portions:
        assert 1 <= count_of(portion) <= portions.size
        taken += places_of(portion)
        portions.size = next(sizes, 2)
    assert taken == sorted(places)
