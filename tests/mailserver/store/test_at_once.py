"""Changes of flags that are made where they are handed in, and when they are not."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from directory.sqlite_driver import connect
from mailserver.refusals import CannotDo, TryLater
from mailserver.store import Store, messages, open_store
from mailserver.store.database import Transaction
from mailserver.store.sqlite import SqliteEngine

WAIT = 30.0


@pytest.fixture
def clerk(tmp_path: Path, hire: Any) -> Iterator[Any]:
    """With two messages; SQLite alone does anything at once."""
    store = open_store(f"sqlite:///{tmp_path / 'mail.db'}", tmp_path)
    clerk = hire(store)
    clerk.fill(2)
    yield clerk
    assert store.check_consistency() == []
    store.close()


def flag(store: Store, mailbox_id: int, name: str, uid: int = 1, heavy: bool = False) -> Future[Any]:
    job = lambda tx: messages.set_flags(tx, mailbox_id, [(uid, uid)], "add", [name])  # noqa: E731
    return store.write(job, [mailbox_id], heavy=heavy, lasting=False)


def where(store: Store, **options: Any) -> threading.Thread:
    """The thread that does a job."""
    return store.write(lambda _tx: threading.current_thread(), **options).result(WAIT)


def test_it_is_done_and_told_before_it_is_handed_back(clerk: Any) -> None:
    told: list[set[str]] = []
    watch = clerk.store.watch([clerk.inbox.id], lambda: told.append(clerk.flags()[1]))
    future = flag(clerk.store, clerk.inbox.id, "\\Seen")
    assert future.done()
    assert told == [{"\\Seen"}]
    assert where(clerk.store, lasting=False) is threading.current_thread()
    watch.close()


def test_what_must_last_or_is_large_is_the_writers(clerk: Any) -> None:
    here = threading.current_thread()
    assert where(clerk.store) is not here
    assert where(clerk.store, lasting=False, heavy=True) is not here


def test_what_waits_for_the_disk_after_all_goes_to_the_writer_whole(clerk: Any) -> None:
    tried: list[bool] = []

    def job(tx: Transaction) -> threading.Thread:
        messages.set_flags(tx, clerk.inbox.id, [(2, 2)], "add", ["\\Flagged"])
        tried.append(threading.current_thread() is here)
        tx.must_last()
        return threading.current_thread()

    here = threading.current_thread()
    assert clerk.store.write(job, lasting=False).result(WAIT) is not here
    assert tried == [True, False]
    assert clerk.flags() == {1: set(), 2: {"\\Flagged"}}


def test_a_job_that_fails_leaves_nothing_and_tells_why(clerk: Any) -> None:
    def refuse(tx: Transaction) -> None:
        messages.set_flags(tx, clerk.inbox.id, [(1, 1)], "add", ["\\Seen"])
        raise CannotDo("by decision")

    before = clerk.mailbox().highest_modseq
    for job, kind in (
        (refuse, CannotDo),
        (lambda tx: messages.set_flags(tx, 987654, [(1, 1)], "replace", ["khan"]), TryLater),
        (lambda tx: tx.connection.exec_driver_sql("SELECT nonsense"), TryLater),
    ):
        with pytest.raises(kind):
            clerk.store.write(job, lasting=False).result(WAIT)
    assert clerk.flags() == {1: set(), 2: set()}
    assert clerk.mailbox().highest_modseq == before
    assert flag(clerk.store, clerk.inbox.id, "\\Seen").done()


def test_nobody_waits_for_another_process(clerk: Any, tmp_path: Path) -> None:
    """Neither for one that writes as we do, nor for one that knows nothing of our lock."""
    with open(tmp_path / "mail.db.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = flag(clerk.store, clerk.inbox.id, "\\Seen")
        assert not waiting.done()
        fcntl.flock(lock, fcntl.LOCK_UN)
    waiting.result(WAIT)
    with closing(connect(tmp_path / "mail.db")) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        waiting = flag(clerk.store, clerk.inbox.id, "\\Flagged")
        assert not waiting.done()
        stranger.execute("COMMIT")
    waiting.result(WAIT)
    assert clerk.flags()[1] == {"\\Seen", "\\Flagged"}
    assert flag(clerk.store, clerk.inbox.id, "\\Draft").done()


def test_nobody_waits_for_the_writer_or_overtakes_what_waits_for_it(clerk: Any) -> None:
    inside, gate = threading.Event(), threading.Event()

    def hold(_tx: Transaction) -> None:
        inside.set()
        assert gate.wait(WAIT)

    clerk.store.write(hold)
    assert inside.wait(WAIT)
    futures = [flag(clerk.store, clerk.inbox.id, name) for name in ("\\Seen", "\\Draft")]
    assert not any(future.done() for future in futures)
    gate.set()
    modseqs = [future.result(WAIT).modseq for future in futures]
    assert modseqs == sorted(set(modseqs))


def test_within_a_read_the_snapshot_stays(clerk: Any) -> None:
    with clerk.store.read() as connection:
        before = messages.has_deleted(connection, clerk.inbox.id)
        flag(clerk.store, clerk.inbox.id, "\\Deleted").result(WAIT)
        assert messages.has_deleted(connection, clerk.inbox.id) is before is False
    assert clerk.ask(messages.has_deleted, clerk.inbox.id)


def test_a_store_that_is_closed_takes_nothing(tmp_path: Path, hire: Any) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'mail.db'}", tmp_path)
    clerk = hire(store)
    clerk.fill(1)
    assert flag(store, clerk.inbox.id, "\\Seen").done()
    store.close()
    with pytest.raises(TryLater):
        flag(store, clerk.inbox.id, "\\Draft")


def test_the_logs_beginning_is_kept_in_memory(clerk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while nothing is written: the system may want the room for other things meanwhile."""
    asked: list[int] = []
    monkeypatch.setattr(os, "posix_fadvise", lambda _file, start, _length, _advice: asked.append(start))
    flag(clerk.store, clerk.inbox.id, "\\Seen").result(WAIT)
    for _ in range(3):
        clerk.store.checkpoint()
    assert asked == [0, 0, 0]


