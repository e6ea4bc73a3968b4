"""Flags that did not wait for the disk: what a power cut takes back, and that nobody is deceived by it."""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from mailserver.store import Store, changes, database, marking, messages, open_store, promises, reading, sqlite
from mailserver.store.messages import Target
from mailserver.store.tables import metadata


class Machine:
    """A store whose power can be cut: what was committed since ``sync`` is gone then."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.store = Store(url, folder)

    def sync(self) -> None:
        """This is on the disk."""
        raise NotImplementedError

    def restore(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        assert self.store.check_consistency() == []
        self.store.close()

    def start(self) -> Store:
        self.store = Store(self.url, self.folder)
        return self.store

    def cut(self) -> Store:
        self.stop()
        self.restore()
        store = self.start()
        assert store.check_consistency() == []
        return store


class SqliteMachine(Machine):
    def __init__(self, url: str, folder: Path, boot: Callable[[], None]) -> None:
        self._boot = boot
        super().__init__(url, folder)

    def sync(self) -> None:
        for name in ("mail.db", "mail.db-wal"):
            shutil.copy(self.folder / name, self.folder / f"synced {name}")

    def restore(self) -> None:
        for name in ("mail.db", "mail.db-wal"):
            shutil.copy(self.folder / f"synced {name}", self.folder / name)
        self._boot()


class PostgresMachine(Machine):
    """Each table has its double; a crash empties what is unlogged."""

    def _run(self, *statements: str) -> None:
        engine = create_engine(self.url)
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()

    def sync(self) -> None:
        for table in metadata.tables.keys() - {"continuity"}:
            self._run(f'DROP TABLE IF EXISTS "synced {table}"', f'CREATE TABLE "synced {table}" AS TABLE {table}')

    def restore(self) -> None:
        tables = metadata.tables.keys() - {"continuity"}
        self._run(
            "SET session_replication_role = replica",  # or foreign keys would want an order
            *(f"DELETE FROM {table}" for table in metadata.tables),
            *(f'INSERT INTO {table} SELECT * FROM "synced {table}"' for table in tables),
        )


@pytest.fixture
def boot(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Has the system start anew."""
    boots = [0]

    def again() -> None:
        boots[0] += 1

    monkeypatch.setattr(sqlite, "boot_mark", lambda: f"boot-{boots[0]}")
    return again


@pytest.fixture(params=["sqlite", "postgresql"])
def machine(request: pytest.FixtureRequest, tmp_path: Path, boot: Callable[[], None]) -> Iterator[Machine]:
    made: Machine
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("_migrated_sqlite"), tmp_path / "mail.db")
        made = SqliteMachine(f"sqlite:///{tmp_path / 'mail.db'}", tmp_path, boot)
    else:
        made = PostgresMachine(request.getfixturevalue("postgres_store_url"), tmp_path)
    yield made
    made.stop()


def mark(store: Store, mailbox_id: int, uid: int, flag: str = "\\Flagged", operation: Any = "add") -> int:
    """As STORE does it; the MODSEQ that the client is told."""
    job = lambda tx: messages.set_flags(tx, mailbox_id, [(uid, uid)], operation, [flag])  # noqa: E731
    changed = store.write(job, [mailbox_id], lasting=False).result(30).changed
    return changed[0][2] if changed else 0


def news(store: Store, mailbox_id: int, modseq: int) -> dict[int, int]:
    with store.read() as connection:
        return {uid: flags for uid, flags, _ in changes.changed_since(connection, mailbox_id, modseq)}


def highest(store: Store, mailbox_id: int) -> int:
    with store.read() as connection:
        found: int = changes.state(connection, mailbox_id).highest_modseq
        return found


def test_a_modseq_that_was_told_is_never_told_again(machine: Machine, hire: Any) -> None:
    clerk = hire(machine.store)
    box = clerk.inbox.id
    clerk.fill(5)
    mark(machine.store, box, 1)
    machine.sync()
    before = highest(machine.store, box)
    told = [mark(machine.store, box, uid) for uid in (2, 3, 4)]

    store = machine.cut()
    clerk = hire(store)
    assert clerk.flags() == {1: {"\\Flagged"}, 2: set(), 3: set(), 4: set(), 5: set()}
    later = mark(store, box, 5)
    assert later > max(told)
    # Whoever was told of what was lost hears all of it; whoever was not hears what is new.
    for modseq in told:
        assert news(store, box, modseq) == {1: 4, 2: 0, 3: 0, 4: 0, 5: 4}
    assert news(store, box, before) == {5: 4}
    assert news(store, box, later) == {}
    assert news(store, box, later - 1) == {5: 4}


def test_a_condition_on_what_was_lost_is_not_met(machine: Machine, hire: Any) -> None:
    """STORE UNCHANGEDSINCE (RFC 7162 §3.1.3): the flags that the client knows are not there."""
    clerk = hire(machine.store)
    box = clerk.inbox.id
    clerk.fill(2)
    mark(machine.store, box, 1)
    machine.sync()
    told = mark(machine.store, box, 2)
    clerk = hire(machine.cut())
    result = clerk.do(messages.set_flags, box, [(1, 2)], "add", ["\\Seen"], told)
    assert (result.changed, [uid for uid, _, _ in result.refused]) == ([], [1, 2])
    known = {row.uid: row.modseq for row in clerk.ask(reading.placements, box)}
    assert clerk.do(messages.set_flags, box, [(2, 2)], "add", ["\\Seen"], known[2]).refused == []


