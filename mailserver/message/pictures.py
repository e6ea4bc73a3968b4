"""What kind of picture octets are, whatever they are called."""

from __future__ import annotations

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
)


def picture_type(octets: bytes) -> str | None:
    """The type of a picture that browsers show without running anything in it; by its octets, not by its label."""
    for magic, kind in _MAGIC:
        if octets.startswith(magic):
            return kind
    if octets[:4] == b"RIFF" and octets[8:12] == b"WEBP":
        return "image/webp"
    if octets[4:12] in (b"ftypavif", b"ftypavis"):
        return "image/avif"
    return None
