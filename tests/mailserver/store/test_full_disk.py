"""A disk that is full, a file that may not grow, a database that somebody else holds: nothing acknowledged is lost."""

from __future__ import annotations

import contextlib
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
from mailserver.refusals import TryLater
from mailserver.store import Store, messages, open_store, reading, sqlite
from mailserver.store.messages import Target


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"may not mount: {mounted.stderr.strip()} (a file size limit stands in for it in the next test)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def letter(number: int, size: int) -> bytes:
    return f"Subject: {number}\r\n\r\n".encode() + os.urandom(size // 2).hex().encode()


class Sender:
    """Sends until told otherwise, and remembers what was answered."""

    def __init__(self, store: Store, mailbox_id: int) -> None:
        self.store = store
        self.mailbox_id = mailbox_id
        self.acknowledged: dict[int, tuple[int, bytes]] = {}
        self.refused: list[BaseException] = []
        self.number = 0

    def send(self, size: int) -> bool:
        self.number += 1
        octets = letter(self.number, size)
        try:
            content = self.store.prepare(octets)
            future = self.store.write(lambda tx: messages.append(tx, content, [Target(self.mailbox_id)])[0])
            self.acknowledged[future.result(60).uid] = (self.number, octets)
        except TryLater as refusal:
            self.refused.append(refusal)
            return False
        return True

    def check(self, store: Store) -> None:
        """Every acknowledged message is there as it was sent, and nothing else that was not at least tried."""
        with store.read() as connection:
            rows = list(reading.fetch(connection, self.mailbox_id, [(1, 2**32)], ("uid", "subject", "message_id")))
            found = {row.uid: (int(row.subject), store.octets(connection, row.message_id)) for row in rows}
        assert found == self.acknowledged
        assert store.check_consistency() == []


def test_a_full_disk_refuses_for_now_and_loses_nothing(small_disk: Path) -> None:
    url = f"sqlite:///{small_disk / 'mail.db'}"
    store = open_store(url, small_disk, inline_limit=20_000)
    inbox = store.maildrop("an")
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(2 * 1024 * 1024))
    sender = Sender(store, inbox.id)
    sizes = (3000, 15_000, 40_000, 200_000)  # inline and in files
    while len(sender.refused) < 12:
        sender.send(sizes[sender.number % len(sizes)])
        assert sender.number < 2000
    # Full as it is, what is there can be read, and small things may still fit or not; nothing breaks.
    for _ in range(10):
        sender.send(1000)
    sender.check(store)
    assert sender.acknowledged
    ballast.unlink()
    assert sum(sender.send(10_000) for _ in range(10)) == 10
    assert sum(sender.send(100_000) for _ in range(3)) == 3
    sender.check(store)
    assert list(store.blobs.incoming.iterdir()) == []
    store.close()
    again = open_store(url, small_disk)
    sender.check(again)
    again.close()


