"""The stream under an SMTP connection: octets in and out, lines and messages, and the time they may take.

Replies are collected and sent when no further command is waiting (RFC 2920 §3.2).  The octets of a message go chunk by
chunk from the transport into a sink, not line by line through the reader.  One timer serves a connection for its life.

Standards: RFC 5321 §4.1.1, §4.5.3.2 (time-outs); RFC 2920; RFC 3030 §2 (BDAT).
"""

from __future__ import annotations

import asyncio
import logging
import math
from typing import Protocol

from aiosmtpd import smtp as aiosmtpd_smtp

from mailserver.smtp.commands import LINE_LIMITS
from mailserver.smtp.data import DotSink
from mailserver.smtp.replies import Reply

log = logging.getLogger("citymail.smtp")

# Longest line that is looked at at all (AUTH with its initial response is 12,288).
READ_LIMIT = 16_384
# RFC 5321 §4.5.3.2.7: at least five minutes for the next command.  Before the first command there is less
# patience.
COMMAND_TIMEOUT = 300.0
GREETED_TIMEOUT = 120.0
# RFC 5321 §4.5.3.2.5: three minutes for a block of data; a whole message may come at no less than LEAST_RATE
# octets/s.
BLOCK_TIMEOUT = 180.0
DATA_TIMEOUT = 600.0
LEAST_RATE = 500
TLS_TIMEOUT = 60.0

SYNTAX_CRLF = Reply(500, "5.5.2", "A command line ends in CRLF and has no other CR, LF or NUL")
SYNTAX_CHARSET = Reply(501, "5.5.4", "Octets that are neither ASCII nor UTF-8")
TOO_LONG = Reply(500, "5.5.2", "Command line is too long")
ANSWER_TOO_LONG = Reply(500, "5.5.6", "Authentication exchange line is too long")  # RFC 4954 §6
TOO_MUCH = Reply(552, "5.3.4", "Far more than is taken; goodbye")
TIMED_OUT = Reply(421, "4.4.2", "Waited too long; goodbye")
EARLY_OCTETS = Reply(554, "5.5.0", "Octets came before they were asked for; goodbye")


class Hangup(Exception):
    """End the connection now, after sending what has been said."""


class Taker(Protocol):
    """Who takes octets of a message until they have come."""

    has_ended: bool
    received: int

    def feed(self, chunk: bytes) -> int | None: ...


class Chunked(Taker, Protocol):
    """Who takes a chunk of known size."""

    def expect(self, size: int) -> None: ...


