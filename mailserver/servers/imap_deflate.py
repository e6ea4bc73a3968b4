"""COMPRESS=DEFLATE of one connection: what is sent is deflated, what comes is inflated in bounded pieces.

Inflating gives no more than was asked for, whatever a few octets would become; the rest waits as it came.  So the
framer's limits hold after inflating as they hold without it.

The client chooses his window, so inflating may take 32 KB and more; ours is smaller, and its memory is given back while
the connection rests: a new compressor may go on after a flush, as it only refers to what itself has sent.

Standards: RFC 4978 §3, §4; RFC 1951.
Limits: some 40 KB a connection for inflating, 48 KB more for deflating while it is at work.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

# RFC 4978 §4: raw, without zlib's head.
_LARGEST_WINDOW = -15
# 32 KB for a window of 8 KB, 16 KB for the rest; IMAP's answers are alike within less.
_WINDOW, _MEMORY_LEVEL = -13, 5
# RFC 4978 §4: zlib's least CPU-intensive setting makes 25–40 % of typical answers.
_LEVEL = 1


class Deflate:
    __slots__ = ("_deflate", "_has_more", "_inflate", "_unread")

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_LARGEST_WINDOW)
        self._deflate: Any = None  # zlib's type has no public name
        self._unread = b""
        self._has_more = False  # something that was read did not fit into what was asked for

    # What comes

    def take(self, octets: bytes) -> None:
        self._unread = self._unread + octets if self._unread else octets

    @property
    def has_unread(self) -> bool:
        """Whether ``inflate`` may give something."""
        return not self._inflate.eof and (self._has_more or bool(self._unread))

    @property
    def has_ended(self) -> bool:
        """Whether the client has ended his side; what comes behind is for whoever ends ours."""
        return bool(self._inflate.eof)

    def inflate(self, most: int) -> bytes:
        """The next octets, ``most`` at most.  Raises zlib.error for what is no DEFLATE."""
        octets = self._inflate.decompress(self._unread, most)
        self._unread = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
        self._has_more = len(octets) == most and not self._inflate.eof
        return octets

    def leftover(self) -> bytes | None:
        """What came behind the end of compression (RFC 8437 §4.1); None if something compressed waits still."""
        if self._inflate.eof:
            return self._unread
        return None if self.has_unread else b""

    # What goes

    def deflate(self, octets: Iterable[bytes]) -> bytes:
        """Compressed and flushed, so that the client can read all of it."""
        if self._deflate is None:
            self._deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY_LEVEL)
        packed = [self._deflate.compress(each) for each in octets]
        packed.append(self._deflate.flush(zlib.Z_SYNC_FLUSH))
        return b"".join(packed)

    def rest(self) -> None:
        """Nothing is sent for a while."""
        self._deflate = None
