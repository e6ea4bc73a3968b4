"""One connection of the relay: runs the steps of ``mailserver.smtp.client`` on a real socket.

Standards: RFC 5321 §4.5.3.2 (time-outs), §5.1 (several hosts, several addresses), RFC 7435 (opportunistic
TLS).
"""

from __future__ import annotations

import asyncio
import errno
import logging
import ssl
from collections.abc import Generator
from typing import TypeVar

from mailserver.delivery.routing import MAX_ADDRESSES, Host, Route
from mailserver.servers.dns import Dns
from mailserver.smtp.client import (
    TIMEOUTS,
    Client,
    ConnectionLost,
    HostRefused,
    Receive,
    Send,
    StartTls,
    Step,
    TlsFailed,
    TlsPolicy,
)
from mailserver.smtp.replies import Reply
from security.dns import Status

log = logging.getLogger("citymail.relay")

T = TypeVar("T")

READ_SIZE = 8192
# This machine has no more to give: not the other side's fault, and no reason to call a message delayed.
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})


class OutOfFiles(Exception):
    """We cannot open another connection now."""


class NoHost(Exception):
    """None of a route's hosts could be talked to; ``reply`` says what the last one did."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__(str(reply))


class Connection:
    """An open conversation with one host."""

    def __init__(
        self, client: Client, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, address: str
    ) -> None:
        self.client = client
        self.host = host
        self.address = address
        self._reader = reader
        self._writer = writer
        self._context: ssl.SSLContext | None = None

    async def run(self, steps: Generator[Step, bytes, T]) -> T:
        """Do what the steps want.  Raises whatever they raise, ConnectionLost above all."""
        try:
            step = next(steps)
            while True:
                try:
                    octets = await self._do(step)
                except (OSError, EOFError) as fault:  # TimeoutError and ssl.SSLError are OSErrors
                    kind = TlsFailed if isinstance(step, StartTls) else ConnectionLost
                    step = steps.throw(kind(_describe(fault)))
                else:
                    step = steps.send(octets)
        except StopIteration as end:
            value: T = end.value
            return value

    async def _do(self, step: Step) -> bytes:
        async with asyncio.timeout(step.timeout):
            if isinstance(step, Send):
                self._writer.write(step.octets)
                await self._writer.drain()
            elif isinstance(step, Receive):
                return await self._reader.read(READ_SIZE)
            else:
                assert self._context is not None
                await self._writer.start_tls(self._context, server_hostname=self.host)
        return b""

    async def open(self, context: ssl.SSLContext) -> None:
        self._context = context
        await self.run(self.client.open())

    async def close(self) -> None:
        """Politely if the conversation is in a state for it."""
        if self.client.alive:
            try:
                await self.run(self.client.quit())
            except ConnectionLost as loss:
                log.debug("host=%s did not say goodbye: %s", self.host, loss)
        self.abort()

    def abort(self) -> None:
        self.client.alive = False
        self._writer.close()


class Connector:
    """Finds a host of a route that talks to us."""

    def __init__(self, hostname: str, dns: Dns, context: ssl.SSLContext, *, connect_timeout: float = 0.0) -> None:
        self._hostname = hostname
        self._dns = dns
        self._context = context
        self._connect_timeout = connect_timeout or TIMEOUTS["connect"]

    async def connect(self, route: Route) -> Connection:
        """The first host and address that works, best first.  Raises NoHost, OutOfFiles."""
        last = Reply(451, "4.4.4", "No host for this route")
        tried = 0
        for host in route.hosts:
            found = await self._dns.addresses(host.name)
            if found.status is Status.NO_NAME:
                last = Reply(451, "4.4.4", f"The mail host {host.name} does not exist")
            elif found.failed:
                last = Reply(451, "4.4.3", f"The address of {host.name} cannot be found ({found.fault})")
            for address in found.names[:MAX_ADDRESSES]:
                tried += 1
                outcome = await self._try(host, address)
                if isinstance(outcome, Connection):
                    return outcome
                last = outcome
        log.info("route=%s no host of %d tried: %s", route.key, tried, last)
        raise NoHost(last)

    async def _try(self, host: Host, address: str) -> Connection | Reply:
        """One address: with TLS, then without if the handshake failed (RFC 7435 §3)."""
        for policy in (TlsPolicy.OPPORTUNISTIC, TlsPolicy.NEVER):
            try:
                return await self._open(host, address, policy)
            except TlsFailed as fault:
                log.info("host=%s[%s] TLS failed, trying without: %s", host.name, address, fault)
                failure = Reply(451, "4.7.5", f"{host.name}[{address}]: TLS failed: {fault}")
            except HostRefused as refusal:
                # A host that refuses to talk has not refused a recipient: another host, or another day.
                said = str(refusal.reply)
                return Reply(421, "4.3.2", f"{host.name}[{address}] refused the connection: {said}")
            except ConnectionLost as loss:
                return Reply(451, "4.4.1", f"{host.name}[{address}]: {loss}")
        return failure

    async def _open(self, host: Host, address: str, policy: TlsPolicy) -> Connection:
        try:
            async with asyncio.timeout(self._connect_timeout):
                reader, writer = await asyncio.open_connection(address, host.port)
        except OSError as fault:
            if fault.errno in _EXHAUSTED:
                raise OutOfFiles(str(fault)) from None
            raise ConnectionLost(_describe(fault)) from None
        connection = Connection(Client(self._hostname, tls=policy), reader, writer, host.name, address)
        try:
            await connection.open(self._context)
        except BaseException:
            connection.abort()
            raise
        return connection


def _describe(fault: BaseException) -> str:
    if isinstance(fault, TimeoutError):
        return "timed out"
    text = getattr(fault, "strerror", None) or str(fault)
    return text or type(fault).__name__
