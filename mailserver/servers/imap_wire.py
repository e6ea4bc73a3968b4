"""The wire under an IMAP connection: octets in and out, their flow, TLS and compression, and the end.

What is to be written waits while the client is slow to read, and the command with it; what is read waits while the
client sends faster than its commands run.  Compression lies between framing and TLS (RFC 4978 §3: first COMPRESS, then
TLS), in whatever order they were begun.

Standards: RFC 9051 §6.2.1 (STARTTLS: octets behind the command end the connection); RFC 4978 §3, RFC 8437 §4.1
(COMPRESS and its end).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import zlib
from typing import cast

from mailserver.imap.grammar.framing import STRANGER, Framer
from mailserver.servers.imap_deflate import Deflate
from mailserver.servers.imap_services import ImapServices

log = logging.getLogger("citymail.imap")

# Octets written and not read; read and not looked at.
WRITE_HIGH, WRITE_LOW = 768 * 1024, 256 * 1024
READ_HIGH, READ_LOW = 256 * 1024, 64 * 1024
# Octets inflated in one go, and how many such pieces before others get their turn.
PIECE, PIECES = 64 * 1024, 8
TLS_TIME = 30.0


class ImapWire(asyncio.Protocol):
    __slots__ = (
        "_active_at",
        "_deflate",
        "_forwarded",
        "_framer",
        "_gathered",
        "_inflates",
        "_is_closed",
        "_is_paused_reading",
        "_received",
        "_secure",
        "_services",
        "_stalled_at",
        "_transport",
    )

    def __init__(self, services: ImapServices, secure: bool) -> None:
        self._services = services
        self._secure = secure
        self._transport: asyncio.Transport | None = None
        self._forwarded: tuple[str, int] | None = None  # who the client is, says a proxy
        self._framer = Framer(STRANGER, services.open_spool)
        self._deflate: Deflate | None = None
        self._gathered: list[bytes] = []
        self._is_closed = self._is_paused_reading = self._inflates = False
        self._active_at = 0.0
        self._stalled_at = 0.0  # since when the client does not read what is written; 0: it does
        self._received = 0  # octets

    # What a connection says to it

    def _advance(self) -> None:
        """Something has come, or may go."""
        raise NotImplementedError

    def _is_out_of_place(self, octets: bytes) -> bool:
        """Whether these octets may not come now; then the connection ends."""
        raise NotImplementedError

    def _tls_ended(self, transport: asyncio.Transport | None) -> None:
        """The handshake was made; None: it failed."""
        raise NotImplementedError

    def came_from(self, address: str, port: int) -> None:
        self._forwarded = (address, port)

    # Octets in

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
        if self._is_closed:
            return
        self._active_at = self._services.loop.time()
        self._received += len(data)
        if self._is_out_of_place(data):
            self._abort()
            return
        if self._deflate is None:
            self._framer.feed(data)
            self._advance()
        else:
            self._deflate.take(data)
            self._inflate()
        self._hold_back()

    def _inflate(self) -> None:
        """Inflate what the framer has room for, and a bounded piece of it at a time."""
        for _ in range(PIECES):
            deflate = self._deflate
            if deflate is None or self._is_closed or not deflate.has_unread or self._framer.buffered > READ_HIGH:
                return
            try:
                octets = deflate.inflate(PIECE)
            except zlib.error as fault:
                log.info("compression is broken: %s; client=%s", fault, self)
                self._abort()
                return
            self._framer.feed(octets)
            self._advance()
        self._inflate_later()

    def _inflate_later(self) -> None:
        if not self._inflates:
            self._inflates = True
            self._services.loop.call_soon(self._inflate_now)

    def _inflate_now(self) -> None:
        self._inflates = False
        self._inflate()
        self._take_more()

    def _hold_back(self) -> None:
        """Ask for no more while there is enough."""
        waits = self._deflate is not None and (self._deflate.has_unread or self._deflate.has_ended)
        if not self._is_closed and (waits or self._framer.buffered > READ_HIGH) and not self._is_paused_reading:
            self._is_paused_reading = True
            self._pause_reading()

    def _take_more(self) -> None:
        """Go on reading, once what has come is nearly used up."""
        if not self._is_paused_reading or self._is_closed or self._framer.buffered >= READ_LOW:
            return
        if self._deflate is not None and self._deflate.has_unread:
            self._inflate_later()
        else:
            self._is_paused_reading = False
            self._resume_reading()

    def eof_received(self) -> bool:
        return False

    def _pause_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # Octets out

    @property
    def _is_paused_writing(self) -> bool:
        return self._stalled_at > 0

    def pause_writing(self) -> None:
        self._stalled_at = self._services.loop.time()

    def resume_writing(self) -> None:
        self._stalled_at = 0.0
        self._active_at = self._services.loop.time()

    def _write(self, octets: bytes) -> None:
        if octets:
            self._gathered.append(octets)

    def _flush(self) -> None:
        gathered = self._gathered
        if not gathered or self._transport is None:
            return
        self._gathered = []
        if self._is_closed:
            return
        if self._deflate is not None:
            self._transport.write(self._deflate.deflate(gathered))
        elif len(gathered) == 1:
            self._transport.write(gathered[0])
        elif self._secure:
            # One by one, each would be a record of its own.
            self._transport.write(b"".join(gathered))
        else:
            self._transport.writelines(gathered)

    # Compression

    def _start_compression(self) -> bool:
        """From the next octet on, in both directions; False if something came too early and the connection ends."""
        self._flush()
        if self._framer.has_unread:
            # RFC 4978 §3: the client sends nothing before it has our answer.  What did come is no command of his.
            self._abort()
            return False
        self._deflate = Deflate()
        return True

    def _end_compression(self) -> bool:
        """RFC 8437 §4.1: ours ends behind the OK, the client's behind his command."""
        self._flush()
        assert self._deflate is not None
        leftover = self._deflate.leftover()
        if leftover is None or self._framer.has_unread:
            self._abort()
            return False
        self._deflate = None
        self._framer.feed(leftover)
        return True

    # TLS

    def _start_tls(self) -> None:
        self._flush()
        self._pause_reading()
        task = self._services.loop.create_task(self._upgrade())
        self._services.tasks.add(task)
        task.add_done_callback(self._services.tasks.discard)

    async def _upgrade(self) -> None:
        services = self._services
        assert services.tls_context is not None
        assert self._transport is not None
        transport: asyncio.Transport | None
        try:
            transport = await services.loop.start_tls(
                self._transport, self, services.tls_context, server_side=True, ssl_handshake_timeout=TLS_TIME
            )
        except (OSError, ssl.SSLError, asyncio.CancelledError) as fault:
            log.info("TLS handshake failed: %s; %s", fault, self)
            transport = None
        if transport is not None and not self._is_closed:
            self._take_transport(transport)
            self._secure = True
        self._tls_ended(transport)

    # The end

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


def real_transport(transport: asyncio.BaseTransport) -> asyncio.Transport:
    return cast(asyncio.Transport, transport)  # uvloop's are none by inheritance
