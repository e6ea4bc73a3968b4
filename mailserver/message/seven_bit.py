"""A message whose parts are encoded for a transport of seven bits, all else as it was.

Text goes in quoted-printable, other parts in base64; parts that need nothing keep their octets.

Standards: RFC 2045 §6 (encodings; §6.4: composite parts are never encoded themselves), RFC 1847 §2.1 (what is signed
is not touched), RFC 6376 §5.3.
Limits: headers with octets outside ASCII cannot be said in seven bits (RFC 6532): such a message is left alone.
"""

from __future__ import annotations

import re
from base64 import encodebytes
from quopri import encodestring

from mailserver.message.headers import field_octets, header_end, remove_fields
from mailserver.message.structure import Part, scan

_UNTOUCHABLE = frozenset({"multipart/signed", "multipart/encrypted"})
_SEALS = frozenset({"dkim-signature", "arc-seal", "arc-message-signature"})
_FIELD = "Content-Transfer-Encoding"
# RFC 2045 §2.7: lines of 998 octets at most, no NUL, CR and LF only together.
_UNFIT = re.compile(rb"[^\r\n]{999}|\x00|\r(?!\n)|(?<!\r)\n")


class _Untouchable(Exception):
    """The message must stay as it is."""


def to_seven_bit(octets: bytes) -> bytes | None:
    """The message in seven bits; None if converting it would break it."""
    if not octets[: header_end(octets)].isascii():
        return None
    if any(name in _SEALS for name, _ in field_octets(octets[: header_end(octets)])):
        return None
    try:
        return _convert(octets, scan(octets))
    except _Untouchable:
        return None


def _convert(octets: bytes, part: Part) -> bytes:
    header = octets[part.header_start : part.body_start]
    if not header.isascii() or part.media_type in _UNTOUCHABLE:
        raise _Untouchable
    if part.parts:
        return _with_encoding(header, part.encoding, "7bit") + _composite(octets, part)
    body = octets[part.body_start : part.end]
    if body.isascii() and not _UNFIT.search(body):
        return _with_encoding(header, part.encoding, "7bit") + body
    if part.encoding in ("base64", "quoted-printable") or part.media_type.startswith(("multipart/", "message/")):
        raise _Untouchable  # it is not what it says, or may not be encoded
    if part.media_type.startswith("text/") and not re.search(rb"\x00|\r(?!\n)|(?<!\r)\n", body):
        lines = encodestring(body.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
        return _with_encoding(header, "", "quoted-printable") + lines
    return _with_encoding(header, "", "base64") + encodebytes(body).replace(b"\n", b"\r\n").removesuffix(b"\r\n")


def _composite(octets: bytes, part: Part) -> bytes:
    pieces: list[bytes] = []
    position = part.body_start
    for child in part.parts:
        pieces += [octets[position : child.header_start], _convert(octets, child)]
        position = child.end
    pieces.append(octets[position : part.end])
    if not all(piece.isascii() for piece in pieces[::2]):
        raise _Untouchable
    return b"".join(pieces)


def _with_encoding(header: bytes, said: str, encoding: str) -> bytes:
    """The header with its encoding said anew, if that changes; what says 7bit or nothing is right already."""
    if encoding == "7bit" and said not in ("8bit", "binary"):
        return header
    kept = remove_fields(header, (_FIELD,))
    blank = b"\r\n" if kept.endswith(b"\r\n") else b""
    fields = kept[: len(kept) - len(blank)]
    if fields and not fields.endswith(b"\n"):
        fields += b"\r\n"
    return fields + f"{_FIELD}: {encoding}\r\n".encode() + (blank or b"\r\n")
