"""SELECT and EXAMINE, with what a client says of the mailbox that it knew.

Standards: RFC 9051 §6.3.2, §6.3.3; RFC 4466 §2.2 (parameters); RFC 7162 §3.1.8 (CONDSTORE), §3.2.5, §7 (QRESYNC).
"""

from __future__ import annotations

from dataclasses import dataclass

from mailserver.imap.grammar.syntax import STAR, Cursor, SequenceSet, SyntaxFault

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Resync:
    """What the client knew: as of ``modseq``, of ``known`` UIDs (None: of all); ``samples`` are some message numbers
    and, range for range of the same length, their UIDs."""

    uid_validity: int
    modseq: int
    known: SequenceSet | None = None
    samples: tuple[Ranges, Ranges] | None = None


@dataclass(frozen=True, slots=True)
class Select:
    mailbox: bytes
    read_only: bool
    condstore: bool = False
    resync: Resync | None = None


def parse_select(cursor: Cursor, read_only: bool) -> Select:
    """select = "SELECT" SP mailbox [SP "(" select-param *(SP select-param) ")"]"""
    cursor.space()
    mailbox = cursor.astring()
    condstore = False
    resync = None
    if not cursor.at_end():
        cursor.space()
        cursor.need(b"(")
        while True:
            name = cursor.keyword()
            if name == b"CONDSTORE":
                condstore = True
            elif name == b"QRESYNC" and resync is None:
                resync = _resync(cursor)
            else:
                raise SyntaxFault("Unknown parameter")
            if cursor.skip(b")"):
                break
            cursor.space()
    cursor.end()
    return Select(mailbox, read_only, condstore, resync)


def _resync(cursor: Cursor) -> Resync:
    """select-param =/ "QRESYNC" SP "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")" """
    cursor.space()
    cursor.need(b"(")
    uid_validity = cursor.nz_number()
    cursor.space()
    modseq = cursor.nz_number64()
    known = None
    samples = None
    if cursor.skip(b" ") and cursor.peek() != b"(":
        known = _plain_set(cursor)
        if cursor.skip(b" "):
            samples = _samples(cursor)
    elif cursor.peek() == b"(":
        samples = _samples(cursor)
    cursor.need(b")")
    return Resync(uid_validity, modseq, known, samples)


def _plain_set(cursor: Cursor) -> SequenceSet:
    """known-uids = sequence-set, in which "*" is not allowed (RFC 7162 §7)."""
    found = cursor.sequence_set()
    if found.saved or any(STAR in pair for pair in found.ranges):
        raise SyntaxFault('Neither "*" nor "$" is allowed here')
    return found


def _samples(cursor: Cursor) -> tuple[Ranges, Ranges]:
    """seq-match-data = "(" known-sequence-set SP known-uid-set ")", both ascending, and as long as each other"""
    cursor.need(b"(")
    numbers = _ascending(cursor)
    cursor.space()
    uids = _ascending(cursor)
    cursor.need(b")")
    return _paired(numbers, uids)


def _ascending(cursor: Cursor) -> Ranges:
    ranges = _plain_set(cursor).ranges
    last = 0
    for low, high in ranges:
        if not last < low <= high:
            raise SyntaxFault("Expected numbers in ascending order")
        last = high
    return ranges


def _paired(numbers: Ranges, uids: Ranges) -> tuple[Ranges, Ranges]:
    """The same pairs in ranges that are cut at the same places."""
    left, right = list(reversed(numbers)), list(reversed(uids))
    cut_numbers: list[tuple[int, int]] = []
    cut_uids: list[tuple[int, int]] = []
    while left and right:
        (number, last_number), (uid, last_uid) = left.pop(), right.pop()
        length = min(last_number - number, last_uid - uid)
        cut_numbers.append((number, number + length))
        cut_uids.append((uid, uid + length))
        if number + length < last_number:
            left.append((number + length + 1, last_number))
        if uid + length < last_uid:
            right.append((uid + length + 1, last_uid))
    if left or right:
        raise SyntaxFault("Expected as many UIDs as message numbers")
    return tuple(cut_numbers), tuple(cut_uids)
