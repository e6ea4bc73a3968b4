"""Wake-ups: "look again at these mailboxes", within a process and between the processes of one machine.

A wake-up carries no news, only the ids of mailboxes that changed; the change log in the database is the truth.
Losing one costs delay, never data.  Every process has a Unix datagram socket in a folder that all know; a commit sends
one datagram to each of the others, and calls this process's own watchers directly.

A commit never waits for a process that is slow to take its datagrams (Linux queues as few as ten): what does not fit
is gathered, and a thread sends it as soon as there is room.  Each process has a line of its own, because what one
does not take would use up the room that a shared socket has for all.

Processes that were forked from one count in memory which they have in common what each of them watches (``Watched``).
Among them, nobody is told of what nobody there waits for: to wake a process costs more than to change a flag.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from security.headcount import Headcount

log = logging.getLogger("citymail.store")

Callback = Callable[[], object]

# Ids in one datagram; more changed mailboxes need several.
_IDS_PER_DATAGRAM = 4000
# The spool's number among what is watched.  It has a folder of its own: who sends to other servers has no use for the
# wake-ups of every commit.
SPOOL = 0
_DATAGRAMS_AT_ONCE = 50
# Process id and chance; and what it counts in.
_NAME = re.compile(r"[0-9]+-[0-9a-f]{8}(-[0-9a-f]{8})?")
# More mailboxes than this are told without a look whether somebody waits.
_FEW = 100
# Milliseconds after which the thread that sends what was gathered looks whether it is still wanted.
_PATIENCE = 1000


class Watched:
    """Which mailboxes are watched in which process, for all that are forked once this is made.  It may say too much,
    never too little."""

    __slots__ = ("_headcount", "name")

    def __init__(self) -> None:
        self._headcount = Headcount()
        self.name = secrets.token_hex(4)

    def sit_down(self) -> bool:
        """To be called in each process; False if there is no room for one more, which then must be told everything."""
        self._headcount.sit_down()
        return self._headcount.is_seated

    def add(self, mailbox_id: int) -> None:
        self._headcount.add(str(mailbox_id))

    def remove(self, mailbox_id: int) -> None:
        self._headcount.remove(str(mailbox_id))

    def elsewhere(self, mailboxes: Collection[int]) -> Collection[int]:
        """Those that other processes watch."""
        if len(mailboxes) > _FEW:
            return mailboxes
        count, mine = self._headcount.count, self._headcount.mine
        return [each for each in mailboxes if count(key := str(each)) > mine[key]]


class Watch:
    """A callback's interest in some mailboxes.  The callback may be called from any thread, and must be quick."""

    __slots__ = ("_wakeups", "callback", "mailboxes")

    def __init__(self, wakeups: Wakeups, mailboxes: Iterable[int], callback: Callback) -> None:
        self._wakeups = wakeups
        self.callback = callback
        # No set: nearly everybody watches one mailbox, and thousands do.
        self.mailboxes: tuple[int, ...] = tuple(dict.fromkeys(mailboxes))
        for mailbox_id in self.mailboxes:
            wakeups.enlist(mailbox_id, self)

    def add(self, mailbox_id: int) -> None:
        if mailbox_id not in self.mailboxes:
            self.mailboxes = (*self.mailboxes, mailbox_id)
            self._wakeups.enlist(mailbox_id, self)

    def remove(self, mailbox_id: int) -> None:
        self.mailboxes = tuple(other for other in self.mailboxes if other != mailbox_id)
        self._wakeups.strike(mailbox_id, self)

    def close(self) -> None:
        mailboxes, self.mailboxes = self.mailboxes, ()
        for mailbox_id in mailboxes:
            self._wakeups.strike(mailbox_id, self)


class _Line:
    """The way to one other process, and what it could not take yet."""

    __slots__ = ("missed", "socket")

    def __init__(self, address: str) -> None:
        self.missed: set[int] = set()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        try:
            self.socket.connect(address)
        except OSError:
            self.socket.close()
            raise

    def send(self, mailboxes: Collection[int]) -> None:
        """Raises ConnectionRefusedError when the process is gone."""
        if self.missed:
            self.missed.update(mailboxes)
            return
        ids = list(mailboxes)
        for start in range(0, len(ids), _IDS_PER_DATAGRAM):
            chunk = ids[start : start + _IDS_PER_DATAGRAM]
            try:
                self.socket.send(struct.pack(f"<{len(chunk)}q", *chunk))
            except BlockingIOError:
                self.missed.update(ids[start:])
                return

    def send_missed(self) -> None:
        missed, self.missed = self.missed, set()
        self.send(missed)


