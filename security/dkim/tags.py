"""Tag lists, as in ``v=1; a=rsa-sha256; d=example.org``: what signatures and key records are written in.

Strict, because a signature that two programs read differently is a way in: a name said twice, an empty piece or an
octet that is not allowed makes the whole list invalid (RFC 6376 §6.1.1).

Standards: RFC 6376 §3.2 (tag-list), §2.11 (dkim-quoted-printable), §2.10 (base64string), RFC 8616 §3 (UTF-8 in
values).
Limits: 64 KiB a list, 100 tags.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

LONGEST_LIST = 1 << 16
MOST_TAGS = 100

# ALPHA *ALNUMPUNC
_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9_]*+")
_BLANKS = b" \t\r\n"
# What no value may hold: controls other than those of folding.  The semicolon cannot get here.
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n[ \t])|(?<!\r)\n")
_WHITE = re.compile(r"[ \t\r\n]+")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_ENCODED = re.compile(rb"=([0-9A-F]{2})")
_DIGITS = re.compile(r"[0-9]+", re.ASCII)


class TagFault(Exception):
    """The list does not follow the grammar; the text says where."""


@dataclass(frozen=True, slots=True)
class Tag:
    """``start`` and ``end`` bound the value with the white space around it, in the octets the list was read from."""

    value: str
    start: int
    end: int


class TagList(dict[str, Tag]):
    """The tags by name, in their order.  Names are told apart by case."""

    def text(self, name: str, default: str = "") -> str:
        tag = self.get(name)
        return default if tag is None else tag.value

    def required(self, name: str) -> str:
        """Raises TagFault if there is none, or nothing in it."""
        value = self.text(name)
        if not value:
            raise TagFault(f"has no {name}=")
        return value

    def number(self, name: str, most_digits: int) -> int | None:
        """A decimal number.  Raises TagFault."""
        if name not in self:
            return None
        value = self[name].value
        if len(value) > most_digits or not _DIGITS.fullmatch(value):
            raise TagFault(f"{name}= is not a number of up to {most_digits} digits")
        return int(value)

    def words(self, name: str, default: str) -> list[str]:
        """The parts of a colon-separated list.  Raises TagFault when one is empty or has blanks inside."""
        found = [part.strip(" \t\r\n") for part in self.text(name, default).split(":")]
        if not all(found) or any(_WHITE.search(part) for part in found):
            raise TagFault(f"{name}= is not a list of words")
        return found

    def octets(self, name: str) -> bytes:
        """A base64string, its white space left out; it must not be empty.  Raises TagFault."""
        return decode_base64(self.required(name), name)


def parse_tags(octets: bytes, start: int = 0) -> TagList:
    """The list that begins at ``start``.  Raises TagFault."""
    if len(octets) - start > LONGEST_LIST:
        raise TagFault("is too long")
    if _FORBIDDEN.search(octets, start):
        raise TagFault("has control characters")
    pieces = octets[start:].split(b";")
    if len(pieces) > 1 and not pieces[-1].strip(_BLANKS):
        pieces.pop()  # the one semicolon that may end the list
    if len(pieces) > MOST_TAGS:
        raise TagFault(f"has more than {MOST_TAGS} tags")
    tags = TagList()
    position = start
    for piece in pieces:
        name, equals, value = piece.partition(b"=")
        bare = name.strip(_BLANKS)
        if not equals or not _NAME.fullmatch(bare):
            raise TagFault("has a piece that is no tag=value")
        known = bare.decode("ascii")
        if known in tags:
            raise TagFault(f"has {known}= twice")
        try:
            text = value.strip(_BLANKS).decode("utf-8")
        except UnicodeDecodeError:
            raise TagFault(f"has a {known}= that is not UTF-8") from None
        tags[known] = Tag(text, position + len(name) + 1, position + len(piece))
        position += len(piece) + 1
    return tags


def without_blanks(text: str) -> str:
    return _WHITE.sub("", text)


def decode_base64(text: str, what: str) -> bytes:
    """Raises TagFault."""
    packed = without_blanks(text)
    if not _BASE64.fullmatch(packed):
        raise TagFault(f"{what}= is not base64")
    try:
        return base64.b64decode(packed, validate=True)
    except binascii.Error:
        raise TagFault(f"{what}= is not base64") from None


def decode_quoted(text: str) -> str:
    """dkim-quoted-printable, in which UTF-8 may stand as it is (RFC 8616 §3).  Raises TagFault."""
    packed = without_blanks(text).encode()
    if packed.count(b"=") != len(_ENCODED.findall(packed)):
        raise TagFault("has an = that encodes nothing")
    try:
        return _ENCODED.sub(lambda match: bytes([int(match[1], 16)]), packed).decode()
    except UnicodeDecodeError:
        raise TagFault("has an encoded octet that is not UTF-8") from None
