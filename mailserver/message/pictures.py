"""What kind of picture octets are, whatever they are called, and how large it would be once unpacked.

A few octets may unpack to gigabytes in whatever looks at them: a picture of more than ``MOST_PIXELS`` is none.

Standards: PNG (ISO/IEC 15948) §11.2.2; JPEG (ISO/IEC 10918-1) B.2.2; GIF89a §18; RFC 9649 (WebP) §2.4 to §2.7.
Limits: pixels are counted as the head of the file tells them; animations count one frame.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from struct import Struct

MOST_PIXELS = 120_000_000

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
)


_BIG, _BIG_SHORT, _SHORT, _SIGNED = Struct(">II"), Struct(">HH"), Struct("<HH"), Struct("<ii")
_HEAD = 65_536  # octets in which an AVIF file says how large it is
_SEGMENTS = 5_000  # of a JPEG, before the picture itself
_AVIF_SIZE = re.compile(rb"ispe.{4}(.{8})", re.DOTALL)


def picture_type(octets: bytes) -> str | None:
    """The type of a picture that browsers show without running anything in it; by its octets, not by its label."""
    kind = _type_of(octets)
    return kind if kind is not None and _pixels(kind, octets) <= MOST_PIXELS else None


def _type_of(octets: bytes) -> str | None:
    for magic, kind in _MAGIC:
        if octets.startswith(magic):
            return kind
    if octets[:4] == b"RIFF" and octets[8:12] == b"WEBP":
        return "image/webp"
    if octets[4:12] in (b"ftypavif", b"ftypavis"):
        return "image/avif"
    return None


def _pixels(kind: str, octets: bytes) -> int:
    return max((abs(width * height) for width, height in _sizes(kind, octets)), default=0)


def _sizes(kind: str, octets: bytes) -> Iterator[tuple[int, int]]:
    """(width, height), as often as the head tells it; never for a file that is broken off before."""
    if kind == "image/png" and len(octets) >= 24:
        yield _BIG.unpack_from(octets, 16)
    elif kind == "image/gif" and len(octets) >= 10:
        yield _SHORT.unpack_from(octets, 6)
    elif kind == "image/bmp" and len(octets) >= 26:
        yield _SIGNED.unpack_from(octets, 18)
    elif kind == "image/webp" and len(octets) >= 30:
        yield _webp_size(octets)
    elif kind == "image/avif":
        for found in _AVIF_SIZE.finditer(octets[:_HEAD]):
            yield _BIG.unpack(found[1])
    elif kind == "image/jpeg":
        yield from _jpeg_sizes(octets)


def _webp_size(octets: bytes) -> tuple[int, int]:
    chunk = octets[12:16]
    if chunk == b"VP8X":
        return int.from_bytes(octets[24:27], "little") + 1, int.from_bytes(octets[27:30], "little") + 1
    if chunk == b"VP8L":
        packed = int.from_bytes(octets[21:25], "little")
        return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    width, height = _SHORT.unpack_from(octets, 26)
    return width & 0x3FFF, height & 0x3FFF


def _jpeg_sizes(octets: bytes) -> Iterator[tuple[int, int]]:
    """Segment by segment, until the scan begins; one that is padded without end is as large as can be."""
    at = 2
    for _ in range(_SEGMENTS):
        if at + 9 > len(octets) or octets[at] != 0xFF:
            return
        marker = octets[at + 1]
        if marker == 0xFF or 0xD0 <= marker <= 0xD8 or marker == 0x01:  # fill, and markers that stand alone
            at += 1 if marker == 0xFF else 2
            continue
        if marker == 0xDA:
            return
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = _BIG_SHORT.unpack_from(octets, at + 5)
            yield width, height
        at += 2 + max(2, int.from_bytes(octets[at + 2 : at + 4]))
    yield MOST_PIXELS, 2
