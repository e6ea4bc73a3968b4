"""A large literal, on its way into a file of the store's ``incoming`` folder while it arrives."""

from __future__ import annotations

import contextlib
from pathlib import Path

from mailserver.refusals import TryLater


class Spooled:
    """A large literal, written to a file as it comes."""

    __slots__ = ("_broken", "_file", "has_nul", "path", "size")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.has_nul = False
        self._broken: OSError | None = None
        self._file = open(path, "wb", buffering=0)  # noqa: SIM115  (closed by finish or discard)

    def write(self, octets: bytes | memoryview) -> None:
        self.size += len(octets)
        if self._broken is not None:
            return
        self.has_nul = self.has_nul or b"\x00" in bytes(octets)
        try:
            self._file.write(octets)
        except OSError as fault:  # the disk is full: read on, and refuse when the command is whole
            self._broken = fault

    def finish(self) -> None:
        self._file.close()

    def discard(self) -> None:
        self._file.close()
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()

    def check(self) -> None:
        if self._broken is not None:
            raise TryLater(reason=f"APPEND could not be spooled: {self._broken}")
