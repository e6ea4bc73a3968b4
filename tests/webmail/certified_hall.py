"""The town hall with an authority of its own, certificates for everybody, and a key process behind its socket."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from directory.database import Directory
from directory.keys.answering import Answering
from directory.keys.levels import set_level
from directory.keys.vault import Vault
from directory.pki import enrolment
from directory.pki.certificates import SIGNING
from directory.pki.trust import trust_authority
from directory.signing_in import sessions
from directory.staff.units import find_unit
from mailserver.message.seven_bit import to_seven_bit
from mailserver.servers.keys import KeyServer, listen
from security.authority.issuing import Issuer
from security.cms import MemoryKey, Signing, sign
from security.keys.client import KeyProcess
from security.keys.wrapping import WrappingKey, installation_key
from tests.directory.authorities import Pki, found_pki
from tests.directory.certified import Keys, certify, make
from tests.security.authority import making
from tests.webmail import town_hall
from tests.webmail.town_hall import TownHall


@dataclass
class Stranger:
    """Somebody outside with a key of another authority's."""

    address: str
    key: MemoryKey
    issuing: bytes

    def signed(self, octets: bytes) -> bytes:
        return signed(octets, self.key, companions=(self.issuing,))


class KeyHolder:
    """The key process's work on a thread; what was open when it stopped is shut when it starts again."""

    def __init__(self, directory: Directory, installation: WrappingKey, path: Path) -> None:
        self.path = path
        self._directory, self._installation = directory, installation
        self._server: KeyServer | None = None
        self._running = threading.Thread()

    def start(self) -> None:
        vault = Vault(self._directory, self._installation, monotonic=time.monotonic)
        self._server = KeyServer(listen(self.path), Answering(vault).answer)
        self._running = threading.Thread(target=self._server.run)
        self._running.start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.end()
            self._running.join()
            self._server = None


@dataclass
class Authorities:
    """Who certifies whom; ``now`` is the town hall's."""

    hall: TownHall
    pki: Pki
    holder: KeyHolder

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.hall.clock(), UTC)

    def seal(self, unit: str) -> None:
        """A unit's people's keys are opened by their passwords alone."""
        with self.hall.services.directory.write() as conn:
            set_level(conn, "test", find_unit(conn, unit), "sealed")

    def certify(self, login: str, *, days: int = 365) -> Keys:
        """Further certificates, whose keys the test has."""
        return certify(self.hall.services.directory, self.pki, self.hall.account(login).id, days=days)

    def stranger(self, address: str, *, trusted: bool, purpose: str = SIGNING) -> Stranger:
        before = self.now - timedelta(days=2)
        root = making.root(f"Partner {trusted}", now=before)
        below: Issuer = making.below(root, now=before)
        if trusted:
            with self.hall.services.directory.write() as conn:
                trust_authority(conn, "test", making.der(root.certificate), lists_revocations=False)
        key = make(below, purpose, address, self.hall.services.directory)
        return Stranger(address, key, making.der(below.certificate))


def signed(octets: bytes, key: MemoryKey, *, companions: tuple[bytes, ...] = (), at: datetime | None = None) -> bytes:
    signing = Signing([key], at or datetime.now(UTC), companions)
    return b"".join(sign(to_seven_bit(octets) or octets, signing))


@cache
def _founded() -> tuple[Path, Pki]:
    """A town hall in which everybody has certificates, to copy."""
    folder = Path(tempfile.mkdtemp(prefix="citymail-certified-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    hall = town_hall.build(folder)
    directory = hall.services.directory
    pki = found_pki(directory, folder / "pki")
    enrolment.reconcile(directory, pki.open(directory))
    vault = Vault(directory, installation_key(folder / "pki" / "wrapping.key"), monotonic=time.monotonic)
    for login in town_hall.OFFICIALS:  # who signs in for the first time has his keys wrapped under his password
        with directory.write() as conn:
            token = sessions.start(conn, hall.account(login).id, user_agent="", ip="")
        vault.open(token, town_hall.PASSWORD)
    hall.close()
    return folder, pki


@contextmanager
def certified_hall(folder: Path, **sections: dict[str, object]) -> Iterator[Authorities]:
    """Founded in an empty folder, with the key process that its webmail asks."""
    template, pki = _founded()
    hall = town_hall.build(folder, template=template, **sections)
    directory = hall.services.directory
    holder = KeyHolder(directory, installation_key(template / "pki" / "wrapping.key"), folder / "keys.sock")
    holder.start()
    hall.services = replace(hall.services, keys=KeyProcess(holder.path))
    try:
        yield Authorities(hall, pki, holder)
    finally:
        holder.stop()
        hall.close()
