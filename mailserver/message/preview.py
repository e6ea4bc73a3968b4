"""The first words of a message, for lists: what a person would read first, without marks, quotes and white
space.

Standards: RFC 8970 §3.1 (at most 200 characters, plain text).
Limits: at most 48 KiB of a part are looked at, so that a mail which begins with a long style sheet still has
a preview.
"""

from __future__ import annotations

import binascii
import html
import re
from mmap import mmap

from mailserver.message import charsets
from mailserver.message.encoded_words import whole_pairs
from mailserver.message.structure import Part
from mailserver.message.transfer import decode_base64

PREVIEW_LENGTH = 200
_ENOUGH = PREVIEW_LENGTH + 40
_WINDOWS = (1200, 6 * 1024, 48 * 1024)

_HIDDEN = re.compile(
    r"<!--.*?(?:-->|$)|<(script|style|head|title|template)\b.*?(?:</\1\s*>|$)", re.IGNORECASE | re.DOTALL
)
_TAG = re.compile(r"<[!/?a-zA-Z][^>]*+(?:>|$)")
_QUOTE = re.compile(r"^[ \t]*>.*$", re.MULTILINE)
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]+"
)


def first_text(root: Part) -> Part | None:
    """The part a preview is made of: the first text/plain that is no attachment, else the first HTML."""
    other: Part | None = None
    for part in root.walk() if root.parts else (root,):
        if part.disposition == "attachment" or not part.media_type.startswith("text/"):
            continue
        if part.media_type == "text/plain" and part.end > part.body_start:
            return part
        if other is None and part.media_type == "text/html":
            other = part
    return other


def preview(root: Part, octets: bytes | mmap) -> str:
    part = first_text(root)
    if part is None:
        return ""
    text = ""
    for window in _WINDOWS:
        text = _shorten(part, octets[part.body_start : min(part.end, part.body_start + window)])
        if len(text) >= PREVIEW_LENGTH or part.body_start + window >= part.end:
            break
    return text


def _shorten(part: Part, octets: bytes) -> str:
    encoding = part.encoding
    if encoding == "base64":
        octets = decode_base64(octets)
    elif encoding == "quoted-printable":
        if b"=" in octets[-2:]:  # the window ends inside an encoded octet
            octets = octets[: octets.rindex(b"=")]
        octets = binascii.a2b_qp(octets)
    text = charsets.decode_beginning(octets, part.charset)
    if part.media_type == "text/html":
        text = html.unescape(_TAG.sub(" ", _HIDDEN.sub(" ", text)))
    elif ">" in text:
        text = _QUOTE.sub("", text)
    # Most mail has nothing but words, single blanks and line ends: no need to take it apart.
    shown = text[:_ENOUGH].replace("\r\n", " ").replace("  ", " ").strip(" ")
    is_whole = len(shown) >= PREVIEW_LENGTH or len(text) <= _ENOUGH
    if not is_whole or "  " in shown or not shown.isprintable():
        shown = " ".join((text if text.isprintable() else whole_pairs(_INVISIBLE.sub("", text))).split())
    return shown[:PREVIEW_LENGTH]
