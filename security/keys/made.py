"""A private key that was made and sealed at once: what whoever asked for it gets to see, and to write down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

_FIELDS = 6  # of a MadeKey


@dataclass(frozen=True, slots=True)
class MadeKey:
    """``pair`` is the public half of the pair that it was sealed to; ``escrowed``, the key sealed for recovery, to the
    recovery key ``recovery_key_id``.
    """

    key_id: str
    public: bytes = field(repr=False)  # SubjectPublicKeyInfo, DER
    sealed: bytes = field(repr=False)
    pair: bytes = field(repr=False)
    recovery_key_id: str = ""
    escrowed: bytes = field(default=b"", repr=False)

    def to_fields(self) -> list[bytes]:
        text = (self.key_id.encode(), self.recovery_key_id.encode())
        return [*text, self.public, self.sealed, self.pair, self.escrowed]


def from_fields(fields: Sequence[bytes]) -> MadeKey:
    """Raises ValueError."""
    key_id, recovery_key_id, public, sealed, pair, escrowed = fields
    return MadeKey(key_id.decode(), public, sealed, pair, recovery_key_id.decode(), escrowed)


class KeyMaker(Protocol):
    """The key process, as enrolment sees it; or what does its work in the same process."""

    def prepare(self, account_ids: Sequence[str]) -> None:
        """Give those a pair who have none: in one go, before each is made keys.  Raises KeyFault."""

    def make(self, account_id: str, purpose: str, kind: str) -> MadeKey:
        """Raises KeyFault."""

    def take(self, account_id: str, octets: bytes, passphrase: str) -> Brought:
        """The key in a PKCS#12 file, sealed for an account.  Raises KeyFault."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What a PKCS#12 file held: certificates (DER), and their key, sealed for either purpose."""

    certificate: bytes = field(repr=False)
    others: tuple[bytes, ...] = field(repr=False)
    signing: MadeKey
    encryption: MadeKey

    def to_fields(self) -> list[bytes]:
        return [self.certificate, *self.signing.to_fields(), *self.encryption.to_fields(), *self.others]


def brought_from_fields(fields: Sequence[bytes]) -> Brought:
    """Raises ValueError."""
    half = 1 + _FIELDS
    end = half + _FIELDS
    return Brought(fields[0], tuple(fields[end:]), from_fields(fields[1:half]), from_fields(fields[half:end]))
