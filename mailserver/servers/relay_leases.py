"""Which relays are at work: what a dead one had leased need not wait for its leases to run out.

Every relay holds a lock on a file of its own in ``DATA/run/relays``, from before its first lease until it ends.  The
system lets go of the lock whatever the process dies of.  A process id would not tell: a process that was killed may
keep its number until its parent looks, and another may have it soon after.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets
import socket
from pathlib import Path

from mailserver.delivery import lanes
from mailserver.store import Store

log = logging.getLogger("citymail.relay")


class Presence:
    """That this relay is there.  ``owner`` is the name it leases under: machine, process, chance."""

    def __init__(self, run_dir: Path) -> None:
        self._machine = socket.gethostname()
        token = secrets.token_hex(8)
        self.owner = f"{self._machine}/{os.getpid()}/{token}"
        self._folder = run_dir / "relays"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._path = self._folder / token
        self._lock = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def end(self) -> None:
        """To be called when nothing is leased any more."""
        self._path.unlink(missing_ok=True)
        os.close(self._lock)

    def free_leases_of_the_dead(self, store: Store) -> None:
        """Give back what relays of this machine held that are no more.  Of another machine's we cannot say."""
        with store.read() as connection:
            owners = lanes.owners(connection)
        for owner in owners:
            machine, _, rest = owner.partition("/")
            token = rest.rpartition("/")[2]
            if machine == self._machine and owner != self.owner and self._has_ended(token):
                log.warning("the relay %s died; what it held is tried again", owner)
                store.write(lambda tx, owner=owner: lanes.release(tx, owner)).result()  # type: ignore[misc]
                (self._folder / token).unlink(missing_ok=True)

    def _has_ended(self, token: str) -> bool:
        try:
            lock = os.open(self._folder / token, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            return False
        finally:
            os.close(lock)
