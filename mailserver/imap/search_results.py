"""What is told of the messages found: SEARCH, SORT and ESEARCH responses, and what "$" comes to mean.

A result is a list of UIDs in the order asked for; for SEARCH that is the mailbox's.

Standards: RFC 9051 §6.4.4.1, §7.3.4; RFC 3501 §7.2.5; RFC 4466 §2.6.2 and RFC 4731 §3 (ESEARCH), RFC 5182 (SAVE),
RFC 5256 §4 (SORT), RFC 5267 §3 and §4.4 (ESORT, PARTIAL), RFC 7162 §3.1.5 and §3.1.6 (MODSEQ), RFC 7377 §2.1,
RFC 9394 §3.2, RFC 6203 §4, §7 (RELEVANCY).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mailserver.imap.grammar.responses import number_set, quoted
from mailserver.imap.grammar.results import Returns
from mailserver.imap.selected import SelectedMailbox
from mailserver.imap.session import Session
from mailserver.store import reading
from mailserver.store.reading import as_ranges


def numbers_of(view: SelectedMailbox, found: Sequence[int]) -> Sequence[int]:
    """Message numbers in the same order.  The view is loaded."""
    if not found or len(found) * 8 < view.count:
        return [view.msn_of(uid) for uid in found]
    before = view.uids[0] - 1
    if view.uids[-1] - before == view.count:
        # Nothing is missing between the first and the last.
        return [uid - before for uid in found] if before else found
    number_of = dict(zip(view.uids, range(1, view.count + 1), strict=True))
    return [number_of[uid] for uid in found]


def told_of(returns: Returns | None, found: Sequence[int]) -> Sequence[int]:
    """The messages that the answer speaks of, ascending where they are only some."""
    if returns is None or returns.items & {b"ALL", b"COUNT"}:
        return found
    if returns.partial is None and not returns.items & {b"MIN", b"MAX"}:
        return found
    told = set(returns.partial.of(found)) if returns.partial is not None else set()
    if found and b"MIN" in returns.items:
        told.add(found[0])
    if found and b"MAX" in returns.items:
        told.add(found[-1])
    return sorted(told)


def saved(returns: Returns, found: Sequence[int]) -> Sequence[int]:
    """What "$" is to mean (RFC 9051 §6.4.4.1, table 4; RFC 9394 §3.2), ascending."""
    told = told_of(returns, found)
    return sorted(told) if told is found else told


def highest_modseq(session: Session, view: SelectedMailbox, told: Sequence[int]) -> int:
    """The modseq to tell: of the messages that are told (RFC 4731 §3.2)."""
    if not told:
        return 0
    with session.services.store.read() as connection:
        rows = reading.fetch(connection, view.mailbox_id, as_ranges(told), ("modseq",))
        return max((row.modseq for row in rows), default=0)


def relevancy(returns: Returns | None, found: Sequence[int], scores: Mapping[int, int]) -> list[int] | None:
    """The scores to be told: of the messages in PARTIAL, or of all that are found, in their order."""
    if returns is None or not returns.relevancy:
        return None
    # What has gone since it was found is not looked at again: its score is the lowest there is.
    return [scores.get(uid, 1) for uid in (returns.partial.of(found) if returns.partial is not None else found)]


def plain(name: bytes, numbers: Sequence[int], modseq: int) -> bytes:
    """The SEARCH and SORT responses."""
    # One format for all: twice as fast as a word for each.
    listed = b" %d" * len(numbers) % tuple(numbers)
    return b"* %b%b%b\r\n" % (name, listed, b" (MODSEQ %d)" % modseq if modseq else b"")


def extended(
    tag: bytes,
    returns: Returns,
    numbers: Sequence[int],
    *,
    by_uid: bool,
    modseq: int = 0,
    source: bytes = b"",
    relevancy: Sequence[int] | None = None,
) -> bytes:
    """The ESEARCH response, empty where nothing is to be told.  ``source``: further correlators, RFC 7377 §2.1."""
    items = returns.items
    if items == {b"SAVE"} and returns.partial is None and relevancy is None:
        return b""
    words = [correlator(tag, source)]
    if by_uid:
        words.append(b"UID")
    # The first and the last in the order asked for (RFC 5267 §3.1).
    if numbers and b"MIN" in items:
        words.append(b"MIN %d" % numbers[0])
    if numbers and b"MAX" in items:
        words.append(b"MAX %d" % numbers[-1])
    if numbers and b"ALL" in items:
        words.append(b"ALL " + number_set(numbers))
    if b"COUNT" in items:
        words.append(b"COUNT %d" % len(numbers))
    if returns.partial is not None:
        part = number_set(returns.partial.of(numbers)) or b"NIL"
        words.append(b"PARTIAL (%b %b)" % (returns.partial.written, part))
    if relevancy is not None:
        words.append(b"RELEVANCY (%b)" % " ".join(map(str, relevancy)).encode("ascii"))
    if modseq and numbers:
        words.append(b"MODSEQ %d" % modseq)
    return b" ".join(words) + b"\r\n"


def correlator(tag: bytes, source: bytes = b"") -> bytes:
    """The tag as a string, for clients of RFC 4466, which knows no other form of it."""
    return b"* ESEARCH (TAG %b%b)" % (quoted(tag), source)
