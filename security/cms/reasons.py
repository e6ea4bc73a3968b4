"""Why something could not be read, believed or made: one word for programs, one English line for the record."""

from __future__ import annotations

import enum


class Reason(enum.StrEnum):
    # what is wrong with the octets
    MALFORMED = "malformed"
    TOO_LARGE = "too-large"
    AMBIGUOUS = "ambiguous"  # two programs would read it in two ways
    UNSUPPORTED_CONTENT = "unsupported-content"
    UNSUPPORTED_ALGORITHM = "unsupported-algorithm"
    WEAK_ALGORITHM = "weak-algorithm"
    CONTENT_TWICE = "content-twice"  # a detached signature that brings a content of its own
    CONTENT_MISSING = "content-missing"
    NO_SIGNER = "no-signer"

    # why a signature does not hold
    CONTENT_CHANGED = "content-changed"
    SIGNATURE_WRONG = "signature-wrong"
    ATTRIBUTES_WRONG = "attributes-wrong"
    ATTRIBUTES_STRIPPED = "attributes-stripped"
    CERTIFICATE_SUBSTITUTED = "certificate-substituted"
    CERTIFICATE_MISSING = "certificate-missing"

    # why a signature that holds is not the author's word; those of certificates are called as in security.paths
    UNKNOWN_AUTHORITY = "unknown-authority"
    BROKEN = "broken"
    WEAK = "weak"
    UNREADABLE = "unreadable"
    WRONG_PURPOSE = "wrong-purpose"
    NOT_YET_VALID = "not-yet-valid"
    EXPIRED = "expired"
    EXPIRED_SINCE = "expired-since"
    REVOKED = "revoked"
    REVOKED_SINCE = "revoked-since"
    REVOCATION_UNKNOWN = "revocation-unknown"
    ADDRESS_MISMATCH = "address-mismatch"
    NO_ADDRESS = "no-address"  # the certificate names none
    AUTHOR_UNCLEAR = "author-unclear"  # no From that can be read, or more than one
    SENDER_ONLY = "sender-only"  # signed by the Sender, who is not the author
    OUTER_AUTHOR_DIFFERS = "outer-author-differs"  # the protected From is not the one that everybody sees
    OTHER_PARTS = "other-parts"
    OUTSIDE_ENCRYPTION = "outside-encryption"

    # why something is not decrypted, or not encrypted
    NOT_ENCRYPTED = "not-encrypted"
    NOT_A_RECIPIENT = "not-a-recipient"
    NOT_DECRYPTED = "not-decrypted"
    KEY_UNAVAILABLE = "key-unavailable"  # there is one, and its holder does not use it now (security.keys)
    NOT_ALONE = "not-alone"  # the encrypted part stands among others
    NOT_ONE_ENTITY = "not-one-entity"  # what came out is no MIME entity as a sender makes them
    RECIPIENT_REFUSED = "recipient-refused"
    NO_RECIPIENT = "no-recipient"
    NOT_CANONICAL = "not-canonical"  # what is to be signed would not arrive as it is


class CmsFault(Exception):
    """``reason`` for programs; the text tells a person who reads the record."""

    def __init__(self, reason: Reason, told: str) -> None:
        super().__init__(told)
        self.reason = reason


def malformed(told: str) -> CmsFault:
    return CmsFault(Reason.MALFORMED, told)
