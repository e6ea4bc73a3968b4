"""Logins that were proven a short while ago, so that a phone which signs in every minute costs no hash each time.

What is remembered is an HMAC of account, stored hash and password, under a key that is never written down: neither
the memory nor a dump of it contains a password, and a changed password or a new hash makes the old mark worthless
by itself.  The marks lie in memory that forked processes share: made before the workers are, one ``ProvenLogins``
serves them all, and a restarted worker still knows who was proven.

No lock guards the table.  Two processes that write one slot at the same moment may spoil it, and a spoiled mark
matches nothing: somebody's password is hashed once more.

Standards: RFC 2104 (HMAC).
"""

from __future__ import annotations

import hashlib
import hmac
import mmap
import secrets
import struct
from collections.abc import Callable

from security.passwords import MAX_PASSWORD, prepared

# Half of the HMAC (RFC 2104 §5): nobody outside can make one, and all that ever lie here are 2^17.
_MARK = 16
# Whole seconds, and never 0 but for no mark at all.
_TIME = struct.Struct("<I")
_SLOT = _MARK + _TIME.size
# A mark may lie in any slot of its row; a full row gives up the mark that ends first.
_ROW = 8


class ProvenLogins:
    """(account, stored hash, password) that were proven less than ``ttl`` seconds ago."""

    __slots__ = ("_key", "_monotonic", "_rows", "_table", "_ttl")

    def __init__(
        self,
        ttl: float = 600.0,
        *,
        monotonic: Callable[[], float],
        capacity: int = 131_072,
        key: bytes | None = None,
    ) -> None:
        self._ttl = ttl
        self._monotonic = monotonic
        self._rows = max(1, capacity // _ROW)
        self._table = mmap.mmap(-1, self._rows * _ROW * _SLOT)
        self._key = key or secrets.token_bytes(32)

    def remember(self, account_id: str, stored_hash: str, password: str) -> None:
        if self._ttl <= 0:
            return
        mark = self._mark(account_id, stored_hash, password)
        table = self._table
        slots = self._slots(mark)
        slot = next((at for at in slots if table[at : at + _MARK] == mark), None)
        if slot is None:
            slot = min(slots, key=self._until)
        # Void while it is written: a reader must not meet the new mark with the old one's time.
        table[slot + _MARK : slot + _SLOT] = _TIME.pack(0)
        table[slot : slot + _MARK] = mark
        table[slot + _MARK : slot + _SLOT] = _TIME.pack(max(1, int(self._monotonic() + self._ttl)))

    def holds(self, account_id: str, stored_hash: str, password: str) -> bool:
        """Whether this was proven lately.  Asking does not prolong it."""
        if len(password) > MAX_PASSWORD:
            return False
        mark = self._mark(account_id, stored_hash, password)
        table = self._table
        for slot in self._slots(mark):
            if hmac.compare_digest(table[slot : slot + _MARK], mark):
                return self._until(slot) > self._monotonic()
        return False

    def guess(self, login: str, password: str) -> bytes:
        """A mark by which the same wrong password is recognised when it comes again."""
        return self._mark("guess", login, password[:MAX_PASSWORD])

    def forget_all(self) -> None:
        self._table[:] = bytes(len(self._table))

    def _mark(self, account_id: str, stored_hash: str, password: str) -> bytes:
        # each field with its length, so that no two different triples make the same text
        fields = [text.encode("utf-8", "surrogatepass") for text in (account_id, stored_hash, prepared(password))]
        octets = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
        return hmac.digest(self._key, octets, hashlib.sha256)[:_MARK]

    def _slots(self, mark: bytes) -> range:
        """Where in the table a mark may lie."""
        first = int.from_bytes(mark[:8], "little") % self._rows * _ROW * _SLOT
        return range(first, first + _ROW * _SLOT, _SLOT)

    def _until(self, slot: int) -> int:
        until: int = _TIME.unpack_from(self._table, slot + _MARK)[0]
        return until
