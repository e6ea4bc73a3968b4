"""The database under the store: snapshots for readers, one group-committing door for writers.

``read()`` gives a snapshot on a connection that belongs to the calling thread, so entering costs microseconds.

``write(job)`` hands a job to this process's writer and returns a future.  The writer takes every job that waits,
runs them in one transaction, commits once, wakes who is watching, and only then resolves the futures: a future
that has resolved is on disk (``synchronous=FULL``).  There is no artificial delay; what gathers during one fsync
goes into the next.  A job may run more than once (after a neighbour failed, or PostgreSQL reported a deadlock),
so it must do nothing but talk to its transaction.

Jobs that only change flags do not wait for the disk (``lasting=False``): if a batch has no others, its futures resolve
when it is committed, so that nothing is lost with this process, but perhaps at a power cut; the next commit that is
synced carries it along, or a second later nothing else is waited for.  What must not be lost says so where it is done
(``Transaction.must_last``), and such a batch is run again to be synced.

On SQLite such a job takes less time than to wake another thread: if nobody else writes, whoever hands it in does it
there and then, on the writer's connection.  Nothing is waited for, neither the disk nor other processes nor the log's
way home: if anything would have to be, it is the writer's.

On SQLite, writers of several processes queue on a file lock, which is fair and wakes at once, rather than on
SQLite's polling.  On PostgreSQL several writers work at once, each batch locking its mailboxes in id order.

A job that fails takes nobody with it: the batch is rolled back and its jobs run again, each in a transaction of its
own.  A commit whose answer was lost on the way is not tried again, because it may have been made.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, text

from mailserver.refusals import Refusal, TryLater
from mailserver.store.engines import Engine, open_engine
from mailserver.store.snapshots import OfThread

log = logging.getLogger("citymail.store")

T = TypeVar("T")

# Jobs that one transaction may carry.  More would only make the first of them wait longer.
MAX_BATCH = 400
# How often a job is tried again after PostgreSQL ended its transaction in favour of another's.
MAX_ATTEMPTS = 10
# Seconds without a job after which a writer has the engine give back what only work needs.
REST_AFTER = 2.0
# Seconds that a change of flags may be on its way to the disk.
SYNC_AFTER = 1.0
# The same when the connection was lost before the commit: a new one may hold.
LOST_ATTEMPTS = 3

_HOLD = text("SELECT id FROM mailbox WHERE id = ANY(:ids) ORDER BY id FOR UPDATE")

Announce = Callable[["Transaction"], None]


class NotNow(Exception):
    """It cannot be done without waiting: nothing of it was kept."""


class _MustLast(NotNow):
    """What a power cut must not take back was done in a transaction that it may."""


class Transaction:
    """One write transaction as a job sees it.

    ``now`` is the time of the batch in epoch seconds.  ``touch`` names a mailbox whose watchers are to look again
    once this is on disk; ``wake_spool`` does the same for the relay.  ``closing`` is done once before the commit, after
    all jobs of the batch: what they all would do to the same rows, done in one go and one order.
    """

    __slots__ = ("_held", "_lasts", "closing", "connection", "now", "scratch", "spool_touched", "touched")

    def __init__(self, connection: Connection, now: int, *, alone: bool = True, lasts: bool = True) -> None:
        self.connection = connection
        self.now = now
        self._lasts = lasts
        # Mailboxes whose rows are locked; None where no other writer can be.
        self._held: set[int] | None = None if alone else set()
        self.touched: set[int] = set()
        self.spool_touched = False
        # Values that the store's functions remember for the length of the transaction.
        self.scratch: dict[str, Any] = {}
        self.closing: dict[str, Callable[[Transaction], None]] = {}

    def hold(self, *mailbox_ids: int) -> None:
        """Keep other writers off mailboxes until the commit.  To be called before reading what a change depends on;
        SQLite has one writer anyhow."""
        if self._held is not None and (wanted := sorted({int(each) for each in mailbox_ids} - self._held)):
            # In the order of their ids, so that two who want the same do not wait for each other.
            self.connection.execute(_HOLD, {"ids": wanted})
            self._held.update(wanted)

    def must_last(self) -> None:
        """What is done now must be on disk when its future resolves."""
        if not self._lasts:
            raise _MustLast

    def touch(self, mailbox_id: int) -> None:
        self.touched.add(int(mailbox_id))

    def wake_spool(self) -> None:
        self.spool_touched = True


class _Failed(Exception):
    """No job's own fault: the database would not begin, or its answer to a commit was lost.  Has the cause."""


