"""Encoded-words in header fields: to text, and from text to 7-bit octets.

Raw header text travels through this package as `str` with one character an octet (latin-1), which keeps
offsets and loses nothing; `decode_words` turns such a value into what a person reads.

Standards: RFC 2047 §2, §4, §5, §6.2; RFC 2231 §5 (language suffix); RFC 6532 §3 (raw UTF-8).
"""

from __future__ import annotations

import binascii
import re

from mailserver.message import charsets
from mailserver.message.transfer import decode_base64

# encoded-word = "=?" charset "?" encoding "?" encoded-text "?="; charset may carry "*language" (RFC 2231 §5).
# Spaces inside the encoded-text are a fault that is common enough to be read anyway.
_WORD = re.compile(r"=\?([^?\s*]{1,60})(?:\*[^?\s]{0,60})?\?([bBqQ])\?([^?]*+)\?=", re.ASCII)
_HEX = re.compile(rb"=([0-9A-Fa-f]{2})")
# In which "=" stands for nothing but octets: what is for text lines, and much quicker, does no harm to it.
_WHOLE = re.compile(rb"[^=\r\n]*+(?:(?:=[0-9A-Fa-f]{2})++[^=\r\n]*+)*+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def _encoded_octets(encoding: str, text: str) -> bytes:
    octets = text.encode("latin-1", "replace")
    if encoding in "qQ":  # RFC 2047 §4.2
        octets = octets.replace(b"_", b" ")
        return binascii.a2b_qp(octets) if _WHOLE.fullmatch(octets) else _HEX.sub(_octet, octets)
    try:
        return binascii.a2b_base64(octets, strict_mode=True)
    except binascii.Error:
        return decode_base64(octets)


def _octet(match: re.Match[bytes]) -> bytes:
    return bytes.fromhex(match[1].decode())


def raw_text(raw: str) -> str:
    """A raw value with octets above 7F read as UTF-8 (RFC 6532) or, failing that, as an old charset."""
    return raw if raw.isascii() else charsets.decode(raw.encode("latin-1", "replace"))


def decode_words(raw: str) -> str:
    """What a person reads: encoded-words decoded, raw 8-bit read, control characters blanked."""
    text = _decode_words(raw) if "=?" in raw else raw_text(raw)
    return text if text.isprintable() else whole_pairs(_CONTROLS.sub(" ", text))


def whole_pairs(text: str) -> str:
    """Without halves of surrogate pairs, for which UTF-8 has no form and which no page and no database takes."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _decode_words(raw: str) -> str:
    pieces: list[str] = []
    octets = b""
    charset = ""
    position = 0
    for match in _WORD.finditer(raw):
        between = raw[position : match.start()]
        position = match.end()
        if charset:
            # RFC 2047 §6.2: white space between two encoded-words is not shown. Joining the octets of
            # neighbours mends words that were cut inside a character, against §5.3.
            if not between.strip(" \t\r\n") and match[1].lower() == charset:
                octets += _encoded_octets(match[2], match[3])
                continue
            pieces.append(charsets.decode(octets, charset))
            if between.strip(" \t\r\n"):
                pieces.append(raw_text(between))
        elif between:
            pieces.append(raw_text(between))
        charset = match[1].lower()
        octets = _encoded_octets(match[2], match[3])
    if charset:
        pieces.append(charsets.decode(octets, charset))
    pieces.append(raw_text(raw[position:]))
    return "".join(pieces)


def encode_words(text: str, lead: int = 0, *, always: bool = False) -> str:
    """`text` as encoded-words of at most 75 characters, separated by spaces; plain ASCII stays as it is.

    `lead` is how much of the first line is taken already (RFC 2047 §2: no line with an encoded-word above 76).
    """
    if not always and text.isascii() and text.isprintable() and "=?" not in text:
        return text
    words: list[str] = []
    chunk = bytearray()
    room = max((75 - lead - 12) // 4 * 3, 15)
    for character in text:
        octets = character.encode("utf-8", "replace")
        if len(chunk) + len(octets) > room:  # RFC 2047 §5.3: no word is cut inside a character
            words.append(_word(chunk))
            chunk.clear()
            room = 45
        chunk += octets
    words.append(_word(chunk))
    return " ".join(words)


def _word(octets: bytearray) -> str:
    return f"=?utf-8?b?{binascii.b2a_base64(octets, newline=False).decode()}?="


def seven_bit(raw: str) -> str:
    """A raw value that holds octets above 7F, as 7-bit encoded-words; any other as it is."""
    return raw if raw.isascii() else encode_words(decode_words(raw))
