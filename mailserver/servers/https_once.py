"""HTTPS for those who have no event loop: the command line, and the thread that sends reports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mailserver.config import Config
from mailserver.servers.dns import Dns
from mailserver.servers.https import Answer, HttpsFailed, request
from security.tls import client_context


def request_once(
    config: Config,
    method: str,
    host: str,
    target: str,
    *,
    port: int = 443,
    content_type: str = "",
    body: bytes = b"",
    is_plain: bool = False,
    most: int = 64 * 1024,
    is_allowed: Callable[[str], bool] = lambda _: True,
) -> Answer:
    """One request, on a loop of its own, to a host that is looked up first; only to addresses that are allowed.

    ``is_plain``: in the clear, for what is signed itself.

    Raises HttpsFailed.
    """
    named = config.relay.authorities
    context = None if is_plain else client_context(ca_file=config.resolve(named) if named else None)

    async def run() -> Answer:
        found = await Dns.from_config(config).addresses(host)
        if not found.names:
            raise HttpsFailed(f"{host} has no address ({found.fault or found.status.value})")
        addresses = [address for address in found.names if is_allowed(address)]
        if not addresses:
            raise HttpsFailed(f"{host} leads to {', '.join(found.names)}, where we do not go")
        return await request(
            method,
            host,
            target,
            addresses=addresses,
            context=context,
            port=port,
            most=most,
            content_type=content_type,
            body=body,
        )

    return asyncio.run(run())
