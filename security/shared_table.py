"""Records of a fixed size, by a key, in memory that forked processes share: made before they are.

Keys are not kept, only a keyed hash of each; a record may lie in any slot of its row, and a full row gives up the one
that was not touched for longest.  So memory is bounded, and what is never used costs none.

Limits: with many keys a row may be full before the table is, and forgets a record early.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import secrets
import struct
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_MARK = 16
_ROW = 8
_HEAD = struct.Struct(f"<{_MARK}sd")  # the key's hash, and when the record was touched
_NOBODY = bytes(_MARK)


class SharedTable:
    """``record`` says what a record holds, as ``struct`` writes it.

    ``get`` needs no lock: a record that is being written is not found.  ``put`` and ``drop`` need it.
    """

    __slots__ = ("__weakref__", "_key", "_lock_file", "_record", "_rows", "_slot", "_table", "_threads")

    def __init__(self, record: str, capacity: int, *, key: bytes | None = None) -> None:
        self._record = struct.Struct("<" + record)
        self._slot = _HEAD.size + self._record.size
        self._rows = max(1, capacity // _ROW)
        self._table = mmap.mmap(-1, self._rows * _ROW * self._slot)
        self._key = key or secrets.token_bytes(16)
        self._threads = threading.Lock()
        self._lock_file = os.memfd_create("shared-table", os.MFD_CLOEXEC)
        weakref.finalize(self, os.close, self._lock_file)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Against other threads and other processes.  One that dies lets go of it."""
        with self._threads:
            fcntl.lockf(self._lock_file, fcntl.LOCK_EX)  # not flock: the file is open once for all of us
            try:
                yield
            finally:
                fcntl.lockf(self._lock_file, fcntl.LOCK_UN)

    def get(self, *key: str) -> tuple[Any, ...] | None:
        mark = self._mark(key)
        slot = self._find(mark)
        if slot is None:
            return None
        values = self._record.unpack_from(self._table, slot + _HEAD.size)
        return values if self._table[slot : slot + _MARK] == mark else None

    def put(self, now: float, values: tuple[Any, ...], *key: str) -> None:
        """``now`` in seconds of a clock that all processes have in common."""
        mark = self._mark(key)
        slot = self._find(mark)
        if slot is None:
            slot = min(self._slots(mark), key=lambda at: _HEAD.unpack_from(self._table, at)[1])
        _HEAD.pack_into(self._table, slot, _NOBODY, now)
        self._record.pack_into(self._table, slot + _HEAD.size, *values)
        self._table[slot : slot + _MARK] = mark

    def drop(self, *key: str) -> None:
        slot = self._find(self._mark(key))
        if slot is not None:
            _HEAD.pack_into(self._table, slot, _NOBODY, 0.0)

    def _find(self, mark: bytes) -> int | None:
        return next((at for at in self._slots(mark) if self._table[at : at + _MARK] == mark), None)

    def _slots(self, mark: bytes) -> range:
        first = int.from_bytes(mark[:8], "little") % self._rows * _ROW * self._slot
        return range(first, first + _ROW * self._slot, self._slot)

    def _mark(self, key: tuple[str, ...]) -> bytes:
        # each part with its length, so that no two different keys make the same text
        parts = [part.encode("utf-8", "surrogatepass") for part in key]
        octets = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hashlib.blake2b(octets, key=self._key, digest_size=_MARK).digest()
