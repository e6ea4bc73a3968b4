"""Which pages of SQLite's file are asked for: those of the rows that will be read, known by what stands in them."""

from __future__ import annotations

import os
import random
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mailserver.store import reading
from mailserver.store.read_ahead import NOWHERE, ReadAhead, Stretch

Asked = list[tuple[int, int]]


def for_ever() -> bool:
    return True


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Where the system was asked to read, as (offset, length); it is told that it has nothing in memory."""
    found: Asked = []
    advise = os.posix_fadvise

    def observed(file: int, offset: int, length: int, advice: int) -> None:
        advise(file, offset, length, advice)
        if advice == os.POSIX_FADV_WILLNEED:
            found.append((offset, length))

    monkeypatch.setattr(os, "posix_fadvise", observed)
    monkeypatch.setattr(ReadAhead, "_is_at_hand", lambda *_: False)
    return found


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Two tables with rows that grew in between each other, on small pages, so that their trees have many levels."""
    with closing(sqlite3.connect(tmp_path / "trees.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA page_size=512")
        connection.execute("CREATE TABLE wide (id INTEGER PRIMARY KEY, octets BLOB)")
        connection.execute(
            "CREATE TABLE narrow (box INTEGER, uid INTEGER, rest TEXT, PRIMARY KEY (box, uid)) WITHOUT ROWID"
        )
        rng = random.Random(5)
        with connection:
            connection.execute("BEGIN")
            for number in range(6000):
                marker = b"wide%06d;" % number
                connection.execute("INSERT INTO wide VALUES (?, ?)", (number * 7 - 9000, marker * rng.randint(1, 60)))
                box, uid = number % 5 * 2**33, number // 5 * 300
                connection.execute("INSERT INTO narrow VALUES (?, ?, ?)", (box, uid, f"narrow{number % 5}-{uid};"))
        yield connection


def ahead_of(connection: sqlite3.Connection) -> tuple[ReadAhead, dict[str, int]]:
    (_, _, path) = connection.execute("PRAGMA database_list").fetchone()
    roots = connection.execute("SELECT name, rootpage FROM sqlite_schema").fetchall()
    return ReadAhead(Path(path)), dict(roots)


_LEAF = {"wide": b"\x0d", "narrow": b"\x0a"}
_MARKER = {"wide": rb"wide(\d{6});", "narrow": rb"narrow(\d)-(\d+);"}


def octets_of(connection: sqlite3.Connection) -> bytes:
    return Path(connection.execute("PRAGMA database_list").fetchone()[2]).read_bytes()


def leaves_of(connection: sqlite3.Connection, table: str) -> dict[int, set[tuple[int, ...]]]:
    """Leaf → the rows that it holds (of a long one its beginning), in the order of their keys."""
    octets = octets_of(connection)
    found = {}
    for page in range(1, len(octets) // 512 + 1):
        stretch = octets[(page - 1) * 512 : page * 512]
        rows = {tuple(map(int, marker.groups())) for marker in re.finditer(_MARKER[table], stretch)}
        if rows and stretch[:1] == _LEAF[table]:
            found[page] = rows
    return dict(sorted(found.items(), key=lambda item: min(item[1])))


def flat(ahead: ReadAhead, root: int, low: tuple[int, ...], high: tuple[int, ...]) -> list[int]:
    return [page for leaves in ahead._leaves(root, low, high) for page in leaves]


def test_all_leaves_of_a_tree_are_found(database: sqlite3.Connection) -> None:
    ahead, roots = ahead_of(database)
    far = 2**62
    assert flat(ahead, roots["wide"], (-far,), (far,)) == list(leaves_of(database, "wide"))
    assert flat(ahead, roots["narrow"], (-far, 0), (far, 0)) == list(leaves_of(database, "narrow"))
    ahead.close()


def test_of_a_stretch_the_leaves_that_hold_its_rows_and_no_more(database: sqlite3.Connection) -> None:
    ahead, roots = ahead_of(database)
    wide, narrow = leaves_of(database, "wide"), leaves_of(database, "narrow")
    rng = random.Random(6)
    for _ in range(60):
        low = rng.randint(0, 5400)
        high = low + rng.choice((0, 1, 30, 500))
        found = flat(ahead, roots["wide"], (low * 7 - 9000,), (high * 7 - 9000,))
        needed = {page for page, rows in wide.items() if any((low,) <= row <= (high,) for row in rows)}
        assert needed <= set(found)
        assert len(found) <= len(needed) + 1
    for box in range(5):
        low, high = rng.randint(0, 600) * 300, rng.randint(601, 1199) * 300
        found = flat(ahead, roots["narrow"], (box * 2**33, low), (box * 2**33, high))
        needed = {page for page, rows in narrow.items() if any((box, low) <= row <= (box, high) for row in rows)}
        assert len(needed) > 5
        assert needed <= set(found)
        assert len(found) <= len(needed) + 2
    ahead.close()


def test_what_is_asked_for(database: sqlite3.Connection, asked: Asked) -> None:
    ahead, roots = ahead_of(database)
    wide = list(leaves_of(database, "wide"))
    stretch = ahead.ask(roots["wide"], (-(2**62),), (2**62,))
    assert stretch == Stretch(min(wide), max(wide), 512)
    covered = {page for start, length in asked for page in range(start // 512 + 1, (start + length) // 512 + 1)}
    assert covered >= set(wide)
    asked.clear()
    assert ahead.find(roots["wide"], (-(2**62),), (2**62,)) == stretch
    assert not asked
    ahead.ask_all(stretch, for_ever)
    assert asked[0][0] == (min(wide) - 1) * 512
    assert sum(length for _, length in asked) >= stretch.size
    ahead.close()


def test_what_is_in_memory_is_not_asked_for(
    database: sqlite3.Connection, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead, roots = ahead_of(database)
    monkeypatch.setattr(ReadAhead, "_is_at_hand", lambda *_: True)
    assert ahead.ask(roots["wide"], (0,), (2**62,)) == NOWHERE
    assert not asked
    ahead.close()


def test_a_torn_file_does_no_harm(database: sqlite3.Connection, tmp_path: Path) -> None:
    """It is read while others write it."""
    roots = dict(database.execute("SELECT name, rootpage FROM sqlite_schema").fetchall())
    whole = octets_of(database)
    inner = [page for page in range(2, len(whole) // 512 + 1) if whole[(page - 1) * 512] in (2, 5)]
    rng = random.Random(7)
    torn = tmp_path / "torn.db"
    for _ in range(150):
        octets = bytearray(whole)
        for page in [*rng.sample(inner, min(len(inner), 6)), roots["wide"], roots["narrow"]]:
            for _ in range(rng.randint(1, 40)):
                octets[(page - 1) * 512 + rng.randrange(512)] = rng.randrange(256)
        torn.write_bytes(octets[: rng.choice((len(octets), len(octets) // 2))])
        ahead = ReadAhead(torn)
        for name, low, high in (("wide", (0,), (2**62,)), ("narrow", (0, 0), (2**62, 0))):
            assert ahead.ask(roots[name], low, high).size >= 0
        ahead.close()


def test_a_tree_that_goes_round_has_an_end(database: sqlite3.Connection, tmp_path: Path) -> None:
    root = dict(database.execute("SELECT name, rootpage FROM sqlite_schema").fetchall())["wide"]
    octets = bytearray(octets_of(database))
    octets[(root - 1) * 512 + 8 : (root - 1) * 512 + 12] = root.to_bytes(4, "big")
    for page in range(1, len(octets) // 512 + 1):
        start = (page - 1) * 512 + (100 if page == 1 else 0)
        if octets[start] == 5:
            count = int.from_bytes(octets[start + 3 : start + 5], "big")
            for cell in range(count):
                place = (page - 1) * 512 + int.from_bytes(octets[start + 12 + 2 * cell :][:2], "big")
                octets[place : place + 4] = root.to_bytes(4, "big")
    (tmp_path / "round.db").write_bytes(octets)
    ahead = ReadAhead(tmp_path / "round.db")
    assert ahead.ask(root, (-(2**62),), (2**62,)) == NOWHERE
    ahead.close()


def test_what_lies_between_waits_for_the_next_question(database: sqlite3.Connection, asked: Asked) -> None:
    ahead, roots = ahead_of(database)
    with closing(ahead):
        everything = Stretch(1, 400, 512)
        ahead.ask_all(everything, for_ever)
        assert asked
        asked.clear()

        def second() -> None:
            ahead.ask(roots["wide"], (0,), (100,))

        def first() -> None:
            ahead.ask_later(second)
            ahead.ask_all(everything, for_ever)
            assert asked == []

        ahead.ask_later(first)
        with ahead._busy:  # the thread is done
            assert asked


def test_what_lies_between_is_left_when_the_reader_has_gone(database: sqlite3.Connection, asked: Asked) -> None:
    ahead, _ = ahead_of(database)
    with closing(ahead):
        ahead.ask_all(Stretch(1, 10_000, 512), lambda: len(asked) < 3)
        assert len(asked) == 3
        asked.clear()
        ahead.ask_all(Stretch(1, 10_000, 512), lambda: False)
        assert not asked


# The store


def test_a_mailbox_is_read_ahead(clerk: Any, mail: Any, asked: Asked) -> None:
    """On both engines; on SQLite the pages of its rows are asked for."""
    clerk.fill(300)
    store = clerk.store
    store.checkpoint()
    before = len(asked)
    for columns in (("uid", "flags"), ("uid", "envelope"), ("uid", "header"), ("uid", "fields", "preview")):
        store.read_ahead(clerk.inbox.id, (1, 300), columns, for_ever)
        assert len(clerk.ask(reading.tuples, clerk.inbox.id, [(1, 300)], columns)) == 300
    store.read_ahead(clerk.inbox.id, (5000, 6000), ("uid", "envelope"), for_ever)  # where there is nothing
    if store.database.engine.name == "sqlite":
        ahead = store.database.engine._ahead
        assert ahead is not None
        with ahead._busy:  # the thread is done
            assert len(asked) > before
        store.read_ahead(clerk.inbox.id, (1, 300), ("uid", "flags"), for_ever)
        assert store.database.engine._ahead is ahead


def test_what_is_wanted_now_comes_before_what_lies_between(
    clerk: Any, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL reads ahead by itself."""
    store = clerk.store
    clerk.fill(300)
    store.checkpoint()
    order: list[str] = []

    def noted(name: str) -> None:
        original = getattr(ReadAhead, name)

        def done(*values: Any) -> Any:
            order.append(name)
            return original(*values)

        monkeypatch.setattr(ReadAhead, name, done)

    noted("ask")
    noted("ask_all")
    store.read_ahead(clerk.inbox.id, (1, 300), ("uid", "envelope", "subject"), for_ever)
    is_sqlite = store.database.engine.name == "sqlite"
    if is_sqlite:
        with store.database.engine._ahead._busy:  # the thread is done
            assert order == sorted(order)
    assert {*order} == ({"ask", "ask_all"} if is_sqlite else set())


def test_the_log_that_begins_anew_is_kept_in_memory(clerk: Any, asked: Asked) -> None:
    clerk.fill(3)
    clerk.store.checkpoint()
    assert asked == ([(0, 4 << 20)] if clerk.store.database.engine.name == "sqlite" else [])
    with clerk.store.read() as connection:
        reading.uids(connection, clerk.inbox.id)  # what this reads must stay: the log goes on
        clerk.fill(1)
        clerk.store.checkpoint()
    assert len(asked) <= 1


@pytest.mark.parametrize(
    ("columns", "tables"),
    [
        (("uid", "flags", "modseq"), []),
        (("uid", "base_subject"), []),
        (("uid", "size"), []),
        (("uid", "header"), ["message_header", "message_octets"]),
        (("uid", "fields"), ["message_header"]),
        (("uid", "envelope", "text"), ["message_listing", "message_octets"]),
        (("uid", "preview"), ["message"]),
    ],
)
def test_tables_of_columns(columns: tuple[str, ...], tables: list[str]) -> None:
    assert reading.tables_of(columns) == tables
