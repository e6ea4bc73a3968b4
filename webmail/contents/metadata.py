"""Pictures without what a camera and its programs write beside them: where and when it was taken, by whose device, a
small picture of what was cut away.

The picture itself stays as it is, octet for octet: pieces are left out, nothing is encoded anew.  A telephone says
beside the picture which way is up; that alone is said again.

Standards: ITU-T T.81 Annex B, Exif 2.32 §4.6 (JPEG); PNG (ISO/IEC 15948) §11; RFC 9649 §2.7 (WebP);
GIF89a §23 to §26.
Limits: what an official attaches as a file is his to send as it is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from directory.staff.picture_pieces import (
    GIF_END,
    GIF_HEAD,
    GIF_IMAGE,
    JPEG,
    JPEG_END,
    PNG,
    gif_blocks,
    jpeg_segments,
    png_chunks,
)

_PNG_LEFT_OUT = frozenset((b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME"))
_WEBP_LEFT_OUT = frozenset((b"EXIF", b"XMP "))
_WEBP_SAYS_THEY_ARE_THERE = 0x08 | 0x04
_BESIDE = frozenset((*range(0xE0, 0xF0), 0xFE))  # of applications, and remarks
_NEEDED = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}  # what its colours and its size mean
_EXIF = b"Exif\0\0"
_ORIENTATION = 0x0112
_MOST_ENTRIES = 200
_CONTROL, _PLAIN_TEXT, _APPLICATION = 0xF9, 0x01, 0xFF
_LOOP = b"\x0bNETSCAPE2.0\x03\x01"


def without_metadata(kind: str, octets: bytes) -> bytes:
    """Raises ValueError for a picture that does not hold together."""
    clean = {"image/jpeg": _jpeg, "image/png": _png, "image/webp": _webp, "image/gif": _gif}.get(kind)
    return clean(octets) if clean is not None else octets


def _png(octets: bytes) -> bytes:
    return PNG + b"".join(whole for kind, whole in png_chunks(octets) if kind not in _PNG_LEFT_OUT)


def _jpeg(octets: bytes) -> bytes:
    kept = [JPEG]
    for marker, whole in jpeg_segments(octets):
        body = whole[4:]
        if marker == 0xE1 and body.startswith(_EXIF):
            if 1 < (turned := _orientation(body[len(_EXIF) :])) <= 8:
                kept.append(_only_turned(turned))
        elif marker not in _BESIDE or (marker in _NEEDED and body.startswith(_NEEDED[marker])):
            kept.append(whole)
    return b"".join([*kept, JPEG_END])


def _orientation(tiff: bytes) -> int:
    """Exif 2.32 §4.6.4: of the first directory; 0 where it does not say."""
    order = {b"MM\0*": ">", b"II*\0": "<"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return 0
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for number in range(min(count, _MOST_ENTRIES)):
            tag, _kind, _count, value = struct.unpack_from(f"{order}HHIH", tiff, start + 2 + 12 * number)
            if tag == _ORIENTATION:
                return int(value)
    except struct.error:
        pass
    return 0


def _only_turned(orientation: int) -> bytes:
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, _ORIENTATION, 3, 1, orientation, 0, 0)
    body = _EXIF + tiff
    return b"\xff\xe1" + struct.pack(">H", 2 + len(body)) + body


def _gif(octets: bytes) -> bytes:
    """Its pictures, what is said of each, and how often they are shown; no remarks, no words of applications."""
    kept, beside = [], b""
    for label, whole in gif_blocks(octets):
        if label == _CONTROL:
            beside = whole  # of what comes next
        elif label in (GIF_HEAD, GIF_IMAGE):
            kept += [beside, whole]
            beside = b""
        elif label == _PLAIN_TEXT:
            beside = b""
        elif label == _APPLICATION and whole[2:].startswith(_LOOP) and len(whole) >= 19:
            kept.append(whole[:18] + b"\0")
    return b"".join([*kept, GIF_END])


def _webp(octets: bytes) -> bytes:
    kept = []
    for kind, whole in _webp_chunks(octets):
        if kind == b"VP8X":
            whole = whole[:8] + bytes([whole[8] & ~_WEBP_SAYS_THEY_ARE_THERE]) + whole[9:]
        if kind not in _WEBP_LEFT_OUT:
            kept.append(whole)
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _webp_chunks(octets: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, whole chunk with its padding), as far as the file says that it goes."""
    position, end = 12, 8 + int.from_bytes(octets[4:8], "little")
    if end > len(octets):
        raise ValueError("it ends too early")
    while position < end:
        length = int.from_bytes(octets[position + 4 : position + 8], "little")
        after = position + 8 + length + length % 2
        if after > end or length < 1:
            raise ValueError("a chunk ends too early")
        yield octets[position : position + 4], octets[position:after]
        position = after
