"""What the IMAP connections of one process share, who may have one, and how all of them end."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Protocol

from directory.database import Directory
from directory.signing_in.login import Gate
from mailserver.config import Config
from mailserver.imap.recent import RecentMail
from mailserver.imap.services import SessionServices
from mailserver.imap.spooled import Spooled
from mailserver.servers.imap_loop import Post, Timed, Wheel
from mailserver.store import Store
from security.headcount import Headcount
from security.networks import is_within, network_of

# Seconds after which a client's side of the last farewell is not waited for any more.
FAREWELL = 2.0
# Connections that are told to end at once, seconds between two such groups, and for all of them: a crowd that comes
# back in one moment is slow to let in.
_ENDED_AT_ONCE, _BETWEEN, _FOR_ALL = 100, 0.05, 5.0


class Connection(Timed, Protocol):
    def end(self) -> None: ...
    def leave(self) -> None: ...


class ImapServices:
    """``headcount`` counts over all processes; ``login_executor`` has the threads on which logins are judged, so that
    however many come, mail does not wait for them."""

    wheel: Wheel
    post: Post

    def __init__(
        self,
        store: Store,
        directory: Directory,
        gate: Gate,
        config: Config,
        tls_context: ssl.SSLContext | None,
        clock: Callable[[], float] = time.time,
        executor: Executor | None = None,
        login_executor: Executor | None = None,
        headcount: Headcount | None = None,
        recent: RecentMail | None = None,
    ) -> None:
        self.headcount = headcount or Headcount()
        self.sessions = SessionServices(
            *(store, directory, gate, config, tls_context, clock),
            presence=self.headcount,
            recent=recent or RecentMail(),
        )
        self.tls_context = tls_context
        self.executor: Executor = executor or ThreadPoolExecutor(config.workers.threads, "imap")
        self.login_executor: Executor = login_executor or self.executor
        self.autologout = config.imap.idle_minutes * 60.0
        self.connections: set[Connection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.is_ending = False
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that the first connection was made on; with it come the wheel and the post."""
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
            self.wheel = Wheel(loop)
            self.post = Post(loop)
        return loop

    def open_spool(self, size: int) -> Spooled:
        return Spooled(self.sessions.store.blobs.new_file())

    # Who may come

    def admit(self, client: str) -> bool:
        """Count a connection of somebody who has not logged in yet; False when he has too many."""
        source = network_of(client)
        settings = self.sessions.config.imap
        count = self.headcount.count
        if (
            count(_stranger(source)) >= settings.max_strangers_per_client
            or count(_client(source)) >= settings.max_connections_per_client
        ) and not is_within(client, settings.connection_exempt):
            return False
        self.headcount.add(_client(source))
        self.headcount.add(_stranger(source))
        return True

    def logged_in(self, client: str) -> None:
        self.headcount.remove(_stranger(network_of(client)))

    def logged_out(self, client: str) -> None:
        """Nobody's again (UNAUTHENTICATE)."""
        self.headcount.add(_stranger(network_of(client)))

    def release(self, client: str, *, is_stranger: bool) -> None:
        """The end of a connection that was admitted."""
        source = network_of(client)
        self.headcount.remove(_client(source))
        if is_stranger:
            self.headcount.remove(_stranger(source))

    # The end

    async def drain(self) -> None:
        """Say BYE to everybody, after the command in progress; returns when the last is gone."""
        self.is_ending = True
        everybody = list(self.connections)
        pause = min(_BETWEEN, _FOR_ALL * _ENDED_AT_ONCE / max(1, len(everybody)))
        for first in range(0, len(everybody), _ENDED_AT_ONCE):
            if first:
                await asyncio.sleep(pause)
            for connection in everybody[first : first + _ENDED_AT_ONCE]:
                connection.end()
        patience = self.loop.time() + FAREWELL
        while self.connections:
            await asyncio.sleep(0.02)
            if self.loop.time() > patience:
                for connection in list(self.connections):
                    connection.leave()


def _client(source: str) -> str:
    return "imap client " + source


def _stranger(source: str) -> str:
    return "imap stranger " + source
