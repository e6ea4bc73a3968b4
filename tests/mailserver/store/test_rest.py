"""Memory given back while nobody writes: readers go on beside it, whichever thread does it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from mailserver.store import Store, open_store, reading
from tests.mailserver.store.conftest import Clerk


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"sqlite:///{tmp_path / 'mail.db'}", tmp_path)


def test_readers_read_on_while_their_memory_is_given_back(store: Store) -> None:
    clerk = Clerk(store)
    clerk.fill(200)
    engine, inbox = store.database.engine, clerk.inbox.id
    faults: list[BaseException] = []
    stop = threading.Event()

    def read() -> None:
        try:
            while not stop.is_set():
                with store.read() as connection:
                    assert len(reading.uids(connection, inbox)) == 200
                with store.glance() as connection:
                    assert len(reading.uids(connection, inbox)) == 200
        except BaseException as fault:
            faults.append(fault)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for thread in readers:
        thread.start()
    try:
        with engine.sql.connect() as writer:
            for _ in range(300):
                engine.rest(writer)
    finally:
        stop.set()
        for thread in readers:
            thread.join()
        store.close()
    assert faults == []


def test_a_snapshot_outlives_it(store: Store) -> None:
    clerk = Clerk(store)
    clerk.fill(10)
    with store.read() as connection, store.database.engine.sql.connect() as writer:
        before = reading.uids(connection, clerk.inbox.id)
        thread = threading.Thread(target=store.database.engine.rest, args=(writer,))
        thread.start()
        thread.join()
        clerk.fill(1)
        with store.glance() as nested:
            assert reading.uids(nested, clerk.inbox.id) == before
    store.close()
