"""Questions to the directory that are compiled once and asked through the driver (``directory.database``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.engine.interfaces import Dialect


class Question:
    """A SELECT with named parameters, compiled once per engine and asked through the driver.

    The statement's types must need no conversion: text, integers, octets; truth values come back as the
    engine has them.
    """

    __slots__ = ("_compiled", "statement")

    def __init__(self, statement: Executable) -> None:
        self.statement = statement
        self._compiled: dict[str, tuple[str, tuple[str, ...], dict[str, Any], bool]] = {}

    def prepare(self, dialect: Dialect, values: Mapping[str, Any]) -> tuple[str, Any]:
        known = self._compiled.get(dialect.name)
        if known is None:
            compiled = self.statement.compile(dialect=dialect)  # type: ignore[attr-defined]
            order = compiled.positiontup
            names = tuple(compiled.params if order is None else order)
            literals = {name: value for name, value in compiled.params.items() if value is not None}
            known = self._compiled[dialect.name] = str(compiled), names, literals, order is not None
        sql, names, literals, positional = known
        if literals:
            values = {**literals, **values}
        if positional:
            return sql, tuple(map(values.get, names))
        return sql, {name: values.get(name) for name in names}
