"""Distinguished names: strings ↔ values, and when two of them are the same.

Standards: RFC 4514 §2 (writing), §3 (reading); RFC 4517 §4.2.15 (distinguishedNameMatch).
Limits: values as ``#`` and hexadecimal octets are read only where these are a BER string of UTF-8; 64 RDNs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

MAX_RDNS = 64

# One or more (type, value); most have one.
Rdn = tuple[tuple[str, str], ...]
Dn = tuple[Rdn, ...]


class DnFault(ValueError):
    """Not a distinguished name; the text is safe to show."""


_TYPE = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)\s*=[ ]*")
_HEX = re.compile(r"#((?:[0-9A-Fa-f]{2})+)")
_PLAIN = re.compile(r'[^"+,;<>\\\x00]+')
_PAIR = re.compile(r'\\(?:([ "#+,;<=>\\])|([0-9A-Fa-f]{2}))')
_SPECIAL = re.compile(r'["+,;<>\\\x00]')
# Logins and ids: nothing in them is escaped.
_ORDINARY = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._-]*")


def parse(text: str) -> Dn:
    """From the leaf to the root.  Raises DnFault."""
    if not text.strip():
        return ()
    names: list[Rdn] = []
    parts: list[tuple[str, str]] = []
    at = 0
    while True:
        kind = _TYPE.match(text, at)
        if kind is None:
            raise DnFault("an attribute type and = are missing")
        value, at = _value(text, kind.end())
        parts.append((kind[1], value))
        mark = text[at : at + 1]
        at += 1
        if mark == "+":
            continue
        names.append(tuple(parts))
        parts = []
        if len(names) > MAX_RDNS:
            raise DnFault("too many parts")
        if not mark:
            return tuple(names)


def _value(text: str, at: int) -> tuple[str, int]:
    """The value, and where the separator behind it is."""
    hexed = _HEX.match(text, at)
    if hexed is not None:
        rest = re.compile(r" *").match(text, hexed.end())
        assert rest is not None
        value, at = _from_hex(hexed[1]), rest.end()
    else:
        octets = bytearray()
        kept = 0  # up to here nothing is trailing space
        while at < len(text):
            plain = _PLAIN.match(text, at)
            if plain is not None:
                octets += plain[0].encode("utf-8", "surrogatepass")
                at = plain.end()
            elif (pair := _PAIR.match(text, at)) is not None:
                octets += pair[1].encode() if pair[1] else bytes.fromhex(pair[2])
                at = pair.end()
                kept = len(octets)
            else:
                break
        while len(octets) > kept and octets[-1] == 0x20:
            octets.pop()
        try:
            value = octets.decode("utf-8")
        except UnicodeDecodeError:
            raise DnFault("not UTF-8") from None
    if at < len(text) and text[at] not in "+,":
        raise DnFault("a character must be escaped")
    return value, at


def _from_hex(digits: str) -> str:
    octets = bytes.fromhex(digits)
    if len(octets) < 2 or octets[1] != len(octets) - 2 or octets[1] >= 0x80:
        raise DnFault("not a short BER string")
    try:
        return octets[2:].decode("utf-8")
    except UnicodeDecodeError:
        raise DnFault("not UTF-8") from None


def escape(value: str) -> str:
    """RFC 4514 §2.4."""
    if _ORDINARY.fullmatch(value):
        return value
    text = _SPECIAL.sub(lambda found: "\\00" if found[0] == "\x00" else "\\" + found[0], value)
    if text.startswith(("#", " ")):
        text = "\\" + text
    if value.endswith(" ") and len(value) > 1:
        text = text[:-1] + "\\ "
    return text


def write(name: Sequence[Rdn]) -> str:
    return ",".join("+".join(f"{kind}={escape(value)}" for kind, value in rdn) for rdn in name)


def folded(name: Sequence[Rdn]) -> Dn:
    """Equal for names that are the same: every attribute that names an entry here is compared without case."""
    return tuple(
        tuple(sorted((kind.lower(), " ".join(value.casefold().split())) for kind, value in rdn)) for rdn in name
    )


_REMEMBERED, _SHORT = 1000, 200


@lru_cache(_REMEMBERED)
def _recurring(text: str) -> Dn:
    return folded(parse(text))


def key(text: str) -> Dn:
    """What a name is compared by.  Raises DnFault."""
    return _recurring(text) if len(text) <= _SHORT else folded(parse(text))


def suffix_of(domain: str) -> Dn:
    """RFC 2247: thanhpho.example → dc=thanhpho,dc=example."""
    return tuple((("dc", label),) for label in domain.split("."))
