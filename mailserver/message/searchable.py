"""The texts of a message that a search looks into, as a person reads them: MIME words, charsets and transfer encodings
decoded.

``SEARCH`` that scans, and the index that spares the scan, both take them from here, so that they cannot differ.

Standards: RFC 9051 §6.4.4 (what HEADER, BODY and TEXT cover); RFC 2047.
Limits: the first ``TEXT_LIMIT`` octets of one part, the first MiB of a header block.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from mailserver.message import charsets
from mailserver.message.encoded_words import decode_words
from mailserver.message.headers import BLANKS, HEADER_LIMIT
from mailserver.message.matching import Needle
from mailserver.message.structure import Part
from mailserver.message.text import TEXT_LIMIT, decoded_text
from mailserver.message.transfer import decode_transfer

Read = Callable[[int, int], bytes]

ADDRESSED = ("from", "to", "cc", "bcc")


@dataclass(frozen=True, slots=True)
class Texts:
    """Several texts in each: header lines, a field's values, the parts."""

    header: list[str]
    fields: dict[str, list[str]]  # of subject, from, to, cc, bcc
    body: list[str]


def texts_of(header: bytes, tree: Part, read: Read) -> Texts:
    """All of it, for an index.  ``read`` gives the message's octets from one offset to another."""
    lines = header_lines(header)
    fields = _fields(lines)
    inner = [line for part in inner_parts(tree) for line in header_lines(read(part.header_start, part.body_start))]
    return Texts(lines + inner, fields, [each.text for each in body_texts(tree, read)])


_FIELDS = frozenset(("subject", *ADDRESSED))


