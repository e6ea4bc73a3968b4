"""Modified UTF-7: how IMAP4rev1 writes mailbox names.

``decode`` takes only the one right spelling of a name, so that no name has two: shifts that encode printable
ASCII, needless shifts, left-over bits and unpaired surrogates are refused.

Standards: RFC 3501 §5.1.3, RFC 2152.
"""

from __future__ import annotations

import binascii
import re
from functools import lru_cache

_SHIFT = re.compile(r"&([^-]*)-|([^&]+)", re.DOTALL)
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")


def encode(name: str) -> bytes:
    if name.isascii() and name.isprintable() and "&" not in name:
        return name.encode("ascii")
    return _UNPRINTABLE.sub(_shift, name.replace("&", "&-")).encode("ascii")


def _shift(match: re.Match[str]) -> str:
    packed = binascii.b2a_base64(match[0].encode("utf-16-be", "surrogatepass"), newline=False)
    return "&" + packed.decode("ascii").rstrip("=").replace("/", ",") + "-"


@lru_cache(maxsize=256)  # nearly always INBOX
def decode(octets: bytes) -> str | None:
    """The name, or None if these octets are no modified UTF-7."""
    if b"&" not in octets:
        return octets.decode("ascii") if _printable(octets) else None
    if not _printable(octets):
        return None
    text = octets.decode("ascii")
    out = []
    position = 0
    while position < len(text):
        match = _SHIFT.match(text, position)
        if match is None:
            return None
        position = match.end()
        if match[2] is not None:
            out.append(match[2])
        elif not match[1]:
            out.append("&")
        else:
            shifted = _unshift(match[1])
            if shifted is None:
                return None
            out.append(shifted)
    name = "".join(out)
    return name if encode(name) == octets else None


def _unshift(packed: str) -> str | None:
    if "/" in packed:
        return None
    padding = "=" * (-len(packed) % 4)
    try:
        return binascii.a2b_base64(packed.replace(",", "/") + padding, strict_mode=True).decode("utf-16-be")
    except (binascii.Error, UnicodeDecodeError):
        return None


def _printable(octets: bytes) -> bool:
    return octets.isascii() and (not octets or octets.decode("ascii").isprintable())
