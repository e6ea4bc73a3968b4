"""The DNS as values: what is asked, what came back, and functions that ask without a network.

A function that needs the DNS is a generator: it yields questions, which are asked at the same time, and is sent
their answers in the same order.  A shell with a resolver runs it (``mailserver.servers.dns``), the tests run it
against a table.  So nothing here waits, and every case that the DNS knows can be told to it.

Standards: RFC 1035, RFC 2308 (no data and no name are different), RFC 4035 §4.3 (bogus), RFC 6698 (TLSA),
RFC 3596 §2.5 and RFC 1035 §3.5 (names of addresses).
"""

from __future__ import annotations

import enum
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from security.networks import IpAddress

T = TypeVar("T")

Kind = Literal["A", "AAAA", "MX", "TXT", "PTR", "CNAME", "TLSA", "NS", "SOA"]


class Status(enum.Enum):
    FOUND = "found"
    EMPTY = "no data"  # the name exists, and has no record of this kind
    NO_NAME = "no such name"
    FAILED = "no answer"  # time-out, SERVFAIL, a dead resolver, an answer that cannot be read
    BOGUS = "bogus"  # the answer's signatures are wrong (RFC 4035 §4.3)


@dataclass(frozen=True, slots=True)
class Question:
    """``name`` in ASCII (A-labels), with or without the final dot."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Mx:
    """``host`` is ``.`` in a null MX (RFC 7505)."""

    preference: int
    host: str


@dataclass(frozen=True, slots=True)
class Tlsa:
    usage: int
    selector: int
    matching: int
    data: bytes


Record = str | bytes | Mx | Tlsa


@dataclass(frozen=True, slots=True)
class Answer:
    """``records``: ``str`` for A, AAAA, PTR, CNAME, NS and SOA (the zone's name server), ``bytes`` for TXT, else
    values.

    ``validated``: a validating resolver vouches for it, also for what is not there.  ``name`` is where a chain
    of CNAMEs ended.
    """

    status: Status
    records: tuple[Record, ...] = ()
    validated: bool = False
    ttl: int = 0
    fault: str = ""
    name: str = ""

    @property
    def failed(self) -> bool:
        """Whether nothing is known: ask again later."""
        return self.status is Status.FAILED or self.status is Status.BOGUS

    @property
    def names(self) -> tuple[str, ...]:
        """Addresses and names."""
        return tuple(record for record in self.records if isinstance(record, str))

    @property
    def texts(self) -> tuple[bytes, ...]:
        return tuple(record for record in self.records if isinstance(record, bytes))

    @property
    def exchangers(self) -> tuple[Mx, ...]:
        return tuple(record for record in self.records if isinstance(record, Mx))

    @property
    def associations(self) -> tuple[Tlsa, ...]:
        return tuple(record for record in self.records if isinstance(record, Tlsa))


Asking = Generator[tuple[Question, ...], tuple[Answer, ...], T]


def ask(name: str, kind: Kind) -> Asking[Answer]:
    """One question."""
    (answer,) = yield (Question(name, kind),)
    return answer


def reverse_name(address: IpAddress, zone: str = "") -> str:
    """The name of an address, as ``1.2.0.192.in-addr.arpa``; under another zone for lists (RFC 5782 §2.1, §2.4)."""
    name, _, _ = address.reverse_pointer.rpartition(".in-addr.arpa" if address.version == 4 else ".ip6.arpa")
    default = "in-addr.arpa" if address.version == 4 else "ip6.arpa"
    return f"{name}.{zone or default}"


def together(*askings: Asking[Any]) -> Asking[tuple[Any, ...]]:
    """Run several functions that ask side by side; their values in order."""
    values: dict[int, Any] = {}
    asked: dict[int, tuple[Question, ...]] = {}

    def advance(number: int, answers: tuple[Answer, ...] | None) -> None:
        try:
            asked[number] = next(askings[number]) if answers is None else askings[number].send(answers)
        except StopIteration as end:
            asked.pop(number, None)
            values[number] = end.value

    for number in range(len(askings)):
        advance(number, None)
    while asked:
        waiting = list(asked.items())
        answers = yield tuple(question for _, questions in waiting for question in questions)
        position = 0
        for number, questions in waiting:
            advance(number, answers[position : position + len(questions)])
            position += len(questions)
    return tuple(values[number] for number in range(len(askings)))
