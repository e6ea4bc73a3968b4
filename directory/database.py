"""The directory's database: cheap snapshots to read, one writer at a time, and what may be remembered between
changes.

``with directory.read() as conn`` gives a ``Reading``: a snapshot on a connection that belongs to the calling
thread. Entering costs about a microsecond, for the snapshot begins only with the first question; a question
asked through ``conn.rows``/``conn.row`` is compiled once and goes to the driver directly, five times as fast
as through SQLAlchemy.

``with directory.write() as conn`` gives a ``Writing``: one transaction, committed at the end of the block,
rolled back if the block raises.  Writers queue, in the process on a lock, between processes on the database.

``conn.memory`` holds what was looked up before.  It is dropped with every change made in this process at
once, with changes made by others within ``notice_within`` seconds (the version row is read again then), and
after a minute in any case, because some answers depend on the date.  ``conn.estimate`` keeps for a minute what may be
out of date.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from types import TracebackType
from typing import Any, TypeVar

from sqlalchemy import (
    Connection,
    CursorResult,
    Executable,
    Table,
    select,
    text,
    update,
)
from sqlalchemy.sql.dml import UpdateBase

from directory import tables
from directory.engines import create_directory_engine
from directory.faults import Refused
from directory.identifiers import new_id
from directory.memory import LIFETIME, Estimates, Memory
from directory.questions import Question as Question

T = TypeVar("T")

# Vietnam has one time zone and no daylight saving; dates of appointments are dates there.
CITY_TIME = timezone(timedelta(hours=7))

# Tables whose changes no cache depends on.
_QUIET = {
    table.name
    for table in (
        tables.web_session,
        tables.audit_record,
        tables.app_password_use,
        *(tables.certificate, tables.certificate_address, tables.private_key, tables.account_key),
        *(tables.key_pair, tables.escrowed_key),
        *(tables.issuer_crl, tables.fetched_crl),
        tables.preference,
        tables.recovery_code,
        tables.second_factor_use,
        *(tables.security_key_use, tables.security_key_challenge),
        tables.identity,
        tables.label,
        tables.letter_template,
        *(tables.contact, tables.contact_group),
    )
}
# Answers for what is done on the machine without an administrator (directory.administration.authority).
OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Second:
    """Who lets the administrator do what he asked for, by being here when it is done
    (``directory.administration.approvals``).
    """

    request_id: str
    operation: str
    subject: str
    account_id: str  # or OWNER
    name: str  # as the audit record names him


# Any number that no other program is likely to use as an advisory lock (PostgreSQL).
_WRITE_LOCK = 0x636974796D61696C & 0x7FFFFFFF


class _Conversation:
    """What reading and writing have in common: asking."""

    memory: Memory
    _directory: Directory

    def _raw(self) -> Any:
        raise NotImplementedError

    def _open(self) -> Connection:
        raise NotImplementedError

    @property
    def administrator(self) -> str:  # who answers for what is done (directory.administration.authority)
        return self._directory.administrator

    @property
    def is_delegated(self) -> bool:
        """Whether it is one whose rights have bounds."""
        return self.administrator not in ("", OWNER)

    @property
    def second(self) -> Second | None:
        return self._directory.second

    @property
    def now(self) -> int:
        """Epoch seconds."""
        return int(self._directory.clock())

    @property
    def today(self) -> str:
        """The city's date, ISO."""
        return datetime.fromtimestamp(self._directory.clock(), CITY_TIME).date().isoformat()

    def estimate(self, key: Any, make: Callable[[], T]) -> T:
        """What is dear to count and may be a minute old: how common a word is, how many work where."""
        return self._directory.estimates.recall(key, make)

    def new_id(self) -> str:
        return new_id(self._directory.clock(), self._directory.random_bits)

    def new_token(self) -> str:
        """256 random bits for a secret that only its holder keeps."""
        return f"{self._directory.random_bits(256):064x}"

    def rows(self, question: Question, **values: Any) -> list[tuple[Any, ...]]:
        raw = self._raw()
        sql, parameters = question.prepare(self._directory.engine.dialect, values)
        cursor = raw.cursor()
        try:
            cursor.execute(sql, parameters)
            return cursor.fetchall()  # type: ignore[no-any-return]
        finally:
            cursor.close()

    def row(self, question: Question, **values: Any) -> tuple[Any, ...] | None:
        found = self.rows(question, **values)
        return found[0] if found else None

    def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        return self._open().execute(statement, parameters)


