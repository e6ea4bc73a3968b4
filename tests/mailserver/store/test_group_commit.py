"""The one door for writers: what is answered is on disk, a failing job takes nobody with it, UIDs come in order."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, Future, wait
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url, text

from directory.sqlite_driver import connect
from mailserver.refusals import CannotDo, NoSuchMailbox, TryLater
from mailserver.store import Store, database, mailboxes, messages, open_store, reading
from mailserver.store.messages import Target


def count_through_a_stranger(store: Store, mailbox_id: int) -> int:
    """Messages in a mailbox as a connection sees it that has nothing to do with the store."""
    url = store.database.engine.sql.url
    question = f"SELECT count(*) FROM placement WHERE mailbox_id = {mailbox_id}"
    if url.get_backend_name() == "sqlite":
        with closing(connect(url.database or "")) as connection:
            return int(connection.execute(question).fetchone()[0])
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as other:
        row = other.execute(question).fetchone()
        assert row is not None
        return int(row[0])


def test_a_future_resolves_only_when_others_can_see_it(clerk: Any, mail: Any) -> None:
    content = clerk.store.prepare(mail())
    for number in range(1, 6):
        clerk.store.write(lambda tx: messages.append(tx, content, [Target(clerk.inbox.id)])).result(30)
        assert count_through_a_stranger(clerk.store, clerk.inbox.id) == number


def test_a_callback_of_a_future_sees_it_too(clerk: Any, mail: Any) -> None:
    content = clerk.store.prepare(mail())
    seen: list[int] = []
    done = threading.Event()

    def look(_future: Future[Any]) -> None:
        seen.append(count_through_a_stranger(clerk.store, clerk.inbox.id))
        done.set()

    clerk.store.write(lambda tx: messages.append(tx, content, [Target(clerk.inbox.id)])).add_done_callback(look)
    assert done.wait(30)
    assert seen == [1]


def test_a_callback_that_fails_harms_nobody(clerk: Any, mail: Any) -> None:
    content = clerk.store.prepare(mail())

    def append() -> Future[Any]:
        return clerk.store.write(lambda tx: messages.append(tx, content, [Target(clerk.inbox.id)]))

    def fail(_future: Future[Any]) -> None:
        raise RuntimeError("a callback's own fault")

    futures = [append() for _ in range(10)]
    for future in futures:
        future.add_done_callback(fail)
    futures += [append() for _ in range(10)]
    for future in futures:
        future.result(30)
    assert clerk.mailbox().messages == 20


def test_jobs_that_wait_share_one_commit(clerk: Any, mail: Any) -> None:
    """While one job holds the writers up, the others gather; then all are done at once."""
    commits: list[int] = []
    engine = clerk.store.database.engine
    real = engine.commit

    def commit(connection: Any) -> None:
        real(connection)
        commits.append(1)

    engine.commit = commit
    content = clerk.store.prepare(mail())
    gate, inside = threading.Event(), threading.Semaphore(0)

    def hold(_tx: Any) -> None:
        inside.release()
        gate.wait(30)

    held = [clerk.store.write(hold, heavy=True) for _ in range(engine.concurrent_writers)]
    for _ in held:
        assert inside.acquire(timeout=30)
    futures = [
        clerk.store.write(
            lambda tx: messages.append(tx, content, [Target(clerk.inbox.id)])[0].uid, mailboxes=[clerk.inbox.id]
        )
        for _ in range(100)
    ]
    gate.set()
    uids = [future.result(60) for future in futures]
    assert sorted(uids) == list(range(1, 101))
    if engine.concurrent_writers == 1:
        assert uids == list(range(1, 101))  # first come, first served
        assert len(commits) == 2
    assert len(commits) < 100


def test_a_failing_job_takes_nobody_with_it(clerk: Any, mail: Any) -> None:
    content = clerk.store.prepare(mail())

    def append(tx: Any) -> int:
        return messages.append(tx, content, [Target(clerk.inbox.id)])[0].uid

    def refuse(tx: Any) -> None:
        append(tx)
        raise CannotDo("by decision")

    def break_down(tx: Any) -> None:
        append(tx)
        raise LookupError("by a bug")

    def wrong_sql(tx: Any) -> None:
        append(tx)
        tx.connection.execute(text("SELECT nonsense FROM nowhere"))

    def broken_promise(tx: Any) -> None:
        append(tx)
        tx.connection.execute(text("INSERT INTO placement SELECT * FROM placement"))

    def leave(tx: Any) -> None:
        append(tx)
        raise SystemExit("a job must not end the writer")

    bad = {
        refuse: CannotDo,
        break_down: LookupError,
        wrong_sql: TryLater,
        broken_promise: TryLater,
        leave: SystemExit,
        lambda tx: messages.append(tx, content, [Target(987654)]): NoSuchMailbox,
    }
    good: list[Future[int]] = []
    failing: list[tuple[Future[Any], type[BaseException]]] = []
    for _ in range(10):
        for job, kind in bad.items():
            failing.append((clerk.store.write(job), kind))
            good.append(clerk.store.write(append))
    for future, kind in failing:
        with pytest.raises(kind):
            future.result(60)
    # Every UID once and none for the failed ones.
    assert sorted(future.result(60) for future in good) == list(range(1, len(good) + 1))
    assert clerk.counters(clerk.inbox) == clerk.recount(clerk.inbox)


def test_a_job_is_run_again_from_the_beginning(clerk: Any, mail: Any) -> None:
    """What a job saw in a transaction that was given up is not mixed into the one that counts."""
    content = clerk.store.prepare(mail())
    seen: list[int] = []
    tries = 0

    def count(tx: Any) -> int:
        found = len(reading.placements(tx.connection, clerk.inbox.id))
        seen.append(found)
        messages.append(tx, content, [Target(clerk.inbox.id, ("a-keyword",))])
        return found

    def fail_once(_tx: Any) -> str:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise LookupError
        return "done"

    gate = threading.Event()
    held = [
        clerk.store.write(lambda _tx: gate.wait(30), heavy=True)
        for _ in range(clerk.store.database.engine.concurrent_writers)
    ]
    first, second = clerk.store.write(count), clerk.store.write(fail_once)
    gate.set()
    wait(held)
    assert first.result(30) == 0
    assert set(seen) == {0}
    if clerk.store.database.engine.concurrent_writers == 1:
        assert (
            second.result(30) == "done"
        )  # its neighbour's transaction was the one that failed, and it had a second try
    assert clerk.flags() == {1: {"a-keyword"}}


def test_a_cancelled_job_does_nothing(clerk: Any, mail: Any) -> None:
    content = clerk.store.prepare(mail())
    gate = threading.Event()
    held = [
        clerk.store.write(lambda _tx: gate.wait(30), heavy=True)
        for _ in range(clerk.store.database.engine.concurrent_writers)
    ]
    doomed = clerk.store.write(lambda tx: messages.append(tx, content, [Target(clerk.inbox.id)]))
    kept = clerk.store.write(lambda tx: messages.append(tx, content, [Target(clerk.inbox.id)]))
    assert doomed.cancel()
    gate.set()
    wait(held)
    assert kept.result(30)[0].uid == 1
    with pytest.raises(CancelledError):
        doomed.result(30)
    assert clerk.uids() == [1]


def test_a_heavy_job_is_alone(clerk: Any) -> None:
    inside: list[str] = []
    order: list[tuple[str, ...]] = []

    def job(name: str) -> Any:
        def run(tx: Any) -> None:
            if tx.scratch.setdefault("jobs", inside) is not inside:
                raise AssertionError
            tx.scratch.setdefault("names", []).append(name)
            order.append(tuple(tx.scratch["names"]))

        return run

    futures = [clerk.store.write(job(f"{number}"), heavy=number % 3 == 0) for number in range(30)]
    for future in futures:
        future.result(30)
    for names in order:
        if any(int(name) % 3 == 0 for name in names):
            assert len(names) == 1
    assert {names[-1] for names in order} == {f"{number}" for number in range(30)}


def test_many_threads_get_gapless_uids_and_readers_see_them_in_order(clerk: Any, mail: Any) -> None:
    threads, each = 12, 25
    contents = [clerk.store.prepare(mail(f"{number}")) for number in range(threads)]
    ending = threading.Event()
    faults: list[str] = []
    looks = [0]

    def watch() -> None:
        """No session may see UID n+1 before n, nor a counter that does not fit the rows it sees."""
        while not ending.is_set():
            with clerk.store.read() as connection:
                uids = list(reading.uids(connection, clerk.inbox.id))
                now = mailboxes.get_mailbox(connection, clerk.inbox.id)
                rows = reading.placements(connection, clerk.inbox.id)
            looks[0] += 1
            assert now is not None
            if uids != list(range(1, len(uids) + 1)):
                faults.append(f"UIDs {uids}")
            if (now.messages, now.uid_next) != (len(uids), len(uids) + 1):
                faults.append(f"{now.messages} messages and UIDNEXT {now.uid_next} of {len(uids)}")
            if len(rows) != len(uids) or [row.modseq for row in rows] != sorted({row.modseq for row in rows}):
                faults.append("MODSEQs out of order")

    answered: list[int] = []

    def send(number: int) -> None:
        for _ in range(each):
            future = clerk.store.write(
                lambda tx: messages.append(tx, contents[number], [Target(clerk.inbox.id)])[0].uid, [clerk.inbox.id]
            )
            answered.append(future.result(60))

    watchers = [threading.Thread(target=watch) for _ in range(2)]
    senders = [threading.Thread(target=send, args=(number,)) for number in range(threads)]
    for thread in (*watchers, *senders):
        thread.start()
    for thread in senders:
        thread.join()
    ending.set()
    for thread in watchers:
        thread.join()
    assert faults == []
    assert looks[0] > 2
    assert sorted(answered) == list(range(1, threads * each + 1))


def test_writers_of_the_same_mailboxes_without_saying_so(clerk: Any) -> None:
    """Changes whose mailboxes nobody named beforehand: counters stay right and nothing moves twice."""
    other = clerk.create("T")
    clerk.fill(30)
    clerk.fill(30, other)
    everything = [(1, 2**32 - 1)]
    jobs: list[Any] = []
    for number in range(24):
        here, there = (clerk.inbox.id, other.id) if number % 2 else (other.id, clerk.inbox.id)
        jobs += [
            lambda tx, h=here, t=there: len(messages.move(tx, h, [(1, 40)], t)),
            lambda tx, h=here, k=number: messages.set_flags(tx, h, everything, "add", [f"k{k % 5}", "\\Seen"]),
            lambda tx, h=here: messages.set_flags(tx, h, everything, "remove", ["\\Seen"]),
            lambda tx, h=here: messages.set_flags(tx, h, everything, "add", ["\\Deleted"]),
            lambda tx, h=here: messages.set_flags(tx, h, everything, "remove", ["\\Deleted"]),
        ]
    for future in [clerk.store.write(job, heavy=True) for job in jobs]:
        future.result(120)
    assert clerk.mailbox().messages + clerk.mailbox(other.id).messages == 60
    for mailbox in (clerk.inbox, other):
        assert clerk.counters(mailbox) == clerk.recount(mailbox)
    assert clerk.store.check_consistency() == []


def test_expunging_the_same_messages_twice_at_once(clerk: Any) -> None:
    for _ in range(8):
        uids = clerk.fill(10, flags=("\\Deleted",))
        gone = [
            uid
            for future in [
                clerk.store.write(lambda tx: messages.expunge(tx, clerk.inbox.id), heavy=True) for _ in range(4)
            ]
            for uid in future.result(60)
        ]
        assert sorted(gone) == uids
        assert clerk.counters(clerk.inbox) == (0, 0, 0, 0)


def test_the_same_mailboxes_made_at_once(any_store: Store) -> None:
    """Two sessions of a new account log in at the same moment."""
    for number in range(5):
        account = f"moi{number}"
        inboxes = [
            future.result(60)
            for future in [
                any_store.write(lambda tx, a=account: mailboxes.ensure_maildrop(tx, a), heavy=True) for _ in range(6)
            ]
        ]
        assert len({inbox.id for inbox in inboxes}) == 1
        outcomes = []
        for future in [
            any_store.write(lambda tx, a=account: mailboxes.create_mailbox(tx, a, "Dự án/Con"), heavy=True)
            for _ in range(6)
        ]:
            try:
                outcomes.append(future.result(60).name)
            except mailboxes.MailboxExists:
                outcomes.append("exists")
        assert sorted(outcomes) == ["Dự án/Con"] + ["exists"] * 5


def test_mailboxes_renamed_and_made_below_at_once_leave_no_orphan(clerk: Any) -> None:
    for number in range(6):
        clerk.create("cha")
        jobs = [
            clerk.store.write(lambda tx, n=number: mailboxes.rename_mailbox(tx, "an", "cha", f"mới{n}"), heavy=True),
            clerk.store.write(lambda tx: mailboxes.create_mailbox(tx, "an", "cha/con"), heavy=True),
            clerk.store.write(lambda tx: mailboxes.delete_mailbox(tx, "an", "cha"), heavy=True),
        ]
        for job in jobs:
            with suppress(mailboxes.NoSuchMailbox, CannotDo, mailboxes.MailboxExists):
                job.result(60)
        names = set(clerk.names())
        for name in names:
            assert "/" not in name or name.rpartition("/")[0] in names
        for name in sorted(names - {"INBOX"} - {"Archive", "Drafts", "Junk", "Sent", "Trash"}, reverse=True):
            clerk.do(mailboxes.delete_mailbox, "an", name)


# Reading


def test_a_snapshot_stands_still(clerk: Any) -> None:
    clerk.fill(2)
    with clerk.store.read() as connection:
        before = list(reading.uids(connection, clerk.inbox.id))
        writer = threading.Thread(target=clerk.fill, args=(1,))
        writer.start()
        writer.join()
        assert list(reading.uids(connection, clerk.inbox.id)) == before == [1, 2]
        with clerk.store.read() as inner:  # nests
            assert list(reading.uids(inner, clerk.inbox.id)) == before
        assert list(reading.uids(connection, clerk.inbox.id)) == before
    assert clerk.uids() == [1, 2, 3]


def test_a_reader_that_fails_leaves_its_thread_able_to_read(clerk: Any) -> None:
    for _ in range(3):
        with pytest.raises(LookupError), clerk.store.read() as connection:
            raise LookupError(reading.uids(connection, clerk.inbox.id))
        with pytest.raises(Exception, match="nowhere"), clerk.store.read() as connection:
            connection.execute(text("SELECT * FROM nowhere"))
        assert clerk.uids() == []


def test_readers_cannot_write(clerk: Any) -> None:
    """Or their change would be in nobody's commit and wake nobody."""
    with pytest.raises(Exception, match=r"(?i)read.?only"), clerk.store.read() as connection:
        connection.execute(text("DELETE FROM placement"))
    clerk.fill(1)


