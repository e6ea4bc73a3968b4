"""Pictures lose where and when they were taken, and nothing that they show."""

from __future__ import annotations

import struct
import zlib

import pytest

from tests.mailserver.message.attachments.picture_files import moving, opened
from tests.webmail.writing.test_inline_pictures import GIF, PNG
from webmail.contents.metadata import without_metadata

PLACE = b"10.7769N 106.7009E"
SCAN = b"\xff\xda\x00\x04\x01\x00" + b"\x12\xff\x00\x34\xff\xd0\x56"
FRAME = b"\xff\xc0\x00\x0b\x08\x00\x01\x00\x01\x01\x01\x11\x00"
JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", 2 + len(body)) + body


def exif(order: str, orientation: int) -> bytes:
    """An orientation, a maker's words, and a place."""
    head = {"<": b"II*\0", ">": b"MM\0*"}[order]
    entries = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0) + struct.pack(f"{order}HHII", 0x8825, 4, 1, 60)
    return b"Exif\0\0" + head + struct.pack(f"{order}IH", 8, 2) + entries + b"\0" * 4 + PLACE


def jpeg(*beside: bytes, after: bytes = b"") -> bytes:
    return b"\xff\xd8" + JFIF + b"".join(beside) + FRAME + SCAN + b"\xff\xd9" + after


@pytest.mark.parametrize("order", ["<", ">"])
def test_of_a_photo_only_which_way_is_up_is_left(order: str) -> None:
    colours = segment(0xE2, b"ICC_PROFILE\0\1\1colours")
    taken = jpeg(
        segment(0xE1, exif(order, 6)),
        segment(0xE1, b"ns.adobe.com/xap/1.0/\0" + PLACE),
        segment(0xED, b"Photoshop 3.0\0" + PLACE),
        segment(0xE2, b"MPF\0" + PLACE),
        segment(0xFE, PLACE),
        colours,
        after=b"\xff\xd8" + PLACE,
    )
    kept = without_metadata("image/jpeg", taken)
    assert PLACE not in kept
    assert without_metadata("image/jpeg", kept) == kept
    turned = segment(0xE1, b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0))
    assert kept == jpeg(turned, colours)


def test_what_is_upright_says_nothing() -> None:
    assert without_metadata("image/jpeg", jpeg(segment(0xE1, exif("<", 1)))) == jpeg()
    for odd in (b"", b"II*\0", b"MM\0*\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff"):
        assert without_metadata("image/jpeg", jpeg(segment(0xE1, b"Exif\0\0" + odd))) == jpeg()


def test_png_and_webp() -> None:
    body = b"eXIf" + PLACE
    chunk = struct.pack(">I", len(PLACE)) + body + struct.pack(">I", zlib.crc32(body))
    assert without_metadata("image/png", PNG[:33] + chunk + PNG[33:] + PLACE) == PNG

    def webp(flags: int, *more: bytes) -> bytes:
        whole = b"WEBPVP8X" + struct.pack("<I", 10) + bytes([flags]) + b"\0" * 9
        whole += b"VP8L" + struct.pack("<I", 3) + b"abc\0" + b"".join(more)
        return b"RIFF" + struct.pack("<I", len(whole)) + whole

    beside = [kind + struct.pack("<I", len(PLACE)) + PLACE for kind in (b"EXIF", b"XMP ")]
    assert without_metadata("image/webp", webp(0x10 | 0x0C, *beside) + PLACE) == webp(0x10)


LOOP = b"!\xff\x0bNETSCAPE2.0\x03\x01\x07\x00\x00"
CONTROL = b"!\xf9\x04\x05\x0a\x00\x00\x00"
HEAD, IMAGE = GIF[:19], GIF[19:-1]


def blocks(label: int, *data: bytes) -> bytes:
    return bytes([0x21, label]) + b"".join(bytes([len(each)]) + each for each in data) + b"\0"


def test_of_a_gif_its_pictures_and_how_often_they_are_shown_are_left() -> None:
    assert without_metadata("image/gif", GIF) == GIF
    local = IMAGE[:9] + b"\x80" + b"abcdef" + IMAGE[10:]  # with colours of its own
    shown = HEAD + LOOP + CONTROL + IMAGE + local
    beside = [
        blocks(0xFE, PLACE, b"x" * 255, b";"),
        blocks(0xFF, b"XMP DataXMP", PLACE),
        blocks(0xFF, b"ICCRGBG1012", PLACE),
        blocks(0xFF, b"NETSCAPE2.0", b"\x02" + PLACE[:4]),
        blocks(0xFF),
        CONTROL + blocks(0x01, bytes(12), PLACE),
        blocks(0xCE, PLACE),
    ]
    told = blocks(0xFF, b"NETSCAPE2.0", b"\x01\x07\x00", PLACE)
    taken = HEAD + told + b"".join(beside) + CONTROL + beside[0] + IMAGE + beside[1] + local + beside[0] + b";" + PLACE
    assert without_metadata("image/gif", taken) == shown + b";"


def test_a_gif_that_moves_goes_on_moving() -> None:
    taken = moving("GIF", 5, duration=[70, 30, 90, 40, 50], loop=3, comment=PLACE)
    kept = without_metadata("image/gif", taken)
    assert PLACE in taken
    assert PLACE not in kept
    pictures = [opened(each) for each in (taken, kept)]
    assert [each.info["loop"] for each in pictures] == [3, 3]
    for number in range(5):
        for each in pictures:
            each.seek(number)
        one, other = [(each.info["duration"], each.convert("RGB").tobytes()) for each in pictures]
        assert one == other


@pytest.mark.parametrize("cut", [3, 10, 25, 34, 40])
def test_what_does_not_hold_together_is_no_picture(cut: int) -> None:
    for kind, whole in (("image/jpeg", jpeg()), ("image/png", PNG), ("image/gif", HEAD + LOOP + IMAGE + b";")):
        with pytest.raises(ValueError, match=r"end|marker|block"):
            without_metadata(kind, whole[:cut])
