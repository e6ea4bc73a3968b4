"""FETCH: rows of the store → responses, in chunks.

Data items that are columns of the store's rows, and fields of the header, are formatted row by row (``fetch_plan``).
Items that need the message itself are read in batches bounded by size; a part too large for a batch is sent in
slices.  Each chunk is a read of its own, over before its octets are sent: a message that was expunged in between is
left out, and the answer says so (RFC 2180 §4.1.2).

Standards: RFC 9051 §6.4.5, §7.5.2; RFC 7162 §3.1.4, §3.2.4, §3.2.6; RFC 9586 §3.3; RFC 3516 §4 (BINARY).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection

from mailserver.imap import catching_up, message_limit, resync, sections
from mailserver.imap.bodies import BATCH, COLUMNS, MessageBody, Pieces, Stretch, without_nul
from mailserver.imap.fetch_plan import RowItem, columns_of, renderer
from mailserver.imap.grammar.fetch import Attribute, BinarySize, Fetch, Item, Section
from mailserver.imap.grammar.responses import Expunged, no
from mailserver.imap.grammar.syntax import SyntaxFault
from mailserver.imap.message_commands import FEW, allowed_flags, bracketed, load, set_few
from mailserver.imap.progress import Progress
from mailserver.imap.selected import KeywordsGrew, SelectedMailbox
from mailserver.imap.session import Reply, Session
from mailserver.imap.spans import Portions, Spans, count_of, intersection, numbers_of, part_of
from mailserver.imap.steps import Steps
from mailserver.store import changes, messages, reading, unscanned
from mailserver.store.flags import SEEN
from mailserver.store.reading import Ranges, as_ranges
from mailserver.store.store import Store

# Messages of a portion: the first one, and the most, of rows and of those with more.  Octets that one should come to,
# and of a piece of it: what is larger the allocator takes from the system anew each time, page by page.
FIRST_ROWS, MOST_ROWS, MOST_MESSAGES = 50, 2000, 1000
ENOUGH, PIECE = 1 << 19, 1 << 17
# Of so many messages and more the disk is told beforehand.
LARGE = 2000
# Octets of one message from which on they are sent as they are; of what is gathered of many.
LONG, GATHERED = 2048, 1 << 14


def fetch(session: Session, command: Fetch, tag: bytes) -> Steps[Reply]:
    if command.vanished:
        if not session.manner.vanished:
            raise SyntaxFault("QRESYNC is not enabled")  # RFC 7162 §3.2.6
        # What this client still counts is told first, and not as VANISHED (EARLIER).
        yield session.news()
    if command.changed_since is not None or Attribute.MODSEQ in command.items:
        yield session.enable_condstore()
    view = load(session)
    spans = view.spans(command.messages, command.by_uid)
    if command.partial is not None:
        # First this, then what changed among them (RFC 9394 §3.4).
        spans = part_of(spans, *command.partial.span(count_of(spans)))
        message_limit.check_part(session, count_of(spans))
    if command.changed_since is not None:
        if command.vanished:
            yield _vanished(session, command)
        spans = _changed(session, spans, command.changed_since)
    spans, limited = message_limit.newest(session, view, spans)
    items = _completed(session, command)
    row_items, other_items = split(items)
    marks = _may_mark_seen(session) and any(isinstance(item, Section) and not item.peek for item in items)
    columns = columns_of(row_items)
    if count_of(spans) > LARGE:
        uids = (view.uids[spans[0][0]], view.uids[spans[-1][1] - 1])
        wanted = (*columns, *(COLUMNS if other_items else ()))
        session.services.store.read_ahead(view.mailbox_id, uids, wanted, lambda: session.selected is view)
    missing = 0
    progress = Progress(session.services, tag) if _looks_into(items) else None
    portions = Portions(spans, MOST_MESSAGES if other_items else FIRST_ROWS)
    for chunk in portions:
        if progress is not None:
            first, last = view.uids[chunk[0][0]], view.uids[chunk[-1][1] - 1]
            yield from catching_up.scanned(session, view, progress, first, last, view.uids[spans[-1][1] - 1])
        if other_items:
            missing += yield from _fetch_octets(session, chunk, row_items, other_items, marks)
            continue
        if marks:
            yield from _mark_seen(session, chunk)
        if row_items == (Attribute.UID,) and not command.by_uid:
            told, lines, read = _uids(view, chunk)
        else:
            told, lines, read = _rows(session, chunk, row_items, columns)
        missing += count_of(chunk) - len(lines)
        yield told
        size = sum(map(len, lines))
        step = max(len(lines) * PIECE // (size + 1), 1)
        for start in range(0, len(lines), step):
            yield _octets(lines[start : start + step])
        # Rows are small, but what somebody sent may not be: one portion is to fit into memory with ease.
        portions.size = max(min(portions.size * 4, MOST_ROWS, portions.size * ENOUGH // (max(size, read) + 1)), 1)
    if missing and not command.by_uid:
        if limited:
            # RFC 9738 §3.1: two response codes need two responses.
            yield no(b"*", message_limit.TEXT, limited)
        raise Expunged
    return Reply(message_limit.TEXT if limited else "", limited)


@lru_cache(maxsize=512)
def _looks_into(items: tuple[Item, ...]) -> bool:
    """Whether they are more of messages than numbers, dates, flags, sizes and octets."""
    row_items, others = split(items)
    return not unscanned.COLUMNS.isdisjoint(columns_of(row_items)) or any(map(_needs_tree, others))


def _needs_tree(item: Section | BinarySize) -> bool:
    return isinstance(item, BinarySize) or sections.needs_tree(item)


def _may_mark_seen(session: Session) -> bool:
    """RFC 4314 §4: FETCH must not set \\Seen without the right to."""
    return not session.view.read_only and bool(allowed_flags(session) & SEEN)


def _completed(session: Session, command: Fetch) -> tuple[Item, ...]:
    """The items asked for, and those the rules add."""
    items = command.items
    sets_seen = any(isinstance(item, Section) and not item.peek for item in items)
    tells_change = sets_seen and session.condstore  # RFC 7162 §3.2.4
    if (command.by_uid or tells_change) and Attribute.UID not in items and not session.manner.uid_only:
        items = (Attribute.UID, *items)  # RFC 9051 §6.4.9; UIDFETCH has it already, RFC 9586 §3.3
    if sets_seen and _may_mark_seen(session) and Attribute.FLAGS not in items:
        items = (*items, Attribute.FLAGS)  # the change belongs into the answer, RFC 9051 §6.4.5
    if session.condstore and Attribute.FLAGS in items and Attribute.MODSEQ not in items:
        items = (*items, Attribute.MODSEQ)  # RFC 7162 §3.1: flags come with their modseq
    return items


@lru_cache(maxsize=512)
def split(items: tuple[Item, ...]) -> tuple[tuple[RowItem, ...], tuple[Section | BinarySize, ...]]:
    """Items found in the row, and items that need the message."""
    row_items: list[RowItem] = []
    others: list[Section | BinarySize] = []
    for item in items:
        if isinstance(item, Attribute) or (isinstance(item, Section) and sections.is_of_header(item)):
            row_items.append(item)
        else:
            others.append(item)
    return tuple(row_items), tuple(others)


def _changed(session: Session, spans: Spans, modseq: int) -> Spans:
    """Those of the places that changed after ``modseq``."""
    view = session.view
    with session.services.store.read() as connection:
        changed = changes.changed_since(connection, view.mailbox_id, modseq)
    return intersection(spans, view.spans_of_uids((uid, uid) for uid, _, _ in changed))


def _vanished(session: Session, command: Fetch) -> bytes:
    view = session.view
    assert command.changed_since is not None
    with session.services.store.read() as connection:
        if command.messages.saved:
            wanted = [(uid, uid + 1) for uid in view.saved]
        else:
            # "*" is the last message there is; what vanished behind it must be told all the same.
            wanted = [(low, high + 1) for low, high in command.messages.resolve(max(view.uid_next - 1, 1))]
        return resync.vanished(connection, view, command.changed_since, intersection(wanted, [(1, view.uid_next)]))


def _numbers(session: Session, spans: Spans, rows: Sequence[Any]) -> Sequence[int]:
    """The number of each row in its response: the message's, or its UID."""
    view = session.view
    if session.manner.uid_only:
        return [row[0] for row in rows]
    if len(rows) == count_of(spans):
        # All are there, in the same order.
        return numbers_of(spans)
    return view.numbers_of([row[0] for row in rows])


