"""Identifiers of units, people, accounts and groups: 16 letters and digits, never used again.

The first half is the time of making, the second chance: what is made together lies together in the tables, so that an
import writes a few pages and not one for each row.
"""

from __future__ import annotations

from collections.abc import Callable

# Crockford's base 32, lower case: no i, l, o, u, so that it can be read out over a telephone
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_BITS = _RANDOM_BITS = 40
_PER_SECOND = 64  # 40 bits last for five hundred years


def new_id(now: float, random_bits: Callable[[int], int]) -> str:
    ticks = int(now * _PER_SECOND) & ((1 << _TIME_BITS) - 1)
    number = ticks << _RANDOM_BITS | random_bits(_RANDOM_BITS)
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(_TIME_BITS + _RANDOM_BITS - 5, -1, -5))