class Wakeups:
    """This process's watchers, and its line to the other processes."""

    def __init__(self, folder: Path, watched: Watched | None = None) -> None:
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._watchers: dict[int, list[Watch]] = {}
        self._guard = threading.Lock()
        self._watched = watched if watched is not None and watched.sit_down() else None
        self._suffix = f"-{self._watched.name}" if self._watched is not None else ""
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}{self._suffix}"
        # A socket's address holds 107 octets, and a data folder may lie deep: name it through its descriptor.
        self._folder_fd = os.open(self._folder, os.O_PATH | os.O_CLOEXEC)
        self._receiver: socket.socket | None = None
        self._peers: tuple[str, ...] = ()
        self._peers_seen_at = -1
        self._sending = threading.Lock()
        self._lines: dict[str, _Line] = {}
        self._is_following_up = False

    def watch(self, mailboxes: Iterable[int], callback: Callback) -> Watch:
        self._listen()
        return Watch(self, mailboxes, callback)

    def announce(self, mailboxes: Collection[int]) -> None:
        """Wake everybody who watches one of ``mailboxes``."""
        if not mailboxes:
            return
        self._wake(mailboxes)
        watched = mailboxes if self._watched is None else self._watched.elsewhere(mailboxes)
        with self._sending:
            for name in self._others():
                wanted = watched if self._suffix and name.endswith(self._suffix) else mailboxes
                if wanted:
                    self._send(name, wanted)

    def close(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            (self._folder / self._name).unlink(missing_ok=True)
            receiver.shutdown(socket.SHUT_RDWR)  # ends the thread's recv
            receiver.close()
        with self._sending:
            for name in list(self._lines):
                self._hang_up(name)
            if self._folder_fd >= 0:
                os.close(self._folder_fd)
                self._folder_fd = -1

    def enlist(self, mailbox_id: int, watch: Watch) -> None:
        with self._guard:
            watches = self._watchers.setdefault(mailbox_id, [])
            if not watches and self._watched is not None:
                self._watched.add(mailbox_id)
            watches.append(watch)

    def strike(self, mailbox_id: int, watch: Watch) -> None:
        with self._guard:
            watches = self._watchers.get(mailbox_id)
            if watches is not None and watch in watches:
                watches.remove(watch)
                if not watches:
                    del self._watchers[mailbox_id]
                    if self._watched is not None:
                        self._watched.remove(mailbox_id)

    def _wake(self, mailboxes: Iterable[int]) -> None:
        watchers = self._watchers
        if not watchers:
            return
        with self._guard:
            called = {id(watch): watch for mailbox_id in mailboxes for watch in watchers.get(mailbox_id, ())}
        for watch in called.values():
            try:
                watch.callback()
            except Exception:
                log.exception("a watcher failed")

    def _others(self) -> tuple[str, ...]:
        """Sockets of the other processes; the folder is read again only when something was added or removed."""
        changed_at = os.fstat(self._folder_fd).st_mtime_ns
        if changed_at != self._peers_seen_at:
            self._peers = tuple(
                name for name in os.listdir(self._folder) if name != self._name and _NAME.fullmatch(name)
            )
            for gone in self._lines.keys() - set(self._peers):
                self._hang_up(gone)
            # File times tick coarsely: a folder that changed just now may change again within the same tick.
            settled = time.time_ns() - changed_at > 100_000_000
            self._peers_seen_at = changed_at if settled else -1
        return self._peers

    def _address(self, name: str) -> str:
        return f"/proc/self/fd/{self._folder_fd}/{name}"

    def _send(self, name: str, mailboxes: Collection[int] = ()) -> None:
        """Send what there is for a process, with what it could not take before if no ``mailboxes`` are given."""
        try:
            line = self._lines.get(name)
            if line is None:
                line = self._lines[name] = _Line(self._address(name))
            if mailboxes:
                line.send(mailboxes)
            else:
                line.send_missed()
        except ConnectionRefusedError:
            # Its process is gone and left its socket behind.
            self._hang_up(name)
            (self._folder / name).unlink(missing_ok=True)
        except FileNotFoundError:
            self._hang_up(name)
        except OSError as fault:
            log.warning("wake-up not sent: %s", fault)
        else:
            if line.missed and not self._is_following_up:
                self._is_following_up = True
                threading.Thread(target=self._follow_up, name="store-wakeups-late", daemon=True).start()

    def _hang_up(self, name: str) -> None:
        line = self._lines.pop(name, None)
        if line is not None:
            line.socket.close()

    def _follow_up(self) -> None:
        """Send what was missed when there is room for it, until nothing is left."""
        while True:
            with self._sending:
                late = {line.socket.fileno(): name for name, line in self._lines.items() if line.missed}
                if not late:
                    self._is_following_up = False
                    return
            poll = select.poll()
            for descriptor in late:
                poll.register(descriptor, select.POLLOUT)
            ready = poll.poll(_PATIENCE)
            with self._sending:
                for descriptor, _ in ready:
                    line = self._lines.get(late[descriptor])
                    if line is not None and line.missed:
                        self._send(late[descriptor])

    def _listen(self) -> None:
        with self._guard:
            if self._receiver is not None:
                return
            receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            with contextlib.suppress(OSError):
                receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
            receiver.bind(self._address(self._name))
            self._receiver = receiver
        threading.Thread(target=self._receive, args=(receiver,), name="store-wakeups", daemon=True).start()

    def _receive(self, receiver: socket.socket) -> None:
        size = _IDS_PER_DATAGRAM * 8
        while self._receiver is receiver:
            try:
                told = {receiver.recv(size)}
                with contextlib.suppress(BlockingIOError):
                    while True:  # what else waits: many a mailbox is named several times
                        told.add(receiver.recv(size, socket.MSG_DONTWAIT))
                        if len(told) >= _DATAGRAMS_AT_ONCE:
                            break
            except OSError:
                return
            ids = {number for octets in told for (number,) in struct.iter_unpack("<q", octets[: len(octets) // 8 * 8])}
            self._wake(ids)
