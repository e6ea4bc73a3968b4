"""The DNS over the network: runs functions that ask (``security.dns.Asking``), with a memory.

Questions that are asked together go out together, and two who ask the same wait for one answer.  A question that
is not answered in time costs those who asked it, and nobody else.  Whatever a server says, what comes back is an
``Answer``: nothing here raises.

A resolver is believed that an answer is secure (the AD bit) only if the configuration names it: the system's may be
anybody's (RFC 6698 Appendix A.3).

Standards: RFC 1035, RFC 2308 §5, §7 (negative answers and failures are remembered, failures shortly), RFC 4035
§4.9.3 (AD and CD), RFC 6891 (EDNS), RFC 7766 (TCP when truncated), RFC 8914 (extended errors tell bogus from dead).
Limits: names are asked as they are, never under a search list.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, TypeVar

import dns.asyncquery
import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver

from mailserver.config import Config
from mailserver.delivery.routing import is_ip_address
from security.dns import Answer, Asking, Mx, Question, Record, Status, Tlsa

log = logging.getLogger("citymail.dns")

T = TypeVar("T")

FIRST_TRY = 2.0  # seconds for one server, twice that in the second round
MOST_AT_A_TIME = 2000  # questions on the wire; each holds a socket
MOST_WAITING = 20_000
PAYLOAD = 1232  # octets of an answer over UDP that is not fragmented on its way
LONGEST_MEMORY = 86_400
FAILURE_MEMORY = 5  # seconds; RFC 2308 §7.1 allows five minutes
LARGEST_REMEMBERED = 8192  # octets of records; longer answers are asked for again
MEMORY = 48 * 1024 * 1024  # octets of all answers that are remembered, about
_ENTRY = 500  # what one takes without its records
MOST_RECORDS = 300

# Extended errors that say that a signature was looked at and is wrong (RFC 8914 §4.7 to §4.13).
_BOGUS_ERRORS = frozenset(range(6, 13))


class Dns:
    """``resolvers`` are addresses, as ``127.0.0.1`` or ``127.0.0.1:5353``; none for the system's."""

    def __init__(self, resolvers: Sequence[str] = (), *, timeout: float = 10.0, entries: int = 50_000) -> None:
        self._is_system = not resolvers
        self._servers = [_split_address(each) for each in resolvers] or _system_servers()
        self._timeout = timeout
        self._entries = entries
        self._memory: OrderedDict[Question, tuple[float, Answer, int]] = OrderedDict()
        self._remembered = 0  # octets
        self._asked: dict[Question, asyncio.Task[Answer]] = {}
        self._room = asyncio.Semaphore(MOST_AT_A_TIME)

    @classmethod
    def from_config(cls, config: Config) -> Dns:
        settings = config.dns
        return cls(settings.resolvers, timeout=settings.timeout, entries=settings.cache_entries)

    async def answer(self, asking: Asking[T], *, within: float | None = None, executor: Executor | None = None) -> T:
        """Run a function that asks.  ``within`` seconds in all; after them every answer is FAILED, at once.

        With an ``executor`` what it does between its questions is done there.
        """
        loop = asyncio.get_running_loop()
        deadline = None if within is None else loop.time() + within
        answers: tuple[Answer, ...] | None = None
        while True:
            if executor is None:
                step = _advance(asking, answers)
            else:
                step = await loop.run_in_executor(executor, _advance, asking, answers)
            if isinstance(step, _Ended):
                value: T = step.value
                return value
            answers = await self.ask(step, deadline=deadline)

    async def ask(self, questions: Sequence[Question], *, deadline: float | None = None) -> tuple[Answer, ...]:
        """Questions at the same time; their answers in the same order."""
        now = asyncio.get_running_loop().time()
        answers = [self._recall(question, now) for question in questions]
        if None not in answers:
            return tuple(answer for answer in answers if answer is not None)
        tasks = {
            question: self._share(question)
            for question, answer in zip(questions, answers, strict=True)
            if answer is None
        }
        await asyncio.wait(tasks.values(), timeout=None if deadline is None else max(0.0, deadline - now))
        return tuple(answer or _outcome(tasks[question]) for question, answer in zip(questions, answers, strict=True))

    async def addresses(self, host: str) -> Answer:
        """The IP addresses of a host, IPv6 and IPv4 in turn; FAILED only if neither kind was answered."""
        if is_ip_address(host):
            return Answer(Status.FOUND, (host,), name=host)
        if host == "localhost" or self._is_system:
            return await _system_addresses(host)
        six, four = await self.ask((Question(host, "AAAA"), Question(host, "A")))
        records = [each for pair in _take_turns(six.records, four.records) for each in pair]
        validated = six.validated and four.validated
        if records:
            known = six if six.records else four
            return Answer(Status.FOUND, tuple(records), validated, min(six.ttl, four.ttl), name=known.name)
        return six if six.failed else four

    # -- memory

    def _recall(self, question: Question, now: float) -> Answer | None:
        entry = self._memory.get(question)
        if entry is None:
            return None
        if entry[0] <= now:
            self._forget(question)
            return None
        self._memory.move_to_end(question)
        return entry[1]

    def _remember(self, question: Question, answer: Answer) -> None:
        seconds = FAILURE_MEMORY if answer.failed else min(answer.ttl, LONGEST_MEMORY)
        octets = sum(_weigh(record) for record in answer.records)
        if seconds <= 0 or octets > LARGEST_REMEMBERED:
            return
        self._forget(question)
        self._memory[question] = (asyncio.get_running_loop().time() + seconds, answer, octets + _ENTRY)
        self._remembered += octets + _ENTRY
        while len(self._memory) > self._entries or self._remembered > MEMORY:
            self._forget(next(iter(self._memory)))

    def _forget(self, question: Question) -> None:
        entry = self._memory.pop(question, None)
        if entry is not None:
            self._remembered -= entry[2]

    # -- the network

    def _share(self, question: Question) -> asyncio.Task[Answer]:
        """The task that asks this, begun by whoever comes first."""
        task = self._asked.get(question)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._find(question))
            self._asked[question] = task
            task.add_done_callback(lambda _: self._asked.pop(question, None))
        return task

    async def _find(self, question: Question) -> Answer:
        name = _to_name(question.name)
        if name is None:
            return Answer(Status.NO_NAME, fault=f"{question.name!r} cannot be a name")
        if len(self._asked) > MOST_WAITING:
            return Answer(Status.FAILED, fault="too many questions are waiting")
        try:
            async with asyncio.timeout(self._timeout), self._room:
                answer = await self._resolve(name, question)
        except TimeoutError:
            answer = Answer(Status.FAILED, fault=f"{question.kind} of {question.name}: timed out")
        except Exception as fault:  # a server may send anything, and dnspython may stumble over it
            log.warning("question=%s kind=%s could not be asked: %r", question.name, question.kind, fault)
            answer = Answer(Status.FAILED, fault=f"{question.kind} of {question.name}: {fault}")
        self._remember(question, answer)
        return answer

    async def _resolve(self, name: dns.name.Name, question: Question) -> Answer:
        """The first answer that says something; each server twice if it is silent, once if it says it cannot."""
        fault = "no resolver is configured"
        for seconds in (FIRST_TRY, 2 * FIRST_TRY):
            failures: list[dns.message.Message] = []
            for server in self._servers:
                try:
                    response = await _exchange(name, question, server, seconds)
                except (dns.exception.DNSException, OSError, EOFError) as error:
                    fault = str(error) or type(error).__name__
                    continue
                if response.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                    return self._read(response, question)
                failures.append(response)
                fault = dns.rcode.to_text(response.rcode())
            if failures:
                status = Status.BOGUS if await self._is_bogus(name, question, failures) else Status.FAILED
                return Answer(status, fault=f"{question.kind} of {question.name}: {fault}")
        return Answer(Status.FAILED, fault=f"{question.kind} of {question.name}: {fault}")

    async def _is_bogus(self, name: dns.name.Name, question: Question, failures: Sequence[dns.message.Message]) -> bool:
        """Whether the signatures are at fault: the server says so, or it knows the answer unchecked (CD)."""
        if any(error.code in _BOGUS_ERRORS for response in failures for error in response.extended_errors()):
            return True
        if self._is_system or failures[0].rcode() != dns.rcode.SERVFAIL:
            return False
        try:
            unchecked = await _exchange(name, question, self._servers[0], FIRST_TRY, flags=dns.flags.CD)
        except (dns.exception.DNSException, OSError, EOFError):
            return False
        return unchecked.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)

    def _read(self, response: dns.message.QueryMessage, question: Question) -> Answer:
        validated = bool(response.flags & dns.flags.AD) and not self._is_system
        chain = response.resolve_chaining()
        canonical = chain.canonical_name.to_text(omit_final_dot=True).lower()
        status = Status.NO_NAME if response.rcode() == dns.rcode.NXDOMAIN else Status.EMPTY
        if chain.answer is None:
            # RFC 2308 §5: the time-to-live of what is not there is in the SOA; without one it is not remembered.
            has_soa = any(each.rdtype == dns.rdatatype.SOA for each in response.authority)
            return Answer(status, (), validated, chain.minimum_ttl if has_soa else 0, name=canonical)
        records = tuple(_to_record(record) for record in list(chain.answer)[:MOST_RECORDS])
        return Answer(Status.FOUND, records, validated, chain.minimum_ttl, name=canonical)


