"""A signature's field as a value: DKIM-Signature, and what ARC made of it.

Standards: RFC 6376 §3.5, §3.7 (what is hashed), §6.1.1; RFC 8301 §3.1; RFC 8463 §4.1; RFC 8616 §3–5; RFC 8617 §4.1.2.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from security.dkim.message import Field, Form, Message, relaxed
from security.dkim.names import LONGEST_NAME, is_within, to_ascii
from security.dkim.tags import TagFault, TagList, decode_quoted, parse_tags

ALGORITHMS = {"rsa-sha256": "rsa", "ed25519-sha256": "ed25519"}
HISTORIC = "rsa-sha1"

# RFC 5322 §3.6, RFC 2045 §3: fields that may stand once and that a reader goes by.  A second one beside a signed one
# would be shown in its place.
SINGLE = (
    *("from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references"),
    *("mime-version", "content-type", "content-transfer-encoding"),
)

_FIELD_NAME = re.compile(r"[!-9;-~]{1,100}")
_FORMS: dict[str, Form] = {"simple": "simple", "relaxed": "relaxed"}
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*-[A-Za-z0-9]+")


class SignatureFault(Exception):
    """The signature says something that cannot be taken; ``status`` is the result it gets."""

    def __init__(self, reason: str, status: str = "neutral") -> None:
        self.status = status
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Signature:
    """What a signature claims, well-formed."""

    algorithm: str
    domain: str  # A-labels
    selector: str
    identity: str
    identity_domain: str
    header_form: Form
    body_form: Form
    covered: tuple[str, ...]  # h=, lower case, in order
    body_hash: bytes
    body_length: int | None
    signature: bytes
    signed_at: int | None
    expires_at: int | None

    @property
    def key_name(self) -> str:
        """RFC 6376 §3.6.2.1"""
        return key_name(self.selector, self.domain)


def key_name(selector: str, domain: str) -> str:
    return f"{selector}._domainkey.{domain}"


def read_tags(field: Field) -> TagList:
    """Raises SignatureFault."""
    try:
        return parse_tags(field.octets[:-2], field.value_at)
    except TagFault as fault:
        raise SignatureFault(f"the signature {fault}") from None


def claims(tags: TagList) -> tuple[str, str, str]:
    """Domain, selector and algorithm, as far as they can be told: for the results of signatures that are not taken."""
    algorithm = tags.text("a").lower()
    return to_ascii(tags.text("d")), to_ascii(tags.text("s")), algorithm if _WORD.fullmatch(algorithm) else ""


def read_signature(tags: TagList, *, chained: bool = False) -> Signature:
    """Raises SignatureFault.  ``chained``: it is an ARC-Message-Signature, whose v= is ignored and whose i= is its
    number (RFC 8617 §4.1.2).
    """
    try:
        return _read(tags, chained=chained)
    except TagFault as fault:
        raise SignatureFault(f"the signature {fault}") from None


def read_sealer(tags: TagList) -> tuple[str, str, str]:
    """Algorithm, domain and selector of any signature.  Raises SignatureFault, TagFault."""
    algorithm = tags.required("a").lower()
    if algorithm == HISTORIC:
        raise SignatureFault("rsa-sha1 is not taken any more", "policy")  # RFC 8301 §3.1
    if algorithm not in ALGORITHMS:
        raise SignatureFault("the signature has an unknown algorithm")
    domain, selector = to_ascii(tags.required("d")), to_ascii(tags.required("s"))
    if "." not in domain:  # sub-domain 1*("." sub-domain)
        raise SignatureFault("the signature has a d= that is no domain")
    if not selector or len(key_name(selector, domain)) > LONGEST_NAME:
        raise SignatureFault("the signature has an s= that is no selector")
    return algorithm, domain, selector


def _read(tags: TagList, *, chained: bool) -> Signature:
    if not chained and tags.required("v") != "1":
        raise SignatureFault("the signature has an unknown version")
    algorithm, domain, selector = read_sealer(tags)
    header_form, body_form = _forms(tags.text("c", "simple/simple"))
    covered = tuple(name.lower() for name in tags.words("h", ""))
    if not all(_FIELD_NAME.fullmatch(name) for name in covered):
        raise SignatureFault("the signature has an h= that is no list of fields")
    if "from" not in covered:
        # RFC 6376 §5.4, §6.1.1
        raise SignatureFault("From is not signed", "permerror")
    if chained and "arc-seal" in covered:
        # RFC 8617 §4.1.2 forbids signers all three fields of the chain; but a seal is made after the signature, so only
        # this one cannot be right, and the others were signed by many who followed the drafts
        raise SignatureFault("the signature covers a seal", "permerror")
    if "q" in tags and "dns/txt" not in tags.words("q", ""):
        raise SignatureFault("the signature wants its key from an unknown place")
    signed_at, expires_at = tags.number("t", 12), tags.number("x", 12)
    if signed_at is not None and expires_at is not None and expires_at <= signed_at:
        raise SignatureFault("the signature ended before it began")
    identity, identity_domain = (f"@{domain}", domain) if chained else _identity(tags, domain)
    return Signature(
        algorithm=algorithm,
        domain=domain,
        selector=selector,
        identity=identity,
        identity_domain=identity_domain,
        header_form=header_form,
        body_form=body_form,
        covered=covered,
        body_hash=tags.octets("bh"),
        body_length=tags.number("l", 76),
        signature=tags.octets("b"),
        signed_at=signed_at,
        expires_at=expires_at,
    )


def _forms(text: str) -> tuple[Form, Form]:
    header, slash, body = text.partition("/")
    header_form, body_form = _FORMS.get(header), _FORMS.get(body if slash else "simple")
    if header_form is None or body_form is None:
        raise SignatureFault("the signature has an unknown canonicalization")
    return header_form, body_form


def _identity(tags: TagList, domain: str) -> tuple[str, str]:
    if "i" not in tags:
        return f"@{domain}", domain
    local, at, given = decode_quoted(tags.text("i")).rpartition("@")
    found = to_ascii(given)
    if not at or not found or not local.isprintable():  # =0D=0A would end a field that tells it
        raise SignatureFault("the signature has an i= that is no identity")
    if not is_within(found, domain):
        # RFC 6376 §6.1.1: domain mismatch
        raise SignatureFault("the signature has an i= outside of its d=", "permerror")
    return f"{local}@{found}", found


def signed_digest(message: Message, signature: Signature, number: int, tags: TagList) -> bytes:
    """The hash that is signed: the covered fields, then the signature's own without its b= (RFC 6376 §3.7 step 2)."""
    hashed = hashlib.sha256()
    for place in covered_fields(message, signature.covered, number):
        hashed.update(message.canonical(place, signature.header_form))
    hashed.update(bare_field(message.fields[number], tags, signature.header_form))
    return hashed.digest()


def covered_fields(message: Message, covered: Sequence[str], leave: int = -1) -> list[int]:
    """Where the fields of ``h=`` stand, in its order: of several of one name the last first, each once (RFC 6376
    §5.4.2).  ``leave`` is the signature itself, which is never among them (§3.5, ``h=``).
    """
    waiting: dict[str, list[int]] = {name: [] for name in covered}
    for number, field in enumerate(message.fields):
        if field.name in waiting and number != leave:
            waiting[field.name].append(number)
    return [waiting[name].pop() for name in covered if waiting[name]]


def bare_field(field: Field, tags: TagList, form: Form) -> bytes:
    """A signature's own field with nothing in b=, as it is hashed: without the CRLF that ends it."""
    hole = tags["b"]
    octets = field.octets[: hole.start] + field.octets[hole.end :]
    canonical = octets if form == "simple" else relaxed(field.name, octets[field.value_at :])
    return canonical[:-2]
