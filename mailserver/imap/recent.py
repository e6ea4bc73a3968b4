"""Which messages are \\Recent to whom: the first session that is told of a message may call it so, no other.

What was told stands in memory that the server's processes share, because writing it down at every arrival would cost
as much as the mail itself; the store learns of it when a mailbox is selected or left (``store.recent``).  A session
that looks without changing anything (EXAMINE) is told what is recent and takes it from nobody.

No lock guards the table, and two mailboxes may meet in one slot: then a message is recent to two sessions, which
RFC 3501 §2.3.2 allows a server that cannot know.

Standards: RFC 3501 §2.3.2, §6.3.2, §7.3.2.
"""

from __future__ import annotations

import mmap
import struct

_SLOT = struct.Struct("<QQ")  # mailbox, and the UID below which all was told


class RecentMail:
    """Made before processes are forked, one serves them all."""

    __slots__ = ("_slots", "_table")

    def __init__(self, slots: int = 16_384) -> None:
        self._slots = slots
        self._table = mmap.mmap(-1, slots * _SLOT.size)

    def first(self, mailbox_id: int, known: int) -> int:
        """The UID from which on nobody was told; ``known`` is what the store says of it."""
        owner, uid = _SLOT.unpack_from(self._table, self._place(mailbox_id))
        return max(known, uid) if owner == mailbox_id else known

    def claim(self, mailbox_id: int, known: int, uid_next: int) -> int:
        """From now on all below ``uid_next`` was told.  The UID from which on it was not before."""
        first = self.first(mailbox_id, known)
        if uid_next > first:
            _SLOT.pack_into(self._table, self._place(mailbox_id), mailbox_id, uid_next)
        return first

    def _place(self, mailbox_id: int) -> int:
        return mailbox_id % self._slots * _SLOT.size
