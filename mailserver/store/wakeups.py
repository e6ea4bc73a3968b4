"""Wake-ups: "look again at these mailboxes", within a process and between the processes of one machine.

A wake-up carries no news, only the ids of mailboxes that changed; the change log in the database is the truth.
Losing one costs delay, never data.  Every process has a Unix datagram socket in ``DATA/run/wake``; a commit sends
one datagram to each of the others, and calls this process's own watchers directly.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

log = logging.getLogger("citymail.store")

Callback = Callable[[], None]

# Ids in one datagram; more changed mailboxes need several.
_IDS_PER_DATAGRAM = 4000
# Pseudo-mailbox: the spool.
SPOOL = 0


class Watch:
    """A callback's interest in some mailboxes.  The callback may be called from any thread, and must be quick."""

    __slots__ = ("_wakeups", "callback", "mailboxes")

    def __init__(self, wakeups: Wakeups, mailboxes: Iterable[int], callback: Callback) -> None:
        self._wakeups = wakeups
        self.callback = callback
        self.mailboxes: set[int] = set()
        for mailbox_id in mailboxes:
            self.add(mailbox_id)

    def add(self, mailbox_id: int) -> None:
        self.mailboxes.add(mailbox_id)
        self._wakeups.enlist(mailbox_id, self)

    def remove(self, mailbox_id: int) -> None:
        self.mailboxes.discard(mailbox_id)
        self._wakeups.strike(mailbox_id, self)

    def close(self) -> None:
        for mailbox_id in list(self.mailboxes):
            self.remove(mailbox_id)


class Wakeups:
    """This process's watchers, and its line to the other processes."""

    def __init__(self, run_dir: Path) -> None:
        self._folder = run_dir / "wake"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._watchers: dict[int, list[Watch]] = {}
        self._guard = threading.Lock()
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}"
        # A socket's address holds 107 octets, and a data folder may lie deep: name it through its descriptor.
        self._folder_fd = os.open(self._folder, os.O_PATH | os.O_CLOEXEC)
        self._sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sender.settimeout(0.05)
        self._receiver: socket.socket | None = None
        self._peers: tuple[str, ...] = ()
        self._peers_seen_at = -1

    def watch(self, mailboxes: Iterable[int], callback: Callback) -> Watch:
        self._listen()
        return Watch(self, mailboxes, callback)

    def announce(self, mailboxes: Collection[int]) -> None:
        """Wake everybody who watches one of ``mailboxes``."""
        if not mailboxes:
            return
        self._wake(mailboxes)
        peers = self._others()
        if peers:
            ids = list(mailboxes)
            for start in range(0, len(ids), _IDS_PER_DATAGRAM):
                chunk = ids[start : start + _IDS_PER_DATAGRAM]
                self._send(struct.pack(f"<{len(chunk)}q", *chunk), peers)

    def close(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            (self._folder / self._name).unlink(missing_ok=True)
            receiver.shutdown(socket.SHUT_RDWR)  # ends the thread's recv
            receiver.close()
        self._sender.close()
        if self._folder_fd >= 0:
            os.close(self._folder_fd)
            self._folder_fd = -1

    def enlist(self, mailbox_id: int, watch: Watch) -> None:
        with self._guard:
            self._watchers.setdefault(mailbox_id, []).append(watch)

    def strike(self, mailbox_id: int, watch: Watch) -> None:
        with self._guard:
            watches = self._watchers.get(mailbox_id)
            if watches is not None and watch in watches:
                watches.remove(watch)
                if not watches:
                    del self._watchers[mailbox_id]

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
        changed_at = os.stat(self._folder).st_mtime_ns
        if changed_at != self._peers_seen_at:
            self._peers = tuple(name for name in os.listdir(self._folder) if name != self._name)
            # File times tick coarsely: a folder that changed just now may change again within the same tick.
            settled = time.time_ns() - changed_at > 100_000_000
            self._peers_seen_at = changed_at if settled else -1
        return self._peers

    def _address(self, name: str) -> str:
        return f"/proc/self/fd/{self._folder_fd}/{name}"

    def _send(self, octets: bytes, peers: tuple[str, ...]) -> None:
        for peer in peers:
            try:
                self._sender.sendto(octets, self._address(peer))
            except (ConnectionRefusedError, FileNotFoundError):
                # Its process is gone.
                (self._folder / peer).unlink(missing_ok=True)
            except TimeoutError:
                log.warning("a process does not take its wake-ups; it will find the news later")
            except OSError as fault:
                log.warning("wake-up not sent: %s", fault)

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
        while self._receiver is receiver:
            try:
                octets = receiver.recv(_IDS_PER_DATAGRAM * 8)
            except OSError:
                return
            if not octets:
                return
            self._wake(struct.unpack(f"<{len(octets) // 8}q", octets))
