"""Are a message's DKIM signatures good?

All keys are asked for at once, the body is hashed in one pass, and each signature gets a result of its own; DMARC and
the reader of the results decide what they are worth.  What follows from a signature that does not verify is the same
as from none (RFC 6376 §6.1).

Where the RFC leaves the choice: a signature with ``l=`` that leaves some of the body out is not taken (§8.2), nor one
that covers a field of which a second one stands beside it unsigned (§8.15), nor an expired one; several key records
under one name are no key.

Standards: RFC 6376 §6; RFC 8301; RFC 8463; RFC 8601 §2.7.1; RFC 8616.
Limits: the results of ten signatures; those of the author's own domain come first.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, replace

from security.dkim.keys import SOUND_RSA_BITS, KeyFault, KeyRecord, looks_like_key, read_record
from security.dkim.message import Message
from security.dkim.names import is_within, to_ascii
from security.dkim.results import DkimResult, DkimStatus
from security.dkim.signature import (
    ALGORITHMS,
    SINGLE,
    Signature,
    SignatureFault,
    claims,
    read_signature,
    read_tags,
    signed_digest,
)
from security.dkim.tags import TagList
from security.dns import Answer, Asking, Question, Status

MOST_SIGNATURES = 10
# More than so many are not even read.
_MOST_READ = 100
# How far our clock and the signer's may be apart.
LEEWAY = 300
# So much of b= is told at the most.
_MOST_TOLD = 64
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/=]+")
_DOMAIN = re.compile(rb"@([^\s<>@,;()\"]+)")


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A signature that is well-formed, and where it stands."""

    number: int
    tags: TagList
    signature: Signature


def verify(message: Message, now: int) -> Asking[tuple[DkimResult, ...]]:
    """The result of each signature, in the order in which they stand; none at all for a message without any."""
    numbers = message.named("dkim-signature")
    if not numbers and not message.fault:
        return ()
    if message.fault:
        return (DkimResult("permerror", reason=message.fault),)
    results: dict[int, DkimResult] = {}
    candidates = []
    for number in _chosen(message, numbers):
        read = _read(message, number, now)
        if isinstance(read, DkimResult):
            results[number] = read
        else:
            candidates.append(read)
    questions = tuple(Question(name, "TXT") for name in dict.fromkeys(one.signature.key_name for one in candidates))
    if questions:
        answers = yield questions
        keys = {question.name: answer for question, answer in zip(questions, answers, strict=True)}
        message.hash_body({one.signature.body_form for one in candidates})
        for one in candidates:
            results[one.number] = _judge(message, one, keys[one.signature.key_name])
    told = [results[number] for number in sorted(results)]
    return tuple(_told_apart(told))


def _chosen(message: Message, numbers: list[int]) -> list[int]:
    """Which signatures are tried: those that name the author's domain, or one above it, before others."""
    if len(numbers) <= MOST_SIGNATURES:
        return numbers
    authors = [
        to_ascii(found.decode("utf-8", "replace"))
        for number in message.named("from")[:1]
        for found in _DOMAIN.findall(message.fields[number].value)[:10]
    ]

    def is_foreign(number: int) -> bool:
        try:
            domain = claims(read_tags(message.fields[number]))[0]
        except SignatureFault:
            return True
        return not (domain and any(is_within(author, domain) for author in authors))

    return sorted(numbers[:_MOST_READ], key=is_foreign)[:MOST_SIGNATURES]


def _read(message: Message, number: int, now: int) -> _Candidate | DkimResult:
    """The signature, or its result when the key would make no difference."""
    known = DkimResult("neutral")
    try:
        tags = read_tags(message.fields[number])
        domain, selector, algorithm = claims(tags)
        identity = f"@{domain}" if domain else ""
        known = replace(known, domain=domain, selector=selector, identity=identity, algorithm=algorithm)
        known = replace(known, signature=_start_of(tags))
        signature = read_signature(tags)
        known = replace(known, identity=signature.identity)
        if signature.expires_at is not None and signature.expires_at + LEEWAY < now:
            raise SignatureFault("the signature has expired", "policy")
        twin = unsigned_twin(message, signature)
        if twin:
            raise SignatureFault(f"there is a second {twin} field beside the signed one", "policy")
    except SignatureFault as fault:
        return replace(known, status=_status(fault.status), reason=str(fault))
    return _Candidate(number, tags, signature)


