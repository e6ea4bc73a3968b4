"""A disk as a power cut leaves it, from a trace of what a program did to it.

The trace is written by ``tracer.c``.  ``Disk`` follows it and keeps, for every file, what is certainly on the disk
(written before its last sync) and what is only on its way; and for every folder the same of its names.  ``cut`` then
builds a folder as it may be found after the power came back:

* what was synced is there;
* of what was not, each file's writes are lost, or kept, or kept up to some moment, or torn: of every sector of 512
  octets it is decided by itself whether it arrived;
* names made, renamed and removed since the folder was last synced are lost, kept, kept up to some moment, or each
  decided by itself.  A rename within one folder is one step; between folders, the new name and the end of the old
  one are two.

That is harsher than ext4 and XFS, which order much of this: what survives here survives there.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512
_HEAD = struct.Struct("<cQQII")


@dataclass(frozen=True, slots=True)
class Record:
    operation: str
    number: int
    offset: int
    path: str
    octets: bytes

    @property
    def other_path(self) -> str:
        return self.octets.decode()


def read_trace(path: Path) -> list[Record]:
    trace = path.read_bytes()
    records = []
    at = 0
    while at + _HEAD.size <= len(trace):
        operation, number, offset, first, second = _HEAD.unpack_from(trace, at)
        at += _HEAD.size
        name = trace[at : at + first].decode()
        at += first
        records.append(Record(operation.decode(), number, offset, name, trace[at : at + second]))
        at += second
    return records


@dataclass(eq=False, slots=True)
class File:
    certain: bytearray = field(default_factory=bytearray)
    # (offset, octets), or (size, None) where it was cut or stretched.
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def sync(self) -> None:
        for change in self.pending:
            apply(self.certain, *change)
        self.pending.clear()

    def after_a_cut(self, chance: random.Random) -> bytes:
        octets = bytearray(self.certain)
        kept = {
            "lost": lambda: (),
            "kept": lambda: self.pending,
            "in order": lambda: self.pending[: chance.randint(0, len(self.pending))],
            "torn": lambda: torn(self.pending, chance),
        }[chance.choice(("lost", "kept", "in order", "torn", "torn"))]
        for change in kept():
            apply(octets, *change)
        return bytes(octets)


def apply(octets: bytearray, offset: int, written: bytes | None) -> None:
    if written is None:
        if offset < len(octets):
            del octets[offset:]
        else:
            octets.extend(bytes(offset - len(octets)))
        return
    if offset > len(octets):
        octets.extend(bytes(offset - len(octets)))
    octets[offset : offset + len(written)] = written


def torn(pending: list[tuple[int, bytes | None]], chance: random.Random) -> Iterator[tuple[int, bytes | None]]:
    """The sectors that arrived."""
    likely = chance.random()
    for offset, written in pending:
        if written is None:
            if chance.random() < likely:
                yield offset, None
            continue
        at = 0
        while at < len(written):
            end = min(len(written), at + SECTOR - (offset + at) % SECTOR)
            if chance.random() < likely:
                yield offset + at, written[at:end]
            at = end


# A step in a folder: names that end, names that begin.
Step = tuple[tuple[str, ...], tuple[tuple[str, "File | Folder"], ...]]


@dataclass(eq=False, slots=True)
class Folder:
    certain: dict[str, File | Folder] = field(default_factory=dict)
    pending: list[Step] = field(default_factory=list)

    def sync(self) -> None:
        for step in self.pending:
            take(self.certain, step)
        self.pending.clear()

    def after_a_cut(self, chance: random.Random) -> dict[str, File | Folder]:
        names = dict(self.certain)
        how = chance.choice(("lost", "kept", "in order", "each by itself"))
        last = chance.randint(0, len(self.pending))
        for position, step in enumerate(self.pending):
            if (
                how == "kept"
                or (how == "in order" and position < last)
                or (how == "each by itself" and chance.random() < 0.5)
            ):
                take(names, step)
        return names


def take(names: dict[str, File | Folder], step: Step) -> None:
    ended, begun = step
    for name in ended:
        names.pop(name, None)
    names.update(begun)


class Disk:
    """Follows a trace.  ``deaf`` says which syncs (by path) are to be without effect, to see that this is noticed."""

    def __init__(self, root: str, deaf: Callable[[str], bool] = lambda path: False) -> None:
        self.root = root
        self._deaf = deaf
        self._top = Folder()
        self._folders: dict[str, Folder] = {root: self._top}
        self._files: dict[str, File] = {}  # by path, as the program sees it
        self._numbers: dict[int, File] = {}
        self._paths: dict[int, str] = {}

    def follow(self, record: Record) -> None:
        getattr(self, f"_{_STEPS[record.operation]}")(record)

    def cut(self, target: Path, chance: random.Random) -> None:
        """Build what is found after a power cut now."""
        target.mkdir(parents=True)
        self._build(self._top, target, chance)

    def _build(self, folder: Folder, target: Path, chance: random.Random) -> None:
        for name, what in folder.after_a_cut(chance).items():
            if isinstance(what, Folder):
                (target / name).mkdir()
                self._build(what, target / name, chance)
            else:
                (target / name).write_bytes(what.after_a_cut(chance))

    def _step(self, folder: str, ended: tuple[str, ...], begun: tuple[tuple[str, File | Folder], ...] = ()) -> None:
        self._folders[folder].pending.append((ended, begun))

    # One for each operation of a trace

    def _create(self, record: Record) -> None:
        made = self._files[record.path] = self._numbers[record.number] = File()
        self._paths[record.number] = record.path
        folder, name = split(record.path)
        self._step(folder, (), ((name, made),))

    def _write(self, record: Record) -> None:
        self._numbers[record.number].pending.append((record.offset, record.octets))

    def _set_size(self, record: Record) -> None:
        self._numbers[record.number].pending.append((record.offset, None))

    def _sync_file(self, record: Record) -> None:
        if not self._deaf(self._paths[record.number]):
            self._numbers[record.number].sync()

    def _sync_folder(self, record: Record) -> None:
        if record.path in self._folders and not self._deaf(record.path + "/"):
            self._folders[record.path].sync()

    def _rename(self, record: Record) -> None:
        moved = self._files.pop(record.path)
        self._files[record.other_path] = moved
        for number, path in self._paths.items():
            if path == record.path:
                self._paths[number] = record.other_path
        (folder, name), (other, new_name) = split(record.path), split(record.other_path)
        if folder == other:
            self._step(folder, (name,), ((new_name, moved),))
        else:
            self._step(other, (), ((new_name, moved),))
            self._step(folder, (name,))

    def _link(self, record: Record) -> None:
        linked = self._files[record.other_path] = self._files[record.path]
        folder, name = split(record.other_path)
        self._step(folder, (), ((name, linked),))

    def _unlink(self, record: Record) -> None:
        folder, name = split(record.path)
        self._files.pop(record.path, None)
        if folder in self._folders:
            self._step(folder, (name,))

    def _make_folder(self, record: Record) -> None:
        made = self._folders[record.path] = Folder()
        if record.path == self.root:
            self._top = made
            return
        folder, name = split(record.path)
        self._step(folder, (), ((name, made),))

    def _remove_folder(self, record: Record) -> None:
        folder, name = split(record.path)
        self._folders.pop(record.path, None)
        self._step(folder, (name,))

    def _acknowledge(self, record: Record) -> None:
        pass


_STEPS = {
    "C": "create",
    "W": "write",
    "T": "set_size",
    "S": "sync_file",
    "D": "sync_folder",
    "R": "rename",
    "L": "link",
    "U": "unlink",
    "M": "make_folder",
    "X": "remove_folder",
    "A": "acknowledge",
}


def split(path: str) -> tuple[str, str]:
    folder, _, name = path.rpartition("/")
    return folder, name