class SmtpStream(aiosmtpd_smtp.SMTP):
    """Octets, lines and time; ``SmtpWire`` makes it and gives it a life."""

    client: str
    errors: int
    most_data: int
    _out: list[bytes]
    _sink: Taker | None
    _sink_waiter: asyncio.Future[None] | None
    _data_began: float
    _data_before: int
    _deadline: float
    _timeout_handle: asyncio.TimerHandle | None

    # -- time

    def _reset_timeout(self, duration: float | None = None) -> None:
        """One timer for the connection's life; moving the deadline costs no timer operation."""
        self._deadline = self.loop.time() + (duration or COMMAND_TIMEOUT)
        if self._timeout_handle is None:
            self._timeout_handle = self.loop.call_at(self._deadline, self._timeout_cb)
        elif self._timeout_handle.when() > self._deadline:
            self._timeout_handle.cancel()
            self._timeout_handle = self.loop.call_at(self._deadline, self._timeout_cb)

    def _timeout_cb(self) -> None:
        if self.transport is None:
            return
        now = self.loop.time()
        if self._deadline > now:
            self._timeout_handle = self.loop.call_at(min(self._deadline, now + COMMAND_TIMEOUT), self._timeout_cb)
            return
        log.info("client=%s timed out", self.client)
        # Nothing may hold the connection open, not even a client that does not read.
        self.say(TIMED_OUT)
        self._flush()
        self.loop.call_later(TLS_TIMEOUT, self.transport.abort)  # type: ignore[attr-defined]
        self.transport.close()
        self._end_sink()

    # -- octets in

    def data_received(self, data: bytes) -> None:
        sink = self._sink
        if sink is None:
            asyncio.StreamReaderProtocol.data_received(self, data)
            return
        used = sink.feed(data)
        now = self.loop.time()
        came = sink.received - self._data_before
        self._deadline = min(now + BLOCK_TIMEOUT, self._data_began + DATA_TIMEOUT + came / LEAST_RATE)
        if used is None:
            if sink.received > self.most_data:
                # The rest of what is too large is thrown away, but not for ever.
                log.info("client=%s sends without end; hung up", self.client)
                self.say(TOO_MUCH)
                self._flush()
                if self.transport is not None:
                    self.transport.close()
                self._end_sink()
            return
        self._end_sink()
        if used < len(data):
            asyncio.StreamReaderProtocol.data_received(self, data[used:])

    def is_too_slow(self, sink: Taker, began: float) -> bool:
        """Whether a message in chunks has taken longer than one by DATA may."""
        return self.loop.time() > began + DATA_TIMEOUT + sink.received / LEAST_RATE

    def _end_sink(self) -> None:
        self._sink = None
        if self._sink_waiter is not None and not self._sink_waiter.done():
            self._sink_waiter.set_result(None)

    @property
    def _unread(self) -> bytearray:
        """What has come and was not asked for yet; the contract test watches over this name of asyncio's."""
        buffer: bytearray = self._reader._buffer  # type: ignore[attr-defined]  # noqa: SLF001
        return buffer

    async def read_data(self, sink: DotSink) -> bool:
        """Say 354 and let the octets that follow go into the sink; False when the client went away before the
        end.
        """
        if self._unread:
            # RFC 2920 §3.1: DATA is the last of a group.  What is here already was meant for another end of
            # data than ours.
            self.say(EARLY_OCTETS)
            raise Hangup
        self._out.append(b"354 End data with <CR><LF>.<CR><LF>\r\n")
        return await self._fill(sink)

    async def read_chunk(self, sink: Chunked, size: int) -> bool:
        """Let so many octets go into the sink, those that have come already and those that will."""
        sink.expect(size)
        while size and self._unread:
            octets = await self._reader.read(min(size, READ_LIMIT))
            size -= len(octets)
            sink.feed(octets)
        return sink.has_ended or await self._fill(sink)

    async def _fill(self, sink: Taker) -> bool:
        if self.transport is None or self._reader.at_eof():
            return False  # nothing will come any more, nor tell us so
        self._sink = sink
        self._sink_waiter = waiter = self.loop.create_future()
        self._data_began = self.loop.time()
        self._data_before = sink.received
        self._reset_timeout(BLOCK_TIMEOUT)
        self._flush()
        await waiter
        self._sink_waiter = None
        self._deadline = math.inf
        return self.transport is not None and sink.has_ended

    async def read_line(self, too_long: Reply = TOO_LONG) -> str | None:
        """The next line without its CRLF; None when it was not fit and has been answered.  Sends collected
        replies first.
        """
        reader = self._reader
        if b"\n" not in self._unread:
            self._flush()
            if self.transport is not None and self.transport.get_write_buffer_size() > READ_LIMIT:  # type: ignore[attr-defined]
                await self._writer.drain()  # a client that does not read its replies gets no more of them
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.LimitOverrunError as overrun:
            await self._skip_line(overrun.consumed)
            self.say(too_long)
            return None
        if line[-2:] != b"\r\n" or b"\r" in line[:-2] or b"\0" in line:
            # A bare LF must not end a command any more than it may end DATA.
            self.say(SYNTAX_CRLF)
            raise Hangup
        try:
            return line[:-2].decode()
        except UnicodeDecodeError:
            self.say(SYNTAX_CHARSET)
            return None

    async def read_answer(self) -> str | None:
        """The client's answer to a question of ours within a command; its time counts.  None when it was not fit
        and has been answered.
        """
        self._reset_timeout()
        line = await self.read_line(ANSWER_TOO_LONG)
        self._deadline = math.inf
        if line is not None and len(line) > LINE_LIMITS["AUTH"]:
            self.say(ANSWER_TOO_LONG)
            return None
        return line

    async def _skip_line(self, consumed: int) -> None:
        while True:
            await self._reader.read(consumed)
            try:
                await self._reader.readuntil(b"\n")
                return
            except asyncio.LimitOverrunError as overrun:
                consumed = overrun.consumed

    # -- replies out

    def say(self, reply: Reply) -> None:
        """Answer; the octets go out when no further command is waiting."""
        if reply.code >= 500:
            self.errors += 1
        octets = reply.octets
        if not octets.isascii():
            # RFC 6531 §3.7.4: UTF-8 only for who has said SMTPUTF8; what we say never needs it.
            octets = octets.decode().encode("ascii", "replace")
        self._out.append(octets)

    async def push(self, status: str | bytes) -> None:
        self._out.append((status.encode() if isinstance(status, str) else status) + b"\r\n")

    def _flush(self) -> None:
        if self._out:
            octets = b"".join(self._out)
            self._out.clear()
            if self.transport is not None and not self.transport.is_closing():
                self._writer.write(octets)
