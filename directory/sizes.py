"""Sizes as people write them: 5G, 500M."""

from __future__ import annotations

from directory.faults import Fault

_SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def parse_size(given: str) -> int:
    """``5G``, ``500M``, ``0`` → octets.  Raises Fault."""
    wanted = given.strip().upper().removesuffix("IB").removesuffix("B")
    number, unit = (wanted[:-1], wanted[-1]) if wanted[-1:].isalpha() else (wanted, "")
    try:
        size = float(number) * _SIZES[unit]
    except (ValueError, KeyError):
        raise Fault("value-invalid", value=given, what="size (5G, 500M, 0)") from None
    if not 0 <= size < 1 << 60:
        raise Fault("value-invalid", value=given, what="size (5G, 500M, 0)")
    return int(size)


def written_size(size: int) -> str:
    """As ``parse_size`` reads it, to the octet: 5368709120 → 5G, 1500 → 1500."""
    for unit, octets in reversed(_SIZES.items()):
        if size and size % octets == 0:
            return f"{size // octets}{unit}"
    return "0"