def test_many_writers_on_a_full_disk(small_disk: Path) -> None:
    store = open_store(f"sqlite:///{small_disk / 'mail.db'}", small_disk)
    inboxes = [store.maildrop(f"account{number}") for number in range(6)]
    senders = [Sender(store, inbox.id) for inbox in inboxes]
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(2 * 1024 * 1024))

    def run(sender: Sender) -> None:
        while len(sender.refused) < 3:
            sender.send(8000)

    for _ in range(2):
        threads = [threading.Thread(target=run, args=(sender,)) for sender in senders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for sender in senders:
            assert sender.refused
            sender.check(store)
            sender.refused.clear()
        ballast.unlink(missing_ok=True)  # the second round fills what this gave back
    store.close()


LIMITED = """
import resource, sys
from pathlib import Path
from mailserver.refusals import TryLater
from mailserver.store import open_store, messages
folder = Path(sys.argv[1])
store = open_store(f"sqlite:///{folder / 'mail.db'}", folder, inline_limit=20_000)
inbox = store.maildrop("an")
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
def send(number, size):
    octets = f"Subject: {number}\\r\\n\\r\\n".encode() + bytes([65 + number % 26]) * size
    try:
        content = store.prepare(octets)
        done = store.write(lambda tx: messages.append(tx, content, [messages.Target(inbox.id)])).result()
    except TryLater:
        return False
    print(done[0].uid, number, size)
    return True
outcomes = []
resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, hard))
for number in range(400):
    outcomes.append(send(number, (3000, 9000, 30_000, 1_600_000)[number % 4]))
assert True in outcomes and False in outcomes
assert not any(outcomes[-100:]), "the log can only grow so far"
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
for number in range(400, 440):
    assert send(number, (3000, 9000, 30_000, 1_600_000)[number % 4])
assert store.check_consistency() == []
store.close()
"""


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """The same without the right to mount: the process may write files of 1.5 MB at most."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LIMITED, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    store = open_store(f"sqlite:///{tmp_path / 'mail.db'}", tmp_path)
    inbox = store.maildrop("an")
    acknowledged = {}
    for line in done.stdout.splitlines():
        uid, number, size = map(int, line.split())
        acknowledged[uid] = f"Subject: {number}\r\n\r\n".encode() + bytes([65 + number % 26]) * size
    with store.read() as connection:
        rows = reading.placements(connection, inbox.id)
        assert {row.uid: store.octets(connection, row.message_id) for row in rows} == acknowledged
    assert store.check_consistency() == []
    store.close()


# Held by somebody else


def append(store: Store, mailbox_id: int, number: int = 0) -> Future[int]:
    content = store.prepare(letter(number, 100))
    return store.write(lambda tx: messages.append(tx, content, [Target(mailbox_id)])[0].uid)


def test_writers_wait_for_whoever_holds_the_database(store: Store, hire: Any) -> None:
    """An administrator with a sqlite3 shell, or a backup."""
    clerk = hire(store)
    with closing(connect(store.database.engine.sql.url.database or "")) as other:
        other.execute("BEGIN IMMEDIATE")
        futures = [append(store, clerk.inbox.id, number) for number in range(20)]
        done, _ = _settled(futures, 0.3)
        assert done == []
        assert clerk.mailbox().messages == 0  # reading goes on meanwhile
        other.execute("ROLLBACK")
    assert sorted(future.result(30) for future in futures) == list(range(1, 21))


def test_writers_wait_for_the_lock_of_another_process(store: Store, hire: Any) -> None:
    clerk = hire(store)
    path = store.blobs.folder.parent / "mail.db.lock"
    assert path.exists()
    with open(path, "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        futures = [append(store, clerk.inbox.id, number) for number in range(20)]
        done, _ = _settled(futures, 0.3)
        assert done == []
        fcntl.flock(lock, fcntl.LOCK_UN)
    assert sorted(future.result(30) for future in futures) == list(range(1, 21))


def test_a_database_held_for_too_long_is_a_temporary_refusal(
    make_store: Any, hire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sqlite._prepare_sqlite

    def impatient(raw: Any, record: Any) -> None:
        real(raw, record)
        raw.execute("PRAGMA busy_timeout=100")

    monkeypatch.setattr(sqlite, "_prepare_sqlite", impatient)
    store = make_store()
    clerk = hire(store)
    attempts: list[int] = []
    begin = store.database.engine.begin

    def counted(connection: Any, lasting: bool) -> None:
        attempts.append(1)
        begin(connection, lasting)

    monkeypatch.setattr(store.database.engine, "begin", counted)
    with closing(connect(store.database.engine.sql.url.database or "")) as other:
        other.execute("BEGIN IMMEDIATE")
        futures = [append(store, clerk.inbox.id, number) for number in range(50)]
        for future in futures:
            with pytest.raises(TryLater):
                future.result(60)
        # All wait together, and not one after the other.
        assert len(attempts) < 10
        other.execute("ROLLBACK")
    assert append(store, clerk.inbox.id).result(30) == 1


def test_a_reader_that_stays_long_holds_no_writer_up(store: Store, hire: Any) -> None:
    clerk = hire(store)
    clerk.fill(1)
    with closing(connect(store.database.engine.sql.url.database or "")) as other:
        other.execute("BEGIN")
        assert other.execute("SELECT count(*) FROM placement").fetchone() == (1,)
        clerk.fill(200)
        store.checkpoint()
        assert other.execute("SELECT count(*) FROM placement").fetchone() == (1,)
        other.execute("COMMIT")
    store.checkpoint()
    assert clerk.mailbox().messages == 201


def _settled(futures: list[Future[int]], patience: float) -> tuple[list[Future[int]], list[Future[int]]]:
    """(done, not done) after a while; only ever used to see that something has not happened yet."""
    with contextlib.suppress(TimeoutError):
        futures[0].result(patience)
    return [each for each in futures if each.done()], [each for each in futures if not each.done()]
