"""Wake-ups: within a process, between processes, and what happens when one of them is gone or stuck."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailserver.store import Store, messages, open_store, reading
from mailserver.store.messages import Target
from mailserver.store.wakeups import SPOOL, Wakeups, Watched

WAIT = 20.0


class Bell:
    """A callback that can be waited for."""

    def __init__(self) -> None:
        self.rung = 0
        self._bell = threading.Condition()

    def __call__(self) -> None:
        with self._bell:
            self.rung += 1
            self._bell.notify_all()

    def wait_for(self, count: int = 1) -> bool:
        with self._bell:
            return self._bell.wait_for(lambda: self.rung >= count, WAIT)


@pytest.fixture
def wakeups(tmp_path: Path) -> Iterator[Wakeups]:
    made = Wakeups(tmp_path / "run" / "wake")
    yield made
    made.close()


# Within a process


def test_watchers_are_called_after_the_commit(clerk: Any, mail: Any) -> None:
    bell, seen = Bell(), []

    def look() -> None:
        seen.append(clerk.mailbox().messages)
        bell()

    watch = clerk.store.watch([clerk.inbox.id], look)
    clerk.append(mail())
    assert seen == [1]  # before the append's future resolved
    clerk.do(messages.set_flags, clerk.inbox.id, [(1, 1)], "add", ["\\Seen"])
    clerk.do(messages.set_flags, clerk.inbox.id, [(1, 1)], "add", ["\\Seen"])  # changes nothing
    clerk.do(messages.expunge, clerk.inbox.id)  # nothing either
    clerk.do(messages.remove, clerk.inbox.id, [(1, 1)])
    assert seen == [1, 1, 0]
    watch.close()
    clerk.append(mail())
    assert seen == [1, 1, 0]


def test_only_the_mailboxes_that_changed(clerk: Any) -> None:
    other = clerk.create("T")
    inbox_bell, other_bell, spool_bell = Bell(), Bell(), Bell()
    watches = [
        clerk.store.watch([clerk.inbox.id], inbox_bell),
        clerk.store.watch([other.id], other_bell),
        clerk.store.watch_spool(spool_bell),
    ]
    clerk.fill(1)
    assert (inbox_bell.rung, other_bell.rung, spool_bell.rung) == (1, 0, 0)
    clerk.do(messages.move, clerk.inbox.id, [(1, 1)], other.id)
    assert (inbox_bell.rung, other_bell.rung, spool_bell.rung) == (2, 1, 0)
    clerk.do(lambda tx: tx.wake_spool())
    assert (inbox_bell.rung, other_bell.rung, spool_bell.rung) == (2, 1, 1)
    for watch in watches:
        watch.close()


def test_nobody_is_woken_by_a_job_that_failed(clerk: Any, mail: Any) -> None:
    bell = Bell()
    watch = clerk.store.watch([clerk.inbox.id], bell)

    def fail(tx: Any) -> None:
        messages.append(tx, clerk.store.prepare(mail()), [Target(clerk.inbox.id)])
        raise LookupError

    with pytest.raises(LookupError):
        clerk.do(fail)
    assert bell.rung == 0
    watch.close()


def test_a_watch_may_grow_and_shrink(wakeups: Wakeups) -> None:
    bell = Bell()
    watch = wakeups.watch([1, 2, 2], bell)
    wakeups.announce({1, 2})
    assert bell.rung == 1  # once for all
    watch.add(3)
    watch.add(3)
    watch.remove(1)
    watch.remove(77)
    wakeups.announce([1])
    assert bell.rung == 1
    wakeups.announce([3])
    assert bell.rung == 2
    watch.close()
    watch.close()
    wakeups.announce([1, 2, 3])
    assert bell.rung == 2
    wakeups.announce([])


def test_a_watcher_that_fails_keeps_nobody_else_from_hearing(clerk: Any, mail: Any) -> None:
    def fail() -> None:
        raise RuntimeError("a watcher's own fault")

    bell = Bell()
    watches = [clerk.store.watch([clerk.inbox.id], fail), clerk.store.watch([clerk.inbox.id], bell)]
    clerk.append(mail())
    assert bell.rung == 1
    for watch in watches:
        watch.close()


def test_a_watcher_may_close_itself_or_watch_more_when_called(wakeups: Wakeups) -> None:
    bell = Bell()

    def once() -> None:
        bell()
        watch.close()
        wakeups.watch([8], bell)

    watch = wakeups.watch([5], once)
    wakeups.announce([5])
    wakeups.announce([5])
    assert bell.rung == 1
    wakeups.announce([8])
    assert bell.rung == 2


# Between processes

# Waits for news of the mailboxes it is given, and answers each wake-up with a line.
LISTENER = """
import sys, time
from pathlib import Path
from mailserver.store.wakeups import Wakeups
wakeups = Wakeups(Path(sys.argv[1]))
watches = [
    wakeups.watch([int(number)], lambda number=number: print(number, flush=True)) for number in sys.argv[2:]
]
print("ready", flush=True)
sys.stdin.read()
wakeups.close()
print("closed", flush=True)
"""


class Listener:
    def __init__(self, run: Path, *mailboxes: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", LISTENER, str(run), *map(str, mailboxes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.heard() == "ready"

    def heard(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        rest, _ = self.process.communicate(timeout=30)
        assert rest.split()[-1:] == ["closed"]


@pytest.fixture
def listen() -> Iterator[Any]:
    started: list[Listener] = []

    def start(run: Path, *mailboxes: int) -> Listener:
        started.append(Listener(run, *mailboxes))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
        with each.process:  # closes its pipes and waits for it
            pass


def test_other_processes_hear_of_it(store: Store, hire: Any, listen: Any, tmp_path: Path) -> None:
    clerk = hire(store)
    run = store.blobs.folder.parent / "run" / "wake"
    first, second = listen(run, clerk.inbox.id), listen(run, clerk.inbox.id)
    relay = listen(run.with_name("spool"), clerk.inbox.id, SPOOL)
    clerk.fill(1)
    assert first.heard() == second.heard() == str(clerk.inbox.id)
    clerk.do(lambda tx: tx.wake_spool())
    assert relay.heard() == str(SPOOL)  # and of nothing else
    first.end()
    third = listen(run, clerk.inbox.id)
    clerk.fill(1)
    assert second.heard() == third.heard() == str(clerk.inbox.id)


def test_more_mailboxes_than_one_datagram_carries(wakeups: Wakeups, listen: Any, tmp_path: Path) -> None:
    last = 20_000
    other = listen(tmp_path / "run" / "wake", 1, last)
    wakeups.announce(list(range(1, last + 1)))
    assert {other.heard(), other.heard()} == {"1", str(last)}


def test_a_data_folder_may_lie_deep(tmp_path: Path, listen: Any) -> None:
    """A socket's address has room for 107 octets."""
    run = tmp_path / ("Sở Thông tin và Truyền thông " * 5) / ("d" * 120) / "run"
    wakeups = Wakeups(run)
    bell = Bell()
    wakeups.watch([1], bell)
    other = listen(run, 2)
    wakeups.announce([1, 2])
    assert other.heard() == "2"
    assert bell.rung == 1
    wakeups.close()


