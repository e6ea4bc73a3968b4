"""One live server for all programs, officials with mailboxes in it, and an outside world to write to."""

from __future__ import annotations

import contextlib
import imaplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from security.authority import ensure_certificate
from tests.interop.sink import DOMAIN as OUTSIDE
from tests.interop.sink import Sink
from tests.live import LiveServer

# Every test that asks for an official gets one whom nobody wrote to before.
OFFICIALS = 200


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.interop)


@pytest.fixture(scope="session")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sink]:
    """Servers of the outside world."""
    folder = tmp_path_factory.mktemp("outside")
    files = ensure_certificate(folder, [f"mx.{OUTSIDE}"], datetime.now(UTC))
    outside = Sink(files.certificate, files.key)
    outside.start()
    yield outside
    outside.stop()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, sink: Sink) -> Iterator[LiveServer]:
    """A running CityMail.  No connection may log in without TLS; strangers have limits, 127.0.0.1 has none."""
    live = LiveServer(
        tmp_path_factory.mktemp("citymail"),
        settings={
            "workers": {"web": 0},
            "login": {"never_slowed": ("127.0.0.1/32",), "plaintext_networks": ()},
            "smtp": {"max_message_size": 2 * 1024 * 1024, "connection_exempt": ("127.0.0.1/32",)},
            "relay": {"routes": {OUTSIDE: f"127.0.0.1:{sink.port}"}, "schedule": (1,)},
        },
    )
    live.add_accounts(f"hoa.mai.{number}" for number in range(OFFICIALS))
    live.start()
    yield live
    assert live.stop() == 0
    assert "Traceback" not in live.log_path.read_text(encoding="utf-8")
    assert live.citymail("check").strip() == "All is well."


# Running processes notice what another one changed in the directory within half a second (directory/database.py).
NOTICED = 0.6


def administer(server: LiveServer, *arguments: str) -> str:
    """A change by the command line, and the moment until every process knows of it."""
    said = server.citymail(*arguments)
    time.sleep(NOTICED)
    return said


@dataclass(frozen=True, slots=True)
class Official:
    """Somebody with a mailbox, and his way into it."""

    server: LiveServer
    login: str

    @property
    def address(self) -> str:
        return self.server.address(self.login)

    @property
    def password(self) -> str:
        return self.server.password

    @contextlib.contextmanager
    def imap(self) -> Iterator[imaplib.IMAP4_SSL]:
        context = ssl.create_default_context(cafile=str(self.server.ca_file))
        with imaplib.IMAP4_SSL("localhost", self.server.ports["imaps"], ssl_context=context, timeout=20) as client:
            # imaplib writes a literal and the line end after it apart, and the second would wait for the first.
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.login(self.address, self.password)
            yield client

    def messages(self, mailbox: str = "INBOX") -> list[bytes]:
        """Every message of a mailbox, without marking any as read."""
        with self.imap() as client:
            assert client.select(f'"{mailbox}"', readonly=True)[0] == "OK"
            _, found = client.search(None, "ALL")
            octets = []
            for number in found[0].split():
                _, parts = client.fetch(number.decode(), "(BODY.PEEK[])")
                octets.append(parts[0][1])
            return octets

    def wait_for_mail(self, words: str, mailbox: str = "INBOX") -> bytes:
        """The one message with these words in it, when it has come."""
        deadline = time.monotonic() + 30
        while True:
            found = [octets for octets in self.messages(mailbox) if words.encode() in octets]
            if len(found) == 1:
                return found[0]
            assert not found, f"{len(found)} messages with {words!r}"
            assert time.monotonic() < deadline, f"no message with {words!r} in {mailbox} of {self.address}"
            time.sleep(0.05)

    def append(self, octets: bytes, mailbox: str = "INBOX", flags: str = "") -> None:
        with self.imap() as client:
            status, said = client.append(f'"{mailbox}"', flags, "", octets)
            assert status == "OK", said


@pytest.fixture(scope="session")
def _numbers() -> Iterator[int]:
    return iter(range(OFFICIALS))


@pytest.fixture
def official(server: LiveServer, _numbers: Iterator[int]) -> Official:
    return Official(server, f"hoa.mai.{next(_numbers)}")


@pytest.fixture
def colleague(server: LiveServer, _numbers: Iterator[int]) -> Official:
    return Official(server, f"hoa.mai.{next(_numbers)}")


@pytest.fixture
def third(server: LiveServer, _numbers: Iterator[int]) -> Official:
    return Official(server, f"hoa.mai.{next(_numbers)}")


Letter = Callable[..., bytes]


@pytest.fixture(scope="session")
def letter() -> Letter:
    """Write a message: ``letter(author, recipient, subject, text)``, with CRLF line ends."""
    written = iter(range(10**6))

    def write(author: str, recipient: str, subject: str, text: str = "Kính gửi anh chị.\n", **more: str) -> bytes:
        message = EmailMessage(policy=SMTP)
        message["From"] = author
        message["To"] = recipient
        message["Subject"] = subject
        message["Date"] = "Mon, 02 Mar 2026 08:00:00 +0700"
        message["Message-ID"] = f"<interop-{next(written)}@{author.rpartition('@')[2]}>"
        for name, value in more.items():
            message[name.replace("_", "-")] = value
        message.set_content(text)
        return message.as_bytes()

    return write
