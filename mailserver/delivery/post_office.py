"""What everything in this package works with: store, directory, settings, clock and chance in one value.

Wiring builds one ``PostOffice`` per process; it holds no state of a message, only a few memories that save
look-ups.
"""

from __future__ import annotations

import itertools
import os
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from directory.database import Directory
from mailserver.config import Config
from mailserver.scanning.asking import Panel
from mailserver.store import Store
from mailserver.store.quota import usage

# How long a counted mailbox size is believed; other processes deliver to it too.
_COUNT_LIFETIME = 5.0
_REMEMBERED = 100_000


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a message comes from, for its Received field (RFC 5321 §4.4)."""

    client: str  # the peer's IP address; empty for what was written here
    hello: str  # the name it gave itself
    protocol: str  # RFC 3848: SMTP, ESMTP, ESMTPS, ESMTPSA, LMTP …
    priority: int | None = None  # RFC 6710 §7: named if one was asked for


@dataclass(slots=True)
class PostOffice:
    store: Store
    directory: Directory
    config: Config
    clock: Callable[[], float] = time.time
    random: Callable[[], float] = random.random
    panel: Panel | None = None  # scanners of other makers
    srs_secret: bytes = b""  # for reverse-paths of ours; without it none is rewritten
    # Whether a look-up is so quick that an event loop may do it: on the embedded engines, not over a network.
    in_place: bool = True
    _inboxes: dict[str, int] = field(default_factory=dict)
    _used: dict[str, tuple[float, int]] = field(default_factory=dict)
    _prefix: str = field(default_factory=lambda: f"{os.getpid() % 46_656:x}{secrets.token_hex(3)}")
    _count: itertools.count[int] = field(default_factory=itertools.count)

    @property
    def incoming(self) -> Path:
        """The folder for messages that are still on their way in."""
        return self.store.blobs.incoming

    @property
    def our_names(self) -> frozenset[str]:
        return frozenset({self.config.city.hostname.lower()})

    def new_reference(self) -> str:
        """A short name for a message or a fault; in the log, in the Received field, in the reply."""
        return f"{self._prefix}{next(self._count):x}".upper()

    def now(self) -> int:
        return int(self.clock())

    def inbox_of(self, account_id: str) -> int:
        """The id of the account's INBOX, which never changes; made, with the other standard mailboxes, if
        need be.
        """
        found = self._inboxes.get(account_id)
        if found is None:
            found = self.store.maildrop(account_id).id
            if len(self._inboxes) >= _REMEMBERED:
                self._inboxes.clear()
            self._inboxes[account_id] = found
        return found

    def has_room(self, account_id: str, quota: int, size: int) -> bool:
        """Whether the mailbox takes ``size`` more octets; counted anew every few seconds."""
        if not quota:
            return True
        now = self.clock()
        until, used = self._used.get(account_id, (0.0, 0))
        # A message that seems not to fit is worth a fresh count.
        if until < now or quota - used < size:
            with self.store.read() as connection:
                used = usage(connection, account_id).size
            if len(self._used) >= _REMEMBERED:
                self._used.clear()
            self._used[account_id] = (now + _COUNT_LIFETIME, used)
        return quota - used >= max(size, 1)

    def use_room(self, account_id: str, size: int) -> None:
        """A message is on its way into the mailbox: so much more is used than was counted."""
        counted = self._used.get(account_id)
        if counted is not None:
            self._used[account_id] = (counted[0], counted[1] + size)
