"""Authorities and certificates to test with, made in an instant."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from security.authority.issuing import Issuer, issue, make_root, serial_from
from security.authority.key_kinds import PrivateKey, make_key
from security.authority.names import mailbox, subject
from security.authority.profiles import ISSUING, NOWHERE, ROOT, SIGNING, Places, Profile
from security.authority.revocation_lists import Revoked, full_list

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
_serials = itertools.count(1)


def key(name: str, kind: str = "p256") -> PrivateKey:
    """Whose it is, he keeps."""
    return _made(name, kind)


@cache
def _made(name: str, kind: str) -> PrivateKey:
    return make_key(kind)


def root(name: str = "Root", kind: str = "p256", now: datetime = NOW, profile: Profile = ROOT) -> Issuer:
    made = make_root(
        key(name, kind), subject(name, country="VN"), serial=serial_from(next(_serials)), now=now, profile=profile
    )
    return Issuer(made, key(name, kind))


def below(
    above: Issuer,
    name: str = "Issuing",
    kind: str = "p256",
    *,
    places: Places = NOWHERE,
    profile: Profile = ISSUING,
    now: datetime = NOW,
) -> Issuer:
    made = issue(
        above,
        profile,
        key(name, kind).public_key(),
        subject=subject(name, country="VN"),
        serial=serial_from(next(_serials)),
        now=now,
    )
    return Issuer(made, key(name, kind), places)


def end(
    above: Issuer,
    *addresses: str,
    profile: Profile = SIGNING,
    kind: str = "p256",
    now: datetime = NOW,
    days: int | None = None,
    name: str = "Nguyễn Văn An",
) -> x509.Certificate:
    return issue(
        above,
        profile,
        key("end", kind).public_key(),
        subject=subject(name, organization="Thành phố", country="VN"),
        names=[mailbox(address) for address in addresses],
        serial=serial_from(next(_serials)),
        now=now,
        days=days,
    )


def crl(above: Issuer, *revoked: Revoked, number: int = 1, now: datetime = NOW, days: int = 30) -> bytes:
    return full_list(above, revoked, number=number, now=now, next_update=now + timedelta(days=days)).public_bytes(
        Encoding.DER
    )


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)
