"""Mail from a Maildir: Maildir++ folders (``.Sent.2024``), nested folders, flags in file names, Dovecot's keywords.

A message's date is the older of its file's modification time and the time in its name: the first survives a move
between folders, the second a careless copy of the whole Maildir.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from mailserver.importing.mbox import open_regular
from mailserver.importing.names import decode_modified_utf7, joined, special_use_of, text_of
from mailserver.importing.source import (
    Folder,
    Item,
    Known,
    Passed,
    SourceFault,
    SourceMessage,
    Unreadable,
    content_token,
    with_crlf,
)

_FLAGS = {"S": "\\Seen", "R": "\\Answered", "F": "\\Flagged", "T": "\\Deleted", "D": "\\Draft", "P": "$Forwarded"}
# ":2," and the flags; some file systems cannot hold ":" and have ";" or "!" there
_INFO = re.compile(r"[:;!]2,([A-Za-z]*)")
_TIME = re.compile(r"\d{9,10}(?=\.)")
_KEYWORD_LINE = re.compile(r"(\d+) (\S+)")


def is_maildir(path: Path) -> bool:
    return (path / "cur").is_dir() or (path / "new").is_dir()


class MaildirSource:
    """``path`` is the Maildir whose own messages are the INBOX."""

    def __init__(self, path: Path) -> None:
        if not is_maildir(path):
            raise SourceFault(f"{path} is no Maildir: it has neither cur nor new")
        self._folders: dict[str, Path] = {"INBOX": path}
        self._look_into(path, [])
        self._subscribed = self._subscriptions(path / "subscriptions")

    def _look_into(self, folder: Path, levels: list[str]) -> None:
        try:
            entries = sorted(folder.iterdir())
        except OSError as fault:
            raise SourceFault(f"{folder}: {fault.strerror}") from fault
        for path in entries:
            name = text_of(os.fsencode(path.name))
            if path.is_symlink() or not path.is_dir() or name in ("cur", "new", "tmp"):
                continue
            if name.startswith("."):
                inner = [*levels, *map(decode_modified_utf7, name[1:].split("."))]
            else:
                inner = [*levels, decode_modified_utf7(name)]
            if is_maildir(path):
                self._folders.setdefault(joined(inner) or "INBOX", path)
            if not name.startswith("."):
                self._look_into(path, inner)

    @staticmethod
    def _subscriptions(path: Path) -> set[str] | None:
        """Dovecot's list of subscribed folders; None if there is none."""
        try:
            with open_regular(path) as file:
                lines = text_of(os.read(file, 1 << 20)).splitlines()
        except OSError:
            return None
        separator = "\t" if lines[:1] == ["V\t2"] else "."
        return {joined([decode_modified_utf7(level) for level in line.split(separator)]) for line in lines if line}

    def folders(self) -> list[Folder]:
        return [
            Folder(
                name,
                special_use_of(name),
                subscribed=self._subscribed is None or name == "INBOX" or name in self._subscribed,
                count=len(_files(path)),
            )
            for name, path in self._folders.items()
        ]

    def messages(self, folder: Folder, known: Known) -> Iterator[Item]:
        path = self._folders[folder.name]
        keywords = _keywords(path / "dovecot-keywords")
        for file in _files(path):
            yield _read(file, folder.name, keywords, known)

    def close(self) -> None:
        """Files are closed as they are read."""


def _files(folder: Path) -> list[Path]:
    """The messages of one folder, oldest first."""
    found: list[tuple[int, str, Path]] = []
    for part in ("cur", "new"):
        try:
            entries = list(os.scandir(folder / part))
        except OSError:
            continue
        for entry in entries:
            if not entry.name.startswith(".") and entry.is_file(follow_symlinks=False):
                time = _TIME.match(entry.name)
                found.append((int(time[0]) if time else 0, entry.name, Path(entry.path)))
    return [path for _, _, path in sorted(found)]


def _read(path: Path, folder: str, keywords: dict[str, str], known: Known) -> Item:
    label = text_of(os.fsencode(path.name))
    try:
        with open_regular(path) as file:
            changed = int(os.fstat(file).st_mtime)
            with os.fdopen(os.dup(file), "rb") as reader:
                octets = with_crlf(reader.read())
    except OSError as fault:
        return Unreadable(label, fault.strerror or str(fault))
    if not octets:
        return Unreadable(label, "the file is empty")
    token = content_token(folder, octets)
    if known([token]):
        return Passed(1)
    time = _TIME.match(label)
    date = min(changed, int(time[0])) if time else changed
    return SourceMessage(label, (token,), octets, _flags(path, label, keywords), date)


def _flags(path: Path, name: str, keywords: dict[str, str]) -> frozenset[str]:
    info = _INFO.search(name)
    if info is None or path.parent.name == "new":
        return frozenset()
    flags = {_FLAGS[letter] for letter in info[1] if letter in _FLAGS}
    flags.update(keywords[letter] for letter in info[1] if letter in keywords)
    return frozenset(flags)


def _keywords(path: Path) -> dict[str, str]:
    """Dovecot's letters for keywords: line "0 $Label1" means that "a" stands for $Label1."""
    try:
        with open_regular(path) as file:
            lines = text_of(os.read(file, 1 << 16)).splitlines()
    except OSError:
        return {}
    found = [_KEYWORD_LINE.fullmatch(line) for line in lines]
    return {chr(ord("a") + int(match[1])): match[2] for match in found if match is not None and int(match[1]) < 26}
