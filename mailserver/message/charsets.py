"""Octets to text by charset label, for labels that are missing, misspelt or lying.

Never raises: a label that is unknown or does not fit the octets leads to the best guess, and what cannot be
decoded becomes U+FFFD. The raw octets stay in the store, so a wrong guess loses nothing.

Standards: RFC 2045 §5.1 (charset), RFC 2046 §4.1.2, RFC 2047 §6.2.
"""

from __future__ import annotations

import codecs
from functools import lru_cache

# Labels seen in mail that Python does not know, or knows too narrowly. What calls itself US-ASCII or
# ISO-8859-1 and holds octets above 7F or in 80–9F is nearly always something wider (WHATWG Encoding §4.2 says
# the same).
_ALIASES = {
    "us-ascii": "utf-8", "ascii": "utf-8", "ansi_x3.4-1968": "utf-8", "iso646-us": "utf-8",
    "utf8": "utf-8", "utf-8-sig": "utf-8", "unicode-1-1-utf-8": "utf-8", "utf8mb4": "utf-8",
    "x-utf-8": "utf-8",
    "unicode-1-1-utf-7": "utf-7", "x-unicode-2-0-utf-7": "utf-7",
    "iso-8859-1": "cp1252", "iso8859-1": "cp1252", "latin1": "cp1252", "iso-8859-8-i": "iso-8859-8",
    "iso-8859-9": "cp1254", "tis-620": "cp874", "iso-8859-11": "cp874",
    "x-windows-1258": "cp1258", "windows1258": "cp1258", "cp-1258": "cp1258",
    "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "gb_2312-80": "gb18030",
    "ks_c_5601-1987": "cp949", "euc-kr": "cp949", "shift_jis": "cp932", "x-sjis": "cp932",
    "iso-2022-jp": "iso2022_jp_ext",
}  # fmt: skip

# Codecs of Python's that are no charsets (rot13, base64, idna, unicode_escape …) must not be reachable by a
# label.
_NOT_CHARSETS = frozenset(
    {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"}
)


@lru_cache(maxsize=256)
def codec_name(label: str) -> str | None:
    """The Python codec for a charset label, None when there is none."""
    name = label.strip().strip("\"'").lower().replace("_", "-") if label else ""
    name = _ALIASES.get(name, _ALIASES.get(name.replace("-", "_"), name))
    if not name or len(name) > 40 or not name.isascii():
        return None
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    if not getattr(info, "_is_text_encoding", True) or info.name.replace("-", "_") in _NOT_CHARSETS:
        return None
    return info.name


def decode(octets: bytes, label: str = "") -> str:
    """Text of `octets`: by its label, else UTF-8, else Windows-1258, the old charset of Vietnamese mail."""
    if octets.isascii() and b"\x1b" not in octets:
        codec = codec_name(label)
        # Only these few read ASCII octets as something else: an escape (iso-2022, hz, utf-7) or wide units.
        if codec is None or not codec.startswith(
            ("utf-7", "utf-16", "utf-32", "hz", "iso2022", "cp037", "cp500")
        ):
            return octets.decode("ascii")
    for codec in (codec_name(label), "utf-8"):
        if codec is not None:
            try:
                return octets.decode(codec)
            except (UnicodeError, ValueError):
                continue
    codec = codec_name(label)
    if codec is not None and codec != "utf-8":
        return octets.decode(codec, "replace")
    # A UTF-8 text with a fault somewhere is still a UTF-8 text; otherwise it is an old single-octet charset.
    text = octets.decode("utf-8", "replace")
    if label and text.count("\ufffd") * 20 <= len(text):
        return text
    return octets.decode("cp1258", "replace")
