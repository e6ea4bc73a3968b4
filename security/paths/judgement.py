"""The values that ``judge`` takes and gives."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


class Purpose(enum.Enum):
    """What a certificate is to serve for; ``usages``: the key must be for one of these (RFC 8550 §4.4.2)."""

    SIGNING = "signing"
    ENCRYPTION = "encryption"

    @property
    def usages(self) -> frozenset[str]:
        return _USAGES[self]


_USAGES = {
    Purpose.SIGNING: frozenset({"digital_signature", "non_repudiation"}),
    Purpose.ENCRYPTION: frozenset({"key_encipherment", "key_agreement"}),
}


class State(enum.Enum):
    """What may be said of a certificate; those further down were found only because nothing above them holds.

    ``good`` ones bear out a signature: it is the reader who must be told of an expiry or revocation that came later.
    """

    UNREADABLE = "unreadable"  # no certificate, or one that nobody could mean
    WEAK = "weak"  # a key or a signature on the path that is no proof any more
    BROKEN = "broken"  # a path to an anchor is there, and RFC 5280 §6 refuses it
    UNKNOWN_AUTHORITY = "unknown-authority"  # no path leads to an anchor for this purpose
    WRONG_PURPOSE = "wrong-purpose"  # not for mail, or not for this use of it
    REVOKED = "revoked"
    NOT_YET_VALID = "not-yet-valid"
    EXPIRED = "expired"  # at the moment that counts
    ADDRESS_MISMATCH = "address-mismatch"
    REVOCATION_UNKNOWN = "revocation-unknown"  # it tells where revocations are published, and nothing fresh is known
    REVOKED_SINCE = "revoked-since"  # good at the moment that counts
    EXPIRED_SINCE = "expired-since"  # good at the moment that counts
    VALID = "valid"

    @property
    def good(self) -> bool:
        return self in (State.VALID, State.EXPIRED_SINCE, State.REVOKED_SINCE)


@dataclass(frozen=True, slots=True)
class Anchor:
    """An authority believed for its own sake, within limits that do not stand in its certificate.

    ``domains``: mail domains that it may speak for, each with everything below it; empty: all.  ``lists_revocations``:
    nothing below it is believed before it was looked up; if not, what does not tell where its revocations are
    published is taken as it is.
    """

    certificate: bytes  # DER
    purposes: frozenset[Purpose] = frozenset(Purpose)
    domains: frozenset[str] = frozenset()
    lists_revocations: bool = True


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of revocations: CRLs, delta CRLs among them, and OCSP responses (DER).

    ``register``: what we know of certificates of our own, by SHA-256 of the certificate: the moment of its revocation,
    or None for one that holds.  It is asked before any list is.
    ``signers``: certificates of those who sign CRLs for an authority with a key of their own.  They come from whoever
    gathers the evidence, never from a message: a stranger's certificates have no part in how a CRL is judged.
    """

    crls: tuple[bytes, ...] = ()
    ocsp_responses: tuple[bytes, ...] = ()
    signers: tuple[bytes, ...] = ()
    register: Mapping[bytes, datetime | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trust:
    anchors: tuple[Anchor, ...]
    evidence: Evidence = Evidence()


@dataclass(frozen=True, slots=True)
class Judgement:
    """``path`` leads from the certificate to the anchor (DER, both included) and is empty unless one was believed."""

    state: State
    reason: str
    path: tuple[bytes, ...] = ()
    addresses: tuple[str, ...] = ()  # those in the certificate
    revoked_at: datetime | None = None
    revocation_checked: bool = False  # whether every certificate on the path was looked up

    @property
    def good(self) -> bool:
        return self.state.good
