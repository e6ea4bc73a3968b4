"""The signatures of a message: found in its MIME structure, checked over its own octets, and judged.

A verdict takes four steps, and the first that fails decides: does the signature fit the content; is the algorithm one
that proves anything; may the certificate be believed (the judge); is it the author's (RFC 8550 §3).  What is signed and
yet not all of the message is called partly signed.

Where the RFCs leave the choice: a signature by the Sender is not the author's; a From with several addresses must be
wholly in the certificate; a certificate without any address is nobody's, unless the judge knows whose; a protected From
that differs from the outer one is believed by none.

Standards: RFC 8551 §3.5, §3.1.1 (canonical form); RFC 1847 §2.1; RFC 8550 §3, §4.2; RFC 9788 §4.4 (From inside and
outside).
Limits: ``MOST_SIGNED`` signed parts of a message.
"""

from __future__ import annotations

import contextlib
import email.utils
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from security.cms.addresses import Mailbox, are_all_in, are_same, authors, senders, without_encoded_words
from security.cms.algorithms import DIGESTS
from security.cms.attributes import DATA
from security.cms.ber import Reader
from security.cms.certificates import Certificate, readable
from security.cms.mime import (
    Entity,
    count_bare,
    decoded,
    is_cms,
    is_multipart_signed,
    is_signature,
    read_entity,
    walk,
    with_crlf,
)
from security.cms.protected import read_protected
from security.cms.reasons import CmsFault, Reason
from security.cms.signed import (
    SIGNED_DATA,
    Checked,
    Content,
    SignedData,
    SignerInfo,
    check,
    enter_content_info,
    read_signed,
)
from security.cms.verdicts import OF_REASON, OF_STATE, Judge, Remark, Signature, SignedPart, Verdict
from security.paths import Purpose

MOST_SIGNED = 4
_FAR = timedelta(minutes=10)
# So much of a name or a date is looked at.
_LONGEST_NAME = 1_000
_MICALGS = {digest.micalg: digest.name for digest in DIGESTS} | {"sha1": "sha1", "rsa-sha1": "sha1"}


@dataclass(frozen=True, slots=True)
class Moment:
    """``at`` is when the message came, which counts; ``now`` is when it is read."""

    at: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class Sight:
    """What signatures are judged with: how the message names its author, and where they stand."""

    header: Entity
    judge: Judge
    moment: Moment
    is_encrypted: bool = False  # they came out of an encryption
    place: tuple[int, ...] = ()


def signed_parts(entity: Entity, sight: Sight) -> Iterator[SignedPart]:
    """The signed parts of an entity: itself, or those within its multiparts, as far as these can be taken apart."""
    count = 0
    with contextlib.suppress(CmsFault):
        for place, each in walk(entity, stops_at=is_multipart_signed):
            if is_multipart_signed(each) or is_cms(each):
                part = verify_part(each, replace(sight, place=place))
                if part is not None:
                    count += 1
                    yield part
            if count == MOST_SIGNED:
                break


def verify_part(entity: Entity, sight: Sight) -> SignedPart | None:
    """Of an entity that is multipart/signed or CMS; None for CMS that is not signed: certificates only, encrypted."""
    try:
        entity.require_clear()
        if is_multipart_signed(entity):
            return _verify_detached(entity, sight)
        reader = Reader(decoded(entity))
        if enter_content_info(reader) != SIGNED_DATA:
            return None
        data = read_signed(reader)
        if not data.signers and data.content is None:
            return None  # RFC 8551 §3.8: certificates only
        if data.content is None:
            raise CmsFault(Reason.CONTENT_MISSING, "the signature is of a content that is elsewhere")
        return _verify(data, read_entity(data.content), Content(data.content), sight, "", has_others=False)
    except CmsFault as fault:
        told = Signature(OF_REASON.get(fault.reason, Verdict.UNSUPPORTED), fault.reason, str(fault))
        return SignedPart((told,), entity, sight.place)


def _verify_detached(entity: Entity, sight: Sight) -> SignedPart:
    """RFC 1847 §2.1, RFC 8551 §3.5.3: the first part to the octet, and the signature in the second."""
    parts = entity.parts()
    if len(parts) < 2 or not is_signature(parts[1]):
        raise CmsFault(Reason.MALFORMED, "a multipart/signed without a signature")
    reader = Reader(decoded(parts[1]))
    if enter_content_info(reader) != SIGNED_DATA:
        raise CmsFault(Reason.UNSUPPORTED_CONTENT, "the signature's part is something else")
    data = read_signed(reader)
    if data.content is not None:
        # two contents, of which only one would be shown
        raise CmsFault(Reason.CONTENT_TWICE, "a detached signature that brings a content of its own")
    signed = parts[0]
    source, start, end = signed.source, signed.start, signed.end

    def canonical() -> bytes | None:
        """RFC 8551 §3.1.1: with CRLF, where the octets were kept with LF."""
        return with_crlf(source[start:end]) if count_bare(source, start, end)[1] else None

    content = Content(signed.octets, canonical)
    micalg = entity.content_type.parameters.get("micalg", "")
    return _verify(data, signed, content, sight, micalg, has_others=len(parts) > 2)


