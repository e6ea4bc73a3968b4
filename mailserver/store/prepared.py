"""Statements for the hot paths: compiled once for each engine, then handed to the driver as they are.

Building and caching a statement and its result costs SQLAlchemy some 100 µs, five times what SQLite takes to run it;
an append has five statements and a push three.  Everything that is not asked a thousand times a second goes through
``Connection.execute`` as usual.

Limits: values and columns must need no conversion (numbers, text, octets; truth values come back as the engine keeps
them).  Errors are the driver's own; ``engines.Engine.errors`` names them.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Executable, Table, bindparam, insert, literal_column, update

from directory.database import Question

# For ``func.aggregate_strings``, which would write a separator of its own into the statement at every call.
SPACE: Any = literal_column("' '")


def _row_type(columns: tuple[str, ...]) -> Callable[[Iterable[Any]], Any]:
    row: Any = namedtuple("Row", columns)  # type: ignore[misc]
    make: Callable[[Iterable[Any]], Any] = row._make
    return make


class Prepared:
    """One statement.  ``columns`` names the fields of its rows where callers want them by name."""

    __slots__ = ("_make", "_question")

    def __init__(self, statement: Executable, columns: Sequence[str] = ()) -> None:
        self._question = Question(statement)
        self._make: Callable[[Iterable[Any]], Any] | None = _row_type(tuple(columns)) if columns else None

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> list[Any]:
        """All rows."""
        found = self.tuples(connection, values)
        return found if self._make is None else list(map(self._make, found))

    def tuples(self, connection: Connection, values: Mapping[str, Any]) -> list[Any]:
        """All rows as the driver gives them, without names: for very many."""
        cursor = self._execute(connection, values)
        found: list[Any] = cursor.fetchall()
        cursor.close()
        return found

    def each(self, connection: Connection, values: Mapping[str, Any]) -> Iterator[Any]:
        """Rows one after the other, for who may not want all; to be closed then."""
        cursor = self._execute(connection, values)
        try:
            yield from cursor if self._make is None else map(self._make, cursor)
        finally:
            cursor.close()

    def row(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """The first row, None if there is none."""
        cursor = self._execute(connection, values)
        found = cursor.fetchone()
        cursor.close()
        return found if self._make is None or found is None else self._make(found)

    def run(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """How many rows it changed."""
        cursor = self._execute(connection, values)
        changed: int = cursor.rowcount
        cursor.close()
        return changed

    def run_many(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        parameters = []
        for values in rows:
            sql, positional = self._question.prepare(connection.dialect, values)
            parameters.append(positional)
        if parameters:
            driver: Any = connection.connection.dbapi_connection
            cursor = driver.cursor()
            cursor.executemany(sql, parameters)
            cursor.close()

    def _execute(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        sql, parameters = self._question.prepare(connection.dialect, values)
        driver: Any = connection.connection.dbapi_connection
        return driver.execute(sql, parameters)


class _Many:
    """One statement for many rows, which are tuples in the order of its names: of a thousand, naming values costs as
    much as writing them."""

    __slots__ = ("_names", "_question")

    def __init__(self, statement: Executable, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._question = Question(statement)

    def _run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        if not rows:
            return
        sql, parameters = self._question.prepare(connection.dialect, {})
        named = isinstance(parameters, dict)
        cursor = connection.connection.cursor()
        cursor.executemany(sql, [dict(zip(self._names, row, strict=True)) for row in rows] if named else rows)
        cursor.close()


class Rows(_Many):
    """New rows of one table, values in the order of its columns."""

    __slots__ = ()

    def __init__(self, table: Table) -> None:
        super().__init__(insert(table), [column.name for column in table.columns])

    def add(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        self._run(connection, rows)


class Changes(_Many):
    """Other values in columns of rows that there are, the row's key behind them."""

    __slots__ = ()

    def __init__(self, columns: Sequence[Column[Any]], key: Column[Any]) -> None:
        names = [f"new_{column.name}" for column in columns]
        values: dict[Any, Any] = {column: bindparam(name) for column, name in zip(columns, names, strict=True)}
        super().__init__(update(key.table).where(key == bindparam("key")).values(values), [*names, "key"])

    def make(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        self._run(connection, rows)
