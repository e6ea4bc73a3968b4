"""How a thread reads the store: a connection of its own, and the snapshot on it."""

from __future__ import annotations

import threading
from types import TracebackType

from sqlalchemy import Connection

from mailserver.store.engines import Engine, Reader


class _Reading:
    """A thread's snapshot, entered and left; the outermost block sets its moment."""

    __slots__ = ("_engine", "_reader", "depth")

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader: Reader | None = None
        self.depth = 0

    @property
    def reader(self) -> Reader:
        reader = self._reader
        if reader is None:
            reader = self._reader = self._engine.reader()
        return reader

    def __enter__(self) -> Connection:
        reader = self._reader or self.reader
        if self.depth == 0:
            reader.begin()
        self.depth += 1
        return reader.connection

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.depth -= 1
        if self.depth == 0:
            self.reader.end()


class _Glance:
    """A thread's connection, for one statement."""

    __slots__ = ("_reading",)

    def __init__(self, reading: _Reading) -> None:
        self._reading = reading

    def __enter__(self) -> Connection:
        reader = self._reading.reader
        reader.hold()
        return reader.connection

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reading.reader.let_go()


class OfThread(threading.local):
    """How this thread reads."""

    def __init__(self, engine: Engine) -> None:
        self.reading = _Reading(engine)
        # SQLite need not be told where one statement's snapshot begins.
        self.glance = _Glance(self.reading) if engine.name == "sqlite" else self.reading
