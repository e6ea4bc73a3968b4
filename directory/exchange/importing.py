"""Taking records in from a file: by the hundred thousand, while the system runs, as often as one likes.

A broken record is written to the rejects file as it was, with the reason, and takes no other with it.  Good ones go in
by batches, each one transaction; an import that was interrupted is simply run again: who is in already is compared,
and what differs is carried over.  With ``whole`` all is one transaction, which is undone if a single record is refused.

A dry run does the same on a copy of the database (SQLite), or in one transaction that is rolled back (PostgreSQL,
where it holds up other changes to the directory while it lasts), and tells every difference.

An administrator to whom something is forbidden is refused record by record; where all is one transaction, at once.
"""

from __future__ import annotations

import abc
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Literal

from sqlalchemy.exc import IntegrityError

from directory.database import Directory, Writing, open_directory
from directory.exchange.formats import FORMATS, FormatName, FormatReader
from directory.exchange.kinds import Kind
from directory.exchange.lines import Item, Lines, refuse_damage
from directory.faults import Fault, Refused
from directory.sqlite_driver import Connection, connect

BATCH = 1000
# Problems and differences kept for the summary; all of them are in the rejects file, and told to ``tell``.
_SHOWN = 20

Verb = Literal["added", "updated", "unchanged", "left"]


@dataclass(frozen=True, slots=True)
class Difference:
    what: str  # column
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    verb: Verb
    subject: str  # login, address or short name
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class FileSettings:
    format: FormatName = "csv"
    encoding: str = "auto"
    dry_run: bool = False
    whole: bool = False  # all or nothing
    origin: str = ""  # for the audit record: from where, and why
    reason: str = ""


@dataclass(slots=True)
class Outcome:
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)
    is_undone: bool = False  # nothing was kept, because something was refused


class Taker(abc.ABC):
    """How records of one kind are taken in."""

    kind: Kind

    def prepare(self, directory: Directory, items: Sequence[Item], *, dry_run: bool) -> dict[Item, Fault]:
        """What takes long, before the transaction begins; lines that are refused already."""
        return {}

    @abc.abstractmethod
    def begin(self, conn: Writing, actor: str) -> Intaking:
        """For the records of one transaction."""


class Intaking(abc.ABC):
    @abc.abstractmethod
    def take(self, item: Item) -> Change:
        """One record.  Raises Fault, and has changed nothing then."""

    def finish(self) -> None:  # noqa: B027 - most write at once
        """Write what waits."""

    def committed(self) -> None:  # noqa: B027 - most remember nothing
        """It is on disk."""


class _Undo(Exception):
    """Ends a transaction of which nothing is to be kept."""


@dataclass(frozen=True, slots=True)
class _Stage:
    directory: Directory
    conn: Writing | None  # where all is one transaction


