"""An SMTP client for load: everything up to DATA in one write where the server offers PIPELINING (RFC 2920)."""

from __future__ import annotations

import asyncio
import contextlib
import time
from base64 import b64encode
from collections.abc import Sequence
from typing import cast

from security.tls import client_context
from tests.benchmarks.refused import RefusedByServer


class SmtpSession(asyncio.Protocol):
    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[bytes] = []
        self._finals = 0
        self._wanted = 0
        self._waiting: asyncio.Future[None] | None = None
        self._pipelining = False

    # What the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(EOFError(f"the server closed the connection: {self._lines[-1:]!r}"))

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\r\n")
        self._lines += lines
        self._finals += sum(line[3:4] != b"-" for line in lines)
        if self._waiting is not None and self._finals >= self._wanted and not self._waiting.done():
            self._waiting.set_result(None)

    # What the series call

    async def greet(self) -> None:
        await self._expect(b"220")
        self.transport.write(b"EHLO bench.example\r\n")
        self._pipelining = any(b"PIPELINING" in line.upper() for line in await self._expect(b"250"))

    async def log_in(self, login: str, password: str) -> None:
        answer = b64encode(f"\0{login}\0{password}".encode()).decode()
        self.transport.write(f"AUTH PLAIN {answer}\r\n".encode())
        await self._expect(b"235")

    async def send(self, reverse_path: str, forward_paths: Sequence[str], stuffed: bytes) -> tuple[float, float]:
        """Send a dot-stuffed message; when its body went out, and when the 250 was there."""
        commands = [
            f"MAIL FROM:<{reverse_path}>\r\n".encode(),
            *(f"RCPT TO:<{path}>\r\n".encode() for path in forward_paths),
            b"DATA\r\n",
        ]
        expected = [b"250"] * (1 + len(forward_paths)) + [b"354"]
        if self._pipelining:
            self.transport.write(b"".join(commands))
            await self._expect(*expected)
        else:
            for command, code in zip(commands, expected, strict=True):
                self.transport.write(command)
                await self._expect(code)
        body_at = time.perf_counter()
        self.transport.write(stuffed)
        await self._expect(b"250")
        return body_at, time.perf_counter()

    async def quit(self) -> None:
        self.transport.write(b"QUIT\r\n")
        with contextlib.suppress(EOFError):
            await self._expect(b"221")
        self.transport.close()

    async def _expect(self, *codes: bytes) -> list[bytes]:
        self._wanted = len(codes)
        if self._finals < self._wanted:
            if self.transport.is_closing():
                raise EOFError(f"the server closed the connection: {self._lines[-1:]!r}")
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        lines, self._lines, self._finals = self._lines, [], 0
        finals = [line for line in lines if line[3:4] != b"-"]
        for line, code in zip(finals, codes, strict=True):
            if not line.startswith(code):
                raise RefusedByServer(line.decode("utf-8", "replace"))
        return lines


async def open_session(port: int, *, tls: bool = False) -> SmtpSession:
    context = client_context(verify=False) if tls else None
    _, session = await asyncio.get_running_loop().create_connection(SmtpSession, "127.0.0.1", port, ssl=context)
    await session.greet()
    return session
