"""Pictures as cameras and programs write them, and as attackers do."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

from PIL import Image

PNG = b"\x89PNG\r\n\x1a\n"


def written(picture: Image.Image, form: str, **how: object) -> bytes:
    octets = io.BytesIO()
    picture.save(octets, form, **how)
    return octets.getvalue()


def plain(form: str, width: int = 8, height: int = 6, colour: Sequence[int] = (200, 30, 90), **how: object) -> bytes:
    return written(Image.new("RGB", (width, height), tuple(colour)), form, **how)


def moving(form: str, frames: int = 3, side: int = 8, **how: object) -> bytes:
    each = [Image.new("RGB", (side, side), (60 * (number % 4), 255 - number % 200, 30)) for number in range(frames)]
    return written(each[0], form, save_all=True, append_images=each[1:], **how)


def opened(octets: bytes) -> Image.Image:
    """For tests of what was drawn here."""
    picture = Image.open(io.BytesIO(octets))
    picture.load()
    return picture


def png_bomb(width: int, height: int, *, alpha: bool = False) -> bytes:
    """A black picture of a few octets, as large as it says."""
    row = bytes(1 + (4 * width if alpha else (width + 7) // 8))
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 8 if alpha else 1, 6 if alpha else 0, 0, 0, 0)
    return PNG + b"".join(map(_chunk, (b"IHDR", b"IDAT", b"IEND"), (head, data, b"")))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def gif_of(frames: int, side: int = 10) -> bytes:
    """Of one pixel each."""
    frame = b"\x21\xf9\x04\0\1\0\0\0" + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff" + frame * frames + b";"


def jpeg_that_says(width: int, height: int) -> bytes:
    """A few octets of a picture that claims to be so large."""
    small = written(Image.new("L", (8, 8)), "JPEG")
    start = small.index(b"\xff\xc0") + 5
    return small[:start] + struct.pack(">HH", height, width) + small[start + 4 :]
