"""The engines that the directory runs on, set up as it needs them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url

from directory.sqlite_driver import through_driver
from directory.sqlite_log import use_log


def create_directory_engine(url: str) -> Engine:
    """``sqlite:///path`` or ``postgresql+psycopg://…``; pool and pragmas are set here only."""
    backend = make_url(url).get_backend_name()
    if backend == "sqlite":
        # AUTOCOMMIT leaves BEGIN and COMMIT to us
        engine = create_engine(
            through_driver(url),
            isolation_level="AUTOCOMMIT",
            max_overflow=-1,  # every thread that has read keeps its connection: there are as many as threads
            # each connection keeps so many statements ready; a process that serves everything has more than 128
            connect_args={"cached_statements": 512},
        )
        event.listen(engine, "connect", _prepare_sqlite)
        return engine
    if backend == "postgresql":
        return create_engine(
            url,
            isolation_level="READ COMMITTED",
            pool_size=10,
            max_overflow=40,
            pool_pre_ping=True,
            # a search path of one schema, so that a table of the same name elsewhere is never taken for ours
            connect_args={"options": "-csearch_path=directory"},
        )
    raise ValueError(f"the directory runs on SQLite and PostgreSQL, not {backend}")


def _prepare_sqlite(raw: Any, _record: Any) -> None:
    use_log(raw)
    for pragma in (
        "synchronous=FULL",
        "foreign_keys=ON",
        "busy_timeout=30000",
        "cache_size=-4000",  # KiB for each connection, and each thread has one
        "mmap_size=1073741824",  # octets, shared by all of them through the system's cache
        "temp_store=MEMORY",
        "wal_autocheckpoint=4000",  # pages
        "journal_size_limit=67108864",  # octets
    ):
        raw.execute(f"PRAGMA {pragma}").close()