def test_clients_are_not_deceived_whenever_power_is_cut(machine: Machine, hire: Any) -> None:
    """Clients that know the mailbox as of different moments, lost ones too, find by CHANGEDSINCE what it is now."""
    chance = random.Random(7)
    clerk = hire(machine.store)
    box = clerk.inbox.id
    clerk.fill(6)
    clients: list[tuple[int, dict[int, int]]] = []
    lost = 0
    for _ in range(4):
        machine.sync()
        for _ in range(chance.randint(1, 6)):
            kind = chance.choices(["mark", "append", "expunge"], [8, 1, 1])[0]
            if kind == "append":
                clerk.fill(1)
            elif kind == "expunge":
                clerk.do(messages.remove, box, [(min(clerk.uids()),) * 2])
            else:
                flag, operation = chance.choice(["\\Seen", "\\Flagged", "khan"]), chance.choice(["add", "remove"])
                mark(machine.store, box, chance.choice(clerk.uids()), flag, operation)
            if machine.store.database._unsynced_since is None:
                machine.sync()
            known = {row.uid: row.flags for row in clerk.ask(reading.placements, box)}
            clients.append((highest(machine.store, box), known))
        before = clients[-1][1]
        clerk = hire(machine.cut())
        lost += before != {row.uid: row.flags for row in clerk.ask(reading.placements, box)}
        now = {row.uid: row.flags for row in clerk.ask(reading.placements, box)}
        for modseq, known in clients:
            gone = clerk.ask(changes.vanished_since, box, modseq)
            heard = {uid: flags for uid, flags in known.items() if uid not in gone} | news(machine.store, box, modseq)
            assert heard == now
        modseq = mark(machine.store, box, clerk.uids()[0], f"after{highest(machine.store, box)}")
        assert modseq > max(each for each, _ in clients)
    assert lost  # or nothing was shown


def test_nothing_is_lost_with_the_process_and_nothing_is_in_doubt(machine: Machine, hire: Any) -> None:
    clerk = hire(machine.store)
    box = clerk.inbox.id
    clerk.fill(2)
    for uid in (1, 2):
        mark(machine.store, box, uid)
    known = highest(machine.store, box)
    machine.stop()
    store = machine.start()
    assert highest(store, box) == known
    assert news(store, box, known) == {}
    assert hire(store).flags() == {1: {"\\Flagged"}, 2: {"\\Flagged"}}


def test_what_is_withdrawn_is_not_in_doubt(machine: Machine, hire: Any) -> None:
    clerk = hire(machine.store)
    box = clerk.inbox.id
    clerk.fill(2)
    mark(machine.store, box, 1)
    assert clerk.ask(promises.outstanding) == [box]
    clerk.do(promises.withdraw, [box])
    assert clerk.ask(promises.outstanding) == []
    machine.sync()
    known = highest(machine.store, box)
    store = machine.cut()
    assert highest(store, box) == known
    assert mark(store, box, 2) == known + 1


def test_the_housekeeper_withdraws_each_promise_once_a_day(timed_store: Store, clock: Any, hire: Any) -> None:
    clerk = hire(timed_store)
    for number in range(5):
        clerk.fill(1, clerk.create(f"M{number}"))
    left = [len(clerk.ask(promises.outstanding))]
    for _ in range(24):
        timed_store.housekeep()
        left.append(len(clerk.ask(promises.outstanding)))
        clock.now += 3600
    assert left[0] == 5
    assert len(set(left)) == 6  # one after the other
    assert left[-1] == 0


# What waits for the disk


