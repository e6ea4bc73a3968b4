"""Finds a host of a route that talks to us, under the TLS that it must have.

Standards: RFC 5321 §5.1 (several hosts, several addresses), RFC 7435 §3 (opportunistic TLS), RFC 8314 §3.3.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from mailserver.config import Config
from mailserver.delivery.routing import MAX_ADDRESSES, Host, Route
from mailserver.delivery.tls_policy import ConfigurationFault, HostMistrusted, credentials_for, policy_for
from mailserver.servers.dns import Dns
from mailserver.servers.relay_connection import Connection
from mailserver.servers.relay_peers import Peers
from mailserver.smtp.client import Client, Credentials
from mailserver.smtp.replies import Reply
from mailserver.smtp.steps import ConnectionLost, HostRefused, LoginRefused, TlsFailed
from mailserver.smtp.tls_policy import IN_CLEAR, OPPORTUNISTIC, Demand, TlsPolicy
from security import dane
from security.dns import Status
from security.tls import client_context

log = logging.getLogger("citymail.relay")

# Seconds until a host has taken a connection.  RFC 5321 §4.5.3.2 says nothing of it; a host that is slower than this
# is tried again later, when it may have recovered.
CONNECT_TIMEOUT = 30.0
# This machine has no more to give: not the other side's fault, and no reason to call a message delayed.
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})


class OutOfFiles(Exception):
    """We cannot open another connection now."""


class NoHost(Exception):
    """None of a route's hosts could be talked to; ``reply`` says what the last one did."""

    def __init__(self, reply: Reply, host: str = "") -> None:
        self.reply = reply
        self.host = host
        super().__init__(str(reply))


class Connector:
    """Opens connections.  ``clock`` gives seconds since 1970; ``context`` is for TLS that vouches for nobody, for the
    tests.
    """

    def __init__(
        self,
        config: Config,
        dns: Dns,
        peers: Peers,
        *,
        clock: Callable[[], float],
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._clock = clock
        self._config = config
        self._dns = dns
        self._peers = peers
        self._any = context or client_context(verify=False)
        self._verifying: ssl.SSLContext | None = None

    async def connect(self, route: Route, *, demand: Demand = Demand.USUAL) -> Connection:
        """The first host and address that works, best first.  Raises NoHost, OutOfFiles."""
        last, name = Reply(451, "4.4.4", "No host for this route"), ""
        tried = 0
        for host in route.hosts:
            name = host.name
            spoke_tls = await self._peers.spoke_tls(host.name)
            is_required = demand is Demand.REQUIRED
            asking = policy_for(self._config, route, host, require_tls=is_required, spoke_tls=spoke_tls)
            try:
                policy = await self._dns.answer(asking)
            except HostMistrusted as fault:
                log.warning("route=%s host=%s is passed over: %s", route.key, host.name, fault.reply)
                self._peers.failed(route, host, "", TlsPolicy(basis=fault.basis), fault.result, fault.reply.text)
                last = fault.reply
                if demand is not Demand.OPTIONAL:
                    continue
                policy = OPPORTUNISTIC
            try:
                credentials = credentials_for(self._config, route, host)
            except ConfigurationFault as fault:
                log.error("route=%s %s", route.key, fault)
                last = Reply(451, "4.3.5", "Our login at the mail host cannot be read")
                continue
            found = await self._dns.addresses(host.name)
            if found.status is Status.NO_NAME:
                last = Reply(451, "4.4.4", f"The mail host {host.name} does not exist")
            elif found.failed:
                last = Reply(451, "4.4.3", f"The address of {host.name} cannot be found ({found.fault})")
            for address in found.names[:MAX_ADDRESSES]:
                tried += 1
                tries = list(_weaker(policy, is_optional=demand is Demand.OPTIONAL and credentials is None))
                outcome = await self._try(route, host, address, tries, credentials)
                if isinstance(outcome, Connection):
                    return outcome
                last = outcome
        log.info("route=%s no host of %d tried: %s", route.key, tried, last)
        raise NoHost(last, name)

    async def _try(
        self, route: Route, host: Host, address: str, tries: Sequence[TlsPolicy], credentials: Credentials | None
    ) -> Connection | Reply:
        """One address: under its policy, then under weaker ones, to which it goes only where a handshake failed."""
        place = f"{host.name}[{address}]"
        policy = tries[0]
        has_failed = False
        for each in tries:
            try:
                connection = await self._open(host, address, each, credentials)
                if not has_failed:
                    self._peers.succeeded(route, host, address, policy, secured=connection.client.secured)
                return connection
            except TlsFailed as fault:
                log.info("host=%s TLS failed: %s", place, fault)
                if not has_failed:
                    self._peers.failed(route, host, address, policy, fault.result, str(fault))
                has_failed = True
                failure = Reply(451, "4.7.5", f"{place}: TLS failed: {fault}")
            except HostRefused as refusal:
                # A host that refuses to talk has not refused a recipient: another host, or another day.
                return Reply(421, "4.3.2", f"{place} refused the connection: {refusal.reply}")
            except LoginRefused as fault:
                log.error("host=%s %s", place, fault)
                return Reply(451, "4.7.8", f"{place}: {fault}")
            except ConnectionLost as loss:
                return Reply(451, "4.4.1", f"{place}: {loss}")
        return failure

    async def _open(self, host: Host, address: str, policy: TlsPolicy, credentials: Credentials | None) -> Connection:
        context = self._verifying_context() if policy.verifies else self._any
        client = Client(self._config.city.hostname, tls=policy, credentials=credentials)
        check = partial(self._hold_against, policy) if policy.records else None
        make: Callable[[], Connection] = lambda: Connection(client, host.name, address, context, check)  # noqa: E731
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                _, connection = await asyncio.get_running_loop().create_connection(make, address, host.port)
        except OSError as fault:
            if fault.errno in _EXHAUSTED:
                raise OutOfFiles(str(fault)) from None
            text = "timed out" if isinstance(fault, TimeoutError) else fault.strerror or str(fault)
            raise ConnectionLost(text) from None
        try:
            await connection.run(client.open())
        except BaseException:
            connection.abort()
            raise
        return connection

    def _hold_against(self, policy: TlsPolicy, chain: Sequence[bytes]) -> None:
        dane.verify(policy.records, chain, policy.names, datetime.fromtimestamp(self._clock(), UTC))

    def _verifying_context(self) -> ssl.SSLContext:
        if self._verifying is None:
            named = self._config.relay.authorities
            self._verifying = client_context(ca_file=self._config.resolve(named) if named else None)
        return self._verifying


def _weaker(policy: TlsPolicy, *, is_optional: bool) -> Iterator[TlsPolicy]:
    """A policy, and what may be tried where its handshake fails: TLS with anybody, then none (RFC 7435 §3).
    ``is_optional``: the sender has it so, whatever the policy (RFC 8689 §4.2.2).
    """
    yield policy
    if policy.may_go_without or is_optional:
        if policy.verifies or policy.records:
            yield OPPORTUNISTIC if is_optional else replace(policy, verifies=False)
        yield IN_CLEAR
