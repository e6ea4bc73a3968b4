"""kill -9 of a whole server, over and over, while clients send by SMTP and IMAP: what was answered is there once.

Two installations are killed side by side, then one whose tables lie in PostgreSQL, which lives on.  Each time all
processes die at once, at some moment: while they start, in the middle of a message, or between the commit and its
answer.  A client whose answer never came may try again, as mail programs do; only then may there be a second copy.
"""

from __future__ import annotations

import contextlib
import imaplib
import random
import re
import smtplib
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select, text

from mailserver.store import Store, mailboxes, reading
from mailserver.store.tables import message, spool_item
from mailserver.store.unscanned import ANYWHERE, FEWEST
from security.tls import client_context
from tests.live import LiveServer

pytestmark = pytest.mark.durability

INSTALLATIONS = 2
KILLS = 52  # of each
KILLS_BEFORE_POSTGRESQL = 8
ACCOUNTS = ("an", "binh", "chi")
# Of one process for each service, so that 100 starts do not take all day; two for mail, to have them meet.
SETTINGS = {
    "workers": {"mail": 2, "web": 0},
    "sending": {"unlimited": ["an@thanhpho.example"]},
    # Nobody says where REMOTE is, so that what goes there stays in the spool.
    "dns": {"resolvers": ["127.0.0.1:1"], "timeout": 1},
    "log": {"level": "warning"},
}
REMOTE = "nguoi@xa.example"


@dataclass
class Sent:
    """One message as its sender knows it."""

    places: frozenset[str]  # accounts whose INBOX it goes to, or REMOTE
    attempts: int = 0
    is_answered: bool = False
    uid: int | None = None


@dataclass
class Ledger:
    """What the clients of one installation tried and what they were answered."""

    sent: dict[str, Sent] = field(default_factory=dict)
    # Numbers of messages of an account that a MOVE was answered for.
    moved: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    # Numbers whose answer never came before a kill: their senders may try again.
    doubtful: list[str] = field(default_factory=list)

    def note_kill(self) -> None:
        self.doubtful = [number for number, each in self.sent.items() if not each.is_answered]


