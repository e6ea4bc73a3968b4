"""Debian's Postfix and Dovecot with its fastest store (mdbox), as they come but for what ``peer/*.in`` says.

Everything lives in a scratch folder and on loopback; nothing is sent out.  What differs from the packages' defaults:
virtual mailboxes over LMTP, no DNS, log-in without TLS from loopback, login processes that serve many clients each,
limits for thousands of connections.  Queue and store sync to disk as always.

Every account has two logins: with the password in clear, which costs Dovecot nothing, and hashed with Argon2id as
CityMail hashes (``hashed_login``).  Needs root: both start as root and change to users of their own.
"""

from __future__ import annotations

import contextlib
import copy
import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from security.passwords import hash_password
from tests.benchmarks import far_side
from tests.benchmarks.contender import (
    COLLECTOR,
    DOMAIN,
    PASSWORD,
    Contender,
    address,
    end_processes,
    free_ports,
    group,
    named,
)

PROGRAMS = ("/usr/sbin/postfix", "/usr/sbin/dovecot", "/usr/bin/doveadm", "/usr/sbin/postmap")
TEMPLATES = Path(__file__).parent / "peer"
# Who owns the mail: a user that every Debian has.
_MAIL_USER = "mail"
# One inotify instance for each idling process; the kernel's default is 128.
_INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
_INOTIFY_NEEDED = 65_536


def why_not() -> str:
    """Why the peer cannot run here; empty if it can."""
    missing = [program for program in PROGRAMS if not Path(program).exists()]
    if missing:
        return f"{', '.join(missing)} missing: apt-get install postfix dovecot-core dovecot-imapd dovecot-lmtpd"
    if os.geteuid() != 0:
        return "Postfix and Dovecot start as root, and this is not root"
    return ""


