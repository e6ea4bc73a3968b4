"""Octets to text by charset label, for labels that are missing, misspelt or lying.

Never raises: a label that is unknown or does not fit the octets leads to the best guess, and what cannot be
decoded becomes U+FFFD. The raw octets stay in the store, so a wrong guess loses nothing.

Standards: RFC 2045 §5.1 (charset), RFC 2046 §4.1.2, RFC 2047 §6.2.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from functools import lru_cache

from mailserver.message.vietnamese_charsets import DECODERS

# Labels seen in mail that Python does not know, or knows too narrowly. What calls itself US-ASCII or
# ISO-8859-1 and holds octets above 7F or in 80–9F is nearly always something wider (WHATWG Encoding §4.2 says
# the same).
_ALIASES = {
    "us-ascii": "utf-8", "ascii": "utf-8", "ansi-x3.4-1968": "utf-8", "iso646-us": "utf-8",
    "utf8": "utf-8", "utf-8-sig": "utf-8", "unicode-1-1-utf-8": "utf-8", "utf8mb4": "utf-8",
    "x-utf-8": "utf-8",
    "unicode-1-1-utf-7": "utf-7", "x-unicode-2-0-utf-7": "utf-7",
    "iso-8859-1": "cp1252", "iso8859-1": "cp1252", "latin1": "cp1252", "iso-8859-8-i": "iso-8859-8",
    "iso-8859-9": "cp1254", "tis-620": "cp874", "iso-8859-11": "cp874",
    "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "gb-2312-80": "gb18030",
    "ks-c-5601-1987": "cp949", "euc-kr": "cp949", "shift-jis": "cp932", "x-sjis": "cp932",
    "iso-2022-jp": "iso2022_jp_ext",
}  # fmt: skip

# Labels as most mail writes them that mean UTF-8, or no more than a part of it.
_UTF_8 = frozenset({"utf-8", "UTF-8", "us-ascii", "US-ASCII", ""})


def is_utf_8(label: str) -> bool:
    """Whether it nearly always means UTF-8."""
    return label in _UTF_8


# Codecs of Python's that are no charsets (idna, unicode_escape …) must not be reachable by a label.
_NOT_CHARSETS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "charmap"})
# The few in which ASCII octets may stand for something else: escape sequences or wide units.
_NOT_ASCII = (
    "utf-7", "utf-16", "utf-32", "hz", "iso2022", "cp037", "cp500", "cp1026", "cp1140", "cp875", "cp424",
)  # fmt: skip


def _codec_decoder(codec: str) -> Callable[[bytes, str], str]:
    def decode(octets: bytes, errors: str) -> str:
        if codec == "cp1252":  # what mailers say when they do not know; real Latin-1 is hardly ever valid UTF-8
            try:
                return octets.decode("utf-8")
            except UnicodeDecodeError:
                pass
        text = octets.decode(codec, errors)
        if codec == "utf-7":  # Python's decoder lets half a surrogate pair through, which no UTF-8 can carry on
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return text

    return decode


@lru_cache(maxsize=256)
def _decoder(label: str) -> tuple[Callable[[bytes, str], str] | None, bool]:
    """(decoder of a label or None, whether ASCII octets mean themselves in it)"""
    name = label.strip("\"' \t").lower().replace("_", "-")
    if name in DECODERS:
        return DECODERS[name], False
    name = _ALIASES.get(name, name)
    if not name or len(name) > 40 or not name.isascii() or "\x00" in name:
        return None, True
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        return None, True
    if not getattr(info, "_is_text_encoding", True) or info.name.replace("-", "_") in _NOT_CHARSETS:
        return None, True
    return _codec_decoder(info.name), not info.name.startswith(_NOT_ASCII)


def is_known(label: str) -> bool:
    """Whether text in that charset can be decoded (RFC 9051 §6.4.4: SEARCH CHARSET)."""
    return _decoder(label)[0] is not None


def _attempt(octets: bytes, label: str) -> str | None:
    """The text if octets and label fit each other."""
    decoder, ascii_is_ascii = _decoder(label)
    if decoder is not None and not (ascii_is_ascii and octets.isascii()):
        try:
            return decoder(octets, "strict")
        except (UnicodeError, ValueError):
            pass
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return None


def decode(octets: bytes, label: str = "") -> str:
    """Text of `octets`: by its label, else UTF-8, else Windows-1258, the common old charset of Vietnamese
    mail.
    """
    if label in _UTF_8:  # nearly always
        try:
            return octets.decode()
        except UnicodeDecodeError:
            pass
    text = _attempt(octets, label)
    if text is not None:
        return text
    decoder, _ = _decoder(label)
    # A UTF-8 text with a fault somewhere is still a UTF-8 text; otherwise it is an old single-octet charset.
    text = octets.decode("utf-8", "replace")
    if text.count("\ufffd") * 20 <= len(text):
        return text
    if decoder is not None:
        guess = decoder(octets, "replace")
        if guess.count("\ufffd") * 20 <= len(guess):
            return guess
    return DECODERS["cp1258"](octets, "replace")


def decode_beginning(octets: bytes, label: str = "") -> str:
    """Like `decode`, for octets that may have been cut inside a character: that must not look like a lie."""
    if label in _UTF_8:
        try:
            return codecs.utf_8_decode(octets, "strict", False)[0]
        except UnicodeDecodeError:
            pass
    for cut in range(min(4, len(octets))):
        text = _attempt(octets[: len(octets) - cut], label)
        if text is not None:
            return text
    return decode(octets, label)
