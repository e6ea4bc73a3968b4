"""A whole CityMail in processes of its own: `citymail serve` on free ports of loopback, with accounts in it.

Used by every test that drives other people's programs, a browser, or kill -9.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mailserver.cli.health import ask_all
from mailserver.config import load, render
from mailserver.installation import install

DOMAIN = "thanhpho.example"
PASSWORD = "mat-khau-thu-nghiem-1"
LOOPBACK = ("127.0.0.0/8", "::1/128")
SERVICES = ("smtp", "submission", "submissions", "lmtp", "imap", "imaps", "http", "https")


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, and that the system gives to nobody by itself."""
    found: list[int] = []
    first, last = 20_000, _first_ephemeral_port() - 1
    while len(found) < count:
        port = random.randint(first, last)
        with socket.socket() as trial, contextlib.suppress(OSError):
            trial.bind(("127.0.0.1", port))
            if port not in found:
                found.append(port)
    return found


def _first_ephemeral_port() -> int:
    """From here on ports are taken by anybody who opens a connection."""
    with contextlib.suppress(OSError):
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
        return first if first > 21_000 else 32_768
    return 32_768


class LiveServer:
    """An installation in a folder, and its processes.  ``settings`` are sections of the configuration."""

    def __init__(
        self,
        folder: Path,
        accounts: Iterable[str] = (),
        settings: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.folder = folder
        self.domain = DOMAIN
        self.password = PASSWORD
        self.config_path = folder / "citymail.toml"
        self.ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        self.process: subprocess.Popen[bytes] | None = None
        values: dict[str, dict[str, Any]] = {
            "city": {"domain": DOMAIN, "hostname": f"mail.{DOMAIN}", "name": "Thành phố thử nghiệm"},
            "storage": {"data": "data"},
            "listen": {"host": "127.0.0.1", **self.ports},
            "tls": {"certificate": "data/tls/server.pem", "key": "data/tls/server.key"},
            "login": {"never_slowed": LOOPBACK, "plaintext_networks": LOOPBACK},
            "smtp": {"lmtp_networks": LOOPBACK, "connection_exempt": LOOPBACK},
            "imap": {"connection_exempt": LOOPBACK},
            "webmail": {"plain_http": LOOPBACK, "undo_seconds": 0},
            "log": {"level": "info"},
        }
        for section, given in (settings or {}).items():
            values.setdefault(section, {}).update(given)
        folder.mkdir(parents=True, exist_ok=True)
        self.config_path.write_text(render(values), encoding="utf-8")
        self.config = load(self.config_path)
        install(self.config)
        if accounts := list(accounts):
            self.add_accounts(accounts)

    @property
    def ca_file(self) -> Path:
        return self.config.data / "tls" / "ca.pem"

    @property
    def log_path(self) -> Path:
        return self.folder / "server.log"

    def address(self, login: str) -> str:
        return f"{login}@{self.domain}"

    def add_account(self, login: str) -> None:
        """An official's account with ``password``, made as an administrator makes it."""
        self.citymail(
            "official",
            "add",
            "--name",
            f"Nguyễn Văn {login.title()}",
            "--address",
            self.address(login),
            "--password",
            self.password,
        )

    def add_accounts(self, logins: Iterable[str]) -> None:
        """Many at once, from a CSV file; one password hash serves all."""
        lines = ["full_name,address", *(f"Nguyễn Văn {login.title()},{self.address(login)}" for login in logins)]
        path = self.folder / "officials.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.citymail("official", "import", str(path), "--password", self.password)

    def citymail(self, *arguments: str) -> str:
        """Run the command line against this installation; its output."""
        done = subprocess.run(
            [sys.executable, "-m", "mailserver.cli", *arguments],
            env={**os.environ, "CITYMAIL_CONFIG": str(self.config_path)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(
                f"citymail {' '.join(arguments)} ended with {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done.stdout

    def start(self, timeout: float = 30.0) -> None:
        """Start the processes, in a group of their own; returns when every service answers."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mailserver.cli", "serve", "--config", str(self.config_path)],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + timeout
        while silent := ask_all(self.config, timeout=1.0):
            if self.process.poll() is not None or time.monotonic() > deadline:
                log_text = self.log_path.read_text(encoding="utf-8", errors="replace")[-4000:]
                self.kill()
                raise AssertionError(f"the server did not come up: {silent}\n{log_text}")
            time.sleep(0.05)

    def stop(self) -> int:
        """End in an orderly way; the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=40)
        self.process = None
        return code

    def kill(self) -> None:
        """SIGKILL to the whole group, as a power cut would end the processes."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(timeout=10)
            self.process = None
