"""Pages of SQLite's file, asked of the disk before they are read.

SQLite reads a page when it comes to it, and waits.  The pages of one table lie strewn among those of others, so that
the system's own read-ahead either sees no pattern in them, or one that is not there, and reads the whole file.  Whoever
is about to read a large stretch of a table reads the inner pages of its tree first (one in some hundred), learns from
them which pages will follow, and asks for exactly those.

It is a hint and no more: what is read here may be out of date, for the log is not looked at, or torn, and nothing but
speed depends on it.  Pages that the system has in memory already are left alone.

Standards: SQLite's Database File Format §1.3 (header), §1.6 (b-tree pages), §2.1 (records).
"""

from __future__ import annotations

import logging
import os
import struct
import threading
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger("citymail.store")

# A key of a rowid table has one number, one of ``placement`` two.
Key = tuple[int, ...]

_INTERIOR_INDEX, _INTERIOR_TABLE = 2, 5
# Pages in a file are asked for together if no more than this many others lie between them.
_GAP = 4
# Inner pages that are read at most: of a file that is torn, they might have no end.
_MOST = 10_000
# Questions that wait; the oldest is forgotten first.
_MOST_WAITING = 8
# Octets that are asked for at most, for a client may be slow; and in one step, behind which others' reads wait.
_LIMIT = 512 << 20
_STEP = 512 << 10


@dataclass(frozen=True, slots=True)
class Stretch:
    """Pages from the first to the last, of so many octets each."""

    first: int
    last: int
    page_size: int

    @property
    def size(self) -> int:
        return (self.last - self.first + 1) * self.page_size if self.first else 0


NOWHERE = Stretch(0, 0, 0)


