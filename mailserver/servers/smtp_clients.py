"""Who is connected over SMTP: how many from where, and how to send them home when the process stops.

One ``Clients`` serves all SMTP and LMTP listeners of a process; it lives on the event loop's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from mailserver.config import Network
from mailserver.servers.smtp_conduct import Conduct
from security.headcount import Headcount
from security.networks import is_within, network_of, site_of

# Seconds after which a client's side of a farewell (TLS close_notify) is not waited for any more.
FAREWELL = 2.0


class Retirable(Protocol):
    def retire(self) -> None: ...
    def leave(self) -> None: ...


class Clients:
    """``headcount`` counts over all processes; ``total`` is of this one."""

    def __init__(
        self,
        per_client: int,
        exempt: Sequence[Network] = (),
        total: int = 20_000,
        headcount: Headcount | None = None,
        *,
        per_network: int = 0,
        per_account: int = 0,
        conduct: Conduct | None = None,
    ) -> None:
        self._per_client = per_client
        self._exempt = tuple(exempt)
        self._total = total
        self._headcount = headcount or Headcount()
        # 0, here and below: any number
        self._per_network = max(per_network, per_client) if per_network else 0
        self._per_account = per_account
        self._conduct = conduct
        self._open: set[Retirable] = set()
        self.is_retiring = False

    def admit(self, client: str, session: Retirable) -> bool:
        """Count a new connection; False when it is one too many.  What was admitted is to be released."""
        if len(self._open) >= self._total:
            return False
        source, site = _keys(client)
        count = self._headcount.count
        if not is_within(client, self._exempt):
            if count(source) >= self._per_client or (self._per_network and count(site) >= self._per_network):
                return False
            if self._conduct is not None and not self._conduct.came(network_of(client)):
                return False
        self._headcount.add(source)
        self._headcount.add(site)
        self._open.add(session)
        return True

    def release(self, client: str, session: Retirable) -> None:
        if session in self._open:
            self._open.discard(session)
            for key in _keys(client):
                self._headcount.remove(key)

    def log_in(self, account_id: str) -> bool:
        """Count a login's connection; False when it is one too many.  What was counted is to be logged out."""
        key = f"smtp account {account_id}"
        if self._per_account and self._headcount.count(key) >= self._per_account:
            return False
        self._headcount.add(key)
        return True

    def log_out(self, account_id: str) -> None:
        self._headcount.remove(f"smtp account {account_id}")

    def asked_unknown(self, client: str) -> None:
        """A recipient whom nobody knows was asked for."""
        if self._conduct is not None and not is_within(client, self._exempt):
            self._conduct.asked_unknown(network_of(client))

    def is_harvesting(self, client: str) -> bool:
        """Whether the client has asked for so many that it is told nothing more now."""
        return (
            self._conduct is not None
            and self._conduct.is_harvesting(network_of(client))
            and not is_within(client, self._exempt)
        )

    def retire(self) -> None:
        """Tell every session to end after the command in progress (421, RFC 5321 §3.8); new ones get 421 at
        once.
        """
        self.is_retiring = True
        for session in tuple(self._open):
            session.retire()

    async def drain(self) -> None:
        """Retire everybody and wait until the last is gone."""
        self.retire()
        loop = asyncio.get_running_loop()
        patience = loop.time() + FAREWELL
        while self._open:
            await asyncio.sleep(0.02)
            if loop.time() > patience:
                for session in tuple(self._open):
                    session.leave()

    def __len__(self) -> int:
        return len(self._open)


@lru_cache(maxsize=8192)
def _keys(client: str) -> tuple[str, str]:
    return "smtp client " + network_of(client), "smtp network " + site_of(client)