def _fields(lines: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t").lower()
        if name in _FIELDS and colon and not (name == "subject" and name in found):
            found.setdefault(name, []).append(value.strip(BLANKS))
    return found


def header_lines(octets: bytes) -> list[str]:
    """A header block, decoded, a line for each field."""
    octets = octets[:HEADER_LIMIT].replace(b"\r\n", b"\n")
    unfolded = octets.replace(b"\n ", b" ").replace(b"\n\t", b" ").decode("latin-1")
    lines = [line for line in unfolded.split("\n") if line]
    if octets.isascii() and "=?" not in unfolded:
        return lines
    return [line if line.isascii() and "=?" not in line else _decoded_line(line) for line in lines]


def in_header(octets: bytes, sought: Needle) -> bool:
    """Whether one of ``header_lines`` holds what is looked for.  Mostly none does, and few are made to tell."""
    octets = octets[:HEADER_LIMIT]
    if octets.isascii() and not (_is_written_in(octets, sought) or _is_encoded_in(octets, sought)):
        return False
    return any(map(sought.holds, header_lines(octets)))


def _is_written_in(octets: bytes, sought: Needle) -> bool:
    """Whether all its words stand in a block as it is written, which lines divide at blanks only."""
    if sought.marked:
        return False
    written = octets.decode("ascii").lower()
    return all(word in written for word in sought.form.split(" "))


def _is_encoded_in(octets: bytes, sought: Needle) -> bool:
    """Whether one of the lines holds it that have encoded words."""
    mark = octets.find(b"=?")
    if mark < 0:
        return False
    block = octets.replace(b"\r\n", b"\n").replace(b"\n ", b" ").replace(b"\n\t", b" ").decode("ascii")
    lines = []
    mark = block.find("=?")
    while mark >= 0:
        end = block.find("\n", mark) % (len(block) + 1)  # -1 is the end
        lines.append(_decoded_line(block[block.rfind("\n", 0, mark) + 1 : end]))
        mark = block.find("=?", end)
    return sought.holds("\n".join(lines))


def _decoded_line(line: str) -> str:
    name, colon, value = line.partition(":")
    return f"{name}: {_decoded(value.strip(BLANKS))}" if colon else _decoded(line)


def _decoded(value: str) -> str:
    """As ``decode_words``, which is asked for what lies between the first and the last mark of encoded words alone."""
    first, last = value.find("=?"), value.rfind("?=") + 2
    if first < last - 2 <= first + _SHORT and value.isascii() and value.isprintable():
        return value[:first] + _often(value[first:last]) + value[last:] if first >= 0 else value
    return decode_words(value)


# The same people write and are written to all day.
_SHORT = 300
_often = lru_cache(maxsize=2048)(decode_words)


def field_values(lines: list[str], name: str) -> list[str]:
    """The values of a field (its name in lower case).  Of a subject repeated against RFC 5322 §3.6 the first counts."""
    start = len(name)
    found = [
        rest[1:].strip(BLANKS)
        for line in lines
        if line[:start].lower() == name and (rest := line[start:].lstrip(" \t"))[:1] == ":"
    ]
    return found[:1] if name == "subject" else found


@lru_cache(maxsize=64)
def _field_pattern(name: str) -> re.Pattern[bytes]:
    written = re.escape(name.encode("latin-1", "replace").lower())
    return re.compile(rb"\n" + written + rb"[ \t]*:[^\n]*+(?:\n[ \t][^\n]*+)*+")


def field_octets(header: bytes, name: str) -> bytes:
    """All fields of a name as they are written, each after a line feed."""
    block = b"\n" + header[:HEADER_LIMIT]
    # Small letters first: a pattern that begins with known octets is searched for many times faster.
    found = [block[match.start() : match.end()] for match in _field_pattern(name).finditer(block.lower())]
    return b"".join(found)


def field_values_in(header: bytes, name: str) -> list[str]:
    """The same without decoding the rest of the block."""
    octets = field_octets(header, name)
    line = octets.replace(b"\r\n", b"\n").replace(b"\n ", b" ").replace(b"\n\t", b" ")
    if line.find(b"\n", 1) >= 0 or not line.isascii():  # several fields, or octets of some charset
        return field_values(header_lines(octets), name)
    value = line.decode("ascii").partition(":")[2].strip(BLANKS)
    return [_decoded(value).strip(BLANKS) if "=?" in value else value] if line else []


def inner_parts(tree: Part) -> Iterator[Part]:
    """The parts that have a header of their own."""
    return (part for part in tree.walk() if part is not tree)


def body_texts(tree: Part, read: Read) -> Iterator[BodyText]:
    """Of each part that is text."""
    for part in tree.walk():
        if part.media_type.startswith("text/"):
            yield BodyText(part, read(part.body_start, min(part.end, part.body_start + TEXT_LIMIT)))


class BodyText:
    """The text of a part, which is made of its octets when they may hold what somebody looks for."""

    __slots__ = ("_is_markup", "_octets", "_part", "_text")

    def __init__(self, part: Part, octets: bytes) -> None:
        decoded = decode_transfer(part.encoding, octets)
        self._octets = octets if decoded is None else decoded
        self._part = part
        self._is_markup = part.media_type == "text/html"
        self._text: str | None = None

    @property
    def text(self) -> str:
        if self._text is None:
            part, octets = self._part, self._octets
            self._text = (
                _html_words(decoded_text(part, octets)) if self._is_markup else charsets.decode(octets, part.charset)
            )
        return self._text

    def holds(self, sought: Needle) -> bool:
        charset = self._part.charset
        # Markup may name its charset itself.
        is_utf_8 = charsets.is_utf_8(charset) and not (self._is_markup and not charset)
        if self._text is None and is_utf_8 and not sought.may_be_in(self._octets, is_markup=self._is_markup):
            return False
        return sought.holds(self.text)


# What a reader does not see; tags that stand within words; all other tags, which divide them.
_HIDDEN = re.compile(r"<!--.*?(?:-->|$)|<(script|style|head|title)\b.*?(?:</\1\s*>|$)", re.IGNORECASE | re.DOTALL)
_INLINE = re.compile(
    r"</?(?:a|abbr|b|big|em|font|i|ins|mark|o:p|q|s|small|span|strong|sub|sup|tt|u|wbr)(?:\s[^>]*+)?+>", re.IGNORECASE
)
_TAG = re.compile(r"<[!/?a-zA-Z][^>]*+(?:>|$)")


def _html_words(markup: str) -> str:
    """The words of HTML in their order: not for reading, but ten times faster than what is."""
    text = _TAG.sub(" ", _INLINE.sub("", _HIDDEN.sub(" ", markup)))
    return " ".join((html.unescape(text) if "&" in text else text).split())
