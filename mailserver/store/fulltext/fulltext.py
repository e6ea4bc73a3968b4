"""The indexes of all accounts: look up, fill, forget, begin anew.

``find`` first reads what has arrived since the last time, so that its answer is that of a scan (no ``store.read()``
may be open around it).  What was not read (thousands of messages that are new to it, a full disk, another process
filling for a long time) it names, and the caller looks into those messages itself.  None from it means "scan all".

``glance`` is for people, who wait for nothing: it reads no more than a few messages first, and says whether its answer
is whole.

``tend`` reads in the background what is too much for a search.  Files sent along with the last few messages are read
within the search, others there.

Limits: for each account a folder of some 3 KiB a message; no more memory than one round of filling and one merge of
chunks take.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import secrets
import shutil
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import quote, unquote

import apsw
from sqlalchemy import Select, select

from mailserver.message.attachments.reader import AttachmentReader
from mailserver.message.fuzzy import PERCENT, Fuzzy
from mailserver.message.matching import Needle
from mailserver.store import unscanned
from mailserver.store.fulltext import filling
from mailserver.store.fulltext.filling import OpenRead, ReadFile
from mailserver.store.fulltext.index_file import IndexFile, OtherVersion, Pause, no_pause
from mailserver.store.tables import mailbox, placement

log = logging.getLogger("citymail.fulltext")

Wanted = tuple[str, Needle | Fuzzy]

# Seconds within one search for files sent along, and for somebody else's round of filling: looking into the messages
# is quicker than waiting long.  In the background there is time.
ATTACHMENT_SECONDS = 3.0
_SEARCH_PATIENCE = 0.5
_PATIENCE = 60.0
# A mailbox that large is read in the background, ahead of its first search or beside it.
LARGE = 5_000
# Messages that are read while somebody looks at an empty screen.
_AT_ONCE = 128
# The files of so many messages have just arrived; more are of a mailbox that is new to us, and no search waits for it.
_FEW = 8
_REMOVED = ".removed-"
# What comes of octets in it that are not as they were written.
_DAMAGE = (zlib.error, ValueError, IndexError)
# Not a fault of the moment: the file itself is no good.
_BROKEN = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError, apsw.SQLError)


@dataclass(frozen=True, slots=True)
class Lookup:
    """Ids of messages for each thing that was looked for, and their scores where that was fuzzy; ``unread`` are those
    that the index does not know.  If it is not whole, there are more of these, which it does not name."""

    hits: dict[Wanted, set[int]]
    unread: frozenset[int]
    scores: dict[Wanted, dict[int, int]] = dataclasses.field(default_factory=dict)
    is_whole: bool = True


class Fulltext:
    def __init__(
        self,
        folder: Path,
        read: OpenRead,
        read_file: ReadFile,
        *,
        call: Callable[[], object] = lambda: None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """``call`` wakes whoever tends the indexes."""
        self._folder = folder
        self._read = read
        self._read_file = read_file
        self._call = call
        self._clock = clock
        self._seen: dict[str, list[tuple[int, int]]] = {}
        self._called_at: int | None = None  # the message that came last before

    def find(self, account_id: str, mailbox_ids: Sequence[int], wanted: Collection[Wanted]) -> Lookup | None:
        """Which messages of an account hold what is wanted; certain for those in the named mailboxes."""

        def look(index: IndexFile) -> Lookup:
            self._catch_up(index, account_id, mailbox_ids, LARGE, files=True)
            with index.reading():
                with self._read() as connection:
                    unread = [each for mid in mailbox_ids for each in filling.lacking(index, connection, mid)]
                return _looked_up(index, wanted, frozenset(unread))

        return self._look(account_id, mailbox_ids, look)

    def glance(
        self, account_id: str, mailbox_ids: Sequence[int], wanted: Collection[Wanted], *, hurry: bool
    ) -> Lookup | None:
        """The same as far as the index knows it by now, or soon.  What it lacks is read by whoever tends it."""

        def look(index: IndexFile) -> Lookup:
            self._catch_up(index, account_id, mailbox_ids, _AT_ONCE if hurry else LARGE, files=not hurry)
            with index.reading():
                with self._read() as connection:
                    is_whole = all(index.covered(each) >= filling.uid_next(connection, each) for each in mailbox_ids)
                if hurry and 0 < len(index.waiting(_FEW + 1)) <= _FEW:
                    is_whole = False
                return dataclasses.replace(_looked_up(index, wanted, frozenset()), is_whole=is_whole)

        return self._look(account_id, mailbox_ids, look)

    def _look(self, account_id: str, mailbox_ids: Sequence[int], look: Callable[[IndexFile], Lookup]) -> Lookup | None:
        try:
            with self._opened(account_id, mailbox_ids, _SEARCH_PATIENCE) as index:
                return look(index)
        except (apsw.Error, OSError) as fault:
            self._give_up(account_id, fault)
            return None
        except _DAMAGE as fault:
            log.error("the index of account %s is damaged, beginning anew: %r", account_id, fault)
            self.remove(account_id)
            return None

    def behind(self, account_id: str, mailbox_ids: Sequence[int]) -> int:
        """At most how many messages ``find`` would have to read first."""
        try:
            if self._path(account_id).exists():
                with self._opened(account_id, mailbox_ids, _SEARCH_PATIENCE) as index:
                    return self._behind(index, mailbox_ids)
        except (apsw.Error, OSError) as fault:
            self._give_up(account_id, fault)
        return self._behind(None, mailbox_ids)

    def read_next(self, account_id: str, mailbox_ids: Sequence[int]) -> int:
        """Read some of what ``find`` would have to read; how many, 0 when there is no more (or it cannot be done)."""
        try:
            with self._opened(account_id, mailbox_ids, _SEARCH_PATIENCE) as index:
                if self._behind(index, mailbox_ids) > LARGE:
                    return 0
                for mailbox_id in mailbox_ids:
                    with self._read() as connection:
                        is_read = index.covered(mailbox_id) >= filling.uid_next(connection, mailbox_id)
                    if not is_read and filling.fill_round(index, self._read, self._read_file, mailbox_id):
                        return filling.ROUND
        except (apsw.Error, OSError) as fault:
            self._give_up(account_id, fault)
        return 0

    def fill(
        self,
        account_id: str,
        *,
        until: Callable[[], bool] = lambda: False,
        files_until: Callable[[], bool] = lambda: False,
        pause: Pause = no_pause,
    ) -> None:
        """Read all messages and the files sent along with them, unless stopped.  Raises apsw.Error, OSError."""
        mailbox_ids = self._mailbox_ids(account_id)
        with self._opened(account_id, mailbox_ids) as index:
            for mailbox_id in mailbox_ids:
                filling.fill_newest(index, self._read, self._read_file, mailbox_id, LARGE, until, pause)
                while not until() and filling.fill_round(index, self._read, self._read_file, mailbox_id, pause):
                    pass
            with AttachmentReader() as reader:
                while not files_until() and filling.read_attached(index, self._read, self._read_file, reader, pause):
                    pass

    def rebuild(self, account_id: str) -> None:
        self.remove(account_id)
        self.fill(account_id)

    def remove(self, account_id: str) -> None:
        """At once for whoever comes after; who has it open keeps what he has."""
        self._seen.pop(account_id, None)
        home = self._home(account_id)
        away = home.with_name(f"{home.name}{_REMOVED}{secrets.token_hex(4)}")
        with contextlib.suppress(FileNotFoundError):
            os.rename(home, away)
            shutil.rmtree(away, ignore_errors=True)

    def forget(self, account_id: str) -> int:
        """Let messages that lie in none of the account's mailboxes leave its index.  How many left."""
        with self._opened(account_id, ()) as index, index.writing():
            # Within the transaction: nobody can be adding a place for one of them that he believes to be read.
            with self._read() as connection:
                placed = connection.execute(
                    select(placement.c.message_id)
                    .join(mailbox, mailbox.c.id == placement.c.mailbox_id)
                    .where(mailbox.c.account_id == account_id)
                ).scalars()
                gone = index.message_ids().difference(placed)
            if gone:
                index.forget(gone)
        return len(gone)

    def forget_removed(self) -> int:
        """The same for all accounts; and what was left of indexes whose removal was broken off."""
        for each in self._folder.glob(f"*{_REMOVED}*"):
            shutil.rmtree(each, ignore_errors=True)
        count = 0
        for account_id in self.accounts():
            try:
                count += self.forget(account_id)
            except (apsw.Error, OSError) as fault:
                self._give_up(account_id, fault)
        return count

    def figures(self, account_id: str) -> dict[str, int] | None:
        """Counts for people; None for an account that was never searched."""
        if not self._path(account_id).exists():
            return None
        mailbox_ids = self._mailbox_ids(account_id)
        with self._opened(account_id, ()) as index, index.reading(), self._read() as connection:
            behind = {each for mailbox_id in mailbox_ids for each in filling.lacking(index, connection, mailbox_id)}
            size = sum(each.stat().st_size for each in self._home(account_id).iterdir())
            return index.figures() | {"behind": len(behind), "octets": size}

    def accounts(self) -> list[str]:
        """Those that have been searched."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return sorted(unquote(each.name) for each in self._folder.iterdir() if _REMOVED not in each.name)
        return []

    def call_after(self, count: int) -> None:
        """Call if so many messages have come since this last did, or nobody knows, and any account has an index or
        should."""
        with self._read() as connection:
            last = filling.last_message(connection)
            if self._called_at is not None and last - self._called_at < count:
                return
            self._called_at = last
            is_wanted = self._has_any() or connection.execute(_large().limit(1)).first() is not None
        if is_wanted:
            self._call()

    def tend(
        self, ending: Callable[[], bool], called: Callable[[], bool] = lambda: False, pause: Pause = no_pause
    ) -> bool:
        """Read what arrived for accounts that have been searched, so that the next search need not; and all of those
        with so much mail that their first search would take long.  Whether there was anything.

        Files sent along, which take minutes, are left for the next time when somebody has ``called``.  ``pause`` is
        called while nothing is held, every few milliseconds.
        """
        with self._read() as connection:
            accounts = dict.fromkeys((*self.accounts(), *connection.execute(_large()).scalars()))
        found = False
        for account_id in accounts:
            if ending():
                break
            with self._read() as connection:
                rows = connection.execute(
                    select(mailbox.c.id, mailbox.c.uid_next).where(mailbox.c.account_id == account_id)
                )
                state = sorted((row.id, row.uid_next) for row in rows)
                is_whole = not unscanned.is_any(connection, unscanned.of_account(account_id))
            if not state:
                self.remove(account_id)
            elif self._seen.get(account_id) != state:
                found = True
                self._tend(account_id, ending, called, pause)
                if is_whole and not ending() and not called():
                    self._seen[account_id] = state
        return found

    def problems(self) -> list[str]:
        """Indexes that are not as they should be, in words."""
        found = []
        for account_id in self.accounts():
            try:
                mailbox_ids = self._mailbox_ids(account_id)
                with closing(self._open(account_id)) as index, index.reading():
                    if index.account_id() != account_id or not filling.is_of_this_mail(index, self._read, mailbox_ids):
                        found.append(f"an index is of other mail: account {account_id}")
                    found += [f"an index is broken: account {account_id}: {each}" for each in index.problems()]
                    with self._read() as connection:
                        hidden = [each for mid in mailbox_ids for each in filling.hidden(index, connection, mid)]
                    if hidden:
                        found.append(f"an index hides messages: account {account_id}: {hidden[:5]}")
            except (apsw.Error, OSError) as fault:
                found.append(f"an index cannot be read: account {account_id}: {fault}")
        return found

    def _has_any(self) -> bool:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(self._folder) as entries:
            return next(entries, None) is not None
        return False

    def _behind(self, index: IndexFile | None, mailbox_ids: Sequence[int]) -> int:
        covered = [0 if index is None else index.covered(each) for each in mailbox_ids]
        with self._read() as connection:
            ends = [filling.uid_next(connection, each) for each in mailbox_ids]
        behind = sum(max(end - known, 0) for end, known in zip(ends, covered, strict=True))
        if behind > LARGE:
            self._call()
        return behind

    def _tend(self, account_id: str, ending: Callable[[], bool], called: Callable[[], bool], pause: Pause) -> None:
        try:
            self.fill(account_id, until=ending, files_until=lambda: ending() or called(), pause=pause)
        except (apsw.Error, OSError) as fault:
            self._give_up(account_id, fault)

    def _catch_up(
        self, index: IndexFile, account_id: str, mailbox_ids: Sequence[int], most: int, *, files: bool
    ) -> None:
        """Read up to so many messages.  More, of a mailbox that is new, are looked into meanwhile, which is quicker."""
        try:
            behind = self._behind(index, mailbox_ids)
            if behind > most:
                self._call()
                return
            for mailbox_id in mailbox_ids:
                with self._read() as connection:
                    is_read = index.covered(mailbox_id) >= filling.uid_next(connection, mailbox_id)
                while not is_read and filling.fill_round(index, self._read, self._read_file, mailbox_id):
                    pass
            if files and 0 < len(index.waiting(_FEW + 1)) <= _FEW:
                deadline = self._clock() + ATTACHMENT_SECONDS
                with AttachmentReader(ATTACHMENT_SECONDS) as reader:
                    while filling.read_attached(index, self._read, self._read_file, reader):
                        if self._clock() >= deadline:
                            break
        except (apsw.Error, OSError) as fault:
            if isinstance(fault, apsw.Error) and _is_broken(fault):
                raise
            if not _is_busy(fault):
                log.warning("the index of account %s could not be filled, scanning: %s", account_id, fault)

    @contextmanager
    def _opened(self, account_id: str, mailbox_ids: Sequence[int], patience: float = _PATIENCE) -> Iterator[IndexFile]:
        index = self._open(account_id, patience)
        try:
            if not filling.is_of_this_mail(index, self._read, mailbox_ids):
                log.warning("the index of account %s is of other mail; beginning anew", account_id)
                index.close()
                self.remove(account_id)
                index = self._open(account_id, patience)
            yield index
        finally:
            index.close()

    def _open(self, account_id: str, patience: float = _PATIENCE) -> IndexFile:
        try:
            return IndexFile(self._path(account_id), account_id, patience=patience)
        except OtherVersion:
            self.remove(account_id)
            return IndexFile(self._path(account_id), account_id, patience=patience)

    def _give_up(self, account_id: str, fault: Exception) -> None:
        if _is_busy(fault):
            return
        log.warning("the index of account %s cannot be used: %s", account_id, fault)
        if isinstance(fault, apsw.Error) and _is_broken(fault):
            self.remove(account_id)

    def _mailbox_ids(self, account_id: str) -> list[int]:
        with self._read() as connection:
            statement = select(mailbox.c.id).where(mailbox.c.account_id == account_id, mailbox.c.removed_at.is_(None))
            return list(connection.execute(statement).scalars())

    def _home(self, account_id: str) -> Path:
        return self._folder / quote(account_id, safe="")

    def _path(self, account_id: str) -> Path:
        return self._home(account_id) / "index.db"


def _large() -> Select[Any]:
    """Accounts that have a large mailbox."""
    return select(mailbox.c.account_id).where(mailbox.c.messages >= LARGE, mailbox.c.removed_at.is_(None))


def _looked_up(index: IndexFile, wanted: Collection[Wanted], unread: frozenset[int]) -> Lookup:
    lookup = Lookup({}, unread)
    for field, sought in wanted:
        if isinstance(sought, Fuzzy):
            lookup.scores[field, sought] = scores = index.scores(_places(field), sought)
            lookup.hits[field, sought] = set(scores)
        else:
            lookup.hits[field, sought] = _hits(index, field, sought)
    return lookup


def _hits(index: IndexFile, field: str, sought: Needle) -> set[int]:
    """``field`` is one of the index, ``text`` (all of a message), ``letter`` (what people see) or ``recipient``."""
    if field == "text":
        found = index.find("subject", sought) | index.find("body", sought)
        return found | index.find("header", sought, found)
    several = {"recipient": ("to", "cc", "bcc"), "letter": ("subject", "from", "to", "cc", "bcc", "body")}.get(field)
    if several is not None:
        return set().union(*(index.find(each, sought) for each in several))
    return index.find(field, sought)


def _places(field: str) -> list[tuple[int, str]]:
    """Where a fuzzy search looks, and what that counts; all of a message as ``message.fuzzy`` says."""
    return [(PERCENT[each], each) for each in ("subject", "header", "body")] if field == "text" else [(100, field)]


def _is_busy(fault: Exception) -> bool:
    return isinstance(fault, apsw.BusyError)


def _is_broken(fault: apsw.Error) -> bool:
    return isinstance(fault, _BROKEN)
