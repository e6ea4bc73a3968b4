"""A small post office for tests: four officials, a unit, groups, an alias; and its servers, live on free ports of
loopback.

Nothing in it is a stand-in: the store, the directory and the servers are the real ones, on a loop in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import uvloop
from sqlalchemy import insert, update

from directory import tables
from directory.database import Directory
from directory.signing_in import scram_verifiers
from directory.signing_in.login import Gate, LoginRules
from directory.words.names import collation_key
from mailserver import config as settings
from mailserver.delivery.post_office import PostOffice
from mailserver.servers import lmtp, mx, submission
from mailserver.servers.proxied import ProxiedServer
from mailserver.servers.relay import RelayServer
from mailserver.servers.smtp_clients import Clients
from mailserver.servers.smtp_conduct import Conduct
from mailserver.servers.smtp_transaction import SmtpServices
from mailserver.store import Store
from mailserver.store.mailboxes import find_mailbox
from mailserver.store.reading import octets, placements
from security.authority import ensure_certificate
from security.passwords import hash_password
from security.proven import ProvenLogins
from security.scram import new_verifier
from security.throttle import Throttle
from security.tls import client_context, server_context

DOMAIN = "city.vn"
PASSWORD = "thu-nghiem-1"
CHIS_PASSWORD = "mật khẩu của Chi"
PEOPLE = ("an", "binh", "chi", "dung")
LOOPBACK = (ip_network("127.0.0.0/8"),)


class Clock:
    """Time that tests move by hand; starts now, so that certificates are valid."""

    def __init__(self) -> None:
        self.time = float(int(datetime.now(UTC).timestamp()))

    def __call__(self) -> float:
        return self.time

    def pass_by(self, seconds: float) -> None:
        self.time += seconds


def make_config(folder: Path, **sections: Mapping[str, Any]) -> settings.Config:
    base = settings.Config(
        city=settings.City(domain=DOMAIN, hostname="mail.city.vn"),
        storage=settings.Storage(data=str(folder)),
        login=settings.Login(never_slowed=LOOPBACK),
        smtp=settings.Smtp(lmtp_networks=LOOPBACK, max_recipients=100, max_message_size=1_000_000),
        reception=settings.Reception(tarpit_milliseconds=5),
        dns=settings.Dns(resolvers=("127.0.0.1:1",), timeout=1),
    )
    changed = {name: replace(getattr(base, name), **values) for name, values in sections.items()}
    return replace(base, **changed)


_hashes: dict[str, str] = {}
_verifiers: dict[str, str] = {}


def found_city(directory: Directory) -> None:
    """an, binh, chi, dung; vanthu of a unit for which an sends; groups everyone@, inner@, named@; alias sep@."""
    for password in (PASSWORD, CHIS_PASSWORD):
        _hashes.setdefault(password, hash_password(password))
        _verifiers.setdefault(_hashes[password], new_verifier(password))
    with directory.write() as conn:
        conn.execute(insert(tables.domain), {"name": DOMAIN, "is_primary": True})
        for name in PEOPLE:
            add_account(conn, name, _hashes[CHIS_PASSWORD if name == "chi" else PASSWORD])
            add_address(conn, f"{name}@{DOMAIN}", account_id=name)
        scram_verifiers.keep_all(
            conn, [(name, _hashes[CHIS_PASSWORD if name == "chi" else PASSWORD]) for name in PEOPLE], _verifiers
        )
        add_account(conn, "vanthu", None, kind="unit")
        add_address(conn, f"vanthu@{DOMAIN}", account_id="vanthu")
        conn.execute(
            insert(tables.mailbox_right),
            {"mailbox_id": "vanthu", "account_id": "an", "may_read": True, "may_send": True},
        )
        add_address(conn, f"sep@{DOMAIN}", account_id="binh")
        add_address(conn, f"ngoai@{DOMAIN}", forward_to="ban@ngoai.example")
        add_group(conn, "everyone", "anyone", PEOPLE, outside=["khach@ngoai.example"])
        add_group(conn, "inner", "internal", ["an", "binh"])
        add_group(conn, "named", "named", ["chi"])
        add_group(conn, "outer", "anyone", ["an"], nested=["everyone"])
        conn.execute(insert(tables.group_poster), {"group_id": "named", "account_id": "an"})


def add_account(conn: Any, name: str, password_hash: str | None, *, kind: str = "person", quota: int = 0) -> None:
    conn.execute(
        insert(tables.account),
        {
            "id": name,
            "kind": kind,
            "login": f"{name}@{DOMAIN}",
            "status": "active",
            "name": name.title(),
            "title": "",
            "unit_name": "",
            "sort_key": collation_key(name),
            "password_hash": password_hash,
            "must_change_password": False,
            "quota_bytes": quota,
            "language": "vi",
            "is_admin": name == "dung",
            "created_at": 0,
        },
    )


def add_address(conn: Any, address: str, **owner: str) -> None:
    conn.execute(insert(tables.address), {"address": address, "state": "active", "created_at": 0, **owner})


def add_group(conn: Any, name: str, posting: str, members: Any, *, outside: Any = (), nested: Any = ()) -> None:
    conn.execute(
        insert(tables.mail_group),
        {"id": name, "address": f"{name}@{DOMAIN}", "name": name, "posting": posting, "created_at": 0},
    )
    add_address(conn, f"{name}@{DOMAIN}", group_id=name)
    for table, column, values in (
        (tables.group_account, "account_id", members),
        (tables.group_outside, "address", outside),
        (tables.group_nested, "member_id", nested),
    ):
        if values:
            conn.execute(insert(table), [{"group_id": name, column: value} for value in values])


def set_quota(office: PostOffice, account: str, quota: int) -> None:
    with office.directory.write() as conn:
        conn.execute(update(tables.account).where(tables.account.c.id == account).values(quota_bytes=quota))


def set_status(office: PostOffice, account: str, status: str) -> None:
    with office.directory.write() as conn:
        conn.execute(update(tables.account).where(tables.account.c.id == account).values(status=status))


def mails(store: Store, account: str, name: str = "INBOX") -> list[bytes]:
    """The messages of a mailbox, oldest first."""
    with store.read() as connection:
        box = find_mailbox(connection, account, name)
        if box is None:
            return []
        return [octets(connection, store.blobs.read, row.message_id) for row in placements(connection, box.id)]


class Mailroom:
    """The servers, live.  ``ports`` by service; ``on_loop`` runs something where they run."""

    def __init__(self, office: PostOffice, folder: Path, *, use_uvloop: bool = True, with_relay: bool = False) -> None:
        self.office = office
        files = ensure_certificate(folder / "tls", ["mail.city.vn"], datetime.now(UTC))
        self.ca_file = files.ca_file
        self.context = server_context(files.certificate, files.key)
        self.ports: dict[str, int] = {}
        reception = office.config.reception
        self.clients = Clients(
            office.config.smtp.max_connections_per_client,
            office.config.smtp.connection_exempt,
            per_network=reception.max_connections_per_network,
            per_account=reception.max_connections_per_account,
            conduct=Conduct(reception.connections_per_minute, reception.unknown_recipients, time.monotonic),
        )
        self.gate = Gate(
            office.directory,
            throttle=Throttle([str(each) for each in office.config.login.never_slowed], monotonic=time.monotonic),
            proven=ProvenLogins(900, monotonic=time.monotonic),
            rules=LoginRules(scram=True, secret=b"s" * 32),
        )
        self.executor = ThreadPoolExecutor(4)
        self.loop: asyncio.AbstractEventLoop = uvloop.new_event_loop() if use_uvloop else asyncio.new_event_loop()
        self._servers: list[asyncio.Server | ProxiedServer] = []
        self.relay: RelayServer | None = None
        self._relay_task: asyncio.Task[None] | None = None
        started = threading.Event()
        self._thread = threading.Thread(target=self._live, args=(started, with_relay), daemon=True)
        self._thread.start()
        started.wait(30)

    def _live(self, started: threading.Event, with_relay: bool) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._start(with_relay))
        self.loop.call_soon(started.set)
        self.loop.run_forever()

    async def _start(self, with_relay: bool) -> None:
        services = SmtpServices(
            office=self.office, gate=self.gate, tls_context=self.context, clients=self.clients, executor=self.executor
        )
        self.services = services
        factories = {
            "smtp": (mx.protocol_factory(services), None),
            "submission": (submission.protocol_factory(services, tls=False), None),
            "submissions": (submission.protocol_factory(services, tls=True), self.context),
            "lmtp": (lmtp.protocol_factory(services), None),
        }
        for name, (factory, context) in factories.items():
            if proxies := self.office.config.reception.proxy_networks:
                listener = socket.create_server(("127.0.0.1", 0))
                self._servers.append(ProxiedServer(listener, factory, proxies, context))
            else:
                server = await self.loop.create_server(factory, "127.0.0.1", 0, ssl=context)
                self._servers.append(server)
                listener = server.sockets[0]
            self.ports[name] = listener.getsockname()[1]
        if with_relay:
            self.relay = RelayServer(self.office)
            self._relay_task = self.loop.create_task(self.relay.run())

    def on_loop(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        async def run() -> Any:
            return function(*arguments)

        return self.on_loop(run())

    @contextlib.contextmanager
    def relay_for_a_while(self) -> Iterator[RelayServer]:
        """A relay beside the servers, ended in the end."""

        async def begin() -> tuple[RelayServer, asyncio.Task[None]]:
            relay = RelayServer(self.office)
            return relay, self.loop.create_task(relay.run())

        async def end() -> None:
            relay.end()
            await task

        relay, task = self.on_loop(begin())
        try:
            yield relay
        finally:
            self.on_loop(end())

    def connect(self, service: str = "smtp") -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.ports[service]), timeout=20)

    def close(self) -> None:
        async def end() -> None:
            for server in self._servers:
                server.close()
            if self.relay is not None and self._relay_task is not None:
                self.relay.end()
                await self._relay_task
            async with asyncio.timeout(20):
                await self.clients.drain()

        self.on_loop(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(20)
        self.loop.close()
        self.executor.shutdown()


class Talk:
    """A client that says what it is told and reads replies one by one."""

    def __init__(self, room: Mailroom, service: str = "smtp", *, greeted: bool = True) -> None:
        self.room = room
        self.socket: socket.socket = room.connect(service)
        if service == "submissions":
            self.socket = self._context().wrap_socket(self.socket, server_hostname="127.0.0.1")
        self.buffer = b""
        if greeted:
            self.greeting = self.reply()

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def _context(self) -> ssl.SSLContext:
        return client_context(ca_file=self.room.ca_file)

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def reply(self) -> str:
        """One whole reply, its lines divided by newlines; empty when the server has hung up."""
        lines = []
        while True:
            while b"\r\n" not in self.buffer:
                try:
                    octets = self.socket.recv(65536)
                except (ConnectionResetError, ssl.SSLError):
                    octets = b""
                if not octets:
                    return ""
                self.buffer += octets
            line, _, self.buffer = self.buffer.partition(b"\r\n")
            lines.append(line.decode())
            if line[3:4] != b"-":
                return "\n".join(lines)

    def ask(self, line: str) -> str:
        self.send(line.encode() + b"\r\n")
        return self.reply()

    def asks(self, *lines: str) -> list[str]:
        """All of them in one write."""
        self.send("".join(line + "\r\n" for line in lines).encode())
        return [self.reply() for _ in lines]

    def hello(self, name: str = "client.example") -> str:
        return self.ask(f"EHLO {name}")

    def start_tls(self) -> None:
        assert self.ask("STARTTLS").startswith("220 ")
        self.socket = self._context().wrap_socket(self.socket, server_hostname="127.0.0.1")

    def log_in(self, name: str = "an", password: str = "") -> str:
        password = password or (CHIS_PASSWORD if name == "chi" else PASSWORD)
        return self.ask("AUTH PLAIN " + plain(f"{name}@{DOMAIN}", password))

    def has_hung_up(self) -> bool:
        return self.reply() == ""

    def is_alive(self) -> bool:
        return self.ask("NOOP").startswith("250 ")


def plain(login: str, password: str, authzid: str = "") -> str:
    return b64encode(f"{authzid}\0{login}\0{password}".encode()).decode()
