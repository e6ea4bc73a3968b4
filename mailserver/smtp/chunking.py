"""The octets behind BDAT: counted, not marked.

``ChunkSink`` gathers the chunks of one message; ``Skipped`` counts those of a transaction that has failed, which the
client may have sent before it knew.  A dot is a dot here, and nothing within the count is ever looked at for commands.

Standards: RFC 3030 §2 (CHUNKING), §3 (BINARYMIME: any octets); RFC 5321 §2.3.8 (without it, lines end in CRLF).
"""

from __future__ import annotations

from pathlib import Path

from mailserver.smtp.data import MEMORY_LIMIT, MessageSink


class ChunkSink(MessageSink):
    """One message in chunks: ``expect`` each, ``feed`` until it has come; ``finish`` after the last."""

    __slots__ = ("_wanted",)

    def __init__(self, size_limit: int, spool: Path, memory_limit: int = MEMORY_LIMIT) -> None:
        super().__init__(size_limit, spool, memory_limit)
        self._wanted = 0
        self.has_ended = True

    def expect(self, size: int) -> None:
        self._wanted = size
        self.has_ended = not size
        if self.received + size > self._size_limit:  # known before it comes; it comes all the same
            self.too_large = True
            self.discard()

    def feed(self, chunk: bytes) -> int | None:
        if len(chunk) < self._wanted:
            self._wanted -= len(chunk)
            self._take(chunk)
            return None
        used = self._wanted
        self._wanted = 0
        self._take(chunk[:used])
        self.has_ended = True
        return used


class Skipped:
    """A chunk that is taken and thrown away (RFC 3030 §2)."""

    __slots__ = ("_wanted", "has_ended", "received")

    def __init__(self) -> None:
        self._wanted = self.received = 0
        self.has_ended = True

    def expect(self, size: int) -> None:
        self._wanted = size
        self.has_ended = not size

    def feed(self, chunk: bytes) -> int | None:
        used = min(len(chunk), self._wanted)
        self._wanted -= used
        self.received += used
        self.has_ended = not self._wanted
        return used if self.has_ended else None