class Import:
    """One run over one file."""

    def __init__(
        self, directory: Directory, actor: str, taker: Taker, settings: FileSettings, *, language: str = "en"
    ) -> None:
        self._directory = directory
        self._actor = actor
        self._taker = taker
        self._settings = settings
        self._language = language

    def run(
        self,
        path: Path,
        rejects: Path,
        advance: Callable[[int], None] = lambda done: None,
        tell: Callable[[int, Change], None] = lambda line, change: None,
    ) -> Outcome:
        """Import ``path``; ``advance`` hears how many octets were read, ``tell`` what became of each line.  Raises
        Fault where the file is no use.
        """
        if rejects.resolve() == path.resolve():
            raise Fault("file-same", file=path)
        outcome = Outcome()
        with open(path, "rb") as file, self._stage() as stage:
            lines = Lines(file, path, self._settings.encoding)
            try:
                reader = FORMATS[self._settings.format].reader(lines, self._taker.kind, path)
                with _Rejects(rejects, reader) as refused:
                    for batch in _batches(reader.items()):
                        results = self._take_batch(stage, batch)
                        for item in batch:
                            self._note(outcome, refused, item, results[item], tell)
                        advance(file.tell())
                outcome.is_undone = self._settings.whole and outcome.rejected > 0
                if stage.conn is not None and (self._settings.dry_run or outcome.is_undone):
                    raise _Undo
            finally:
                lines.close()
        return outcome

    @contextmanager
    def _stage(self) -> Iterator[_Stage]:
        settings = self._settings
        if settings.dry_run and self._directory.is_sqlite:
            with tempfile.TemporaryDirectory(prefix="citymail-") as folder:
                copy = Path(folder) / "directory.db"
                _copy_sqlite(self._directory, copy)
                rehearsal = open_directory(f"sqlite:///{copy}", clock=self._directory.clock)
                rehearsal.administrator = self._directory.administrator
                try:
                    yield _Stage(rehearsal, None)
                finally:
                    rehearsal.close()
        elif settings.dry_run or settings.whole:
            try:
                with self._directory.write(origin=settings.origin, reason=settings.reason) as conn:
                    yield _Stage(self._directory, conn)
            except _Undo:
                pass
        else:
            yield _Stage(self._directory, None)

    def _take_batch(self, stage: _Stage, batch: list[Item]) -> dict[Item, Change | Fault]:
        results: dict[Item, Change | Fault] = {}
        for item in batch:
            try:
                if item.fault is not None:
                    raise item.fault
                refuse_damage(self._taker.kind, item.record)
            except Fault as fault:
                results[item] = fault
        good = [item for item in batch if item not in results]
        refused = self._taker.prepare(stage.directory, good, dry_run=self._settings.dry_run)
        good = [item for item in good if item not in refused]
        return {**results, **refused, **self._apply(stage, good)}

    def _apply(self, stage: _Stage, batch: list[Item]) -> dict[Item, Change | Fault]:
        """A batch in one transaction; where the database or the rights object, one by one, to refuse culprits alone."""
        try:
            results = self._transact(stage, batch)
        except (IntegrityError, Refused) as objection:
            if isinstance(objection, Refused) and stage.conn is not None:
                raise
            results = []
            for item in batch:
                try:
                    results += self._transact(stage, [item])
                except IntegrityError:
                    results.append(Fault("line-conflict"))
                except Refused as refusal:
                    results.append(refusal)
        return dict(zip(batch, results, strict=True))

    def _transact(self, stage: _Stage, batch: list[Item]) -> list[Change | Fault]:
        if stage.conn is not None:
            with stage.conn.connection.begin_nested():
                intaking, results = self._write(stage.conn, batch)
        else:
            with stage.directory.write(origin=self._settings.origin, reason=self._settings.reason) as conn:
                intaking, results = self._write(conn, batch)
        intaking.committed()
        return results

    def _write(self, conn: Writing, batch: list[Item]) -> tuple[Intaking, list[Change | Fault]]:
        intaking = self._taker.begin(conn, self._actor)
        results: list[Change | Fault] = []
        for item in batch:
            try:
                results.append(intaking.take(item))
            except Refused:
                raise
            except Fault as fault:
                results.append(fault)
        intaking.finish()
        return intaking, results

    def _note(
        self,
        outcome: Outcome,
        refused: _Rejects,
        item: Item,
        result: Change | Fault,
        tell: Callable[[int, Change], None],
    ) -> None:
        if not isinstance(result, Fault):
            setattr(outcome, result.verb, getattr(outcome, result.verb) + 1)
            tell(item.line, result)
            return
        reason = result.text(self._language)
        outcome.rejected += 1
        if len(outcome.problems) < _SHOWN:
            outcome.problems.append((item.line, reason))
        refused.write(item, reason)


class _Rejects:
    """Made with the first reject; it can be corrected and imported as it is."""

    def __init__(self, path: Path, reader: FormatReader) -> None:
        self._path = path
        self._reader = reader
        self._file: IO[bytes] | None = None

    def __enter__(self) -> _Rejects:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, item: Item, reason: str) -> None:
        if self._file is None:
            # passwords may stand in it: for its owner alone
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            self._file = open(descriptor, "wb")  # noqa: SIM115 - closed on exit
            self._file.write(self._reader.rejects_head())
        self._file.write(self._reader.rejected(item, reason))


def _batches(items: Iterator[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    for item in items:
        batch.append(item)
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _copy_sqlite(directory: Directory, target: Path) -> None:
    """A copy as of now, taken while others write."""
    with directory.engine.connect() as connection:
        source = connection.connection.driver_connection
        assert isinstance(source, Connection)
        with closing(connect(target)) as copy, copy.backup("main", source, "main") as backup:
            while not backup.done:
                backup.step(1000)
