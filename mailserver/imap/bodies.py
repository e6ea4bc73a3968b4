"""The octets of one message that a section names, as pieces that are sent without being joined.

A stretch too large for one batch is named by its offsets, and read in slices by whoever sends it.

Standards: RFC 9051 §4.3 (no NUL in a literal), §6.4.5, §7.5.2; RFC 3516 §4.2, §4.3 (BINARY).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mailserver.imap import sections
from mailserver.imap.grammar.fetch import Section
from mailserver.imap.steps import AnswerBroken
from mailserver.message.structure import Part, decode_parts, part_at
from mailserver.store import Store
from mailserver.store.reading import slice_octets

# Octets of messages in one batch, and of one slice of a large stretch.
BATCH = 1 << 19
# What a row must have; ``parts`` too where ``sections.needs_tree`` says so.
COLUMNS = ("prefix_size", "digest", "header", "text", "file_size", "message_id")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Octets of the message from ``start`` up to, without, ``stop``."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.start


Pieces = Sequence[bytes]


class MessageBody:
    """One message's row, and its sections."""

    __slots__ = ("_decoded", "_tree", "row", "store")

    def __init__(self, store: Store, row: Any) -> None:
        self.store = store
        self.row = row
        self._tree: Part | None = None
        self._decoded: dict[tuple[int, ...], bytes | None] = {}

    @property
    def size(self) -> int:
        row = self.row
        size: int = row.file_size if row.text is None else len(row.header) + len(row.text)
        return size

    @property
    def tree(self) -> Part:
        if self._tree is None:
            self._tree = decode_parts(self.row.parts)
        return self._tree

    def section(self, section: Section) -> Pieces | Stretch | None:
        """What a section of BODY[…] or BINARY[…] names; None if the message has no such part.

        Raises UnknownEncoding.
        """
        if section.binary:
            content = self.decoded(section.part)
            return None if content is None else (sections.cut(content, section.partial),)
        row = self.row
        tree = self.tree if sections.needs_tree(section) else None
        place = sections.stretch(section, self.size, len(row.header), tree)
        if place is None:
            return None
        start, stop = place
        if not sections.is_stretch(section):
            return (sections.cut(sections.made(section, self.octets(start, stop)), section.partial),)
        if section.partial is not None:
            offset, count = section.partial
            start = min(start + offset, stop)
            stop = min(start + count, stop)
        if row.text is None:
            return Stretch(start, stop) if stop - start > BATCH else (without_nul(self.octets(start, stop)),)
        split = len(row.header)
        if start < split < stop:
            # A slice of all is the object itself: nothing is copied.
            return without_nul(row.header[start:]), without_nul(row.text[: stop - split])
        return (without_nul(self.octets(start, stop)),)

    def octets(self, start: int, stop: int) -> bytes:
        return slice_octets(self.row, self.store.blobs.read, start, stop)

    def decoded(self, part: tuple[int, ...]) -> bytes | None:
        """A part without its transfer encoding; None if there is none.

        What has parts of its own, the whole message too, has no encoding to be removed (RFC 3516 §4.3, RFC 2045 §6.4)
        and is given as it stands.  RFC 9051 §6.4.5 would not have clients ask for it, but names no refusal.
        """
        if part in self._decoded:
            return self._decoded[part]
        content: bytes | None = None
        if not part:
            content = self.octets(0, self.size)
        else:
            found = part_at(self.tree, part)
            if found is not None:
                octets = self.octets(found.body_start, found.end)
                content = octets if found.is_multipart else sections.decoded(found.encoding, octets)
        self._decoded[part] = content
        return content

    def slices(self, stretch: Stretch) -> Iterator[bytes]:
        """A large stretch piece by piece.  Once begun, a literal must be finished, or the connection ended."""
        try:
            for place in range(stretch.start, stretch.stop, BATCH):
                octets = self.octets(place, min(place + BATCH, stretch.stop))
                if len(octets) != min(BATCH, stretch.stop - place):
                    raise AnswerBroken(f"message {self.row.message_id} is shorter than its size")
                yield without_nul(octets)
        except OSError as fault:
            raise AnswerBroken(f"message {self.row.message_id}: {fault}") from fault


def without_nul(octets: bytes) -> bytes:
    """A literal may hold no NUL (RFC 9051 §4.3); what takes its place keeps offsets and sizes right."""
    return octets.replace(b"\x00", b"\x80") if b"\x00" in octets else octets
