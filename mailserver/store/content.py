"""A message on its way into the store: scanned once, its body already safe, not yet in any mailbox.

``prepare`` runs outside the writer, on any thread.  A large body is on disk when it returns; a small one rides in
the row itself and shares the commit's fsync.  The scan of a small one may be put off (``store.unscanned``).
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from mailserver.message.summary import MessageSummary, put_off, summarize
from mailserver.store.blobs import Blobs
from mailserver.store.tables import FORMAT_FILE, FORMAT_INLINE


class Content(NamedTuple):
    """What ``messages.append`` puts into the tables.

    ``header`` is the header block with our own trace fields (``prefix_size`` octets of them) in front.  The rest is
    ``text`` (format 0), or the file ``digest`` (format 1), which holds the octets as received, header included.
    """

    summary: MessageSummary
    format: int
    prefix_size: int
    header: bytes
    text: bytes | None
    digest: bytes | None
    is_scanned: bool = True

    @property
    def size(self) -> int:
        return self.summary.size


def prepare(blobs: Blobs, octets: bytes | Path, *, prefix: bytes, inline_limit: int, scans: bool = True) -> Content:
    """Scan a message, unless that is put off, and make its body safe.

    ``octets`` are the message as received, or a file in ``blobs.incoming`` that holds them and is taken over.
    """
    if isinstance(octets, Path):
        if os.path.getsize(octets) > inline_limit:
            return _from_file(blobs, octets, prefix)
        path, octets = octets, octets.read_bytes()
        path.unlink()
    if len(octets) > inline_limit:
        return _in_file(blobs, octets, prefix)
    whole = prefix + octets if prefix else octets
    summary = summarize(whole) if scans else put_off(whole)
    split = summary.header_size
    return Content(summary, FORMAT_INLINE, len(prefix), whole[:split], whole[split:], None, scans)


def _in_file(blobs: Blobs, octets: bytes, prefix: bytes) -> Content:
    whole = prefix + octets
    summary = summarize(whole)
    digest = blobs.put(octets)
    return Content(summary, FORMAT_FILE, len(prefix), whole[: summary.header_size], None, digest)


def _from_file(blobs: Blobs, path: Path, prefix: bytes) -> Content:
    with _mapped(path) as octets:
        digest = hashlib.sha256(octets).digest()
        # Offsets count from the prefix, so the scanner must see it in front.
        whole = prefix + octets[:]
    summary = summarize(whole)
    header = whole[: summary.header_size]
    blobs.adopt(path, digest)
    return Content(summary, FORMAT_FILE, len(prefix), header, None, digest)


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as octets:
        yield octets
