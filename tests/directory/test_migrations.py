"""The migrated schema is the one the code believes in, on both engines."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import delete, inspect, select, text

from directory import migrations
from directory.database import Directory, migrate, open_directory
from directory.engines import create_directory_engine
from directory.schema_lock import ALEMBIC
from directory.tables import metadata, search_word
from tests.directory.conftest import found_city


def test_schema_equals_metadata(any_directory: Directory) -> None:
    with any_directory.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_constraints_and_keys_are_there_by_name(any_directory: Directory) -> None:
    inspector = inspect(any_directory.engine)
    for table in metadata.sorted_tables:
        assert inspector.get_pk_constraint(table.name)["constrained_columns"] == [
            column.name for column in table.primary_key.columns
        ]
        checks = {check["name"] for check in inspector.get_check_constraints(table.name)}
        wanted = {c.name for c in table.constraints if str(c.name).startswith("ck_")}
        assert wanted <= checks
        keys = {tuple(key["constrained_columns"]) for key in inspector.get_foreign_keys(table.name)}
        assert keys == {tuple(key.column_keys) for key in table.foreign_key_constraints}


def test_head_is_the_last_revision() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == migrations.HEAD


def test_migrating_again_changes_nothing(any_directory: Directory) -> None:
    with any_directory.write() as conn:
        from directory.mail.domains import add_domain

        add_domain(conn, "test", "city.gov.vn")
    migrate(any_directory.url)
    with any_directory.read() as conn:
        assert conn.execute(text("SELECT name FROM domain")).scalars().all() == ["city.gov.vn"]


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_several_processes_may_migrate_at_once(request: pytest.FixtureRequest, tmp_path: Path, engine: str) -> None:
    url = f"sqlite:///{tmp_path / 'd.db'}" if engine == "sqlite" else request.getfixturevalue("postgres_url")
    faults: list[BaseException] = []

    def run() -> None:
        try:
            migrate(url)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    created = create_directory_engine(url)
    with created.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM directory_state")).scalar() == 1
    created.dispose()


def test_the_database_is_its_owners_alone(tmp_path: Path) -> None:
    """Password hashes and the keys of signatures are in it."""
    path = tmp_path / "new" / "d.db"
    migrate(f"sqlite:///{path}")
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}
    # one that was made before there were keys in it
    path.unlink()
    with create_directory_engine(f"sqlite:///{path}").connect() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        with ALEMBIC:
            command.upgrade(config, "0002")
    path.chmod(0o644)
    migrate(f"sqlite:///{path}")
    assert path.stat().st_mode & 0o777 == 0o600


def test_on_postgresql_the_tables_have_a_schema_of_their_own(postgres_url: str) -> None:
    migrate(postgres_url)
    created = create_directory_engine(postgres_url)
    with created.connect() as connection:
        schemas = connection.execute(
            text("SELECT DISTINCT table_schema FROM information_schema.tables WHERE table_name = ANY(:names)"),
            {"names": [*metadata.tables, "alembic_version"]},
        )
        assert schemas.scalars().all() == ["directory"]
    created.dispose()


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_app_passwords_outlive_their_new_tables(request: pytest.FixtureRequest, tmp_path: Path, engine: str) -> None:
    """Revision 0005 makes them anew."""
    url = f"sqlite:///{tmp_path / 'd.db'}" if engine == "sqlite" else request.getfixturevalue("postgres_url")
    created = create_directory_engine(url)
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    with ALEMBIC, created.begin() as connection:
        if engine == "postgresql":
            connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS directory")
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        connection.execute(
            text(
                "INSERT INTO account (id, kind, login, status, name, title, unit_name, sort_key, must_change_password,"
                " quota_bytes, language, is_admin, created_at)"
                " VALUES ('a', 'role', 'x@city.gov.vn', 'active', 'X', '', '', :octets, :no, 0, 'vi', :no, 0)"
            ),
            {"no": False, "octets": b"x"},
        )
        connection.exec_driver_sql("INSERT INTO app_password VALUES ('p', 'a', 'Máy', 'both', 'd', 5)")
        connection.exec_driver_sql("INSERT INTO app_password_use VALUES ('p', 6, 'imap', '192.0.2.1')")
    migrate(url)
    with created.connect() as connection:
        assert connection.exec_driver_sql("SELECT * FROM app_password").all() == [("p", "a", "Máy", "both", "d", 5)]
        used = connection.exec_driver_sql("SELECT * FROM app_password_use").all()
        assert used == [("p", 6, "imap", "192.0.2.1")]
    created.dispose()


def go_through(opened: Directory, *steps: tuple[Callable[[Config, str], object], str]) -> None:
    """Take a directory that is whole through some revisions again, and close it."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    with ALEMBIC, opened.engine.begin() as connection:
        config.attributes["connection"] = connection
        for step, revision in steps:
            step(config, revision)
        command.stamp(config, "head")
    opened.close()