def test_a_process_that_was_killed_is_forgotten(wakeups: Wakeups, listen: Any, tmp_path: Path) -> None:
    dead, alive = listen(tmp_path / "run" / "wake", 1), listen(tmp_path / "run" / "wake", 1)
    dead.process.kill()
    dead.process.wait()
    sockets = tmp_path / "run" / "wake"
    assert len(os.listdir(sockets)) == 2
    wakeups.announce([1])
    assert alive.heard() == "1"
    assert len(os.listdir(sockets)) == 1
    wakeups.announce([1])
    assert alive.heard() == "1"


def test_a_stuck_process_holds_nobody_up_and_hears_all_of_it_later(
    wakeups: Wakeups, listen: Any, tmp_path: Path
) -> None:
    stuck, alive = listen(tmp_path / "run" / "wake", 1), listen(tmp_path / "run" / "wake", 2)
    stuck.process.send_signal(signal.SIGSTOP)
    try:
        for _ in range(40):
            wakeups.announce(range(10, 4000))  # until its queue is full, and on
            wakeups.announce([2])
            assert alive.heard() == "2"
        wakeups.announce([1])
        for _ in range(40):
            wakeups.announce(range(10, 4000))
    finally:
        stuck.process.send_signal(signal.SIGCONT)
    assert stuck.heard() == "1"
    wakeups.announce([1])
    assert stuck.heard() == "1"


