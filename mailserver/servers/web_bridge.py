"""From the event loop to the webmail, a synchronous application: one thread for as long as it thinks, no longer.

A request's body is taken in on the loop, into memory or a file, before a thread is asked for; the answer is given out
on the loop after the thread is free again.  A slow or malicious client therefore holds a connection and nothing else.

Standards: PEP 3333 (WSGI), ASGI 3; RFC 9110 §8.4.1.3 (gzip).
Limits: one body of ``max_body`` octets; ``BODY_TIMEOUT`` seconds between two pieces of it.
"""

from __future__ import annotations

import asyncio
import gzip
import io
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from concurrent.futures import Executor
from typing import IO, Any

from werkzeug.wsgi import FileWrapper

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

IN_MEMORY = 512 * 1024
IN_ANSWER = 8 * 1024 * 1024  # octets of an answer that are held in memory; what follows goes through a file
_PIECE = 256 * 1024
BODY_TIMEOUT = 60.0
LONGEST_PAUSE = 30.0
# The application's word for "give this answer out after so many seconds" (a login that is being slowed).
ANSWER_AFTER = "x-answer-after"
_COMPRESSED = ("text/", "application/json", "application/javascript", "image/svg+xml")
_SMALLEST_COMPRESSED = 1024


class _Gone(Exception):
    pass


class HandedOver(FileWrapper):
    """A file of the application's that is given out as it lies on the disk (PEP 3333, wsgi.file_wrapper)."""


class Bridge:
    """An ASGI application that runs a WSGI one in an executor's threads."""

    def __init__(self, application: WsgiApplication, executor: Executor, *, max_body: int) -> None:
        self._application = application
        self._executor = executor
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        try:
            length = int(headers.get(b"content-length", b"0"))
        except ValueError:
            return await answer(send, 400)
        if length < 0 or length > self._max_body:
            return await answer(send, 413)
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as body:
            try:
                size = await self._take_in(receive, body)
            except _Gone:
                return None
            except TimeoutError:
                return await answer(send, 408)
            if size > self._max_body:
                return await answer(send, 413)
            body.seek(0)
            environ = _environ(scope, body, size)
            zipped = b"gzip" in headers.get(b"accept-encoding", b"")
            loop = asyncio.get_running_loop()
            status, given, content, more = await loop.run_in_executor(self._executor, self._think, environ, zipped)
        pause = 0.0
        kept = []
        for name, value in given:
            if name.lower() == ANSWER_AFTER:
                pause = min(float(value), LONGEST_PAUSE)
            else:
                kept.append((name.lower().encode("latin-1"), value.encode("latin-1")))
        if pause > 0:
            await asyncio.sleep(pause)
        await send({"type": "http.response.start", "status": status, "headers": kept})
        await send({"type": "http.response.body", "body": content, "more_body": more is not None})
        if more is not None:
            with more:
                # off the loop: a disk may be slow, and a client that is gone holds up no reading
                while piece := await asyncio.to_thread(more.read, _PIECE):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        return None

    async def _take_in(self, receive: Receive, body: tempfile.SpooledTemporaryFile[bytes]) -> int:
        size = 0
        while True:
            async with asyncio.timeout(BODY_TIMEOUT):
                message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self._max_body:
                return size
            body.write(chunk)
            if not message.get("more_body", False):
                return size

    def _think(
        self, environ: dict[str, Any], zipped: bool
    ) -> tuple[int, list[tuple[str, str]], bytes, IO[bytes] | None]:
        """Run the application to its end; on a thread.  What is too much for the memory comes back as a file."""
        started: list[tuple[str, list[tuple[str, str]]]] = []
        written: list[bytes] = []

        def start_response(status: str, headers: list[tuple[str, str]], _fault: Any = None) -> Callable[[bytes], None]:
            started[:] = [(status, headers)]
            return written.append

        chunks = self._application(environ, start_response)
        if isinstance(chunks, HandedOver):
            status, headers = started[0]
            return int(status.split(" ", 1)[0]), headers, b"", chunks.file
        more: IO[bytes] | None = None
        size = 0
        try:
            for chunk in chunks:
                size += len(chunk)
                if size > IN_ANSWER and more is None:
                    more = tempfile.TemporaryFile()  # noqa: SIM115  (whoever gives it out closes it)
                if more is None:
                    written.append(chunk)
                else:
                    more.write(chunk)
        except BaseException:
            if more is not None:
                more.close()
            raise
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        status, headers = started[0]
        content = b"".join(written)
        if more is not None:
            more.seek(0)
        elif zipped and len(content) >= _SMALLEST_COMPRESSED:
            headers, content = _compress(headers, content)
        return int(status.split(" ", 1)[0]), headers, content, more


def _compress(headers: list[tuple[str, str]], content: bytes) -> tuple[list[tuple[str, str]], bytes]:
    names = {name.lower(): value for name, value in headers}
    if "content-encoding" in names or not names.get("content-type", "").startswith(_COMPRESSED):
        return headers, content
    content = gzip.compress(content, compresslevel=2, mtime=0)
    vary = ", ".join(filter(None, (names.get("vary", ""), "Accept-Encoding")))
    kept = [(name, value) for name, value in headers if name.lower() not in ("content-length", "vary")]
    return [*kept, ("Content-Encoding", "gzip"), ("Content-Length", str(len(content))), ("Vary", vary)], content


def _environ(scope: Scope, body: IO[bytes], size: int) -> dict[str, Any]:
    host, port = scope.get("server") or ("localhost", 80)
    client = scope.get("client") or ("", 0)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode("utf-8", "surrogateescape").decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or 0),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "CONTENT_LENGTH": str(size),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": io.BytesIO() if size == 0 else body,
        "wsgi.errors": sys.stderr,
        "wsgi.file_wrapper": HandedOver,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if "_" in name or name in ("content-length", "proxy"):
            continue  # "X_Y" would pass for "X-Y"; "Proxy" would become HTTP_PROXY (httpoxy)
        key = "CONTENT_TYPE" if name == "content-type" else "HTTP_" + name.upper().replace("-", "_")
        if key in environ:
            value = f"{environ[key]}{'; ' if name == 'cookie' else ','}{value}"
        environ[key] = value
    return environ


async def answer(send: Send, status: int, headers: Iterable[tuple[bytes, bytes]] = (), body: bytes = b"") -> None:
    """A short answer of the server's own."""
    given = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": given})
    await send({"type": "http.response.body", "body": body})


def cookies_of(scope: Scope) -> dict[str, str]:
    """The request's cookies, the first of each name."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        if name == b"cookie":
            for pair in value.decode("latin-1").split(";"):
                key, _, text = pair.strip().partition("=")
                found.setdefault(key, text)
    return found
