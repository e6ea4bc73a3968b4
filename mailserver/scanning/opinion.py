"""What a scanner is shown, and what it thinks of it."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from mailserver.message.headers import field_line, replace_field
from mailserver.smtp.replies import Reply

# What a scanner may call a field (RFC 5322 §2.2).
_NAME = re.compile(r"[!-9;-~]{1,100}")
_CHUNK = 64 * 1024


class ScannerFailed(Exception):
    """The scanner did not do its work: it is not there, answers nonsense, or says that it could not."""


class Action(IntEnum):
    """The graver, the greater: of several opinions the gravest counts."""

    CLEAN = 0
    JUNK = 1
    QUARANTINE = 2
    DEFER = 3
    REFUSE = 4


@dataclass(frozen=True, slots=True)
class Change:
    """The ``index``th field of a name, counted from 1, is to have another value; with an empty one it goes."""

    name: str
    index: int
    value: str


@dataclass(frozen=True, slots=True)
class Opinion:
    """``detail`` is for the log and the trace; ``reply`` what the scanner wants the peer to be told, if it says so;
    ``fields`` header fields it wants put in front.
    """

    scanner: str
    action: Action
    detail: str = ""
    reply: Reply | None = None
    fields: tuple[tuple[str, str], ...] = ()
    changes: tuple[Change, ...] = ()
    is_blind: bool = False  # it has not looked at the message


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as it came, and its envelope.  ``login`` is empty for a stranger's; ``client`` may be."""

    octets: bytes | Path
    reference: str
    client: str = ""  # IP address
    hello: str = ""
    login: str = ""
    reverse_path: str = ""
    recipients: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return self.octets.stat().st_size if isinstance(self.octets, Path) else len(self.octets)

    def chunks(self, size: int = _CHUNK) -> Iterator[bytes]:
        if isinstance(self.octets, Path):
            with self.octets.open("rb") as file:
                while chunk := file.read(size):
                    yield chunk
        else:
            for at in range(0, len(self.octets), size):
                yield self.octets[at : at + size]


def edited(header: bytes, opinions: Iterable[Opinion]) -> bytes:
    """A header block as the scanners want it: what they add stands in front of all else."""
    added = b""
    for opinion in opinions:
        for change in opinion.changes:
            header = _changed(header, change)
        added += b"".join(field_line(name, value) for name, value in opinion.fields if _NAME.fullmatch(name))
    return added + header


def _changed(header: bytes, change: Change) -> bytes:
    new = field_line(change.name, change.value) if change.value else b""
    return replace_field(header, change.name, change.index, new)


Conversation = Generator[bytes | None, bytes, Opinion]
Exchange = Generator[bytes | None, bytes, bytes]


def exactly(count: int, buffer: bytearray) -> Exchange:
    """So many octets of the peer's, whatever pieces they come in.  Raises ScannerFailed when it hangs up before."""
    while len(buffer) < count:
        heard = yield None
        if not heard:
            raise ScannerFailed("the connection was closed in the middle of an answer")
        buffer += heard
    taken = bytes(buffer[:count])
    del buffer[:count]
    return taken
