"""A secret in shares, of which any ``needed`` give it back and fewer tell nothing.

Each octet of the secret is where a polynomial of degree ``needed - 1`` over GF(256) crosses zero; a share is what all
of them are at one other point.  The field is that of AES (x^8 + x^4 + x^3 + x + 1), products are by tables of
logarithms to the base 3.  A share is written down with a check sum, so that a slip of the pen is found before it is
combined.

Standards: A. Shamir, How to Share a Secret, CACM 22 (1979) 612; FIPS 197 §4.2 (the field).
Limits: 2 to 16 shares.  Tables are looked up by secret octets: shares are made and combined on a machine by itself.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

MOST = 16
_SUM = 4
_TITLE = re.compile(r"CityMail recovery share (\d+) of (\d+), any (\d+); key ([0-9a-f]{16})")


class ShareFault(Exception):
    """Shares that are not of one secret, too few, or not as they were written."""


@dataclass(frozen=True, slots=True)
class Share:
    """``point`` is its number, from 1; ``key`` names what it belongs to."""

    point: int
    shares: int
    needed: int
    key: str
    octets: bytes = field(repr=False)

    def write(self) -> str:
        """For a file, or paper: a title, and groups of letters and digits."""
        title = f"CityMail recovery share {self.point} of {self.shares}, any {self.needed}; key {self.key}"
        text = base64.b32encode(self.octets + _check(title, self.octets)).decode().rstrip("=")
        groups = [text[at : at + 4] for at in range(0, len(text), 4)]
        lines = [" ".join(groups[at : at + 8]) for at in range(0, len(groups), 8)]
        return "\n".join([title, *lines, ""])


def _check(title: str, octets: bytes) -> bytes:
    return hashlib.sha256(title.encode() + octets).digest()[:_SUM]


def read_share(text: str) -> Share:
    """Raises ShareFault."""
    lines = [line.strip() for line in text.strip().splitlines()]
    found = _TITLE.fullmatch(lines[0]) if lines else None
    if found is None:
        raise ShareFault("not a share: its first line is missing")
    letters = "".join(lines[1:]).replace(" ", "").upper()
    try:
        octets = base64.b32decode(letters + "=" * (-len(letters) % 8))
    except ValueError:
        raise ShareFault("a share has letters that none has: 0, 1, 8 and 9 are not used") from None
    octets, written = octets[:-_SUM], octets[-_SUM:]
    if _check(lines[0], octets) != written:
        raise ShareFault(f"share {found[1]} is not as it was written: a letter is wrong")
    return Share(int(found[1]), int(found[2]), int(found[3]), found[4], octets)


def split(secret: bytes, shares: int, needed: int, key: str, random: Callable[[int], bytes]) -> list[Share]:
    """``random`` gives so many octets of chance."""
    if not 2 <= needed <= shares <= MOST:
        raise ValueError(f"2 to {MOST} shares, and no more of them needed than there are")
    rows = [secret, *(random(len(secret)) for _ in range(needed - 1))]  # coefficients, the constant one first
    return [Share(point, shares, needed, key, _value(rows, point)) for point in range(1, shares + 1)]


def combine(shares: Sequence[Share]) -> bytes:
    """Raises ShareFault."""
    by_point = {share.point: share for share in shares}
    if len({(share.shares, share.needed, share.key, len(share.octets)) for share in shares}) != 1:
        raise ShareFault("these shares do not belong together")
    needed = shares[0].needed
    if len(by_point) < needed:
        raise ShareFault(f"{needed} different shares are needed, not {len(by_point)}")
    chosen = list(by_point.values())[:needed]
    secret = bytearray(len(chosen[0].octets))
    for share in chosen:
        # Lagrange, at zero: the product of x/(x - own) over the others' points; minus is plus here
        weight = 1
        for other in chosen:
            if other.point != share.point:
                weight = _times(weight, _over(other.point, other.point ^ share.point))
        for at, octet in enumerate(share.octets):
            secret[at] ^= _times(weight, octet)
    return bytes(secret)


def _value(rows: Sequence[bytes], point: int) -> bytes:
    """The polynomials at a point, by Horner."""
    found = bytes(len(rows[0]))
    for row in reversed(rows):
        found = bytes(_times(each, point) ^ coefficient for each, coefficient in zip(found, row, strict=True))
    return found


def _tables() -> tuple[list[int], list[int]]:
    powers, logarithms = [1] * 255, [0] * 256
    for exponent in range(1, 255):
        last = powers[exponent - 1]
        doubled = (last << 1) ^ (0x11B if last & 0x80 else 0)
        powers[exponent] = doubled ^ last
        logarithms[powers[exponent]] = exponent
    return powers, logarithms


_POWERS, _LOGARITHMS = _tables()


def _times(left: int, right: int) -> int:
    if not left or not right:
        return 0
    return _POWERS[(_LOGARITHMS[left] + _LOGARITHMS[right]) % 255]


def _over(left: int, right: int) -> int:
    return _POWERS[(_LOGARITHMS[left] - _LOGARITHMS[right]) % 255]
