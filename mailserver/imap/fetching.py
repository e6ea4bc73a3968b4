"""FETCH: rows of the store → responses, in chunks.

Data items that are columns of the store's rows, and fields of the header, are formatted row by row (``fetch_plan``).
Items that need the message itself are read in batches bounded by size; a part too large for a batch is sent in
slices.  Each chunk is a read of its own, over before its octets are sent: a message that was expunged in between is
left out, and the answer says so (RFC 2180 §4.1.2).

Standards: RFC 9051 §6.4.5, §7.5.2; RFC 7162 §3.1.4, §3.2.4, §3.2.6; RFC 9586 §3.3; RFC 3516 §4 (BINARY).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from mailserver.imap import resync, sections
from mailserver.imap.fetch_plan import RowItem, columns_of, renderer
from mailserver.imap.grammar.fetch import Attribute, BinarySize, Fetch, Item, Section
from mailserver.imap.grammar.responses import Expunged
from mailserver.imap.grammar.syntax import SyntaxFault
from mailserver.imap.message_commands import bracketed, load
from mailserver.imap.selected import KeywordsGrew
from mailserver.imap.session import Session
from mailserver.imap.spans import Portions, Spans, count_of, intersection, numbers_of
from mailserver.imap.steps import AnswerBroken, Steps
from mailserver.message.structure import Part, decode_parts, part_at
from mailserver.store import Store, changes, messages, reading
from mailserver.store.flags import SEEN
from mailserver.store.reading import as_ranges, slice_octets

# Messages of a portion: the first one, and the most.  Octets that one should come to.
FIRST_ROWS, MOST_ROWS = 50, 1000
ENOUGH = 1 << 19
# Octets of messages in one batch, and of one slice of a large part.
BATCH = 1 << 18
_OCTETS_COLUMNS = ("format", "prefix_size", "digest", "header", "text")


def fetch(session: Session, command: Fetch, tag: bytes) -> Steps[None]:
    if command.vanished:
        if not session.manner.vanished:
            raise SyntaxFault("QRESYNC is not enabled")  # RFC 7162 §3.2.6
        # What this client still counts is told first, and not as VANISHED (EARLIER).
        yield session.news()
    if command.changed_since is not None or Attribute.MODSEQ in command.items:
        yield session.enable_condstore()
    view = load(session)
    spans = view.spans(command.messages, command.by_uid)
    if command.changed_since is not None:
        if command.vanished:
            yield _vanished(session, command)
        spans = _changed(session, spans, command.changed_since)
    items = _completed(session, command)
    row_items, other_items = split(items)
    marks = not view.read_only and any(isinstance(item, Section) and not item.peek for item in items)
    columns = columns_of(row_items)
    missing = 0
    portions = Portions(spans, MOST_ROWS if other_items else FIRST_ROWS)
    for chunk in portions:
        if other_items:
            missing += yield from _fetch_octets(session, chunk, row_items, other_items, marks)
            continue
        if marks:
            yield from _mark_seen(session, chunk)
        octets, found = _rows(session, chunk, row_items, columns)
        missing += count_of(chunk) - found
        yield octets
        # Rows are small, but what somebody sent may not be: one portion is to fit into memory with ease.
        portions.size = max(min(portions.size * 4, MOST_ROWS, portions.size * ENOUGH // (len(octets) + 1)), 1)
    if missing and not command.by_uid:
        raise Expunged


def _completed(session: Session, command: Fetch) -> tuple[Item, ...]:
    """The items asked for, and those the rules add."""
    items = command.items
    sets_seen = any(isinstance(item, Section) and not item.peek for item in items)
    tells_change = sets_seen and session.condstore  # RFC 7162 §3.2.4
    if (command.by_uid or tells_change) and Attribute.UID not in items and not session.manner.uid_only:
        items = (Attribute.UID, *items)  # RFC 9051 §6.4.9; UIDFETCH has it already, RFC 9586 §3.3
    if sets_seen and not session.view.read_only and Attribute.FLAGS not in items:
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
            largest = view.uids[-1] if view.count else view.uid_next
            wanted = [(low, high + 1) for low, high in command.messages.resolve(largest)]
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


def _rows(session: Session, spans: Spans, items: tuple[RowItem, ...], columns: tuple[str, ...]) -> tuple[bytes, int]:
    """The responses for a chunk, and how many messages were found."""
    view, offset = session.view, session.services.utc_offset
    render = renderer(items, columns, uid_only=session.manner.uid_only)
    told = b""
    with session.services.store.read() as connection:
        rows = list(reading.fetch(connection, view.mailbox_id, view.uid_ranges(spans), columns))
        numbers = _numbers(session, spans, rows)
        try:
            pieces = render(numbers, rows, view.flags, offset)
        except KeywordsGrew:
            told = view.keywords_changed(connection)
            pieces = render(numbers, rows, view.flags, offset)
    return told + b"".join(pieces), len(rows)


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
    done = yield store.write(
        bracketed(view.mailbox_id, lambda tx: messages.set_flags(tx, view.mailbox_id, ranges, "add", ("\\Seen",))),
        [view.mailbox_id],
    )
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
    view, store = session.view, session.services.store
    if count_of(spans) == 1:
        sizes = [(view.uids[spans[0][0]], 0)]
    else:
        with store.read() as connection:
            rows = reading.fetch(connection, view.mailbox_id, view.uid_ranges(spans), ("uid", "size"))
            sizes = [(uid, size) for uid, size in rows]
    missing = count_of(spans) - len(sizes)
    for uids in _batches(sizes):
        batch = view.spans_of_uids(as_ranges(uids))
        if marks:
            yield from _mark_seen(session, batch)
        answers = _Batch(session, batch, row_items, items)
        missing += count_of(batch) - len(answers.rows)
        if answers.told:
            yield answers.told
        yield from answers.steps()
    return missing


def _batches(sizes: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    batch: list[int] = []
    room = BATCH
    for uid, size in sizes:
        if batch and size > room:
            yield batch
            batch, room = [], BATCH
        batch.append(uid)
        room -= size
    if batch:
        yield batch


class _Batch:
    """Some messages read together, and the answers made from them."""

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
        needs_tree = any(isinstance(item, BinarySize) or sections.needs_tree(item) for item in items)
        more = [*_OCTETS_COLUMNS, "size", "header_size", "message_id"] + ["parts"] * needs_tree
        self.columns = (*columns, *(column for column in more if column not in columns))
        render = renderer(row_items, self.columns, whole=False, uid_only=session.manner.uid_only)
        with self.store.read() as connection:
            self.rows = list(reading.fetch(connection, view.mailbox_id, view.uid_ranges(spans), self.columns))
            numbers = _numbers(session, spans, self.rows)
            try:
                self.heads = render(numbers, self.rows, view.flags, session.services.utc_offset)
            except KeywordsGrew:
                self.told = view.keywords_changed(connection)
                self.heads = render(numbers, self.rows, view.flags, session.services.utc_offset)

    def steps(self) -> Steps[None]:
        pending: list[bytes] = []
        separator = b" " if self.has_row_items else b""
        for head, row in zip(self.heads, self.rows, strict=True):
            message = _Message(self.store, row)
            pending.append(head)
            lead = separator
            for item in self.items:
                value = message.answer(item)
                if isinstance(value, bytes):
                    pending.append(b"%b%b %b" % (lead, item.label, value))
                else:
                    start, stop = value
                    pending.append(b"%b%b {%d}\r\n" % (lead, item.label, stop - start))
                    yield b"".join(pending)
                    pending = []
                    yield from message.slices(start, stop)
                lead = b" "
            pending.append(b")\r\n")
        yield b"".join(pending)


class _Message:
    """One message's row, and its sections."""

    __slots__ = ("_decoded", "_tree", "row", "store")

    def __init__(self, store: Store, row: Any) -> None:
        self.store = store
        self.row = row
        self._tree: Part | None = None
        self._decoded: dict[tuple[int, ...], bytes | None] = {}

    @property
    def tree(self) -> Part:
        if self._tree is None:
            self._tree = decode_parts(self.row.parts)
        return self._tree

    def octets(self, start: int, stop: int) -> bytes:
        return slice_octets(self.row, self.store.blobs.read, start, stop)

    def answer(self, item: Section | BinarySize) -> bytes | tuple[int, int]:
        """The value as it is written, or a large stretch of the message to be sent in slices."""
        if isinstance(item, BinarySize):
            content = self.decoded(item.part)
            return b"0" if content is None else b"%d" % len(content)
        if item.binary:
            content = self.decoded(item.part)
            return b"NIL" if content is None else _literal8(sections.cut(content, item.partial))
        place = sections.stretch(
            item, self.row.size, self.row.header_size, self.tree if sections.needs_tree(item) else None
        )
        if place is None:
            return b"NIL"
        start, stop = place
        if not sections.is_stretch(item):
            return _literal(sections.cut(sections.made(item, self.octets(start, stop)), item.partial))
        if item.partial is not None:
            offset, count = item.partial
            start = min(start + offset, stop)
            stop = min(start + count, stop)
        if stop - start > BATCH and self.row.text is None:
            return start, stop
        return _literal(_without_nul(self.octets(start, stop)))

    def decoded(self, part: tuple[int, ...]) -> bytes | None:
        """A part without its transfer encoding; the whole message has none (RFC 3516 §4.2)."""
        if part in self._decoded:
            return self._decoded[part]
        content: bytes | None = None
        if not part:
            content = self.octets(0, self.row.size)
        else:
            found = part_at(self.tree, part)
            if found is not None:
                octets = self.octets(found.body_start, found.end)
                content = octets if found.is_multipart else sections.decoded(found.encoding, octets)
        self._decoded[part] = content
        return content

    def slices(self, start: int, stop: int) -> Steps[None]:
        """A large stretch piece by piece.  Once begun, a literal must be finished, or the connection ended."""
        try:
            for place in range(start, stop, BATCH):
                octets = self.octets(place, min(place + BATCH, stop))
                if len(octets) != min(BATCH, stop - place):
                    raise AnswerBroken(f"message {self.row.message_id} is shorter than its size")
                yield _without_nul(octets)
        except OSError as fault:
            raise AnswerBroken(f"message {self.row.message_id}: {fault}") from fault


def _literal(octets: bytes) -> bytes:
    return b"{%d}\r\n%b" % (len(octets), octets)


def _without_nul(octets: bytes) -> bytes:
    """A literal may hold no NUL (RFC 9051 §4.3); what takes its place keeps offsets and sizes right."""
    return octets.replace(b"\x00", b"\x80") if b"\x00" in octets else octets


def _literal8(octets: bytes) -> bytes:
    """A plain literal unless there are NULs (RFC 9051 §7.5.2)."""
    return b"%b{%d}\r\n%b" % (b"~" if b"\x00" in octets else b"", len(octets), octets)
