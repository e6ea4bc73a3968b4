"""A message that SEARCH has to look into.  What is decoded of it is decoded once for all keys.

Standards: RFC 9051 §6.4.4 (what BODY and TEXT cover).
Limits: as ``message.searchable``; parts that are not text are passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from mailserver.message import searchable
from mailserver.message.matching import Needle
from mailserver.message.searchable import BodyText
from mailserver.message.structure import Part, decode_parts


class FoundMessage:
    """``row`` has the columns of the tests and ``header``; with ``read``, the octets can be had too."""

    __slots__ = ("_bodies", "_fields", "_read", "_tree", "row")

    def __init__(self, row: Any, read: Callable[[Any, int, int], bytes] | None = None) -> None:
        self.row = row
        self._read = read
        self._tree: Part | None = None
        self._bodies: list[BodyText] | None = None
        self._fields: dict[str, list[str]] = {}

    def field(self, name: str) -> list[str]:
        """The decoded values of a header field."""
        values = self._fields.get(name)
        if values is None:
            values = self._fields[name] = searchable.field_values_in(self.row.header, name)
        return values

    def has_text(self, sought: Needle) -> bool:
        """TEXT: header, MIME headers and body."""
        return (
            searchable.in_header(self.row.header, sought)
            or self.has_body_text(sought)
            or any(searchable.in_header(octets, sought) for octets in self._inner_headers())
        )

    def has_body_text(self, sought: Needle) -> bool:
        """BODY: the text of all parts that are text."""
        return any(each.holds(sought) for each in self._body_texts())

    def body_texts(self) -> list[str]:
        return [each.text for each in self._body_texts()]

    def _body_texts(self) -> list[BodyText]:
        if self._bodies is None:
            self._bodies = list(searchable.body_texts(self.tree, self._octets))
        return self._bodies

    def header_lines(self) -> list[str]:
        """Of the header and the MIME headers of all parts."""
        blocks = (self.row.header, *self._inner_headers())
        return [line for octets in blocks for line in searchable.header_lines(octets)]

    @property
    def tree(self) -> Part:
        if self._tree is None:
            self._tree = decode_parts(self.row.parts)
        return self._tree

    def _inner_headers(self) -> Iterator[bytes]:
        for part in searchable.inner_parts(self.tree):
            yield self._octets(part.header_start, part.body_start)

    def _octets(self, start: int, stop: int) -> bytes:
        assert self._read is not None
        return self._read(self.row, start, stop)
