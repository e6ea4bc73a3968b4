"""Mail from mbox files: one file, or a folder full of them as Thunderbird and Unix mailers keep it.

A message begins after a blank line with ``From `` and a date as ctime writes it; anything less is text. Status
fields that mailers keep in the header become flags and go, because they change while the message does not.

Standards: RFC 4155 (mbox, its dates in UTC); the quoting of mboxrd (``>From `` loses one ``>``).
"""

from __future__ import annotations

import mmap
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mailserver.importing.names import joined, special_use_of, text_of
from mailserver.importing.source import (
    Folder,
    Item,
    Known,
    Passed,
    SourceFault,
    SourceMessage,
    Unreadable,
    content_token,
    date_in_header,
    with_crlf,
)
from mailserver.message.dates import parse_date
from mailserver.message.headers import find_field, remove_fields, split

# From_ line: "From " sender date; the date as asctime(3), perhaps with a zone before or behind the year
_FROM_LINE = re.compile(
    rb"From (?:[^\r\n]*? )??(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +"
    rb"(\d{1,2}) +(\d{1,2}:\d{2}(?::\d{2})?)(?: +[A-Z]{1,5})?(?: +([+-]\d{4}))? +(\d{4})(?: +([+-]\d{4}))?[^\r\n]*\r?\n"
)
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
_LONGEST_FROM_LINE = 1000
_BOOKKEEPING = (
    "Status", "X-Status", "X-Keywords", "X-UID", "X-IMAP", "X-IMAPbase", "Content-Length",
    "X-Mozilla-Status", "X-Mozilla-Status2", "X-Mozilla-Keys",
)  # fmt: skip
_STATUS = {"R": "\\Seen", "A": "\\Answered", "F": "\\Flagged", "D": "\\Deleted", "T": "\\Draft"}
_MOZILLA = {0x0001: "\\Seen", 0x0002: "\\Answered", 0x0004: "\\Flagged"}
_MOZILLA_EXPUNGED = 0x0008
_NOT_MAIL = frozenset({".msf", ".dat", ".html", ".json", ".sqlite", ".log", ".sbd", ".lock"})


class MboxSource:
    """``path`` is an mbox file or a folder of them; ``folder`` names the one file's folder."""

    def __init__(self, path: Path, folder: str = "INBOX") -> None:
        self._files: dict[str, Path] = {}
        if path.is_dir():
            self._look_into(path, [])
        else:
            self._files[joined(folder.split("/")) or "INBOX"] = path
        if not self._files:
            raise SourceFault(f"{path} holds no mbox file")

    def _look_into(self, folder: Path, levels: list[str]) -> None:
        for path in sorted(folder.iterdir()):
            name = text_of(os.fsencode(path.name))
            if path.is_symlink():
                continue
            if path.is_dir():
                self._look_into(path, [*levels, name.removesuffix(".sbd")])
            elif path.suffix.lower() not in _NOT_MAIL and is_mbox(path):
                self._files.setdefault(joined([*levels, name.removesuffix(".mbox")]), path)

    def folders(self) -> list[Folder]:
        return [Folder(name, special_use_of(name)) for name in self._files]

    def messages(self, folder: Folder, known: Known) -> Iterator[Item]:
        path = self._files[folder.name]
        try:
            with _mapped(path) as octets:
                for start, end in places(octets):
                    yield from _read(octets, start, end, folder.name, known)
        except OSError as fault:
            raise SourceFault(f"{path}: {fault.strerror}") from fault

    def close(self) -> None:
        """Files are closed as they are read."""


def is_mbox(path: Path) -> bool:
    try:
        with open_regular(path) as file:
            beginning = os.pread(file, _LONGEST_FROM_LINE, 0)
    except OSError:
        return False
    return _FROM_LINE.match(beginning) is not None


@contextmanager
def open_regular(path: Path) -> Iterator[int]:
    """A descriptor of a plain file. No link is followed: who owns the mail may not own what it points to."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "is no plain file")
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap | bytes]:
    with open_regular(path) as file:
        if os.fstat(file).st_size == 0:
            yield b""
            return
        with mmap.mmap(file, 0, access=mmap.ACCESS_READ) as octets:
            yield octets


def places(octets: mmap.mmap | bytes) -> Iterator[tuple[int, int]]:
    """(where the From_ line begins, where the message ends), one by one."""
    start = -1
    place = 0
    while place >= 0:
        if _FROM_LINE.match(octets[place : place + _LONGEST_FROM_LINE]) and _follows_blank_line(octets, place):
            if start >= 0:
                yield start, place
            start = place
        found = octets.find(b"\nFrom ", place)
        place = found + 1 if found >= 0 else -1
    if start >= 0:
        yield start, len(octets)


def _follows_blank_line(octets: mmap.mmap | bytes, place: int) -> bool:
    return place == 0 or octets[max(place - 3, 0) : place].replace(b"\r", b"").endswith(b"\n\n")


def _read(octets: mmap.mmap | bytes, start: int, end: int, folder: str, known: Known) -> Iterator[Item]:
    from_line = _FROM_LINE.match(octets[start : start + _LONGEST_FROM_LINE])
    assert from_line is not None
    raw = with_crlf(octets[start + from_line.end() : end])
    header, body = split(_QUOTED_FROM.sub(rb"\1", raw))
    if body == b"\r\n" or body.endswith(b"\r\n\r\n"):
        body = body[:-2]  # the blank line between messages
    if find_field(header, "X-IMAP") is not None and (find_field(header, "Subject") or "").startswith("DON'T DELETE"):
        return  # a mailer's own notes, kept as a first message
    mozilla = _hexadecimal(find_field(header, "X-Mozilla-Status"))
    if mozilla & _MOZILLA_EXPUNGED:
        return  # deleted long ago, and only not cut out of the file
    flags = _flags(header, mozilla)
    clean = remove_fields(header + body, _BOOKKEEPING)
    if not clean.strip():
        yield Unreadable(f"octet {start}", "the message is empty")
        return
    token = content_token(folder, clean)
    if known([token]):
        yield Passed(1)
        return
    yield SourceMessage(f"octet {start}", (token,), clean, flags, _from_date(from_line) or date_in_header(clean))


def _hexadecimal(value: str | None) -> int:
    try:
        return int(value or "0", 16)
    except ValueError:
        return 0


def _flags(header: bytes, mozilla: int) -> frozenset[str]:
    letters = (find_field(header, "Status") or "") + (find_field(header, "X-Status") or "")
    flags = {_STATUS[letter] for letter in letters.upper() if letter in _STATUS}
    flags.update(flag for bit, flag in _MOZILLA.items() if mozilla & bit)
    for name in ("X-Keywords", "X-Mozilla-Keys"):
        flags.update((find_field(header, name) or "").split())
    return frozenset(flags)


def _from_date(match: re.Match[bytes]) -> int | None:
    month, day, time, zone, year, late_zone = (group.decode() if group else "" for group in match.groups())
    return parse_date(f"{day} {month} {year} {time} {zone or late_zone or '+0000'}")
