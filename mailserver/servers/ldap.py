"""LDAP on a socket: operations of sessions, run as their clients' octets and reading allow.

One protocol object a connection, and a task only while there is work.  The conversation is ``directory.ldap.session``;
here are the socket, the threads its look-ups run on, time-outs and limits.

Standards: RFC 4511 §4.4.1 (notice of disconnection), §5.3 (TCP), RFC 4513 §3 (StartTLS).
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any, cast

from directory.database import Directory
from directory.ldap.policy import Policy, attribute_keys
from directory.ldap.session import Services, Session
from directory.ldap.steps import Close, Look, Send, StartTls, Step, Steps
from directory.signing_in.login import Gate
from directory.signing_in.sasl_login import Wait
from mailserver.config import Config, Ldap
from mailserver.servers.imap_loop import Timed, Wheel
from security.headcount import Headcount
from security.networks import is_within, network_of
from security.peer import Peer

log = logging.getLogger("citymail.ldap")

# Seconds between looks at a connection; that a message may take to come, and a client not to read.
LOOK = 30.0
MESSAGE_TIME = 60.0
STALLED_TIME = 60.0
# Seconds of silence of somebody who has not logged in; for answers and farewells when the server stops.
STRANGER_TIME = 120.0
FAREWELL = 3.0
# Seconds in which one client's operations are done before others have their turn.
_TURN = 0.002
# Octets that may wait for a client to read them before no more are made.
_HIGH_WATER = 256 * 1024


def policy_of(settings: Ldap) -> Policy:
    """Raises ValueError naming an attribute that does not exist."""
    return Policy(
        members_see=settings.access == "authenticated",
        anonymous=attribute_keys(settings.anonymous_attributes if settings.access != "nobody" else ()),
        private=attribute_keys(settings.private_attributes),
        size_limit=settings.size_limit,
        anonymous_size_limit=settings.anonymous_size_limit,
        paged_limit=settings.paged_limit,
        time_limit=settings.time_limit,
    )


class LdapServices:
    """What the LDAP connections of one process share.  ``login_executor``: threads on which passwords are hashed."""

    def __init__(
        self,
        directory: Directory,
        gate: Gate,
        config: Config,
        tls_context: ssl.SSLContext | None,
        executor: Executor,
        login_executor: Executor,
        headcount: Headcount | None = None,
    ) -> None:
        self.settings = config.ldap
        self.tls_context = tls_context
        self.sessions = Services(
            directory,
            gate,
            policy_of(config.ldap),
            offers_tls=config.ldap.start_tls and tls_context is not None,
        )
        self.executor = executor
        self.in_place = directory.is_sqlite
        self.login_executor = login_executor
        self.headcount = headcount or Headcount()
        self.connections: set[LdapConnection] = set()
        self.is_ending = False
        self._wheel: Wheel | None = None

    def factories(self) -> dict[str, tuple[Callable[[], asyncio.BaseProtocol], bool]]:
        """service → (for ``create_server``, whether the transport is a TLS one from its first octet)"""
        return {"ldap": (partial(LdapConnection, self), False), "ldaps": (partial(LdapConnection, self), True)}

    @property
    def wheel(self) -> Wheel:
        if self._wheel is None:
            self._wheel = Wheel(asyncio.get_running_loop())
        return self._wheel

    def admit(self, client: str) -> bool:
        key = "ldap client " + network_of(client)
        if self.headcount.count(key) >= self.settings.max_connections_per_client:
            return False
        self.headcount.add(key)
        return True

    def release(self, client: str) -> None:
        self.headcount.remove("ldap client " + network_of(client))

    async def drain(self) -> None:
        """Tell everybody that the server stops, after the operation in progress."""
        self.is_ending = True
        loop = asyncio.get_running_loop()
        patience = loop.time() + FAREWELL
        while self.connections:
            for connection in tuple(self.connections):
                connection.retire(is_late=loop.time() > patience)
            await asyncio.sleep(0.02)


class LdapConnection(asyncio.Protocol, Timed):
    def __init__(self, services: LdapServices) -> None:
        self._services = services
        self._session: Session | None = None
        self._transport: asyncio.Transport | None = None
        self._work: asyncio.Task[None] | None = None
        self._can_write = asyncio.Event()
        self._can_write.set()
        self._forwarded = ""
        self._is_admitted = self._is_lost = self._reads = False
        self._active_at = self._stalled_at = 0.0
        self._loop = asyncio.get_running_loop()
        self.due = 0

    def came_from(self, address: str, port: int) -> None:
        self._forwarded = address

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._session is not None:  # under TLS now
            self._session.peer = self._peer(self._session.peer.client)
            return
        services = self._services
        self._transport.set_write_buffer_limits(high=_HIGH_WATER)
        self._active_at = self._loop.time()
        self._reads = True
        peer = transport.get_extra_info("peername")
        client = self._forwarded or (str(peer[0]).removeprefix("::ffff:") if peer else "::1")
        may_be_plain = is_within(client, services.settings.plaintext_networks)
        self._session = Session(services.sessions, self._peer(client), takes_passwords=may_be_plain)
        self._is_admitted = services.admit(client)
        services.connections.add(self)
        services.wheel.add(self, LOOK)
        if services.is_ending or not self._is_admitted:
            self._end("Shutting down" if services.is_ending else "Too many connections from your address")

    def _peer(self, client: str) -> Peer:
        assert self._transport is not None
        return Peer(client, "ldap", self._transport.get_extra_info("ssl_object"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        self._can_write.set()
        self._services.connections.discard(self)
        self._services.wheel.remove(self)
        if self._session is not None:
            if self._is_admitted:
                self._services.release(self._session.peer.client)
                self._is_admitted = False
            self._session.farewell("")

    def data_received(self, data: bytes) -> None:
        assert self._session is not None
        self._active_at = self._loop.time()
        self._session.feed(data)
        if self._work is None:
            self._begin()
        self._regulate()

    def pause_writing(self) -> None:
        self._stalled_at = self._loop.time()
        self._can_write.clear()

    def resume_writing(self) -> None:
        self._can_write.set()

    def _regulate(self) -> None:
        """Read no further than the session's queue."""
        assert self._session is not None and self._transport is not None
        wanted = not self._session.is_full
        if wanted != self._reads and not self._transport.is_closing():
            self._reads = wanted
            if wanted:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    # Time

    def look(self, now: float) -> float | None:
        session = self._session
        if self._is_lost or session is None:
            return None
        if not self._can_write.is_set():
            if now - self._stalled_at > STALLED_TIME:
                self._abort()
                return None
        elif self._work is None:
            silent = now - self._active_at
            if session.has_begun and silent > MESSAGE_TIME:
                self._end("Your message comes too slowly")
            elif silent > (self._services.settings.idle_minutes * 60 if session.account else STRANGER_TIME):
                self._end("Idle for too long")
        return LOOK

    def retire(self, *, is_late: bool) -> None:
        if is_late:
            self._abort()
        elif self._work is None:
            self._end("Shutting down")

    def _end(self, text: str) -> None:
        assert self._session is not None and self._transport is not None
        if not self._session.is_over:
            self._transport.write(self._session.farewell(text))
        self._transport.close()

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # Work

    def _begin(self) -> None:
        """What waits for nothing is answered at once; the rest gets a task."""
        session = self._session
        assert session is not None and self._transport is not None
        until = time.monotonic() + _TURN
        try:
            while not self._is_lost and (steps := session.next()) is not None:
                step = self._advance(steps)
                if step is not None or self._services.is_ending or time.monotonic() > until:
                    self._work = self._loop.create_task(self._serve(steps, step))
                    return
            if session.is_over:
                self._transport.close()
        except Exception as fault:
            self._fail(fault)

    async def _serve(self, steps: Steps, step: Step | None) -> None:
        """An operation from this step on, and what comes behind it."""
        session = self._session
        assert session is not None and self._transport is not None
        try:
            while True:
                while step is not None:
                    value, fault = None, None
                    try:
                        value = await self._take(step)
                    except Exception as raised:
                        fault = raised
                    step = self._advance(steps, value, fault)
                if self._services.is_ending:
                    self._end("Shutting down")
                    break
                await asyncio.sleep(0)  # what is done in place gives nobody else his turn
                following = session.next() if not self._is_lost else None
                if following is None:
                    break
                steps = following
                self._regulate()
                step = self._advance(steps)
            if session.is_over:
                self._transport.close()
        except Exception as fault:
            self._fail(fault)
        finally:
            self._work = None
            self._active_at = self._loop.time()

    def _fail(self, fault: Exception) -> None:
        assert self._session is not None
        if isinstance(fault, OSError):  # of TLS too
            log.info("client=%s lost: %s", self._session.peer.client, fault)
        else:
            log.error("client=%s an operation failed", self._session.peer.client, exc_info=fault)
        self._abort()

    def _advance(self, steps: Steps, value: Any = None, fault: Exception | None = None) -> Step | None:
        """Up to the next step that has to be waited for; None: the operation is finished."""
        transport, services = self._transport, self._services
        assert transport is not None
        while not self._is_lost:
            try:
                step: Step = steps.throw(fault) if fault is not None else steps.send(value)
            except StopIteration:
                return None
            value = fault = None
            if isinstance(step, Look) and step.is_light and services.in_place:
                try:
                    value = step.call()
                except Exception as raised:
                    fault = raised
            elif isinstance(step, Send) and transport.get_write_buffer_size() + len(step.octets) <= _HIGH_WATER:
                transport.write(step.octets)
            else:
                return step
        steps.close()
        return None

    async def _take(self, step: Step) -> Any:
        transport = self._transport
        assert transport is not None
        if isinstance(step, Send):
            transport.write(step.octets)
            await self._can_write.wait()
        elif isinstance(step, Look):
            return await self._loop.run_in_executor(self._services.executor, step.call)
        elif isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
        elif isinstance(step, Close):
            transport.write(step.octets)
            transport.close()
        elif isinstance(step, StartTls):
            await self._start_tls(step.octets)
        else:
            return await self._loop.run_in_executor(self._services.login_executor, step.call)
        return None

    async def _start_tls(self, answer: bytes) -> None:
        plain, context = self._transport, self._services.tls_context
        assert plain is not None and context is not None and self._session is not None
        if not self._session.is_quiet:
            raise ConnectionAbortedError("plain octets behind StartTLS")  # RFC 4511 §4.14.1: somebody put them there
        plain.write(answer)
        secure = await self._loop.start_tls(plain, self, context, server_side=True, ssl_handshake_timeout=30)
        assert secure is not None
        self.connection_made(secure)