def test_as_many_threads_may_read_as_there_are(clerk: Any) -> None:
    threads = 50
    together = threading.Barrier(threads, timeout=60)
    answers: list[int] = []

    def look() -> None:
        with clerk.store.read() as connection:
            answers.append(len(reading.uids(connection, clerk.inbox.id)))
            together.wait()

    clerk.fill(3)
    readers = [threading.Thread(target=look) for _ in range(threads)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert answers == [3] * threads


# The end


def test_closing_finishes_what_was_handed_in(hire: Any, mail: Any, tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'mail.db'}", tmp_path)
    inbox = hire(store).inbox
    content = store.prepare(mail())
    futures = [store.write(lambda tx: messages.append(tx, content, [Target(inbox.id)])) for _ in range(1000)]
    store.close()
    assert all(future.done() for future in futures)
    assert count_through_a_stranger(store, inbox.id) == 1000
    with pytest.raises(TryLater):
        store.write(lambda tx: None)
    store.close()


def test_batches_have_a_bound(make_store: Any, hire: Any) -> None:
    store = make_store()
    hire(store)
    gate = threading.Event()
    sizes: dict[Any, int] = {}

    def job(tx: Any) -> None:
        sizes[tx] = sizes.get(tx, 0) + 1

    held = store.write(lambda _tx: gate.wait(30))
    futures = [store.write(job) for _ in range(2 * database.MAX_BATCH + 10)]
    gate.set()
    held.result(30)
    wait(futures, 60)
    assert max(sizes.values()) <= database.MAX_BATCH
