"""The driver under SQLAlchemy and under the hot paths: what both take for granted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from sqlalchemy import Engine, bindparam, create_engine, text
from sqlalchemy.exc import IntegrityError, OperationalError

from directory.sqlite_driver import Connection, connect, sqlite_version_info, through_driver


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = create_engine(
        through_driver(f"sqlite:///{tmp_path / 'a.db'}"), isolation_level="AUTOCOMMIT", connect_args={"timeout": 0}
    )
    with made.connect() as connection:
        connection.execute(text("CREATE TABLE pair (one INTEGER PRIMARY KEY, two TEXT NOT NULL)"))
    yield made
    made.dispose()


@pytest.fixture
def raw(tmp_path: Path) -> Iterator[Connection]:
    with closing(connect(tmp_path / "raw.db")) as connection:
        connection.execute("CREATE TABLE pair (one INTEGER PRIMARY KEY, two TEXT NOT NULL)")
        yield connection


def test_its_sqlite_lacks_no_repair_of_the_log() -> None:
    """Before 3.51.3 a checkpoint and a commit of two processes could ruin a database between them."""
    assert sqlite_version_info >= (3, 51, 3)


def test_columns_are_known_where_no_row_is_found(engine: Engine) -> None:
    with engine.connect() as connection:
        found = connection.execute(text("SELECT one, two AS other FROM pair"))
        assert list(found.keys()) == ["one", "other"]
        assert found.all() == []
        assert not connection.execute(text("DELETE FROM pair")).returns_rows


def test_how_many_rows_were_changed(engine: Engine) -> None:
    with engine.connect() as connection:
        insert = text("INSERT INTO pair VALUES (:one, :two)")
        connection.execute(insert, [{"one": number, "two": "x"} for number in range(10)])
        assert connection.execute(text("UPDATE pair SET two = 'y' WHERE one < 4")).rowcount == 4
        assert connection.execute(text("UPDATE pair SET two = 'y' WHERE one > 40")).rowcount == 0
        doomed = text("DELETE FROM pair WHERE one >= :low AND one < :high").bindparams(bindparam("low"))
        several = [{"low": 0, "high": 3}, {"low": 3, "high": 4}, {"low": 40, "high": 50}]
        assert connection.execute(doomed, several).rowcount == 4
        returned = connection.execute(text("UPDATE pair SET two = 'z' WHERE one > 7 RETURNING one"))
        assert returned.scalars().all() == [8, 9]


def test_rows_come_in_pieces_too(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("INSERT INTO pair VALUES (1, 'a'), (2, 'b'), (3, 'c')"))
        found = connection.execute(text("SELECT one FROM pair ORDER BY one"))
        assert [len(piece) for piece in found.partitions(2)] == [2, 1]


def test_what_it_refuses_has_sqlalchemys_names(engine: Engine) -> None:
    with engine.connect() as connection, engine.connect() as other:
        connection.execute(text("INSERT INTO pair VALUES (1, 'a')"))
        with pytest.raises(IntegrityError):
            connection.execute(text("INSERT INTO pair VALUES (1, 'b')"))
        with pytest.raises(OperationalError):
            connection.execute(text("SELECT three FROM pair"))
        other.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError) as refused:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        assert isinstance(refused.value.orig, apsw.BusyError)
        other.exec_driver_sql("ROLLBACK")


def test_a_transaction_is_ours_to_begin_and_to_end(raw: Connection) -> None:
    raw.commit()  # there is none
    raw.rollback()
    raw.execute("BEGIN")
    raw.execute("INSERT INTO pair VALUES (1, 'a')")
    raw.rollback()
    raw.execute("BEGIN")
    cursor = raw.execute("INSERT INTO pair VALUES (7, 'a')")
    assert (cursor.rowcount, cursor.lastrowid) == (1, 7)  # type: ignore[attr-defined]
    raw.commit()
    assert raw.execute("SELECT one FROM pair").fetchall() == [(7,)]


def test_a_connection_passes_from_thread_to_thread(raw: Connection) -> None:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(raw.execute("SELECT 1").fetchall()))
    thread.start()
    thread.join()
    assert found == [[(1,)]]


def test_plans_do_not_hang_on_values(raw: Connection) -> None:
    """Or this SQLite, compiled to weigh them, would prepare most statements anew each time they run."""
    assert raw.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, -1) == 1
