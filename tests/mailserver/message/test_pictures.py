"""Pictures by their octets, and those that would unpack to too much."""

from __future__ import annotations

import struct

import pytest

from mailserver.message.pictures import MOST_PIXELS, picture_type

SIDE = 10_000
TALL = MOST_PIXELS // SIDE


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height)


def bmp(width: int, height: int) -> bytes:
    return b"BM" + bytes(16) + struct.pack("<ii", width, -height)


def jpeg(width: int, height: int) -> bytes:
    head = b"\xff\xd8\xff\xe0\x00\x04ab" + b"\xff\xff\xff\xc4\x00\x02" + b"\xff\xc2\x00\x0b\x08"
    return head + struct.pack(">HH", height, width) + bytes(9)


def webp(width: int, height: int) -> bytes:
    sizes = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + bytes(4) + b"WEBPVP8X" + bytes(8) + sizes


def webp_lossless(width: int, height: int) -> bytes:
    return b"RIFF" + bytes(4) + b"WEBPVP8L" + bytes(5) + struct.pack("<I", width - 1 | height - 1 << 14) + bytes(9)


def webp_lossy(width: int, height: int) -> bytes:
    return b"RIFF" + bytes(4) + b"WEBPVP8 " + bytes(10) + struct.pack("<HH", width, height)


def avif(width: int, height: int) -> bytes:
    return b"\0\0\0\x20ftypavif" + b"\0\0\0\x14ispe" + bytes(4) + struct.pack(">II", width, height)


@pytest.mark.parametrize("made", [png, gif, bmp, jpeg, webp, webp_lossless, webp_lossy, avif])
def test_a_picture_that_unpacks_to_too_much_is_none(made):
    assert picture_type(made(SIDE, TALL)) is not None
    assert picture_type(made(SIDE, TALL + 1)) is None
    for cut in range(len(made(1, 1))):
        picture_type(made(1, 1)[:cut])


def test_the_largest_size_that_is_told_counts():
    small, large = jpeg(1, 1), jpeg(SIDE, TALL + 1)
    first = small[: small.index(b"\xff\xc2")]
    frames = small[small.index(b"\xff\xc2") :][:13] + large[large.index(b"\xff\xc2") :][:13] + bytes(9)
    assert picture_type(first + frames) is None
    assert picture_type(first + small[small.index(b"\xff\xc2") :][:13] + b"\xff\xda\x00\x02" + frames) == "image/jpeg"


def test_padding_without_end_is_not_followed():
    assert picture_type(jpeg(1, 1)[:2] + b"\xff" * 1000 + jpeg(1, 1)[2:]) == "image/jpeg"
    assert picture_type(jpeg(1, 1)[:2] + b"\xff" * 6000 + jpeg(1, 1)[2:]) is None


@pytest.mark.parametrize("octets", [b"", b"<svg/>", b"GIF", b"\x89PNG", b"RIFF0000WAVE", b"%PDF-1.7"])
def test_what_is_no_picture(octets):
    assert picture_type(octets) is None
