"""A store that nobody writes to gives memory back, beside readers who never notice."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from mailserver.store import Store, database, reading


@pytest.fixture
def rests(clerk: Any, monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Released each time the store's engine rests."""
    engine = clerk.store.database.engine
    rested = threading.Semaphore(0)
    rest = engine.rest

    def observed(writer: Any) -> None:
        rest(writer)
        rested.release()

    monkeypatch.setattr(database, "REST_AFTER", 0.001)
    monkeypatch.setattr(engine, "rest", observed)
    return rested


def test_it_rests_after_each_time_of_work(clerk: Any, mail: Any, rests: threading.Semaphore) -> None:
    for number in range(1, 4):
        clerk.append(mail())
        assert rests.acquire(timeout=30)
        assert len(clerk.ask(reading.uids, clerk.inbox.id)) == number


def test_readers_at_work_are_not_disturbed(clerk: Any, mail: Any, rests: threading.Semaphore) -> None:
    clerk.fill(50)
    store: Store = clerk.store
    ending = threading.Event()
    counts: list[int] = []
    faults: list[BaseException] = []

    def read() -> None:
        try:
            while not ending.is_set():
                with store.read() as connection:
                    counts.append(len(list(reading.fetch(connection, clerk.inbox.id, [(1, 50)], ("uid", "envelope")))))
        except BaseException as fault:
            faults.append(fault)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(20):
        clerk.append(mail())
        assert rests.acquire(timeout=30)
    ending.set()
    for reader in readers:
        reader.join()
    assert faults == []
    assert set(counts) == {50}


def test_an_engine_that_cannot_rest_harms_nobody(
    clerk: Any, mail: Any, rests: threading.Semaphore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine = clerk.store.database.engine
    tried = threading.Semaphore(0)

    def fail(_writer: Any) -> None:
        tried.release()
        raise engine.errors[-1]("out of memory")

    monkeypatch.setattr(engine, "rest", fail)
    clerk.append(mail())
    assert tried.acquire(timeout=30)
    clerk.append(mail())
    assert len(clerk.ask(reading.uids, clerk.inbox.id)) == 2
    assert "memory could not be given back" in caplog.text
