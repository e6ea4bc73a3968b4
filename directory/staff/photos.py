"""Photos of people: small pictures, judged by what is in them, and kept without what a camera writes beside them.

A picture is taken apart into its pieces, and only those are kept that are needed to show it: no place or time where it
was taken, no thumbnail of what was cut away, nothing after its end.

Standards: ITU-T T.81 Annex B (JPEG); RFC 2083 (PNG), §3.2, §3.4.
Limits: baseline and progressive JPEG, and PNG, up to ``MAX_OCTETS`` and ``MAX_SIDE``; they are not decoded, so a
picture may be whole by its pieces and show nothing.
"""

from __future__ import annotations

import struct
import zlib

from sqlalchemy import bindparam, delete, insert, select

from directory.database import Question, Reading, Writing
from directory.faults import Fault
from directory.record import record
from directory.staff.people import find_official
from directory.staff.picture_pieces import JPEG, JPEG_END, PNG, SCAN, jpeg_segments, png_chunks
from directory.tables import person_photo

MAX_OCTETS = 64 * 1024
MIN_SIDE, MAX_SIDE = 32, 1024

_PNG_SHOWN = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
_FRAMES = frozenset((0xC0, 0xC1, 0xC2))  # baseline, extended, progressive
# Tables, frame and scans; APP0 (JFIF) and APP14 (which says what the colours mean).
_JPEG_SHOWN = _FRAMES | {0xC4, 0xDB, 0xDD, 0xDA, 0xE0, 0xEE}

_OF = Question(
    select(person_photo.c.media_type, person_photo.c.octets).where(person_photo.c.person_id == bindparam("p"))
)


def set_photo(conn: Writing, actor: str, official_key: str, octets: bytes) -> str:
    """Show this picture of somebody from now on; its media type.  Raises Fault."""
    official = find_official(conn, official_key)
    media_type, kept = cleaned(octets)
    conn.execute(delete(person_photo).where(person_photo.c.person_id == official.person_id))
    row = {"person_id": official.person_id, "media_type": media_type, "octets": kept, "changed_at": conn.now}
    conn.execute(insert(person_photo), row)
    record(conn, actor, "official.update", official.account.login, after={"photo": f"{media_type}, {len(kept)} octets"})
    return media_type


def remove_photo(conn: Writing, actor: str, official_key: str) -> None:
    """Raises Fault where there is none."""
    official = find_official(conn, official_key)
    if not conn.execute(delete(person_photo).where(person_photo.c.person_id == official.person_id)).rowcount:
        raise Fault("photo-unknown", official=official.full_name)
    record(conn, actor, "official.update", official.account.login, before={"photo": True}, after={"photo": False})


def photo_of(conn: Reading | Writing, person_id: str) -> tuple[str, bytes] | None:
    """(media type, octets)"""
    row = conn.row(_OF, p=person_id)
    return (row[0], bytes(row[1])) if row else None


def cleaned(octets: bytes) -> tuple[str, bytes]:
    """The media type by the content, and what is needed to show it.  Raises Fault."""
    try:
        if octets.startswith(PNG):
            media_type, kept, sides = "image/png", *_png(octets)
        elif octets.startswith(JPEG + b"\xff"):
            media_type, kept, sides = "image/jpeg", *_jpeg(octets)
        else:
            raise Fault("photo-format")
    except (ValueError, struct.error):
        raise Fault("photo-format") from None
    if len(kept) > MAX_OCTETS or max(sides) > MAX_SIDE or min(sides) < MIN_SIDE:
        raise Fault("photo-size", octets=MAX_OCTETS // 1024, low=MIN_SIDE, high=MAX_SIDE)
    return media_type, kept


def _png(octets: bytes) -> tuple[bytes, tuple[int, int]]:
    chunks = list(png_chunks(octets))
    kinds = [kind for kind, _ in chunks]
    if kinds[:1] != [b"IHDR"] or kinds[-1:] != [b"IEND"] or b"IDAT" not in kinds or len(chunks[0][1]) != 25:
        raise Fault("photo-format")
    if any(zlib.crc32(whole[4:-4]) != struct.unpack(">I", whole[-4:])[0] for _, whole in chunks):
        raise Fault("photo-format")
    width, height = struct.unpack(">II", chunks[0][1][8:16])
    return PNG + b"".join(whole for kind, whole in chunks if kind in _PNG_SHOWN), (width, height)


def _jpeg(octets: bytes) -> tuple[bytes, tuple[int, int]]:
    kept, sides, scans = [JPEG], (0, 0), 0
    for marker, whole in jpeg_segments(octets):
        if marker in _FRAMES:
            if sides != (0, 0):
                raise Fault("photo-format")
            height, width = struct.unpack_from(">HH", whole, 5)
            sides = (width, height)
        scans += marker == SCAN
        if marker in _JPEG_SHOWN:
            kept.append(whole)
        elif not (0xE0 <= marker <= 0xEF or marker == 0xFE):  # neither shown nor a remark: an unusual kind of JPEG
            raise Fault("photo-format")
    if sides == (0, 0) or not scans:
        raise Fault("photo-format")
    return b"".join([*kept, JPEG_END]), sides