def _start_of(tags: TagList) -> str:
    return _NOT_BASE64.sub("", tags.text("b")[: 2 * _MOST_TOLD])[:_MOST_TOLD]


def _status(text: str) -> DkimStatus:
    return "policy" if text == "policy" else "permerror" if text == "permerror" else "neutral"


def unsigned_twin(message: Message, signature: Signature) -> str:
    """The name of a field that is signed, and there once more unsigned; From may stand once at all (RFC 6376 §8.15)."""
    counts: dict[str, int] = {}
    for field in message.fields:
        if field.name in SINGLE:
            counts[field.name] = counts.get(field.name, 0) + 1
    if counts.get("from", 0) > 1:
        return "From"
    for name, count in counts.items():
        if count > 1 and 0 < signature.covered.count(name) < count:
            return name.capitalize()
    return ""


def _judge(message: Message, one: _Candidate, answer: Answer) -> DkimResult:
    signature = one.signature
    result = DkimResult(
        "permerror",
        domain=signature.domain,
        selector=signature.selector,
        identity=signature.identity,
        algorithm=signature.algorithm,
        signature=_start_of(one.tags),
        validated=answer.validated,
    )
    if answer.failed:
        return replace(result, status="temperror", reason="the key cannot be asked for now")
    try:
        key = usable_key(answer, signature.algorithm)
    except KeyFault as fault:
        return replace(result, status="policy" if fault.policy else "permerror", reason=str(fault))
    result = replace(result, key_bits=key.bits, is_weak=0 < key.bits < SOUND_RSA_BITS, is_testing=key.is_testing)
    if key.is_strict and signature.identity_domain != signature.domain:
        # RFC 6376 §3.6.1: t=s
        return replace(result, reason="the key is not for subdomains")
    reason = why_not(message, signature, key, signed_digest(message, signature, one.number, one.tags))
    if key.is_testing:
        # RFC 6376 §3.6.1: no different from unsigned mail, whatever the signature is worth
        said = f" ({reason})" if reason else ""
        return replace(result, status="neutral", reason=f"the domain is testing DKIM{said}")
    if not reason:
        return replace(result, status="pass", reason="")
    return replace(result, status="policy" if reason == PARTIAL else "fail", reason=reason)


PARTIAL = "the signature leaves some of the body out"


def usable_key(answer: Answer, algorithm: str) -> KeyRecord:
    """The one key record of an answer, fit for the algorithm.  Raises KeyFault."""
    if answer.status is not Status.FOUND:
        raise KeyFault("there is no such key")
    records = [record for record in answer.texts if looks_like_key(record)]
    if not records:
        raise KeyFault("the key record is malformed" if answer.texts else "there is no such key")
    if len(records) > 1:
        raise KeyFault("there are several keys under one name")  # RFC 6376 §3.6.2.2: undefined
    key = read_record(records[0])
    if key.kind != ALGORITHMS[algorithm]:
        raise KeyFault("the key is not of the signature's kind")
    if key.hashes and "sha256" not in key.hashes:
        raise KeyFault("the key is not for this hash")
    return key


def why_not(message: Message, signature: Signature, key: KeyRecord, digest: bytes) -> str:
    """Why the signature does not verify; empty when it does (RFC 6376 §6.1.3)."""
    body = message.digest_of_body(signature.body_form)
    if signature.body_length is not None and signature.body_length < body.length:
        return PARTIAL
    if signature.body_length is not None and signature.body_length > body.length:
        return "the body is shorter than was signed"
    if not hmac.compare_digest(body.digest, signature.body_hash):
        return "the body was changed"
    if not key.verify(signature.signature, digest):
        return "the signature does not fit"
    return ""


def _told_apart(results: list[DkimResult]) -> list[DkimResult]:
    """``header.b``: as much of each signature as tells it from the others, eight characters at least (RFC 6008 §4)."""
    distinct = len({result.signature for result in results})
    length = 8
    while length < _MOST_TOLD and len({result.signature[:length] for result in results}) < distinct:
        length += 4
    return [replace(result, signature=result.signature[:length]) for result in results]
