"""The event loop of one process: several protocols on inherited sockets, until told to end."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import uvloop

from mailserver.config import Network
from mailserver.servers.proxied import ProxiedServer

log = logging.getLogger("citymail.worker")

# Seconds that sessions have to end by themselves after SIGTERM.
DRAIN = 10.0
# The loop takes one connection of a socket in a turn, and a turn is long when all are busy: so many times it waits at
# the same one, that a crowd does not stand outside.
DOORS = 8


@dataclass(frozen=True, slots=True)
class Service:
    """One listening socket and what speaks on it.  With ``tls`` the connection begins with a handshake.

    ``proxies`` say in front of theirs who the client is.
    """

    listener: socket.socket
    factory: Callable[[], asyncio.BaseProtocol]
    tls: ssl.SSLContext | None = None
    proxies: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """What a process does besides serving.  ``drain`` asks every session to end and waits for them."""

    on_ready: Callable[[], None]
    on_reload: Callable[[], None]
    drain: Callable[[], Awaitable[None]]


def run(start: Callable[[], Awaitable[tuple[Sequence[Service], Lifecycle]]]) -> None:
    """Serve until SIGTERM.  ``start`` runs on the loop, so that what it makes may belong to it."""
    uvloop.run(_serve(start))


async def _serve(start: Callable[[], Awaitable[tuple[Sequence[Service], Lifecycle]]]) -> None:
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ending.set)
    services, lifecycle = await start()
    loop.add_signal_handler(signal.SIGHUP, lifecycle.on_reload)
    servers = [
        ProxiedServer(service.listener, service.factory, service.proxies, service.tls)
        if service.proxies
        else await loop.create_server(
            service.factory,
            sock=door,
            ssl=service.tls,
            ssl_handshake_timeout=30 if service.tls else None,
            backlog=4096,
        )
        for service in services
        for door in _doors(service)
    ]
    lifecycle.on_ready()
    await ending.wait()
    for server in servers:
        server.close()
    try:
        async with asyncio.timeout(DRAIN):
            await lifecycle.drain()
    except TimeoutError:
        log.warning("sessions did not end in %.0f s; they are cut off", DRAIN)


def _doors(service: Service) -> list[socket.socket]:
    more = 0 if service.proxies else DOORS - 1
    return [service.listener, *(service.listener.dup() for _ in range(more))]
