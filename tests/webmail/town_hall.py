"""A small town hall with a webmail: five officials, a unit's mailbox, a group, a store; nothing in it is a stand-in.

``TownHall`` is used in process by Flask's test client, and live (``LiveWebmail``) by a browser: the same server code
that ``citymail serve`` runs, on a loop in a thread.
"""

from __future__ import annotations

import asyncio
import atexit
import secrets
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_network
from pathlib import Path

import uvloop

from directory.database import Directory, open_directory
from directory.mail import domains, groups, mailboxes
from directory.mail.accounts import Account, account_by_login
from directory.signing_in.login import Gate
from directory.staff import postings, provisioning, unit_changes, unit_types
from directory.staff.intake import Joiner
from directory.words.names import split_name
from mailserver import config as settings
from mailserver.delivery.post_office import PostOffice
from mailserver.message.compose import Draft, compose
from mailserver.message.entity import Attachment, Correspondent
from mailserver.servers.web import serve_web
from mailserver.store import Store, open_store
from mailserver.store import reading as store_reading
from mailserver.store.mailboxes import Mailbox, create_mailbox, find_mailbox, list_mailboxes
from mailserver.store.messages import Target, append
from mailserver.store.unscanned import in_mailbox
from security.passwords import hash_password
from security.proven import ProvenLogins
from security.throttle import Throttle
from tests.webmail.compiled_templates import share_templates
from webmail.services import WebmailServices

DOMAIN = "thanhpho.example"
PASSWORD = "mat-khau-thu-nghiem"
OFFICIALS = {
    "an": ("Nguyễn Thị Hoài An", "SNV", "CV"),
    "binh": ("Trần Quốc Bình", "SNV", "TP"),
    "chi": ("Lê Mai Chi", "STC", "CV"),
    "dung": ("Phạm Đức Dũng", "STC", "TP"),
    "huong": ("Võ Thị Thu Hương", "SNV", "VT"),
}
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
share_templates()


class Clock:
    def __init__(self) -> None:
        self.moved = 0.0

    def __call__(self) -> float:
        return time.time() + self.moved

    def pass_by(self, seconds: float) -> None:
        self.moved += seconds


@dataclass(slots=True)
class TownHall:
    services: WebmailServices
    clock: Clock

    @property
    def domain(self) -> str:
        return DOMAIN

    @property
    def password(self) -> str:
        return PASSWORD

    def address(self, login: str) -> str:
        return f"{login}@{DOMAIN}"

    def account(self, login: str) -> Account:
        with self.services.directory.read() as conn:
            found = account_by_login(conn, self.address(login))
        assert found is not None
        return found

    def mailbox(self, login: str, name: str = "INBOX") -> Mailbox:
        owner = self.account(login).id
        self.services.store.maildrop(owner)
        with self.services.store.read() as conn:
            found = find_mailbox(conn, owner, name)
        assert found is not None
        return found

    def mailboxes(self, login: str) -> dict[str, Mailbox]:
        self.services.store.maildrop(self.account(login).id)
        with self.services.store.read() as conn:
            return {each.name: each for each in list_mailboxes(conn, self.account(login).id)}

    def make_mailbox(self, login: str, name: str) -> Mailbox:
        owner = self.account(login).id
        self.services.store.maildrop(owner)
        return self.services.store.write(lambda tx: create_mailbox(tx, owner, name)).result(30)

    def put(
        self, login: str, octets: bytes, name: str = "INBOX", flags: Collection[str] = (), date: int | None = None
    ) -> int:
        """Lay a message into a mailbox as delivery would; its UID."""
        mailbox = self.mailbox(login, name)
        content = self.services.store.prepare(octets)
        target = Target(mailbox.id, tuple(flags), date)
        return self.services.store.write(lambda tx: append(tx, content, [target])).result(30)[0].uid

    def fill(self, login: str, letters: Sequence[tuple[bytes, Collection[str], int]], name: str = "INBOX") -> None:
        """Many messages in one commit."""
        mailbox = self.mailbox(login, name)
        prepared = [(self.services.store.prepare(octets), flags, date) for octets, flags, date in letters]
        self.services.store.write(
            lambda tx: [
                append(tx, content, [Target(mailbox.id, tuple(flags), date)]) for content, flags, date in prepared
            ],
            heavy=True,
        ).result(120)

    def rows(self, login: str, name: str = "INBOX") -> list[tuple[int, int, str]]:
        """(uid, flags, subject) of what is in a mailbox."""
        mailbox = self.mailbox(login, name)
        everything = [(1, 2**32)]
        with self.services.store.read_scanned(in_mailbox(mailbox.id)) as conn:
            found = store_reading.fetch(conn, mailbox.id, everything, ("uid", "flags", "subject"))
            return [(row.uid, row.flags, row.subject) for row in found]

    def octets(self, login: str, uid: int, name: str = "INBOX") -> bytes:
        mailbox = self.mailbox(login, name)
        with self.services.store.read() as conn:
            row = next(iter(store_reading.fetch(conn, mailbox.id, [(uid, uid)], ("message_id",))))
            return self.services.store.octets(conn, row.message_id)

    def close(self) -> None:
        assert self.services.store.check_consistency() == []
        self.services.store.close()
        self.services.directory.close()


