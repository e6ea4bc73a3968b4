"""Mail from files that somebody hands in: messages (.eml), mbox files, and zip archives of messages.

What a file is, its first octets say, not its name.  All of it goes into one mailbox.

Standards: RFC 5322; RFC 4155 (``importing.mbox``).
Limits: ``largest`` octets for a message, ``MOST_MEMBERS`` in an archive, ``UNPACKED`` octets out of it.
"""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from mailserver.importing.mbox import MboxSource, is_mbox
from mailserver.importing.source import (
    Folder,
    Item,
    Known,
    Passed,
    SourceMessage,
    Unreadable,
    content_token,
    date_in_header,
    with_crlf,
)
from mailserver.message.headers import find_field, header_end

MOST_MEMBERS = 20_000
UNPACKED = 2 << 30
_SEEN = frozenset({"\\Seen"})
# What zipfile and its decompressors say of archives that are broken, locked, or packed in a way nobody knows.
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(RuntimeError, NotImplementedError, OSError, EOFError, ValueError),
)


class FilesSource:
    """``files``: what each is called, and where it lies."""

    def __init__(self, files: Sequence[tuple[str, Path]], mailbox: str, *, largest: int) -> None:
        self._files = files
        self._mailbox = mailbox
        self._largest = largest

    def folders(self) -> list[Folder]:
        return [Folder(self._mailbox)]

    def messages(self, folder: Folder, known: Known) -> Iterator[Item]:
        for label, path in self._files:
            if is_mbox(path):
                yield from MboxSource(path, folder.name).messages(folder, known)
            elif zipfile.is_zipfile(path):
                yield from self._packed(label, path, known)
            elif path.stat().st_size > self._largest:
                yield Unreadable(label, "the message is too large")
            else:
                yield self._one(label, path.read_bytes(), known)

    def close(self) -> None:
        """Files are closed as they are read."""

    def _packed(self, label: str, path: Path, known: Known) -> Iterator[Item]:
        room = UNPACKED
        try:
            with zipfile.ZipFile(path) as packed:
                members = [each for each in packed.infolist() if not each.is_dir()]
                if len(members) > MOST_MEMBERS:
                    yield Unreadable(label, f"there are more than {MOST_MEMBERS} files in it")
                for each in members[:MOST_MEMBERS]:
                    with packed.open(each) as member:
                        octets = member.read(min(self._largest, room) + 1)
                    room -= len(octets)
                    name = f"{label}/{each.filename}"
                    if len(octets) > self._largest or room < 0:
                        yield Unreadable(name, "the message is too large")
                    else:
                        yield self._one(name, octets, known)
        except _DAMAGED as fault:
            yield Unreadable(label, f"the archive cannot be read: {fault}")

    def _one(self, label: str, octets: bytes, known: Known) -> Item:
        header = octets[: header_end(octets)]
        if not any(find_field(header, name) is not None for name in ("From", "Date", "Subject", "Received")):
            return Unreadable(label, "it is no message")
        octets = with_crlf(octets)
        token = content_token(self._mailbox, octets)
        if known([token]):
            return Passed(1)
        return SourceMessage(label, (token,), octets, _SEEN, date_in_header(octets))
