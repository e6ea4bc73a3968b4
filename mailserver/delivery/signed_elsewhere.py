"""A letter that its author signs with a key that never comes here: a token of the government's authority, a program of
his own.

The letter is composed once for him to sign, and once more, word for word the same, when his signature comes; whoever
composes sees to that.  It goes out only if its readers would find it signed by its author: the content, the
certificate and its authority, and the address are judged as in any letter that comes in.

Standards: RFC 8551 §3.1.3 (seven bits), §3.5.3; RFC 8550 §3 (the signer's certificate names the author).
Limits: not with encryption of ours, which would be around what somebody could sign at one place only.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

from directory.mail.accounts import Account
from directory.mail.addresses import normalise
from directory.pki.trust import judging
from directory.record import record
from mailserver.delivery.post_office import PostOffice
from mailserver.delivery.protecting import CannotProtect, Obstacle
from mailserver.message.seven_bit import to_seven_bit
from security.cms import CmsFault, Reason, Verdict, verify
from security.cms import elsewhere as cms


def to_be_signed(letter: bytes) -> bytes:
    """The file that is signed.  Raises CannotProtect."""
    try:
        return cms.signable(_in_seven_bits(letter))
    except CmsFault as fault:
        raise CannotProtect(Obstacle.BROUGHT, str(fault), fault=fault) from fault


def with_signature(
    office: PostOffice, writer: Account, author: str, letter: bytes, brought: bytes, origin: str
) -> bytes:
    """The letter as it goes out.  Raises CannotProtect where its readers would not find it signed by ``author``.

    That ``writer`` brings another's signature, a unit's, is recorded as one that is made here.
    """
    try:
        signed = cms.with_signature(_in_seven_bits(letter), brought)
    except CmsFault as fault:
        raise CannotProtect(Obstacle.BROUGHT, str(fault), fault=fault) from fault
    with office.directory.read() as people:
        now = datetime.fromtimestamp(people.now, UTC)
        found = verify(signed, at=now, judge=judging(people)).telling
    if found is None or found.verdict is not Verdict.VALID:
        reason = (found.reason if found is not None else None) or Reason.MALFORMED
        told = found.told if found is not None else "it bears no signature"
        raise CannotProtect(Obstacle.BROUGHT, f"The signature is not taken: {told}", fault=CmsFault(reason, told))
    if normalise(author) != normalise(writer.login):
        assert found.certificate is not None
        digest, certificate = sha256(to_be_signed(letter)).hexdigest(), sha256(found.certificate).hexdigest()
        with office.directory.write(origin=origin) as conn:
            record(conn, writer.login, "key.sign", author, digest=digest, proof="own-device", certificate=certificate)
    return signed


def _in_seven_bits(letter: bytes) -> bytes:
    return letter if letter.isascii() else to_seven_bit(letter) or letter