def _rows(
    session: Session, spans: Spans, items: tuple[RowItem, ...], columns: tuple[str, ...]
) -> tuple[bytes, list[bytes] | list[str], int]:
    """What must be told first, the responses for a chunk, one for each message that was found, and how many octets of
    headers were read for them."""
    view, offset = session.view, session.services.utc_offset
    render = renderer(items, columns, uid_only=session.manner.uid_only)
    told = b""
    ranges = view.uid_ranges(spans)
    with _reading(session.services.store, ranges) as connection:
        written = view.from_texts(connection, spans, items, session.manner)
        if written is not None:
            return b"", written, 0
        rows = reading.tuples(connection, view.mailbox_id, ranges, columns)
        numbers = _numbers(session, spans, rows)
        try:
            lines = render(numbers, view.marked(rows, columns), view.flags, offset)
        except KeywordsGrew:
            told = view.keywords_changed(connection)
            lines = render(numbers, view.marked(rows, columns), view.flags, offset)
    headers = [columns.index(name) for name in ("header", "fields") if name in columns]
    return told, lines, sum(sum(map(len, map(itemgetter(place), rows))) for place in headers)


def _uids(view: SelectedMailbox, spans: Spans) -> tuple[bytes, list[bytes] | list[str], int]:
    """UIDs by number: of a message that is gone too, as long as this client counts it (RFC 2180 §4.1.1)."""
    return b"", [b"* %d FETCH (UID %d)\r\n" % (number, view.uids[number - 1]) for number in numbers_of(spans)], 0