class Client(threading.Thread):
    """Sends until the line breaks.  A fault other than a broken line is the server's."""

    def __init__(self, server: LiveServer, ledger: Ledger, chance: random.Random) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.ledger = ledger
        self.chance = chance
        self.ending = threading.Event()

    def run(self) -> None:
        try:
            self.work()
        except (smtplib.SMTPServerDisconnected, imaplib.IMAP4.abort):
            pass  # the server was killed
        except smtplib.SMTPException as fault:  # an OSError too, but one with a reply in it
            self.ledger.faults.append(f"{type(self).__name__}: {fault!r}")
        except OSError:
            pass
        except Exception as fault:  # an answer that was a refusal, or nonsense
            self.ledger.faults.append(f"{type(self).__name__}: {fault!r}")

    def work(self) -> None:
        raise NotImplementedError

    def letter(self, kind: str, places: frozenset[str]) -> tuple[str, bytes]:
        """A new message, or one whose answer never came."""
        again = [
            number
            for number in self.ledger.doubtful
            if number.startswith(kind) and self.ledger.sent[number].places == places
        ]
        if again and self.chance.random() < 0.5:
            number = again[0]
            with contextlib.suppress(ValueError):  # another client was quicker
                self.ledger.doubtful.remove(number)
        else:
            number = f"{kind}{self.chance.getrandbits(60):x}"
            self.ledger.sent[number] = Sent(places)
        self.ledger.sent[number].attempts += 1
        size = 200_000 if self.chance.random() < 0.08 else self.chance.randint(10, 3000)
        lines = (f"{'n' * 70}\r\n" * (size // 72 + 1)).encode()
        return number, f"From: <x@y.example>\r\nSubject: {number}\r\n\r\n".encode() + lines


class Stranger(Client):
    """Another server that brings mail to one, two or three officials."""

    def work(self) -> None:
        with smtplib.SMTP("127.0.0.1", self.server.ports["smtp"], timeout=20) as line:
            while not self.ending.is_set():
                places = frozenset(self.chance.sample(ACCOUNTS, self.chance.choice((1, 1, 2, 3))))
                number, octets = self.letter("mx", places)
                line.sendmail("x@y.example", [self.server.address(each) for each in places], octets)
                self.ledger.sent[number].is_answered = True


class Official(Client):
    """An official who writes to colleagues and to the world in one go."""

    def work(self) -> None:
        with smtplib.SMTP("127.0.0.1", self.server.ports["submission"], timeout=20) as line:
            line.starttls(context=client_context(verify=False))
            line.login(self.server.address("an"), self.server.password)
            while not self.ending.is_set():
                places = frozenset({"binh", REMOTE})
                number, octets = self.letter("out", places)
                octets = octets.replace(b"x@y.example", self.server.address("an").encode(), 1)
                line.sendmail(self.server.address("an"), [self.server.address("binh"), REMOTE], octets)
                self.ledger.sent[number].is_answered = True


class Filer(Client):
    """A mail program that appends, marks, and moves what it appended before."""

    def work(self) -> None:
        with signed_in(self.server) as line:
            ok(line.select("INBOX"))
            mine: list[tuple[str, int]] = []
            while not self.ending.is_set():
                number, octets = self.letter("imap", frozenset({"chi"}))
                answer = ok(line.append("INBOX", "(\\Seen)", "", octets))
                found = re.search(rb"APPENDUID \d+ (\d+)", answer)
                assert found, answer
                self.ledger.sent[number].is_answered = True
                self.ledger.sent[number].uid = int(found[1])
                mine.append((number, int(found[1])))
                if self.chance.random() < 0.2:
                    self.bring_many(line)
                if len(mine) > 2:
                    number, uid = mine.pop(0)
                    ok(line.uid("STORE", str(uid), "+FLAGS", "(\\Flagged $Xong)"))
                    ok(line.uid("MOVE", str(uid), "Archive"))
                    self.ledger.moved.add(number)

    def bring_many(self, line: imaplib.IMAP4) -> None:
        """All or none of them, and their scan is put off."""
        letters = [self.letter("many", frozenset({"chi"})) for _ in range(FEWEST)]
        items = b" ".join(b"(\\Seen) {%d+}\r\n%b" % (len(octets), octets) for _, octets in letters)
        ok(line.xatom("APPEND", "INBOX", items))  # type: ignore[arg-type]
        for number, _ in letters:
            self.ledger.sent[number].is_answered = True


@contextlib.contextmanager
def signed_in(server: LiveServer) -> Iterator[imaplib.IMAP4]:
    """A line to chi's mailboxes, closed at the end whatever became of the server."""
    line = imaplib.IMAP4("127.0.0.1", server.ports["imap"], timeout=20)
    try:
        ok(line.login(server.address("chi"), server.password))
        yield line
    finally:
        line.shutdown()


def ok(answer: tuple[str, list[Any]]) -> bytes:
    status, texts = answer
    if status != "OK":
        raise AssertionError(f"{status} {texts}")
    return b" ".join(text for text in texts if isinstance(text, bytes))


def kill_and_look(server: LiveServer, seed: int, kills: int = KILLS) -> Counter[str]:
    """One installation's life; how often what happened."""
    chance = random.Random(seed)
    ledger = Ledger()
    counted: Counter[str] = Counter()
    try:
        for _ in range(kills):
            if chance.random() < 0.15:
                start_and_kill(server, chance)
                counted["killed while starting"] += 1
            else:
                server.start()
                clients = [kind(server, ledger, chance_of(chance)) for kind in (Stranger, Stranger, Official, Filer)]
                for client in clients:
                    client.start()
                time.sleep(chance.choice((0.05, 0.15, 0.4)) * (0.5 + chance.random()))
                server.kill()
                for client in clients:
                    client.join(30)
                    assert not client.is_alive()
                ledger.note_kill()
                counted["killed at work"] += 1
            check_store(server, ledger)
        server.start()
        check_through_imap(server, ledger)
        assert server.stop() == 0
        assert "is well" in server.citymail("check")
    finally:
        server.kill()
    assert ledger.faults == []
    counted["sent"] = len(ledger.sent)
    counted["answered"] = sum(each.is_answered for each in ledger.sent.values())
    counted["moved"] = len(ledger.moved)
    counted["tried again"] = sum(each.attempts > 1 for each in ledger.sent.values())
    return counted


def chance_of(chance: random.Random) -> random.Random:
    return random.Random(chance.getrandbits(64))


def start_and_kill(server: LiveServer, chance: random.Random) -> None:
    """The power of kill -9 over a server that is not up yet."""
    with open(server.log_path, "ab") as log:
        server.process = subprocess.Popen(
            [sys.executable, "-m", "mailserver.cli", "serve", "--config", str(server.config_path)],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    time.sleep(chance.uniform(0.1, 1.0))
    server.kill()


# Looking


def check_store(server: LiveServer, ledger: Ledger) -> None:
    """With all processes dead: as a restart would find it."""
    wait_for_backends(server.config.store_url)
    store = Store(server.config.store_url, server.config.data)
    try:
        assert store.check_consistency() == []
        with store.read_scanned(ANYWHERE) as connection:
            owners = {}
            for login in ACCOUNTS:
                owners[login] = copies(server, connection, login)
            rows = connection.execute(
                select(message.c.subject).join(spool_item, spool_item.c.message_id == message.c.id)
            )
            owners[REMOTE] = Counter(row[0] for row in rows)
    finally:
        store.close()
    compare(ledger, owners)


def wait_for_backends(store_url: str) -> None:
    """PostgreSQL ends what a dead client had begun, or had told it to commit, when it notices."""
    if not store_url.startswith("postgresql"):
        return
    engine = create_engine(store_url)
    others = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    try:
        with engine.connect() as connection:
            patience = time.monotonic() + 30
            while connection.execute(others).scalar_one():
                connection.rollback()
                assert time.monotonic() < patience, "connections of the dead stay open"
                time.sleep(0.02)
    finally:
        engine.dispose()


def copies(server: LiveServer, connection: Any, login: str) -> Counter[str]:
    """How often each number is in an account's INBOX and Archive."""
    account_id = account_ids(server)[login]
    found: Counter[str] = Counter()
    for name in ("INBOX", "Archive"):
        mailbox = mailboxes.find_mailbox(connection, account_id, name)
        if mailbox is not None:
            rows = reading.fetch(connection, mailbox.id, [(1, 2**32)], ("uid", "subject"))
            found.update(row.subject for row in rows)
    return found


def account_ids(server: LiveServer) -> dict[str, str]:
    from directory.database import open_directory
    from directory.mail.accounts import account_by_login

    known: dict[str, str] = server.__dict__.setdefault("account_ids", {})
    if not known:
        directory = open_directory(server.config.directory_url)
        with directory.read() as connection:
            for login in ACCOUNTS:
                account = account_by_login(connection, server.address(login))
                assert account is not None
                known[login] = account.id
        directory.close()
    return known


def compare(ledger: Ledger, owners: dict[str, Counter[str]]) -> None:
    wrong = []
    for number, sent in ledger.sent.items():
        found = {place: owners[place][number] for place in sent.places}
        if len(set(found.values())) != 1:
            wrong.append(f"{number} reached some and not others: {found}")
        count = next(iter(found.values()))
        if sent.is_answered and count < 1:
            wrong.append(f"{number} was answered and is lost")
        if count > sent.attempts:
            wrong.append(f"{number} was sent {sent.attempts} times and is there {count} times")
    strange = {number for owner in owners.values() for number in owner} - set(ledger.sent)
    assert wrong == []
    assert strange == set()


def check_through_imap(server: LiveServer, ledger: Ledger) -> None:
    """The same as a mail program sees it, with UIDs where they were told."""
    where: dict[str, dict[str, int]] = {}
    with signed_in(server) as line:
        for name in ("INBOX", "Archive"):
            exists = int(ok(line.select(name)))
            _, fetched = line.uid("FETCH", "1:*", "(UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            where[name] = {}
            for item in fetched:
                if isinstance(item, tuple):
                    uid = re.search(rb"UID (\d+)", item[0])
                    subject = re.search(rb"Subject: (\w+)", item[1])
                    assert uid
                    assert subject
                    where[name][subject[1].decode()] = int(uid[1])
            assert len([item for item in fetched if isinstance(item, tuple)]) == exists
    for number, sent in ledger.sent.items():
        if number in ledger.moved:
            assert number in where["Archive"], f"{number} was moved and is not there"
            assert number not in where["INBOX"] or sent.attempts > 1
        elif sent.uid is not None and number in where["INBOX"] and sent.attempts == 1:
            assert where["INBOX"][number] == sent.uid


def test_nothing_answered_is_lost_by_kill_9(tmp_path: Path) -> None:
    # One after the other: Alembic keeps what it migrates in globals.
    servers = [LiveServer(tmp_path / str(number), ACCOUNTS, SETTINGS) for number in range(INSTALLATIONS)]
    with ThreadPoolExecutor(INSTALLATIONS) as pool:
        counted = sum(pool.map(kill_and_look, servers, range(INSTALLATIONS)), Counter())
    assert counted["killed at work"] + counted["killed while starting"] >= 100
    assert counted["answered"] > 500
    assert counted["sent"] > counted["answered"], "no kill ever hit a message on its way"
    assert counted["moved"] > 20
    print(dict(counted))


def test_nothing_answered_is_lost_where_the_tables_lie_in_postgresql(tmp_path: Path, postgres_url: str) -> None:
    server = LiveServer(tmp_path, ACCOUNTS, SETTINGS | {"storage": {"database": postgres_url}})
    counted = kill_and_look(server, INSTALLATIONS, KILLS_BEFORE_POSTGRESQL)
    assert counted["answered"] > 30
    assert counted["sent"] > counted["answered"], "no kill ever hit a message on its way"
    print(dict(counted))
