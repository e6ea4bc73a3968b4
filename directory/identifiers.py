"""Opaque identifiers of units, people, accounts and groups: 12 letters and digits that say nothing."""

from __future__ import annotations

from collections.abc import Callable

# Crockford's base 32, lower case: no i, l, o, u, so that it can be read out over a telephone
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 12


def new_id(random_bits: Callable[[int], int]) -> str:
    number = random_bits(5 * _LENGTH)
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(0, 5 * _LENGTH, 5))
