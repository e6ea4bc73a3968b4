"""One connection of the relay: runs the steps of ``mailserver.smtp.client`` on a real socket.

The steps are driven by what arrives: no task wakes up for a reply, which is most of what a small message costs.

Standards: RFC 5321 §4.5.3.2 (time-outs).
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeVar, cast

from mailserver.smtp.client import Client
from mailserver.smtp.steps import ConnectionLost, Receive, Send, StartTls, Step, TlsFailed
from security.dane import NotProven
from security.tls import peer_chain

log = logging.getLogger("citymail.relay")

T = TypeVar("T")


class Connection(asyncio.Protocol):
    """An open conversation with one host.  ``check`` is shown the server's certificates, and raises NotProven."""

    def __init__(
        self,
        client: Client,
        host: str,
        address: str,
        context: ssl.SSLContext,
        check: Callable[[Sequence[bytes]], None] | None = None,
    ) -> None:
        self.client = client
        self.host = host
        self.address = address
        self.messages = 0  # that were sent on it
        self._context = context
        self._check = check
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._input = bytearray()
        self._ended: BaseException | None = None  # why there is no more to come
        self._can_write = True
        self._steps: Generator[Step, bytes, Any] | None = None
        self._step: Step | None = None  # the one that waits
        self._outcome: asyncio.Future[Any] | None = None
        self._deadline = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._handshake: asyncio.Task[None] | None = None

    # -- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, octets: bytes) -> None:
        self._input += octets
        if isinstance(self._step, Receive):
            self._advance(self._take_input())

    def eof_received(self) -> bool:
        self._end(EOFError("the server closed the connection"))
        return False

    def connection_lost(self, fault: Exception | None) -> None:
        self._end(fault or EOFError("the server closed the connection"))

    def pause_writing(self) -> None:
        self._can_write = False

    def resume_writing(self) -> None:
        self._can_write = True
        if isinstance(self._step, Send):
            self._advance(b"")

    # -- steps

    async def run(self, steps: Generator[Step, bytes, T]) -> T:
        """Do what the steps want.  Raises whatever they raise, ConnectionLost above all."""
        self._steps = steps
        outcome: asyncio.Future[T] = self._loop.create_future()
        self._outcome = outcome
        self._advance(None)
        try:
            return await outcome
        finally:
            self._steps = self._step = self._outcome = None
            if self._handshake is not None:
                self._handshake.cancel()

    def _advance(self, octets: bytes | None, fault: BaseException | None = None) -> None:
        """Go on until a step has to wait."""
        steps, outcome = self._steps, self._outcome
        if steps is None or outcome is None or outcome.done():
            return
        self._step = None
        try:
            while True:
                if fault is not None:
                    step, fault = steps.throw(fault), None
                elif octets is None:
                    step = next(steps)
                else:
                    step = steps.send(octets)
                found = self._begin(step)
                if found is None:
                    self._step = step
                    self._watch(step.timeout)
                    return
                octets = found
        except StopIteration as end:
            outcome.set_result(end.value)
        except Exception as raised:
            outcome.set_exception(raised)

    def _begin(self, step: Step) -> bytes | None:
        """Do a step; None if it has to be waited for."""
        if isinstance(step, Receive):
            if self._input:
                return self._take_input()
            return b"" if self._ended is not None else None
        if isinstance(step, Send):
            if self._ended is not None or self._transport is None:
                raise ConnectionLost(_describe(self._ended or EOFError("not connected")))
            self._transport.write(step.octets)
            return b"" if self._can_write else None
        self._handshake = self._loop.create_task(self._start_tls(step))
        return None

    async def _start_tls(self, step: StartTls) -> None:
        assert self._transport is not None
        self._step = None  # what arrives now is for the handshake
        try:
            if self._input:
                # RFC 3207 §4.2: it came in clear, in a packet of its own, and nobody knows from whom.
                raise ssl.SSLError("octets in clear before the handshake")
            secured = await self._loop.start_tls(
                self._transport, self, self._context, server_hostname=self.host, ssl_handshake_timeout=step.timeout
            )
        except (OSError, EOFError) as fault:  # TimeoutError and ssl.SSLError are OSErrors
            self._advance(b"", TlsFailed(_describe(fault), _result_of(fault)))
        else:
            if secured is None:  # the transport was closed meanwhile
                self._advance(b"", TlsFailed("the server closed the connection"))
                return
            self._transport = secured
            try:
                if self._check is not None:
                    self._check(peer_chain(secured.get_extra_info("ssl_object")))
            except NotProven as fault:
                self._advance(b"", TlsFailed(str(fault), "validation-failure"))
            else:
                self._advance(b"")

    def _take_input(self) -> bytes:
        octets = bytes(self._input)
        self._input.clear()
        return octets

    def _end(self, fault: BaseException) -> None:
        if self._ended is None:
            self._ended = fault
        step = self._step
        if isinstance(step, Receive):
            if isinstance(fault, EOFError):
                self._advance(b"")
            else:
                self._advance(b"", ConnectionLost(_describe(fault)))
        elif isinstance(step, Send):
            self._advance(b"", ConnectionLost(_describe(fault)))

    # -- patience: one timer for the connection, moved only when it rings

    def _watch(self, seconds: float) -> None:
        self._deadline = self._loop.time() + seconds
        if self._alarm is None or self._alarm.when() > self._deadline:
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm = self._loop.call_later(seconds, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        if self._step is None:
            return
        left = self._deadline - self._loop.time()
        if left > 0:
            self._alarm = self._loop.call_later(left, self._ring)
        else:
            self._advance(b"", ConnectionLost("timed out"))

    # -- the end

    async def close(self) -> None:
        """Politely if the conversation is in a state for it."""
        if self.client.alive:
            try:
                await self.run(self.client.quit())
            except ConnectionLost as loss:
                log.debug("host=%s did not say goodbye: %s", self.host, loss)
        self.abort()

    def abort(self) -> None:
        self.client.alive = False
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._transport is not None:
            self._transport.close()

    @property
    def is_open(self) -> bool:
        """Whether another message may be sent on it."""
        return self.client.alive and self._ended is None


# What OpenSSL calls a fault of a certificate → RFC 8460 §4.3.2.
_VERIFICATION = {10: "certificate-expired", 62: "certificate-host-mismatch"}


def _result_of(fault: BaseException) -> str:
    if isinstance(fault, ssl.SSLCertVerificationError):
        return _VERIFICATION.get(fault.verify_code, "certificate-not-trusted")
    return "validation-failure"


def _describe(fault: BaseException) -> str:
    if isinstance(fault, TimeoutError):
        return "timed out"
    text = getattr(fault, "strerror", None) or str(fault)
    return text or type(fault).__name__
