"""What of a message is shown: the message itself, or what stood inside its signatures and encryptions.

All views of a message, its text, its attachments, answers to it and drafts, ask here, so that no view shows what
another would not.  Ordinary mail is read piece by piece as ever.  Signed and encrypted mail is opened whole, from its
octets as they were received, each time anew; what it is worth is said of the moment it came into the mailbox.

Only the root of a message is ever opened (``security.cms``); what comes out of it is a message's whole content, and
never part of one.

Standards: RFC 8551 §3.10; RFC 9788 §4 (fields inside are shown instead of those outside).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection

from directory.pki.trust import judging
from mailserver.message.headers import field_octets, text_of
from mailserver.message.structure import Part, decode_parts, scan
from security.cms import CmsFault, Opened, ProtectedHeader, Verdict, open_message
from security.keys.client import KeyRefused
from security.keys.wire import Refusal
from webmail.account.login import account
from webmail.contents.body_parts import Layout, lay_out
from webmail.services import services
from webmail.smime import keys

# What is asked of the store for it.
COLUMNS = ("message_id", "parts", "header_size", "internal_date")

_SIGNATURES = ("application/pkcs7-signature", "application/x-pkcs7-signature")
_ENVELOPES = ("application/pkcs7-mime", "application/x-pkcs7-mime")
# Octet streams by their names (RFC 8551 §3.10)
_ENDINGS = (".p7m", ".p7c", ".p7z", ".p7s")
# Fields of the writer; whatever else stands outside was written by the way, and tells of it.
_WRITERS = frozenset(
    {
        *("from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references"),
        *("comments", "keywords"),
    }
)
_COMPARED = ("subject", "from", "to", "cc", "date")


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that says something else outside than what was protected."""

    name: str
    outside: str


@dataclass(frozen=True, slots=True)
class Contents:
    """``opened`` is None for mail that is neither signed nor encrypted; ``refusal``: why there was no key for it."""

    root: Part
    header: bytes
    read: Callable[[int, int], bytes]
    opened: Opened | None = None
    refusal: Refusal | None = None
    differences: tuple[Difference, ...] = ()

    @property
    def is_encrypted(self) -> bool:
        """Whether it came encrypted, be it readable or not."""
        return self.opened is not None and (self.opened.is_encrypted or self.opened.is_locked)

    @property
    def fault(self) -> CmsFault | None:
        """Why it stays closed: there is no key, or what was found."""
        if self.refusal is not None:
            return KeyRefused(self.refusal)
        return self.opened.fault if self.opened is not None else None

    @property
    def layout(self) -> Layout:
        """Of what stays closed, nothing hangs on the message."""
        return Layout([], [], {}) if self.opened is not None and self.opened.is_locked else lay_out(self.root)

    @property
    def signed_place(self) -> tuple[int, int] | None:
        """From where to where what was signed stands, if it is a part of what is shown and not all."""
        partial = self.opened.partial if self.opened is not None else ()
        good = next((part for part in partial if part.telling.verdict is Verdict.PARTLY_SIGNED), None)
        if good is None or self.opened is None or good.entity.source is not self.opened.entity.source:
            return None
        start = self.opened.entity.start
        return good.entity.start - start, good.entity.end - start

    def is_signed(self, part: Part) -> bool:
        place = self.signed_place
        return place is not None and place[0] <= part.header_start and part.end <= place[1]


def contents_of(conn: Connection, row: Any) -> Contents:
    """``row`` has COLUMNS."""
    root = decode_parts(row.parts)
    read = partial(services().store.octets, conn, row.message_id)
    if not concerns_smime(root):
        return Contents(root, read(0, row.header_size), read)
    octets = services().store.octets(conn, row.message_id)
    return open_contents(octets, root, row.header_size, row.internal_date)


def open_contents(octets: bytes, root: Part, header_size: int, received: float) -> Contents:
    found, refusal = keys.decrypters(account().id) if any(map(_may_be_envelope, root.walk())) else ((), None)
    with services().directory.read() as people:
        now = datetime.fromtimestamp(people.now, UTC)
        at = min(datetime.fromtimestamp(received, UTC), now)
        opened = open_message(octets, at=at, now=now, judge=judging(people), keys=found)
    header = octets[:header_size]
    differences: tuple[Difference, ...] = ()
    if opened.header is not None:
        differences = tuple(_differences(opened.header, header))
        header = _with_protected(opened.header, header)
    entity = opened.entity
    if entity.source is not octets or entity.start:
        octets = bytes(entity.octets)
        root = scan(octets)
    return Contents(root, header, lambda start, end: octets[start:end], opened, refusal, differences)


def concerns_smime(root: Part) -> bool:
    """Whether anything in it is signed or encrypted, or claims to be."""
    return any(part.media_type in _SIGNATURES or _may_be_envelope(part) for part in root.walk())


def _may_be_envelope(part: Part) -> bool:
    if part.media_type in _ENVELOPES:
        return True
    return part.media_type == "application/octet-stream" and part.filename.lower().endswith(_ENDINGS)


def _with_protected(found: ProtectedHeader, outside: bytes) -> bytes:
    inside = b"".join(field.octets for field in found.fields if field.name in _WRITERS)
    way = b"".join(octets for name, octets in field_octets(outside) if name not in _WRITERS)
    return way + inside + b"\r\n"


def _differences(found: ProtectedHeader, outside: bytes) -> list[Difference]:
    inside = b"".join(field.octets for field in found.fields)
    told = []
    for name in _COMPARED:
        seen = " ".join(text_of(outside, name).split())
        if name not in found.hidden and seen and seen != " ".join(text_of(inside, name).split()):
            told.append(Difference(name, seen[:1000]))
    return told