def _verify(
    data: SignedData, entity: Entity, content: Content, sight: Sight, micalg: str, *, has_others: bool
) -> SignedPart:
    if not data.signers or data.content_type != DATA:
        unsupported = Signature(Verdict.UNSUPPORTED, Reason.NO_SIGNER, "signed by nobody")
        if data.signers:  # RFC 8551 §2.4.1: else it may be no mail at all
            told = f"what is signed is {data.content_type}"
            unsupported = Signature(Verdict.UNSUPPORTED, Reason.UNSUPPORTED_CONTENT, told)
        return SignedPart((unsupported,), entity, sight.place, data.certificates, data.crls)
    candidates = readable(data.certificates)
    author = _Author.of(entity, sight)
    signatures = []
    for signer in data.signers:
        checked = check(signer, data.content_type, content, candidates)
        judged = _judge(checked, author, sight, data.certificates)
        if judged.verdict.is_good and (sight.place or has_others):
            told = "there is more in the message than what was signed"
            judged = replace(judged, verdict=Verdict.PARTLY_SIGNED, reason=Reason.OTHER_PARTS, told=told)
        signatures.append(_describe(judged, checked, candidates, author, micalg, signer))
    return SignedPart(tuple(signatures), entity, sight.place, data.certificates, data.crls)


@dataclass(frozen=True, slots=True)
class _Author:
    """Who is shown as the author, and who sent it; ``differs``: inside it says somebody else than outside."""

    mailboxes: tuple[Mailbox, ...]
    senders: tuple[Mailbox, ...]
    differs: bool
    date: datetime | None

    @classmethod
    def of(cls, entity: Entity, sight: Sight) -> _Author:
        outer = authors(sight.header)
        protected = read_protected(entity, is_encrypted=sight.is_encrypted)
        inner = protected.entity if protected is not None else sight.header
        differs = bool(inner.values("from")) and not are_same(authors(inner), outer)
        return cls(outer, senders(sight.header), differs, _date(inner))


def _judge(checked: Checked, author: _Author, sight: Sight, companions: Sequence[bytes]) -> Signature:
    if checked.fault is not None:
        reason = checked.fault.reason
        return Signature(OF_REASON.get(reason, Verdict.UNSUPPORTED), reason, str(checked.fault))
    assert checked.certificate is not None
    octets = checked.certificate.octets
    moment = sight.moment
    judgement = sight.judge(
        octets, companions=companions, purpose=Purpose.SIGNING, addresses=(), moment=moment.at, now=moment.now
    )
    verdict = OF_STATE[judgement.state]
    found = Signature(verdict, None, judgement.reason, addresses=judgement.addresses, path=judgement.path)
    if verdict is not Verdict.VALID:
        found = replace(found, reason=Reason(judgement.state.value))
    if not verdict.is_good:
        return found
    foreign = _why_not_the_author(author, judgement.addresses)
    if foreign is None:
        return found
    return replace(found, verdict=Verdict.ADDRESS_MISMATCH, reason=foreign[0], told=foreign[1])


def _why_not_the_author(author: _Author, addresses: Sequence[str]) -> tuple[Reason, str] | None:
    """RFC 8550 §3."""
    if not author.mailboxes:
        return Reason.AUTHOR_UNCLEAR, "the message does not name its author in one clear From"
    if author.differs:
        return Reason.OUTER_AUTHOR_DIFFERS, "the author that was signed is not the one that is shown"
    if not addresses:
        return Reason.NO_ADDRESS, "the certificate names no address"
    if are_all_in(author.mailboxes, addresses):
        return None
    if are_all_in(author.senders, addresses):
        return Reason.SENDER_ONLY, "signed by who sent the message, not by its author"
    return Reason.ADDRESS_MISMATCH, f"the certificate is for {', '.join(addresses)}"


def _describe(
    judged: Signature,
    checked: Checked,
    candidates: Sequence[Certificate],
    author: _Author,
    micalg: str,
    signer: SignerInfo,
) -> Signature:
    """What else is known, whatever the verdict."""
    attributes = checked.attributes
    remarks = set(_remarks_on_names(author))
    if micalg and checked.scheme is not None:
        named = {_MICALGS.get(each.strip().lower(), "") for each in micalg.split(",")}
        if checked.scheme.digest.name not in named:
            remarks.add(Remark.MICALG_DIFFERS)
    signing_time = attributes.signing_time if attributes is not None else None
    if signing_time is None:
        remarks.add(Remark.NO_SIGNING_TIME)
    elif author.date is not None and abs(signing_time - author.date) > _FAR:
        remarks.add(Remark.SIGNING_TIME_FAR)
    preferred = None
    if attributes is not None and attributes.encryption_certificate is not None and judged.verdict.is_good:
        wanted = attributes.encryption_certificate
        preferred = next((one.octets for one in candidates if one.is_meant(wanted)), None)
    return replace(
        judged,
        certificate=checked.certificate.octets if checked.certificate is not None else None,
        algorithm=checked.scheme.name if checked.scheme is not None else "",
        signing_time=signing_time,
        capabilities=attributes.capabilities if attributes is not None else frozenset(),
        encryption_certificate=preferred,
        remarks=frozenset(remarks),
    )


def _remarks_on_names(author: _Author) -> Iterator[Remark]:
    for mailbox in author.mailboxes:
        name = without_encoded_words(mailbox.name[:_LONGEST_NAME]).lower()
        if "@" in name and mailbox.address.lower() not in name:
            yield Remark.ADDRESS_IN_NAME


def _date(header: Entity) -> datetime | None:
    for value in header.values("date"):
        try:
            found = email.utils.parsedate_to_datetime(value[:_LONGEST_NAME])
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return None
