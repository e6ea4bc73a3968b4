"""Which messages are \\Recent to whom: the first session that is told of a message may call it so, no other.

What was told stands in memory that the server's processes share, because writing it down at every arrival would cost
as much as the mail itself; the store learns of it when a mailbox is selected or left (``store.recent``).  A session
that looks without changing anything (EXAMINE) is told what is recent and takes it from nobody.

Two mailboxes may meet in one slot: then a message is recent to two sessions, which RFC 3501 §2.3.2 allows a server that
cannot know.

Standards: RFC 3501 §2.3.2, §6.3.2, §7.3.2.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import threading
import weakref
from bisect import bisect_left
from collections.abc import Collection, Sequence
from operator import itemgetter
from typing import Any

from mailserver.store.flags import RECENT

_SLOT = struct.Struct("<QQ")  # mailbox, and the UID below which all was told


class RecentMail:
    """Made before processes are forked, one serves them all."""

    __slots__ = ("__weakref__", "_lock_file", "_slots", "_table", "_threads")

    def __init__(self, slots: int = 16_384) -> None:
        self._slots = slots
        self._table = mmap.mmap(-1, slots * _SLOT.size)
        self._threads = threading.Lock()
        self._lock_file = os.memfd_create("recent", os.MFD_CLOEXEC)
        weakref.finalize(self, os.close, self._lock_file)

    def first(self, mailbox_id: int, known: int) -> int:
        """The UID from which on nobody was told; ``known`` is what the store says of it."""
        owner, uid = _SLOT.unpack_from(self._table, self._place(mailbox_id))
        return max(known, uid) if owner == mailbox_id else known

    def claim(self, mailbox_id: int, known: int, uid_next: int) -> int:
        """From now on all below ``uid_next`` was told.  The UID from which on it was not before."""
        first = self.first(mailbox_id, known)
        if uid_next <= first:
            return first
        place = self._place(mailbox_id)
        with self._threads:
            fcntl.lockf(self._lock_file, fcntl.LOCK_EX, 1, place)  # not flock: the file is open once for all of us
            try:
                first = self.first(mailbox_id, known)
                if uid_next > first:
                    _SLOT.pack_into(self._table, place, mailbox_id, uid_next)
            finally:
                fcntl.lockf(self._lock_file, fcntl.LOCK_UN, 1, place)
        return first

    def _place(self, mailbox_id: int) -> int:
        return mailbox_id % self._slots * _SLOT.size


class Recents:
    """The messages that are recent to one session, in the mailbox it looks at."""

    __slots__ = ("_known", "_mail", "_mailbox_id", "_ranges", "_takes", "count")

    def __init__(self, mail: RecentMail, mailbox_id: int, known: int, *, takes: bool) -> None:
        self._mail = mail
        self._mailbox_id = mailbox_id
        self._known = known
        self._takes = takes  # not with EXAMINE
        self._ranges: tuple[tuple[int, int], ...] = ()  # thousands of sessions have none
        self.count = 0

    def first_look(self, uid_next: int) -> int:
        """The mailbox was selected: the UID from which on its messages are recent.  ``count`` is for the caller."""
        first = self._first(uid_next)
        if first < uid_next:
            self._ranges = ((first, uid_next),)
        return first

    def arrived(self, uids: Sequence[int]) -> None:
        """The client is about to be told of messages, ascending."""
        if not uids:
            return
        mine = uids[bisect_left(uids, self._first(uids[-1] + 1)) :]
        if mine:
            self._add(mine[0], mine[-1] + 1)
            self.count += len(mine)

    def left(self, uids: Collection[int]) -> None:
        """The client was told that these are gone."""
        if self._ranges:
            gone = sorted(uids)
            self.count -= sum(bisect_left(gone, end) - bisect_left(gone, first) for first, end in self._ranges)

    def _add(self, first: int, end: int) -> None:
        if self._ranges and self._ranges[-1][1] == first:
            first = self._ranges[-1][0]
            self._ranges = self._ranges[:-1]
        self._ranges = (*self._ranges, (first, end))

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """Inclusive and ascending."""
        return [(first, end - 1) for first, end in self._ranges]

    def holds(self, uid: int) -> bool:
        return any(first <= uid < end for first, end in self._ranges)

    def mark(self, rows: Sequence[Sequence[Any]], uid: int, flags: int) -> Sequence[Sequence[Any]]:
        """Rows, in UID order, with \\Recent among the flags of those it is for.

        ``uid`` and ``flags``: the columns' places.
        """
        if not self._ranges or not rows or rows[-1][uid] < self._ranges[0][0]:
            return rows
        marked = list(rows)
        place = itemgetter(uid)
        for first, end in self._ranges:
            start = bisect_left(marked, first, key=place)
            stop = bisect_left(marked, end, start, key=place)
            marked[start:stop] = [(*row[:flags], row[flags] | RECENT, *row[flags + 1 :]) for row in marked[start:stop]]
        return marked

    def _first(self, uid_next: int) -> int:
        if self._takes:
            return self._mail.claim(self._mailbox_id, self._known, uid_next)
        return self._mail.first(self._mailbox_id, self._known)
