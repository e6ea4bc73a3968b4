"""An authority to test with: a root, an issuer whose key lies in a folder, and the means to open it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from directory.database import Directory
from directory.keys.making import Maker
from directory.pki.issuers import Certifier, Practice, active_issuer, install, open_certifier
from security.authority.issuing import Issuer, issue, make_root, serial_from
from security.authority.key_kinds import make_key
from security.authority.key_places import Safe, make_key_at
from security.authority.names import subject
from security.authority.profiles import ISSUING, places_under
from security.authority.revocation_lists import Revoked, full_list
from security.keys.wrapping import WrappingKey, make_installation_key

PRACTICE = Practice(host="pki.city.gov.vn", organization="Thành phố", key_kind="p256")


@dataclass
class Pki:
    """``root`` signs what the offline one would."""

    root: Issuer
    safe: Safe
    installation: WrappingKey
    keys: Maker
    practice: Practice = PRACTICE

    def use(self, kind: str) -> None:
        """Make people's keys of this kind from now on."""
        self.practice = replace(self.practice, key_kind=kind)

    def open(self, directory: Directory) -> Certifier:
        with directory.read() as conn:
            return open_certifier(active_issuer(conn), self.safe, self.keys, self.practice)

    def root_crl(self, now: datetime, number: int, *revoked: Revoked) -> bytes:
        until = datetime.fromtimestamp(now.timestamp() + 200 * 86_400, UTC)
        return full_list(self.root, revoked, number=number, now=now, next_update=until).public_bytes(Encoding.DER)


def found_pki(directory: Directory, folder: Path, *, name: str = "issuing", kind: str = "p256") -> Pki:
    now = datetime.fromtimestamp(directory.clock(), UTC)
    key = make_key("p256")
    root_name = subject("City Root CA", organization="Thành phố", country="VN")
    certificate = make_root(key, root_name, serial=serial_from(directory.random_bits(160)), now=now)
    places = places_under(PRACTICE.host, certificate.public_bytes(Encoding.DER))
    installation = make_installation_key(folder / "wrapping.key")
    pki = Pki(
        Issuer(certificate, key, places),
        Safe(folder, passphrase=b"correct horse battery"),
        installation,
        Maker(directory, installation),
    )
    add_issuer(pki, directory, name, kind, number=1)
    return pki


def add_issuer(pki: Pki, directory: Directory, name: str, kind: str, *, number: int) -> x509.Certificate:
    now = datetime.fromtimestamp(directory.clock(), UTC)
    place = f"file:{name}.key"
    key = make_key_at(pki.safe, place, kind)
    certificate = issue(
        pki.root,
        ISSUING,
        key.public_key(),
        subject=subject(f"City Issuing CA {name}", organization="Thành phố", country="VN"),
        serial=serial_from(directory.random_bits(160)),
        now=now,
    )
    with directory.write() as conn:
        install(
            conn,
            "test",
            root=pki.root.certificate,
            issuing=certificate,
            root_crl=pki.root_crl(now, number),
            key_place=place,
            safe=pki.safe,
        )
    return certificate