def words_in(url: str) -> set[Any]:
    opened = open_directory(url)
    with opened.read() as conn:
        words = set(conn.execute(select(search_word)).all())
    opened.close()
    return words


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_telephones_and_initials_come_into_the_index(
    request: pytest.FixtureRequest, tmp_path: Path, engine: str
) -> None:
    """Revision 0012 adds what newcomers have from the start, and a second time nothing."""
    url = f"sqlite:///{tmp_path / 'd.db'}" if engine == "sqlite" else request.getfixturevalue("postgres_url")
    opened = open_directory(url)
    city = found_city(opened)
    with opened.write() as conn:
        city.join(conn, "Nguyễn Văn An", phone="0909 123 456")
        words = set(conn.execute(select(search_word)).all())
        added = {row for row in words if row.word in ("syt", "#6543219090")}
        assert len(added) == 2
        conn.execute(delete(search_word).where(search_word.c.word == "#6543219090"))
    go_through(opened, (command.stamp, "0011"), (command.upgrade, "0012"))
    assert words_in(url) == words


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_names_come_beside_their_words(request: pytest.FixtureRequest, tmp_path: Path, engine: str) -> None:
    """Revision 0024 writes what newcomers have from the start."""
    url = f"sqlite:///{tmp_path / 'd.db'}" if engine == "sqlite" else request.getfixturevalue("postgres_url")
    opened = open_directory(url)
    city = found_city(opened)
    with opened.write() as conn:
        for name in ("Nguyễn Văn An", "Lê Thị Hà", "Chi"):
            city.join(conn, name, phone="0909 123 456")
        words = set(conn.execute(select(search_word)).all())
        beside = {(row.word, row.name) for row in words if row.name}
        assert {("van", "nguyen van an"), ("ha", "le thi ha"), ("chi", "chi")} <= beside
        assert not any(word in ("hà", "lth", "syt") or word.startswith("#") for word, _ in beside)
    go_through(opened, (command.stamp, "0024"), (command.downgrade, "0023"), (command.upgrade, "0024"))
    assert words_in(url) == words


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_signatures_become_those_of_the_own_address(
    request: pytest.FixtureRequest, tmp_path: Path, engine: str
) -> None:
    """Revision 0023 keeps every signature, there and back; an empty one is none."""
    url = f"sqlite:///{tmp_path / 'd.db'}" if engine == "sqlite" else request.getfixturevalue("postgres_url")
    opened = open_directory(url)
    city = found_city(opened)
    with opened.write() as conn:
        for name in ("Nguyễn Văn An", "Lê Thị Hà"):
            city.join(conn, name)
        an, ha = conn.execute(text("SELECT id, login FROM account ORDER BY login")).all()[:2]
    go_through(opened, (command.stamp, "head"), (command.downgrade, "0022"))
    engine_of_old = create_directory_engine(url)
    with engine_of_old.begin() as connection:
        kept = text("INSERT INTO signature (account_id, text) VALUES (:account, :text)")
        connection.execute(kept, [{"account": an.id, "text": "Trân trọng,\nAn"}, {"account": ha.id, "text": ""}])
    opened = open_directory(url)
    go_through(opened, (command.stamp, "0022"), (command.upgrade, "0023"))
    with engine_of_old.connect() as connection:
        found = connection.execute(text("SELECT account_id, address, signature, is_default FROM identity")).all()
    assert {tuple(row[:3]) for row in found} == {(an.id, an.login, "Trân trọng,\nAn"), (ha.id, ha.login, None)}
    assert not any(row.is_default for row in found)
    opened = open_directory(url)
    go_through(opened, (command.stamp, "0023"), (command.downgrade, "0022"))
    with engine_of_old.connect() as connection:
        found = connection.execute(text("SELECT account_id, text FROM signature")).all()
    assert {tuple(row) for row in found} == {(an.id, "Trân trọng,\nAn"), (ha.id, "")}
    engine_of_old.dispose()
