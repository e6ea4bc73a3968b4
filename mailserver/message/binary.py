"""Messages with NUL octets, as BINARYMIME and IMAP's literal8 bring them: the parts that have them, kept in base64.

A body that IMAP's base specification could not send must be described and sent in an encoding that it can; so the
encoding is changed once, when the message arrives, and only where it must be: a part without NUL stays as it is, octet
for octet, and what is signed in it stays signed.

Standards: RFC 3516 §4.4, §6; RFC 3030 §3 (all bits of a binary body are kept); RFC 2045 §6.
"""

from __future__ import annotations

from mailserver.message.headers import find_field, remove_fields
from mailserver.message.structure import Part, scan
from mailserver.message.transfer import IDENTITY, encode_base64


class NoEncodingHelps(ValueError):
    """A NUL is where no encoding of a part can take it up."""


def without_nul(octets: bytes) -> bytes:
    """The same message without NUL.  Raises NoEncodingHelps."""
    pieces: list[bytes] = []
    place = 0
    for part in scan(octets).walk():
        if part.parts or b"\x00" not in octets[part.body_start : part.end]:
            continue
        header = octets[part.header_start : part.body_start]
        if part.encoding not in IDENTITY or not header.endswith(b"\n"):
            raise NoEncodingHelps
        pieces += (octets[place : part.header_start], _as_base64(header, part), _body(octets, part))
        place = part.end
    pieces.append(octets[place:])
    whole = b"".join(pieces)
    if b"\x00" in whole:
        raise NoEncodingHelps
    return whole


def _as_base64(header: bytes, part: Part) -> bytes:
    """The part's header, blank line and all, naming the new encoding."""
    kept = remove_fields(header, ["content-transfer-encoding"])
    blank = b"\r\n" if kept.endswith(b"\r\n") else b"\n"
    fields = kept.removesuffix(blank)
    if not part.header_start and find_field(header, "mime-version") is None:
        fields += b"MIME-Version: 1.0" + blank
    return fields + b"Content-Transfer-Encoding: base64" + blank + blank


def _body(octets: bytes, part: Part) -> bytes:
    encoded = encode_base64(octets[part.body_start : part.end])
    # Inside a multipart the line end in front of the delimiter is there already.
    return encoded if part.end == len(octets) else encoded.removesuffix(b"\r\n")