class Reading(_Conversation):
    """A thread's snapshot.  Blocks of one thread may nest; the outermost sets the moment."""

    __slots__ = ("_connection", "_depth", "_directory", "_driver", "memory")

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._connection: Connection | None = None
        self._driver: Any = None
        self._depth = 0
        self.memory = directory.memory

    def __enter__(self) -> Reading:
        if self._depth == 0:
            self._depth = 1
            try:
                self.memory = self._directory.recall(self)
            except BaseException:
                self._leave()
                raise
        else:
            self._depth += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._depth == 1:
            self._leave()
        else:
            self._depth -= 1

    def forget(self) -> None:
        """From here on everything is looked up in the snapshot, for what must not be a second old."""
        self.memory = Memory(-1, 0.0)

    def _leave(self) -> None:
        self._depth = 0
        if self._driver is None:
            return
        if self._directory.is_sqlite:
            self._driver.rollback()
            self._driver = None
        else:
            # back to the pool, which rolls back: no thread holds a server connection while it rests
            assert self._connection is not None
            self._driver = None
            self._connection.close()
            self._connection = None

    def _raw(self) -> Any:
        if self._driver is None:
            if self._depth == 0:
                raise RuntimeError("asked outside of the with-block")
            if self._connection is None:
                self._connection = self._directory.connect_reader()
            driver = self._connection.connection.driver_connection
            assert driver is not None
            if self._directory.is_sqlite:
                driver.execute("BEGIN")
            self._driver = driver
        return self._driver

    def _open(self) -> Connection:
        self._raw()
        assert self._connection is not None
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __del__(self) -> None:
        # the thread has ended; at the end of the process the pool may be gone before us
        with suppress(Exception):
            self.close()


class Writing(_Conversation):
    """The one writing transaction.  It reads what it has written.

    ``origin`` and ``reason`` go into the audit record of whatever is changed in it, ``command`` into a request for
    approval.  Once the administrator is ``refused`` something (``directory.administration.authority``), nothing of it
    is kept.
    """

    def __init__(
        self,
        directory: Directory,
        connection: Connection,
        origin: str = "",
        reason: str = "",
        command: tuple[str, ...] = (),
        administrator: str = "",
    ) -> None:
        self._administrator = administrator
        self._directory = directory
        self.connection = connection
        self.origin = origin
        self.reason = reason
        self.command = command
        self.memory = Memory(-1, 0.0)
        self.changed = False
        self.is_settled = False
        self.is_recorded = False
        self.refused: Refused | None = None

    @property
    def administrator(self) -> str:
        return self._administrator or self._directory.administrator

    def before(self) -> Reading:
        """The directory as it was before this transaction."""
        return self._directory.read()

    def _raw(self) -> Any:
        return self.connection.connection.driver_connection

    def _open(self) -> Connection:
        return self.connection

    def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        if isinstance(statement, UpdateBase):
            table = statement.table
            if not isinstance(table, Table):
                self.changed = True
                self.memory.clear()
            elif table.name not in _QUIET:
                self.changed = True
                self.memory.forget(table.name)
        return self.connection.execute(statement, parameters)