def test_nobody_who_changes_a_flag_begins_the_log(clerk: Any, tmp_path: Path) -> None:
    """Its head would have to be on disk first."""

    def salts() -> bytes:
        return (tmp_path / "mail.db-wal").read_bytes()[16:24]  # others with each log

    for name in ("\\Seen", "\\Draft", "\\Flagged"):
        before = salts()
        clerk.store.checkpoint()
        begun = salts()
        assert begun != before
        assert flag(clerk.store, clerk.inbox.id, name).done()
        assert salts() == begun
    # Without anything new it is left alone, however often somebody comes.
    clerk.store.checkpoint()
    begun = salts()
    for _ in range(3):
        clerk.store.checkpoint()
    assert salts() == begun
    assert isinstance(clerk.store.database.engine, SqliteEngine)


# Sets a flag of its own on every message and takes it away again; prints the MODSEQs that it was told.
MARKER = """
import sys, threading
from pathlib import Path
from mailserver.store import Store, messages
url, folder, mailbox_id, count, name, threads, rounds = sys.argv[1:]
store, box = Store(url, Path(folder)), int(mailbox_id)
print("ready", flush=True)
sys.stdin.readline()
told = []
def mark(thread):
    for turn in range(int(rounds)):
        for uid in range(1, int(count) + 1):
            change = "remove" if turn % 2 else "add"
            job = lambda tx: messages.set_flags(tx, box, [(uid, uid)], change, [f"{name}{thread}"])
            told.append(store.write(job, [box], lasting=False).result(60).modseq)
workers = [threading.Thread(target=mark, args=(number,)) for number in range(int(threads))]
for worker in workers: worker.start()
for worker in workers: worker.join()
store.close()
print(*told)
"""


def test_several_threads_of_several_processes_take_each_modseq_once(clerk: Any, tmp_path: Path) -> None:
    count, threads, rounds = 2, 3, 41
    before = clerk.mailbox().highest_modseq
    children = [
        subprocess.Popen(
            [
                *(sys.executable, "-W", "error", "-c", MARKER, f"sqlite:///{tmp_path / 'mail.db'}", str(tmp_path)),
                *map(str, (clerk.inbox.id, count, f"k{number}", threads, rounds)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ,
        )
        for number in range(2)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    told: list[int] = []
    outcomes = []
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    for child in children:
        told += map(int, child.communicate(timeout=120)[0].split())
        outcomes.append(child.returncode)
    assert outcomes == [0, 0]
    changes = 2 * threads * rounds * count
    assert sorted(told) == list(range(before + 1, before + 1 + changes))
    everything = {f"k{number}{thread}" for number in range(2) for thread in range(threads)}
    assert clerk.flags() == {1: everything, 2: everything}
    assert clerk.mailbox().highest_modseq == before + changes


def test_an_unforeseen_fault_at_the_beginning_holds_up_nobody(clerk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(*_arguments: object, **_options: object) -> None:
        raise ValueError("unforeseen")

    flag(clerk.store, clerk.inbox.id, "\\Seen").result(WAIT)
    with monkeypatch.context() as broken:
        broken.setattr(clerk.store.database.engine, "begin", begin)
        with pytest.raises(ValueError, match="unforeseen"):
            flag(clerk.store, clerk.inbox.id, "\\Flagged").result(WAIT)
    assert where(clerk.store) is not threading.current_thread()
    flag(clerk.store, clerk.inbox.id, "\\Answered").result(WAIT)
    assert clerk.flags()[1] == {"\\Seen", "\\Answered"}