class PostfixDovecot(Contender):
    name = "Postfix + Dovecot"

    # Seconds until an idle session gives up its process; 0, the default, for never.
    hibernate = 0
    # Sessions that one process serves, one after the other, and processes that wait for some; defaults.
    sessions = 1
    spare = 0

    def __init__(self, folder: Path, accounts: int, groups: tuple[int, ...]) -> None:
        super().__init__(folder, accounts, groups)
        self.smtp_port, self.imap_port = free_ports(2)
        self.outgoing_port = self.smtp_port
        self._inotify_before = ""
        # The set-up that is in force, known to all copies of this.
        self._in_force: list[tuple[int, int, int]] = []

    @property
    def stores(self) -> tuple[Path, ...]:
        return (self.folder / "mail",)

    def hashed_login(self, number: int) -> str:
        return f"h{number:06}@{DOMAIN}"

    def roots(self) -> list[int]:
        return [pid for name in ("dovecot", "postfix") if (pid := self._master(name))]

    def _pid_file(self, name: str) -> Path:
        return self.folder / {"dovecot": "run/master.pid", "postfix": "spool/pid/master.pid"}[name]

    def _master(self, name: str) -> int:
        try:
            return int(self._pid_file(name).read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return 0

    # Making it

    def install(self) -> None:
        owner = pwd.getpwnam(_MAIL_USER)
        for name in ("mail", "spool", "postfix-data", "maps", "log", "run", "dovecot-state", "postfix"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        os.chown(self.folder / "mail", owner.pw_uid, owner.pw_gid)
        shutil.chown(self.folder / "postfix-data", "postfix")
        self._write_users()
        self._write_maps()
        for name in ("dynamicmaps.cf", "dynamicmaps.cf.d"):
            source = Path("/etc/postfix") / name
            if source.is_dir():
                shutil.copytree(source, self.folder / "postfix" / name, dirs_exist_ok=True)
            elif source.exists():
                shutil.copy(source, self.folder / "postfix" / name)
        self.configure()
        for name in ("mailboxes", "aliases", "transports"):
            run_command("postmap", "-c", str(self.folder / "postfix"), f"hash:{self.folder / 'maps' / name}")

    def _write_users(self) -> None:
        """Each account under two names: the password in clear, and hashed; the mail is the same."""
        hashed = "{ARGON2ID}" + hash_password(PASSWORD)
        with open(self.folder / "users", "w", encoding="utf-8") as users:
            users.writelines(f"{name.partition('@')[0]}:{{PLAIN}}{PASSWORD}::::::\n" for name in self._everybody())
            users.writelines(
                f"{self.hashed_login(number).partition('@')[0]}:{hashed}"
                f"::::{self.folder / 'mail' / address(number).partition('@')[0]}::\n"
                for number in range(self.accounts)
            )

    def _everybody(self) -> Iterator[str]:
        yield COLLECTOR
        yield from map(address, range(self.accounts))

    def _write_maps(self) -> None:
        with open(self.folder / "maps/mailboxes", "w", encoding="utf-8") as mailboxes:
            mailboxes.writelines(f"{name} x\n" for name in self._everybody())
        with open(self.folder / "maps/aliases", "w", encoding="utf-8") as aliases:
            aliases.writelines(f"{group(count)} {','.join(map(address, range(count)))}\n" for count in self.groups)
        with open(self.folder / "maps/transports", "w", encoding="utf-8") as transports:
            for domain, target in far_side.routes().items():
                host, _, port = target.partition(":")
                transports.write(f"{domain} smtp:[{host}]:{port}\n")

    def hibernating(self, seconds: int) -> PostfixDovecot:
        """The same server, so set up that an idle session gives up its process; in force from ``restart`` on."""
        other = copy.copy(self)
        other.hibernate = seconds
        other.name = "… hibernating"
        other.is_variant = True
        return other

    def reusing(self, sessions: int, spare: int) -> PostfixDovecot:
        """The same server, so set up that a process serves many sessions of anybody, as its manual warns of."""
        other = copy.copy(self)
        other.sessions, other.spare = sessions, spare
        other.name = "… reusing processes"
        other.is_variant = True
        return other

    @property
    def _set_up(self) -> tuple[int, int, int]:
        return self.hibernate, self.sessions, self.spare

    def take_over(self) -> None:
        if self._in_force != [self._set_up]:
            self.restart()

    def configure(self) -> None:
        self._in_force[:] = [self._set_up]
        owner = pwd.getpwnam(_MAIL_USER)
        values = {
            "STATE": str(self.folder),
            "DOMAIN": DOMAIN,
            "SMTP": str(self.smtp_port),
            "IMAP": str(self.imap_port),
            "LOCATION": "mdbox:~/mdbox",
            "HIBERNATE": f"{self.hibernate}s",
            "SESSIONS": str(self.sessions),
            "SPARE": str(self.spare),
            "UID": str(owner.pw_uid),
            "GID": str(owner.pw_gid),
            "GROUP": grp.getgrgid(owner.pw_gid).gr_name,
        }
        for template, target in (
            ("dovecot.conf.in", "dovecot.conf"),
            ("main.cf.in", "postfix/main.cf"),
            ("master.cf.in", "postfix/master.cf"),
        ):
            text = (TEMPLATES / template).read_text(encoding="utf-8")
            for name, value in values.items():
                text = text.replace(f"@{name}@", value)
            (self.folder / target).write_text(text, encoding="utf-8")

    # Running it

    def restart(self) -> None:
        self.stop()
        self.configure()
        self.start()

    def start(self) -> None:
        if int(_INOTIFY.read_text()) < _INOTIFY_NEEDED:
            self._inotify_before = _INOTIFY.read_text()
            _INOTIFY.write_text(f"{_INOTIFY_NEEDED}\n")
        run_command("dovecot", "-c", str(self.folder / "dovecot.conf"))
        run_command("postfix", "-c", str(self.folder / "postfix"), "start")
        for port in (self.smtp_port, self.imap_port):
            wait_for_port(port, self.folder / "log")

    def stop(self) -> None:
        roots = self.roots()
        if self._master("postfix"):
            run_command("postfix", "-c", str(self.folder / "postfix"), "stop")
        if dovecot := self._master("dovecot"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(dovecot, signal.SIGTERM)
        end_processes(roots)
        for name in ("dovecot", "postfix"):
            # Postfix leaves its own behind, and the number may soon be somebody else's.
            self._pid_file(name).unlink(missing_ok=True)
        for path in (self.folder / "run").glob("**/*"):
            if path.is_socket():  # a Dovecot that held thousands of sessions ends without removing all of its own
                path.unlink()
        if self._inotify_before:
            _INOTIFY.write_text(self._inotify_before)
            self._inotify_before = ""

    def senders(self) -> list[int]:
        return named(self.roots(), "qmgr")

    def settle(self) -> None:
        os.sync()

    def inbox_counts(self, count: int) -> dict[str, int]:
        wanted = {address(number).partition("@")[0] for number in range(count)}
        # What they all begin with: asking takes a millisecond an account.
        last = address(count - 1).partition("@")[0].removeprefix("u")
        beginning = "u" + "0" * (len(last) - len(last.lstrip("0")))
        lines = run_command(
            *("doveadm", "-c", str(self.folder / "dovecot.conf"), "-f", "tab"),
            *("mailbox", "status", "-u", f"{beginning}*", "messages", "INBOX"),
        ).splitlines()
        counts = {}
        for line in lines[1:]:
            login, _, messages = line.split("\t")
            if login in wanted:
                counts[f"{login}@{DOMAIN}"] = int(messages)
        return counts


def run_command(*command: str) -> str:
    # Into a file: a daemon that was started keeps its end of a pipe open.
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, timeout=900, check=False)
        output.seek(0)
        said = output.read()
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[:6])} ended with {done.returncode}\n{said[-3000:]}")
    return said


def wait_for_port(port: int, logs: Path, *, speaks_first: bool = True, patience: float = 20.0) -> None:
    deadline = time.monotonic() + patience
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as line:
            if not speaks_first or line.recv(512):
                return
        if time.monotonic() > deadline:
            said = "\n".join(path.read_text(errors="replace")[-2000:] for path in sorted(logs.glob("*.log")))
            raise RuntimeError(f"nobody answers on port {port}\n{said}")
        time.sleep(0.1)
