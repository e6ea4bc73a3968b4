"""Who is connected over SMTP: how many from where, and how to send them home when the process stops.

One ``Clients`` serves all SMTP and LMTP listeners of a process; it lives on the event loop's thread.
Limits: IPv6 clients are counted by /64, which is what one customer gets (RFC 6177).
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from mailserver.config import Network
from security.headcount import Headcount

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
    ) -> None:
        self._per_client = per_client
        self._exempt = tuple(exempt)
        self._total = total
        self._headcount = headcount or Headcount()
        self._open: set[Retirable] = set()
        self.is_retiring = False

    def admit(self, client: str, session: Retirable) -> bool:
        """Count a new connection; False when it is one too many.  What was admitted is to be released."""
        if len(self._open) >= self._total:
            return False
        source = _key(client)
        if self._headcount.count(source) >= self._per_client and not is_within(client, self._exempt):
            return False
        self._headcount.add(source)
        self._open.add(session)
        return True

    def release(self, client: str, session: Retirable) -> None:
        if session in self._open:
            self._open.discard(session)
            self._headcount.remove(_key(client))

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


def _key(client: str) -> str:
    return "smtp client " + network_of(client)


@lru_cache(maxsize=8192)
def network_of(client: str) -> str:
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return client


@lru_cache(maxsize=8192)
def is_within(client: str, networks: tuple[Network, ...]) -> bool:
    """Whether the address is in one of the networks; IPv4 in IPv6 clothing counts as IPv4."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
