"""A certificate as people read it.  What stands in it was written by strangers."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier

from security.mailbox_names import addresses_of
from webmail.contents.heads import one_line

_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Facts:
    name: str
    unit: str
    organization: str
    addresses: tuple[str, ...]
    issuer: str
    serial: str
    not_before: float
    not_after: float
    fingerprint: str

    @property
    def signer(self) -> str:
        """In a line: what people are called, where, and the address that counts."""
        name = " · ".join(each for each in (self.name, self.unit or self.organization) if each)
        return f"{name} <{self.addresses[0]}>" if self.addresses else name


def facts_of(der: bytes) -> Facts | None:
    """None for what nobody can read."""
    try:
        read = x509.load_der_x509_certificate(der)
        return Facts(
            _words(read.subject, NameOID.COMMON_NAME) or read.subject.rfc4514_string()[:_LONGEST],
            _words(read.subject, NameOID.ORGANIZATIONAL_UNIT_NAME),
            _words(read.subject, NameOID.ORGANIZATION_NAME),
            tuple(one_line(each) for each in addresses_of(der)[:20]),
            _words(read.issuer, NameOID.COMMON_NAME) or one_line(read.issuer.rfc4514_string())[:_LONGEST],
            f"{read.serial_number:x}",
            read.not_valid_before_utc.timestamp(),
            read.not_valid_after_utc.timestamp(),
            sha256(der).hexdigest(),
        )
    except ValueError:
        return None


def _words(name: x509.Name, oid: ObjectIdentifier) -> str:
    values = (str(each.value) for each in name.get_attributes_for_oid(oid)[:3])
    return one_line(", ".join(values))[:_LONGEST]
