"""PostgreSQL under the store: several writers at once, snapshots by REPEATABLE READ."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Connection, create_engine, event
from sqlalchemy import Engine as SqlEngine
from sqlalchemy.exc import DBAPIError

from mailserver.store import promises
from mailserver.store.engines import Reader

# serialization_failure, deadlock_detected, unique_violation.  The last is two writers who make the same thing at once,
# say an account's first mailboxes; who comes second tries again and finds it made.
_CONFLICTS = {"40001", "40P01", "23505"}
# Classes of errors after which the connection is gone: connection_exception, operator_intervention.
_LOST = ("08", "57P")
# What stands in ``continuity`` until a crash.
_MARK = "unbroken"


class PostgresEngine:
    name = "postgresql"
    concurrent_writers = 4
    errors: tuple[type[Exception], ...] = (DBAPIError, psycopg.Error)

    def __init__(self, url: str) -> None:
        self.sql = create_engine(
            url, isolation_level="READ COMMITTED", pool_size=20, max_overflow=40, pool_pre_ping=True
        )
        event.listen(self.sql, "connect", _take_up)
        self._readers = self.sql.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def reader(self) -> Reader:
        return _PostgresReader(self._readers)

    def writer(self) -> Connection:
        return self.sql.connect()

    @contextmanager
    def write_lock(self) -> Iterator[None]:
        yield

    def begin(self, connection: Connection, lasting: bool) -> None:
        if not connection.in_transaction():
            connection.begin()
        if not lasting:
            connection.exec_driver_sql("SET LOCAL synchronous_commit = off")

    def begin_at_once(self, connection: Connection) -> bool:
        return False  # a commit is a question to the server, and an answer

    def end_at_once(self) -> None:
        """None has begun."""

    def commit(self, connection: Connection) -> None:
        connection.commit()

    def rollback(self, connection: Connection) -> None:
        # Hot statements go past SQLAlchemy, which then has not heard that the server is gone.
        driver: Any = None if connection.invalidated else connection.connection.driver_connection
        if driver is not None and driver.closed:
            connection.invalidate()
        connection.rollback()

    def is_conflict(self, fault: BaseException) -> bool:
        return _sqlstate(fault) in _CONFLICTS

    def is_lost(self, fault: BaseException) -> bool:
        if not isinstance(getattr(fault, "orig", fault), psycopg.OperationalError):
            return False
        sqlstate = _sqlstate(fault)
        return sqlstate is None or sqlstate.startswith(_LOST)

    def sync(self) -> None:
        """PostgreSQL's own writer of the log does it, within three times ``wal_writer_delay``."""

    def checkpoint(self) -> None:
        """PostgreSQL's own background writer does it."""

    def rest(self, writer: Connection) -> None:
        """The caches are the server's."""

    def read_ahead(
        self,
        connection: Connection,
        mailbox_id: int,
        uids: tuple[int, int],
        tables: Collection[str],
        is_wanted: Callable[[], bool],
    ) -> None:
        """PostgreSQL does by itself."""

    def dispose(self) -> None:
        self.sql.dispose()


def _take_up(raw: Any, _record: Any) -> None:
    """A crash of the server ends all connections: the first that is made again takes up what was left."""
    if not promises.goes_on(raw, _MARK):
        raw.execute("LOCK TABLE continuity IN EXCLUSIVE MODE")
        promises.take_up(raw, _MARK)
    raw.commit()


def _sqlstate(fault: BaseException) -> str | None:
    sqlstate: str | None = getattr(getattr(fault, "orig", fault), "sqlstate", None)
    return sqlstate


class _PostgresReader:
    """Takes its connection from the pool for the length of a snapshot, so that no thread holds one while it rests."""

    connection: Connection

    def __init__(self, engine: SqlEngine) -> None:
        self._engine = engine

    def begin(self) -> None:
        self.connection = self._engine.connect()

    def end(self) -> None:
        self.connection.close()

    def hold(self) -> None:
        """A snapshot is all there is here."""
        self.begin()

    def let_go(self) -> None:
        self.end()
