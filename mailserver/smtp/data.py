"""The octets between DATA and the lonely dot, in both directions, chunk by chunk.

``DotSink`` takes what a client sends after 354: it finds CRLF.CRLF over any chunk border and undoes the
dot-stuffing.  What it has in common with the sink of BDAT (``smtp.chunking``) is in ``MessageSink``: bare CR and LF are
counted, and the message is held in memory up to a limit, then in a file.  ``DotStuffer`` is the way out.

Only CRLF.CRLF ends the data, and nothing bare is ever sent: a peer that takes LF.LF for the end would
otherwise find a second, smuggled message behind it.

A message that begins with white space has no header: its first line is no field, and would go on with whichever we put
in front.  An empty line before it says so to every reader; nobody is refused for it.

Standards: RFC 5321 §4.5.2 (transparency), §2.3.8 (lines end in CRLF; bare CR and LF are forbidden), §3.3 (defects of a
header are no reason to refuse), RFC 5322 §2.2.3 (folding), RFC 2045 §2.8 (no NUL).
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from pathlib import Path
from typing import BinaryIO

_END = b"\r\n.\r\n"
MEMORY_LIMIT = 256 * 1024


class MessageSink:
    """Gathers the octets of one message: subclasses ``feed``; then ``finish``, then ``octets`` or ``path``."""

    __slots__ = (
        "_before",
        "_breaks",
        "_chunks",
        "_cr",
        "_file",
        "_held",
        "_lf",
        "_memory_limit",
        "_size_limit",
        "_spool",
        "fault",
        "has_ended",
        "has_nul",
        "octets",
        "path",
        "received",
        "size",
        "too_large",
    )

    # So many octets stay in memory when the rest goes to the file: they may turn out to be no part of the message.
    _kept_back = 0

    def __init__(self, size_limit: int, spool: Path, memory_limit: int = MEMORY_LIMIT) -> None:
        self._size_limit = size_limit
        self._spool = spool
        self._memory_limit = memory_limit
        self._chunks: list[bytes] = []  # raw octets not yet worked on
        self._held = 0
        self._file: BinaryIO | None = None
        self._before = b"\r\n"  # the last raw octets before those not yet worked on; a message begins a line
        self._cr = self._lf = self._breaks = 0
        self.has_ended = False  # what was to come has come
        self.octets = b""  # the message, when it fits into memory
        self.path: Path | None = None  # the file it is in, when not
        self.received = 0  # raw octets so far, whether kept or not
        self.size = 0  # octets of the message
        self.has_nul = False
        self.too_large = False
        self.fault: OSError | None = None  # the disk failed us; the rest of the data is read and thrown away

    def feed(self, chunk: bytes) -> int | None:
        """Take octets; the number of them used when what was to come ended in them, else None."""
        raise NotImplementedError

    def finish(self) -> None:
        """The end has come: work on what is left."""
        if self.too_large or self.fault is not None:
            self.discard()
            return
        rest = self._apart(self._plain(b"".join(self._chunks)))
        self._chunks = []
        if self._file is None:
            self.octets = rest
            self.size = len(rest)
        else:
            try:
                self._write(rest)
                self._file.close()
            except OSError as fault:
                self.fault = fault
        self.too_large = self.size > self._size_limit
        if self.too_large or self.fault is not None:
            self.discard()

    def discard(self) -> None:
        """Forget the message; its file goes too."""
        self._chunks = []
        self.octets = b""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
        if self.path is not None:
            self.path.unlink(missing_ok=True)
            self.path = None

    def hand_over(self) -> bytes | Path:
        """The message for somebody who now owns it, file and all."""
        if self.path is None:
            return self.octets
        path, self.path = self.path, None
        return path

    @property
    def has_bare_line_end(self) -> bool:
        """A CR without LF or an LF without CR was among the octets."""
        return not self._breaks == self._cr == self._lf

    def _take(self, chunk: bytes) -> None:
        self.received += len(chunk)
        if self.too_large or self.fault is not None:
            return
        self._chunks.append(chunk)
        self._held += len(chunk)
        if self._held > self._memory_limit:
            self._spill()

    def _spill(self) -> None:
        """Move what memory holds into the file, but for what is kept back."""
        raw = b"".join(self._chunks)
        end = len(raw) - self._kept_back
        self._chunks = [raw[end:]]
        self._held = self._kept_back
        try:
            if self._file is None:
                handle, name = tempfile.mkstemp(prefix="data-", dir=self._spool)
                self.path = Path(name)
                self._file = os.fdopen(handle, "wb")
            self._write(self._apart(self._plain(raw[:end])))
        except OSError as fault:
            self.fault = fault
        if self.size > self._size_limit:
            self.too_large = True
        if self.too_large or self.fault is not None:
            self.discard()

    def _write(self, octets: bytes) -> None:
        assert self._file is not None
        self._file.write(octets)
        self.size += len(octets)

    def _apart(self, octets: bytes) -> bytes:
        """The next octets of the message; its first ones go on with no field of ours."""
        return b"\r\n" + octets if not self.size and octets.startswith((b" ", b"\t")) else octets

    def _plain(self, raw: bytes) -> bytes:
        """Count the line ends of the next stretch; the octets of the message in it."""
        before = self._before
        self._before = raw[-2:] if len(raw) >= 2 else (before + raw)[-2:]
        # Three counts cost a tenth of one look-behind regular expression.
        self._cr += raw.count(b"\r")
        self._lf += raw.count(b"\n")
        self._breaks += raw.count(b"\r\n") + (before[-1:] == b"\r" and raw[:1] == b"\n")
        self.has_nul = self.has_nul or b"\0" in raw
        return raw


class DotSink(MessageSink):
    """What comes after 354: it ends with CRLF.CRLF."""

    __slots__ = ("_tail",)

    # The end mark may begin in what has come.
    _kept_back = 4

    def __init__(self, size_limit: int, spool: Path, memory_limit: int = MEMORY_LIMIT) -> None:
        super().__init__(size_limit, spool, memory_limit)
        self._tail = b"\r\n"  # the last raw octets before what comes next; DATA begins at the start of a line

    def feed(self, chunk: bytes) -> int | None:
        tail = self._tail
        if chunk.startswith((b"\n", b".", b"\r")):  # only then can the end mark straddle the border
            at = (tail + chunk[:4]).find(_END)
            if at >= 0:
                used = at + len(_END) - len(tail)
                # CRLF belongs to the message; of "." CRLF some octets may already have been taken
                if used > 3:
                    self._take(chunk[: used - 3])
                    self.received += 3
                else:
                    self._untake(3 - used)
                    self.received += used
                self.has_ended = True
                return used
        at = chunk.find(_END)
        if at >= 0:
            self._take(chunk[: at + 2])
            self.received += 3
            self.has_ended = True
            return at + len(_END)
        self._take(chunk)
        self._tail = chunk[-4:] if len(chunk) >= 4 else (tail + chunk)[-4:]
        return None

    def _untake(self, count: int) -> None:
        """The end mark began in octets already taken: give the last ``count`` of them back."""
        while count > 0 and self._chunks:
            last = self._chunks.pop()
            if len(last) > count:
                self._chunks.append(last[:-count])
            count -= len(last)

    def _plain(self, raw: bytes) -> bytes:
        """The dot-stuffing is undone too."""
        before = self._before
        raw = super()._plain(raw)
        if raw.startswith(b".") and before == b"\r\n":
            raw = raw[1:]
        elif raw.startswith(b"\n.") and before[-1:] == b"\r":
            raw = b"\n" + raw[2:]
        return raw.replace(b"\r\n.", b"\r\n")


# A CR that no LF follows, or an LF that no CR precedes.
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


class DotStuffer:
    """Makes a message ready for the wire: dots doubled at line starts, whole CRLF line ends, ``CRLF.CRLF``
    behind it.
    """

    __slots__ = ("_at_line_start", "_held_cr")

    def __init__(self) -> None:
        self._at_line_start = True
        # a CR at the end of a chunk waits for the next one to say whether an LF follows
        self._held_cr = False

    def feed(self, chunk: bytes) -> bytes:
        if self._held_cr:
            chunk = b"\r" + chunk
            self._held_cr = False
        if chunk.endswith(b"\r"):
            chunk = chunk[:-1]
            self._held_cr = True
        if not chunk:
            return b""
        if not chunk.count(b"\r\n") == chunk.count(b"\r") == chunk.count(b"\n"):
            chunk = _BARE.sub(b"\r\n", chunk)
        stuffed = chunk.replace(b"\r\n.", b"\r\n..")
        if self._at_line_start and stuffed.startswith(b"."):
            stuffed = b"." + stuffed
        self._at_line_start = chunk.endswith(b"\r\n")
        return stuffed

    def finish(self) -> bytes:
        """The last octets: the missing line end, if one is missing, and the lonely dot."""
        if self._held_cr or not self._at_line_start:
            return b"\r\n.\r\n"
        return b".\r\n"
