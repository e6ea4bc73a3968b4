"""A few attachment readers for many who ask: kept between files, and what was drawn is remembered.

The same picture stands in the signature of everybody of a unit, and in a notice to all of the city: it is drawn once.

Limits: ``AT_ONCE`` files at a time, ``SECONDS`` for each and for its turn; ``MEMORY`` octets of pictures remembered.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from queue import Empty, LifoQueue

from mailserver.message.attachments.reader import AttachmentReader
from mailserver.message.pictures import picture_type
from mailserver.refusals import TryLater

AT_ONCE = 2
SECONDS = 15.0
MEMORY = 32 << 20
SIDE = 2000  # pixels: as much as a screen shows; and half of what most telephones take
LARGE_SIDE = 4096  # to look closer: a page scanned with 300 dots to the inch
_ENTRY = 300  # octets of what is remembered of a picture beside it


class AttachmentReaders:
    """For any thread.  Their processes begin with the first file, and end with this."""

    def __init__(self, at_once: int = AT_ONCE, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self._seconds = seconds
        self._memory = memory
        self._free: LifoQueue[AttachmentReader] = LifoQueue()
        readers = [AttachmentReader(seconds) for _ in range(at_once)]
        for reader in readers:
            self._free.put(reader)
        self._lock = threading.Lock()
        self._drawn: OrderedDict[bytes, bytes] = OrderedDict()
        self._remembered = 0
        self.end = weakref.finalize(self, _end, readers)

    def text(self, kind: str, octets: bytes) -> str:
        """Nothing if it cannot be read within the limits.  Raises TryLater if there is no turn to be had."""
        with self._one() as reader:
            return reader.text(kind, octets) or ""

    def picture(self, octets: bytes, side: int = SIDE, *, is_secret: bool = False) -> bytes:
        """Drawn anew (``drawing``), nothing for what is no picture.  Raises TryLater if there is no turn to be had.
        What is secret is not remembered.
        """
        if picture_type(octets) is None:
            return b""
        key = blake2b(octets, digest_size=20, salt=side.to_bytes(4)).digest()
        with self._lock:
            known = self._drawn.get(key)
            if known is not None:
                self._drawn.move_to_end(key)
                return known
        with self._one() as reader:
            drawn = reader.picture(octets, side)
        if drawn is not None and not is_secret:
            self._remember(key, drawn)
        return drawn or b""

    @contextmanager
    def _one(self) -> Iterator[AttachmentReader]:
        try:
            reader = self._free.get(timeout=self._seconds)
        except Empty:
            raise TryLater(reason="too many attachments at a time") from None
        try:
            yield reader
        except OSError as fault:
            raise TryLater(reason=f"no process to read attachments: {fault}") from fault
        finally:
            self._free.put(reader)

    def _remember(self, key: bytes, drawn: bytes) -> None:
        with self._lock:
            if key not in self._drawn:
                self._drawn[key] = drawn
                self._remembered += _ENTRY + len(drawn)
            while self._remembered > self._memory:
                _, gone = self._drawn.popitem(last=False)
                self._remembered -= _ENTRY + len(gone)


def _end(readers: list[AttachmentReader]) -> None:
    for reader in readers:
        reader.end()
