"""The webmail's shell: HTTP and HTTPS on inherited sockets, the event streams on the loop, Flask on its threads.

Plain HTTP serves only networks that the configuration names (the demo's loopback, so that a newcomer meets no warning
about a certificate); everybody else is sent to HTTPS.

At SIGTERM no connection is taken any more, answers in progress are finished, event streams end.

Standards: RFC 9110 §15.4.9 (308).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import ssl
from collections.abc import Callable, Generator
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial

import uvicorn
import uvloop

from mailserver.config import Config
from mailserver.servers.web_bridge import Bridge, Receive, Scope, Send, answer, cookies_of
from mailserver.servers.web_events import Streams
from mailserver.servers.web_pictures import Pictures
from security.networks import is_within
from webmail import create_app
from webmail.events import PATH as EVENTS_PATH
from webmail.events import look
from webmail.reading.attachments import is_looked_into
from webmail.reading.pictures import PATH as PICTURES_PATH
from webmail.services import WebmailServices
from webmail.writing.links import PATH as LINKS_PATH

log = logging.getLogger("citymail.web")

# Threads beside those for requests, so that a wake-up of many pages never keeps a click waiting.
LOOKING_THREADS = 2
# Threads that wait while strangers' files are looked into, so that a hostile one holds up other files at most.
ATTACHMENT_THREADS = 4
# Seconds for answers in progress at the end, and for connections to be closed by their clients.
DRAIN = 8
PARTING = 0.5
_KEEP_ALIVE = 30
_FORM_OVERHEAD = 4 * 1024 * 1024


def run_web(
    services: WebmailServices,
    *,
    http: socket.socket | None,
    https: socket.socket | None,
    tls_context: ssl.SSLContext | None,
    on_ready: Callable[[], None] = lambda: None,
    on_reload: Callable[[], None] = lambda: None,
) -> None:
    """One web process: serve until SIGTERM."""

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        ending = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, ending.set)
        loop.add_signal_handler(signal.SIGHUP, on_reload)
        await serve_web(services, http, https, tls_context, ending, on_ready=on_ready)

    uvloop.run(serve())


async def serve_web(
    services: WebmailServices,
    http_socket: socket.socket | None,
    https_socket: socket.socket | None,
    tls_context: ssl.SSLContext | None,
    stop_event: asyncio.Event,
    *,
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve until ``stop_event`` is set."""
    with (
        ThreadPoolExecutor(services.config.workers.threads, thread_name_prefix="page") as pages,
        ThreadPoolExecutor(LOOKING_THREADS, thread_name_prefix="look") as looks,
        ThreadPoolExecutor(ATTACHMENT_THREADS, thread_name_prefix="attachment") as attachments,
    ):
        site = _Site(services, pages, looks, attachments)
        servers = []
        if http_socket is not None:
            servers.append((_Server(_settings(site.plain, None)), http_socket))
        if https_socket is not None and tls_context is not None:
            servers.append((_Server(_settings(site.serve, tls_context)), https_socket))
        shells = [server for server, _ in servers]
        tasks = [asyncio.create_task(server.serve(sockets=[listener])) for server, listener in servers]
        stopping = asyncio.create_task(stop_event.wait())
        started = asyncio.create_task(_all_started(shells))
        await asyncio.wait({started, stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        if started.done():
            on_ready()
        await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        started.cancel()
        stopping.cancel()
        site.streams.end()
        for server in shells:
            server.should_exit = True
        parting = asyncio.create_task(_part(shells))
        await asyncio.gather(*tasks)
        parting.cancel()
        site.pictures.end()


class _Site:
    """The whole of one origin: event streams and pictures from elsewhere here, all else in the Flask application."""

    def __init__(self, services: WebmailServices, pages: Executor, looks: Executor, attachments: Executor) -> None:
        app = create_app(services)
        self._config: Config = services.config
        self.streams = Streams(app, services, looks)
        self.pictures = Pictures(app, services, looks)
        self._bridge = Bridge(app, pages, max_body=services.config.smtp.max_message_size + _FORM_OVERHEAD)
        self._attachments = Bridge(app, attachments, max_body=_FORM_OVERHEAD)
        self._large = Bridge(app, pages, max_body=services.config.webmail.link_size + _FORM_OVERHEAD)
        self._who = partial(look, app, services)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == EVENTS_PATH and scope["method"] == "GET":
            await self.streams.serve(scope, receive, send)
        elif scope["path"].startswith(PICTURES_PATH) and scope["method"] == "GET":
            await self.pictures.serve(scope, receive, send)
        elif is_looked_into(scope["path"]):
            await self._attachments(scope, receive, send)
        elif scope["path"] == LINKS_PATH and scope["method"] == "POST" and await self._is_signed_in(scope):
            await self._large(scope, receive, send)  # nobody else fills our disk
        else:
            await self._bridge(scope, receive, send)

    async def _is_signed_in(self, scope: Scope) -> bool:
        secure = scope.get("scheme") == "https"
        return await asyncio.to_thread(self._who, cookies_of(scope), secure=secure) is not None

    async def plain(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Without TLS: the site itself for networks that may, for others the way to HTTPS."""
        if scope["type"] != "http":
            return
        if self._may_be_plain((scope.get("client") or ("", 0))[0]) or self._is_published(scope):
            await self.serve(scope, receive, send)
            return
        target = self._secure_address(scope)
        if target is None:
            await answer(send, 403, body=b"This webmail is reached over HTTPS only.\n")
        else:
            await answer(send, 308, [(b"location", target)])

    def _may_be_plain(self, client: str) -> bool:
        return is_within(client, self._config.webmail.plain_http)

    def _is_published(self, scope: Scope) -> bool:
        """Whether it is what whoever checks certificates asks for, who cannot check ours first (RFC 5280 §8)."""
        host = self._config.pki.host.lower()
        return bool(host) and _named_host(scope).lower() == host and scope["path"].startswith(("/pki/", "/ocsp"))

    def _secure_address(self, scope: Scope) -> bytes | None:
        """The same page over HTTPS; on a name of ours, never on whatever the Host field says."""
        port = self._config.listen.https
        if not port or not self._config.tls.certificate:
            return None
        name = _named_host(scope)
        ours = {self._config.city.hostname, *self._config.city.all_domains, self._config.listen.host}
        host = name if name in ours else self._config.city.hostname
        raw_path: bytes = scope.get("raw_path") or b"/"
        path = raw_path.split(b"?", 1)[0]
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        shown = "" if port == 443 else f":{port}"
        return f"https://{host}{shown}".encode() + (path if path.startswith(b"/") else b"/") + query


def _named_host(scope: Scope) -> str:
    """What the Host field says, without the port."""
    given = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
    return given.rpartition(":")[0] if given.rpartition(":")[2].isdecimal() else given


class _Server(uvicorn.Server):
    """uvicorn without its hand on the signals: the process has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def _settings(site: Callable[[Scope, Receive, Send], object], context: ssl.SSLContext | None) -> uvicorn.Config:
    return uvicorn.Config(
        site,
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=DRAIN,
        h11_max_incomplete_event_size=64 * 1024,
        ssl_context_factory=(lambda _config, _default: context) if context is not None else None,
    )


async def _part(servers: list[_Server]) -> None:
    """Cut what stays connected without a request in progress: a TLS client need not answer our goodbye."""
    await asyncio.sleep(PARTING)
    while any(server.server_state.tasks for server in servers):
        await asyncio.sleep(0.05)
    for server in servers:
        for connection in list(server.server_state.connections):
            connection.transport.abort()


async def _all_started(servers: list[_Server]) -> None:
    while not all(server.started for server in servers):
        await asyncio.sleep(0.01)
