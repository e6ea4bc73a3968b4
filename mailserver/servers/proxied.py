"""Connections that come through proxies: the header is read from the socket before anything else sees it.

Exactly the header's octets are taken, so that TLS and the protocols find what follows as if there were no proxy.  Who
is not named as a proxy is served as what he is.

Standards: The PROXY protocol, versions 1 and 2 (HAProxy, 2020), §2.
Limits: a header has ``HEADER_TIME`` seconds to come, and so many connections may wait for theirs at a time.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Protocol, cast

from mailserver.config import Network
from mailserver.smtp.proxy_protocol import Forwarded, ProxyFault, ProxyReader
from security.networks import is_within

log = logging.getLogger("citymail.worker")

HEADER_TIME = 10.0
WAITING = 1000
HANDSHAKE_TIME = 30.0
# After a failure to accept (no more files), so long is waited.
PAUSE = 1.0


class Proxiable(Protocol):
    def came_from(self, address: str, port: int) -> None:
        """Before the connection is made: who the client is, says a proxy that is believed."""


class ProxiedServer:
    """Serves a listening socket until it is closed; what ``asyncio.Server`` is where there are no proxies."""

    def __init__(
        self,
        listener: socket.socket,
        factory: Callable[[], asyncio.BaseProtocol],
        proxies: tuple[Network, ...],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._listener = listener
        self._factory = factory
        self._proxies = proxies
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._waiting: set[asyncio.Task[None]] = set()
        listener.setblocking(False)
        listener.listen(4096)
        self._accepting = self._loop.create_task(self._accept())

    def close(self) -> None:
        """Take no more; what has come lives on."""
        self._accepting.cancel()
        self._accepting.add_done_callback(lambda _: self._listener.close())

    async def _accept(self) -> None:
        while True:
            try:
                connection, peer = await self._loop.sock_accept(self._listener)
            except OSError as fault:
                log.error("a connection could not be accepted: %s", fault)
                await asyncio.sleep(PAUSE)
                continue
            if len(self._waiting) >= WAITING:
                connection.close()
                continue
            task = self._loop.create_task(self._admit(connection, peer[0]))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)

    async def _admit(self, connection: socket.socket, peer: str) -> None:
        client = Forwarded()
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if is_within(peer, self._proxies):
                async with asyncio.timeout(HEADER_TIME):
                    client = await self._read_header(connection)

            def make() -> asyncio.BaseProtocol:
                protocol = self._factory()
                if client.address:
                    cast(Proxiable, protocol).came_from(client.address, client.port)
                return protocol

            await self._loop.connect_accepted_socket(
                make, connection, ssl=self._tls, ssl_handshake_timeout=HANDSHAKE_TIME if self._tls else None
            )
        except (ProxyFault, TimeoutError, OSError) as fault:  # of TLS too
            log.info("proxy=%s connection refused: %s", peer, str(fault) or type(fault).__name__)
            connection.close()

    async def _read_header(self, connection: socket.socket) -> Forwarded:
        reader = ProxyReader()
        while True:
            octets = await self._loop.sock_recv(connection, reader.wanted)
            if not octets:
                raise ProxyFault("closed before its header")
            client = reader.feed(octets)
            if client is not None:
                return client
