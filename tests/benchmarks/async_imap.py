"""An IMAP client of which thousands fit into one process: one Protocol a connection, hardly any parsing."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable
from typing import cast

from tests.benchmarks.refused import RefusedByServer

_TAG = ("Y" + secrets.token_hex(3)).encode()
_CONTINUATION = b"+ "


class AsyncImap(asyncio.Protocol):
    """``on_push`` is given what comes while no command is under way: during IDLE."""

    def __init__(self) -> None:
        self.on_push: Callable[[bytes], None] | None = None
        self.greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._heard = bytearray()
        self._count = 0
        self._idle_tag = b""
        # What ends the answer under way; None while there is none.
        self._end: bytes | None = None
        self._answer: asyncio.Future[bytes] | None = None

    # What the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        for waiting in (self._answer, self.greeted):
            if waiting is not None and not waiting.done():
                waiting.set_exception(EOFError(f"the server closed the connection: {bytes(self._heard[-200:])!r}"))

    def data_received(self, data: bytes) -> None:
        if not self.greeted.done():
            self.greeted.set_result(None)
        elif self._end is None:
            if self.on_push is not None:
                self.on_push(data)
        else:
            self._heard += data
            if self._is_complete(self._end):
                answer, self._answer = self._answer, None
                octets = bytes(self._heard)
                self._heard.clear()
                self._end = None
                if answer is not None and not answer.done():
                    answer.set_result(octets)

    def _is_complete(self, end: bytes) -> bool:
        heard = self._heard
        if not heard.endswith(b"\r\n"):
            return False
        found = heard.rfind(end, max(0, len(heard) - 4096))
        return found == 0 or (found > 0 and heard[found - 1] == 0x0A)

    # What the series call

    async def command(self, text: str | bytes) -> bytes:
        """The whole answer.  Raises RefusedByServer."""
        self._count += 1
        tag = b"%s%d " % (_TAG, self._count)
        octets = await self._ask(tag + (text if isinstance(text, bytes) else text.encode()) + b"\r\n", tag)
        line = octets[octets.rfind(tag) + len(tag) :]
        if not line[:2].upper() == b"OK":
            raise RefusedByServer(line.decode("utf-8", "replace").strip())
        return octets

    async def status(self, mailbox: str = "INBOX") -> int:
        """How many messages the mailbox has."""
        found = re.search(rb"MESSAGES (\d+)", await self.command(f'STATUS "{mailbox}" (MESSAGES)'))
        if found is None:
            raise RefusedByServer(f"no MESSAGES for {mailbox}")
        return int(found[1])

    async def idle(self) -> None:
        self._count += 1
        self._idle_tag = b"%s%d " % (_TAG, self._count)
        await self._ask(self._idle_tag + b"IDLE\r\n", _CONTINUATION)

    async def done(self) -> None:
        await self._ask(b"DONE\r\n", self._idle_tag)

    def _ask(self, octets: bytes, end: bytes) -> asyncio.Future[bytes]:
        if self.transport.is_closing():
            raise EOFError("the server has closed the connection")
        self._end = end
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(octets)
        return self._answer


async def connect(port: int) -> AsyncImap:
    _, client = await asyncio.get_running_loop().create_connection(AsyncImap, "127.0.0.1", port)
    await client.greeted
    return client


async def sign_in(port: int, login: str, password: str) -> AsyncImap:
    client = await connect(port)
    await client.command(f'LOGIN "{login}" "{password}"')
    return client
