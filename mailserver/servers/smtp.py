"""The wire of our SMTP servers: aiosmtpd's protocol class with its costly and its dangerous parts replaced.

Taken from aiosmtpd: the protocol's frame (stream reader and writer, Session, Envelope, ``smtp_VERB`` methods).
Replaced, because it was measured or probed to be slow or wrong (docs/decisions/0004):

- construction: tables of verbs are made once per class, not per connection;
- octets in and out (``smtp_stream``): messages go chunk by chunk into a sink, replies are collected;
- command lines end in CRLF only, and have a limit for each verb that no other connection can change;
- time-outs per state; a client that hangs up never cancels a commit in progress;
- a fault of ours is a 451 with a reference number, never an exception's text;
- STARTTLS goes through the loop, so that uvloop's lean TLS is used, and octets behind it end the connection.

Standards: RFC 5321 §4.1.1, §4.5.3; RFC 2920; RFC 3207; RFC 2034.
"""

from __future__ import annotations

import asyncio
import logging
import math
import ssl
import sys
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from aiosmtpd.smtp import Envelope, Session

from mailserver.refusals import Refusal
from mailserver.servers.smtp_clients import Clients
from mailserver.servers.smtp_stream import (
    ANSWER_TOO_LONG,
    COMMAND_TIMEOUT,
    EARLY_OCTETS,
    GREETED_TIMEOUT,
    READ_LIMIT,
    TLS_TIMEOUT,
    TOO_LONG,
    Hangup,
    SmtpStream,
    Taker,
)
from mailserver.smtp.commands import COMMAND_LIMIT, LINE_LIMITS, SyntaxFault
from mailserver.smtp.replies import Reply, fault_reply, refusal_reply

log = logging.getLogger("citymail.smtp")

# What another protocol's client says first; such a connection is an attack (ALPACA) or a mistake, and gets no
# answer.
FOREIGN_VERBS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH", "PRI", "HOST:"}
)
# Errors, and commands of any kind, that a client may make without delivering a message in between.
ERROR_BUDGET = 20
# Errors from which on each costs the client a wait.
TARPIT_ERRORS = 10
COMMAND_BUDGET = 400

Verb = Callable[[Any, str | None], Awaitable[None]]

UNKNOWN = Reply(500, "5.5.1", "Command not recognised")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many errors; goodbye")
TOO_MANY_COMMANDS = Reply(421, "4.7.0", "Too many commands without a message; goodbye")
RETIRING = Reply(421, "4.3.2", "The service is going down; try again soon")
TOO_MANY_CONNECTIONS = Reply(421, "4.7.0", "Too many connections from your address")
NO_TLS = Reply(502, "5.5.1", "STARTTLS is not offered")
SECURED_ALREADY = Reply(503, "5.5.1", "TLS is in use already")
STARTTLS_ALONE = Reply(501, "5.5.4", "STARTTLS takes no parameter")
READY_FOR_TLS = Reply(220, "2.0.0", "Ready to start TLS")


