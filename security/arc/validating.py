"""Is a message's Authenticated Received Chain whole?

The newest set's keys are asked for first, those of all others at once when it holds: whoever invents a chain to have us
ask for a hundred names must seal it with his own (RFC 8617 §9.2).  The body is hashed once with DKIM's signatures.
Whether a sealer is believed is decided elsewhere: that a chain is whole makes nobody honest (§9.4).

Standards: RFC 8617 §5.2.  Every failure is final, also the DNS's (§5.2.1).
Limits: 50 sets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace

from security.arc.chain import ChainFault, Link, collect, highest_instance, is_ended, payload, sealed_octets
from security.arc.results import ArcResult, ArcSet
from security.dkim.keys import KeyFault
from security.dkim.message import Message
from security.dkim.signature import Signature, SignatureFault, key_name, read_signature, signed_digest
from security.dkim.tags import TagFault
from security.dkim.verifying import usable_key, why_not
from security.dns import Answer, Asking, Question


def validate(message: Message) -> Asking[ArcResult]:
    """The chain validation status, and what the custodians said if it is ``pass``."""
    if message.fault:
        return ArcResult("fail", reason=message.fault)
    try:
        links = collect(message)
    except ChainFault as fault:
        return ArcResult("fail", highest=highest_instance(message), ended=is_ended(message), reason=str(fault))
    if not links:
        return ArcResult("none")
    highest = len(links)
    try:
        # the newest must be well-formed, older ones may have been broken on the way (§5.2 step 5)
        newest = read_signature(links[-1].signature_tags, chained=True)
    except SignatureFault as fault:
        return ArcResult("fail", highest=highest, reason=f"set {highest}: {fault}")
    last = links[-1]
    keys = yield from _keys({key_name(last.selector, last.domain), newest.key_name})
    reason = _why_broken(message, last, newest, keys)  # step 4
    if reason:
        return ArcResult("fail", highest=highest, reason=f"set {highest}: {reason}")
    reason = _why_unsealed(message, links, last, keys)
    if reason:
        return ArcResult("fail", highest=highest, reason=f"seal {highest}: {reason}")
    older = [_older(link) for link in links[:-1]]
    names = {key_name(link.selector, link.domain) for link in links}
    names.update(signature.key_name for signature in older if signature is not None)
    keys |= yield from _keys(names.difference(keys))
    for link in reversed(links[:-1]):  # step 6
        reason = _why_unsealed(message, links, link, keys)
        if reason:
            return ArcResult("fail", highest=highest, reason=f"seal {link.instance}: {reason}")
    sets = tuple(ArcSet(link.instance, link.domain, link.selector, payload(message, link.results)) for link in links)
    return ArcResult("pass", sets, _oldest_pass(message, links, older, keys), highest)


def _keys(names: Collection[str]) -> Asking[dict[str, Answer]]:
    """What the DNS says under each name."""
    if not names:
        return {}
    questions = tuple(Question(name, "TXT") for name in sorted(names))
    answers = yield questions
    return {question.name: answer for question, answer in zip(questions, answers, strict=True)}


def _older(link: Link) -> Signature | None:
    try:
        return read_signature(link.signature_tags, chained=True)
    except SignatureFault:
        return None


def _oldest_pass(message: Message, links: list[Link], older: list[Signature | None], keys: dict[str, Answer]) -> int:
    """Step 5: 0 when every signature still fits, else the oldest of those that do without a gap."""
    for link, signature in zip(reversed(links[:-1]), reversed(older), strict=True):
        if signature is None or _why_broken(message, link, signature, keys):
            return link.instance + 1
    return 0


def _why_broken(message: Message, link: Link, signature: Signature, keys: dict[str, Answer]) -> str:
    """Why an ARC-Message-Signature does not verify; empty when it does."""
    try:
        key = usable_key(keys[signature.key_name], signature.algorithm)
    except KeyFault as fault:
        return str(fault)
    reason = ""
    for one in _readings(link, signature):
        digest = signed_digest(message, one, link.signature, link.signature_tags)
        reason = why_not(message, one, key, digest)
        if not reason:
            break
    return reason


def _readings(link: Link, signature: Signature) -> tuple[Signature, ...]:
    """Without c= the form is simple (RFC 6376 §3.5), but the drafts of ARC said relaxed, and such sealers exist."""
    if "c" in link.signature_tags:
        return (signature,)
    return signature, replace(signature, header_form="relaxed", body_form="relaxed")


def _why_unsealed(message: Message, links: list[Link], link: Link, keys: dict[str, Answer]) -> str:
    """Why a seal does not verify; empty when it does."""
    try:
        key = usable_key(keys[key_name(link.selector, link.domain)], link.algorithm)
        signature = link.seal_tags.octets("b")
    except (KeyFault, TagFault) as fault:
        return str(fault)
    digest = hashlib.sha256(sealed_octets(message, links, link.instance)).digest()
    return "" if key.verify(signature, digest) else "the signature does not fit"
