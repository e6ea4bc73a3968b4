"""The sets of an Authenticated Received Chain, collected from a message's fields and checked for their order.

Standards: RFC 8617 §4.1, §4.2, §5.2 steps 1–3.
Limits: 50 sets (§4.2.1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from security.dkim.message import Message, relaxed
from security.dkim.signature import SignatureFault, bare_field, read_sealer, read_tags
from security.dkim.tags import TagFault, TagList

MOST_SETS = 50
# One field of each makes a set; in this order they are sealed (RFC 8617 §5.1.1).
RESULTS, SIGNATURE, SEAL = "arc-authentication-results", "arc-message-signature", "arc-seal"
CHAIN_FIELDS = (RESULTS, SIGNATURE, SEAL)

# instance = [CFWS] %s"i" [CFWS] "=" [CFWS] position; comments are read in the results only, where they are allowed
_COMMENT = r"(?:[ \t\r\n]|\([^()\\]*+\))*+"
_POSITION = re.compile(rf"{_COMMENT}i{_COMMENT}={_COMMENT}([0-9]{{1,2}}){_COMMENT};", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,2}", re.ASCII)
_STATES = ("none", "fail", "pass")


class ChainFault(Exception):
    """The chain is not one; the text says why."""


@dataclass(frozen=True, slots=True)
class Link:
    """One set: where its three fields stand, and what seal and signature say."""

    instance: int
    results: int
    signature: int
    seal: int
    signature_tags: TagList
    seal_tags: TagList
    status: str  # cv=
    algorithm: str  # of the seal
    domain: str
    selector: str


def highest_instance(message: Message) -> int:
    """The greatest number any field of the chain has; 0 when there is none that can be read."""
    return max((instance for name in CHAIN_FIELDS for instance, _ in _numbered(message, name)), default=0)


def is_ended(message: Message) -> bool:
    """Whether the newest seal says that the chain has failed before (RFC 8617 §5.1 step 2)."""
    highest = highest_instance(message)
    for instance, number in _numbered(message, SEAL):
        if instance == highest and highest:
            try:
                return read_tags(message.fields[number]).text("cv").lower() == "fail"
            except SignatureFault:
                return False
    return False


def collect(message: Message) -> list[Link]:
    """The sets, oldest first; none for a message without a chain.  Raises ChainFault."""
    places = {name: message.named(name) for name in CHAIN_FIELDS}
    if not any(places.values()):
        return []
    if any(len(found) > MOST_SETS for found in places.values()):
        raise ChainFault(f"more than {MOST_SETS} sets")
    by_name: dict[str, dict[int, int]] = {}
    for name in CHAIN_FIELDS:
        found = by_name[name] = {}
        for instance, number in _numbered(message, name, strict=True):
            if instance in found:
                raise ChainFault(f"two fields {name} of set {instance}")
            found[instance] = number
    seals = by_name[SEAL]
    if not set(seals) == set(by_name[SIGNATURE]) == set(by_name[RESULTS]):
        raise ChainFault("a set is not complete")  # §5.2 step 3A
    if sorted(seals) != list(range(1, len(seals) + 1)):
        raise ChainFault("the sets are not numbered one after the other")  # step 3B
    return [
        _link(message, instance, by_name[RESULTS][instance], by_name[SIGNATURE][instance], seals[instance])
        for instance in sorted(seals)
    ]


def _link(message: Message, instance: int, results: int, signature: int, seal: int) -> Link:
    try:
        signature_tags, tags = read_tags(message.fields[signature]), read_tags(message.fields[seal])
        status = tags.required("cv").lower()
        if status not in _STATES:
            raise ChainFault(f"seal {instance} has an unknown cv=")
        # step 3C, and step 2 with it
        if status != ("none" if instance == 1 else "pass"):
            raise ChainFault(f"seal {instance} says cv={status}")
        if "h" in tags:
            raise ChainFault(f"seal {instance} has an h=")  # §4.1.3: MUST result in "fail"
        algorithm, domain, selector = read_sealer(tags)
        tags.octets("b")
        tags.number("t", 12)
    except (SignatureFault, TagFault) as fault:
        raise ChainFault(f"set {instance}: {fault}") from None
    return Link(instance, results, signature, seal, signature_tags, tags, status, algorithm, domain, selector)


def _numbered(message: Message, name: str, *, strict: bool = False) -> list[tuple[int, int]]:
    """(instance, place) of each field of that name.  With ``strict`` raises ChainFault where one has no number."""
    found = []
    for number in message.named(name)[: MOST_SETS + 1]:
        instance = _instance(message, name, number)
        if 1 <= instance <= MOST_SETS:
            found.append((instance, number))
        elif strict:
            raise ChainFault(f"a field {name} has no number from 1 to {MOST_SETS}")
    return found


def _instance(message: Message, name: str, number: int) -> int:
    field = message.fields[number]
    if name == RESULTS:
        match = _POSITION.match(field.value.decode("latin-1"))
        return int(match[1]) if match else 0
    try:
        text = read_tags(field).text("i")
    except SignatureFault:
        return 0
    return int(text) if _NUMBER.fullmatch(text) else 0


def payload(message: Message, number: int) -> str:
    """What ARC-Authentication-Results tells behind its number, unfolded."""
    text = relaxed("", message.fields[number].value)[1:-2].decode("utf-8", "replace")
    return text.partition(";")[2].strip()


def sealed_octets(message: Message, links: list[Link], upto: int) -> bytes:
    """What seal number ``upto`` signs: every set to its own, of that the seal without b= and its CRLF (§5.1.1)."""
    octets = b"".join(
        message.canonical(number, "relaxed")
        for link in links[:upto]
        for number in (link.results, link.signature, link.seal)[: 3 if link.instance < upto else 2]
    )
    last = links[upto - 1]
    return octets + bare_field(message.fields[last.seal], last.seal_tags, "relaxed")
