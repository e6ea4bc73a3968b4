"""Bringing a store's schema to the version this code needs, with Alembic, under a lock so that one process does it."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from directory.schema_lock import ALEMBIC
from directory.sqlite_driver import through_driver

_MIGRATIONS = Path(__file__).with_name("migrations")
# Of the two packages that may share a PostgreSQL database, each keeps its version in a table of its own.
VERSION_TABLE = "store_version"
_LOCK = 0x63697479  # PostgreSQL advisory lock
_LONGEST_WAIT = 60.0  # seconds for another process's migration


def migrate(url: str) -> None:
    """Create or upgrade the tables, wholly or not at all.  Safe to call from several processes, cheap when nothing is
    to do."""
    database = make_url(url)
    if database.get_backend_name() == "sqlite":
        if database.database:
            Path(database.database).parent.mkdir(parents=True, exist_ok=True)
        # SQLAlchemy begins no transaction here: we do.
        engine = create_engine(
            through_driver(database), isolation_level="AUTOCOMMIT", connect_args={"timeout": _LONGEST_WAIT}
        )
        begin, commit = "BEGIN IMMEDIATE", "COMMIT"
    else:
        engine = create_engine(url)
        begin, commit = f"SELECT pg_advisory_xact_lock({_LOCK})", ""
    try:
        settings = AlembicConfig()
        settings.set_main_option("script_location", str(_MIGRATIONS))
        head = ScriptDirectory.from_config(settings).get_current_head()
        with engine.connect() as connection:
            if _version(connection) == head:
                return
        with ALEMBIC, engine.begin() as connection:
            connection.exec_driver_sql(begin)
            settings.attributes["connection"] = connection
            command.upgrade(settings, "head")  # reads the version again, now that nobody else can change it
            if commit:
                connection.exec_driver_sql(commit)
    finally:
        engine.dispose()


def _version(connection: object) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})  # type: ignore[arg-type]
    return context.get_current_revision()