def answer_once(config: Config, asking: Asking[T], *, within: float = 20.0) -> T:
    """Run a function that asks, on a loop of its own: for the command line."""

    async def run() -> T:
        return await Dns.from_config(config).answer(asking, within=within)

    return asyncio.run(run())


@dataclass(frozen=True, slots=True)
class _Ended:
    value: Any


def _advance(asking: Asking[Any], answers: tuple[Answer, ...] | None) -> tuple[Question, ...] | _Ended:
    """The next questions.  A StopIteration cannot leave a thread's future."""
    try:
        return next(asking) if answers is None else asking.send(answers)
    except StopIteration as end:
        return _Ended(end.value)


async def _exchange(
    name: dns.name.Name, question: Question, server: tuple[str, int], seconds: float, *, flags: int = 0
) -> dns.message.QueryMessage:
    query = dns.message.make_query(name, question.kind, use_edns=0, payload=PAYLOAD)
    # RFC 6840 §5.7: the AD bit in a question asks whether the answer is secure, without its signatures.
    query.flags |= dns.flags.AD | flags
    host, port = server
    response, _ = await dns.asyncquery.udp_with_fallback(
        query, host, seconds, port, ignore_unexpected=True, ignore_errors=True
    )
    assert isinstance(response, dns.message.QueryMessage)
    return response


