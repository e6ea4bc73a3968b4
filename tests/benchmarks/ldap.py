"""Address books asked over LDAP: single look-ups by one client and by many, and a large part of it in pages.

Times are from the request's octets to the end of the answer, on connections that are bound already.  The driver counts
messages and looks at the last one's result.  Names are asked for as they are written, for slapd tells marks apart.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

from directory.ldap import ber
from directory.ldap.messages import PAGED
from tests.benchmarks import address_books
from tests.benchmarks.address_books import LOGIN, TOP, AddressBook, CityMailBook, Slapd
from tests.benchmarks.city_people import Size, address, city_people
from tests.benchmarks.contender import PASSWORD
from tests.benchmarks.figures import Figure, Values, percentile
from tests.benchmarks.metering import Meter, memory
from tests.benchmarks.series import Series
from tests.directory.ldap_client import message, rfc4511, search_request

_ATTRIBUTES = ("cn", "sn", "givenName", "mail", "title", "ou", "telephoneNumber")
# Entries that a completion wants at most; people whose names are asked for; entries of a page.
_MOST, _ASKED_FOR, _PAGE = 100, 2_000, 500
_SUCCESS, _SIZE_LIMIT = 0, 4
_DONE = ber.application(5)


def _texts(kind: str, size: Size) -> list[str]:
    """Filters, each another one, and the same for everybody."""
    chance = random.Random(kind)
    names = [person.name for person in itertools.islice(city_people(size), _ASKED_FOR)]
    chance.shuffle(names)
    if kind == "equality":
        return [f"(mail={address(chance.randrange(size.people))})" for _ in names]
    if kind == "prefix":
        return [f"(cn={name.full[: len(name.full) - chance.randint(1, 3)]}*)" for name in names]
    if kind == "substring":
        parts = [name.given[-3:] if len(name.given) > 3 else name.given for name in names]
        return [f"(|(cn=*{part}*)(mail=*{part}*)(givenName=*{part}*)(sn=*{part}*))" for part in parts]
    assert kind == "two words"
    return [f"(cn=*{name.middle[:3]}*{name.given}*)" for name in names]


@dataclass(frozen=True)
class Searches(Series):
    """``kind``: equality (mail), prefix (cn), substring (as Thunderbird completes), two words (in the middle of cn)."""

    kind: str
    size: Size
    asked: int
    clients: int = 20

    figures = (
        Figure("one_p50", "one client: p50, ms", "less"),
        Figure("one_p95", "one client: p95, ms", "less"),
        Figure("many_p50", "many clients: p50, ms", "less"),
        Figure("many_p95", "many clients: p95, ms", "less"),
        Figure("many_per_s", "many clients: searches/s", "more"),
        Figure("cpu_ms", "server's CPU a search, ms", "less"),
        Figure("entries", "entries a search"),
        Figure("pss_mb", "memory of all processes (PSS), MB"),
    )

    @property
    def title(self) -> str:
        return f"LDAP: {self.kind}"

    @property
    def settings(self) -> str:
        return f"{self.size.people:,} people, {self.asked:,} searches by {self.clients} clients"

    def measure(self, contender: AddressBook, run: int) -> Values:
        texts = _texts(self.kind, self.size)
        requests = [
            message(2, "searchRequest", search_request(TOP, text, attributes=_ATTRIBUTES, size_limit=_MOST))
            for text in texts
        ]
        uvloop.run(_ask_all(contender.port, requests[:50], 1))  # whatever is made at the first question
        with Meter(contender.roots) as whole:
            alone, _ = uvloop.run(_ask_all(contender.port, _so_many(requests, self.asked // 4), 1))
            with Meter(contender.roots) as together:
                times, entries = uvloop.run(_ask_all(contender.port, _so_many(requests, self.asked), self.clients))
        return {
            "one_p50": percentile(alone, 50),
            "one_p95": percentile(alone, 95),
            "many_p50": percentile(times, 50),
            "many_p95": percentile(times, 95),
            "many_per_s": self.asked / together.wall,
            "cpu_ms": 1e3 * together.server / self.asked,
            "entries": entries / self.asked,
            "pss_mb": memory(contender.roots()).pss,
            **whole.figures(),
        }


@dataclass(frozen=True)
class Pages(Series):
    """A subtree, page after page on one connection."""

    size: Size
    pages: int

    figures = (
        Figure("page_p50", "a page of 500: p50, ms", "less"),
        Figure("page_p95", "a page of 500: p95, ms", "less"),
        Figure("entries_per_s", "entries/s", "more"),
        Figure("cpu_us", "server's CPU an entry, µs", "less"),
    )

    @property
    def title(self) -> str:
        return "LDAP: a subtree in pages"

    @property
    def settings(self) -> str:
        return f"{self.size.people:,} people, {self.pages} pages"

    def measure(self, contender: AddressBook, run: int) -> Values:
        with Meter(contender.roots) as meter:
            times, entries = uvloop.run(_page_through(contender.port, self.pages))
        return {
            "page_p50": percentile(times, 50),
            "page_p95": percentile(times, 95),
            "entries_per_s": entries / meter.wall,
            "cpu_us": 1e6 * meter.server / entries,
            **meter.figures(),
        }


def bring_up(folder: Path, size: Size, only: str | None, running: contextlib.ExitStack) -> list[AddressBook]:
    """Install and start who takes part; slapd is filled from ours, which has to be there for it."""
    reason = address_books.why_not() if only != "ours" else ""
    if reason:
        print(f"The peer is left out: {reason}.", file=sys.stderr)
    ours = CityMailBook(folder / "citymail", size)
    ours.install()
    found: list[AddressBook] = [] if only == "peer" else [ours]
    if only != "ours" and not reason:
        found.append(Slapd(folder / "slapd", ours))
        found[-1].install()
    for book in found:
        running.callback(book.stop)
        book.start()
    return found


def _so_many(requests: Sequence[bytes], count: int) -> Iterator[bytes]:
    return itertools.islice(itertools.cycle(requests), count)


async def _ask_all(port: int, requests: Iterator[bytes] | Sequence[bytes], clients: int) -> tuple[list[float], int]:
    """Milliseconds of each, and how many entries came in all."""
    waiting = iter(requests)
    times: list[float] = []
    entries = 0

    async def work() -> None:
        nonlocal entries
        connection = await _Connection.bound(port)
        for request in waiting:
            start = time.perf_counter()
            found, _ = await connection.ask(request)
            times.append(1e3 * (time.perf_counter() - start))
            entries += found
        connection.close()

    await asyncio.gather(*(work() for _ in range(clients)))
    return times, entries


async def _page_through(port: int, pages: int) -> tuple[list[float], int]:
    connection = await _Connection.bound(port)
    times: list[float] = []
    entries, cookie = 0, b""
    search = search_request(f"ou=people,{TOP}", "(objectClass=inetOrgPerson)", attributes=_ATTRIBUTES)
    for _ in range(pages):
        value = ber.sequence((ber.integer(_PAGE), ber.octets(cookie)))
        start = time.perf_counter()
        found, last = await connection.ask(message(2, "searchRequest", search, [(PAGED, True, value)]))
        times.append(1e3 * (time.perf_counter() - start))
        entries += found
        cookie = _cookie(last)
        if not cookie:
            break
    connection.close()
    return times, entries


def _cookie(last: bytes) -> bytes:
    reader = ber.Reader(last)
    reader.integer()
    reader.skip()
    control = reader.inside(ber.context(0, constructed=True)).inside()
    control.text()
    if control.tag == ber.BOOLEAN:
        control.boolean()
    inside = ber.Reader(control.octets()).inside()
    inside.integer()
    return inside.octets()


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._framer = ber.Framer(1 << 24)

    @classmethod
    async def bound(cls, port: int) -> _Connection:
        connection = cls(*await asyncio.open_connection("127.0.0.1", port))
        bind = rfc4511.BindRequest()
        bind["version"], bind["name"] = rfc4511.Version(3), LOGIN
        bind["authentication"] = rfc4511.AuthenticationChoice().setComponentByName("simple", rfc4511.Simple(PASSWORD))
        connection._writer.write(message(1, "bindRequest", bind))
        answer = await connection._next()
        assert _code(answer) == _SUCCESS, answer
        return connection

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """How many entries came, and the message that ended them."""
        self._writer.write(request)
        entries = 0
        while True:
            answer = await self._next()
            if _operation(answer) == _DONE:
                assert _code(answer) in (_SUCCESS, _SIZE_LIMIT), answer
                return entries, answer
            entries += 1

    async def _next(self) -> bytes:
        while (found := self._framer.next()) is None:
            octets = await self._reader.read(1 << 18)
            if not octets:
                raise EOFError("the server closed the connection")
            self._framer.feed(octets)
        return found

    def close(self) -> None:
        self._writer.close()


def _operation(answer: bytes) -> int:
    """The tag behind the message's number."""
    return answer[2 + answer[1]]


def _code(answer: bytes) -> int:
    reader = ber.Reader(answer)
    reader.integer()
    return reader.inside(reader.tag or 0).integer(ber.ENUMERATED)
