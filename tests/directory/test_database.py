"""Snapshots, the one writer, and what is remembered between changes."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text, update

from directory import tables
from directory.database import Directory, Question, open_directory
from directory.engines import create_directory_engine
from directory.identifiers import new_id
from directory.mail import domains
from directory.mail.addresses import local_domains
from directory.sqlite_driver import connect
from directory.staff import unit_changes, units
from tests.directory.conftest import City, Clock

_DOMAINS = Question(select(tables.domain.c.name).order_by(tables.domain.c.name))


def add(directory: Directory, *names: str) -> None:
    with directory.write() as conn:
        conn.execute(insert(tables.domain), [{"name": name, "is_primary": False} for name in names])


def names(directory: Directory) -> list[str]:
    with directory.read() as conn:
        return [name for (name,) in conn.rows(_DOMAINS)]


def test_what_was_written_is_read(any_directory: Directory) -> None:
    add(any_directory, "b.vn", "a.vn")
    assert names(any_directory) == ["a.vn", "b.vn"]
    with any_directory.read() as conn:
        assert conn.row(Question(select(tables.domain.c.name).where(tables.domain.c.name == "b.vn"))) == ("b.vn",)
        assert conn.row(Question(select(tables.domain.c.name).where(tables.domain.c.name == "c.vn"))) is None
        assert set(conn.execute(select(tables.domain.c.name)).scalars()) == {"a.vn", "b.vn"}


def test_a_failed_block_leaves_nothing(any_directory: Directory) -> None:

    def fail_halfway() -> None:
        with any_directory.write() as conn:
            conn.execute(insert(tables.domain), {"name": "a.vn", "is_primary": False})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert names(any_directory) == []
    add(any_directory, "a.vn")
    with pytest.raises(Exception, match=r"(?i)unique"):
        add(any_directory, "b.vn", "a.vn")
    assert names(any_directory) == ["a.vn"]


def test_a_snapshot_does_not_move(any_directory: Directory) -> None:
    add(any_directory, "a.vn")
    with any_directory.read() as conn:
        before = conn.rows(_DOMAINS)
        writer = threading.Thread(target=add, args=(any_directory, "b.vn"))
        writer.start()
        writer.join()
        with any_directory.read() as inner:
            assert inner.rows(_DOMAINS) == before
    assert names(any_directory) == ["a.vn", "b.vn"]


def test_nothing_can_be_asked_outside_of_the_block(any_directory: Directory) -> None:
    conn = any_directory.read()
    with pytest.raises(RuntimeError):
        conn.rows(_DOMAINS)
    with conn:
        conn.rows(_DOMAINS)
    with pytest.raises(RuntimeError):
        conn.rows(_DOMAINS)


def test_reading_does_not_write(any_directory: Directory) -> None:
    if any_directory.is_sqlite:
        pytest.skip("SQLite's snapshots are not told apart from writers")
    with any_directory.read() as conn, pytest.raises(Exception, match="read-only"):
        conn.execute(update(tables.state).values(version=9))


def test_an_error_while_reading_does_not_spoil_the_thread(any_directory: Directory) -> None:
    add(any_directory, "a.vn")
    with pytest.raises(Exception, match="nonsense"), any_directory.read() as conn:
        conn.execute(text("SELECT * FROM nonsense"))
    assert names(any_directory) == ["a.vn"]


def test_writers_queue(any_directory: Directory) -> None:
    def grow(count: int) -> None:
        for _ in range(count):
            with any_directory.write() as conn:
                version = conn.execute(select(tables.state.c.version)).scalar_one()
                conn.execute(update(tables.state).values(version=version + 10))

    with any_directory.read() as conn:
        before = conn.execute(select(tables.state.c.version)).scalar_one()
    threads = [threading.Thread(target=grow, args=(10,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with any_directory.read() as conn:
        # each of the forty changed it by ten, and was counted as a change
        assert conn.execute(select(tables.state.c.version)).scalar_one() == before + 40 * 11


def test_writers_of_two_processes_queue(directory: Directory, other_process: Callable[[], Directory]) -> None:
    other = other_process()
    threads = [
        threading.Thread(target=add, args=(where, f"{name}{number}.vn"))
        for number in range(10)
        for name, where in (("a", directory), ("b", other))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(directory)) == len(names(other)) == 20


def test_write_inside_write_is_a_mistake_not_a_deadlock(directory: Directory) -> None:
    with directory.write(), pytest.raises(RuntimeError), directory.write():
        pass
    add(directory, "a.vn")
    assert names(directory) == ["a.vn"]


def test_memory_is_dropped_by_changes_and_by_time(any_directory: Directory, clock: Clock) -> None:
    directory = Directory(
        any_directory.url, clock=clock, random_bits=lambda bits: 0, monotonic=clock, notice_within=0.5
    )

    def recalled() -> bool:
        with directory.read() as conn:
            return "mark" in conn.memory.shelf("test")

    def remember() -> None:
        with directory.read() as conn:
            conn.memory.shelf("test")["mark"] = 1

    remember()
    assert recalled()
    # a change here is noticed at once
    add(directory, "a.vn")
    assert not recalled()
    # one of another process after half a second
    remember()
    add(any_directory, "b.vn")
    assert recalled()
    clock.advance(0.6)
    assert not recalled()
    # nothing is believed for more than a minute
    remember()
    clock.advance(61)
    assert not recalled()
    directory.close()


def test_sessions_and_audit_do_not_cost_the_memory(any_directory: Directory) -> None:
    from directory.record import record

    with any_directory.read() as conn:
        conn.memory.shelf("test")["mark"] = 1
    with any_directory.write() as conn:
        record(conn, "test", "test", "nothing")
    with any_directory.read() as conn:
        assert "mark" in conn.memory.shelf("test")


def test_an_older_snapshot_never_fills_the_newer_memory(directory: Directory, clock: Clock) -> None:
    """A thread that was paused between its snapshot and its look-up must not leave behind what is no longer true."""
    other = Directory(directory.url, clock=clock, random_bits=lambda bits: 0, monotonic=clock, notice_within=0.0)
    with other.read() as conn:
        old = conn.memory
        conn.rows(_DOMAINS)
        writer = threading.Thread(target=add, args=(other, "a.vn"))
        writer.start()
        writer.join()
        conn.memory.shelf("test")["mark"] = "from before"
    with other.read() as conn:
        assert conn.memory is not old
        assert "mark" not in conn.memory.shelf("test")
    other.close()


def test_a_shelf_does_not_grow_for_ever(directory: Directory) -> None:
    with directory.read() as conn:
        for number in range(120_000):
            conn.memory.shelf("test")[number] = number
        assert len(conn.memory.shelf("test")) <= 50_001


def test_threads_that_end_leave_no_connection_open(tmp_path: Path) -> None:
    directory = open_directory(f"sqlite:///{tmp_path / 'directory.db'}")
    for _ in range(20):
        thread = threading.Thread(target=names, args=(directory,))
        thread.start()
        thread.join()
    assert directory.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    directory.close()


def test_as_many_threads_as_there_are_may_read(directory: Directory) -> None:
    """None waits for another to end: all of a process's threads stay, and each keeps its connection."""
    number = 40
    everybody = threading.Barrier(number + 1)

    def read_and_stay() -> None:
        with directory.read() as conn:
            assert conn.execute(select(1)).scalar_one() == 1
        everybody.wait(20)

    for _ in range(number):
        threading.Thread(target=read_and_stay, daemon=True).start()
    everybody.wait(20)


