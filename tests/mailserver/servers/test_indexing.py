"""The indexer: what is called for is read, by a thread that stands back, and the end need not wait for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailserver.servers import indexing
from mailserver.servers.supervisor import Bell
from mailserver.store import Store, messages, open_store
from mailserver.store.messages import Target

LETTER = b"Subject: %d\r\n\r\nB\xe1\xba\xa3ng l\xc6\xb0\xc6\xa1ng\r\n"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'mail.db'}", tmp_path)
    yield opened
    assert opened.check_consistency() == []
    opened.close()


def fill(store: Store, count: int) -> int:
    """The INBOX of account "an", with so many letters in it."""
    inbox = store.maildrop("an").id
    entries = [(store.prepare(LETTER % number), Target(inbox)) for number in range(count)]
    store.write(lambda tx: messages.append_many(tx, entries)).result()
    return inbox


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def idle_threads() -> int:
    return sum(os.sched_getscheduler(int(each)) == os.SCHED_IDLE for each in os.listdir("/proc/self/task"))


def test_what_a_search_calls_for_is_read_by_a_thread_that_stands_back(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailserver.store.fulltext.fulltext.LARGE", 3)
    monkeypatch.setattr(indexing, "_CALLED", 0.01)
    bell = Bell()
    ending = threading.Event()
    thread = threading.Thread(target=indexing.keep_indexes, args=(store, bell, ending))
    thread.start()
    searching = Store(f"sqlite:///{tmp_path / 'mail.db'}", tmp_path, call_indexer=bell.ring)
    try:
        wait_until(lambda: idle_threads() == 1)
        inbox = fill(searching, 5)
        assert bell.rung == 0
        assert searching.fulltext.behind("an", [inbox]) == 6
        assert bell.rung > 0
        wait_until(lambda: searching.fulltext.behind("an", [inbox]) == 0)
        figures = searching.fulltext.figures("an")
        assert figures is not None
        assert figures["messages"] == 5
        assert thread.is_alive()
        monkeypatch.setattr(indexing, "_REST", 0.0)
        thread.join(60)
        assert not thread.is_alive()
    finally:
        ending.set()
        thread.join()
        searching.close()


PROGRAM = """
import signal, sys, time
from pathlib import Path
from mailserver.servers import indexing
from mailserver.servers.supervisor import Bell
from mailserver.store import Store
from mailserver.store.fulltext import filling, fulltext
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
fulltext.LARGE = 3
indexing._CALLED, indexing.PATIENCE = 0.01, 0.5
if sys.argv[2] == "stuck":
    def stuck(documents, pause):
        print("begun", flush=True)
        time.sleep(600)
    filling.draw_up = stuck
else:
    print("begun", flush=True)
store = Store(f"sqlite:///{sys.argv[1]}/mail.db", Path(sys.argv[1]))
bell = Bell()
bell.ring()
indexing.run_indexer(store, bell, on_ready=lambda: None)
"""


@pytest.mark.parametrize("state", ["ready", "stuck"])
def test_it_ends_when_told_also_in_the_middle_of_a_round(store: Store, tmp_path: Path, state: str) -> None:
    inbox = fill(store, 5)
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path), state], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == b"begun\n"
        if state == "ready":
            wait_until(lambda: store.fulltext.behind("an", [inbox]) == 0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert store.fulltext.behind("an", [inbox]) == (0 if state == "ready" else 6)
