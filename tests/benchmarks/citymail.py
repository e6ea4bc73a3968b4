"""CityMail as `citymail serve` runs it, with its default settings but for limits that loopback would run into.

The webmail is off where the peer has none.  All accounts have one password, and so share one Argon2id hash; signing in
costs what it costs in a city.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from directory.database import Directory, Writing, open_directory
from directory.mail import domains, groups
from directory.mail.addresses import is_local_domain
from directory.signing_in import scram_verifiers
from directory.staff import postings, unit_changes
from directory.staff.intake import Intake, Joiner
from directory.words.names import split_name
from security.passwords import hash_password
from security.scram import new_verifier
from tests.benchmarks import far_side
from tests.benchmarks.contender import COLLECTOR, DOMAIN, PASSWORD, Contender, address, group, without_listeners
from tests.live import LiveServer

_ACTOR = "bench"
_SINCE = "2025-07-01"
_BATCH = 20_000


class CityMail(Contender):
    name = "CityMail"
    asks_for_login = True

    def __init__(self, folder: Path, accounts: int, groups: tuple[int, ...], *, web: int = 0) -> None:
        super().__init__(folder, accounts, groups)
        self._web = web
        self._live: LiveServer | None = None

    @property
    def live(self) -> LiveServer:
        assert self._live is not None, "install first"
        return self._live

    @property
    def stores(self) -> tuple[Path, ...]:
        return (self.live.config.data,)

    @property
    def database(self) -> Path:
        return self.live.config.data / "mail.db"

    def install(self) -> None:
        self._live = LiveServer(
            self.folder,
            settings={
                "city": {"domain": DOMAIN, "hostname": f"mail.{DOMAIN}"},
                "workers": {"web": self._web},
                "imap": {"max_connections_per_account": 10_000},
                "relay": {"routes": far_side.routes()},
                "sending": {"unlimited": [address(0)]},
                "log": {"level": "warning"},
            },
        )
        self.smtp_port, self.imap_port = self._live.ports["smtp"], self._live.ports["imap"]
        self.outgoing_port = self._live.ports["submissions"]
        directory = open_directory(self._live.config.directory_url)
        try:
            self._fill(directory)
        finally:
            directory.close()

    def _fill(self, directory: Directory) -> None:
        stored = hash_password(PASSWORD)
        with directory.write() as conn:
            if not is_local_domain(conn, DOMAIN):
                domains.add_domain(conn, _ACTOR, DOMAIN, primary=True)
            unit_id, position_id = _office(conn)
        ids: list[str] = []
        for start in range(0, self.accounts, _BATCH):
            with directory.write() as conn:
                intake = Intake(conn, _ACTOR, DOMAIN)
                for number in range(start, min(start + _BATCH, self.accounts)):
                    name = split_name(f"Nguyễn Văn {number}")
                    joiner = Joiner(name, unit_id, position_id, _SINCE, address=address(number), password_hash=stored)
                    ids.append(intake.join(joiner).account_id)
                intake.flush()
        with directory.write() as conn:
            intake = Intake(conn, _ACTOR, DOMAIN)
            name = split_name("Nguyễn Thị Sưu Tập")
            intake.join(Joiner(name, unit_id, position_id, _SINCE, address=COLLECTOR, password_hash=stored))
            intake.flush()
            for count in self.groups:
                made = groups.add_group(
                    conn, _ACTOR, address_text=group(count), name=f"{count} cán bộ", posting="anyone"
                )
                groups.add_accounts(conn, _ACTOR, made.id, ids[:count])
            scram_verifiers.keep_for_shared(conn, stored, new_verifier(PASSWORD))

    def start(self) -> None:
        self.live.start()

    def stop(self) -> None:
        if self._live is not None and self._live.process is not None:
            self._live.stop()

    def roots(self) -> list[int]:
        return [self.live.process.pid] if self.live.process is not None else []

    def senders(self) -> list[int]:
        """Whoever relays has no port."""
        return without_listeners(self.roots())

    def settle(self) -> None:
        for name in ("mail.db", "directory.db"):
            database = sqlite3.connect(self.live.config.data / name, timeout=60)
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            database.close()

    def inbox_counts(self, count: int) -> dict[str, int]:
        database = sqlite3.connect(self.database)
        database.execute("ATTACH ? AS staff", (str(self.live.config.data / "directory.db"),))
        rows = database.execute(
            "SELECT a.login, (SELECT count(*) FROM placement p WHERE p.mailbox_id = m.id)"
            " FROM staff.account a JOIN mailbox m ON m.account_id = a.id AND m.name = 'INBOX' WHERE a.login < ?",
            (address(count),),
        ).fetchall()
        database.close()
        return {login: messages for login, messages in rows if login != COLLECTOR}

    def bodies(self) -> int:
        """How many messages' octets the store keeps."""
        database = sqlite3.connect(self.database)
        found = int(database.execute("SELECT count(*) FROM message_octets").fetchone()[0])
        database.close()
        return found


def _office(conn: Writing) -> tuple[str, str]:
    """The one unit and the one position that all accounts have."""
    unit = unit_changes.add_unit(
        conn, _ACTOR, name="Văn phòng", short_name="VP", type_code="department", valid_from=_SINCE
    )
    return unit.id, postings.find_position(conn, "CV").id
