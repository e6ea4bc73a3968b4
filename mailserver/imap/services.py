"""What IMAP sessions of one process share."""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from directory.database import Directory
from directory.signing_in.login import Gate
from mailserver.config import Config, Network
from mailserver.imap.orders import Orders
from mailserver.imap.recent import RecentMail
from mailserver.store import Store, unseen
from security.headcount import Headcount

# Seconds: clocks are put forward or back at a quarter of an hour.
_QUARTER = 900


@lru_cache(maxsize=16)
def _utc_offset(timezone: str, at: int) -> int:
    offset = datetime.fromtimestamp(at, ZoneInfo(timezone)).utcoffset()
    return int((offset or timedelta()).total_seconds())


@dataclass(frozen=True, slots=True)
class SessionServices:
    """``presence`` counts the connections of each account, in all processes that share it; ``new_reference`` names a
    fault to the client and the log; ``recent`` is what no session was told of yet."""

    store: Store
    directory: Directory
    gate: Gate
    config: Config
    tls_context: ssl.SSLContext | None
    clock: Callable[[], float] = time.time
    new_reference: Callable[[], str] = lambda: secrets.token_hex(4)
    presence: Headcount = field(default_factory=Headcount)
    recent: RecentMail = field(default_factory=RecentMail)
    unseen: unseen.Memory = field(default_factory=unseen.Memory)
    orders: Orders = field(default_factory=Orders)

    @property
    def utc_offset(self) -> int:
        """Seconds east of Greenwich, now: in it dates are shown that nobody gave a zone, and days begin for SEARCH."""
        return _utc_offset(self.config.city.timezone, int(self.clock() // _QUARTER) * _QUARTER)

    @property
    def reads_block(self) -> bool:
        """Whether a read may wait for a network, so that it must not run on an event loop."""
        return self.store.database.engine.name != "sqlite"

    @property
    def plaintext_networks(self) -> tuple[Network, ...]:
        return self.config.login.plaintext_networks
