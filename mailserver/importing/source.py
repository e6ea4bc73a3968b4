"""What every place that mail is brought from looks like to the importer."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from mailserver.message.dates import parse_date
from mailserver.message.headers import find_field, header_end

# Asked with tokens, answers which of them the journal holds.
Known = Callable[[Sequence[bytes]], set[bytes]]

_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")


class SourceFault(Exception):
    """The source as a whole cannot be read (any further). What was brought over stays; a new run goes on from there."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of the source; ``name`` is NFC with ``/`` between levels."""

    name: str
    special_use: str | None = None
    subscribed: bool = True
    count: int | None = None  # messages, if the source can tell without reading them


@dataclass(frozen=True, slots=True)
class SourceMessage:
    """One message. ``tokens`` are what the journal remembers it by: if it knows one, the message is here already."""

    label: str  # what a person finds it by: file name, place in the mbox, UID
    tokens: tuple[bytes, ...]
    octets: bytes
    flags: frozenset[str]
    internal_date: int | None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that could not be read; the next run tries again."""

    label: str
    reason: str


@dataclass(frozen=True, slots=True)
class Passed:
    """So many messages were not read because the journal knows them."""

    count: int


Item = SourceMessage | Unreadable | Passed


class Source(Protocol):
    def folders(self) -> list[Folder]:
        """Raises SourceFault."""

    def messages(self, folder: Folder, known: Known) -> Iterator[Item]:
        """Raises SourceFault."""

    def close(self) -> None: ...


def content_token(folder: str, octets: bytes) -> bytes:
    """The same octets in the same folder are the same message, whatever file they come in."""
    return hashlib.blake2b(hashlib.sha256(octets).digest() + folder.encode("utf-8", "replace"), digest_size=16).digest()


def uid_token(server: str, folder: str, uid_validity: int, uid: int) -> bytes:
    """RFC 9051 §2.3.1.1: server, mailbox, UIDVALIDITY and UID name one message for ever."""
    name = "\0".join((server, folder, str(uid_validity), str(uid)))
    return hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=16).digest()


def with_crlf(octets: bytes) -> bytes:
    """Line ends as mail has them; a bare CR is left, for it is no line end in a file of lines."""
    return octets if b"\n" not in octets else _BARE_LINE_FEED.sub(b"\r\n", octets)


def date_in_header(octets: bytes) -> int | None:
    """When a message arrived, by its own header: delivery, the last Received, or else when it was written."""
    header = octets[: header_end(octets)]
    for name in ("Delivery-date", "Received", "Date"):
        value = find_field(header, name)
        if value is not None:
            date = parse_date(value.rpartition(";")[2].strip() if name == "Received" else value)
            if date is not None:
                return date
    return None