class ReadAhead:
    """Of one database file.

    Its descriptor stays open until ``close``, which is to come after the last connection's: when any descriptor of a
    file is closed, POSIX takes away all locks that the process has on that file, SQLite's own among them.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        # What is read through this descriptor are single pages.
        os.posix_fadvise(self._file, 0, 0, os.POSIX_FADV_RANDOM)
        (size,) = struct.unpack(">H", os.pread(self._file, 2, 16))
        self._page_size = 65_536 if size == 1 else size
        self._busy = threading.Lock()
        self._waiting: deque[Callable[[], None]] = deque(maxlen=_MOST_WAITING)
        self._ends = False

    def close(self) -> None:
        self._ends = True
        with self._busy:  # a thread is at it
            os.close(self._file)

    def ask(self, root: int, low: Key, high: Key) -> Stretch:
        """For the leaves of the tree at page ``root`` with keys from ``low`` to ``high``; where they lie."""
        return self._find(root, low, high, self._want)

    def find(self, root: int, low: Key, high: Key) -> Stretch:
        """Where those leaves lie that would have to be asked for."""
        return self._find(root, low, high, lambda _: None)

    def _find(self, root: int, low: Key, high: Key, want: Callable[[Sequence[int]], None]) -> Stretch:
        found: list[int] = []
        room = _LIMIT // self._page_size
        try:
            for leaves in self._leaves(root, low, high):
                room -= len(leaves)
                if room < 0:
                    break
                if not all(map(self._is_at_hand, {leaves[0], leaves[len(leaves) // 2], leaves[-1]})):
                    want(leaves)
                    found += (min(leaves), max(leaves))
        except (OSError, struct.error, IndexError, ValueError):
            return NOWHERE  # torn, or cut short meanwhile
        return Stretch(min(found), max(found), self._page_size) if found else NOWHERE

    def ask_later(self, work: Callable[[], None]) -> None:
        """Have a thread of its own do it.  If one is at it, that comes to this as soon as it has asked for what is
        wanted now (``ask_all``); in the moment in which it ends, this may be left until somebody asks again."""
        self._waiting.append(work)
        if self._busy.acquire(blocking=False):
            threading.Thread(target=self._work, name="read-ahead", daemon=True).start()

    def _work(self) -> None:
        try:
            while self._waiting:
                self._waiting.popleft()()
        except OSError:
            log.debug("reading ahead ended", exc_info=True)
        finally:
            self._busy.release()

    def ask_all(self, stretch: Stretch, is_wanted: Callable[[], bool]) -> None:
        """For all pages of a stretch, whosesoever they are, if there is memory that nobody uses, as long as they are
        wanted and until somebody else has a question: what he wants now comes first.

        Nobody waits for these, so each step is awaited: all asked for at once, half a gigabyte would stand in its
        queue before the one body that somebody opens meanwhile.
        """
        if stretch.size > os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2:
            return
        start = (stretch.first - 1) * self._page_size
        for place in range(start, start + min(stretch.size, 2 * _LIMIT), _STEP):
            if self._ends or self._waiting or not is_wanted():
                break
            os.posix_fadvise(self._file, place, _STEP, os.POSIX_FADV_WILLNEED)
            os.pread(self._file, 1, place + _STEP - 1)

    def _want(self, pages: Sequence[int]) -> None:
        size = self._page_size
        pages = sorted(pages)
        start = end = pages[0]
        for page in (*pages[1:], 1 << 62):
            if page - end > _GAP:
                os.posix_fadvise(self._file, (start - 1) * size, (end - start + 1) * size, os.POSIX_FADV_WILLNEED)
                start = page
            end = page

    def _is_at_hand(self, page: int) -> bool:
        try:
            os.preadv(self._file, [bytearray(1)], (page - 1) * self._page_size, os.RWF_NOWAIT)
        except BlockingIOError:
            return False
        return True

    # The tree

    def _leaves(self, root: int, low: Key, high: Key) -> Iterator[list[int]]:
        """The leaves below a page in the order of their keys, those of one inner page at a time."""
        waiting = [root]
        for _ in range(_MOST):
            if not 0 < len(waiting) < _MOST:
                break
            children = self._children(waiting.pop(), low, high)
            if children and self._is_inner(children[0]):
                waiting += reversed(children)
            elif children:
                yield children

    def _is_inner(self, page: int) -> bool:
        (kind,) = os.pread(self._file, 1, (page - 1) * self._page_size)
        return kind in (_INTERIOR_INDEX, _INTERIOR_TABLE)

    def _children(self, page: int, low: Key, high: Key) -> list[int]:
        """Of an inner page those below which keys from ``low`` to ``high`` are; of a leaf none."""
        octets = os.pread(self._file, self._page_size, (page - 1) * self._page_size)
        start = 100 if page == 1 else 0
        kind = octets[start]
        if kind not in (_INTERIOR_INDEX, _INTERIOR_TABLE):
            return []
        count, last = struct.unpack_from(">3xH3xI", octets, start)
        cells = struct.unpack_from(f">{count}H", octets, start + 12)
        key_of = _rowid if kind == _INTERIOR_TABLE else _first_columns
        # To the left of a cell are the keys up to its own; to the right of the last one the rest.
        first = bisect_left(cells, low, key=lambda cell: key_of(octets, cell + 4, len(low)))
        end = bisect_left(cells, high, first, key=lambda cell: key_of(octets, cell + 4, len(high)))
        found = [struct.unpack_from(">I", octets, cell)[0] for cell in cells[first : end + 1]]
        return [*found, last] if end == count else found


def _rowid(octets: bytes, start: int, _: int) -> Key:
    value = _varint(octets, start)[0]
    return (value if value < 1 << 63 else value - (1 << 64),)


def _first_columns(octets: bytes, start: int, count: int) -> Key:
    """The first columns, which are numbers, of the record in a cell."""
    _, start = _varint(octets, start)  # its length
    size, place = _varint(octets, start)
    value = start + size
    found = []
    for _ in range(count):
        kind, place = _varint(octets, place)
        width = (0, 1, 2, 3, 4, 6, 8)[kind] if kind < 7 else 0
        found.append(int.from_bytes(octets[value : value + width], "big", signed=True) if width else int(kind == 9))
        value += width
    return tuple(found)


def _varint(octets: bytes, start: int) -> tuple[int, int]:
    """A number of one to nine octets, and where it ends."""
    value = 0
    for place in range(start, start + 8):
        octet = octets[place]
        value = value << 7 | octet & 0x7F
        if octet < 0x80:
            return value, place + 1
    return value << 8 | octets[start + 8], start + 9
