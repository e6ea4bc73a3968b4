"""A message that SEARCH has to look into.

Standards: RFC 9051 §6.4.4 (what BODY and TEXT cover).
Limits: text of one part as ``message.text.TEXT_LIMIT``; parts that are not text are passed over.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from typing import Any

from mailserver.message import charsets
from mailserver.message.encoded_words import decode_words
from mailserver.message.headers import HEADER_LIMIT, find_all
from mailserver.message.structure import Part, decode_parts
from mailserver.message.text import TEXT_LIMIT, body_text
from mailserver.message.transfer import decode_transfer

Holds = Callable[[str], bool]


class FoundMessage:
    """``row`` has the columns of the tests and ``header``; with ``read``, the octets can be had too."""

    __slots__ = ("_fields", "_read", "_tree", "row")

    def __init__(self, row: Any, read: Callable[[Any, int, int], bytes] | None = None) -> None:
        self.row = row
        self._read = read
        self._tree: Part | None = None
        self._fields: dict[str, list[str]] = {}

    def field(self, name: str) -> list[str]:
        """The decoded values of a header field."""
        values = self._fields.get(name)
        if values is None:
            values = self._fields[name] = [decode_words(value) for value in find_all(self.row.header, name)]
        return values

    def has_text(self, holds: Holds) -> bool:
        """TEXT: header, MIME headers and body."""
        if holds(_header_text(self.row.header)):
            return True
        return self.has_body_text(holds) or any(
            holds(_header_text(self._octets(part.header_start, part.body_start)))
            for part in self.tree.walk()
            if part is not self.tree
        )

    def has_body_text(self, holds: Holds) -> bool:
        """BODY: the text of all parts that are text."""
        return any(holds(text) for text in self._texts())

    @property
    def tree(self) -> Part:
        if self._tree is None:
            self._tree = decode_parts(self.row.parts)
        return self._tree

    def _texts(self) -> Iterator[str]:
        for part in self.tree.walk():
            if part.media_type.startswith("text/"):
                octets = self._octets(part.body_start, min(part.end, part.body_start + TEXT_LIMIT))
                yield _html_words(body_text(part, octets)) if part.media_type == "text/html" else _text(part, octets)

    def _octets(self, start: int, stop: int) -> bytes:
        assert self._read is not None
        return self._read(self.row, start, stop)


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


def _header_text(octets: bytes) -> str:
    """A header block as a person reads it."""
    octets = octets[:HEADER_LIMIT].replace(b"\r\n", b"\n")
    unfolded = octets.replace(b"\n ", b" ").replace(b"\n\t", b" ").decode("latin-1")
    if octets.isascii() and "=?" not in unfolded:
        return unfolded
    return "\n".join(
        [line if line.isascii() and "=?" not in line else decode_words(line) for line in unfolded.split("\n")]
    )
