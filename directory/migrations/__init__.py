"""The directory's schema, step by step (Alembic), brought up to date by the program itself.

A database that is already at ``HEAD`` is recognised by one SELECT, without importing Alembic, so that the
command line starts quickly.  Several processes may upgrade at once: the second waits, then finds it done.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from directory.engines import create_directory_engine
from directory.schema_lock import ALEMBIC

HEAD = "0026"

_UPGRADE_LOCK = 0x6D696772


def upgrade(url: str) -> None:
    parsed = make_url(url)
    file: Path | None = None
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        file = Path(parsed.database)
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            # password hashes and private keys will be in it; what SQLite puts beside it gets the same mode
            file.touch(mode=0o600)
    engine = create_directory_engine(url)
    try:
        if engine.dialect.name == "sqlite":
            with engine.connect() as connection:
                if _revision(connection) == HEAD:
                    return
                if file is not None:
                    file.chmod(0o600)
                with ALEMBIC:
                    connection.exec_driver_sql("BEGIN EXCLUSIVE")
                    try:
                        _run(connection)
                    except BaseException:
                        connection.exec_driver_sql("ROLLBACK")
                        raise
                    connection.exec_driver_sql("COMMIT")
            return
        with engine.connect() as connection:
            if _revision(connection) == HEAD:
                return
        with ALEMBIC, engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
            connection.execute(text("CREATE SCHEMA IF NOT EXISTS directory"))
            _run(connection)
    finally:
        engine.dispose()


def _revision(connection: Connection) -> str | None:
    try:
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    except DBAPIError:  # no such table: an empty database
        connection.rollback()
        return None
    return str(found) if found else None


def _run(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
