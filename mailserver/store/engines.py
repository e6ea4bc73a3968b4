"""What SQLite and PostgreSQL need that differs: pragmas, how a transaction begins, who may write at once.

Nothing else of the store knows which engine it runs on.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import psycopg
from sqlalchemy import Connection, create_engine, event
from sqlalchemy import Engine as SqlEngine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

# PostgreSQL: serialization_failure, deadlock_detected, unique_violation.  The last is two writers who make the same
# thing at once, say an account's first mailboxes; who comes second tries again and finds it made.
_CONFLICTS = {"40001", "40P01", "23505"}


class Reader(Protocol):
    """A connection that belongs to one thread, and the snapshot on it."""

    connection: Connection

    def begin(self) -> None: ...
    def end(self) -> None: ...


class Engine(Protocol):
    name: str
    concurrent_writers: int
    sql: SqlEngine
    # What the database says no with, through SQLAlchemy or directly.
    errors: tuple[type[Exception], ...]

    def reader(self) -> Reader: ...
    def writer(self) -> Connection: ...
    @contextmanager
    def write_lock(self) -> Iterator[None]: ...
    def begin(self, connection: Connection) -> None: ...
    def commit(self, connection: Connection) -> None: ...
    def rollback(self, connection: Connection) -> None: ...
    def is_conflict(self, fault: BaseException) -> bool: ...
    def checkpoint(self) -> None: ...
    def dispose(self) -> None: ...


def open_engine(url: str) -> Engine:
    """``sqlite:///path`` or ``postgresql+psycopg://…``"""
    backend = make_url(url).get_backend_name()
    if backend == "sqlite":
        return SqliteEngine(url)
    if backend == "postgresql":
        return PostgresEngine(url)
    raise ValueError(f"the store runs on SQLite and PostgreSQL, not {backend}")


class SqliteEngine:
    name = "sqlite"
    concurrent_writers = 1
    errors: tuple[type[Exception], ...] = (DBAPIError, sqlite3.Error)

    def __init__(self, url: str) -> None:
        self.path = Path(make_url(url).database or "")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # AUTOCOMMIT hands BEGIN and COMMIT to us; SQLAlchemy sends neither.
        self.sql = create_engine(
            url,
            isolation_level="AUTOCOMMIT",
            connect_args={"check_same_thread": False, "cached_statements": 512},
        )
        event.listen(self.sql, "connect", _prepare_sqlite)
        self._lock_path = self.path.with_name(self.path.name + ".lock")
        self._lock = threading.Lock()
        self._lock_file = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def reader(self) -> Reader:
        return _SqliteReader(self.sql.connect())

    def writer(self) -> Connection:
        return self.sql.connect()

    @contextmanager
    def write_lock(self) -> Iterator[None]:
        """Between processes by flock, between this process's own writers by a lock (flock is per open file)."""
        with self._lock:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._lock_file, fcntl.LOCK_UN)

    def begin(self, connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def commit(self, connection: Connection) -> None:
        connection.exec_driver_sql("COMMIT")

    def rollback(self, connection: Connection) -> None:
        # A full disk may have ended the transaction already.
        if _raw(connection).in_transaction:
            connection.exec_driver_sql("ROLLBACK")

    def is_conflict(self, fault: BaseException) -> bool:
        return False

    def checkpoint(self) -> None:
        with self.sql.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    def dispose(self) -> None:
        self.sql.dispose()
        if self._lock_file >= 0:
            os.close(self._lock_file)
            self._lock_file = -1


class _SqliteReader:
    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._execute = _raw(connection).execute

    def begin(self) -> None:
        self._execute("BEGIN")

    def end(self) -> None:
        self._execute("COMMIT")


def _raw(connection: Connection) -> Any:
    return connection.connection.driver_connection


def _prepare_sqlite(raw: Any, _record: Any) -> None:
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "busy_timeout=30000",
        "cache_size=-16000",  # KiB
        "temp_store=MEMORY",
        # Pages.  The housekeeper brings the log home all the time; a writer does it only when that is not enough.
        "wal_autocheckpoint=16000",
        "journal_size_limit=134217728",  # octets
    ):
        raw.execute(f"PRAGMA {pragma}")


class PostgresEngine:
    name = "postgresql"
    concurrent_writers = 4
    errors: tuple[type[Exception], ...] = (DBAPIError, psycopg.Error)

    def __init__(self, url: str) -> None:
        self.sql = create_engine(
            url, isolation_level="READ COMMITTED", pool_size=20, max_overflow=40, pool_pre_ping=True
        )
        self._readers = self.sql.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def reader(self) -> Reader:
        return _PostgresReader(self._readers)

    def writer(self) -> Connection:
        return self.sql.connect()

    @contextmanager
    def write_lock(self) -> Iterator[None]:
        yield

    def begin(self, connection: Connection) -> None:
        if not connection.in_transaction():
            connection.begin()

    def commit(self, connection: Connection) -> None:
        connection.commit()

    def rollback(self, connection: Connection) -> None:
        connection.rollback()

    def is_conflict(self, fault: BaseException) -> bool:
        return getattr(getattr(fault, "orig", fault), "sqlstate", None) in _CONFLICTS

    def checkpoint(self) -> None:
        """PostgreSQL's own background writer does it."""

    def dispose(self) -> None:
        self.sql.dispose()


class _PostgresReader:
    """Takes its connection from the pool for the length of a snapshot, so that no thread holds one while it rests."""

    connection: Connection

    def __init__(self, engine: SqlEngine) -> None:
        self._engine = engine

    def begin(self) -> None:
        self.connection = self._engine.connect()

    def end(self) -> None:
        self.connection.close()
