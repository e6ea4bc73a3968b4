"""RETURN (UPDATE): results that the client is kept up to date with, as ADDTO and REMOVEFROM.

A context is a search and the messages it has found, four octets each.  It looks at what the change log says since it
last looked, and only at that; what left the mailbox is told before EXPUNGE shifts numbers, everything else after the
news that caused it.

News are looked into without the index: they are told within a read of the store, the index would first have to read
what is new, and of few messages that costs as much as looking into them.

Standards: RFC 5267 §4.3 (UPDATE, NOUPDATE, ADDTO, REMOVEFROM, CANCELUPDATE); RFC 5032 §2 (OLDER and YOUNGER are looked
at with each news); RFC 7377 §2.2 (UPDATE in ESEARCH), RFC 5465 §7 (items of new messages).
Limits: 10 contexts a mailbox, and beside the first one 200,000 messages in all of them; 200 changed messages at a
time that have to be read; items of 100 new messages of 1 MB together at a time.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from mailserver.imap import finding, sort_orders
from mailserver.imap.fetching import fetch
from mailserver.imap.finding import names, walk
from mailserver.imap.grammar.fetch import Fetch
from mailserver.imap.grammar.responses import UNTAGGED, no, number_set, quoted
from mailserver.imap.grammar.search import (
    NOTHING,
    And,
    ChangedFrom,
    Contains,
    Flagged,
    Header,
    Key,
    Messages,
    Not,
    Or,
    Recent,
    Search,
    Where,
    Within,
)
from mailserver.imap.grammar.sort import Criterion, SortKey
from mailserver.imap.grammar.syntax import SequenceSet, SyntaxFault
from mailserver.imap.search_results import correlator
from mailserver.imap.selected import SelectedMailbox
from mailserver.imap.session import Session
from mailserver.store import changes, reading
from mailserver.store.reading import as_ranges

MAX_CONTEXTS = 10
MAX_MEMBERS = 200_000
MAX_READ = 200
MAX_FETCHED = 100
MAX_OCTETS = 1 << 20
# Up to so many messages are put into a sorted result one by one; for more it is sorted anew.
_FEW = 50

_CHANGING = (Flagged, Recent, ChangedFrom, Within)
_IN_ROWS = frozenset((Where.SUBJECT, Where.FROM, Where.TO))

Pair = tuple[int, list[int]]


class Context:
    __slots__ = ("asked_to", "by_uid", "charset", "criteria", "fetches", "key", "members", "modseq", "source", "tag")

    def __init__(
        self,
        tag: bytes,
        search: Search,
        key: Key,
        criteria: Sequence[Criterion],
        members: Sequence[int],
        modseq: int,
        asked_to: int,
        source: bytes,
    ) -> None:
        self.tag = tag
        self.key = key
        self.charset = search.charset
        self.by_uid = search.by_uid
        self.fetches = search.returns.fetches if search.returns is not None else ()
        self.criteria = criteria  # empty for the mailbox's own order
        self.members = array("I", members)  # UIDs in the result's order
        self.modseq = modseq  # what changed up to here is in it
        self.asked_to = asked_to  # and every message below this UID was asked
        self.source = source

    @property
    def reads(self) -> bool:
        """Whether messages have to be read to know; what rows hold of most of them does not count."""
        return any(
            isinstance(each, Header) or (isinstance(each, Contains) and (each.fuzzy or each.where not in _IN_ROWS))
            for each in walk(self.key)
        )

    @property
    def lasts(self) -> bool:
        """Whether it finds a message for ever, if at all: words, sizes and dates do not change as flags do."""
        return not any(isinstance(each, _CHANGING) for each in walk(self.key))


class Contexts:
    """Those of one selected mailbox (``SelectedMailbox.contexts``); they end with it."""

    def __init__(self, session: Session, view: SelectedMailbox) -> None:
        self._session = session
        self._view = view
        self._of: dict[bytes, Context] = {}
        self._first_new = view.uid_next  # what comes from here on, the client has not been told of

    def __contains__(self, tag: bytes) -> bool:
        return tag in self._of

    def add(self, context: Context) -> bool:
        """False if it is one too many."""
        others = sum(len(each.members) for each in self._of.values())
        if self._of and (len(self._of) >= MAX_CONTEXTS or others + len(context.members) > MAX_MEMBERS):
            return False
        self._of[context.tag] = context
        return True

    def cancel(self, tag: bytes) -> None:
        self._of.pop(tag, None)

    # Telling

    def leaving(self, connection: Connection) -> bytes:
        """What has left the mailbox, while its numbers still count."""
        out = []
        self._first_new = self._view.uid_next
        state = changes.state(connection, self._view.mailbox_id)
        for context in self._of.values():
            if state is None or state.highest_modseq == context.modseq:
                continue
            vanished = changes.vanished_since(connection, self._view.mailbox_id, context.modseq) or ()
            gone = set(vanished).intersection(context.members) if vanished else set()
            if gone:
                out.append(self._line(context, removed=self._take_out(context, gone)))
        return b"".join(out)

    def entering(self, connection: Connection) -> bytes:
        """What fulfils a search now, or does not any more."""
        out = []
        state = changes.state(connection, self._view.mailbox_id)
        for context in list(self._of.values()):
            by_time = names(context.key, Within)
            if state is None or (state.highest_modseq == context.modseq and not by_time):
                continue
            out.append(self._compare(connection, context, by_time and not context.reads))
            context.modseq, context.asked_to = state.highest_modseq, self._view.uid_next
        return b"".join(out)

    def _compare(self, connection: Connection, context: Context, everything: bool) -> bytes:
        view = self._view
        if everything:
            looked_at: Sequence[int] = range(1, view.uid_next)
        else:
            changed = changes.changed_since(connection, view.mailbox_id, context.modseq)
            # Of what lasts, a message that was there has been asked already, whatever has happened to it.
            oldest = context.asked_to if context.lasts else 0
            looked_at = [uid for uid, _, _ in changed if oldest <= uid < view.uid_next]
        if not looked_at:
            return b""
        if context.reads and len(looked_at) > MAX_READ:
            del self._of[context.tag]
            return no_update(context.tag, "Too much has changed to keep track of it; search again")
        told = finding.learn_keywords(self._session, context.key)
        now = set(finding.find_among(self._session, view, context.key, context.charset, looked_at))
        before = set(looked_at).intersection(context.members)
        removed, added = before - now, now - before
        taken = self._take_out(context, removed) if removed else []
        put = self._put_in(context, added) if added else []
        new = sorted(uid for uid in added if uid >= self._first_new) if context.fetches else []
        if new:
            if self._is_too_much(connection, new):
                del self._of[context.tag]
                return told + no_update(context.tag, "Too much has come to be told of it all; search again")
            told += self._fetched(context, new)
        return told + (self._line(context, removed=taken, added=put) if taken or put else b"")

    def _fetched(self, context: Context, new: list[int]) -> bytes:
        """What is wanted of messages that are new: after EXISTS and before ADDTO (RFC 5465 §7)."""
        wanted = Fetch(SequenceSet(tuple(as_ranges(new))), context.fetches, by_uid=True)
        pieces: list[bytes] = []
        for step in fetch(self._session, wanted, context.tag):
            assert isinstance(step, bytes), "nothing is marked seen"
            pieces.append(step)
        return b"".join(pieces)

    def _is_too_much(self, connection: Connection, new: list[int]) -> bool:
        if len(new) > MAX_FETCHED:
            return True
        rows = reading.fetch(connection, self._view.mailbox_id, as_ranges(new), ("size",))
        return sum(int(row[0]) for row in rows) > MAX_OCTETS

    def _take_out(self, context: Context, gone: set[int]) -> list[Pair]:
        members = context.members
        places = [place for place, uid in enumerate(members) if uid in gone]
        context.members = array("I", [uid for uid in members if uid not in gone])
        if not context.criteria:
            return [(0, sorted(gone))]
        # From the last to the first, so that no place shifts another.
        return [(first + 1, list(members[first:end])) for first, end in reversed(_runs(places))]

    def _put_in(self, context: Context, added: set[int]) -> list[Pair]:
        if not context.criteria:
            context.members = array("I", sorted(added.union(context.members)))
            return [(0, sorted(added))]
        if len(added) > _FEW:
            everyone = sorted(added.union(context.members))
            in_order = sort_orders.ordered(self._session.services.store, self._view, context.criteria, everyone)
            context.members = array("I", in_order)
        else:
            for uid in sorted(added):
                self._insert(context, uid)
        places = [place for place, uid in enumerate(context.members) if uid in added]
        return [(first + 1, list(context.members[first:end])) for first, end in _runs(places)]

    def _insert(self, context: Context, uid: int) -> None:
        """By halving: a few keys are read, not all of them."""
        members = context.members
        low, high = 0, len(members)
        key = self._key(context, uid)
        while low < high:
            middle = (low + high) // 2
            other = members[middle]
            if _is_before(context.criteria, key, uid, self._key(context, other), other):
                high = middle
            else:
                low = middle + 1
        members.insert(low, uid)

    def _key(self, context: Context, uid: int) -> Sequence[Any]:
        store = self._session.services.store
        rows = sort_orders.keys_of(store, self._view.mailbox_id, context.criteria, [(uid, uid)])
        return rows[0][1:] if rows else ()

    def _line(self, context: Context, removed: Sequence[Pair] = (), added: Sequence[Pair] = ()) -> bytes:
        words = [correlator(context.tag, context.source)]
        if context.by_uid:
            words.append(b"UID")
        for name, pairs in ((b"REMOVEFROM", removed), (b"ADDTO", added)):
            if pairs:
                told = b" ".join(b"%d %b" % (place, number_set(self._numbers(context, uids))) for place, uids in pairs)
                words.append(b"%b (%b)" % (name, told))
        return b" ".join(words) + b"\r\n"

    def _numbers(self, context: Context, uids: list[int]) -> list[int]:
        if context.by_uid:
            return uids
        with self._session.services.store.read() as connection:
            self._view.load(connection)
        return [self._view.msn_of(uid) for uid in uids]


def _runs(places: Iterable[int]) -> list[tuple[int, int]]:
    """Ascending places as half-open ranges."""
    return [(first, last + 1) for first, last in as_ranges(places)]


def _is_before(
    criteria: Sequence[Criterion], key: Sequence[Any], uid: int, other_key: Sequence[Any], other: int
) -> bool:
    for (_, reverse), mine, its in zip(criteria, key, other_key, strict=False):
        if mine != its:
            return bool(mine > its) if reverse else bool(mine < its)
    return uid < other


# What the commands do with them


def refuse_reuse(session: Session, search: Search, tag: bytes) -> None:
    """A tag that already stands for a context cannot stand for another (RFC 5267 §4.3)."""
    contexts = session.view.contexts if session.selected is not None else None
    if search.returns is not None and search.returns.updates and contexts is not None and tag in contexts:
        raise SyntaxFault("Tag reuse")


def begin(
    session: Session,
    search: Search,
    tag: bytes,
    found: Sequence[int],
    criteria: Sequence[Criterion] = (),
    source: bytes = b"",
) -> bytes:
    """Go on telling of this search, if that was asked for; the untagged NO if that cannot be."""
    if search.returns is None or not search.returns.updates:
        return b""
    if any(key is SortKey.RELEVANCY for key, _ in criteria):
        return no_update(tag, "An order by relevancy is not kept up to date")
    view = session.view
    if view.contexts is None:
        view.contexts = Contexts(session, view)
    context = Context(tag, search, _fixed(view, search.key), criteria, found, view.modseq, view.uid_next, source)
    return b"" if view.contexts.add(context) else no_update(tag, "Too many contexts")


def no_update(tag: bytes, text: str) -> bytes:
    """RFC 5267 §4.3.1."""
    return no(UNTAGGED, text, b"NOUPDATE " + quoted(tag))


def _fixed(view: SelectedMailbox, key: Key) -> Key:
    """Numbers mean what they mean now, and so does "$" (RFC 5267 §4.3)."""
    if isinstance(key, And):
        return And(tuple(_fixed(view, each) for each in key.keys))
    if isinstance(key, Or):
        return Or(_fixed(view, key.left), _fixed(view, key.right))
    if isinstance(key, Not):
        return Not(_fixed(view, key.key))
    if isinstance(key, Messages) and (key.set.saved or not key.by_uid):
        ranges = finding.uid_ranges(view, key)
        return Messages(SequenceSet(tuple(ranges)), by_uid=True) if ranges else NOTHING
    return key
