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

from directory.keys.answering import Answering
from directory.keys.vault import Vault
from directory.pki import enrolment
from directory.pki.certificates import SIGNING
from directory.pki.trust import trust_authority
from mailserver.message.seven_bit import to_seven_bit
from mailserver.servers.keys import KeyServer, listen
from security.authority.issuing import Issuer
from security.cms import MemoryKey, Signing, sign
from security.keys.client import KeyProcess
from security.keys.wrapping import installation_key
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


@dataclass
class Authorities:
    """Who certifies whom; ``now`` is the town hall's."""

    hall: TownHall
    pki: Pki

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.hall.clock(), UTC)

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
    hall.close()
    return folder, pki


@contextmanager
def certified_hall(folder: Path, **sections: dict[str, object]) -> Iterator[Authorities]:
    """Founded in an empty folder, with the key process that its webmail asks."""
    template, pki = _founded()
    hall = town_hall.build(folder, template=template, **sections)
    directory = hall.services.directory
    path = folder / "keys.sock"
    vault = Vault(directory, installation_key(template / "pki" / "wrapping.key"), monotonic=time.monotonic)
    server = KeyServer(listen(path), Answering(vault).answer)
    running = threading.Thread(target=server.run)
    running.start()
    hall.services = replace(hall.services, keys=KeyProcess(path))
    try:
        yield Authorities(hall, pki)
    finally:
        server.end()
        running.join()
        hall.close()
