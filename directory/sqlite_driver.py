"""SQLite as the city's databases use it: through APSW, which brings SQLite along.

APSW hands over rows in less time than the standard library's module, and has the newest SQLite whatever the system has:
among its repairs one of a race between a checkpoint and a writer of another process, which could ruin a database in WAL
mode (SQLite 3.51.3), and that is how ours live.  A file is opened through this module alone: two copies of SQLite in
one process would take each other's locks away.

APSW shows SQLite as it is.  SQLAlchemy and the hot paths want a little of PEP 249 besides, which is here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import URL, make_url

# PEP 249, as far as SQLAlchemy asks for it
apilevel, threadsafety, paramstyle = "2.0", 3, "qmark"
sqlite_version_info = tuple(map(int, apsw.sqlite_lib_version().split(".")))
Error = apsw.Error
Binary = memoryview


class Cursor(apsw.Cursor):
    """``columns`` and ``changed`` are noted of what SQLAlchemy runs (``Dialect``)."""

    __slots__ = ("changed", "columns")

    columns: list[tuple[Any, ...]]
    changed: int
    arraysize = 1

    @property
    def rowcount(self) -> int:
        """How many rows were changed, by the last change on this connection or, of many, by all together."""
        return getattr(self, "changed", self.connection.changes())

    @property
    def lastrowid(self) -> int:
        return self.connection.last_insert_rowid()

    @property
    def description(self) -> Any:  # type: ignore[override]
        """The columns, None where a statement gives none."""
        return getattr(self, "columns", None) or None

    def fetchmany(self, size: int = 1) -> list[Any]:
        found: list[Any] = []
        while len(found) < size and (row := self.fetchone()) is not None:
            found.append(row)
        return found


class Connection(apsw.Connection):
    """In autocommit: BEGIN and COMMIT are ours to say."""

    isolation_level: None  # SQLAlchemy sets it to the only one there is

    def __init__(self, path: str, *, patience: float, statements: int) -> None:
        super().__init__(path, statementcachesize=statements)
        self.cursor_factory = Cursor
        self.set_busy_timeout(int(patience * 1000))
        # A plan is made once for a statement, not anew for each value: that takes longer than most of ours run.
        self.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)

    def commit(self) -> None:
        if self.in_transaction:
            self.execute("COMMIT")

    def rollback(self) -> None:
        if self.in_transaction:
            self.execute("ROLLBACK")

    def create_function(self, name: str, count: int, function: Callable[..., Any], *, deterministic: bool) -> None:
        self.create_scalar_function(name, function, count, deterministic=deterministic)


def connect(path: str | Path, timeout: float = 5.0, cached_statements: int = 128, **_: Any) -> Connection:
    """Open a file, and make it if need be.  ``timeout``: seconds that a lock is waited for; what else SQLAlchemy says
    does not concern this driver."""
    return Connection(str(path), patience=timeout, statements=cached_statements)


class Dialect(SQLiteDialect_pysqlite):
    """SQLAlchemy's SQLite dialect on this driver."""

    driver = "apsw"
    supports_statement_cache = True
    # What SQLAlchemy is to raise, by the name of APSW's error.
    dbapi_exception_translation_map = {  # noqa: RUF012 -- the base class has it so
        "ConstraintError": "IntegrityError",
        "MismatchError": "IntegrityError",
        "TooBigError": "DataError",
        **dict.fromkeys(("CorruptError", "NotADBError", "FormatError"), "DatabaseError"),
        **dict.fromkeys(("InternalError", "NotFoundError"), "InternalError"),
        **dict.fromkeys(("MisuseError", "RangeError", "ThreadingViolationError", "BindingsError"), "ProgrammingError"),
        "Error": "OperationalError",  # the base of all: full, busy, locked, read-only, no such table …
    }

    @classmethod
    def import_dbapi(cls) -> Any:
        import directory.sqlite_driver as driver

        return driver

    def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        # A statement that found no row is over once it has run, and then tells no more of its columns.
        cursor.exec_trace = _note_columns
        cursor.execute(statement, parameters)

    def do_executemany(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        if context is not None and context.isinsert:
            cursor.executemany(statement, parameters)
            return
        changed = 0
        for each in parameters:
            cursor.execute(statement, each)
            changed += cursor.connection.changes()
        cursor.changed = changed

    def do_execute_no_params(self, cursor: Any, statement: str, context: Any = None) -> None:
        self.do_execute(cursor, statement, (), context)

    def is_disconnect(self, fault: Any, connection: Any, cursor: Any) -> bool:
        return False


def _note_columns(cursor: Cursor, sql: str, bindings: Any) -> bool:
    cursor.columns = [(name, kind, None, None, None, None, None) for name, kind in cursor.get_description()]
    return True


registry.register("sqlite.apsw", "directory.sqlite_driver", "Dialect")


def through_driver(url: str | URL) -> URL:
    """An address ``sqlite:///path`` for an engine on this driver."""
    return make_url(url).set(drivername="sqlite+apsw")
