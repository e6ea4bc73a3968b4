"""Large bodies as files named by the SHA-256 of what was received.

A file is written under a temporary name, fsynced, renamed into place, and its folder fsynced, all before the
transaction that refers to it commits: a row never points to a body that a power cut could take.  A file whose
transaction then did not commit is an orphan, and is swept after an hour.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import mmap
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# A file this young may belong to a transaction that is still to commit.
ORPHAN_AGE = 3600
_COPY = 1024 * 1024
_NAME = re.compile(r"[0-9a-f]{64}")


class Blobs:
    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self.incoming = folder / "incoming"
        self._clock = clock
        self.incoming.mkdir(parents=True, exist_ok=True)
        _sync_folder(folder.parent)
        # Folders that this process knows to be on disk.
        self._durable: set[Path] = set()

    def put(self, octets: bytes | memoryview | mmap.mmap) -> bytes:
        """Keep octets; their digest.  On disk when it returns."""
        digest = hashlib.sha256(octets).digest()
        if not self._reuse(digest):
            temporary = self.new_file()
            try:
                with open(temporary, "wb") as file:
                    view = memoryview(octets)
                    file.writelines(view[start : start + _COPY] for start in range(0, len(view), _COPY))
                    file.flush()
                    os.fsync(file.fileno())
                    view.release()
                self._place(temporary, digest)
            finally:
                temporary.unlink(missing_ok=True)
        return digest

    def adopt(self, path: Path, digest: bytes) -> None:
        """Take over a file of ``incoming`` whose octets have that digest.  On disk when it returns."""
        try:
            if not self._reuse(digest):
                now = self._clock()
                os.utime(path, (now, now))  # young, however long it took to come in
                descriptor = os.open(path, os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
                self._place(path, digest)
        finally:
            path.unlink(missing_ok=True)

    def new_file(self) -> Path:
        """A name in ``incoming`` that nobody uses."""
        return self.incoming / secrets.token_hex(12)

    def path(self, digest: bytes) -> Path:
        name = digest.hex()
        return self.folder / name[:2] / name[2:4] / name

    def read(self, digest: bytes, start: int = 0, stop: int | None = None) -> bytes:
        """Octets of a file, or a slice of them.  Raises FileNotFoundError."""
        with open(self.path(digest), "rb") as file:
            if start:
                file.seek(start)
            return file.read() if stop is None else file.read(max(0, stop - start))

    def digests(self) -> Iterator[bytes]:
        for file in self.folder.glob("??/??/*"):
            if _NAME.fullmatch(file.name):
                yield bytes.fromhex(file.name)

    def sweep(self, is_needed: Callable[[bytes], bool]) -> int:
        """Remove files nobody refers to, and forgotten temporary ones.  How many went."""
        limit = self._clock() - ORPHAN_AGE
        gone = 0
        for digest in list(self.digests()):
            path = self.path(digest)
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime >= limit or is_needed(digest):
                    continue
                # Once more, with nobody about to use it again.
                with self._locked(fcntl.LOCK_EX):
                    if path.stat().st_mtime < limit and not is_needed(digest):
                        path.unlink()
                        gone += 1
        for temporary in self.incoming.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if temporary.stat().st_mtime < limit:
                    temporary.unlink()
                    gone += 1
        return gone

    def _reuse(self, digest: bytes) -> bool:
        """Whether we have it; if so it is young again, and the sweeper leaves it alone.

        Whoever placed it may not have come to sync its folder, and what we refer to must be on disk.
        """
        path = self.path(digest)
        if not path.exists():
            return False
        with self._locked(fcntl.LOCK_SH):
            try:
                now = self._clock()
                os.utime(path, (now, now))
            except FileNotFoundError:
                return False
        self._make_folder(path.parent)
        _sync_folder(path.parent)
        return True

    def _place(self, temporary: Path, digest: bytes) -> None:
        path = self.path(digest)
        self._make_folder(path.parent)
        with self._locked(fcntl.LOCK_SH):
            os.replace(temporary, path)
        _sync_folder(path.parent)

    def _make_folder(self, folder: Path) -> None:
        """Make a folder and its parent, on disk when it returns.

        That it is there already proves nothing: another may have made it and not yet synced it.
        """
        if folder not in self._durable:
            folder.mkdir(parents=True, exist_ok=True)
            _sync_folder(folder.parent)
            _sync_folder(self.folder)
            self._durable.add(folder)

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        # A descriptor of its own: flock belongs to the open file, and threads share ours.
        descriptor = os.open(self.folder / "sweep.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
