"""IMAP on a socket: octets between the network and sessions, and nothing of IMAP's meaning.

One protocol object a connection, no task: a command's steps (``mailserver.imap.steps``) are taken in place when it is
light, on a worker thread when it is heavy or when reading the store may block, always one command at a time.  Waiting
(for a commit, for a delay, for the client) holds no thread.  What is to be written waits while the client is slow to
read, and the command with it; what is read waits while the client sends faster than its commands run.

An idle connection holds its protocol, its session and a few numbers; timeouts are one wheel for all.

Standards: RFC 9051 §2.2, §5.4 (autologout), §6.2.1 (STARTTLS: octets behind the command end the connection),
§7.1.5 (BYE); RFC 2177 (IDLE), RFC 8314 §3.2 (implicit TLS).
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from typing import Any, cast

from directory.database import Directory
from directory.login import Gate
from mailserver.config import Config
from mailserver.imap.dispatch import handle, is_heavy
from mailserver.imap.grammar.framing import STRANGER, Broken, Event, Framed, Framer, LiteralWanted, Rejected
from mailserver.imap.grammar.responses import CONTINUE, bye
from mailserver.imap.services import SessionServices
from mailserver.imap.session import Session, State
from mailserver.imap.spooled import Spooled
from mailserver.imap.steps import InThread, Pause, Prompt, Steps
from mailserver.servers.imap_loop import Post, Wheel
from mailserver.store import Store

log = logging.getLogger("citymail.imap")

# Seconds a stranger has to log in (the throttle's delays not counted), and a slow reader to read on.
LOGIN_TIME = 120.0
STALLED_TIME = 300.0
# Seconds between looks at a connection; between signs of life to one who idles.
LOOK = 60.0
SIGN_OF_LIFE = 240.0
# Seconds after which a client's side of the last farewell is not waited for any more.
FAREWELL = 2.0
# Octets gathered from a command before they are written; written and not read; read and not looked at.
GATHER = 256 * 1024
WRITE_HIGH, WRITE_LOW = 768 * 1024, 256 * 1024
READ_HIGH, READ_LOW = 256 * 1024, 64 * 1024
# Commands of one connection that are run before others get their turn.
TURN = 50

# HTTP, SMTP and TLS at this port are attacks across protocols, or mistakes: no answer helps (ALPACA).
_FOREIGN = re.compile(
    rb"(?:GET|POST|HEAD|PUT|DELETE|OPTIONS|CONNECT|TRACE|PATCH|PRI) [^ ]* HTTP/|(?:EHLO|HELO) ", re.IGNORECASE
)
_TLS_HELLO = b"\x16\x03"

_DONE = object()


class ImapServices:
    """What the IMAP connections of one process share."""

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
    ) -> None:
        self.sessions = SessionServices(store, directory, gate, config, tls_context, clock)
        self.tls_context = tls_context
        self.executor: Executor = executor or ThreadPoolExecutor(config.workers.threads, "imap")
        self.autologout = config.imap.idle_minutes * 60.0
        self.connections: set[ImapConnection] = set()
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

    async def drain(self) -> None:
        """Say BYE to everybody, after the command in progress; returns when the last is gone."""
        self.is_ending = True
        for connection in list(self.connections):
            connection.end()
        patience = self.loop.time() + FAREWELL
        while self.connections:
            await asyncio.sleep(0.02)
            if self.loop.time() > patience:
                for connection in list(self.connections):
                    connection.leave()


def protocol_factory(services: ImapServices, *, tls: bool) -> Callable[[], ImapConnection]:
    """For ``create_server``; with ``tls`` the transport is a TLS one from its first octet."""
    return partial(ImapConnection, services, tls)


class ImapConnection(asyncio.Protocol):
    __slots__ = (
        "_active_at",
        "_ending",
        "_fault",
        "_framer",
        "_gathered",
        "_heavy",
        "_is_closed",
        "_is_paused_reading",
        "_is_paused_writing",
        "_is_polling",
        "_is_running",
        "_opened_at",
        "_prompt",
        "_secure",
        "_services",
        "_session",
        "_sign_at",
        "_steps",
        "_transport",
        "_value",
        "_waits",
        "_wake_waits",
        "due",
    )

    def __init__(self, services: ImapServices, secure: bool) -> None:
        self._services = services
        self._secure = secure
        self._transport: asyncio.Transport | None = None
        self._session: Session | None = None
        self._framer = Framer(STRANGER, services.open_spool)
        # The command that runs, what its next step is sent, and what it waits for.
        self._steps: Steps[None] | None = None
        self._value: Any = None
        self._fault: BaseException | None = None
        self._heavy = False
        self._prompt: Prompt | None = None
        self._waits = False  # for a future, a thread, a delay or TLS
        self._is_running = False  # inside _advance
        self._is_polling = False  # a poll is on a thread
        self._wake_waits = False
        self._gathered: list[bytes] = []
        self._is_paused_writing = self._is_paused_reading = False
        self._is_closed = self._ending = False
        self._opened_at = self._active_at = self._sign_at = 0.0
        self.due = 0

    # What the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        services = self._services
        now = self._opened_at = self._active_at = services.loop.time()
        self._sign_at = now
        self._take_transport(cast(asyncio.Transport, transport))  # uvloop's are none by inheritance
        peer = transport.get_extra_info("peername")
        client = str(peer[0]).removeprefix("::ffff:") if peer else "::1"
        session = self._session = Session(services.sessions, client, self._secure)
        session.tls = transport.get_extra_info("ssl_object")
        session.on_wake = self._woken
        services.connections.add(self)
        services.wheel.add(self, LOOK)
        if services.is_ending:
            self._hang_up(bye("Shutting down"))
            return
        self._write(session.greeting())
        self._flush()

    def _take_transport(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        transport.set_write_buffer_limits(high=WRITE_HIGH, low=WRITE_LOW)
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            # Half-open connections of phones that went away are found within minutes.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 120)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 30)

    def data_received(self, data: bytes) -> None:
        if self._is_closed or self._session is None:
            return
        session = self._session
        self._active_at = self._services.loop.time()
        if session.starts_tls:
            # Plain octets behind STARTTLS (RFC 9051 §6.2.1): somebody put them there.
            self._abort()
            return
        if session.account is None and not self._secure and data.startswith(_TLS_HELLO):
            self._abort()
            return
        self._framer.feed(data)
        self._advance()
        if not self._is_closed and self._framer.buffered > READ_HIGH and not self._is_paused_reading:
            self._is_paused_reading = True
            self._pause_reading()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_closed = True
        self._services.connections.discard(self)
        self._services.wheel.remove(self)
        if not (self._waits and self._heavy) and not self._is_running and not self._is_polling:
            self._release()

    def pause_writing(self) -> None:
        self._is_paused_writing = True

    def resume_writing(self) -> None:
        self._is_paused_writing = False
        self._active_at = self._services.loop.time()
        if self._wake_waits:
            self._wake()
        self._advance()

    def look(self, now: float) -> float | None:
        """Called by the wheel about once a minute."""
        session = self._session
        if self._is_closed or session is None:
            return None
        silent = now - self._active_at
        if self._is_paused_writing:
            if silent > STALLED_TIME:
                self._abort()
                return None
        elif self._waits or self._is_polling:
            pass  # we let the client wait, not it us
        elif session.account is None:
            if now - self._opened_at > LOGIN_TIME:
                self._hang_up(bye("Log in sooner"))
                return None
        elif silent > self._services.autologout:
            self._hang_up(bye("Autologout; idle for too long"))
            return None
        elif silent > LOOK and session.selected is not None and (self._steps is None or self._prompt is not None):
            session.selected.rest()
        idles = self._prompt is not None and self._prompt.idle and not self._is_polling
        if idles and now - self._sign_at > SIGN_OF_LIFE:
            self._sign_at = now
            self._write(session.still_here())
            self._flush()
            if session.state is State.LOGOUT:
                self._hang_up(b"")
                return None
        return LOOK

    # Ending

    def end(self) -> None:
        """The server shuts down: BYE, now or after the command in progress."""
        self._ending = True
        if self._steps is None or self._prompt is not None:
            self._hang_up(bye("Shutting down"))

    def _hang_up(self, last_words: bytes) -> None:
        """Send what is gathered and these words, then close."""
        if self._is_closed or self._transport is None:
            return
        self._write(last_words)
        self._flush()
        self._is_closed = True
        self._transport.close()

    def leave(self) -> None:
        """Do not wait for the client's side of a farewell (TLS close_notify): telephones sleep."""
        if self._is_closed and self._transport is not None and not self._transport.get_write_buffer_size():
            self._transport.abort()

    def _abort(self) -> None:
        self._is_closed = True
        if self._transport is not None:
            self._transport.abort()

    def _release(self) -> None:
        """Nothing of this connection runs any more."""
        steps, self._steps = self._steps, None
        if steps is not None:
            try:
                steps.close()
            except Exception:
                log.exception("a command could not be broken off")
        self._framer.close()
        if self._session is not None:
            self._session.close()
            self._session.on_wake = None

    # Commands

    def _advance(self) -> None:
        """Go on as far as the client's octets, its reading and the work in progress allow."""
        if self._is_running:
            return
        self._is_running = True
        try:
            self._take_turn()
        except Exception:
            log.exception("connection fault; %s", self._session)
            self._abort()
        finally:
            self._is_running = False
        if self._is_closed and self._transport is not None and self not in self._services.connections:
            self._release()  # lost while it ran

    def _take_turn(self) -> None:
        for _ in range(TURN):
            if self._is_closed or self._waits or self._is_polling or self._is_paused_writing:
                break
            if self._steps is None or self._prompt is not None:
                event = self._framer.next_event()
                if event is None:
                    break
                self._take_event(event)
            else:
                self._step()
        else:
            self._services.loop.call_soon(self._advance)
        self._flush()
        if self._is_paused_reading and self._framer.buffered < READ_LOW and not self._is_closed:
            self._is_paused_reading = False
            self._resume_reading()

    def _take_event(self, event: Event) -> None:
        session = self._session
        assert session is not None
        if isinstance(event, Framed):
            if self._prompt is not None:
                self._prompt = None
                self._value = event
                return
            if session.account is None and _FOREIGN.match(event.text):
                self._abort()
                return
            self._steps = handle(session, event)
            self._value = None
            self._heavy = is_heavy(session, event)
        elif isinstance(event, LiteralWanted):
            self._write(CONTINUE)
        elif isinstance(event, Rejected):
            if self._prompt is not None:
                self._prompt = None
                self._value = None
                return
            self._write(session.rejected(event))
            self._after_command()
        else:
            assert isinstance(event, Broken)
            self._hang_up(bye(event.excess.value, b"TOOBIG"))

    def _step(self) -> None:
        """Take the command's next steps, here or on a thread."""
        steps, value, fault = self._steps, self._value, self._fault
        assert steps is not None
        self._value = self._fault = None
        if not self._heavy:
            self._take_outcome(*take_steps(steps, value, fault))
            return
        self._waits = True
        self._flush()
        future = self._services.executor.submit(take_steps, steps, value, fault)
        future.add_done_callback(lambda done: self._services.post.leave(partial(self._steps_taken, done)))

    def _steps_taken(self, done: Future[tuple[list[bytes], Any]]) -> None:
        self._waits = False
        if self._is_closed:
            self._release()
            return
        fault = done.exception()
        if fault is not None:
            log.error("command fault; %s", self._session, exc_info=fault)
            self._abort()
            return
        self._take_outcome(*done.result())
        self._advance()

    def _take_outcome(self, octets: list[bytes], step: Any) -> None:
        self._gathered += octets
        if step is _DONE:
            self._steps = None
            self._after_command()
        elif step is None:
            self._flush()  # there is more, once this is on its way
        elif isinstance(step, Prompt):
            self._write(step.octets)
            self._prompt = step
            if self._ending:
                self._hang_up(bye("Shutting down"))
        elif isinstance(step, Future):
            self._await(step)
        elif isinstance(step, InThread):
            self._await(self._services.executor.submit(step.call))
        else:
            assert isinstance(step, Pause)
            self._waits = True
            self._flush()
            self._services.loop.call_later(step.seconds, self._waited)

    def _await(self, future: Future[Any]) -> None:
        self._waits = True
        self._flush()
        future.add_done_callback(lambda done: self._services.post.leave(partial(self._came, done)))

    def _came(self, done: Future[Any]) -> None:
        self._fault = done.exception()
        if self._fault is None:
            self._value = done.result()
        self._waited()

    def _waited(self) -> None:
        self._waits = False
        if self._is_closed:
            self._release()
            return
        self._advance()

    def _after_command(self) -> None:
        session = self._session
        assert session is not None
        if session.state is State.LOGOUT:
            self._hang_up(b"")
        elif session.starts_tls:
            self._start_tls()
        elif self._ending:
            self._hang_up(bye("Shutting down"))
        else:
            self._framer.limits = session.limits
            if self._wake_waits:
                self._wake()

    # TLS

    def _start_tls(self) -> None:
        if self._framer.has_unread:
            # RFC 9051 §6.2.1; the octets came in the clear, whoever sent them.
            self._abort()
            return
        self._waits = True
        self._flush()
        self._pause_reading()
        task = self._services.loop.create_task(self._upgrade())
        self._services.tasks.add(task)
        task.add_done_callback(self._services.tasks.discard)

    async def _upgrade(self) -> None:
        services, session = self._services, self._session
        assert session is not None
        assert services.tls_context is not None
        assert self._transport is not None
        try:
            transport = await services.loop.start_tls(
                self._transport, self, services.tls_context, server_side=True, ssl_handshake_timeout=30.0
            )
        except (OSError, ssl.SSLError, asyncio.CancelledError) as fault:
            log.info("TLS handshake failed: %s; %s", fault, session)
            transport = None
        self._waits = False
        if transport is None or self._is_closed:
            self._abort()
            if self not in services.connections:
                self._release()
            return
        self._take_transport(transport)
        self._secure = True
        session.tls = transport.get_extra_info("ssl_object")
        session.tls_started()

    def _pause_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # News

    def _woken(self) -> None:
        """The watched mailbox changed; from any thread."""
        self._services.post.leave(self._wake)

    def _wake(self) -> None:
        session, prompt = self._session, self._prompt
        self._wake_waits = False
        if self._is_closed or session is None:
            return
        idles = prompt is not None and prompt.idle
        if not idles and not session.listens:
            return
        if self._is_paused_writing or self._is_polling or (not idles and (self._steps is not None or self._waits)):
            self._wake_waits = True
            return
        if not self._services.sessions.reads_block:
            self._told(session.poll(between=not idles))
            return
        self._is_polling = True
        polled = self._services.executor.submit(partial(session.poll, between=not idles))
        polled.add_done_callback(lambda done: self._services.post.leave(partial(self._polled, done)))

    def _polled(self, done: Future[bytes]) -> None:
        self._is_polling = False
        if self._is_closed:
            self._release()
            return
        fault = done.exception()
        if fault is not None:
            log.error("poll fault; %s", self._session, exc_info=fault)
            self._abort()
            return
        self._told(done.result())
        if self._wake_waits:
            self._wake()
        self._advance()

    def _told(self, news: bytes) -> None:
        session = self._session
        assert session is not None
        if news:
            self._write(news)
            self._flush()
        if session.state is State.LOGOUT:
            self._hang_up(b"")

    # Writing

    def _write(self, octets: bytes) -> None:
        if octets:
            self._gathered.append(octets)

    def _flush(self) -> None:
        gathered = self._gathered
        if gathered and self._transport is not None:
            self._gathered = []
            if not self._is_closed:
                self._transport.write(gathered[0] if len(gathered) == 1 else b"".join(gathered))


def take_steps(steps: Steps[None], value: Any, fault: BaseException | None) -> tuple[list[bytes], Any]:
    """Run a command until it asks for something, ends (``_DONE``), or has enough to be sent (None)."""
    octets: list[bytes] = []
    size = 0
    try:
        step = steps.throw(fault) if fault is not None else steps.send(value)
        while isinstance(step, bytes):
            if step:
                octets.append(step)
                size += len(step)
            if size >= GATHER:
                return octets, None
            step = steps.send(None)
    except StopIteration:
        return octets, _DONE
    return octets, step