class SmtpWire(SmtpStream):
    """One connection: its life, its commands, its TLS.  What the verbs mean is said by subclasses."""

    VERBS: ClassVar[dict[str, Verb]] = {}
    error_budget: ClassVar[int] = ERROR_BUDGET

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.VERBS = {name[5:]: getattr(cls, name) for name in dir(cls) if name.startswith("smtp_")}

    def __init__(self, *, hostname: str, clients: Clients, tls_context: ssl.SSLContext | None) -> None:
        # Not aiosmtpd's __init__: it inspects the class anew for each connection (153 µs) and clears a
        # dictionary shared by all. tests/mailserver/servers/test_aiosmtpd_contract.py holds the attributes
        # set here against those that it sets.
        loop = asyncio.get_running_loop()
        asyncio.StreamReaderProtocol.__init__(
            self,
            asyncio.StreamReader(limit=READ_LIMIT, loop=loop),
            client_connected_cb=self._cb_client_connected,
            loop=loop,
        )
        self.loop = loop
        self.hostname = hostname
        self.tls_context = tls_context
        self.session: Session = Session(loop)
        self.envelope: Envelope | None = None
        self.transport: asyncio.BaseTransport | None = None
        self._handler_coroutine: asyncio.Task[None] | None = None
        self._timeout_handle: asyncio.TimerHandle | None = None
        self._smtp_methods = self.VERBS
        self.clients = clients
        self.client = ""
        self.neighbour = ""  # who is at the other end, whoever it speaks for
        self._forwarded: tuple[str, int] | None = None
        self.secured = False
        self._out: list[bytes] = []
        self._sink: Taker | None = None
        self._sink_waiter: asyncio.Future[None] | None = None
        self._data_began = 0.0
        self._data_before = 0
        self.most_data = sys.maxsize  # octets of one message, taken or thrown away
        self._deadline = math.inf
        self._busy = False
        self._retiring = False
        self.errors = 0
        self.commands = 0
        self.tarpit = 0.0
        self._lingered = 0  # errors that have been waited for
        self._pause: asyncio.Future[None] | None = None

    # -- the connection's life

    def came_from(self, address: str, port: int) -> None:
        self._forwarded = (address, port)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        asyncio.StreamReaderProtocol.connection_made(self, transport)
        self.transport = transport
        peer: Any = self._forwarded or transport.get_extra_info("peername")
        self.client = self.neighbour = peer[0] if isinstance(peer, tuple) else ""
        self.session.peer = peer
        # Under implicit TLS (RFC 8314 §3.3) the transport is secured from the start.
        self.secured = transport.get_extra_info("sslcontext") is not None
        self._set_rset_state()
        self._reset_timeout(GREETED_TIMEOUT)
        if self.clients.is_retiring:
            self._turn_away(RETIRING)
        elif not self.clients.admit(self.client, self):
            log.info("client=%s refused: too many connections", self.client)
            self._turn_away(TOO_MANY_CONNECTIONS)
        else:
            self._handler_coroutine = self.loop.create_task(self._handle_client())

    def connection_lost(self, error: Exception | None) -> None:
        self.clients.release(self.client, self)
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()
        self.transport = None
        self._end_sink()
        self._end_pause()
        # The reader's end wakes whoever waits for a command.  The handler is not cancelled: it may be waiting
        # for a commit.
        asyncio.StreamReaderProtocol.connection_lost(self, error)

    def eof_received(self) -> bool | None:
        self._end_sink()
        return asyncio.StreamReaderProtocol.eof_received(self)

    def retire(self) -> None:
        """End with 421 as soon as no command is in progress."""
        self._retiring = True
        self._end_pause()
        if not self._busy:
            self._turn_away(RETIRING)

    def leave(self) -> None:
        """Do not wait for the client's side of a farewell that has been said."""
        transport = self.transport
        if transport is not None and transport.is_closing() and not transport.get_write_buffer_size():  # type: ignore[attr-defined]
            transport.abort()  # type: ignore[attr-defined]

    def _turn_away(self, reply: Reply) -> None:
        self.say(reply)
        self._flush()
        if self.transport is not None:
            self.transport.close()

    # -- commands

    async def _handle_client(self) -> None:
        try:
            await self.greet()
            while self.transport is not None and not self.transport.is_closing():
                if self._retiring:
                    self.say(RETIRING)
                    break
                self._busy = False
                self._reset_timeout(COMMAND_TIMEOUT if self.session.host_name else GREETED_TIMEOUT)
                line = await self.read_line()
                self._busy = True
                self._deadline = math.inf  # our own time is not the client's
                if line is not None:
                    await self._obey(line)
                if self.errors > self.error_budget:
                    self.say(TOO_MANY_ERRORS)
                    break
                if self.commands > COMMAND_BUDGET:
                    self.say(TOO_MANY_COMMANDS)
                    break
                if self.errors > TARPIT_ERRORS and self.tarpit and line is not None:
                    await self._linger()
        except Hangup:
            pass
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError, ssl.SSLError) as loss:
            log.debug("client=%s connection ended: %s", self.client, loss)
        except Exception:
            log.exception("client=%s session failed", self.client)
        finally:
            self.ended()
            self._flush()
            if self.transport is not None:
                self.transport.close()
                self._reset_timeout(TLS_TIMEOUT)  # for what a client will not read

    async def _obey(self, line: str) -> None:
        verb, _, argument = line.partition(" ")
        verb = verb.upper()
        method = self.VERBS.get(verb)
        if method is None:
            if verb in FOREIGN_VERBS or verb[:1] == "\x16":
                log.info("client=%s sent %r; hung up", self.client, verb)
                raise Hangup
            self.commands += 1
            self.say(UNKNOWN)
            return
        if len(line) + 2 > LINE_LIMITS.get(verb, COMMAND_LIMIT):
            self.say(ANSWER_TOO_LONG if verb == "AUTH" else TOO_LONG)
            return
        self.commands += verb != "RCPT"
        try:
            await method(self, argument.strip(" \t") or None)
        except SyntaxFault as fault:
            self.say(fault.reply)
        except Refusal as refusal:
            log.info("client=%s %s refused: %s", self.client, verb, refusal.reason)
            self.say(refusal_reply(refusal))
        except (Hangup, ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            raise
        except Exception:
            reference = self.new_reference()
            log.exception("client=%s reference=%s %s failed", self.client, reference, verb)
            self.say(fault_reply(reference))

    async def _linger(self) -> None:
        """Who makes many errors waits for each further answer; a sleeping task is all that it costs."""
        errors, self._lingered = self.errors - self._lingered, self.errors
        if errors > 0 and self.transport is not None and not self._retiring:
            self._pause = pause = self.loop.create_future()
            self.loop.call_later(self.tarpit, self._end_pause)
            await pause

    def _end_pause(self) -> None:
        if self._pause is not None and not self._pause.done():
            self._pause.set_result(None)

    async def greet(self) -> None:
        self.say(Reply(220, "", f"{self.hostname} ESMTP CityMail"))

    def ended(self) -> None:
        """No further command will come."""

    def renew_budgets(self) -> None:
        """A message was delivered: errors and commands are counted anew."""
        self._lingered = 0
        self.errors = 0
        self.commands = 0

    def new_reference(self) -> str:
        """A number that stands in the log and that the client is told."""
        raise NotImplementedError

    async def smtp_STARTTLS(self, arg: str | None) -> None:  # noqa: N802  (aiosmtpd finds verbs by name)
        if arg:
            self.say(STARTTLS_ALONE)
        elif self.secured:
            self.say(SECURED_ALREADY)
        elif self.tls_context is None:
            self.say(NO_TLS)
        elif self._unread:
            # RFC 3207 §4.2, CVE-2011-0411: commands in clear behind STARTTLS would be obeyed as if they had
            # come under TLS.
            log.warning("client=%s sent octets behind STARTTLS; hung up", self.client)
            self.say(EARLY_OCTETS)
            raise Hangup
        else:
            await self._start_tls(self.tls_context)

    async def _start_tls(self, context: ssl.SSLContext) -> None:
        self.say(READY_FOR_TLS)
        self._flush()
        plain = self.transport
        if plain is None:
            raise Hangup
        try:
            secured = await self.loop.start_tls(
                plain,  # type: ignore[arg-type]
                self,
                context,
                server_side=True,
                ssl_handshake_timeout=TLS_TIMEOUT,
            )
        except (OSError, ssl.SSLError) as fault:
            log.info("client=%s TLS handshake failed: %s", self.client, str(fault) or type(fault).__name__)
            plain.close()
            if self.transport is not None:
                # The loop took the transport from us for the handshake, and tells nobody that it is gone.
                self.connection_lost(None)
            raise Hangup from None
        if secured is None or self.transport is None:
            raise Hangup
        self.transport = secured
        for part in (self, self._reader, self._writer):
            part._transport = secured  # type: ignore[union-attr]  # noqa: SLF001
        self._over_ssl = True
        self.secured = True
        self.forget_session()  # RFC 3207 §4.2: whatever was said before

    def forget_session(self) -> None:
        """Everything that the client said: its name, its login, its transaction."""
        peer = self.session.peer
        self.session = Session(self.loop)
        self.session.peer = peer
        self._set_rset_state()