def _octets(lines: list[bytes] | list[str]) -> bytes:
    pieces: list[Any] = list(lines)
    return "".join(pieces).encode("latin-1") if isinstance(pieces[0], str) else b"".join(pieces)


def _reading(store: Store, ranges: Ranges) -> AbstractContextManager[Connection]:
    """One range is one statement.  A keyword that is looked up beside it may as well be newer than the message."""
    return store.glance() if len(ranges) == 1 else store.read()


# \Seen


def _mark_seen(session: Session, spans: Spans) -> Steps[None]:
    """BODY[…] without .PEEK sets \\Seen (RFC 9051 §6.4.5)."""
    view, store = session.view, session.services.store
    with store.read() as connection:
        rows = reading.fetch(connection, view.mailbox_id, view.uid_ranges(spans), ("uid", "flags"))
        unseen = [uid for uid, mask in rows if not mask & SEEN]
    if not unseen:
        return
    ranges = as_ranges(unseen)
    mailbox_id = view.mailbox_id
    if len(unseen) <= FEW:
        job = set_few(mailbox_id, ranges, "add", ("\\Seen",))
    else:
        job = bracketed(mailbox_id, lambda tx: messages.set_flags(tx, mailbox_id, ranges, "add", ("\\Seen",)))
    done = yield store.write(job, [mailbox_id], heavy=len(ranges) > FEW, lasting=False)
    view.own_change(done.before, done.after, [(uid, modseq) for uid, _, modseq in done.result.changed])


# Items that need the message itself


def _fetch_octets(
    session: Session,
    spans: Spans,
    row_items: tuple[RowItem, ...],
    items: tuple[Section | BinarySize, ...],
    marks: bool,
) -> Steps[int]:
    """Responses for a chunk; how many messages were missing."""
    missing = count_of(spans)
    while spans:
        batch = _Batch(session, spans, row_items, items)
        spans = batch.rest
        if marks and batch.has_unseen():
            yield from _mark_seen(session, batch.spans)
            batch = _Batch(session, batch.spans, row_items, items)  # as they are now
            spans = [*batch.rest, *spans]
        missing -= len(batch.rows)
        if batch.told:
            yield batch.told
        yield from batch.steps()
    return missing


