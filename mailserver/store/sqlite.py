"""SQLite under the store: WAL, commits synced unless they need not be, writers of all processes in one queue.

A commit that is not synced is in the log, and so are all before it: the next sync of the log, whoever asks for it, has
them all on disk, and a power cut before it takes the last of them and never one from their middle.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import secrets
import threading
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from apsw import Error
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from directory.sqlite_driver import through_driver
from directory.sqlite_log import use_log
from mailserver.store import promises
from mailserver.store.engines import Reader
from mailserver.store.read_ahead import ReadAhead

_ENDS = (
    "SELECT message_id FROM placement WHERE mailbox_id = ? AND uid >= ? ORDER BY uid LIMIT 1",
    "SELECT message_id FROM placement WHERE mailbox_id = ? AND uid <= ? ORDER BY uid DESC LIMIT 1",
)


# Of a commit: on disk when it returns, or only written.  The housekeeper brings the log home all the time; a commit
# that waits anyhow does so when that is not enough.
_SYNCED, _UNSYNCED = "PRAGMA synchronous=FULL", "PRAGMA synchronous=NORMAL"
_LONGEST_LOG = 16_000  # pages
# Milliseconds that a lock is waited for which somebody has who knows nothing of ours.
_PATIENCE = 30_000
# Octets at the beginning of the log that are kept in memory.
_WARM = 4 << 20


class SqliteEngine:
    name = "sqlite"
    concurrent_writers = 1
    errors: tuple[type[Exception], ...] = (DBAPIError, Error)

    def __init__(self, url: str) -> None:
        self.path = Path(make_url(url).database or "")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # AUTOCOMMIT hands BEGIN and COMMIT to us; SQLAlchemy sends neither.
        self.sql = create_engine(
            through_driver(url),
            isolation_level="AUTOCOMMIT",
            connect_args={"cached_statements": 512},
            # Each thread keeps its connection: a pool would only bound how many threads may read.
            poolclass=NullPool,
        )
        event.listen(self.sql, "connect", _prepare_sqlite)
        event.listen(self.sql, "connect", self._take_up)
        self._goes_on = False
        # Whether the writer's connection syncs at a commit, and waits for locks.
        self._syncs = self._is_patient = True
        self._lock_path = self.path.with_name(self.path.name + ".lock")
        self._lock = threading.Lock()
        self._lock_file = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._readers: weakref.WeakSet[_SqliteReader] = weakref.WeakSet()
        # Who brings the log home, and the version of the database that he had brought home last.
        self._tender: Connection | None = None
        self._tended: int | None = None
        self._ahead: ReadAhead | None = None
        self._lock_ahead = threading.Lock()

    def reader(self) -> Reader:
        connection = self.sql.connect()
        connection.exec_driver_sql("PRAGMA query_only=ON")
        reader = _SqliteReader(connection)
        self._readers.add(reader)
        return reader

    def writer(self) -> Connection:
        connection = self.sql.connect()
        connection.exec_driver_sql("PRAGMA cache_size=-16000")
        self._syncs = self._is_patient = True
        return connection

    @contextmanager
    def write_lock(self) -> Iterator[None]:
        """Between processes by flock, between this process's own writers by a lock (flock is per open file)."""
        with self._lock:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._lock_file, fcntl.LOCK_UN)

    def _take_up(self, raw: Any, _record: Any) -> None:
        """Before this process's first look."""
        mark = "" if self._goes_on else boot_mark()
        if mark and not promises.goes_on(raw, mark):
            with self.write_lock():
                raw.execute("BEGIN IMMEDIATE")
                promises.take_up(raw, mark)
                raw.execute("COMMIT")
        self._goes_on = True

    def begin(self, connection: Connection, lasting: bool, *, is_patient: bool = True) -> None:
        raw = _raw(connection)
        if lasting != self._syncs:
            self._syncs = False  # until it does: what is to be on disk must not be believed to be
            raw.execute(_SYNCED if lasting else _UNSYNCED)
            raw.wal_autocheckpoint(_LONGEST_LOG if lasting else 0)
            self._syncs = lasting
        if is_patient != self._is_patient:
            raw.set_busy_timeout(_PATIENCE if is_patient else 0)
            self._is_patient = is_patient
        raw.execute("BEGIN IMMEDIATE")

    def begin_at_once(self, connection: Connection) -> bool:
        if not self._lock.acquire(blocking=False):
            return False
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.release()
            return False
        try:
            self.begin(connection, lasting=False, is_patient=False)
        except BaseException as fault:
            self.end_at_once()  # whatever it was, nobody else is to wait for it
            if isinstance(fault, Error):
                return False
            raise
        return True

    def end_at_once(self) -> None:
        fcntl.flock(self._lock_file, fcntl.LOCK_UN)
        self._lock.release()

    def commit(self, connection: Connection) -> None:
        _raw(connection).execute("COMMIT")

    def rollback(self, connection: Connection) -> None:
        # A full disk may have ended the transaction already.
        raw = _raw(connection)
        if raw.in_transaction:
            raw.execute("ROLLBACK")

    def is_conflict(self, fault: BaseException) -> bool:
        return False

    def sync(self) -> None:
        log = os.open(f"{self.path}-wal", os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fdatasync(log)
        finally:
            os.close(log)  # a file that SQLite takes no lock on, or closing it would give that up

    def checkpoint(self) -> None:
        if self._tender is None:
            self._tender = self.sql.connect()
            _raw(self._tender).execute(_UNSYNCED)
            _raw(self._tender).wal_autocheckpoint(0)
        raw = _raw(self._tender)
        (version,) = raw.execute("PRAGMA data_version").fetchone()
        if version == self._tended:  # nobody else has written since the log began
            self._warm_log()
            return
        _, frames, home = raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if 0 < frames == home:
            self._warm_log()
            self._begin_log(raw)
            self._tended = version

    def _begin_log(self, raw: Any) -> None:
        """The first commit after the log has come home writes a new head, and waits for the disk to have it, however
        little it is itself.  So it is ours: nobody who changes a flag waits."""
        with self.write_lock():
            raw.execute("BEGIN IMMEDIATE")
            raw.execute("UPDATE continuity SET mark = mark")
            raw.execute("COMMIT")

    def _warm_log(self) -> None:
        """The log is written anew in the middle of pages that the system must read first, one by one, if it has dropped
        them from memory: it may as well have them now, when nobody waits, and keep them."""
        log = os.open(f"{self.path}-wal", os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.posix_fadvise(log, 0, _WARM, os.POSIX_FADV_WILLNEED)
        finally:
            os.close(log)  # as above

    def is_lost(self, fault: BaseException) -> bool:
        return False

    def rest(self, writer: Connection) -> None:
        """Page caches of a busy hour are megabytes for each thread, and the system's own cache is behind them."""
        _raw(writer).execute("PRAGMA shrink_memory").close()
        for reader in list(self._readers):
            reader.shrink()
        _trim_heap()

    def read_ahead(
        self,
        connection: Connection,
        mailbox_id: int,
        uids: tuple[int, int],
        tables: Collection[str],
        is_wanted: Callable[[], bool],
    ) -> None:
        raw = _raw(connection)
        with self._lock_ahead:
            ahead = self._ahead = self._ahead or ReadAhead(self.path)
        roots = dict(raw.execute("SELECT name, rootpage FROM sqlite_schema WHERE type = 'table'"))
        ahead.ask(roots["placement"], (mailbox_id, uids[0]), (mailbox_id, uids[1]))
        ends = [row[0] for sql, uid in zip(_ENDS, uids, strict=True) for row in raw.execute(sql, (mailbox_id, uid))]
        if tables and len(ends) == 2:
            low, high, count = min(ends), max(ends), uids[1] - uids[0] + 1
            # Messages that came one after the other; of those strewn among others' too much would be read.
            if high - low < 2 * count:
                ahead.ask_later(lambda: _ask(ahead, {name: roots[name] for name in tables}, low, high, is_wanted))

    def dispose(self) -> None:
        for reader in list(self._readers):
            reader.connection.close()
        if self._tender is not None:
            self._tender.close()
            self._tender = None
        self.sql.dispose()
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None
        if self._lock_file >= 0:
            os.close(self._lock_file)
            self._lock_file = -1


def _ask(ahead: ReadAhead, roots: Mapping[str, int], low: int, high: int, is_wanted: Callable[[], bool]) -> None:
    """For the rows of messages: first for what is wanted now of all tables, then for what lies between, since who lists
    them will read their headers and bodies.  Once he has gone, reading would only be felt by those who are there."""
    stretches = [
        (ahead.find if name == "message_octets" else ahead.ask)(root, (low,), (high,)) for name, root in roots.items()
    ]
    for stretch in stretches:
        ahead.ask_all(stretch, is_wanted)


class _SqliteReader:
    """A connection is one thread's; whoever shrinks it meanwhile does so between two snapshots."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._execute = _raw(connection).execute
        self._lock = threading.RLock()
        self.hold: Callable[[], object] = self._lock.acquire
        self.let_go: Callable[[], object] = self._lock.release

    def begin(self) -> None:
        self.hold()
        try:
            self._execute("BEGIN")
        except BaseException:
            self.let_go()
            raise

    def end(self) -> None:
        try:
            self._execute("COMMIT")
        finally:
            self.let_go()

    def shrink(self) -> None:
        """On any thread."""
        if self._lock.acquire(blocking=False):
            try:
                self._execute("PRAGMA shrink_memory").close()
            finally:
                self._lock.release()


def _trim_heap() -> None:
    """Have glibc give free pages back that lie between used ones; other systems do so by themselves, or not at all."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _raw(connection: Connection) -> Any:
    return connection.connection.dbapi_connection


def boot_mark() -> str:
    """What is another after a power cut: written and not synced is lost with the system, and only with it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return secrets.token_hex()  # nobody knows: as if there had been one


def _prepare_sqlite(raw: Any, _record: Any) -> None:
    use_log(raw)
    raw.wal_autocheckpoint(_LONGEST_LOG)
    raw.set_busy_timeout(_PATIENCE)
    for pragma in (
        _SYNCED,
        "PRAGMA foreign_keys=ON",
        # KiB for each connection, and each thread has one; the system's page cache is behind it.
        "PRAGMA cache_size=-1000",
        "PRAGMA temp_store=MEMORY",
        "PRAGMA journal_size_limit=134217728",  # octets
    ):
        raw.execute(pragma)
