"""The schema that migrations make is the schema the code says, whoever makes it and however often it is broken off."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, text

from directory.database import migrate as migrate_directory
from mailserver.store import messages, open_store, reading
from mailserver.store.messages import Target
from mailserver.store.migrate import VERSION_TABLE, migrate
from mailserver.store.tables import metadata


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with nothing in it."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new' / 'mail.db'}"
    else:
        yield request.getfixturevalue("postgres_url")


@contextmanager
def begun(url: str) -> Iterator[Connection]:
    """A transaction past the store."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def downgraded(url: str, version: str) -> Iterator[Connection]:
    """A transaction in which the schema has become that of ``version``; whoever opens the store brings it back."""
    with begun(url) as connection:
        settings = AlembicConfig()
        settings.set_main_option("script_location", str(Path(migrate.__code__.co_filename).with_name("migrations")))
        settings.attributes["connection"] = connection
        command.downgrade(settings, version)
        yield connection


def schema(url: str) -> dict[str, Any]:
    """Everything the database says about its tables."""
    engine = create_engine(url)
    try:
        found = inspect(engine)
        return {
            table: {
                "columns": [
                    (column["name"], str(column["type"]), column["nullable"], column["default"])
                    for column in found.get_columns(table)
                ],
                "key": found.get_pk_constraint(table)["constrained_columns"],
                "foreign": sorted(
                    (key["constrained_columns"], key["referred_table"], key["options"].get("ondelete"))
                    for key in found.get_foreign_keys(table)
                ),
                "indexes": sorted(
                    (
                        str(index["name"]),
                        index["column_names"],
                        bool(index["unique"]),
                        str(index.get("dialect_options", {})),
                    )
                    for index in found.get_indexes(table)
                ),
                "unique": sorted(each["column_names"] for each in found.get_unique_constraints(table)),
            }
            for table in found.get_table_names()
            if table != VERSION_TABLE
        }
    finally:
        engine.dispose()


PARTIAL = (
    ("placement", "ix_placement_touched", "touched"),
    ("message_octets", "ix_message_octets_digest", "digest IS NOT NULL"),
)


def test_migrations_make_what_the_code_declares(url: str, tmp_path: Path, postgres_server: str, request: Any) -> None:
    migrate(url)
    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
    engine.dispose()
    migrated = schema(url)
    assert set(migrated) == set(metadata.tables)
    if url.startswith("sqlite"):
        # Autogeneration compares little on SQLite; what create_all makes shows the rest, WITHOUT ROWID included.
        other = f"sqlite:///{tmp_path / 'declared.db'}"
        engine = create_engine(other)
        metadata.create_all(engine)
        statements = []
        for each in (url, other):
            with create_engine(each).connect() as connection:
                rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"))
                statements.append({name: "".join((sql or "").split()) for name, sql in rows if name != VERSION_TABLE})
        engine.dispose()
        assert statements[0] == statements[1]
    else:
        # What the code does not say, lest SQLite's processes load PostgreSQL's dialect.
        for table, name, condition in PARTIAL:
            (index,) = (each for each in metadata.tables[table].indexes if each.name == name)
            index.dialect_options["postgresql"]["where"] = text(condition)
        declared = create_engine(url)
        with declared.begin() as connection:
            connection.execute(text(f"DROP TABLE {VERSION_TABLE}"))
            metadata.drop_all(connection)
            metadata.create_all(connection)
        declared.dispose()
        assert schema(url) == migrated


def test_migrating_again_changes_nothing(url: str, tmp_path: Path) -> None:
    store = open_store(url, tmp_path)
    inbox = store.maildrop("an")
    store.close()
    migrate(url)
    migrate(url)
    store = open_store(url, tmp_path)
    assert store.maildrop("an") == inbox
    assert store.check_consistency() == []
    store.close()