@dataclass(slots=True)
class _Job(Generic[T]):
    run: Callable[[Transaction], T]
    mailboxes: Sequence[int]
    heavy: bool
    lasting: bool
    future: Future[T]


class _Writer:
    """A connection that writes, None until there is work and after it broke; ``lock`` has who writes on it."""

    __slots__ = ("connection", "lock")

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.lock = threading.Lock()


class Database:
    """The store's database.  ``announce`` is called after each commit, before its futures resolve."""

    def __init__(self, url: str, *, announce: Announce, clock: Callable[[], float] = time.time) -> None:
        self.engine: Engine = open_engine(url)
        self._announce = announce
        self._clock = clock
        self._mine = OfThread(self.engine)
        self._jobs: deque[_Job[Any]] = deque()
        self._waiting = threading.Condition()
        self._closing = False
        # Since when a commit has been on its way to the disk.
        self._unsynced_since: float | None = None
        self._writers = [_Writer() for _ in range(self.engine.concurrent_writers)]
        self._threads: list[threading.Thread] = []

    # Reading

    @property
    def is_reading(self) -> bool:
        """Whether this thread is within a ``read()``, and so sees things as they were when that began."""
        return self._mine.reading.depth > 0

    def read(self) -> AbstractContextManager[Connection]:
        """A snapshot: everything read inside the block is of one moment.  Blocks of one thread may nest."""
        return self._mine.reading

    def glance(self) -> AbstractContextManager[Connection]:
        """The same for one statement, which is a snapshot by itself: cheaper."""
        return self._mine.glance

    # Writing

    def write(
        self,
        job: Callable[[Transaction], T],
        mailboxes: Sequence[int] = (),
        *,
        heavy: bool = False,
        lasting: bool = True,
    ) -> Future[T]:
        """Run ``job`` in a transaction that is committed together with what else waits.

        ``mailboxes`` are those it will change, as far as known: PostgreSQL locks them in order.  A ``heavy`` job has
        a transaction to itself.  One that is not ``lasting`` changes flags: it need not wait for the disk, may be lost
        at a power cut just after, and is often done when this returns.  The future raises the job's own Refusal, or
        TryLater when the database could not take it (disk full, lost connection); then nothing of the job is kept.
        """
        entry: _Job[T] = _Job(job, mailboxes, heavy, lasting, Future())
        if not (lasting or heavy):
            try:
                entry.future.set_result(self.do_at_once(job))
                return entry.future
            except NotNow as reason:
                entry.lasting = isinstance(reason, _MustLast)
            except BaseException as fault:
                entry.future.set_exception(fault)
                return entry.future
        with self._waiting:
            if self._closing:
                raise TryLater(reason="the store is closing")
            if not self._threads:
                self._start_writers()
            self._jobs.append(entry)
            self._waiting.notify()
        return entry.future

    def do_at_once(self, job: Callable[[Transaction], T]) -> T:
        """Do a job that need not last on this thread.  Raises NotNow if anything has to be waited for, and what the job
        raises; nothing of it is kept then."""
        writer = self._writers[0]
        if self._jobs or self._is_overdue() or not writer.lock.acquire(blocking=False):
            raise NotNow
        try:
            connection = writer.connection
            if connection is None or not self.engine.begin_at_once(connection):
                raise NotNow
            try:
                transaction, (result,) = self._carry_out(connection, [job], (), lasting=False)
            finally:
                self.engine.end_at_once()
            self._note_unsynced()
        except Exception as fault:
            if isinstance(fault, (_Failed, *self.engine.errors)):
                raise NotNow from None  # the writer tries again, and tells
            raise
        finally:
            writer.lock.release()
        self._tell(transaction)
        return result  # type: ignore[no-any-return]

    def close(self) -> None:
        """Finish what was handed in, then close.  Idempotent."""
        with self._waiting:
            self._closing = True
            self._waiting.notify_all()
        for thread in self._threads:
            thread.join()
        self.engine.dispose()

    def _start_writers(self) -> None:
        for number, writer in enumerate(self._writers):
            name = f"store-writer-{number}"
            thread = threading.Thread(target=self._write_loop, args=(writer,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _is_overdue(self) -> bool:
        """Whether the writer has not come to sync what was to be on disk by now."""
        since = self._unsynced_since
        return since is not None and time.monotonic() - since > SYNC_AFTER

    def _note_unsynced(self) -> None:
        if self._unsynced_since is None:
            self._unsynced_since = time.monotonic()
            with self._waiting:
                self._waiting.notify()

    def _take(self, writer: _Writer) -> list[_Job[Any]]:
        """Wait for jobs; a batch of light ones, or one heavy one.  Empty when closing."""
        is_resting = False
        while not self._has_work():
            if self._unsynced_since is not None:
                if not self._wait(self._has_work, SYNC_AFTER):
                    self._sync()
                is_resting = False
            elif is_resting or writer.connection is None:
                self._wait(self._is_wanted, None)
            elif not self._wait(self._is_wanted, REST_AFTER):
                self._rest(writer)
                is_resting = True
        with self._waiting:
            self._waiting.wait_for(self._has_work)  # another writer may have been quicker
            if not self._jobs:
                return []
            jobs = self._jobs
            if jobs[0].heavy:
                return [jobs.popleft()]
            batch: list[_Job[Any]] = []
            while jobs and len(batch) < MAX_BATCH and not jobs[0].heavy:
                batch.append(jobs.popleft())
            return batch

    def _wait(self, until: Callable[[], bool], seconds: float | None) -> bool:
        with self._waiting:
            return self._waiting.wait_for(until, seconds)

    def _has_work(self) -> bool:
        return bool(self._jobs) or self._closing

    def _is_wanted(self) -> bool:
        return self._has_work() or self._unsynced_since is not None

    def _rest(self, writer: _Writer) -> None:
        if not writer.lock.acquire(blocking=False):
            return  # somebody changes flags on it at once, and will want the memory again
        try:
            if writer.connection is not None:
                self.engine.rest(writer.connection)
        except self.engine.errors:
            log.warning("memory could not be given back", exc_info=True)
        finally:
            writer.lock.release()

    def _sync(self) -> None:
        self._unsynced_since = None
        try:
            self.engine.sync()
        except OSError:
            log.warning("the store's log could not be synced", exc_info=True)

    def _write_loop(self, writer: _Writer) -> None:
        while taken := self._take(writer):
            batch = [job for job in taken if job.future.set_running_or_notify_cancel()]
            with writer.lock:
                try:
                    if writer.connection is None:
                        writer.connection = self.engine.writer()
                    self._commit(writer.connection, batch)
                except Exception as fault:  # the connection itself failed: nothing of the batch was kept
                    self._fail(batch, fault)
                    self._discard(writer)
        with writer.lock:
            if writer.connection is not None:
                writer.connection.close()
                writer.connection = None
        if self._unsynced_since is not None:
            self._sync()

    def _discard(self, writer: _Writer) -> None:
        connection, writer.connection = writer.connection, None
        if connection is None:
            return
        try:
            connection.invalidate()
            connection.close()
        except self.engine.errors:
            log.debug("a broken connection would not close", exc_info=True)

    def _fail(self, batch: Sequence[_Job[Any]], fault: BaseException) -> None:
        fault = self._as_refusal(fault)
        if not isinstance(fault, Refusal):
            log.error("the store's writer failed", exc_info=fault)
        for job in batch:
            if not job.future.done():
                job.future.set_exception(fault)

    def _commit(self, connection: Connection, batch: list[_Job[Any]]) -> None:
        """All jobs in one transaction; if one fails, all again, each by itself."""
        if not batch:
            return
        try:
            self._run_together(connection, batch)
        except _Failed as failure:
            self._fail(batch, failure.__cause__ or failure)
        except BaseException as fault:  # whatever a job raises, the writer goes on
            if len(batch) == 1 and not self._is_worth_another_try(fault):
                batch[0].future.set_exception(self._as_refusal(fault))
            else:
                self._run_apart(connection, batch)

    def _run_together(self, connection: Connection, batch: list[_Job[Any]]) -> None:
        lasting = self._is_overdue() or any(job.lasting for job in batch)
        with self.engine.write_lock():
            try:
                transaction, results = self._transact(connection, batch, lasting)
            except _MustLast:
                lasting = True
                transaction, results = self._transact(connection, batch, lasting)
            if lasting:
                self._unsynced_since = None
        if not lasting:
            self._note_unsynced()
        self._tell(transaction)
        for job, result in zip(batch, results, strict=True):
            job.future.set_result(result)

    def _transact(self, connection: Connection, batch: list[_Job[Any]], lasting: bool) -> tuple[Transaction, list[Any]]:
        engine = self.engine
        try:
            engine.begin(connection, lasting)
        except engine.errors as fault:
            raise _Failed from fault
        mailboxes = [mailbox for job in batch for mailbox in job.mailboxes]
        return self._carry_out(connection, [job.run for job in batch], mailboxes, lasting)

    def _carry_out(
        self,
        connection: Connection,
        jobs: Sequence[Callable[[Transaction], Any]],
        mailboxes: Sequence[int],
        lasting: bool,
    ) -> tuple[Transaction, list[Any]]:
        """All jobs in the transaction that has begun, and the commit; what they gave."""
        engine = self.engine
        try:
            alone = engine.concurrent_writers == 1
            transaction = Transaction(connection, int(self._clock()), alone=alone, lasts=lasting)
            transaction.hold(*mailboxes)
            results = [job(transaction) for job in jobs]
            for close in transaction.closing.values():
                close(transaction)
        except BaseException:
            engine.rollback(connection)
            raise
        try:
            engine.commit(connection)
        except BaseException as fault:
            engine.rollback(connection)
            if engine.is_lost(fault):
                raise _Failed from fault
            raise
        return transaction, results

    def _run_apart(self, connection: Connection, batch: list[_Job[Any]]) -> None:
        """Each job in a transaction of its own: the slow way, taken only after a failure."""
        for position, job in enumerate(batch):
            for attempt in range(MAX_ATTEMPTS):
                try:
                    self._run_together(connection, [job])
                    break
                except _Failed as failure:
                    self._fail(batch[position:], failure.__cause__ or failure)
                    return
                except BaseException as fault:
                    if self.engine.is_lost(fault) and attempt + 1 == LOST_ATTEMPTS:
                        self._fail(batch[position:], fault)  # the others would fare no better
                        return
                    if self._is_worth_another_try(fault) and attempt + 1 < MAX_ATTEMPTS:
                        time.sleep(0.002 * (attempt + 1))
                        continue
                    job.future.set_exception(self._as_refusal(fault))
                    break

    def _is_worth_another_try(self, fault: BaseException) -> bool:
        """Of a fault before the commit: nothing was kept, and the next attempt may find things better."""
        return self.engine.is_conflict(fault) or self.engine.is_lost(fault)

    def _tell(self, transaction: Transaction) -> None:
        try:
            self._announce(transaction)
        except Exception:  # a wake-up is a hint; what was committed is committed
            log.exception("wake-up failed")

    def _as_refusal(self, fault: BaseException) -> BaseException:
        """What the caller of a failed job is told: its own refusal, or that we cannot now."""
        if isinstance(fault, self.engine.errors):
            log.error("the store could not write: %s", getattr(fault, "orig", fault))
            return TryLater(reason=str(getattr(fault, "orig", fault)))
        return fault
