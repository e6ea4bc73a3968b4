"""What members of a crowd read out of answers, and what all of them have seen of messages."""

from __future__ import annotations

import itertools
import re
import threading
from dataclasses import dataclass, field

EXISTS = re.compile(rb"\* (\d+) EXISTS")
EXPUNGE = re.compile(rb"\* (\d+) EXPUNGE")
VANISHED = re.compile(rb"\* VANISHED (?:\(EARLIER\) )?([\d:,]+)")
FETCH = re.compile(rb"\* (\d+) FETCH \((.*)\)", re.DOTALL)
UID = re.compile(rb"\bUID (\d+)")
LISTED = re.compile(rb"\bFLAGS \(([^)]*)\)")
SIZE = re.compile(rb"RFC822\.SIZE (\d+)")
MODSEQ = re.compile(rb"\bMODSEQ \((\d+)\)")
RECENT = re.compile(rb"\* (\d+) RECENT")
HIGHEST = re.compile(rb" OK \[HIGHESTMODSEQ (\d+)\]")
UID_VALIDITY = re.compile(rb"\* OK \[UIDVALIDITY (\d+)\]")
PERMANENT = re.compile(rb"\* OK \[PERMANENTFLAGS \(([^)]*)\)\]")
EARLIER = re.compile(rb"\* VANISHED \(EARLIER\) ([\d:,]+)")
DATE = re.compile(rb'INTERNALDATE "([^"]*)"')
BODY = re.compile(rb"BODY\[\] \{(\d+)\}\r\n(.*)", re.DOTALL)
TOKEN = re.compile(rb"Subject: (token-[^\r]*)\r\n")


def numbers(text: bytes) -> list[int]:
    """``1:3,5`` → 1, 2, 3, 5."""
    found: list[int] = []
    for each in text.split(b","):
        first, _, last = each.partition(b":")
        low, high = sorted((int(first), int(last or first)))
        found += range(low, high + 1)
    return found


def bracketed(data: bytes, name: bytes) -> bytes | None:
    """The list after a data item's name, up to its closing bracket."""
    start = data.find(name + b" (")
    if start < 0:
        return None
    depth, quoted, place = 0, False, start + len(name) + 1
    while True:
        octet = data[place : place + 1]
        if quoted and octet == b"\\":
            place += 1
        elif octet == b'"':
            quoted = not quoted
        elif not quoted:
            depth += (octet == b"(") - (octet == b")")
            if not depth:
                return data[start : place + 1]
        place += 1


@dataclass(frozen=True, slots=True)
class Kept:
    """What a client with QRESYNC keeps of a mailbox that it leaves."""

    uid_validity: int
    modseq: int
    flags: dict[int, frozenset[bytes]]


@dataclass(slots=True)
class Known:
    """What all members have seen of messages: under one UID there is one message, for ever."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    facts: dict[tuple[str, int, str], bytes] = field(default_factory=dict)
    marks: itertools.count[int] = field(default_factory=itertools.count)
    recent: dict[tuple[str, int], object] = field(default_factory=dict)

    def agree(self, mailbox: str, uid: int, fact: str, value: bytes) -> None:
        with self.lock:
            before = self.facts.setdefault((mailbox, uid, fact), value)
        assert before == value, f"{fact} of UID {uid} in {mailbox} was {before!r} and is {value!r}"

    def recent_to(self, mailbox: str, uid: int, selection: object) -> None:
        """RFC 3501 §2.3.2: a message is recent to one session, and to that one until it selects anew."""
        with self.lock:
            before = self.recent.setdefault((mailbox, uid), selection)
        assert before is selection, f"UID {uid} in {mailbox} is recent twice"
