"""What SQLite and PostgreSQL need that differs: pragmas, how a transaction begins, who may write at once.

Nothing else of the store knows which engine it runs on.  Only the one in use is imported: the driver of the other
would cost every process some megabytes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Protocol

from sqlalchemy import Connection
from sqlalchemy import Engine as SqlEngine
from sqlalchemy.engine import make_url


class Reader(Protocol):
    """A connection that belongs to one thread, and the snapshot on it."""

    connection: Connection

    def begin(self) -> None: ...
    def end(self) -> None: ...
    def hold(self) -> object:
        """Before one statement without a snapshot of its own making: nobody else touches the connection meanwhile."""

    def let_go(self) -> object: ...


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
    def begin(self, connection: Connection, lasting: bool) -> None:
        """``lasting``: the commit is to be on disk when it returns."""

    def begin_at_once(self, connection: Connection) -> bool:
        """Begin what need not be on disk, and keep all others off, if that takes no waiting and the commit will take
        none; whether it has begun."""

    def end_at_once(self) -> None:
        """After the commit, or the rollback: let others write."""

    def commit(self, connection: Connection) -> None: ...
    def rollback(self, connection: Connection) -> None: ...
    def is_conflict(self, fault: BaseException) -> bool:
        """Whether the transaction was ended in favour of another, and may succeed when tried again."""

    def is_lost(self, fault: BaseException) -> bool:
        """Whether the server is gone, and nobody knows what became of a commit on its way."""

    def sync(self) -> None:
        """Have on disk what was committed before; where the engine does so by itself within a second, nothing."""

    def checkpoint(self) -> None: ...
    def rest(self, writer: Connection) -> None:
        """Nothing has been written for a while: give back the memory that only work needs."""

    def read_ahead(
        self,
        connection: Connection,
        mailbox_id: int,
        uids: tuple[int, int],
        tables: Collection[str],
        is_wanted: Callable[[], bool],
    ) -> None:
        """Placements of a mailbox from one UID to another will be read, and their rows of these tables, ``message``
        or ``message_octets``; ``is_wanted`` says, on any thread, whether the reader is still there."""

    def dispose(self) -> None: ...


def open_engine(url: str) -> Engine:
    """``sqlite:///path`` or ``postgresql+psycopg://…``"""
    backend = make_url(url).get_backend_name()
    if backend == "sqlite":
        from mailserver.store.sqlite import SqliteEngine

        return SqliteEngine(url)
    if backend == "postgresql":
        from mailserver.store.postgres import PostgresEngine

        return PostgresEngine(url)
    raise ValueError(f"the store runs on SQLite and PostgreSQL, not {backend}")
