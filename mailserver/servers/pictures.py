"""Fetches pictures that messages want from elsewhere, for readers who asked to see them.

A stranger chose the address, so it is taken for an attack until shown otherwise.  Only http and https on their own
ports; every address that the name leads to is looked at, and the connection goes to an address that was looked at,
so that no second answer of the DNS leads elsewhere; the same again after each redirect.  Nothing is sent along but the
name of this server's software: no cookie, no referrer, no address of the reader.  What comes back is a picture by its
first octets, and drawn anew (``mailserver.message.attachments.drawing``), or nothing; SVG is none.

All of this has a thread and an event loop of its own beside that of the pages: a slow server costs a coroutine here,
and the pages neither time nor threads.  Those that wait for a picture to be drawn are this loop's too.

Standards: RFC 9110 §15.4 (redirects); RFC 6890 (special-purpose addresses).
Limits: ``SECONDS`` for a picture with its redirects, ``LARGEST`` octets, ``REDIRECTS``, ``AT_ONCE`` fetched and
``WAITING`` waited for; ``MEMORY`` octets remembered, each for ``KEPT`` seconds, failures for ``FAILED_KEPT``.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from mailserver.message.pictures import picture_type
from mailserver.refusals import TryLater
from mailserver.servers.https import Answer, HttpsFailed, request
from security.networks import is_public

log = logging.getLogger("citymail.pictures")

SECONDS = 10.0
LARGEST = 5 * 1024 * 1024
REDIRECTS = 3
AT_ONCE = 32
WAITING = 400
MEMORY = 32 * 1024 * 1024
KEPT = 3600.0
FAILED_KEPT = 60.0
_LONGEST_URL = 4000
_ENTRY = 500  # octets of what is remembered of a picture beside it
_PORTS = {"http": 80, "https": 443}
_MOVED = (301, 302, 303, 307, 308)

Resolve = Callable[[str], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Picture:
    media_type: str
    octets: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """Where a URL leads, as far as we go there."""

    host: str
    port: int
    target: str
    is_plain: bool


class NotFetched(Exception):
    """Why there is no picture, for the log alone."""


def place_of(url: str) -> Place:
    """Raises NotFetched for what we do not follow."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
        host = host if host.isascii() else host.encode("idna").decode("ascii")
    except ValueError:
        raise NotFetched("no URL") from None
    own_port = _PORTS.get(parts.scheme, 0)
    if not own_port or port not in (None, own_port):
        raise NotFetched("neither http nor https on its own port")
    if not host or parts.username is not None or parts.password is not None or len(url) > _LONGEST_URL:
        raise NotFetched("no URL that we follow")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not target.isascii() or not target.isprintable() or " " in target:
        raise NotFetched("no URL that we follow")
    return Place(host, own_port, target, parts.scheme == "http")


class Fetcher:
    """On one event loop."""

    def __init__(
        self,
        resolve: Resolve,
        context: ssl.SSLContext | None,
        draw: Callable[[bytes], bytes],
        *,
        is_allowed: Callable[[str], bool] = is_public,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolve = resolve
        self._context = context
        self._draw = draw
        self._is_allowed = is_allowed
        self._monotonic = monotonic
        self._memory: OrderedDict[str, tuple[float, Picture | None]] = OrderedDict()
        self._remembered = 0
        self._running: dict[str, asyncio.Task[Picture | None]] = {}
        self._room = asyncio.Semaphore(AT_ONCE)

    async def fetch(self, url: str) -> Picture | None:
        """None for whatever is no picture that we can have.  Two who want the same wait for one."""
        known = self._memory.get(url)
        if known is not None and known[0] > self._monotonic():
            self._memory.move_to_end(url)
            return known[1]
        task = self._running.get(url)
        if task is None:
            if len(self._running) >= WAITING:
                return None
            task = self._running[url] = asyncio.create_task(self._fetch(url))
            task.add_done_callback(lambda _: self._running.pop(url, None))
        return await asyncio.shield(task)

    async def _fetch(self, url: str) -> Picture | None:
        found: Picture | None = None
        async with self._room:
            try:
                async with asyncio.timeout(SECONDS):
                    found = await self._follow(url)
            except TimeoutError:
                log.info("a picture took too long: %.200r", url)
            except (NotFetched, HttpsFailed, TryLater) as why:
                log.info("a picture could not be had: %.200r: %s", url, why)
        self._remember(url, found)
        return found

    async def _follow(self, url: str) -> Picture:
        for _ in range(REDIRECTS + 1):
            answer = await self._ask(place_of(url))
            if answer.status in _MOVED and answer.location:
                url = _joined(url, answer.location)
                continue
            drawn = await asyncio.to_thread(self._draw, answer.body) if answer.status == 200 else b""
            kind = picture_type(drawn)
            if kind is None:
                raise NotFetched(f"status {answer.status}, {answer.content_type or 'no type'}")
            return Picture(kind, drawn)
        raise NotFetched("too many redirects")

    async def _ask(self, place: Place) -> Answer:
        addresses = await self._addresses(place.host)
        # One address of our own among them is enough to stay away: nobody has that by accident.
        if not addresses or not all(map(self._is_allowed, addresses)):
            raise NotFetched(f"{place.host} leads to {', '.join(addresses) or 'no address'}")
        return await request(
            "GET",
            place.host,
            place.target,
            addresses=addresses,
            context=None if place.is_plain else self._context,
            port=place.port,
            seconds=SECONDS,
            most=LARGEST,
        )

    async def _addresses(self, host: str) -> Sequence[str]:
        try:
            return (str(ipaddress.ip_address(host)),)
        except ValueError:
            pass
        if host.rpartition(".")[2].isdigit() or "." not in host:
            return ()  # a way to write an address of IPv4 that only some programs take for one, or a name of our own
        return await self._resolve(host)

    def _remember(self, url: str, found: Picture | None) -> None:
        if url in self._memory:
            self._remembered -= _weight(self._memory.pop(url)[1])
        self._memory[url] = self._monotonic() + (FAILED_KEPT if found is None else KEPT), found
        self._remembered += _weight(found)
        while self._remembered > MEMORY:
            _, (_, gone) = self._memory.popitem(last=False)
            self._remembered -= _weight(gone)


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise NotFetched("it moved to what is no URL") from None


def _weight(picture: Picture | None) -> int:
    return _ENTRY + (len(picture.octets) if picture else 0)


class FetchingThread:
    """A fetcher on a loop of its own, for other loops.  It begins with the first picture."""

    def __init__(self, make: Callable[[], Fetcher]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._fetcher: Fetcher | None = None

    async def fetch(self, url: str) -> Picture | None:
        loop = self._begin()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._fetch(url), loop))

    async def _fetch(self, url: str) -> Picture | None:
        if self._fetcher is None:
            self._fetcher = self._make()
        return await self._fetcher.fetch(url)

    def _begin(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=_run, args=(self._loop,), name="pictures", daemon=True).start()
            return self._loop

    def end(self) -> None:
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._loop = self._fetcher = None


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
