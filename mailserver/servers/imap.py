"""IMAP on a socket: commands of sessions, run as their clients' octets, reading and the work in progress allow.

One protocol object a connection, no task: a command's steps (``mailserver.imap.steps``) are taken in place when it is
light, on a worker thread when it is heavy or when reading the store may block, always one command at a time.  Waiting
(for a commit, for a delay, for the client) holds no thread.

An idle connection holds its protocol, its session and a few numbers; timeouts are one wheel for all.

Standards: RFC 9051 §2.2, §5.4 (autologout), §7.1.5 (BYE); RFC 2177 (IDLE), RFC 5465 (NOTIFY), RFC 8314 §3.2 (implicit
TLS), RFC 8437 (UNAUTHENTICATE).
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from mailserver.imap.dispatch import handle, is_heavy
from mailserver.imap.grammar.framing import Broken, Event, Framed, LiteralWanted, Rejected
from mailserver.imap.grammar.responses import CONTINUE, bye
from mailserver.imap.session import Session, State
from mailserver.imap.steps import DONE, InThread, Pause, Prompt, Steps, take_steps
from mailserver.servers.imap_services import ImapServices
from mailserver.servers.imap_wire import ImapWire, real_transport

log = logging.getLogger("citymail.imap")

# Seconds a stranger has to log in (the throttle's delays not counted), and a slow reader to read on.
LOGIN_TIME = 60.0
STALLED_TIME = 300.0
# Seconds between looks at a connection; between signs of life to one who idles.
LOOK = 60.0
SIGN_OF_LIFE = 240.0
# Octets a second of a command that was begun, and looks in a row at which it may come slower.
LEAST_RATE = 500
SLOW_LOOKS = 5
# Octets by which a thread may be ahead of the loop, which writes them; so many times it goes on before others get the
# thread.
AHEAD = 1024 * 1024
PIECES = 32
# Commands of one connection that are run before others get their turn.
TURN = 50

# HTTP, SMTP and TLS at this port are attacks across protocols, or mistakes: no answer helps (ALPACA).
_FOREIGN = re.compile(
    rb"(?:GET|POST|HEAD|PUT|DELETE|OPTIONS|CONNECT|TRACE|PATCH|PRI) [^ ]* HTTP/|(?:EHLO|HELO) ", re.IGNORECASE
)
_TLS_HELLO = b"\x16\x03"


def protocol_factory(services: ImapServices, *, tls: bool) -> Callable[[], ImapConnection]:
    """For ``create_server``; with ``tls`` the transport is a TLS one from its first octet."""
    return partial(ImapConnection, services, tls)


class ImapConnection(ImapWire):
    __slots__ = (
        "_ending",
        "_fault",
        "_heavy",
        "_is_member",
        "_is_polling",
        "_is_running",
        "_looked_at",
        "_made",
        "_opened_at",
        "_prompt",
        "_session",
        "_sign_at",
        "_slow_looks",
        "_steps",
        "_taken",
        "_value",
        "_waits",
        "_wake_waits",
        "due",
    )

    def __init__(self, services: ImapServices, secure: bool) -> None:
        super().__init__(services, secure)
        self._session: Session | None = None
        # The command that runs, what its next step is sent, and what it waits for.
        self._steps: Steps[None] | None = None
        self._value: Any = None
        self._fault: BaseException | None = None
        self._heavy = False
        self._prompt: Prompt | None = None
        self._waits = False  # for a future, a thread, a delay or TLS
        self._is_running = False  # inside _advance
        self._is_polling = False  # a poll is on a thread
        self._wake_waits = self._ending = False
        self._is_member: bool | None = None  # None: not admitted
        self._opened_at = self._sign_at = 0.0
        self._looked_at = self._slow_looks = 0  # octets that had been received; looks that found too few
        self._made = self._taken = 0  # octets that a thread sent on, and that the loop has written of them
        self.due = 0

    # What the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        services = self._services
        self._opened_at = self._active_at = self._sign_at = services.loop.time()
        self._take_transport(real_transport(transport))
        peer = self._forwarded or transport.get_extra_info("peername")
        client = str(peer[0]).removeprefix("::ffff:") if peer else "::1"
        session = self._session = Session(services.sessions, client, self._secure)
        session.tls = transport.get_extra_info("ssl_object")
        session.on_wake = self._woken
        services.connections.add(self)
        services.wheel.add(self, LOOK)
        if services.is_ending:
            self._hang_up(bye("Shutting down"))
        elif not services.admit(client):
            log.info("refused: too many connections; client=%s", client)
            self._hang_up(bye("Too many connections from your address", b"LIMIT"))
        else:
            self._is_member = False
            self._write(session.greeting())
            self._flush()

    def _is_out_of_place(self, octets: bytes) -> bool:
        session = self._session
        assert session is not None
        if session.starts_tls:
            return True  # plain octets behind STARTTLS (RFC 9051 §6.2.1): somebody put them there
        return session.account is None and not self._secure and octets.startswith(_TLS_HELLO)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_closed = True
        self._services.connections.discard(self)
        self._services.wheel.remove(self)
        if self._is_member is not None and self._session is not None:
            self._services.release(self._session.client, is_stranger=not self._is_member)
            self._is_member = None
        if not (self._waits and self._heavy) and not self._is_running and not self._is_polling:
            self._release()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._wake_waits:
            self._wake()
        self._advance()

    def look(self, now: float) -> float | None:
        """Called by the wheel about once a minute."""
        session = self._session
        if self._is_closed or session is None:
            return None
        silent = now - self._active_at
        farewell = None
        if self._is_paused_writing:
            if now - self._stalled_at > STALLED_TIME:
                self._abort()
                return None
        elif self._waits or self._is_polling:
            pass  # we let the client wait, not it us
        elif session.account is None:
            if now - self._opened_at > LOGIN_TIME:
                farewell = bye("Log in sooner")
        elif silent > self._services.autologout:
            farewell = bye("Autologout; idle for too long")
        elif self._comes_too_slowly():
            farewell = bye("Your command comes too slowly")
        elif silent > LOOK and (self._steps is None or self._prompt is not None):
            self._rest(session)
        if farewell is not None:
            self._hang_up(farewell)
            return None
        self._looked_at = self._received
        return self._give_sign(session, now)

    def _comes_too_slowly(self) -> bool:
        """A command that was begun and never ends holds memory, or a file."""
        if (
            not self._framer.has_unread
            or self._steps is not None
            or self._received - self._looked_at > LEAST_RATE * LOOK
        ):
            self._slow_looks = 0
        else:
            self._slow_looks += 1
        return self._slow_looks > SLOW_LOOKS

    def _rest(self, session: Session) -> None:
        """Give back what can be made again."""
        if session.selected is not None:
            session.selected.rest()
        if self._deflate is not None:
            self._deflate.rest()

    def _give_sign(self, session: Session, now: float) -> float | None:
        idles = session.idling is not None and self._steps is None and not self._is_polling
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

    def __str__(self) -> str:
        return str(self._session)

    # Commands

    def _advance(self) -> None:
        """Go on as far as the client's octets, its reading and the work in progress allow."""
        if self._is_running:
            return
        self._is_running = True
        try:
            self._take_turn()
        except Exception:
            log.exception("connection fault; %s", self)
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
        self._take_more()

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
        # What was gathered is written while the thread makes the next.
        self._waits = True
        future = self._services.executor.submit(self._take_ahead, steps, value, fault)
        future.add_done_callback(lambda done: self._services.post.leave(partial(self._steps_taken, done)))

    def _take_ahead(self, steps: Steps[None], value: Any, fault: BaseException | None) -> tuple[list[bytes], Any]:
        """On a thread: take steps, and go on as long as the client reads what comes of them.

        To come back for every piece would be to wait for two threads' turns at each, on a busy machine.
        """
        octets, step = take_steps(steps, value, fault)
        for _ in range(PIECES):
            size = sum(map(len, octets))
            if (
                step is not None
                or self._is_closed
                or self._is_paused_writing
                or self._made - self._taken + size > AHEAD
            ):
                break
            self._made += size
            self._services.post.leave(partial(self._take_piece, octets, size))
            octets, step = take_steps(steps, None, None)
        return octets, step

    def _take_piece(self, octets: list[bytes], size: int) -> None:
        self._taken += size
        self._gathered += octets
        self._flush()

    def _steps_taken(self, done: Future[tuple[list[bytes], Any]]) -> None:
        self._waits = False
        self._made = self._taken = 0  # all pieces came before this
        if self._is_closed:
            self._release()
            return
        fault = done.exception()
        if fault is not None:
            log.error("command fault; %s", self, exc_info=fault)
            self._abort()
            return
        self._take_outcome(*done.result())
        self._advance()

    def _take_outcome(self, octets: list[bytes], step: Any) -> None:
        self._gathered += octets
        if step is DONE:
            self._steps = None
            self._after_command()
        elif step is None:
            if not self._heavy:
                self._flush()  # there is more, once this is on its way
        elif isinstance(step, Prompt):
            self._write(step.octets)
            self._prompt = step
            if self._ending:
                self._hang_up(bye("Shutting down"))
        elif isinstance(step, Future):
            self._await(step)
        elif isinstance(step, InThread):
            services = self._services
            self._await((services.login_executor if step.judges else services.executor).submit(step.call))
        else:
            assert isinstance(step, Pause)
            self._waits = True
            self._flush()
            self._opened_at += step.seconds
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
            if self._framer.has_unread:
                self._abort()  # RFC 9051 §6.2.1; the octets came in the clear, whoever sent them
            else:
                self._waits = True
                self._start_tls()
        elif self._ending:
            self._hang_up(bye("Shutting down"))
        elif session.compressed == (self._deflate is not None) or (
            self._start_compression() if session.compressed else self._end_compression()
        ):
            self._framer.limits = session.limits
            self._count(session)
            if self._wake_waits:
                self._wake()

    def _count(self, session: Session) -> None:
        """Somebody has logged in, or is a stranger again (RFC 8437)."""
        is_member = session.account is not None
        if is_member == self._is_member:
            return
        self._is_member = is_member
        if is_member:
            self._services.logged_in(session.client)
        else:
            self._opened_at = self._services.loop.time()
            self._services.logged_out(session.client)

    def _tls_ended(self, transport: asyncio.Transport | None) -> None:
        self._waits = False
        session = self._session
        assert session is not None
        if transport is None or self._is_closed:
            self._abort()
            if self not in self._services.connections:
                self._release()
            return
        session.tls = transport.get_extra_info("ssl_object")
        session.tls_started()

    # News

    def _woken(self) -> None:
        """The watched mailbox changed; from any thread."""
        self._services.post.leave(self._wake)

    def _wake(self) -> None:
        session = self._session
        self._wake_waits = False
        if self._is_closed or session is None:
            return
        idles = session.idling is not None
        if not idles and not session.listens:
            return
        if self._is_paused_writing or self._is_polling or self._steps is not None or self._waits:
            self._wake_waits = True
            return
        if not self._services.sessions.reads_block and not session.waits_for_news:
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
            log.error("poll fault; %s", self, exc_info=fault)
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