class Directory:
    """The staff directory behind one database URL."""

    def __init__(
        self,
        url: str,
        *,
        clock: Callable[[], float],
        random_bits: Callable[[int], int],
        monotonic: Callable[[], float],
        notice_within: float,
    ) -> None:
        self.url = url
        self.clock = clock
        self.random_bits = random_bits
        self._monotonic = monotonic
        self._notice_within = notice_within
        self.engine = create_directory_engine(url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self.administrator = ""  # who answers for what is written here (directory.administration.authority)
        self.second: Second | None = None
        self._readers = (
            self.engine
            if self.is_sqlite
            else self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        )
        self._local = threading.local()
        self._write_lock = threading.Lock()
        self._writer_thread: int | None = None
        self._writer: Connection | None = None
        self.memory = Memory(-1, monotonic())
        self._checked = float("-inf")
        self.estimates = Estimates(monotonic)

    # Reading

    def read(self) -> Reading:
        reading: Reading | None = getattr(self._local, "reading", None)
        if reading is None:
            reading = self._local.reading = Reading(self)
        return reading

    def connect_reader(self) -> Connection:
        return self._readers.connect()

    def recall(self, reading: Reading) -> Memory:
        """The memory that fits the snapshot which ``reading`` is about to begin."""
        now = self._monotonic()
        memory = self.memory
        if now - self._checked < self._notice_within:
            return memory
        self._checked = now
        found = reading.row(_VERSION)
        version = int(found[0]) if found else 0
        if version < memory.version:
            return Memory(version, now)  # this snapshot is older than a change just made here
        if version > memory.version or now - memory.born > LIFETIME:
            self.memory = memory = Memory(version, now)
        return memory

    # Writing

    @contextmanager
    def write(
        self, *, origin: str = "", reason: str = "", command: tuple[str, ...] = (), administrator: str = ""
    ) -> Iterator[Writing]:
        """``origin``: from where it is done, a client's address or a terminal; ``reason``: why; ``command``: the words
        that do it again, where they hold no secret; ``administrator``: who answers for it, if not the directory's.
        """
        refused: Refused | None = None
        try:
            with self._transaction(origin, reason, command, administrator) as writing:
                try:
                    yield writing
                finally:
                    refused = writing.refused
                if refused is not None:  # and the caller went on
                    raise refused
                if writing.is_delegated and writing.changed and not (writing.is_recorded or writing.is_settled):
                    raise RuntimeError("a change that was not recorded, and so not judged")
        finally:
            if refused is not None:
                with self._transaction(origin, reason, administrator=administrator) as writing:
                    writing.is_settled = True
                    refused.note(writing)

    @contextmanager
    def _transaction(
        self, origin: str, reason: str, command: tuple[str, ...] = (), administrator: str = ""
    ) -> Iterator[Writing]:
        if self._writer_thread == threading.get_ident():
            raise RuntimeError("write() inside write()")
        with self._write_lock:
            self._writer_thread = threading.get_ident()
            connection = self._writing_connection()
            try:
                self._begin(connection)
                writing = Writing(self, connection, origin, reason, command, administrator)
                try:
                    yield writing
                    if writing.changed:
                        version = connection.execute(_GROW).scalar_one()
                    self._commit(connection)
                except BaseException:
                    self._rollback(connection)
                    raise
                if writing.changed:
                    self.memory = Memory(int(version), self._monotonic())
            finally:
                self._writer_thread = None
                if connection is not self._writer:
                    connection.close()

    def _writing_connection(self) -> Connection:
        """SQLite: one that stays, with a cache large enough for imports; else one of the pool."""
        if not self.is_sqlite:
            return self.engine.connect()
        if self._writer is None:
            self._writer = self.engine.connect()
            self._writer.exec_driver_sql("PRAGMA cache_size=-65536")
        return self._writer

    def _begin(self, connection: Connection) -> None:
        if self.is_sqlite:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            # writers of all processes one after the other, as on SQLite; released at the end of the
            # transaction
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITE_LOCK})

    def _commit(self, connection: Connection) -> None:
        if self.is_sqlite:
            connection.exec_driver_sql("COMMIT")
        else:
            connection.commit()

    def _rollback(self, connection: Connection) -> None:
        if not self.is_sqlite:
            connection.rollback()
        elif connection.connection.driver_connection.in_transaction:  # type: ignore[union-attr]
            # a full disk may have ended the transaction already
            connection.exec_driver_sql("ROLLBACK")

    def check_consistency(self) -> list[str]:
        """What is wrong, one line each; nothing if all is well."""
        # read late: the checks import this module
        from directory.consistency import problems

        with self.read() as conn:
            return list(problems(conn))

    def close(self) -> None:
        """Of the calling thread; other threads' connections close when they end."""
        reading: Reading | None = getattr(self._local, "reading", None)
        if reading is not None:
            reading.close()
            del self._local.reading
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self.engine.dispose()


_VERSION = Question(select(tables.state.c.version).where(tables.state.c.id == 1))
_GROW = (
    update(tables.state)
    .where(tables.state.c.id == 1)
    .values(version=tables.state.c.version + 1)
    .returning(tables.state.c.version)
)


def migrate(url: str) -> None:
    """Bring the database behind ``url`` to the present schema.  Several processes may call it at once."""
    # read late: the migrations import this module
    from directory.migrations import upgrade

    upgrade(url)


def open_directory(
    url: str,
    *,
    clock: Callable[[], float] = time.time,
    random_bits: Callable[[int], int] | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    notice_within: float = 0.5,
) -> Directory:
    """Migrate if need be, then open."""
    migrate(url)
    return Directory(
        url,
        clock=clock,
        random_bits=random_bits or secrets.randbits,
        monotonic=monotonic,
        notice_within=notice_within,
    )
