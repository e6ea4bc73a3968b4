"""An append-only record of who changed what, in which every entry's digest covers the one before it.

Taking an entry out, changing one or putting one in breaks the chain from there on.  Whoever can write the
whole table can also write a new chain; against that, note the newest digest elsewhere (``citymail audit verify``
prints it as the seal).

The functions are pure; the directory keeps the entries.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# What the first entry follows.
GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class AuditEntry:
    number: int  # from 1, without gaps
    at: int  # epoch seconds
    actor: str  # who did it
    action: str  # what: 'official.join', 'mailbox.lock' …
    subject: str  # to whom or what
    details: str  # JSON object, keys sorted
    previous: str  # digest of entry number - 1
    digest: str


@dataclass(frozen=True, slots=True)
class ChainBreak:
    number: int
    reason: str


def append(
    last: AuditEntry | None, *, at: int, actor: str, action: str, subject: str, details: Mapping[str, Any]
) -> AuditEntry:
    """The entry that follows ``last``."""
    number = last.number + 1 if last else 1
    previous = last.digest if last else GENESIS
    text = json.dumps(details, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    digest = _digest(number, at, actor, action, subject, text, previous)
    return AuditEntry(number, at, actor, action, subject, text, previous, digest)


def verify(entries: Iterable[AuditEntry], *, after: AuditEntry | None = None) -> ChainBreak | None:
    """The first place where the chain is broken; None if it is whole.  ``after``: where an earlier check
    ended.
    """
    last = after
    for entry in entries:
        expected = last.number + 1 if last else 1
        if entry.number != expected:
            return ChainBreak(expected, f"entry {expected} is missing")
        if entry.previous != (last.digest if last else GENESIS):
            return ChainBreak(entry.number, "does not follow the entry before it")
        if entry.digest != _digest(
            entry.number, entry.at, entry.actor, entry.action, entry.subject, entry.details, entry.previous
        ):
            return ChainBreak(entry.number, "was changed")
        last = entry
    return None


def _digest(*fields: str | int) -> str:
    digest = hashlib.sha256()
    for field in fields:
        octets = str(field).encode("utf-8", "surrogatepass")
        # each field with its length: moving text from one field to the next gives another digest
        digest.update(len(octets).to_bytes(8, "big"))
        digest.update(octets)
    return digest.hexdigest()
