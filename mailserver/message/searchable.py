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

from mailserver.message import charsets
from mailserver.message.encoded_words import decode_words
from mailserver.message.headers import HEADER_LIMIT, unfold
from mailserver.message.structure import Part
from mailserver.message.text import TEXT_LIMIT, body_text
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
    fields: dict[str, list[str]] = {}
    for name, value in field_values(header):
        if name == "subject" or name in ADDRESSED:
            fields.setdefault(name, []).append(value)
    lines = header_text(header).split("\n")
    lines += [line for part in inner_parts(tree) for line in part_header(part, read).split("\n")]
    return Texts(lines, fields, list(body_texts(tree, read)))


# name ":" value, with what it is folded into
_FIELD = re.compile(r"^([!-9;-~]{1,100})[ \t]*:([^\n]*+(?:\n[ \t][^\n]*+)*+)", re.MULTILINE)


def field_values(header: bytes) -> Iterator[tuple[str, str]]:
    """(lower-case name, decoded value) of each field, from the top."""
    for name, value in _FIELD.findall(header[:HEADER_LIMIT].decode("latin-1")):
        yield name.lower(), decode_words(unfold(value))


def header_text(octets: bytes) -> str:
    """A header block, a line for each field."""
    octets = octets[:HEADER_LIMIT].replace(b"\r\n", b"\n")
    unfolded = octets.replace(b"\n ", b" ").replace(b"\n\t", b" ").decode("latin-1")
    if octets.isascii() and "=?" not in unfolded:
        return unfolded
    return "\n".join([_line(line) for line in unfolded.split("\n")])


def _line(line: str) -> str:
    if line.isascii() and "=?" not in line:
        return line
    name, colon, value = line.partition(":")
    return f"{name}: {decode_words(value.strip())}" if colon else decode_words(line)


def inner_parts(tree: Part) -> Iterator[Part]:
    """The parts that have a header of their own."""
    return (part for part in tree.walk() if part is not tree)


def part_header(part: Part, read: Read) -> str:
    return header_text(read(part.header_start, part.body_start))


def body_texts(tree: Part, read: Read) -> Iterator[str]:
    """Of each part that is text."""
    for part in tree.walk():
        if part.media_type.startswith("text/"):
            octets = read(part.body_start, min(part.end, part.body_start + TEXT_LIMIT))
            yield _html_words(body_text(part, octets)) if part.media_type == "text/html" else _text(part, octets)


def _text(part: Part, octets: bytes) -> str:
    decoded = decode_transfer(part.encoding, octets)
    return charsets.decode(octets if decoded is None else decoded, part.charset)


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