@pytest.fixture
def begun(clerk: Any, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each transaction, whether it was to be on disk."""
    engine = clerk.store.database.engine
    begin, seen = engine.begin, []

    def observed(connection: Any, lasting: bool, **options: bool) -> None:
        seen.append(lasting)
        begin(connection, lasting, **options)

    monkeypatch.setattr(engine, "begin", observed)
    return seen


def test_flags_wait_for_the_disk_only_where_more_modseqs_are_promised(
    clerk: Any, begun: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promises, "AHEAD", 3)
    box = clerk.inbox.id
    clerk.fill(1)
    clerk.do(promises.withdraw, [box])
    begun.clear()
    for number in range(8):
        mark(clerk.store, box, 1, operation="remove" if number % 2 else "add")
    # Tried, and said to be beyond the promise: so run again.
    assert begun == [False, True, False, False, False] * 2


def test_many_messages_are_not_changed_for_nothing(clerk: Any, begun: list[bool]) -> None:
    """That the promise does not reach is said before the work is done."""
    clerk.fill(3)
    clerk.do(promises.withdraw, [clerk.inbox.id])
    begun.clear()
    tries: list[int] = []
    real = marking._mark_range

    def counted(tx: Any, values: dict[str, int]) -> int:
        tries.append(1)
        return real(tx, values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(marking, "_mark_range", counted)
        mark(clerk.store, clerk.inbox.id, 1)
    assert (begun, tries) == ([False, True], [1])


def test_flags_of_what_has_just_arrived_need_not_wait(clerk: Any, begun: list[bool]) -> None:
    clerk.fill(1)
    begun.clear()
    mark(clerk.store, clerk.inbox.id, 1)
    assert begun == [False]


@pytest.mark.parametrize("what", ["append", "remove", "expunge", "move", "copy"])
def test_letters_wait_for_the_disk_whatever_their_job_says(clerk: Any, mail: Any, begun: list[bool], what: str) -> None:
    other = clerk.create("Khác").id
    box = clerk.inbox.id
    clerk.fill(2)
    content = clerk.store.prepare(mail())
    for uid in (1, 2):
        mark(clerk.store, box, uid, "\\Deleted")
    begun.clear()
    jobs = {
        "append": lambda tx: messages.append(tx, content, [Target(box)]),
        "remove": lambda tx: messages.remove(tx, box, [(1, 1)]),
        "expunge": lambda tx: messages.expunge(tx, box),
        "move": lambda tx: messages.move(tx, box, [(1, 2)], other),
        "copy": lambda tx: messages.copy(tx, box, [(1, 2)], other),
    }
    clerk.store.write(jobs[what], lasting=False).result(30)
    assert begun == [False, True]
    assert {"append": 3, "remove": 1, "expunge": 0, "move": 0, "copy": 2}[what] == len(clerk.uids())


def test_a_batch_with_a_letter_in_it_is_on_disk(clerk: Any, mail: Any, begun: list[bool]) -> None:
    clerk.fill(1)
    box, content = clerk.inbox.id, clerk.store.prepare(mail())
    mark(clerk.store, box, 1)
    gate, inside = threading.Event(), threading.Semaphore(0)

    def hold(_tx: Any) -> None:
        inside.release()
        gate.wait(30)

    engine = clerk.store.database.engine
    held = [clerk.store.write(hold, heavy=True) for _ in range(engine.concurrent_writers)]
    for _ in held:
        assert inside.acquire(timeout=30)
    begun.clear()
    flags = clerk.store.write(lambda tx: messages.set_flags(tx, box, [(1, 1)], "add", ["\\Seen"]), lasting=False)
    letter = clerk.store.write(lambda tx: messages.append(tx, content, [Target(box)]))
    gate.set()
    flags.result(30)
    letter.result(30)
    assert begun == [True]


def test_what_is_on_its_way_is_synced_when_nobody_comes(clerk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clerk.fill(1)
    mark(clerk.store, clerk.inbox.id, 1)
    engine, synced = clerk.store.database.engine, threading.Event()
    real = engine.sync

    def sync() -> None:
        real()
        synced.set()

    monkeypatch.setattr(engine, "sync", sync)
    monkeypatch.setattr(database, "SYNC_AFTER", 0.001)
    mark(clerk.store, clerk.inbox.id, 1, "\\Seen")
    assert synced.wait(30)


def test_where_everybody_comes_it_is_synced_too(clerk: Any, begun: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    clerk.fill(1)
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(clerk.store.database.engine, "sync", lambda: None)
    begun.clear()
    for moment, flag in ((100.0, "\\Seen"), (100.9, "\\Draft"), (101.1, "\\Answered"), (101.2, "khan")):
        now[0] = moment
        mark(clerk.store, clerk.inbox.id, 1, flag)
    assert begun == [False, False, True, False]


def test_what_is_on_its_way_is_synced_at_the_end(tmp_path: Path, hire: Any) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'mail.db'}", tmp_path)
    clerk = hire(store)
    clerk.fill(1)
    for flag in ("\\Seen", "\\Flagged"):
        mark(store, clerk.inbox.id, 1, flag)
    synced: list[int] = []
    store.database.engine.sync = lambda: synced.append(1)  # type: ignore[method-assign]
    store.close()
    assert synced == [1]


def test_the_engine_is_told(clerk: Any) -> None:
    is_sqlite = clerk.store.database.engine.name == "sqlite"
    question = "PRAGMA synchronous" if is_sqlite else "SHOW synchronous_commit"
    ask = lambda tx: tx.connection.exec_driver_sql(question).scalar()  # noqa: E731
    answers = [clerk.store.write(ask, lasting=lasting).result(30) for lasting in (True, False, False, True, False)]
    yes, no = (2, 1) if is_sqlite else ("on", "off")
    assert answers == [yes, no, no, yes, no]


# How a break is known


def test_postgresql_empties_the_mark_at_a_crash(postgres_store_url: str) -> None:
    engine = create_engine(postgres_store_url)
    with engine.connect() as connection:
        kind = connection.execute(text("SELECT relpersistence FROM pg_class WHERE relname = 'continuity'")).scalar()
    engine.dispose()
    assert kind == "u"


def test_a_system_that_does_not_tell_its_boot_counts_as_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sqlite.boot_mark() == sqlite.boot_mark()

    def fail(_path: Path) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", fail)
    assert sqlite.boot_mark() != sqlite.boot_mark()