class _Batch:
    """Messages read together, the first of those asked for, and the answers made from them."""

    def __init__(
        self,
        session: Session,
        spans: Spans,
        row_items: tuple[RowItem, ...],
        items: tuple[Section | BinarySize, ...],
    ) -> None:
        view, self.store = session.view, session.services.store
        self.items = items
        self.has_row_items = bool(row_items)
        self.told = b""
        # What goes before the sections, from the columns; then what the sections need.
        columns = columns_of(row_items)
        more = [*COLUMNS] + ["parts"] * any(map(_needs_tree, items))
        self.columns = (*columns, *(column for column in more if column not in columns))
        render = renderer(row_items, self.columns, whole=False, uid_only=session.manner.uid_only)
        ranges = view.uid_ranges(spans)
        with _reading(self.store, ranges) as connection:
            self.rows, has_more = reading.some(connection, view.mailbox_id, ranges, self.columns, BATCH)
            # The places that these rows are of, and those behind them.
            self.spans: Spans = spans
            self.rest: Spans = []
            if has_more:
                end = view.msn_of(self.rows[-1].uid)
                self.spans, self.rest = intersection(spans, [(0, end)]), intersection(spans, [(end, view.count)])
            numbers = _numbers(session, self.spans, self.rows)
            rows = view.marked(self.rows, self.columns)
            try:
                self.heads = render(numbers, rows, view.flags, session.services.utc_offset)
            except KeywordsGrew:
                self.told = view.keywords_changed(connection)
                self.heads = render(numbers, rows, view.flags, session.services.utc_offset)

    def has_unseen(self) -> bool:
        return not all(row.flags & SEEN for row in self.rows)

    def steps(self) -> Steps[None]:
        """The answers as pieces: long ones as the store gave them, the short ones between them together."""
        pending = b""
        first = b" " if self.has_row_items else b""
        labels = [(first if not place else b" ") + item.label + b" " for place, item in enumerate(self.items)]
        # What most clients ask for when they download.
        whole = len(self.items) == 1 and sections.is_whole(self.items[0])
        for head, row in zip(self.heads, self.rows, strict=True):
            if len(pending) > GATHERED:
                yield pending
                pending = b""
            if whole and row.text is not None:
                header, text = without_nul(row.header), without_nul(row.text)
                pending += b"%b%b{%d}\r\n%b" % (head, labels[0], len(header) + len(text), header)
                if len(text) < LONG:
                    pending += text + b")\r\n"
                else:
                    yield pending
                    yield text
                    pending = b")\r\n"
                continue
            body = MessageBody(self.store, row)
            # All of them before the first is sent: one that must be refused (UNKNOWN-CTE) leaves no half answer.
            try:
                values = [_value(body, item) for item in self.items]
            except Exception:
                yield pending  # the end of the answer before
                raise
            pending += head
            for label, value in zip(labels, values, strict=True):
                pending += label
                if isinstance(value, Stretch):
                    yield pending + b"{%d}\r\n" % value.size
                    pending = b""
                    yield from body.slices(value)
                    continue
                for piece in value:
                    if len(piece) < LONG:
                        pending += piece
                    else:
                        yield pending
                        yield piece
                        pending = b""
            pending += b")\r\n"
        yield pending


def _value(body: MessageBody, item: Section | BinarySize) -> Pieces | Stretch:
    """A value as it is written, or a large stretch of the message to be sent in slices."""
    if isinstance(item, BinarySize):
        counted = body.section(item.section)
        if counted is None:
            return (b"0",)
        return (b"%d" % (counted.size if isinstance(counted, Stretch) else sum(map(len, counted))),)
    found = body.section(item)
    if found is None:
        return (b"NIL",)
    if isinstance(found, Stretch):
        return found
    if item.binary:
        # A plain literal unless there are NULs (RFC 3516 §4.3, RFC 9051 §7.5.2).
        (octets,) = found
        return b"%b{%d}\r\n" % (b"~" if b"\x00" in octets else b"", len(octets)), octets
    return b"{%d}\r\n" % sum(map(len, found)), *found
