"""Pictures of strangers: drawn anew, or none; and what a letter takes along of them."""

from __future__ import annotations

import contextlib

from mailserver.message.attachments.reader import AttachmentReader
from mailserver.message.pictures import picture_type
from tests.mailserver.message.attachments.picture_files import moving, opened, plain
from webmail.contents.metadata import without_metadata

_SIDE = 50
_reader = AttachmentReader(seconds=20)


def pictures(octets: bytes) -> None:
    """The process that draws outlives every picture; what it gives is one that we wrote, and can be taken apart."""
    drawn = _reader.picture(octets, _SIDE)
    assert drawn is not None
    if drawn:
        assert picture_type(drawn) in ("image/jpeg", "image/png", "image/webp")
        assert max(opened(drawn).size) <= _SIDE
    kind = picture_type(octets)
    if kind is not None:
        with contextlib.suppress(ValueError):
            kept = without_metadata(kind, octets)
            assert without_metadata(kind, kept) == kept


def picture_seeds() -> list[bytes]:
    kinds = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "AVIF")
    return [*(plain(form, 80, 60) for form in kinds), *(moving(form) for form in ("GIF", "PNG", "WEBP"))]
