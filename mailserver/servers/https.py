"""One request over HTTPS, for MTA-STS policies and reports: no redirects, no cookies, a bounded answer.

Standards: RFC 9110, RFC 9112 by way of h11; RFC 8461 §3.3 (the certificate must be for the name; nothing is followed).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

import h11

_READ = 16 * 1024


class HttpsFailed(Exception):
    """There is no answer, or none that is worth the name; ``is_tls`` if it was the certificate."""

    def __init__(self, text: str, *, is_tls: bool = False) -> None:
        self.is_tls = is_tls
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content_type: str
    body: bytes
    location: str = ""  # where it says that something is, for who follows


async def request(
    method: str,
    host: str,
    target: str,
    *,
    addresses: Sequence[str],
    context: ssl.SSLContext | None,
    port: int = 443,
    seconds: float = 30.0,
    most: int = 64 * 1024,
    content_type: str = "",
    body: bytes = b"",
) -> Answer:
    """Ask a host, at the first of its addresses that takes a connection; without a context, in the clear.

    Raises HttpsFailed.
    """
    try:
        async with asyncio.timeout(seconds):
            return await _request(method, host, target, addresses, context, port, most, content_type, body)
    except TimeoutError:
        raise HttpsFailed(f"{host} took too long") from None
    except ssl.SSLError as fault:
        raise HttpsFailed(f"{host}: {fault.reason or fault}", is_tls=True) from None
    except OSError as fault:
        raise HttpsFailed(f"{host}: {fault.strerror or fault}") from None
    except h11.ProtocolError as fault:
        raise HttpsFailed(f"{host} speaks no HTTP: {fault}") from None


async def _request(
    method: str,
    host: str,
    target: str,
    addresses: Sequence[str],
    context: ssl.SSLContext | None,
    port: int,
    most: int,
    content_type: str,
    body: bytes,
) -> Answer:
    reader, writer = await _connect(host, addresses, context, port)
    try:
        http = h11.Connection(our_role=h11.CLIENT)
        headers = [("Host", host), ("Connection", "close"), ("User-Agent", "CityMail")]
        if body:
            headers += [("Content-Type", content_type), ("Content-Length", str(len(body)))]
        writer.write(http.send(h11.Request(method=method, target=target, headers=headers)) or b"")
        if body:
            writer.write(http.send(h11.Data(data=body)) or b"")
        writer.write(http.send(h11.EndOfMessage()) or b"")
        await writer.drain()
        return await _read_answer(http, reader, host, most)
    finally:
        writer.transport.abort()


async def _connect(
    host: str, addresses: Sequence[str], context: ssl.SSLContext | None, port: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    last: OSError = OSError("it has no address")
    for address in addresses:
        try:
            return await asyncio.open_connection(
                address, port, ssl=context, server_hostname=host if context is not None else None
            )
        except ssl.SSLError:
            raise
        except OSError as fault:
            last = fault
    raise last


async def _read_answer(http: h11.Connection, reader: asyncio.StreamReader, host: str, most: int) -> Answer:
    status, content_type, location, body = 0, "", "", bytearray()
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(await reader.read(_READ))
        elif isinstance(event, h11.Response):
            status = event.status_code
            fields = dict(event.headers)
            content_type = fields.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
            location = fields.get(b"location", b"").decode("latin-1")
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > most:
                raise HttpsFailed(f"{host} sends more than {most} octets")
        elif isinstance(event, h11.EndOfMessage):
            return Answer(status, content_type, bytes(body), location)
        elif isinstance(event, h11.ConnectionClosed):
            raise HttpsFailed(f"{host} hung up without an answer")
