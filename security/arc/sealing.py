"""Seal a message that goes on to others: one ARC Set in front of it, with what we found when it came in.

The next server may then believe that the author's signature held here, though it does not any more there, or that the
sender's server was his own.  What is sealed must not be changed afterwards.

Standards: RFC 8617 §5.1 (sealing), §5.1.1 (what a seal signs), §5.1.2 (a chain that failed).
"""

from __future__ import annotations

import base64
import re

from security.arc.chain import MOST_SETS, ChainFault, collect
from security.arc.results import ArcResult
from security.dkim.message import Message, read_fields
from security.dkim.signature import SINGLE, covered_fields
from security.dkim.signing import COVERED, Signer, fields_to_sign, signed_field

# RFC 8617 §4.1.2: DKIM-Signature SHOULD be covered, Authentication-Results and the chain's own fields MUST NOT be.
_COVERED = ("dkim-signature", *COVERED)
# Whatever would end the field; line ends of folding stay.
_BREAKS = re.compile(r"\r\n(?![ \t]+[!-~])|\r(?!\n)|(?<!\r)\n|\x00")


def seal(message: Message, found: ArcResult, results: str, signer: Signer, now: int) -> bytes:
    """The set's three fields, to be put in front of the message; nothing where no set may be added.

    ``found`` is what ``validate`` said of this very message.  ``results`` is the authres-payload: the content of our
    Authentication-Results field, with our name in front and without the field's own (RFC 8601 §2.2).  Raises
    ValueError for a message that no signature holds for, or whose chain is another by now.
    """
    if message.fault:
        raise ValueError(message.fault)
    if not message.named("from"):
        raise ValueError("the message has no From")
    instance = found.highest + 1
    if found.ended or instance > MOST_SETS:
        return b""
    status = found.status
    number = str(instance)
    told = _results_field(number, results)
    signature = _signature_field(message, number, signer, now)
    new = [told, signature]
    # §5.1.2: of a chain that failed, the seal covers its own set alone
    before = b"" if status == "fail" else _chain(message, found.highest)
    before += b"".join(read_fields(field)[0].canonical("relaxed") for field in new)
    tags = [
        ("i", number),
        ("a", signer.algorithm),
        ("t", str(now)),
        ("cv", status),
        ("d", signer.domain),
        ("s", signer.selector),
    ]
    return signed_field("ARC-Seal", tags, signer, before) + signature + told


def _results_field(number: str, results: str) -> bytes:
    return f"ARC-Authentication-Results: i={number}; {_BREAKS.sub(' ', results)}\r\n".encode()


def _signature_field(message: Message, number: str, signer: Signer, now: int) -> bytes:
    names = fields_to_sign(message, guarded=SINGLE, covered=_COVERED)
    before = b"".join(message.canonical(place, "relaxed") for place in covered_fields(message, names))
    digest = message.digest_of_body("relaxed").digest
    tags = [
        ("i", number),
        ("a", signer.algorithm),
        ("c", "relaxed/relaxed"),
        ("d", signer.domain),
        ("s", signer.selector),
        ("t", str(now)),
        ("h", ":".join(names)),
        ("bh", base64.b64encode(digest).decode()),
    ]
    return signed_field("ARC-Message-Signature", tags, signer, before)


def _chain(message: Message, highest: int) -> bytes:
    """The sets before ours, in order (§5.1.1)."""
    try:
        links = collect(message)
    except ChainFault as fault:
        raise ValueError(f"the chain is not what was validated: {fault}") from None
    if len(links) != highest:
        raise ValueError("the chain is not what was validated")
    return b"".join(
        message.canonical(place, "relaxed") for link in links for place in (link.results, link.signature, link.seal)
    )
