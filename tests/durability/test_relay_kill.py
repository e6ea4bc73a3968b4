"""kill -9 of a whole server with the relay at work: what was handed in goes out; twice only if an answer was lost.

An official writes to many domains, the far side takes it, and all processes die at once: while they start, in the
middle of a message, between the far side's answer and its being written down.  The last life ends when the spool is
empty; then every message that was answered is on the far side.  A second copy needs a death of its own: no life sends
a message twice.
"""

from __future__ import annotations

import random
import re
import smtplib
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select

from mailserver.store import Store
from mailserver.store.tables import spool_item
from security.tls import client_context
from tests.durability.test_kill import Client, Ledger, start_and_kill
from tests.live import LiveServer
from tests.mailserver.servers.far_away import FarServer

pytestmark = pytest.mark.durability

KILLS = 10
DOMAINS = [f"xa{number}.example" for number in range(12)]


class Writer(Client):
    """An official's program that writes to one or several people elsewhere."""

    def work(self) -> None:
        with smtplib.SMTP("127.0.0.1", self.server.ports["submission"], timeout=20) as line:
            line.starttls(context=client_context(verify=False))
            line.login(self.server.address("an"), self.server.password)
            while not self.ending.is_set():
                places = frozenset(
                    f"ai@{domain}" for domain in self.chance.sample(DOMAINS, self.chance.choice((1, 2, 3)))
                )
                number, octets = self.letter("out", places)
                octets = octets.replace(b"x@y.example", self.server.address("an").encode(), 1)
                line.sendmail(self.server.address("an"), sorted(places), octets)
                self.ledger.sent[number].is_answered = True


def test_nothing_is_lost_and_no_life_sends_twice(tmp_path: Path) -> None:
    chance = random.Random(4)
    ledger = Ledger()
    far = FarServer()
    settings = {
        "workers": {"mail": 1, "web": 0},
        "sending": {"unlimited": ["an@thanhpho.example"]},
        "relay": {"routes": dict.fromkeys(DOMAINS, f"127.0.0.1:{far.port}"), "processes": 2, "schedule": [1]},
        "log": {"level": "warning"},
    }
    server = LiveServer(tmp_path, ["an"], settings)
    lives: list[int] = []  # how many messages the far side had at each death
    try:
        for _ in range(KILLS):
            if chance.random() < 0.15:
                start_and_kill(server, chance)
            else:
                server.start()
                writers = [Writer(server, ledger, random.Random(chance.getrandbits(64))) for _ in range(3)]
                for writer in writers:
                    writer.start()
                time.sleep(chance.choice((0.1, 0.3, 0.6)) * (0.5 + chance.random()))
                server.kill()
                for writer in writers:
                    writer.join(30)
                ledger.note_kill()
            wait_until(lambda: far.open == 0)  # what the far side has read it has counted
            lives.append(len(far.messages))
            check_store(server)
        server.start()
        wait_until(lambda: not waiting(server), 60)
        assert server.stop() == 0
    finally:
        server.kill()
        far.close()
    assert ledger.faults == []
    lives.append(len(far.messages))
    copies, twice = count(far, lives)
    wrong = [
        f"{number} to {path}: {copies[number, path]} copies, answered: {sent.is_answered}, tried {sent.attempts} times"
        for number, sent in ledger.sent.items()
        for path in sent.places
        if (sent.is_answered and not copies[number, path])
        or copies[number, path] > sent.attempts + KILLS
        or twice[number, path] > sent.attempts
    ]
    assert wrong == []
    assert {number for number, _ in copies} <= set(ledger.sent)
    answered = sum(sent.is_answered for sent in ledger.sent.values())
    assert answered > 30
    again = sum(copies.values()) - len(copies)
    assert again < len(copies) / 5, "far more copies than answers can have been lost"
    print({"handed in": len(ledger.sent), "answered": answered, "copies": sum(copies.values()), "again": again})


def count(far: FarServer, lives: list[int]) -> tuple[Counter[tuple[str, str]], dict[tuple[str, str], int]]:
    """Copies of each message for each recipient: in all, and most within one life."""
    copies: Counter[tuple[str, str]] = Counter()
    most: dict[tuple[str, str], int] = Counter()
    start = 0
    for stop in lives:
        here: Counter[tuple[str, str]] = Counter()
        for message in far.messages[start:stop]:
            subject = re.search(rb"^Subject: (\w+)", message.octets, re.MULTILINE)
            assert subject
            here.update((subject[1].decode(), path) for path in message.recipients)
        copies.update(here)
        for key, times in here.items():
            most[key] = max(most[key], times)
        start = stop
    return copies, most


def waiting(server: LiveServer) -> int:
    store = Store(server.config.store_url, server.config.data)
    try:
        with store.read() as connection:
            return len(connection.execute(select(spool_item.c.id)).all())
    finally:
        store.close()


def check_store(server: LiveServer) -> None:
    """With all processes dead: as a restart would find it."""
    store = Store(server.config.store_url, server.config.data)
    try:
        assert store.check_consistency() == []
    finally:
        store.close()


def wait_until(condition: object, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)
