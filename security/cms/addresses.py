"""Whom a message names as its author, as addresses: to be compared with those in a certificate.

Only what every program reads alike counts: a From that could be read in two ways names nobody.

Standards: RFC 5322 §3.4, §3.6.2; RFC 8550 §3; RFC 6532 §3.2; RFC 2047.
Limits: 64 KiB of a field, 100 addresses.
"""

from __future__ import annotations

import base64
import itertools
import quopri
import re
from collections.abc import Sequence
from dataclasses import dataclass

from security.cms.mime import Entity
from security.mailbox_names import comparable

_LONGEST = 64 << 10
_MOST = 100
_ADDRESS = re.compile(r'(?:[^\s"<>()\[\],:;\\@]+|"[^"\\\r\n]*")@[^\s"<>()\[\],:;\\@]+')
_ENCODED_WORD = re.compile(r"=\?([^?\s]+)\?([bBqQ])\?([^?\s]*)\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)\s+(?==\?)")
_PART = re.compile(r'"(?:[^"\\]|\\.)*+"|<[^<>"]*+(?:"(?:[^"\\]|\\.)*+"[^<>"]*+)*+>|\((?:[^()\\]|\\.)*+\)|[^"<>()]')


@dataclass(frozen=True, slots=True)
class Mailbox:
    address: str
    name: str


def mailboxes(value: str) -> tuple[Mailbox, ...]:
    """Of an address list; empty when any of it is unclear."""
    if len(value) > _LONGEST:
        return ()
    found: list[Mailbox] = []
    name, angle, at = "", "", 0
    for match in itertools.chain(_PART.finditer(value), (None,)):
        part = "," if match is None else match[0]
        if match is not None:
            if match.start() != at:
                return ()  # an unclosed quote, comment or angle
            at = match.end()
        if part in ",;":
            address = angle[1:-1].strip() if angle else name.strip()
            if address:
                if not _ADDRESS.fullmatch(address) or len(found) == _MOST:
                    return ()
                found.append(Mailbox(address, name.strip() if angle else ""))
            elif angle or name.strip():
                return ()
            name, angle = "", ""
        elif part == ":" and not angle:
            name = ""  # the name of a group (RFC 5322 §3.4)
        elif part.startswith("<"):
            if angle:
                return ()
            angle = part
        elif not part.startswith("("):
            if angle and not part.isspace():
                return ()
            name += part
    return tuple(found) if at == len(value) else ()


def authors(header: Entity) -> tuple[Mailbox, ...]:
    """Of the one From; empty when there is none, more than one, or it cannot be read for certain."""
    values = header.values("from")
    return mailboxes(values[0]) if len(values) == 1 else ()


def senders(header: Entity) -> tuple[Mailbox, ...]:
    values = header.values("sender")
    return mailboxes(values[0]) if len(values) == 1 else ()


def are_all_in(wanted: Sequence[Mailbox], addresses: Sequence[str]) -> bool:
    """Whether each of them is among these addresses (RFC 8550 §3)."""
    known = {_form(address) for address in addresses} - {""}
    return bool(wanted) and all(_form(mailbox.address) in known for mailbox in wanted)


def are_same(one: Sequence[Mailbox], other: Sequence[Mailbox]) -> bool:
    return {_form(mailbox.address) for mailbox in one} == {_form(mailbox.address) for mailbox in other}


def without_encoded_words(text: str) -> str:
    """As a reader sees it (RFC 2047 §2, §6.2); what cannot be decoded stays."""
    return _ENCODED_WORD.sub(_decode, _BETWEEN_WORDS.sub(r"\1", text))


def _decode(word: re.Match[str]) -> str:
    charset, encoding, encoded = word[1], word[2], word[3].encode("ascii", "replace")
    try:
        octets = base64.b64decode(encoded) if encoding in "bB" else quopri.decodestring(encoded, header=True)
        return octets.decode(charset.partition("*")[0], "replace")
    except (ValueError, LookupError):
        return word[0]


def _form(address: str) -> str:
    try:
        return comparable(address)
    except ValueError:
        return ""
