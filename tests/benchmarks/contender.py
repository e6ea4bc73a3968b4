"""A mail server that is measured: what the series need to know of it, whoever made it."""

from __future__ import annotations

import abc
import contextlib
import os
import socket
import time
from collections.abc import Iterable
from pathlib import Path

from tests.benchmarks.metering import tree

DOMAIN = "bench.example"
PASSWORD = "mat-khau-do-luong-1"
REVERSE_PATH = f"vanthu@{DOMAIN}"
# Owner of the large mailbox.
COLLECTOR = f"collector@{DOMAIN}"


def address(number: int) -> str:
    """Of an account, and its login."""
    return f"u{number:06}@{DOMAIN}"


def group(count: int) -> str:
    """The group of the first ``count`` accounts, to which anyone may write."""
    return f"all{count}@{DOMAIN}"


class Server(abc.ABC):
    """Whatever is measured beside others of its kind."""

    name: str

    @abc.abstractmethod
    def install(self) -> None:
        """Make configuration and whatever is to be there before the first start."""

    @abc.abstractmethod
    def start(self) -> None:
        """Returns when it answers."""

    @abc.abstractmethod
    def stop(self) -> None: ...

    @abc.abstractmethod
    def roots(self) -> list[int]:
        """The processes from which all of the server's others descend."""

    def restart(self) -> None:
        self.stop()
        self.start()


class Contender(Server):
    """One server with ``accounts`` accounts, in a folder of its own, on ports of loopback: accounts and groups are
    installed, the store is empty, and once started SMTP and IMAP answer.
    """

    smtp_port: int
    imap_port: int
    # Where officials hand in what goes elsewhere, and whether they must say who they are, under TLS.
    outgoing_port: int
    asks_for_login = False

    def __init__(self, folder: Path, accounts: int, groups: tuple[int, ...]) -> None:
        self.folder = folder
        self.accounts = accounts
        self.groups = groups

    @abc.abstractmethod
    def senders(self) -> list[int]:
        """The processes without which nothing is sent to other servers."""

    @property
    @abc.abstractmethod
    def stores(self) -> tuple[Path, ...]:
        """The folders where mail is kept, logs of the database included."""

    @abc.abstractmethod
    def settle(self) -> None:
        """Bring everything home that is under way, so that what is written next shows as growth."""

    @abc.abstractmethod
    def inbox_counts(self, count: int) -> dict[str, int]:
        """How many messages each of the first ``count`` accounts has, by login, asked of the server's own tools."""

    def hashed_login(self, number: int) -> str:
        """The login of an account whose password is kept as an Argon2id hash."""
        return address(number)

    # Whether it is another one with another set-up, and has its accounts and its mail.
    is_variant = False

    def take_over(self) -> None:
        """Bring this set-up into force, where one server has several that take turns."""


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on now; the kernel takes them from above 32,000."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def end_processes(roots: Iterable[int], patience: float = 20.0) -> None:
    """Wait for processes that were told to end, and for their children; then kill what is left, by its number."""
    left = tree(roots)
    deadline = time.monotonic() + patience
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [pid for pid in left if _is_alive(pid)]
    for pid in left:
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            continue


def named(roots: Iterable[int], name: str) -> list[int]:
    """Of the processes that descend from the roots those with a name."""
    found = []
    for pid in tree(roots):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text().strip() == name:
                found.append(pid)
    return found


def without_listeners(roots: Iterable[int]) -> list[int]:
    """Of the processes that descend from the roots, the roots not among them, those that listen on no TCP port."""
    listening = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":  # LISTEN
                listening.add(f"socket:[{fields[9]}]")
    found = []
    for pid in set(tree(roots)) - set(roots):
        with contextlib.suppress(OSError):
            held = {os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir()}
            if not held & listening:
                found.append(pid)
    return found


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
