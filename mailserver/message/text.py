"""The text of parts: transfer encoding undone, charset read, line ends made uniform.

Standards: RFC 2045 §6, RFC 2046 §4.1, RFC 2046 §5.1.4 (which alternative to show), RFC 3676 (flowed text).
Limits: `TEXT_LIMIT` octets of one part are made into text; the rest of a longer one stays reachable as
octets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from mmap import mmap

from mailserver.message import charsets
from mailserver.message.html_text import html_to_text
from mailserver.message.structure import Part
from mailserver.message.transfer import decode_transfer

TEXT_LIMIT = 8 << 20

# What must not reach a page or an index; tab, line feed and everything printable may
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f]")
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)


def content(part: Part, octets: bytes | mmap) -> bytes:
    """The decoded content of a part, out of the octets of the whole message; as it is if the encoding is
    unknown.
    """
    body = octets[part.body_start : part.end]
    decoded = decode_transfer(part.encoding, body)
    return body if decoded is None else decoded


def body_text(part: Part, body: bytes) -> str:
    """The text of a part whose body (still encoded) is at hand."""
    body = body[:TEXT_LIMIT]
    decoded = decode_transfer(part.encoding, body)
    return decoded_text(part, body if decoded is None else decoded)


def decoded_text(part: Part, decoded: bytes) -> str:
    """The same without its transfer encoding."""
    charset = part.charset
    if not charset and part.media_type == "text/html":
        declared = _META_CHARSET.search(decoded[:4096])
        charset = declared[1].decode("ascii") if declared else ""
    text = charsets.decode(decoded, charset).removeprefix("\ufeff")
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def decode_text(part: Part, octets: bytes | mmap) -> str:
    """The text of a text part, out of the octets of the whole message. Lines end with LF. Never raises."""
    return body_text(part, octets[part.body_start : min(part.end, part.body_start + TEXT_LIMIT)])


def shown_parts(root: Part) -> Iterator[Part]:
    """The parts that make up what a reader sees, in order: of alternatives only one, attachments none.

    Text is preferred: of multipart/alternative the plain one if there is one, else the last that we know.
    """
    if root.media_type == "multipart/alternative":
        plain = [part for part in root.parts if part.media_type == "text/plain"]
        known = [part for part in root.parts if part.is_multipart or part.media_type == "text/html"]
        for part in plain[-1:] or known[-1:] or root.parts[-1:]:
            yield from shown_parts(part)
    elif root.media_type == "multipart/related":
        for part in root.parts[:1]:
            yield from shown_parts(part)
    elif root.is_multipart:
        for part in root.parts:
            yield from shown_parts(part)
    elif root.disposition != "attachment" and root.media_type.startswith("text/"):
        yield root


def readable_text(root: Part, octets: bytes | mmap) -> str:
    """The message as plain text, for quoting in a reply and for searching."""
    pieces = []
    for part in shown_parts(root):
        text = decode_text(part, octets)
        pieces.append(html_to_text(text) if part.media_type == "text/html" else text)
    return "\n\n".join(piece.strip("\n") for piece in pieces if piece.strip())
