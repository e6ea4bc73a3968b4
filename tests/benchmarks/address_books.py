"""Two LDAP servers with the same entries: CityMail's directory of a whole city, and Debian's slapd filled from it.

slapd has the mdb backend, and the indexes that an administrator would set for an address book: eq, sub and approx of
what people search by.  Both are asked in clear over loopback, by somebody who has logged in.
"""

from __future__ import annotations

import base64
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select

from directory.database import Directory, open_directory
from directory.ldap import root
from directory.ldap.entries import LEAVES, Entry, branch_entry, top_entry
from directory.ldap.filling import fill_in
from directory.ldap.group_entries import group_entries
from directory.ldap.people_entries import account_entries
from directory.ldap.schema import ATTRIBUTES
from directory.ldap.seen import Selection
from directory.ldap.unit_entries import unit_entries
from directory.mail import account_changes
from directory.mail.accounts import account_by_login
from directory.tables import account, mail_group
from security.passwords import hash_password
from tests.benchmarks.city_people import DOMAIN, Size, address, fill
from tests.benchmarks.contender import PASSWORD, Server, end_processes
from tests.live import LiveServer, free_ports

TOP = ",".join(f"dc={label}" for label in DOMAIN.split("."))
LOGIN = f"uid={address(0)},ou=people,{TOP}"
PROGRAMS = ("/usr/sbin/slapd", "/usr/sbin/slapadd")
_AT_ONCE = 1000
_PATIENCE = 60.0


def why_not() -> str:
    """Why slapd cannot run here; empty if it can."""
    missing = [program for program in PROGRAMS if not Path(program).exists()]
    return f"{', '.join(missing)} missing: apt-get install slapd" if missing else ""


class AddressBook(Server):
    port: int


class CityMailBook(AddressBook):
    name = "CityMail"

    def __init__(self, folder: Path, size: Size) -> None:
        self._folder = folder
        self._size = size
        (self.port,) = free_ports(1)
        self._live: LiveServer | None = None

    @property
    def live(self) -> LiveServer:
        assert self._live is not None, "install first"
        return self._live

    def install(self) -> None:
        self._live = LiveServer(
            self._folder,
            settings={
                "city": {"domain": DOMAIN, "hostname": f"mail.{DOMAIN}"},
                "workers": {"web": 0},
                "listen": {"ldap": self.port},
                "ldap": {"plaintext_networks": ["127.0.0.0/8"], "paged_limit": 1_000_000},
                "log": {"level": "warning"},
            },
        )
        directory = open_directory(self._live.config.directory_url)
        try:
            fill(directory, self._size)
            with directory.write() as conn:
                somebody = account_by_login(conn, address(0))
                assert somebody is not None
                account_changes.set_password(conn, "bench", somebody.id, hash_password(PASSWORD))
        finally:
            directory.close()

    def entries(self) -> Iterator[Entry]:
        """All that it shows, those above first."""
        directory = open_directory(self.live.config.directory_url)
        try:
            yield from _entries(directory)
        finally:
            directory.close()

    def start(self) -> None:
        self.live.start()

    def stop(self) -> None:
        if self._live is not None and self._live.process is not None:
            self._live.stop()

    def roots(self) -> list[int]:
        return [self.live.process.pid] if self.live.process is not None else []


def _entries(directory: Directory) -> Iterator[Entry]:
    everything = frozenset(kind.key for kind in ATTRIBUTES if not kind.is_operational)
    with directory.read() as conn:
        yield top_entry(conn)
        yield from (branch_entry(conn, kind) for kind in LEAVES)
        yield from unit_entries(conn).values()
        people = list(conn.execute(select(account.c.id).order_by(account.c.login)).scalars())
        for start in range(0, len(people), _AT_ONCE):
            yield from account_entries(conn, people[start : start + _AT_ONCE], everything)
        groups = list(conn.execute(select(mail_group.c.id)).scalars())
        found = group_entries(conn, groups, everything)
        fill_in(conn, found, everything, "")
        yield from found


class Slapd(AddressBook):
    name = "slapd (mdb)"

    def __init__(self, folder: Path, ours: CityMailBook) -> None:
        self._folder = folder
        self._ours = ours
        (self.port,) = free_ports(1)
        self._process: subprocess.Popen[bytes] | None = None

    def install(self) -> None:
        (self._folder / "db").mkdir(parents=True)
        (self._folder / "slapd.conf").write_text(_CONFIGURATION.format(folder=self._folder, top=TOP), encoding="utf-8")
        with open(self._folder / "entries.ldif", "wb") as out:
            out.writelines(_ldif(entry) for entry in self._ours.entries())
        # without a look at the schema: our groups may be empty, which groupOfNames does not allow
        self._run("slapadd", "-q", "-s", "-l", str(self._folder / "entries.ldif"))

    def _run(self, program: str, *arguments: str) -> None:
        command = [f"/usr/sbin/{program}", "-f", str(self._folder / "slapd.conf"), *arguments]
        subprocess.run(command, check=True, capture_output=True)

    def start(self) -> None:
        command = ["/usr/sbin/slapd", "-f", str(self._folder / "slapd.conf"), "-h", f"ldap://127.0.0.1:{self.port}"]
        with open(self._folder / "slapd.log", "ab") as log:
            self._process = subprocess.Popen([*command, "-d", "0"], stdout=log, stderr=log)
        wait_for_port(self.port, _PATIENCE)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            end_processes(self.roots())
            self._process.wait()
            self._process = None

    def roots(self) -> list[int]:
        return [self._process.pid] if self._process is not None else []


def wait_for_port(port: int, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


_CONFIGURATION = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
argsfile {folder}/slapd.args
sizelimit size.soft=500 size.hard=unlimited size.pr=unlimited size.prtotal=unlimited
database mdb
suffix "{top}"
directory {folder}/db
maxsize 8589934592
index objectClass eq
index cn,sn,givenName,displayName eq,sub,approx
index mail,uid,telephoneNumber,ou,title eq,sub
index employeeNumber,departmentNumber,member,seeAlso eq
"""
_SHOWN = Selection.of(()).shown_to(root.ANYBODY)


def _ldif(entry: Entry) -> bytes:
    lines = [_line(b"dn", entry.dn.encode("utf-8"))]
    for name, values in _SHOWN(entry):
        lines += [_line(name.encode(), value) for value in values]
    if entry.dn == LOGIN:
        lines.append(_line(b"userPassword", PASSWORD.encode()))
    return b"\n".join(lines) + b"\n\n"


def _line(name: bytes, value: bytes) -> bytes:
    """RFC 2849, all of it in base64, which any value may be in."""
    return name + b":: " + base64.b64encode(value)
