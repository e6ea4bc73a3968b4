"""What the relay learns of other servers while it talks to them, written down a little later.

Standards: RFC 8460 (how TLS went), RFC 7435 §3.
"""

from __future__ import annotations

import asyncio
import logging

from mailserver.delivery import peers, tls_outcomes
from mailserver.delivery.post_office import PostOffice
from mailserver.delivery.routing import Host, Route
from mailserver.delivery.tls_outcomes import Tally, outcome_of
from mailserver.refusals import Refusal
from mailserver.servers.asking import ask
from mailserver.smtp.tls_policy import TlsPolicy
from mailserver.store.database import Transaction

log = logging.getLogger("citymail.relay")

FLUSH_EVERY = 60.0
# That a host spoke TLS is written down once in so many seconds.
_FRESH = peers.DAY
_REMEMBERED = 50_000


class Peers:
    def __init__(self, office: PostOffice) -> None:
        self._office = office
        self._days = office.config.relay.remember_tls_days
        self._spoke: dict[str, int] = {}
        self._unwritten: set[str] = set()
        self._tally = Tally()

    async def spoke_tls(self, host: str) -> bool:
        """Whether the host has spoken TLS within the time for which that is remembered."""
        if not self._days:
            return False
        at = self._spoke.get(host)
        if at is None:
            office = self._office

            def read() -> int:
                with office.store.read() as connection:
                    return peers.spoke_tls_at(connection, host)

            at = await ask(office, read)
            if len(self._spoke) >= _REMEMBERED:
                self._spoke.clear()
            self._spoke[host] = at
        return at > self._office.now() - self._days * peers.DAY

    def succeeded(self, route: Route, host: Host, address: str, policy: TlsPolicy, *, secured: bool) -> None:
        now = self._office.now()
        if secured and self._days and not route.is_fixed and self._spoke.get(host.name, 0) < now - _FRESH:
            self._spoke[host.name] = now
            self._unwritten.add(host.name)
        if route.sts is not None and not route.sts.allows(host.name):
            # A policy that is only tested: it would have kept us from here.
            self.failed(route, host, address, policy, "validation-failure", "not one of the policy's hosts")
        else:
            self._tally.count(outcome_of(now, route, policy, host.name, address))

    def failed(self, route: Route, host: Host, address: str, policy: TlsPolicy, result: str, detail: str) -> None:
        """``result`` is one of RFC 8460 §4.3."""
        self._tally.count(outcome_of(self._office.now(), route, policy, host.name, address, result, detail))

    async def keep_writing(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_EVERY)
            await self.flush()

    async def flush(self) -> None:
        """Write down what was learnt; what cannot be written now is lost, and nobody's mail with it."""
        hosts, self._unwritten = self._unwritten, set()
        counted = self._tally.take()
        if not hosts and not counted:
            return

        def job(tx: Transaction) -> None:
            for host in sorted(hosts):
                peers.note_tls(tx, host)
            tls_outcomes.add(tx, counted)

        try:
            await asyncio.wrap_future(self._office.store.write(job))
        except Refusal as refusal:
            log.error("what was learnt of other servers could not be kept: %s", refusal.reason)
