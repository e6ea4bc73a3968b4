"""What is said of a signature: one verdict, and why.

Standards: RFC 8550 §3, §4; RFC 8551 §2.5.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from security.cms.mime import Entity
from security.cms.reasons import Reason
from security.paths import Judgement, Purpose, State


class Judge(Protocol):
    """Whether a certificate may be believed: ``security.paths.judge`` with the anchors that the installation trusts."""

    def __call__(
        self,
        certificate: bytes,
        *,
        companions: Sequence[bytes],
        purpose: Purpose,
        addresses: Sequence[str],
        moment: datetime,
        now: datetime,
    ) -> Judgement: ...


class Verdict(enum.StrEnum):
    VALID = "valid"
    VALID_THEN = "valid-then"  # good when the message came; expired or revoked since
    PARTLY_SIGNED = "partly-signed"  # a good signature, not over all that is shown
    UNKNOWN_CA = "unknown-ca"  # the signature fits, and its certificate cannot be relied on
    ADDRESS_MISMATCH = "address-mismatch"  # the signature fits, and is not the author's
    REVOKED = "revoked"
    UNSUPPORTED = "unsupported"  # nothing can be said of it
    ALTERED = "altered"

    @property
    def is_good(self) -> bool:
        return self in (Verdict.VALID, Verdict.VALID_THEN)


# What the judge's states come to.
OF_STATE = {
    State.VALID: Verdict.VALID,
    State.EXPIRED_SINCE: Verdict.VALID_THEN,
    State.REVOKED_SINCE: Verdict.VALID_THEN,
    State.REVOKED: Verdict.REVOKED,
    State.WEAK: Verdict.UNSUPPORTED,
    State.UNREADABLE: Verdict.UNSUPPORTED,
    State.ADDRESS_MISMATCH: Verdict.ADDRESS_MISMATCH,
    State.UNKNOWN_AUTHORITY: Verdict.UNKNOWN_CA,
    State.BROKEN: Verdict.UNKNOWN_CA,
    State.WRONG_PURPOSE: Verdict.UNKNOWN_CA,
    State.NOT_YET_VALID: Verdict.UNKNOWN_CA,
    State.EXPIRED: Verdict.UNKNOWN_CA,
    State.REVOCATION_UNKNOWN: Verdict.UNKNOWN_CA,
}

# What our own findings come to; whatever else is UNSUPPORTED.
OF_REASON = {
    Reason.CONTENT_CHANGED: Verdict.ALTERED,
    Reason.SIGNATURE_WRONG: Verdict.ALTERED,
    Reason.ATTRIBUTES_WRONG: Verdict.ALTERED,
    Reason.ATTRIBUTES_STRIPPED: Verdict.ALTERED,
    Reason.CERTIFICATE_SUBSTITUTED: Verdict.ALTERED,
    Reason.CONTENT_TWICE: Verdict.ALTERED,
}


class Remark(enum.StrEnum):
    """What a reader may be told besides; none of these changes a verdict."""

    MICALG_DIFFERS = "micalg-differs"
    NO_SIGNING_TIME = "no-signing-time"
    SIGNING_TIME_FAR = "signing-time-far"  # from Date
    ADDRESS_IN_NAME = "address-in-name"  # another address, where the author's name stands


@dataclass(frozen=True, slots=True)
class Signature:
    """One signer's.  ``signing_time`` is what he says himself and proves nothing (RFC 8551 §2.5.1)."""

    verdict: Verdict
    reason: Reason | None = None
    told: str = ""
    certificate: bytes | None = None
    addresses: tuple[str, ...] = ()  # in the certificate
    path: tuple[bytes, ...] = ()  # from it to the anchor
    algorithm: str = ""
    signing_time: datetime | None = None
    capabilities: frozenset[str] = frozenset()
    encryption_certificate: bytes | None = None  # the one to answer to, if the message brings it
    remarks: frozenset[Remark] = frozenset()


@dataclass(frozen=True, slots=True)
class SignedPart:
    """``entity`` is what was signed, to the octet.  ``place`` counts parts from the root, from 1."""

    signatures: tuple[Signature, ...]
    entity: Entity
    place: tuple[int, ...] = ()
    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()

    @property
    def telling(self) -> Signature:
        """The one that is shown: an altered one before all others, else the best, the first of equals."""
        order = list(Verdict)
        return min(
            self.signatures,
            key=lambda one: -1 if one.verdict is Verdict.ALTERED else order.index(one.verdict),
        )