def test_pragmas(directory: Directory) -> None:
    for connection in (directory.engine.connect(), directory.connect_reader()):
        with connection:
            assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
            assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
            assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1


def test_other_engines_are_refused() -> None:
    with pytest.raises(ValueError, match="mysql"):
        create_directory_engine("mysql://localhost/x")


def test_a_folder_that_lacks_is_made(tmp_path: Path) -> None:
    open_directory(f"sqlite:///{tmp_path / 'new' / 'folder' / 'directory.db'}").close()
    with connect(tmp_path / "new" / "folder" / "directory.db") as raw:
        assert raw.execute("SELECT version FROM directory_state").fetchall() == [(1,)]
    raw.close()


def test_identifiers_are_readable_and_in_order_of_making() -> None:
    assert new_id(0.0, lambda bits: 0) == "0" * 16
    assert new_id((1 << 40) / 64 - 0.01, lambda bits: (1 << bits) - 1) == "z" * 16
    assert new_id(1e9, lambda bits: (1 << bits) - 1) < new_id(1e9 + 1, lambda bits: 0)
    made = {new_id(1e9, secrets.randbits) for _ in range(1000)}
    assert len(made) == 1000
    assert not set("".join(made)) & set("ilou")


def test_a_transaction_keeps_what_its_changes_do_not_touch(city: City) -> None:
    with city.directory.write() as conn:
        before, known = units.tree(conn), local_domains(conn)
        city.join(conn, "Nguyễn Văn An")
        assert units.tree(conn) is before
        unit_changes.alter_unit(conn, "test", city.units["SYT"], from_day="2026-01-01", name="Sở Sức khỏe")
        assert units.tree(conn).by_id[city.units["SYT"]].name == "Sở Sức khỏe"
        assert local_domains(conn) is known
        domains.add_domain(conn, "test", "khac.vn")
        assert "khac.vn" in local_domains(conn)
