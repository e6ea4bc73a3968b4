"""The store as the rest of the house holds it: one database, one folder of large bodies, one line for wake-ups."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from mailserver.refusals import TryLater
from mailserver.store import consistency, housekeeping, mailboxes, marking, promises, reading, unscanned
from mailserver.store import content as contents
from mailserver.store.blobs import Blobs
from mailserver.store.content import Content
from mailserver.store.database import Database, Transaction
from mailserver.store.fulltext import Fulltext
from mailserver.store.mailboxes import Mailbox
from mailserver.store.wakeups import SPOOL, Callback, Wakeups, Watch, Watched

log = logging.getLogger("citymail.store")

T = TypeVar("T")

DAY = 86_400
# Mailboxes that one transaction of the housekeeper holds.
_AT_ONCE = 1000
# Seconds between looks for mail whose scan was put off; after one that failed.
_LOOK, _REST = 0.1, 15.0


class Store:
    """Open one per process, after forking; ``close`` finishes what was handed in."""

    def __init__(
        self,
        url: str,
        folder: Path,
        *,
        inline_limit: int = 131_072,
        recoverable_days: int = 30,
        clock: Callable[[], float] = time.time,
        call_indexer: Callable[[], object] = lambda: None,
        watched: Watched | None = None,
    ) -> None:
        self.blobs = Blobs(folder / "bodies", clock=clock)
        self.wakeups = Wakeups(folder / "run" / "wake", watched)
        self._spool_wakeups = Wakeups(folder / "run" / "spool")
        self.database = Database(url, announce=self._announce, clock=clock)
        self.fulltext = Fulltext(folder / "index", self._read_anew, self.blobs.read, call=call_indexer)
        self._inline_limit = inline_limit
        self._recoverable = recoverable_days * DAY
        self._clock = clock
        self._needs = threading.local()

    def read(self) -> AbstractContextManager[Connection]:
        """A snapshot on this thread's own connection."""
        where: unscanned.Where | None = getattr(self._needs, "where", None)
        if where is None or self.database.is_reading:
            return self.database.read()
        return self.read_scanned(where)

    def need_scanned(self, where: unscanned.Where | None) -> None:
        """From now on, every snapshot of this thread is one of ``read_scanned``; None: of what there is."""
        self._needs.where = where

    def glance(self) -> AbstractContextManager[Connection]:
        """The same for one statement: cheaper."""
        return self.database.glance()

    @contextmanager
    def read_scanned(self, where: unscanned.Where) -> Iterator[Connection]:
        """A snapshot in which all that messages hold is known: what waits for its scan is scanned first, here.  As long
        as nothing can be written (a full disk), it is one in which those are missing."""
        is_stuck = False
        while True:
            with self._read_anew() as connection:
                if is_stuck or not unscanned.is_any(connection, where):
                    yield connection
                    return
            try:
                self.scan_next(where)
            except TryLater as fault:
                log.warning("messages could not be scanned: %s", fault.reason)
                is_stuck = True

    def is_scanned(self, where: unscanned.Where) -> bool:
        with self.glance() as connection:
            return not unscanned.is_any(connection, where)

    def scan_next(self, where: unscanned.Where) -> int:
        """Scan some of the messages whose scan was put off; how many, 0 when there are no more.  For threads that may
        wait; not within a read."""
        with self._read_anew() as connection:
            lot = unscanned.next_lot(connection, where)
        if lot is None:
            return 0
        summaries = unscanned.scan(lot)
        # It need not last: what a power cut takes back waits again.
        self.write(lambda tx: unscanned.fill(tx, lot, summaries), lasting=False).result()
        return max(len(summaries), 1)

    def first_unscanned(self, mailbox_id: int, uid: int) -> int | None:
        """The first message of a mailbox, from a UID on, that cannot be looked into yet."""
        with self.glance() as connection:
            return unscanned.first_uid(connection, mailbox_id, uid)

    def _read_anew(self) -> AbstractContextManager[Connection]:
        """For who may know more than a snapshot that began earlier: the index, and what scans are made up for."""
        if self.database.is_reading:
            raise RuntimeError("the index and scans are asked for before a read begins, not within")
        return self.database.read()

    def write(
        self,
        job: Callable[[Transaction], T],
        mailboxes: Sequence[int] = (),
        *,
        heavy: bool = False,
        lasting: bool = True,
    ) -> Future[T]:
        """Run a job in the next group commit.  The future resolves when it is on disk; of one that is not ``lasting``,
        a change of flags, when it is committed.  See ``Database.write``."""
        return self.database.write(job, mailboxes, heavy=heavy, lasting=lasting)

    def do_at_once(self, job: Callable[[Transaction], T]) -> T:
        """The same of a change of flags, here and now, and what it gives.  Raises NotNow if that would take waiting;
        then it is for ``write``."""
        return self.database.do_at_once(job)

    def prepare(self, octets: bytes | Path, *, prefix: bytes = b"", scans: bool = True) -> Content:
        """Scan a message and make its body safe, before ``write``; on any thread.

        ``prefix`` are trace header fields of ours; a Path is a file of ``blobs.incoming`` that is taken over.  Without
        ``scans`` the scan is put off, if the message is not large (``unscanned``).
        Raises TryLater when the disk does not take it.
        """
        try:
            return contents.prepare(self.blobs, octets, prefix=prefix, inline_limit=self._inline_limit, scans=scans)
        except FileNotFoundError:  # the caller's file is not there: no fault of the disk
            raise
        except OSError as fault:
            log.error("the store could not keep a body: %s", fault)
            raise TryLater(reason=str(fault)) from fault

    def octets(self, connection: Connection, message_id: int, start: int = 0, stop: int | None = None) -> bytes:
        """A message's octets, or a slice of them."""
        return reading.octets(connection, self.blobs.read, message_id, start, stop)

    def read_ahead(
        self, mailbox_id: int, uids: tuple[int, int], columns: Sequence[str], is_wanted: Callable[[], bool]
    ) -> None:
        """Have the disk begin: these columns of a large stretch of a mailbox are about to be read, by somebody who may
        read more of it afterwards as long as ``is_wanted`` says so, on any thread."""
        with self.read() as connection:
            self.database.engine.read_ahead(connection, int(mailbox_id), uids, reading.tables_of(columns), is_wanted)

    def maildrop(self, account_id: str) -> Mailbox:
        """The account's INBOX; at the first time, its standard mailboxes are made."""
        with self.read() as connection:
            inbox = mailboxes.find_mailbox(connection, account_id, mailboxes.INBOX)
            if inbox is not None and mailboxes.has_standard(connection, account_id):
                return inbox
        return self.write(lambda tx: mailboxes.ensure_maildrop(tx, account_id)).result()

    def watch(self, mailbox_ids: Iterable[int], callback: Callback) -> Watch:
        """Call back after changes of mailboxes, from any thread, in this process or another."""
        return self.wakeups.watch(mailbox_ids, callback)

    def watch_spool(self, callback: Callback) -> Watch:
        """Call back when mail to other servers was added or released."""
        return self._spool_wakeups.watch([SPOOL], callback)

    def check_consistency(self) -> list[str]:
        """Broken invariants, in words; empty when all is well."""

        def has_file(digest: bytes, size: int) -> bool:
            with contextlib.suppress(FileNotFoundError):
                return self.blobs.path(digest).stat().st_size == size
            return False

        with self.read() as connection:
            found = consistency.problems(connection, has_file)
        return found + self.fulltext.problems()

    def housekeep(self) -> dict[str, int]:
        """One round of forgetting and sweeping; what went, by kind."""
        horizon = int(self._clock()) - self._recoverable
        gone = {"tombstones": 0, "messages": 0, "mailboxes": 0, "files": 0, "indexed": 0}
        while count := self.write(lambda tx: housekeeping.purge_tombstones(tx, horizon), heavy=True).result():
            gone["tombstones"] += count
        while count := self.write(housekeeping.purge_messages, heavy=True).result():
            gone["messages"] += count
        with self.read() as connection:
            ranges = marking.empty_ranges(connection)
        self.write(lambda tx: marking.forget_ranges(tx, ranges), heavy=True).result()
        hour = int(self._clock()) // 3600 % 24
        with self.read() as connection:
            promised = promises.outstanding(connection, hour, 24)  # each once a day, not all at once
        for start in range(0, len(promised), _AT_ONCE):
            some = promised[start : start + _AT_ONCE]
            self.write(lambda tx, some=some: promises.withdraw(tx, some), heavy=True).result()  # type: ignore[misc]
        gone["mailboxes"] = self.write(lambda tx: mailboxes.purge_removed(tx, horizon), heavy=True).result()

        def is_needed(digest: bytes) -> bool:
            with self.read() as connection:
                return housekeeping.is_file_needed(connection, digest)

        gone["files"] = self.blobs.sweep(is_needed)
        gone["indexed"] = self.fulltext.forget_removed()
        return gone

    def scan_all(self, is_ending: Callable[[], bool] = lambda: False) -> None:
        """Make up for the scans of anybody's mail that were put off."""
        while not is_ending() and self.scan_next(unscanned.ANYWHERE):
            pass

    def keep_scanning(self, ending: threading.Event) -> None:
        """The same for as long as a process lives: who brings mail by the hundred is held up when too much waits."""
        rest = _LOOK
        while not ending.wait(rest):
            rest = _LOOK
            try:
                self.scan_all(ending.is_set)
            except Exception:
                log.exception("scanning failed; trying again later")
                rest = _REST

    def checkpoint(self) -> None:
        """Bring SQLite's log home while nobody waits for it."""
        self.database.engine.checkpoint()

    def close(self) -> None:
        self.database.close()
        self.wakeups.close()
        self._spool_wakeups.close()

    def _announce(self, transaction: Transaction) -> None:
        self.wakeups.announce(transaction.touched)
        if transaction.spool_touched:
            self._spool_wakeups.announce((SPOOL,))


def open_store(url: str, folder: Path, **settings: int) -> Store:
    """Bring the schema up to date and open the store."""
    from mailserver.store.migrate import migrate  # Alembic stays out of processes that only serve

    migrate(url)
    return Store(url, folder, **settings)  # type: ignore[arg-type]
