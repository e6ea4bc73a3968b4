"""People with certificates of the city whose keys the test holds itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.serialization import Encoding

from directory.database import Directory
from directory.mail.accounts import find_account
from directory.pki.certificates import ENCRYPTION, SIGNING, insert_certificate
from security.authority.issuing import Issuer, issue, serial_from
from security.authority.key_kinds import make_key
from security.authority.names import mailbox, subject
from security.authority.profiles import ENCRYPTION as ENCRYPTION_PROFILE
from security.authority.profiles import SIGNING as SIGNING_PROFILE
from security.cms import MemoryKey
from tests.directory.authorities import Pki

_PROFILES = {SIGNING: SIGNING_PROFILE, ENCRYPTION: ENCRYPTION_PROFILE}


@dataclass(frozen=True)
class Keys:
    signer: MemoryKey
    decrypter: MemoryKey


def certify(directory: Directory, pki: Pki, account_id: str, *, days: int = 365) -> Keys:
    """Both certificates of an account, for its address."""
    certifier = pki.open(directory)
    with directory.read() as conn:
        account = find_account(conn, account_id)
    assert account is not None
    made = {purpose: make(certifier.issuer, purpose, account.login, directory, days=days) for purpose in _PROFILES}
    with directory.write() as conn:
        for purpose, key in made.items():
            insert_certificate(
                conn, key.certificate, purpose, account_id=account_id, issuer_id=certifier.row.id, key_id=None
            )
    return Keys(made[SIGNING], made[ENCRYPTION])


def make(
    issuer: Issuer, purpose: str, address: str, directory: Directory, *, days: int = 365, age: int = 0
) -> MemoryKey:
    """A key and its certificate, ``age`` days old, known to nobody yet."""
    key = make_key("p256")
    now = datetime.fromtimestamp(directory.clock(), UTC) - timedelta(days=age)
    certificate = issue(
        issuer,
        _PROFILES[purpose],
        key.public_key(),
        subject=subject(address.partition("@")[0].title(), organization="Thành phố", country="VN"),
        names=[mailbox(address)],
        serial=serial_from(directory.random_bits(160)),
        now=now,
        days=days,
    )
    return MemoryKey(key, certificate.public_bytes(Encoding.DER))
