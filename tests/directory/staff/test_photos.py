"""Photos are judged by what is in them, and lose what is not shown."""

from __future__ import annotations

import struct
import zlib
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory import record
from directory.faults import Fault
from directory.staff import photos
from tests.directory.conftest import City

# 64 × 48, baseline and progressive
BASELINE = b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAFA3PEY8MlBGQUZaVVBfeMiCeG5uePWvuZHI////////////////////////////////"
    "////////////////////wAALCAAwAEABAREA/8QAFgABAQEAAAAAAAAAAAAAAAAAAAME/8QAFRABAQAAAAAAAAAAAAAAAAAAABL/"
    "2gAIAQEAAD8A10UUUUUUUlRRRRRRRSdFFFFFFFJ0UUUUUUUlRRRRRRRSdFFFFFFFP//Z"
)
PROGRESSIVE = b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAFA3PEY8MlBGQUZaVVBfeMiCeG5uePWvuZHI////////////////////////////////"
    "////////////////////2wBDAVVaWnhpeOuCguv/////////////////////////////////////////////////////////////"
    "////////////wgARCAAwAEADASIAAhEBAxEB/8QAFgABAQEAAAAAAAAAAAAAAAAAAAEC/8QAFwEBAQEBAAAAAAAAAAAAAAAAAAIB"
    "A//aAAwDAQACEAMQAAABwM6gAAQXAAAEFSAAB//EABQQAQAAAAAAAAAAAAAAAAAAAFD/2gAIAQEAAQUCQ//EABQRAQAAAAAAAAAA"
    "AAAAAAAAADD/2gAIAQMBAT8BT//EABQRAQAAAAAAAAAAAAAAAAAAADD/2gAIAQIBAT8BT//EABQQAQAAAAAAAAAAAAAAAAAAAFD/"
    "2gAIAQEABj8CQ//EABQQAQAAAAAAAAAAAAAAAAAAAFD/2gAIAQEAAT8hQ//aAAwDAQACAAMAAAAQCCCCxxxxyyyy/8QAFREBAQAA"
    "AAAAAAAAAAAAAAAAABH/2gAIAQMBAT8Qqqqqqqqq/8QAFREBAQAAAAAAAAAAAAAAAAAAABH/2gAIAQIBAT8QiIiIiIiI/8QAFBAB"
    "AAAAAAAAAAAAAAAAAAAAUP/aAAgBAQABPxBD/9k="
)
PNG = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAAAwCAAAAACEICPDAAAAUklEQVRIx2P8z0AZYKJQPwPLb0oN+DH0DfhFqQF/B9wLFLuA4jAY"
    "+GgcBumA0vw8mg5G0wF1XDCaDgZDOhitFwaDAQOfDkbLA8oNYGSj0ICBBwAgQijFAR8tqgAAAABJRU5ErkJggg=="
)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def segment(marker: int, data: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


def refused(octets: bytes) -> str:
    with pytest.raises(Fault) as caught:
        photos.cleaned(octets)
    return caught.value.code


@pytest.mark.parametrize(
    ("octets", "media_type"), [(BASELINE, "image/jpeg"), (PROGRESSIVE, "image/jpeg"), (PNG, "image/png")]
)
def test_a_picture_without_remarks_stays_as_it_is(octets: bytes, media_type: str) -> None:
    once = photos.cleaned(octets)
    assert once[0] == media_type
    assert photos.cleaned(once[1]) == once
    if media_type == "image/jpeg":
        assert once[1] == octets


def test_what_a_camera_writes_is_cut_away() -> None:
    where = segment(0xE1, b"Exif\0\0 10.7769 N 106.7009 E") + segment(0xFE, "Sở Y tế".encode())
    for octets in (BASELINE, PROGRESSIVE):
        taken = octets[:2] + where + b"\xff" + octets[2:] + b"something behind the end"
        assert photos.cleaned(taken) == ("image/jpeg", octets)
    remark = chunk(b"tEXt", b"GPS\x0010.7769 N")
    clean = photos.cleaned(PNG)[1]
    assert photos.cleaned(PNG[:33] + remark + PNG[33:] + b"behind") == ("image/png", clean)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"GIF89a",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        BASELINE[:100],
        BASELINE[:-2],
        BASELINE[:2] + b"\xff\xd9",
        BASELINE[:2] + b"\x00" + BASELINE[2:],
        BASELINE[:2] + segment(0xC3, b"\0" * 15) + BASELINE[2:],  # lossless
        BASELINE[:2] + b"\xff\xe1\x00\x01" + BASELINE[2:],
        PNG[:40],
        PNG[:-1] + b"\0",  # a wrong sum
        PNG[:8] + chunk(b"IEND", b""),
        PNG[:8] + chunk(b"IHDR", b"\0" * 5) + PNG[33:],
    ],
)
def test_what_is_not_a_whole_picture_is_refused(octets: bytes) -> None:
    assert refused(octets) == "photo-format"


def test_it_is_small() -> None:
    def sized(width: int, height: int) -> bytes:
        return PNG[:8] + chunk(b"IHDR", struct.pack(">II", width, height) + PNG[24:29]) + PNG[33:]

    assert photos.cleaned(sized(1024, 32))[0] == "image/png"
    for octets in (sized(1025, 500), sized(31, 500), sized(2**31 - 1, 2**31 - 1)):
        assert refused(octets) == "photo-size"
    frame = BASELINE.index(b"\xff\xc0")
    assert refused(BASELINE[: frame + 5] + b"\xff\xff" + BASELINE[frame + 7 :]) == "photo-size"
    scan = b"\x11" * photos.MAX_OCTETS
    assert refused(BASELINE[:-2] + scan + b"\xff\xd9") == "photo-size"


@given(st.data())
def test_damage_is_a_refusal_or_a_picture(data: st.DataObject) -> None:
    octets = bytearray(data.draw(st.sampled_from((BASELINE, PROGRESSIVE, PNG))))
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        media_type, kept = photos.cleaned(bytes(octets[: data.draw(st.integers(0, len(octets)))]))
    except Fault:
        return
    assert photos.cleaned(kept) == (media_type, kept)


def test_somebody_has_one(any_city: City) -> None:
    with any_city.directory.write() as conn:
        an = any_city.join(conn, "Nguyễn Văn An")
        assert photos.photo_of(conn, an.person_id) is None
        assert photos.set_photo(conn, "test", an.login, PNG) == "image/png"
        assert photos.set_photo(conn, "test", an.login, BASELINE) == "image/jpeg"
        assert photos.photo_of(conn, an.person_id) == ("image/jpeg", BASELINE)
        entry = next(record.search(conn, subjects=[an.login]))
        assert (entry.action, "image/jpeg" in entry.details) == ("official.update", True)
        photos.remove_photo(conn, "test", an.login)
        assert photos.photo_of(conn, an.person_id) is None
        with pytest.raises(Fault) as caught:
            photos.remove_photo(conn, "test", an.login)
        assert caught.value.code == "photo-unknown"
    assert any_city.directory.check_consistency() == []