def test_many_processes_start_on_an_empty_database_at_once(url: str, tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from mailserver.store import open_store\n"
        "sys.stdin.readline()\n"
        "store = open_store(sys.argv[1], Path(sys.argv[2]))\n"
        "print(store.maildrop('an').id)\n"
        "store.close()\n"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", program, url, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for child in children:  # all have come as far as reading before the first goes on
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    answers = [child.communicate(timeout=120) for child in children]
    # psycopg may say on stderr that one of them came second to making the same mailboxes; nobody failed.
    assert [errors for child, (_, errors) in zip(children, answers, strict=True) if child.returncode] == []
    assert {out for out, _ in answers} == {"1\n"}


def test_a_migration_broken_off_begins_again(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut in the middle of the first start must not leave tables that stop the second."""
    from alembic.operations import Operations

    real = Operations.create_table
    made = 0

    def stop_after_three(self: Any, *arguments: Any, **options: Any) -> Any:
        nonlocal made
        made += 1
        if made > 3:
            raise KeyboardInterrupt
        return real(self, *arguments, **options)

    monkeypatch.setattr(Operations, "create_table", stop_after_three)
    with pytest.raises(KeyboardInterrupt):
        migrate(url)
    monkeypatch.undo()
    assert made == 4
    store = open_store(url, tmp_path)
    store.maildrop("an")
    assert store.check_consistency() == []
    store.close()


def test_messages_that_are_there_get_their_order(url: str, tmp_path: Path) -> None:
    """Migration 0004, there and back: what was read from old headers is what delivery would have written."""
    octets = (
        b"From: An <an@city.vn>\r\nTo: binh@city.vn\r\nSubject: Re: x\r\nDate: Tue, 1 Apr 2025 08:00:00 +0700\r\n"
        b"Message-ID: <b@x>\r\nReferences: <a@x>\r\n\r\n"
    )
    store = open_store(url, tmp_path)
    inbox = store.maildrop("an")
    for each in (octets, b"\r\n", octets.replace(b"<b@x>", b"<c@x>")):
        content = store.prepare(each)
        store.write(lambda tx, content=content: messages.append(tx, content, [Target(inbox.id)])).result()
    store.close()
    written = text("SELECT * FROM message_order ORDER BY message_id")
    with begun(url) as connection:
        before = connection.execute(written).all()
    with downgraded(url, "0003") as connection:
        assert connection.execute(text("SELECT base_subject FROM message ORDER BY id")).scalars().all() == [
            "X",
            "",
            "X",
        ]
    migrate(url)
    with begun(url) as connection:
        assert [tuple(map(_octets, row)) for row in connection.execute(written)] == [
            tuple(map(_octets, row)) for row in before
        ]
    store = open_store(url, tmp_path)
    assert store.check_consistency() == []
    store.close()


def test_messages_that_are_there_get_what_lists_ask(url: str, tmp_path: Path) -> None:
    """The migration that divided headers, there and back: all that is read of messages is as delivery wrote it."""
    store = open_store(url, tmp_path)
    inbox = store.maildrop("an")
    for each in (b"Received: a\r\n b\r\nReturn-Path: <>\r\nFrom: an@city.vn\r\n\r\nx\r\n", b"\r\n", b""):
        content = store.prepare(each, prefix=b"Received: here\r\n")
        store.write(lambda tx, content=content: messages.append(tx, content, [Target(inbox.id)])).result()
    columns = ("envelope", "bodystructure", "trace", "fields", "header", "text")

    def read() -> list[Any]:
        with store.read() as connection:
            return reading.tuples(connection, inbox.id, reading.EVERYTHING, columns)

    before = read()
    store.close()
    with downgraded(url, "0028") as connection:
        headers = connection.execute(text("SELECT header FROM message_octets ORDER BY message_id")).scalars()
        assert [bytes(each) for each in headers] == [row[4] for row in before]
    store = open_store(url, tmp_path)
    assert read() == before
    assert store.check_consistency() == []
    store.close()


def test_what_waited_for_other_servers_gets_its_lanes(url: str, tmp_path: Path) -> None:
    """Migration 0008, there and back: mail that was in the spool before it had lanes is claimed like any other."""
    from mailserver.delivery import lanes, queue, spool

    store = open_store(url, tmp_path)
    content = store.prepare(b"Subject: x\r\n\r\nx\r\n")

    def put(held: bool, *paths: str) -> None:
        def job(tx: Any) -> None:
            recipients = [spool.SpoolRecipient(path) for path in paths]
            spool.put(
                tx, messages.insert_message(tx, content), spool.Envelope("a@city.vn", priority=3), recipients, held=held
            )

        store.write(job).result()

    put(False, "a@X.vn", "b@x.vn", "c@y.vn")
    put(True, "d@x.vn")
    store.close()
    with downgraded(url, "0007") as connection:
        connection.execute(text("UPDATE spool_recipient SET domain = 'X.vn' WHERE forward_path = 'a@X.vn'"))
    store = open_store(url, tmp_path)
    assert store.check_consistency() == []
    assert [(each.domain, each.waiting) for each in queue.list_domains(store)] == [("x.vn", 3), ("y.vn", 1)]
    claimed = store.write(lambda tx: lanes.claim(tx, "me", 10)).result()
    assert sorted(lane.key for lane in claimed) == [("x.vn", 3), ("y.vn", 3)]
    store.write(lambda tx: lanes.release(tx, "me")).result()
    assert queue.release(store, queue.Choice()) == 1
    assert store.check_consistency() == []
    store.close()


def test_places_and_tombstones_are_written_anew_as_they_were(url: str, tmp_path: Path) -> None:
    """Migration 0020, there and back."""
    store = open_store(url, tmp_path)
    inbox = store.maildrop("an").id
    entries = [(store.prepare(b"Subject: x\r\n\r\n" + b"x" * size), Target(inbox, ["\\Seen"])) for size in range(5)]
    store.write(lambda tx: messages.append_many(tx, entries)).result()
    store.write(lambda tx: messages.set_flags(tx, inbox, [(2, 2)], "add", ["\\Flagged"])).result()
    for uid in (5, 1):  # the later one first
        store.write(lambda tx, uid=uid: messages.remove(tx, inbox, [(uid, uid)])).result()
    with store.read() as connection:
        before = [connection.execute(text(f"SELECT * FROM {each} ORDER BY uid")).all() for each in _REWRITTEN]
    store.close()
    with downgraded(url, "0019") as connection:
        assert [each["name"] for each in inspect(connection).get_columns("placement")][-1] == "saved_at"
        assert len(inspect(connection).get_foreign_keys("placement")) == 2
    store = open_store(url, tmp_path)
    with store.read() as connection:
        after = [connection.execute(text(f"SELECT * FROM {each} ORDER BY uid")).all() for each in _REWRITTEN]
    assert after == before
    assert len(after[0]) == 3
    assert store.write(lambda tx: messages.restore(tx, inbox, [1], inbox)).result() == [6]
    assert store.check_consistency() == []
    store.close()


_REWRITTEN = ("placement", "expunged")


def _octets(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def test_threads_of_one_process_migrate_side_by_side(tmp_path: Path) -> None:
    """Alembic keeps its context in names of a module: stores and directories at once must not meet there."""
    stores = [f"sqlite:///{tmp_path / f'mail{number}.db'}" for number in range(4)]
    directories = [f"sqlite:///{tmp_path / f'directory{number}.db'}" for number in range(4)]
    together = threading.Barrier(len(stores) + len(directories))

    def bring_up(make: Callable[[str], None], at: str) -> None:
        together.wait(30)
        make(at)

    with ThreadPoolExecutor(len(stores) + len(directories)) as pool:
        jobs = [pool.submit(bring_up, migrate, at) for at in stores]
        jobs += [pool.submit(bring_up, migrate_directory, at) for at in directories]
        for job in jobs:
            job.result(120)
    for made, table in ((stores, "placement"), (directories, "account")):
        tables = [set(schema(at)) for at in made]
        assert table in tables[0]
        assert all(each == tables[0] for each in tables)