class Sibling:
    """A process that was forked from this one, and watches a mailbox."""

    def __init__(self, run: Path, watched: Watched, mailbox_id: int) -> None:
        from_us, self._to_it = os.pipe()
        self._from_it, to_us = os.pipe()
        self.pid = os.fork()
        if self.pid:
            os.close(from_us)
            os.close(to_us)
            assert self.heard() == b"ready"
            return
        try:
            wakeups = Wakeups(run, watched)
            watch = wakeups.watch([mailbox_id], lambda: os.write(to_us, b"woken"))
            os.write(to_us, b"ready")
            os.read(from_us, 1)
            watch.close()
            os.write(to_us, b"closed")
            os.read(from_us, 1)
        finally:
            os._exit(0)

    def heard(self) -> bytes:
        return os.read(self._from_it, 100)

    def go_on(self) -> None:
        os.write(self._to_it, b".")

    def end(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._to_it)
        os.close(self._from_it)


@pytest.fixture
def sibling(tmp_path: Path) -> Iterator[tuple[Sibling, Watched]]:
    """Waits for mailbox 7."""
    watched = Watched()
    made = Sibling(tmp_path / "run" / "wake", watched, 7)
    yield made, watched
    made.end()


def test_siblings_are_told_only_what_they_wait_for(
    tmp_path: Path, sibling: tuple[Sibling, Watched], listen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, (other, watched) = tmp_path / "run" / "wake", sibling
    stranger = listen(run, 7, 8)  # knows nothing of what they count in
    wakeups = Wakeups(run, watched)
    wakeups.watch([8], Bell())
    told: list[tuple[bool, list[int]]] = []
    send = wakeups._send

    def observed(name: str, mailboxes: Any) -> None:
        told.append((watched.name in name, list(mailboxes)))
        send(name, mailboxes)

    monkeypatch.setattr(wakeups, "_send", observed)
    wakeups.announce([7, 8, 9])
    assert other.heard() == b"woken"
    assert {stranger.heard(), stranger.heard()} == {"7", "8"}
    wakeups.announce([8])
    assert stranger.heard() == "8"
    other.go_on()
    assert other.heard() == b"closed"
    wakeups.announce([7])
    assert stranger.heard() == "7"
    wakeups.announce(list(range(1000, 2000)))
    assert sorted(each for each in told if len(each[1]) < 1000) == [
        *((False, ids) for ids in ([7], [7, 8, 9], [8])),
        (True, [7]),
    ]
    assert sum(len(ids) == 1000 for _, ids in told) == 2  # of so many nobody asks
    wakeups.close()


def test_nonsense_on_the_line_is_passed_over(wakeups: Wakeups, tmp_path: Path) -> None:
    bell = Bell()
    wakeups.watch([1], bell)
    (name,) = os.listdir(tmp_path / "run" / "wake")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
        folder = os.open(tmp_path / "run" / "wake", os.O_PATH)
        for octets in (b"", b"x", b"\xff" * 13, b"\x01" + bytes(7)):
            stranger.sendto(octets, f"/proc/self/fd/{folder}/{name}")
        os.close(folder)
    assert bell.wait_for()


def test_strange_things_in_the_folder_do_no_harm(wakeups: Wakeups, listen: Any, tmp_path: Path) -> None:
    sockets = tmp_path / "run" / "wake"
    (sockets / "README").write_text("no socket")
    (sockets / "folder").mkdir()
    other = listen(tmp_path / "run" / "wake", 1)
    wakeups.announce([1])
    assert other.heard() == "1"


def test_closing_ends_the_listening(tmp_path: Path) -> None:
    before = threading.active_count()
    wakeups = Wakeups(tmp_path / "run" / "wake")
    wakeups.watch([1], Bell())
    assert threading.active_count() == before + 1
    wakeups.close()
    wakeups.close()
    deadline = time.monotonic() + WAIT
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before
    assert os.listdir(tmp_path / "run" / "wake") == []


def test_two_stores_of_one_process_hear_each_other(tmp_path: Path, hire: Any) -> None:
    """As in a test, or a command that opens the store beside the server."""
    url = f"sqlite:///{tmp_path / 'mail.db'}"
    first, second = open_store(url, tmp_path), open_store(url, tmp_path)
    clerk = hire(first)
    bell = Bell()
    second.watch([clerk.inbox.id], bell)
    clerk.fill(1)
    assert bell.wait_for()
    with second.read() as connection:
        assert list(reading.uids(connection, clerk.inbox.id)) == [1]
    first.close()
    second.close()
