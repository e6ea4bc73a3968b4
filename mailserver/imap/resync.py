"""What happened to a mailbox while a client was away: VANISHED (EARLIER), and the flags that changed.

Tombstones say what vanished since a modseq.  Where they are purged already, all UIDs that the client may know and
the mailbox does not have are told; the message numbers and UIDs that a client can name keep that short.

Standards: RFC 7162 §3.2.5 (SELECT … QRESYNC), §3.2.6 (UID FETCH … VANISHED), §3.2.10.1.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from mailserver.imap.grammar.responses import range_set
from mailserver.imap.grammar.selecting import Resync
from mailserver.imap.selected import Manner, SelectedMailbox
from mailserver.imap.spans import Spans, intersection
from mailserver.store import changes, reading
from mailserver.store.reading import as_ranges

# UID ranges in one response: lines stay bearable for clients.
_RANGES_A_LINE = 500


def answer(connection: Connection, view: SelectedMailbox, resync: Resync, manner: Manner) -> bytes:
    """What SELECT tells one who knew the mailbox; ``connection`` reads the snapshot that ``view`` was made in."""
    if resync.uid_validity != view.uid_validity:
        return b""  # RFC 7162 §3.2.5: as if nothing had been asked; the client sees the other UIDVALIDITY
    if resync.modseq >= view.modseq:
        return b""
    known = [(1, view.uid_next)] if resync.known is None else _spans(resync.known.resolve(0))
    agreed = _agreed(connection, view, resync)
    told = vanished(connection, view, resync.modseq, intersection(known, [(agreed + 1, view.uid_next)]))
    rows = changes.changed_since(connection, view.mailbox_id, resync.modseq)
    if resync.known is not None:
        rows = [row for row in rows if _holds(known, row[0])]
    if rows and not manner.uid_only:
        view.load(connection)
    return told + view.render_flags(rows, manner)


def vanished(connection: Connection, view: SelectedMailbox, modseq: int, wanted: Spans) -> bytes:
    """VANISHED (EARLIER) for the UIDs in ``wanted`` that are gone since a modseq.

    Those that this client still counts are left out: it will be told of them by a VANISHED that takes them off.
    """
    if not wanted:
        return b""
    since = changes.vanished_since(connection, view.mailbox_id, modseq)
    gone = _missing(connection, view, wanted) if since is None else intersection(_spans(as_ranges(since)), wanted)
    if view.has_untold_expunges or view.modseq != _highest(connection, view):
        view.load(connection)
        gone = _without(gone, [uid for start, end in gone for uid in view.known_between(start, end)])
    return b"".join(
        b"* VANISHED (EARLIER) %b\r\n" % range_set([(start, end - 1) for start, end in portion])
        for portion in _portions(gone)
    )


def _missing(connection: Connection, view: SelectedMailbox, wanted: Spans) -> Spans:
    present = as_ranges(reading.uids(connection, view.mailbox_id))
    return intersection(_without_spans([(1, view.uid_next)], _spans(present)), wanted)


def _highest(connection: Connection, view: SelectedMailbox) -> int:
    state = changes.state(connection, view.mailbox_id)
    return 0 if state is None else int(state.highest_modseq)


def _agreed(connection: Connection, view: SelectedMailbox, resync: Resync) -> int:
    """The highest UID up to which the client's message numbers are still right: below it, it missed no expunge
    (RFC 7162 §3.2.5.2).  0 for none."""
    if resync.samples is None:
        return 0
    view.load(connection)
    uids = view.uids
    for (first, last), (uid, _) in zip(*map(reversed, resync.samples), strict=True):
        for number in range(min(last, len(uids)), first - 1, -1):
            if uids[number - 1] == uid + number - first:
                return uids[number - 1]
    return 0


# Half-open ranges of UIDs


def _spans(ranges: Sequence[tuple[int, int]]) -> Spans:
    return [(low, high + 1) for low, high in ranges]


def _holds(spans: Spans, uid: int) -> bool:
    place = bisect_right(spans, (uid, 1 << 33)) - 1
    return place >= 0 and uid < spans[place][1]


def _without(spans: Spans, uids: Sequence[int]) -> Spans:
    return _without_spans(spans, _spans(as_ranges(uids))) if uids else spans


def _without_spans(spans: Spans, holes: Spans) -> Spans:
    """What of ``spans`` is in none of ``holes``; both ascending."""
    outside: Spans = []
    end_of_hole = 0
    for start, end in holes:
        if end_of_hole < start:
            outside.append((end_of_hole, start))
        end_of_hole = end
    outside.append((end_of_hole, 1 << 33))
    return intersection(spans, outside)


def _portions(spans: Spans) -> Iterator[Spans]:
    for start in range(0, len(spans), _RANGES_A_LINE):
        yield spans[start : start + _RANGES_A_LINE]
