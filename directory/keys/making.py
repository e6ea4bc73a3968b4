"""Making private keys: made, sealed and forgotten in one go, so that whoever asks for one gets its public half and what
is to be written down (``keep_key``).
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import insert

from directory.database import Directory, Writing
from directory.keys import pairs
from directory.keys.recovery import active_key
from directory.pki.certificates import ENCRYPTION, SIGNING
from directory.tables import escrowed_key, private_key
from security.authority import pkcs12
from security.authority.key_kinds import PrivateKey, make_key, pack
from security.keys.escrow import bound_in_escrow
from security.keys.made import Brought, MadeKey
from security.keys.sealing import new_pair, seal
from security.keys.wrapping import Wrapper


class Maker:
    """Seals keys to accounts' pairs, and wraps new pairs under the installation's key."""

    def __init__(self, directory: Directory, installation: Wrapper) -> None:
        self._directory = directory
        self._installation = installation

    def prepare(self, account_ids: Sequence[str]) -> None:
        """Raises KeyFault."""
        with self._directory.read() as reading:
            lacking = [each for each in account_ids if pairs.find_pair(reading, each) is None]
        if not lacking:
            return
        with self._directory.write() as conn:
            for account_id in lacking:
                if pairs.find_pair(conn, account_id) is None:  # nobody was quicker
                    pair = new_pair()
                    wrapped = pairs.wrap(self._installation, account_id, pair)
                    pairs.insert_pair(conn, account_id, pair.public, wrapped)

    def make(self, account_id: str, purpose: str, kind: str) -> MadeKey:
        """Raises KeyFault."""
        return self.seal(account_id, purpose, make_key(kind))

    def take(self, account_id: str, octets: bytes, passphrase: str) -> Brought:
        """Raises KeyFault."""
        key, certificate, others = pkcs12.read(octets, passphrase)
        signing, encryption = (self.seal(account_id, purpose, key) for purpose in (SIGNING, ENCRYPTION))
        der = [each.public_bytes(Encoding.DER) for each in (certificate, *others)]
        return Brought(der[0], tuple(der[1:]), signing, encryption)

    def seal(self, account_id: str, purpose: str, key: PrivateKey) -> MadeKey:
        """Raises KeyFault."""
        self.prepare([account_id])
        with self._directory.read() as conn:
            row = pairs.find_pair(conn, account_id)
            assert row is not None
            recovery = active_key(conn) if purpose == ENCRYPTION else None
            key_id = conn.new_id()
        packed = pack(key)
        return MadeKey(
            key_id,
            key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            seal(row.public, packed, account_id, key_id, purpose),
            row.public,
            recovery.id if recovery else "",
            seal(recovery.public, packed, *bound_in_escrow(account_id, key_id)) if recovery else b"",
        )


def keep_key(conn: Writing, account_id: str, purpose: str, made: MadeKey) -> str | None:
    """A key that was made, in its row; its id.  None where the account has another pair by now."""
    row = pairs.find_pair(conn, account_id)
    if row is None or row.public != made.pair:
        return None
    values = {
        "id": made.key_id,
        "account_id": account_id,
        "purpose": purpose,
        "wrapped": made.sealed,
        "created_at": conn.now,
    }
    conn.execute(insert(private_key), values)
    if made.escrowed:
        escrow = {"private_key_id": made.key_id, "recovery_key_id": made.recovery_key_id, "sealed": made.escrowed}
        conn.execute(insert(escrowed_key), escrow)
    return made.key_id