async def _system_addresses(host: str) -> Answer:
    """As the machine resolves names, its hosts file included."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as fault:
        if isinstance(fault, UnicodeError) or fault.errno in (
            socket.EAI_NONAME,
            getattr(socket, "EAI_NODATA", socket.EAI_NONAME),
        ):
            return Answer(Status.NO_NAME, fault=str(fault))
        return Answer(Status.FAILED, fault=f"{host}: {fault}")
    return Answer(Status.FOUND, tuple(dict.fromkeys(str(entry[4][0]) for entry in found)), name=host)


def _outcome(task: asyncio.Task[Answer]) -> Answer:
    if not task.done() or task.cancelled():
        return Answer(Status.FAILED, fault="no answer in time")
    return task.result()


def _to_name(text: str) -> dns.name.Name | None:
    """Label by label: a name from a message may hold what dnspython would take for an escape."""
    try:
        return dns.name.Name([*(label.encode("ascii") for label in text.rstrip(".").split(".") if text != "."), b""])
    except (dns.exception.DNSException, UnicodeError):
        return None


def _to_record(record: Any) -> Record:
    kind = record.rdtype
    if kind == dns.rdatatype.TXT:
        return b"".join(record.strings)
    if kind == dns.rdatatype.MX:
        return Mx(record.preference, _to_text(record.exchange))
    if kind == dns.rdatatype.TLSA:
        return Tlsa(record.usage, record.selector, record.mtype, record.cert)
    if kind in (dns.rdatatype.A, dns.rdatatype.AAAA):
        return str(record.address)
    if kind == dns.rdatatype.SOA:
        return _to_text(record.mname)
    return _to_text(record.target)


def _to_text(name: dns.name.Name) -> str:
    return "." if name == dns.name.root else name.to_text(omit_final_dot=True).lower()


def _weigh(record: Record) -> int:
    if isinstance(record, str | bytes):
        return len(record) + 50
    return 100 + (len(record.data) if isinstance(record, Tlsa) else len(record.host))


def _take_turns(first: Sequence[Record], second: Sequence[Record]) -> list[list[Record]]:
    longest = max(len(first), len(second))
    return [[*first[position : position + 1], *second[position : position + 1]] for position in range(longest)]


def _system_servers() -> list[tuple[str, int]]:
    try:
        resolver = dns.resolver.Resolver()
    except dns.resolver.NoResolverConfiguration:
        return []  # every question fails for now, and mail waits
    return [(server, resolver.port) for server in resolver.nameservers if isinstance(server, str)]


def _split_address(address: str) -> tuple[str, int]:
    if address.startswith("["):
        host, _, port = address[1:].partition("]")
        return host, int(port.removeprefix(":") or 53)
    try:
        return str(ipaddress.ip_address(address)), 53
    except ValueError:
        host, _, port = address.rpartition(":")
        return host, int(port)
