"""One session's view of its mailbox: what the client has been told, and what it still has to hear.

A message's number is its place among the UIDs the client knows of, so a message that another session expunged keeps
its place here until this client may be told (RFC 9051 §7.5.1).  The view is exact as of ``modseq``: everything the
store changed up to it is either told or in ``_gone``.

Most sessions only wait for new mail, which needs no UIDs: they are read at the first command that does, and reckoned
back to ``modseq`` with the tombstones of what vanished in between.  ``rest`` forgets them again.

Standards: RFC 9051 §2.3.1, §7.4.1, §7.5.1; RFC 7162 §3.1, §3.2.4, §3.2.10.2, §6 (what is still held back);
RFC 9586 §3.3 (UIDFETCH); RFC 2180 (several sessions on one mailbox).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from sqlalchemy import Connection

from mailserver.imap.fetch_plan import FlagTexts, RowItem, columns_of, renderer, text_renderer
from mailserver.imap.grammar.fetch import Attribute
from mailserver.imap.grammar.responses import flag_list, number_set, ok
from mailserver.imap.grammar.syntax import SequenceSet, SyntaxFault
from mailserver.imap.recent import Recents
from mailserver.imap.spans import Spans, count_of, numbers_of
from mailserver.store import changes, mailboxes, reading
from mailserver.store.flags import FIRST_KEYWORD_BIT, SYSTEM_FLAGS, flag_names
from mailserver.store.mailboxes import Mailbox


class MailboxGone(Exception):
    """The mailbox was removed by somebody else, or its view cannot be brought up to date."""


class KeywordsGrew(Exception):
    """A message has a keyword that the view does not know yet."""


# One for all: an empty set of its own would be the largest thing that a session at rest holds.
_NONE_GONE: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Manner:
    """How a client wants to be told: MODSEQ with every change (CONDSTORE), expunges as UIDs (QRESYNC), everything by
    UID alone (UIDONLY), changed flags not at all (NOTIFY)."""

    modseq: bool = False
    vanished: bool = False
    uid_only: bool = False
    flags: bool = True


def _items(manner: Manner, with_uid: bool, with_flags: bool = True) -> tuple[Attribute, ...]:
    """What is told of flags that changed."""
    wanted = (
        (Attribute.UID, (with_uid or manner.modseq) and not manner.uid_only),
        (Attribute.FLAGS, with_flags),
        (Attribute.MODSEQ, manner.modseq),
    )
    return tuple(item for item, is_wanted in wanted if is_wanted)


class FlagLists(dict[int, bytes]):
    """Flags as a mask → as IMAP writes them, for one set of keywords; filled as masks turn up."""

    def __init__(self, keywords: tuple[str, ...]) -> None:
        super().__init__()
        self.keywords = keywords
        self._unknown = FIRST_KEYWORD_BIT + len(keywords)
        self.line = b"* FLAGS %b\r\n" % flag_list((*SYSTEM_FLAGS, *keywords))

    def __missing__(self, mask: int) -> bytes:
        if mask >> self._unknown:
            raise KeywordsGrew
        octets = flag_list(flag_names(mask, self.keywords))
        if len(self) < 4096:
            self[mask] = octets
        return octets


@lru_cache(maxsize=1024)
def flag_lists(keywords: tuple[str, ...]) -> FlagLists:
    """Shared by all sessions whose mailbox has these keywords."""
    return FlagLists(keywords)


# Copying these takes a thousandth of what counting takes.
_FIRST_UIDS = array("I", range(1, 65_537))


def _first_uids(count: int) -> array[int]:
    return _FIRST_UIDS[:count] if count <= len(_FIRST_UIDS) else array("I", range(1, count + 1))


class Updates(Protocol):
    """Search results that RETURN (UPDATE) keeps up to date (``imap.contexts``)."""

    def leaving(self, connection: Connection) -> bytes: ...
    def entering(self, connection: Connection) -> bytes: ...
    def add(self, context: Any) -> bool: ...
    def cancel(self, tag: bytes) -> None: ...
    def __contains__(self, tag: bytes) -> bool: ...


class SelectedMailbox:
    __slots__ = (
        "_gone",
        "_held_at",
        "_own",
        "_uids",
        "contexts",
        "count",
        "flags",
        "mailbox_id",
        "modseq",
        "read_only",
        "recents",
        "saved",
        "scanned_to",
        "uid_next",
        "uid_validity",
    )

    def __init__(self, mailbox: Mailbox, read_only: bool) -> None:
        self.mailbox_id = mailbox.id
        self.uid_validity = mailbox.uid_validity
        self.read_only = read_only
        self.count = mailbox.messages
        self.uid_next = mailbox.uid_next
        self.scanned_to = 0  # every message below this UID has been (imap.catching_up)
        self.modseq = mailbox.highest_modseq
        self.flags = flag_lists(mailbox.keywords)
        self.recents: Recents | None = None  # IMAP4rev2 has none
        self.contexts: Updates | None = None  # results that are kept up to date
        self.saved: Sequence[int] = ()  # the search result variable "$", as UIDs
        self._uids: array[int] | None = None
        self._gone = _NONE_GONE
        self._held_at = 0  # all up to this modseq has been told, while expunges after it are held back; 0: none are
        self._own: dict[int, int] = {}  # changes of this session, told already: uid → modseq

    # What the client knows

    @property
    def uids(self) -> array[int]:
        assert self._uids is not None, "load first"
        return self._uids

    @property
    def is_loaded(self) -> bool:
        return self._uids is not None

    def load(self, connection: Connection) -> None:
        """Make the UIDs known, as they were at ``modseq``."""
        if self._uids is not None:
            return
        if self.count == self.uid_next - 1:
            # Nothing was ever expunged.
            self._uids = _first_uids(self.count)
            return
        state = changes.state(connection, self.mailbox_id)
        found = array("I", reading.uids(connection, self.mailbox_id))
        del found[bisect_left(found, self.uid_next) :]
        if state is not None and state.highest_modseq != self.modseq:
            vanished = changes.vanished_since(connection, self.mailbox_id, self.modseq)
            if vanished is None:
                raise MailboxGone
            found = array("I", sorted({*found, *(uid for uid in vanished if uid < self.uid_next)}))
        if len(found) != self.count:
            raise MailboxGone
        self._uids = found

    def rest(self) -> None:
        """Nobody asks for a while: keep only numbers."""
        if not self._gone:
            self._uids = None

    def msn_of(self, uid: int) -> int:
        """The message's number, 0 if the client knows of no such message."""
        place = bisect_left(self.uids, uid)
        return place + 1 if place < len(self.uids) and self.uids[place] == uid else 0

    def known_between(self, start: int, end: int) -> Sequence[int]:
        """UIDs that the client knows, from ``start`` up to, without, ``end``."""
        return self.uids[bisect_left(self.uids, start) : bisect_left(self.uids, end)]

    @property
    def has_untold_expunges(self) -> bool:
        return bool(self._gone)

    # From what a client writes to places

    def spans(self, wanted: SequenceSet, by_uid: bool) -> Spans:
        """Places of a set.  A number beyond the last message is a fault of the client's (RFC 9051 §9, seq-number)."""
        if wanted.saved:
            return self.spans_of_uids([(uid, uid) for uid in self.saved])
        if by_uid:
            # "*" in an empty mailbox is UIDNEXT, which finds nothing.
            return self.spans_of_uids(wanted.resolve(self.uids[-1] if self.count else self.uid_next))
        ranges = wanted.resolve(self.count)
        if ranges[0][0] < 1 or ranges[-1][1] > self.count:
            raise SyntaxFault(f"There are only {self.count} messages")
        return [(first - 1, last) for first, last in ranges]

    def spans_of_uids(self, ranges: Iterable[tuple[int, int]]) -> Spans:
        uids = self.uids
        spans: Spans = []
        for first, last in ranges:
            start = bisect_left(uids, first)
            end = bisect_right(uids, last, start)
            if start == end:
                continue
            if spans and spans[-1][1] == start:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((start, end))
        return spans

    def uid_ranges(self, spans: Spans) -> list[tuple[int, int]]:
        """Ranges of UIDs for the store.  Between two UIDs that the client knows, no others can appear."""
        uids = self.uids
        return [(uids[start], uids[end - 1]) for start, end in spans]

    def uids_of(self, spans: Spans) -> list[int]:
        uids = self.uids
        return [uid for start, end in spans for uid in uids[start:end]]

    # News

    def keywords_changed(self, connection: Connection) -> bytes:
        """Learn the mailbox's keywords anew; the untagged FLAGS to tell new ones (RFC 9051 §7.3.5)."""
        mailbox = mailboxes.get_mailbox(connection, self.mailbox_id)
        if mailbox is None:
            raise MailboxGone
        if mailbox.keywords == self.flags.keywords:
            return b""
        self.flags = flag_lists(mailbox.keywords)
        return self.flags.line

    def own_change(self, before: int, after: int, changed: Iterable[tuple[int, int]] = ()) -> None:
        """This session changed something and has told it: ``changed`` are (uid, modseq).

        ``before`` and ``after`` are the mailbox's modseq around the change, in one transaction.  If nobody else came
        between, the view is up to date with it.
        """
        if before == self.modseq:
            self.modseq = after
        else:
            self._own.update(changed)

    def own_expunge(self, before: int, after: int, uids: Sequence[int]) -> None:
        """This session expunged; it will be told with the next news."""
        if before == self.modseq and self._uids is not None:
            self._gone |= set(uids).intersection(self.known_between(min(uids, default=0), self.uid_next))
            self.modseq = after

    @property
    def holds_news(self) -> bool:
        """Whether there may be something to be told though nothing happens in the mailbox."""
        return bool(self._gone) or self.contexts is not None

    def is_current(self, connection: Connection) -> bool:
        """Whether there is nothing to be told: one question, and mostly the answer to ``catch_up`` too."""
        if self.holds_news:
            return False
        state = changes.state(connection, self.mailbox_id)
        return (
            state is not None
            and state.highest_modseq == self.modseq
            and state.removed_at is None
            and bool(state.uid_validity == self.uid_validity)
        )

    def catch_up(self, connection: Connection, *, may_expunge: bool, manner: Manner) -> bytes:
        """What happened since the client was last told, as untagged responses."""
        contexts = self.contexts
        if contexts is None:
            return self._catch_up(connection, may_expunge, manner)
        leaving = contexts.leaving(connection)
        told = self._catch_up(connection, may_expunge, manner)
        return leaving + told + contexts.entering(connection)

    def _catch_up(self, connection: Connection, may_expunge: bool, manner: Manner) -> bytes:
        told_up_to = self.modseq
        state = changes.state(connection, self.mailbox_id)
        if state is None or state.removed_at is not None:
            raise MailboxGone
        renamed = b"" if state.uid_validity == self.uid_validity else self._rename(state.uid_validity)
        arrived = 0
        altered: list[tuple[int, int, int]] = []
        if state.highest_modseq != self.modseq:
            if state.highest_modseq == self.modseq + 1 and state.uid_next > self.uid_next:
                # One change, and it made room for messages: they are all new, and nothing else happened.
                arrived = self._arrive(range(self.uid_next, state.uid_next))
            else:
                arrived, altered = self._compare(connection, state.highest_modseq)
            self.modseq = state.highest_modseq
            self.uid_next = state.uid_next
            self._own.clear()
        if not (arrived or altered or self._gone):
            return renamed
        out = [renamed]
        if may_expunge and self._gone:
            out.append(self._tell_expunges(manner))
        if arrived:
            out.append(b"* %d EXISTS\r\n" % self.count)
            if self.recents is not None:
                out.append(b"* %d RECENT\r\n" % self.recents.count)
        if altered and manner.flags:
            try:
                out.append(self.render_flags(altered, manner))
            except KeywordsGrew:
                out.append(self.keywords_changed(connection))
                out.append(self.render_flags(altered, manner))
        if self._gone or self._held_at:
            out.append(self._hold_back(told_up_to, manner))
        return b"".join(out)

    def _hold_back(self, told_up_to: int, manner: Manner) -> bytes:
        """While expunges wait, a client must not take the MODSEQs it is told for the state that it knows
        (RFC 7162 §6, the example with "VANISHED reply with MODSEQ 100 is delayed")."""
        if self._gone:
            self._held_at = self._held_at or told_up_to
            safe = self._held_at
        else:
            self._held_at = 0
            safe = self.modseq
        return ok(b"*", "Known up to here", b"HIGHESTMODSEQ %d" % safe) if manner.vanished else b""

    def render_flags(
        self,
        rows: Sequence[tuple[int, int, int]],
        manner: Manner,
        *,
        with_uid: bool = True,
        with_flags: bool = True,
    ) -> bytes:
        """FETCH responses for (uid, flags, modseq), in UID order, of messages that the client knows.

        With MODSEQ comes the UID (RFC 7162 §3.2.4); UIDFETCH has it already.
        """
        items = _items(manner, with_uid, with_flags)
        render = renderer(items, ("uid", "flags", "modseq"), uid_only=manner.uid_only)
        uids = [row[0] for row in rows]
        numbers = uids if manner.uid_only else self.numbers_of(uids)
        return b"".join(render(numbers, self.marked(rows, ("uid", "flags")), self.flags, 0))

    def read_flags(self, connection: Connection, spans: Spans, manner: Manner, *, with_uid: bool) -> tuple[bytes, int]:
        """The same as they are now, of many messages, and before it, of keywords that are new; and of how many."""
        lines = self.from_texts(connection, spans, _items(manner, with_uid), manner)
        if lines is not None:
            return "".join(lines).encode("latin-1"), len(lines)
        rows = reading.tuples(connection, self.mailbox_id, self.uid_ranges(spans), ("uid", "flags", "modseq"))
        try:
            return self.render_flags(rows, manner, with_uid=with_uid), len(rows)
        except KeywordsGrew:
            told = self.keywords_changed(connection)
            return told + self.render_flags(rows, manner, with_uid=with_uid), len(rows)

    def from_texts(
        self, connection: Connection, spans: Spans, items: tuple[RowItem, ...], manner: Manner
    ) -> list[str] | None:
        """The responses where numbers and flags alone are asked for; None if it cannot be done so."""
        columns = columns_of(items)
        render = text_renderer(items, columns, manner.uid_only)
        if render is None or (self.recents is not None and self.recents.ranges):
            return None
        found = reading.texts(connection, self.mailbox_id, self.uid_ranges(spans), columns)
        if found is None:
            return None
        uids = found[0]
        numbers: Sequence[Any] = uids
        if not manner.uid_only:
            all_there = len(uids) == count_of(spans)
            numbers = numbers_of(spans) if all_there else self.numbers_of(list(map(int, uids)))
        try:
            return render(numbers, found, FlagTexts(self.flags))
        except KeywordsGrew:
            return None

    def marked(self, rows: Sequence[Sequence[Any]], columns: Sequence[str]) -> Sequence[Sequence[Any]]:
        """Rows, the UID first, with \\Recent among the flags of those that are recent to this session."""
        if self.recents is None or "flags" not in columns:
            return rows
        return self.recents.mark(rows, 0, columns.index("flags"))

    def numbers_of(self, uids: Sequence[int]) -> Sequence[int]:
        """The messages' numbers; for many UIDs in a row without asking for each."""
        if len(uids) > 20:
            place = bisect_left(self.uids, uids[0])
            if self.uids[place : place + len(uids)].tolist() == uids:
                return range(place + 1, place + 1 + len(uids))
        return [self.msn_of(uid) for uid in uids]

    def _rename(self, uid_validity: int) -> bytes:
        """A renamed mailbox has the same messages under another UIDVALIDITY (RFC 9051 §2.3.1.1, §6.4.4.1)."""
        self.uid_validity = uid_validity
        self.saved = ()
        return b"* OK [UIDVALIDITY %d] The mailbox was renamed\r\n" % uid_validity

    def _arrive(self, uids: Sequence[int]) -> int:
        self.count += len(uids)
        if self.recents is not None:
            self.recents.arrived(uids)
        if self._uids is not None:
            self._uids.extend(uids)
        return len(uids)

    def _compare(self, connection: Connection, modseq: int) -> tuple[int, list[tuple[int, int, int]]]:
        """What arrived (how many) and what has other flags, from the change log."""
        vanished = changes.vanished_since(connection, self.mailbox_id, self.modseq)
        if vanished is None:
            raise MailboxGone
        vanished = [uid for uid in vanished if uid < self.uid_next]
        changed = changes.changed_since(connection, self.mailbox_id, self.modseq)
        altered = [row for row in changed if row[0] < self.uid_next and self._own.get(row[0]) != row[2]]
        if vanished or altered:
            self.load(connection)
        self._gone |= set(vanished)
        arrived = self._arrive([uid for uid, _, _ in changed if uid >= self.uid_next])
        return arrived, altered

    def _tell_expunges(self, manner: Manner) -> bytes:
        """EXPUNGE from the last to the first, so that no number shifts another (RFC 9051 §7.5.1); or VANISHED."""
        uids = self.uids
        gone, self._gone = self._gone, _NONE_GONE
        if len(gone) * 8 > len(uids):  # quicker than to look for each
            places = [place for place, uid in enumerate(uids) if uid in gone]
        else:
            places = sorted([bisect_left(uids, uid) for uid in gone])
        self.count -= len(gone)
        if self.recents is not None:
            self.recents.left(gone)
        if len(gone) > 50:
            self._uids = array("I", [uid for uid in uids if uid not in gone])
        else:
            for place in reversed(places):
                del uids[place]
        if self.saved:
            self.saved = [uid for uid in self.saved if uid not in gone]  # RFC 9051 §6.4.4.1
        if manner.vanished or manner.uid_only:
            # RFC 7162 §3.2.10.2, RFC 9586 §3.4, §3.6: once enabled, never EXPUNGE.
            return b"* VANISHED %b\r\n" % number_set(sorted(gone))
        return b"".join([b"* %d EXPUNGE\r\n" % (place + 1) for place in reversed(places)])
