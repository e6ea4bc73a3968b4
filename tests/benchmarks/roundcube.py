"""Debian's Roundcube on Apache and php-fpm with SQLite, before Debian's Dovecot (mdbox): the webmail to compare with.

As the packages come, but for what ``peer/roundcube-*.in`` says: everything in a scratch folder and on loopback, no
plugins, as many PHP workers as four browsers keep busy.  Needs root, as the peer's mail server does.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
from pathlib import Path

from tests.benchmarks import postfix_dovecot
from tests.benchmarks.contender import end_processes, free_ports
from tests.benchmarks.postfix_dovecot import PostfixDovecot, run_command, wait_for_port

_SHARED = Path("/usr/share/roundcube")
_APACHE = Path("/usr/sbin/apache2")
_WEB_USER = "www-data"
_WORKERS = 4


def why_not() -> str:
    """Why the peer cannot run here; empty if it can."""
    if reason := postfix_dovecot.why_not():
        return reason
    if not (_SHARED.is_dir() and _APACHE.exists() and _fpm() is not None):
        return "Roundcube missing: apt-get install roundcube-core roundcube-sqlite3 php-fpm apache2"
    return ""


def _fpm() -> Path | None:
    return max(Path("/usr/sbin").glob("php-fpm[0-9]*"), default=None)


class Roundcube(PostfixDovecot):
    name = "Roundcube"

    def __init__(self, folder: Path, accounts: int) -> None:
        super().__init__(folder, accounts, ())
        (self.web_port,) = free_ports(1)
        self._web = folder / "roundcube"

    def install(self) -> None:
        super().install()
        for name in ("conf", "db", "log", "temp", "run"):
            (self._web / name).mkdir(parents=True)
        for name in ("defaults.inc.php", "mimetypes.php"):
            shutil.copy(Path("/etc/roundcube") / name, self._web / "conf")
        values = {
            "STATE": str(self._web),
            "IMAP": str(self.imap_port),
            "SMTP": str(self.smtp_port),
            "HTTP": str(self.web_port),
            "USER": _WEB_USER,
            "WORKERS": str(_WORKERS),
        }
        for template, target in (
            ("roundcube-config.in", "config.inc.php"),
            ("roundcube-fpm.in", "fpm.conf"),
            ("roundcube-apache.in", "apache.conf"),
        ):
            text = (postfix_dovecot.TEMPLATES / template).read_text(encoding="utf-8")
            for name, value in values.items():
                text = text.replace(f"@{name}@", value)
            (self._web / "conf" / target).write_text(text, encoding="utf-8")
        with contextlib.closing(sqlite3.connect(self._web / "db" / "roundcube.sqlite")) as database:
            database.executescript((_SHARED / "SQL" / "sqlite.initial.sql").read_text(encoding="utf-8"))
        for path in (self._web, *self._web.rglob("*")):
            shutil.chown(path, _WEB_USER, _WEB_USER)

    def roots(self) -> list[int]:
        return super().roots() + self._web_roots()

    def _web_roots(self) -> list[int]:
        found = []
        for name in ("fpm", "apache"):
            with contextlib.suppress(OSError, ValueError):
                found.append(int((self._web / "run" / f"{name}.pid").read_text()))
        return found

    def start(self) -> None:
        super().start()
        run_command(str(_fpm()), "-D", "-y", str(self._web / "conf/fpm.conf"))
        run_command(str(_APACHE), "-f", str(self._web / "conf/apache.conf"), "-k", "start")
        wait_for_port(self.web_port, self._web / "log", speaks_first=False)

    def stop(self) -> None:
        roots = self._web_roots()
        for pid in roots:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        end_processes(roots)
        super().stop()
