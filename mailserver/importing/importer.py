"""Brings what a source holds into an account's mailboxes, a hundred messages to a transaction.

A message is written together with its journal entry, so that wherever a run is broken off the next one goes on
there, and none is brought twice. What cannot be read or kept is named in the report and tried again by the next run;
nothing at the source is changed.

Limits: a batch ends at 100 messages or 16 MiB.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace

from mailserver.importing.journal import known_tokens, record
from mailserver.importing.names import below, joined
from mailserver.importing.source import Folder, Passed, Source, SourceFault, SourceMessage, Unreadable
from mailserver.refusals import OverQuota, Refusal, TryLater
from mailserver.store import Store, mailboxes, messages, unscanned
from mailserver.store.content import Content
from mailserver.store.database import Transaction
from mailserver.store.flags import SYSTEM_FLAGS
from mailserver.store.mailboxes import INBOX, Mailbox
from mailserver.store.messages import Target
from mailserver.store.quota import room_for

log = logging.getLogger("citymail.import")

BATCH_MESSAGES = 100
BATCH_OCTETS = 16 << 20


@dataclass(frozen=True, slots=True)
class Failure:
    folder: str
    label: str
    reason: str


@dataclass(slots=True)
class Report:
    """How far an import came. ``stopped`` says why it ended before its end, empty if it did not."""

    brought: int = 0
    octets: int = 0
    known: int = 0
    failures: list[Failure] = field(default_factory=list)
    targets: dict[str, str] = field(default_factory=dict)  # their folder: our mailbox
    stopped: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """Told after every batch. ``total`` is None where the source cannot say."""

    folder: str
    done: int
    total: int | None
    report: Report


class Importer:
    """One account's import. ``into`` names a mailbox that takes all folders; without it they join ours by name."""

    def __init__(
        self,
        store: Store,
        account_id: str,
        *,
        into: str = "",
        quota: int = 0,
        progress: Callable[[Progress], None] = lambda _: None,
        dry_run: bool = False,
    ) -> None:
        self._store = store
        self._account_id = account_id
        self._into = into
        self._quota = quota
        self._progress = progress
        self._dry_run = dry_run
        self._report = Report()

    def run(self, source: Source, *, only: Collection[str] = (), leave: Collection[str] = ()) -> Report:
        """Bring over all folders, or ``only`` some, or all but those to ``leave``."""
        report = self._report = Report()
        try:
            if not self._dry_run:
                self._store.maildrop(self._account_id)
            for folder in source.folders():
                if (not only or folder.name in only) and folder.name not in leave:
                    self._bring_folder(source, folder)
        except SourceFault as fault:
            report.stopped = str(fault)
        except (TryLater, OverQuota) as refusal:
            log.warning("import stopped: %s", refusal.reason)
            report.stopped = refusal.client_text
        return report

    def _bring_folder(self, source: Source, folder: Folder) -> None:
        try:
            mailbox = self._target(folder)
        except TryLater:
            raise
        except Refusal as refusal:
            self._report.failures.append(Failure(folder.name, "", refusal.client_text))
            return
        batch = self._begin_batch(mailbox)
        done = 0
        for item in source.messages(folder, self._known):
            if isinstance(item, Passed):
                self._report.known += item.count
                done += item.count
                continue
            done += 1
            if isinstance(item, Unreadable):
                self._report.failures.append(Failure(folder.name, item.label, item.reason))
            else:
                self._take(batch, item, folder, mailbox)
            if batch.is_full():
                self._write(batch, folder, mailbox)
                batch = self._begin_batch(mailbox)
                self._progress(Progress(folder.name, done, folder.count, self._report))
        self._write(batch, folder, mailbox)
        self._progress(Progress(folder.name, done, folder.count, self._report))

    def _begin_batch(self, mailbox: Mailbox | None) -> _Batch:
        if mailbox is None:
            return _Batch()
        with self._store.read() as connection:
            return _Batch(may_wait=unscanned.may_wait(connection, mailbox.id, BATCH_MESSAGES))

    def _known(self, tokens: Iterable[bytes]) -> set[bytes]:
        with self._store.read() as connection:
            return known_tokens(connection, self._account_id, list(tokens))

    # Where it goes

    def _target(self, folder: Folder) -> Mailbox | None:
        """Our mailbox for a folder of theirs, made if need be; None in a dry run that would have to make it."""
        with self._store.read() as connection:
            name = self._target_name(folder, mailboxes.list_mailboxes(connection, self._account_id))
            found = mailboxes.find_mailbox(connection, self._account_id, name)
        self._report.targets[folder.name] = name
        if found is not None or self._dry_run:
            return found

        def make(tx: Transaction) -> Mailbox:
            existing = mailboxes.find_mailbox(tx.connection, self._account_id, name)
            if existing is not None:
                return existing
            made = mailboxes.create_mailbox(tx, self._account_id, name)
            mailboxes.set_subscribed(tx, self._account_id, name, folder.subscribed)
            return made

        return self._store.write(make).result()

    def _target_name(self, folder: Folder, existing: list[Mailbox]) -> str:
        if self._into:
            return below(self._into, folder.name)
        if folder.name == INBOX:
            return INBOX
        for mailbox in existing:
            if folder.special_use is not None and mailbox.special_use == folder.special_use:
                return mailbox.name
        return joined(folder.name.split("/")) or "Imported"

    # What is brought

    def _take(self, batch: _Batch, message: SourceMessage, folder: Folder, mailbox: Mailbox | None) -> None:
        if not batch.remember(message.tokens):  # the folder holds it twice
            self._report.known += 1
            return
        if mailbox is None:
            batch.octets += len(message.octets)
            batch.counted += 1
            return
        try:
            content = self._store.prepare(message.octets, scans=len(batch.messages) >= batch.may_wait)
        except TryLater:
            raise
        except Exception as fault:
            log.exception("a message could not be prepared")
            self._report.failures.append(Failure(folder.name, message.label, str(fault) or type(fault).__name__))
            return
        batch.octets += len(message.octets)
        # The octets are in the content now, or on disk.
        batch.messages.append((replace(message, octets=b""), content))

    def _write(self, batch: _Batch, folder: Folder, mailbox: Mailbox | None) -> None:
        """Keep a batch; when that fails, keep its messages one by one, and name those that cannot be kept."""
        if mailbox is None or self._dry_run:
            self._report.brought += batch.counted + len(batch.messages)
            self._report.octets += batch.octets
        elif batch.messages:
            with self._store.read() as connection:
                if not room_for(connection, self._account_id, self._quota, batch.octets):
                    raise OverQuota
            try:
                self._commit(batch.messages, mailbox)
            except TryLater:
                raise
            except Exception:
                log.exception("a batch could not be kept; trying its messages one by one")
                for message, content in batch.messages:
                    self._write_one(message, content, folder, mailbox)

    def _write_one(self, message: SourceMessage, content: Content, folder: Folder, mailbox: Mailbox) -> None:
        plain = replace(message, flags=message.flags & SYSTEM_FLAGS.keys())
        for attempt in (message, plain):  # a message is worth more than a keyword that does not fit
            try:
                self._commit([(attempt, content)], mailbox)
            except TryLater:
                raise
            except Exception as fault:
                if attempt is plain or attempt.flags == plain.flags:
                    log.exception("a message could not be kept")
                    reason = fault.client_text if isinstance(fault, Refusal) else str(fault) or type(fault).__name__
                    self._report.failures.append(Failure(folder.name, message.label, reason))
                    return
            else:
                return

    def _commit(self, batch: list[tuple[SourceMessage, Content]], mailbox: Mailbox) -> None:
        def job(tx: Transaction) -> tuple[int, int]:
            tx.hold(mailbox.id)
            wanted = [token for message, _ in batch for token in message.tokens]
            known = known_tokens(tx.connection, self._account_id, wanted)
            fresh: set[bytes] = set()
            entries = []
            for message, content in batch:
                if not known.intersection(message.tokens):
                    entries.append((content, Target(mailbox.id, message.flags, message.internal_date)))
                fresh.update(message.tokens)
            if entries:
                messages.append_many(tx, entries)
            record(tx, self._account_id, fresh - known)
            return len(entries), sum(content.size for content, _ in entries)

        brought, octets = self._store.write(job, [mailbox.id]).result()
        self._report.brought += brought
        self._report.octets += octets
        self._report.known += len(batch) - brought


class _Batch:
    """Messages that wait for the next transaction, and perhaps for their scan (``store.unscanned``)."""

    def __init__(self, *, may_wait: int = 0) -> None:
        self.may_wait = may_wait
        self.messages: list[tuple[SourceMessage, Content]] = []
        self.octets = 0
        self.counted = 0  # in a dry run, instead of messages
        self._tokens: set[bytes] = set()

    def remember(self, tokens: tuple[bytes, ...]) -> bool:
        """False if the batch holds the message already."""
        if self._tokens.intersection(tokens):
            return False
        self._tokens.update(tokens)
        return True

    def is_full(self) -> bool:
        return len(self.messages) + self.counted >= BATCH_MESSAGES or self.octets >= BATCH_OCTETS