def letter(
    author: str = "Trần Quốc Bình <binh@thanhpho.example>",
    to: Sequence[str] = ("an@thanhpho.example",),
    subject: str = "Họp giao ban",
    text: str = "Mời chị dự họp.\n",
    *,
    html: str = "",
    cc: Sequence[str] = (),
    files: Sequence[tuple[str, str, bytes]] = (),
    answers: str = "",
    message_id: str = "",
    date: int | None = None,
) -> bytes:
    """A well-made message.  ``answers``: the Message-ID it replies to."""
    draft = Draft(
        author=_correspondent(author),
        to=tuple(map(_correspondent, to)),
        cc=tuple(map(_correspondent, cc)),
        subject=subject,
        text=text,
        html=html,
        attachments=tuple(Attachment(*each) for each in files),
        in_reply_to=answers,
        references=(answers,) if answers else (),
    )
    moment = int(datetime.now(UTC).timestamp()) if date is None else date
    return compose(draft, message_id=message_id or f"<{secrets.token_hex(8)}@test.example>", date=moment)


def raw(head: str, body: str = "") -> bytes:
    """A message as wild as it is written: header lines, blank line, body."""
    return (head.strip("\n") + "\n\n" + body).replace("\n", "\r\n").encode()


def _correspondent(text: str) -> Correspondent:
    name, _, address = text.rpartition("<")
    return Correspondent(address.rstrip(">"), name.strip().strip('"'))


def build(
    folder: Path, *, plain_http: bool = True, template: Path | None = None, **sections: dict[str, object]
) -> TownHall:
    """Found the town hall in an empty folder; ``template``: where its databases lie, if not as on the first day."""
    clock = Clock()
    config = settings.Config(
        city=settings.City(domain=DOMAIN, hostname=f"mail.{DOMAIN}", name="Thành phố Thử Nghiệm"),
        storage=settings.Storage(data=str(folder)),
        login=settings.Login(never_slowed=LOOPBACK),
        smtp=settings.Smtp(max_message_size=300_000),
        dns=settings.Dns(resolvers=("127.0.0.1:1",), timeout=1),
        webmail=settings.Webmail(plain_http=LOOPBACK if plain_http else (), undo_seconds=0),
    )
    changed = {name: replace(getattr(config, name), **values) for name, values in sections.items()}
    config = replace(config, **changed)
    for name in ("directory.db", "mail.db"):
        shutil.copy((template or _template()) / name, folder / name)
    directory = Directory(
        f"sqlite:///{folder / 'directory.db'}",
        clock=clock,
        random_bits=secrets.randbits,
        monotonic=time.monotonic,
        notice_within=0.5,
    )
    store = Store(f"sqlite:///{folder / 'mail.db'}", folder)
    gate = Gate(
        directory,
        throttle=Throttle([str(each) for each in config.login.never_slowed], monotonic=time.monotonic),
        proven=ProvenLogins(900, monotonic=time.monotonic),
    )
    office = PostOffice(store=store, directory=directory, config=config, clock=clock)
    services = WebmailServices(store, directory, gate, office, config, clock, b"k" * 32)
    return TownHall(services, clock)


@cache
def _template() -> Path:
    """Both databases as they are on the first day, to copy: founding a town hall costs more than most tests."""
    folder = Path(tempfile.mkdtemp(prefix="citymail-town-hall-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    directory = open_directory(f"sqlite:///{folder / 'directory.db'}")
    _found(directory)
    directory.close()
    open_store(f"sqlite:///{folder / 'mail.db'}", folder).close()
    return folder


def _found(directory: Directory) -> None:
    hashed = hash_password(PASSWORD)
    with directory.write() as conn:
        domains.add_domain(conn, "test", DOMAIN, primary=True)
        unit_types.define_type(conn, "test", "city", "Thành phố", "City", "2000-01-01")
        unit_types.define_type(conn, "test", "department", "Sở", "Department", "2000-01-01")
        top = unit_changes.add_unit(
            conn, "test", name="Ủy ban nhân dân Thành phố", short_name="UBND", type_code="city", valid_from="2000-01-01"
        )
        made = {
            short: unit_changes.add_unit(
                conn, "test", name=name, short_name=short, type_code="department", valid_from="2000-01-01",
                parent_id=top.id,
            ).id
            for short, name in (("SNV", "Sở Nội vụ"), ("STC", "Sở Tài chính"))
        }  # fmt: skip
        for code, title in (("CV", "Chuyên viên"), ("TP", "Trưởng phòng"), ("VT", "Văn thư")):
            postings.add_position(conn, "test", code=code, title=title, is_clerk=code == "VT")
        posts = {position.code: position.id for position in postings.positions(conn).values()}
        for login, (name, unit, position) in OFFICIALS.items():
            provisioning.join(
                conn,
                "test",
                Joiner(
                    split_name(name),
                    made[unit],
                    posts[position],
                    valid_from="2020-01-01",
                    address=f"{login}@{DOMAIN}",
                    password_hash=hashed,
                ),
            )
        mailboxes.open_mailbox(
            conn, "test", address_text=f"vanthu.snv@{DOMAIN}", name="Văn thư Sở Nội vụ", unit_id=made["SNV"]
        )
        group = groups.add_group(
            conn, "test", address_text=f"toanso@{DOMAIN}", name="Toàn Sở Nội vụ", posting="internal"
        )
        for login in ("an", "binh", "huong"):
            groups.add_member(conn, "test", group.id, f"{login}@{DOMAIN}")


class LiveWebmail:
    """The town hall's webmail on a free port of loopback, served by the server's own shell on a loop in a thread."""

    def __init__(self, hall: TownHall) -> None:
        self.hall = hall
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._loop = uvloop.new_event_loop()
        self._ending: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(20), "the webmail did not come up"

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._ending = asyncio.Event()
        self._loop.run_until_complete(
            serve_web(self.hall.services, self._listener, None, None, self._ending, on_ready=self._ready.set)
        )
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def close(self) -> None:
        assert self._ending is not None
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(20)
        self._listener.close()


@contextmanager
def live_webmail(folder: Path) -> Iterator[LiveWebmail]:
    hall = build(folder)
    live = LiveWebmail(hall)
    try:
        yield live
    finally:
        live.close()
        hall.close()
