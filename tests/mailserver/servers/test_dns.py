"""The DNS over the network, against name servers that answer, are silent, lie, or are not there."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from mailserver.servers import dns as dns_shell
from mailserver.servers.dns import Dns
from security.dns import Answer, Mx, Question, Status, Tlsa, ask, together
from tests.mailserver.servers.far_away import NameServer

Reply = Callable[[dns.message.Message], bytes | None]


class OddServer:
    """Answers every question as a function says: octets, or nothing.  Over TCP too."""

    def __init__(self, reply: Reply, tcp_reply: Reply | None = None) -> None:
        self._reply, self._tcp_reply = reply, tcp_reply or reply
        self.asked = 0
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self._udp.bind(self._tcp.getsockname())
        self.address = f"127.0.0.1:{self._udp.getsockname()[1]}"
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._serve_udp, self._serve_tcp)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", self._udp.getsockname())
        with socket.create_connection(self._tcp.getsockname()) as end:
            end.sendall(b"\0\0")
        for thread in self._threads:
            thread.join(10)
        self._udp.close()
        self._tcp.close()

    def _serve_udp(self) -> None:
        while True:
            octets, peer = self._udp.recvfrom(4096)
            if not octets:
                return
            self.asked += 1
            answer = self._reply(dns.message.from_wire(octets))
            if answer is not None:
                self._udp.sendto(answer, peer)

    def _serve_tcp(self) -> None:
        while True:
            connection, _ = self._tcp.accept()
            with connection:
                size = int.from_bytes(connection.recv(2), "big")
                if not size:
                    return
                answer = self._tcp_reply(dns.message.from_wire(connection.recv(size)))
                if answer is not None:
                    connection.sendall(len(answer).to_bytes(2, "big") + answer)


@pytest.fixture
def serve():
    servers: list[Any] = []

    def start(made: Any) -> Any:
        servers.append(made)
        return made

    yield start
    for server in servers:
        server.close()


def look_up(address: str, *questions: Question, timeout: float = 5, again: int = 0) -> tuple[Answer, ...]:
    async def run() -> tuple[Answer, ...]:
        shell = Dns([address] if address else [], timeout=timeout)
        for _ in range(again):
            await shell.ask(questions)
        return await shell.ask(questions)

    return asyncio.run(run())


def respond(
    query: dns.message.Message, *texts: str, rcode: int = 0, flags: int = 0, errors: tuple[int, ...] = ()
) -> bytes:
    response = dns.message.make_response(query)
    response.flags |= dns.flags.RA | flags
    response.set_rcode(dns.rcode.Rcode(rcode))
    for text in texts:
        name, kind, data = text.split(" ", 2)
        response.answer.append(dns.rrset.from_text(name, 60, "IN", kind, data))
    if errors:
        response.use_edns(0, options=[dns.edns.EDEOption(code) for code in errors])
    return response.to_wire(max_size=65_535)


def test_every_kind(serve) -> None:
    server = serve(
        NameServer(
            {
                ("a.example", "A"): ["192.0.2.1", "192.0.2.2"],
                ("a.example", "AAAA"): ["2001:db8::1"],
                ("a.example", "MX"): ["10 MX.a.example.", "0 ."],
                ("a.example", "TXT"): ['"one" "two"', '"\\255"'],
                ("1.2.0.192.in-addr.arpa", "PTR"): ["Mx.A.example."],
                ("_25._tcp.a.example", "TLSA"): ["3 1 1 " + "ab" * 32],
                ("b.example", "CNAME"): ["a.example."],
                ("none.example", "A"): "NXDOMAIN",
                ("broken.example", "A"): "SERVFAIL",
            }
        )
    )
    answers = look_up(
        server.address,
        Question("a.example", "A"),
        Question("a.example", "AAAA"),
        Question("a.example.", "MX"),
        Question("a.example", "TXT"),
        Question("1.2.0.192.in-addr.arpa", "PTR"),
        Question("_25._tcp.a.example", "TLSA"),
        Question("b.example", "CNAME"),
        Question("none.example", "A"),
        Question("broken.example", "A"),
        Question("a.example", "NS"),
    )
    assert [set(answer.records) for answer in answers] == [
        {"192.0.2.1", "192.0.2.2"},
        {"2001:db8::1"},
        {Mx(10, "mx.a.example"), Mx(0, ".")},
        {b"onetwo", b"\xff"},
        {"mx.a.example"},
        {Tlsa(3, 1, 1, b"\xab" * 32)},
        {"a.example"},
        set(),
        set(),
        set(),
    ]
    assert [answer.status for answer in answers[7:]] == [Status.NO_NAME, Status.FAILED, Status.EMPTY]
    assert answers[0].ttl == 60


@pytest.mark.parametrize("name", ["", "a..example", "x" * 64 + ".example", "ă.example", "a." * 130 + "example"])
def test_what_cannot_be_a_name_is_not_asked(serve, name: str) -> None:
    server = serve(NameServer({}))
    (answer,) = look_up(server.address, Question(name, "A"))
    assert answer.status in (Status.NO_NAME, Status.EMPTY)
    assert server.questions == [] or name == ""


def test_names_with_odd_characters_are_asked_as_they_are(serve) -> None:
    server = serve(OddServer(lambda query: respond(query)))
    (answer,) = look_up(server.address, Question("a\\b @%.example", "A"))
    assert answer.status is Status.EMPTY


def test_answers_are_remembered_and_failures_too(serve) -> None:
    server = serve(NameServer({("a.example", "A"): ["192.0.2.1"], ("broken.example", "A"): "REFUSED"}))
    look_up(server.address, Question("a.example", "A"), Question("broken.example", "A"), again=3)
    assert sorted(server.questions) == [("a.example", "A"), ("broken.example", "A")]


def test_who_ask_the_same_wait_for_one_answer(serve) -> None:
    server = serve(NameServer({("a.example", "A"): ["192.0.2.1"]}))
    question = Question("a.example", "A")

    async def run() -> list[tuple[Answer, ...]]:
        shell = Dns([server.address])
        return await asyncio.gather(*(shell.ask([question, question]) for _ in range(20)))

    answers = asyncio.run(run())
    assert {answer for each in answers for answer in each} == {answers[0][0]}
    assert len(server.questions) == 1


def test_the_memory_is_bounded(serve) -> None:
    server = serve(OddServer(lambda query: respond(query, f"{query.question[0].name} A 192.0.2.1")))

    async def run() -> int:
        shell = Dns([server.address], entries=10)
        for number in range(50):
            await shell.ask([Question(f"n{number}.example", "A")])
        return len(shell._memory)

    assert asyncio.run(run()) == 10


def test_the_memory_is_bounded_by_octets_too(serve, monkeypatch) -> None:
    monkeypatch.setattr(dns_shell, "MEMORY", 10_000)
    large = " ".join(f'"{"x" * 200}"' for _ in range(10))
    server = serve(OddServer(lambda query: respond(query, f"{query.question[0].name} TXT {large}")))

    async def run() -> tuple[int, int, int]:
        shell = Dns([server.address])
        for number in range(10):
            await shell.ask([Question(f"n{number}.example", "TXT")])
        return len(shell._memory), shell._remembered, sum(entry[2] for entry in shell._memory.values())

    kept, counted, weighed = asyncio.run(run())
    assert 1 <= kept < 10
    assert counted == weighed <= 10_000


def test_a_silent_server_costs_its_time_and_no_more(serve) -> None:
    server = serve(OddServer(lambda _: None))
    (answer,) = look_up(server.address, Question("a.example", "A"), timeout=0.2)
    assert answer.status is Status.FAILED
    assert "timed out" in answer.fault


def test_a_deadline_ends_all_waiting(serve) -> None:
    server = serve(OddServer(lambda _: None))

    async def run() -> tuple[Answer, ...]:
        shell = Dns([server.address], timeout=60)

        def chain():
            first = yield from ask("a.example", "A")
            second = yield from together(ask("b.example", "A"), ask("c.example", "A"))
            return (first, *second)

        return await shell.answer(chain(), within=0.2)

    assert [answer.status for answer in asyncio.run(run())] == [Status.FAILED] * 3


def test_the_next_server_is_asked_when_one_is_dead_or_cannot(serve) -> None:
    good = serve(NameServer({("a.example", "A"): ["192.0.2.1"]}))
    broken = serve(OddServer(lambda query: respond(query, rcode=2)))

    async def run() -> tuple[Answer, ...]:
        return await Dns(["127.0.0.1:1", broken.address, good.address]).ask([Question("a.example", "A")])

    (answer,) = asyncio.run(run())
    assert answer.names == ("192.0.2.1",)


def test_the_ad_bit_is_believed_of_a_named_resolver_only(serve) -> None:
    server = serve(OddServer(lambda query: respond(query, "a.example. A 192.0.2.1", flags=dns.flags.AD)))
    (answer,) = look_up(server.address, Question("a.example", "A"))
    assert answer.validated

    async def run() -> tuple[Answer, ...]:
        shell = Dns()
        host, _, port = server.address.partition(":")
        shell._servers = [(host, int(port))]
        return await shell.ask([Question("a.example", "A")])

    (answer,) = asyncio.run(run())
    assert answer.names == ("192.0.2.1",)
    assert not answer.validated


def test_bogus_by_an_extended_error(serve) -> None:
    server = serve(OddServer(lambda query: respond(query, rcode=2, errors=(6,))))
    (answer,) = look_up(server.address, Question("a.example", "TXT"))
    assert answer.status is Status.BOGUS


@pytest.mark.parametrize(("unchecked", "status"), [(0, Status.BOGUS), (2, Status.FAILED)])
def test_bogus_because_it_is_known_unchecked(serve, unchecked: int, status: Status) -> None:
    server = serve(OddServer(lambda query: respond(query, rcode=unchecked if query.flags & dns.flags.CD else 2)))
    (answer,) = look_up(server.address, Question("a.example", "TXT"))
    assert answer.status is status


def test_what_is_cut_off_is_asked_for_again_over_tcp(serve) -> None:
    whole = [f"a.example. A 192.0.2.{number}" for number in range(1, 200)]
    server = serve(OddServer(lambda query: respond(query, flags=dns.flags.TC), lambda query: respond(query, *whole)))
    (answer,) = look_up(server.address, Question("a.example", "A"))
    assert len(answer.records) == 199


def _another_name(query: dns.message.Message) -> bytes:
    return respond(query, "b.example. A 192.0.2.66")


def _another_question(query: dns.message.Message) -> bytes:
    wrong = dns.message.make_query("b.example", "A", id=query.id)
    return respond(wrong, "b.example. A 192.0.2.66")


def _a_ring(query: dns.message.Message) -> bytes:
    return respond(query, "a.example. CNAME b.example.", "b.example. CNAME a.example.")


def _found_and_not_there(query: dns.message.Message) -> bytes:
    return respond(query, "a.example. A 192.0.2.66", rcode=3)


@pytest.mark.parametrize(
    "reply",
    [
        lambda _: b"",
        lambda _: b"\0" * 12,
        lambda query: query.id.to_bytes(2, "big") + b"\xff" * 300,
        lambda query: ((query.id + 1) % 65536).to_bytes(2, "big") + respond(query, "a.example. A 192.0.2.66")[2:],
        lambda query: respond(query, "a.example. A 192.0.2.1")[:-2],
        _another_name,
        _another_question,
        _a_ring,
        _found_and_not_there,
    ],
)
def test_lies_and_rubbish(serve, reply: Reply) -> None:
    server = serve(OddServer(reply))
    (answer,) = look_up(server.address, Question("a.example", "A"), timeout=1)
    assert answer.status in (Status.FAILED, Status.EMPTY)
    assert answer.records == ()


def test_a_chain_of_names(serve) -> None:
    server = serve(OddServer(lambda query: respond(query, "a.example. CNAME c.example.", "c.example. A 192.0.2.1")))
    (answer,) = look_up(server.address, Question("a.example", "A"))
    assert (answer.names, answer.name) == (("192.0.2.1",), "c.example")


def test_addresses_of_both_kinds_in_turn(serve) -> None:
    server = serve(
        NameServer(
            {
                ("a.example", "A"): ["192.0.2.1"],
                ("a.example", "AAAA"): ["2001:db8::1"],
                ("half.example", "A"): ["192.0.2.1"],
                ("half.example", "AAAA"): "SERVFAIL",
                ("none.example", "A"): "NXDOMAIN",
                ("none.example", "AAAA"): "NXDOMAIN",
            }
        )
    )

    async def run() -> list[Answer]:
        shell = Dns([server.address])
        names = ("a.example", "half.example", "none.example", "192.0.2.7", "localhost")
        return [await shell.addresses(name) for name in names]

    both, half, none, literal, local = asyncio.run(run())
    assert both.names == ("2001:db8::1", "192.0.2.1")
    assert half.names == ("192.0.2.1",)
    assert none.status is Status.NO_NAME
    assert literal.names == ("192.0.2.7",)
    assert "127.0.0.1" in local.names
