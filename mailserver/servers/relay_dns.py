"""The DNS for the relay: records of a name, over the network, with a memory.

Standards: RFC 1035, RFC 2308 (negative answers); dnspython keeps the time-to-live.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Generator, Sequence
from typing import Any, TypeVar

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver

from mailserver.delivery.routing import DnsFailed, NoSuchName, Question, is_ip_address

T = TypeVar("T")

# Seconds for a question, all servers and repetitions together.
LIFETIME = 10.0
_REMEMBERED = 20_000


class Dns:
    """``address`` is the resolver's, as ``127.0.0.1`` or ``127.0.0.1:5353``; empty for the system's."""

    def __init__(self, address: str = "") -> None:
        self._is_system = not address
        self._resolver: dns.asyncresolver.Resolver | None = None
        try:
            resolver = dns.asyncresolver.Resolver(configure=self._is_system)
        except dns.resolver.NoResolverConfiguration:
            return  # every question fails for now, and mail waits
        if address:
            host, port = _split_address(address)
            resolver.nameservers = [host]
            resolver.port = port
        resolver.lifetime = LIFETIME
        resolver.cache = dns.resolver.LRUCache(_REMEMBERED)
        self._resolver = resolver

    async def answer(self, generator: Generator[Question, Sequence[tuple[int, str]], T]) -> T:
        """Run one of ``delivery.routing``'s generators with real answers."""
        try:
            question = next(generator)
            while True:
                try:
                    records = await self.records(question)
                except (NoSuchName, DnsFailed) as fault:
                    question = generator.throw(fault)
                else:
                    question = generator.send(records)
        except StopIteration as end:
            value: T = end.value
            return value

    async def records(self, question: Question) -> list[tuple[int, str]]:
        """(preference, host) of MX, (0, address) of A and AAAA.  Raises NoSuchName, DnsFailed."""
        if self._resolver is None:
            raise DnsFailed("no resolver is configured")
        try:
            answer = await self._resolver.resolve(question.name, question.kind, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN:
            raise NoSuchName(question.name) from None
        except (dns.exception.DNSException, OSError) as fault:
            raise DnsFailed(f"{question.kind} of {question.name}: {fault}") from None
        return [_read_record(record) for record in answer.rrset or ()]

    async def addresses(self, host: str) -> list[str]:
        """The IP addresses of a host, IPv6 and IPv4 in turn.  Raises NoSuchName, DnsFailed."""
        if is_ip_address(host):
            return [host]
        if host == "localhost" or self._is_system:
            return await _system_addresses(host)
        found: list[list[str]] = []
        failure: Exception | None = None
        for kind in ("AAAA", "A"):
            try:
                found.append([address for _, address in await self.records(Question(host, kind))])
            except (NoSuchName, DnsFailed) as fault:
                failure = failure or fault
        addresses = [address for pair in _zip_longest(found) for address in pair]
        if not addresses and failure is not None:
            raise failure
        return addresses


async def _system_addresses(host: str) -> list[str]:
    """As the machine resolves names, its hosts file included."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as fault:
        if fault.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)):
            raise NoSuchName(host) from None
        raise DnsFailed(f"{host}: {fault}") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _read_record(record: Any) -> tuple[int, str]:
    if hasattr(record, "exchange"):
        exchange = record.exchange
        name = "." if exchange == dns.name.root else exchange.to_text(omit_final_dot=True)
        return record.preference, name
    return 0, str(record.address)


def _zip_longest(lists: Sequence[Sequence[str]]) -> list[list[str]]:
    longest = max((len(each) for each in lists), default=0)
    return [[each[position] for each in lists if position < len(each)] for position in range(longest)]


def _split_address(address: str) -> tuple[str, int]:
    if address.startswith("["):
        host, _, port = address[1:].partition("]")
        return host, int(port.removeprefix(":") or 53)
    try:
        return str(ipaddress.ip_address(address)), 53
    except ValueError:
        host, _, port = address.rpartition(":")
        return host, int(port)
