"""A picture taken apart: the chunks of a PNG file, the segments of a JPEG file, the blocks of a GIF file.

Standards: ITU-T T.81 Annex B (JPEG); PNG (ISO/IEC 15948) §5; GIF89a §15 to §27.
Limits: nothing is decoded.  What does not hold together raises ValueError.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8"
JPEG_END = b"\xff\xd9"
SCAN = 0xDA
GIF_HEAD, GIF_IMAGE = -1, 0x2C
GIF_END = b";"

_END = 0xD9


def png_chunks(octets: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, whole chunk), up to the end of the picture."""
    position, kind = len(PNG), b""
    while kind != b"IEND":
        length, kind = _unpacked(">I4s", octets, position)
        whole = octets[position : position + 12 + length]
        if len(whole) != 12 + length:
            raise ValueError("a chunk ends too early")
        yield kind, whole
        position += 12 + length


def jpeg_segments(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """(marker, whole segment), a scan with its data, up to the end of the picture."""
    position = len(JPEG)
    while True:
        sign, marker = _unpacked("BB", octets, position)
        if sign != 0xFF:
            raise ValueError("no marker where one must be")
        if marker == _END:
            return
        if marker == 0xFF:  # T.81 §B.1.1.2: any number of fill octets
            position += 1
            continue
        (length,) = _unpacked(">H", octets, position + 2)
        end = position + 2 + length
        if length < 2 or end > len(octets):
            raise ValueError("a segment ends too early")
        if marker == SCAN:
            end = _end_of_scan(octets, end)
        yield marker, octets[position:end]
        position = end


def gif_blocks(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """(label of an extension, GIF_IMAGE, or GIF_HEAD for what stands before all; whole block), up to the end."""
    position = 13 + _colours(octets, 10)
    if position > len(octets):
        raise ValueError("it ends too early")
    yield GIF_HEAD, octets[:position]
    while True:
        (kind,) = _unpacked("B", octets, position)
        if kind == GIF_END[0]:
            return
        if kind == 0x21:  # §23 to §26: an extension and its label
            (label,) = _unpacked("B", octets, position + 1)
            data = position + 2
        elif kind == GIF_IMAGE:  # §20 to §22: where it stands, its own colours, how wide its codes are
            label = kind
            data = position + 11 + _colours(octets, position + 9)
        else:
            raise ValueError("no block where one must be")
        end = _end_of_blocks(octets, data)
        yield label, octets[position:end]
        position = end


def _colours(octets: bytes, position: int) -> int:
    """The size of the table of colours that this octet speaks of (GIF89a §18, §20)."""
    (packed,) = _unpacked("B", octets, position)
    return 3 << (packed & 7) + 1 if packed & 0x80 else 0


def _end_of_blocks(octets: bytes, position: int) -> int:
    """Behind the one without data that ends them (GIF89a §15, §16)."""
    while True:
        (length,) = _unpacked("B", octets, position)
        position += 1 + length
        if not length:
            return position


def _end_of_scan(octets: bytes, position: int) -> int:
    """Where a marker follows that is neither a stuffed octet nor a restart (T.81 §B.1.1.5)."""
    while True:
        position = octets.find(b"\xff", position)
        if position < 0:
            raise ValueError("the picture has no end")
        (following,) = _unpacked("B", octets, position + 1)
        if following != 0 and not 0xD0 <= following <= 0xD7:
            return position
        position += 2


def _unpacked(form: str, octets: bytes, position: int) -> tuple[Any, ...]:
    try:
        return struct.unpack_from(form, octets, position)
    except struct.error as fault:
        raise ValueError("it ends too early") from fault
