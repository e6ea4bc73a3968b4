"""A key process in a thread, behind a real socket, and officials with certificates who have signed in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from directory.database import Directory
from directory.keys.answering import Answering
from directory.keys.vault import Vault
from directory.mail.account_changes import set_password
from directory.pki import enrolment
from directory.signing_in import sessions
from mailserver.servers.keys import KeyServer, listen
from security.keys.client import KeyProcess
from security.passwords import hash_password
from tests.directory.authorities import Pki, found_pki
from tests.directory.conftest import City, Clock, found_city

PASSWORD = "tám con trâu vàng"


@pytest.fixture
def city(any_directory: Directory) -> City:
    return found_city(any_directory)


@pytest.fixture
def pki(city: City, tmp_path: Path) -> Pki:
    return found_pki(city.directory, tmp_path / "pki")


@pytest.fixture
def vault(pki: Pki, city: City, clock: Clock) -> Vault:
    return Vault(city.directory, pki.installation, monotonic=clock)


@pytest.fixture
def keys(vault: Vault, tmp_path: Path) -> Iterator[KeyProcess]:
    path = tmp_path / "keys.sock"
    server = KeyServer(listen(path), Answering(vault).answer)
    running = threading.Thread(target=server.run)
    running.start()
    yield KeyProcess(path)
    server.end()
    running.join()


@dataclass
class Staff:
    """People who are enrolled, and sign in."""

    city: City
    pki: Pki

    @property
    def directory(self) -> Directory:
        return self.city.directory

    def join(self, name: str = "Nguyễn Văn An", unit: str = "SYT", **more: object) -> str:
        with self.directory.write() as conn:
            account_id = self.city.join(conn, name, unit, **more).account_id
        self.set_password(account_id, PASSWORD)
        self.enrol(account_id)
        return account_id

    def enrol(self, account_id: str, *, anew: bool = False) -> None:
        enrolment.enrol(self.directory, self.pki.open(self.directory), account_id, anew=anew)

    def set_password(self, account_id: str, password: str) -> None:
        with self.directory.write() as conn:
            set_password(conn, "test", account_id, hash_password(password))

    def sign_in(self, account_id: str) -> str:
        with self.directory.write() as conn:
            return sessions.start(conn, account_id, "test", "127.0.0.1")


@pytest.fixture
def staff(city: City, pki: Pki) -> Staff:
    return Staff(city, pki)
