"""Asks limited processes for the text of files sent along, and for pictures drawn anew; ends those that take too long.

Limits: ``SECONDS`` for each file by the wall clock, besides those of ``child``.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from types import TracebackType

from mailserver.message.attachments.child import LARGEST_ANSWER, PICTURE
from mailserver.message.pictures import picture_type

# In the background, where the child gets only the processor time that nobody wants; its own limit is on that.
SECONDS = 300.0
_DRAWN = ("image/jpeg", "image/png", "image/webp")


class AttachmentReader:
    """The child begins with the first file, and again after one that was its end."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> AttachmentReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def text(self, kind: str, octets: bytes) -> str | None:
        """None if it cannot be read within the limits.  Raises OSError if there is no process to be had."""
        made = self._made(kind, octets)
        return made.decode("utf-8", "replace") if made else None

    def picture(self, octets: bytes, side: int) -> bytes | None:
        """Drawn anew, no wider and no higher than ``side``; nothing if it cannot be, None if that took too long.
        Raises OSError if there is no process to be had.
        """
        made = self._made(f"{PICTURE}:{side}", octets)
        return b"" if made and picture_type(made) not in _DRAWN else made

    def _made(self, kind: str, octets: bytes) -> bytes | None:
        child = self._child or self._begin()
        watch = threading.Timer(self._seconds, child.kill)
        watch.start()
        try:
            answer = self._ask(child, kind, octets)
        finally:
            watch.cancel()
        if answer is None:
            self.end()
        return answer

    def _ask(self, child: subprocess.Popen[bytes], kind: str, octets: bytes) -> bytes | None:
        """What was made of it, nothing if nothing could be; None if that was the child's end."""
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(b"%b %d\n" % (kind.encode("ascii"), len(octets)))
            child.stdin.write(octets)
            child.stdin.flush()
            words = child.stdout.readline(100).split()
            if len(words) != 2 or words[0] not in (b"done", b"none") or not words[1].isdigit():
                return None
            length = int(words[1])
            made = child.stdout.read(min(length, LARGEST_ANSWER))
        except OSError:  # it died while it was asked
            return None
        return made if len(made) == length else None

    def _begin(self) -> subprocess.Popen[bytes]:
        self._child = subprocess.Popen(
            [sys.executable, "-I", "-m", "mailserver.message.attachments.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "LANG": "C.UTF-8"},
        )
        return self._child

    def end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):  # what it was not told any more
                    stream.close()
        child.wait()
