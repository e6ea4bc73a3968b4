"""The lines of a file as UTF-8, whatever set of characters it was written in, with their numbers.

UTF-8 and UTF-16 are told by their first octets.  Older sets cannot be told for certain, so they are read only where
somebody says which; what a line should probably read is told in the fault (``damaged_text``).

Standards: RFC 3629, RFC 2781 §3.2 (byte order marks).
Limits: a line of more than ``LONGEST`` octets ends the reading.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from directory.exchange.kinds import Kind, Record
from directory.faults import Fault
from directory.words.damaged_text import (
    as_windows_1252,
    diagnose,
    diagnose_octets,
    from_misread_utf8,
    from_tcvn3,
    from_vni,
    from_windows_1258,
)

# A group of all 200,000 may stand on one.
LONGEST = 64 << 20
ENCODINGS = ("auto", "utf-8", "utf-16", "windows-1258", "tcvn3", "vni", "misread-utf-8")


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    octets: bytes  # UTF-8 unless it is broken; without its end


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One record of a file, or why there is none; ``octets`` as they stand there, for the rejects.

    Each is itself only: many may stand on one line.
    """

    line: int
    octets: bytes
    record: Record = ()
    fault: Fault | None = None


class Lines:
    """Iterates over the lines of a file.  Raises Fault where it is no text."""

    def __init__(self, file: IO[bytes], name: object, encoding: str = "auto") -> None:
        self._name = name
        self._number = 0
        start = file.read(4)
        file.seek(0)
        self._convert: Callable[[bytes], bytes] | None = None
        self._octets: IO[bytes] = file
        self._text: IO[str] | None = None
        wide = _utf_16(start)
        if wide or encoding == "utf-16":
            self._text = io.TextIOWrapper(file, wide or "utf-16-le", errors="replace", newline="\n")
        elif encoding in _OLD:
            self._convert = _OLD[encoding]
        elif start.startswith(b"\xef\xbb\xbf"):
            file.seek(3)

    def __iter__(self) -> Iterator[Line]:
        return self

    def __next__(self) -> Line:
        if self._text is not None:
            octets = self._text.readline(LONGEST).encode("utf-8", "replace")
            if self._number == 0:
                octets = octets.removeprefix(b"\xef\xbb\xbf")
        else:
            octets = self._octets.readline(LONGEST)
        if not octets:
            raise StopIteration
        self._number += 1
        if len(octets) >= LONGEST and not octets.endswith(b"\n"):
            raise Fault("file-encoding", file=self._name)
        octets = octets.rstrip(b"\r\n")
        return Line(self._number, self._convert(octets) if self._convert is not None else octets)

    def close(self) -> None:
        """The file stays open for whoever opened it."""
        if isinstance(self._text, io.TextIOWrapper):
            self._text.detach()


def _utf_16(start: bytes) -> str:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16-le" if start[0] == 0xFF else "utf-16-be"
    if len(start) == 4 and b"\x00" in start:
        # ASCII at the beginning of a file that has no mark
        return "utf-16-be" if start[0] == 0 else "utf-16-le"
    return ""


def _old(read: Callable[[str], str]) -> Callable[[bytes], bytes]:
    """Octets of an old font, or their Windows-1252 letters in UTF-8, as a spreadsheet saves them."""

    def convert(octets: bytes) -> bytes:
        try:
            text = octets.decode("utf-8")
        except UnicodeDecodeError:
            text = as_windows_1252(octets)
        return read(text).encode("utf-8")

    return convert


def _windows_1258(octets: bytes) -> bytes:
    try:
        return from_windows_1258(octets).encode("utf-8")
    except UnicodeDecodeError:
        return octets  # not UTF-8 either: refused as that


_OLD = {
    "windows-1258": _windows_1258,
    "tcvn3": _old(from_tcvn3),
    "vni": _old(from_vni),
    "misread-utf-8": _old(from_misread_utf8),
}


def text_of(octets: bytes) -> str:
    """A line's text.  Raises Fault, with what it should probably read."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        found = diagnose_octets(octets)
        if found is None:
            raise Fault("line-not-utf8") from None
        raise Fault("line-encoding", encoding=found.encoding, reading=found.reading[:200]) from None


def refuse_damage(kind: Kind, record: Record) -> None:
    """Raises Fault where a value is old or misread text, with what it should probably read."""
    secrets = {column.name for column in kind.columns if column.secret}
    for row in record:
        for name, value in row.items():
            for text in value if isinstance(value, list) else (value,):
                if name not in secrets and not text.isascii() and (found := diagnose(text)) is not None:
                    encoding = "misread-utf-8" if found.encoding == "utf-8" else found.encoding
                    raise Fault("line-damaged", found=text[:100], encoding=encoding, reading=found.reading[:100])
