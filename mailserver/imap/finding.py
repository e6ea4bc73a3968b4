"""Which messages a search key finds: candidates from the database, and a look into those that only their text decides.

Standards: RFC 9051 §6.4.4; RFC 7377 §2 (numbers beyond the mailbox are no fault); RFC 9585 §4 (INPROGRESS);
RFC 6203 §4 (relevancy).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

from sqlalchemy import Connection, CursorResult, Text, bindparam, cast, func, select

from mailserver.imap import relevance, text_criteria
from mailserver.imap.criteria import Context, compile_key
from mailserver.imap.criterion import Test, unknown
from mailserver.imap.found import FoundMessage
from mailserver.imap.grammar.responses import UnknownCharset
from mailserver.imap.grammar.search import (
    All,
    And,
    ChangedFrom,
    Contains,
    Flagged,
    Key,
    Larger,
    Messages,
    Not,
    Or,
    Smaller,
    Where,
)
from mailserver.imap.grammar.syntax import SequenceSet
from mailserver.imap.progress import Progress
from mailserver.imap.selected import SelectedMailbox
from mailserver.imap.session import Session
from mailserver.imap.spans import Spans
from mailserver.imap.steps import Steps
from mailserver.message.matching import needle
from mailserver.store import mailboxes, reading
from mailserver.store.flags import system_bit
from mailserver.store.fulltext import Wanted
from mailserver.store.prepared import SPACE, Prepared
from mailserver.store.readers import ReadersMailbox, as_read
from mailserver.store.reading import as_ranges, slice_octets
from mailserver.store.tables import message, message_listing, placement

# Messages whose text is read at a time.
BATCH = 200
_CHARSETS = {b"UTF-8": "utf-8", b"US-ASCII": "ascii"}


# UID → how relevant the message is.
Scores = dict[int, int]


def find(
    session: Session, view: SelectedMailbox, key: Key, charset: bytes | None, progress: Progress
) -> Steps[list[int]]:
    """UIDs, ascending, of messages in the view that fulfil the key.  Raises UnknownCharset."""
    found, _ = yield from find_with_scores(session, view, key, charset, progress, scored=False)
    return found


def find_with_scores(
    session: Session, view: SelectedMailbox, key: Key, charset: bytes | None, progress: Progress, *, scored: bool
) -> Steps[tuple[list[int], Scores]]:
    """The same, and the scores of all that is found; none unless they are wanted."""
    if not scored and (written := find_written(session, view, key)) is not None:
        return list(map(int, written.split())), {}
    if not scored and (found := _by_subject(session, view, key, charset)) is not None:
        return known(view, found, in_order=True), {}
    finder = _Finder(session, view, key, charset)
    while count := finder.read_next():
        yield from progress.step(count)
    certain, open_ = finder.candidates()
    # What is not the client's to know yet may wait for its scan.
    for batch in _batches(known(view, open_, in_order=True)):
        certain += finder.look_into(batch)
        yield from progress.step(len(batch))
    found = known(view, certain, in_order=not open_)
    scores: Scores = {}
    if scored:
        for batch in _batches(found):
            scores |= finder.scores(batch)
            yield from progress.step(0)
    return found, scores


# A word in the subject, and nothing else, is what people look for most.
_SUBJECTS = Prepared(
    select(placement.c.uid, message.c.subject)
    .join_from(placement, message, message.c.id == placement.c.message_id)
    .where(placement.c.mailbox_id == bindparam("mailbox_id"))
    .where(text_criteria.may_hold(bindparam("pattern")))
    .order_by(placement.c.uid),
    ("uid", "subject"),
)


def _by_subject(session: Session, view: SelectedMailbox, key: Key, charset: bytes | None) -> list[int] | None:
    """What a search of a small mailbox finds that asks for that alone; None where it takes more to know."""
    if isinstance(key, And) and len(key.keys) == 1:
        key = key.keys[0]
    if not isinstance(key, Contains) or key.where is not Where.SUBJECT or key.fuzzy:
        return None
    sought = needle(_decode(key.octets, charset))
    if not sought.form or view.count > text_criteria.LARGE or isinstance(view.mailbox_id, ReadersMailbox):
        return None
    values = {"mailbox_id": view.mailbox_id, "pattern": text_criteria.pattern(sought)}
    with session.services.store.glance() as connection:
        rows = _SUBJECTS.rows(connection, values)
    decide = text_criteria.by_subject(sought)
    outcomes = [(row.uid, decide(row)) for row in rows]
    if any(outcome is None for _, outcome in outcomes):
        return None
    return [uid for uid, outcome in outcomes if outcome]


def find_among(
    session: Session, view: SelectedMailbox, key: Key, charset: bytes | None, uids: Sequence[int]
) -> list[int]:
    """The same among some messages, at once: for news, which are few."""
    among = Messages(SequenceSet(tuple(as_ranges(uids))), by_uid=True)
    finder = _Finder(session, view, And((among, key)), charset, indexed=False)
    certain, open_ = finder.candidates()
    for batch in _batches(open_):
        certain += finder.look_into(batch)
    return known(view, certain, in_order=not open_)


def _batches(uids: list[int]) -> Iterator[list[int]]:
    return (uids[start : start + BATCH] for start in range(0, len(uids), BATCH))


class _Finder:
    """One key over one mailbox."""

    def __init__(
        self, session: Session, view: SelectedMailbox, key: Key, charset: bytes | None, *, indexed: bool = True
    ) -> None:
        services = session.services
        self.store = services.store
        self.view = view
        # Numbers name places among the UIDs; a search that names none can do without them.
        if names(key, Messages):
            with self.store.read() as connection:
                view.load(connection)
        self._key = key
        self._context = Context(
            view.flags.keywords,
            partial(uid_ranges, view),
            services.utc_offset,
            lambda octets: _decode(octets, charset),
            int(services.clock()),
            recents=view.recents.ranges if view.recents is not None else (),
        )
        self._wanted: set[Wanted] = set()
        if indexed:
            for wanted in (text_criteria.wanted, relevance.wanted):
                self._wanted |= wanted(walk(key), self._context.decode, view.count)
        if self._wanted:
            # The index is that of the account the mailbox belongs to, whoever reads it.
            with self.store.read() as connection:
                place = mailboxes.get_mailbox(connection, int(view.mailbox_id))
            self._owner = place.account_id if place is not None else ""
            if place is None or not self._is_worth_it():  # removed meanwhile: there is nothing to be found in it
                self._wanted = set()
        self.test = compile_key(key, self._context)

    def _is_worth_it(self) -> bool:
        """Fields of the header are found in columns before a whole mailbox is read for the index."""
        if any(field in ("body", "text") for field, _ in self._wanted):
            return True
        return self.store.fulltext.behind(self._owner, (int(self.view.mailbox_id),)) <= text_criteria.LARGE

    def read_next(self) -> int:
        """Let the index read some of what it does not know, if it is to be asked; 0 when there is no more."""
        if not self._wanted:
            return 0
        return self.store.fulltext.read_next(self._owner, (int(self.view.mailbox_id),))

    def _look_up(self) -> None:
        if self._wanted:
            lookup = self.store.fulltext.find(self._owner, (int(self.view.mailbox_id),), self._wanted)
            self._context = replace(self._context, lookup=lookup)
            self.test = compile_key(self._key, self._context)

    def candidates(self) -> tuple[list[int], list[int]]:
        """UIDs that match for certain, and those that only their text decides."""
        self._look_up()
        test, view = self.test, self.view
        columns = [placement.c.uid]
        by_row = not test.exact and test.by_row is not unknown
        if by_row:
            columns += [_COLUMNS[name] for name in sorted(test.columns)]
        statement = select(*columns).where(placement.c.mailbox_id == int(view.mailbox_id)).order_by(placement.c.uid)
        if test.sql is not None:
            statement = statement.where(test.sql)
        if _asks_message(test) and (by_row or test.sql is not None):
            statement = statement.join_from(placement, message, message.c.id == placement.c.message_id)
        if by_row and "envelope" in test.columns:
            statement = statement.join(message_listing, message_listing.c.message_id == placement.c.message_id)
        with self.store.read() as connection:
            rows = connection.execute(as_read(statement, view.mailbox_id))
            if test.exact:
                return _first_column(rows), []
            if test.by_row is unknown:
                return [], _first_column(rows)
            certain: list[int] = []
            open_: list[int] = []
            for row in rows:
                outcome = test.by_row(row)
                if outcome:
                    certain.append(row.uid)
                elif outcome is None:
                    open_.append(row.uid)
        return certain, open_

    def look_into(self, uids: list[int]) -> list[int]:
        """Those of the messages that match."""
        with self.store.read() as connection:
            rows = list(reading.fetch(connection, self.view.mailbox_id, as_ranges(uids), _columns(self.test)))
        return [row.uid for row in rows if self.test.by_message(FoundMessage(row, self._read))]

    def scores(self, uids: list[int]) -> Scores:
        """How relevant those are that were found; what has gone since is missing."""
        scorer = relevance.Scorer(self._key, self._context.decode, self._context.lookup)
        mailbox_id, ranges = self.view.mailbox_id, as_ranges(uids)
        with self.store.read() as connection:
            rows = list(reading.fetch(connection, mailbox_id, ranges, ("uid", "message_id")))
            unknown = [row.uid for row in rows if not scorer.knows(row.message_id)]
            if unknown:
                rows = [row for row in rows if scorer.knows(row.message_id)]
                rows += reading.fetch(connection, mailbox_id, as_ranges(unknown), relevance.COLUMNS)
        return {row.uid: scorer.score(FoundMessage(row, self._read)) for row in rows}

    def _read(self, row: Any, start: int, stop: int) -> bytes:
        return slice_octets(row, self.store.blobs.read, start, stop)


def known(view: SelectedMailbox, found: list[int], *, in_order: bool) -> list[int]:
    """What arrived since the client was last told is not its to know yet."""
    if not in_order:
        found.sort()
    del found[bisect_left(found, view.uid_next) :]
    return found


# What means the same in all mailboxes with the same keywords, is decided by columns, and is asked all day (UNSEEN).
_LASTING = (All, Flagged, Larger, Smaller, And, Or, Not)


def is_lasting(key: Key) -> bool:
    return all(isinstance(each, _LASTING) for each in walk(key))


def find_written(session: Session, view: SelectedMailbox, key: Key) -> str | None:
    """The UIDs of such a key, ascending, as text; None for another.

    A database has written several numbers in the time that its driver hands over a row.
    """
    if not is_lasting(key) or isinstance(view.mailbox_id, ReadersMailbox):
        return None
    keywords = view.flags.keywords if names_keyword(key) else ()
    with session.services.store.glance() as connection:
        return written(connection, view.mailbox_id, view.uid_next, key, keywords)


def written(connection: Connection, mailbox_id: int, uid_next: int, key: Key, keywords: tuple[str, ...] = ()) -> str:
    """The same of messages below ``uid_next``."""
    row = _lasting(key, keywords).row(connection, {"mailbox_id": mailbox_id})
    found: str = row[0] or ""
    # What came since stands at the end, if there is any: to compare the UID of each row would take a tenth of the time.
    if found and int(found[found.rfind(" ") + 1 :]) >= uid_next:
        uids = found.split(" ")
        found = " ".join(uids[: bisect_left(uids, uid_next, key=int)])
    return found


@lru_cache(maxsize=256)
def _lasting(key: Key, keywords: tuple[str, ...]) -> Prepared:
    """To put a statement together takes longer than to run it."""
    test = compile_key(key, Context(keywords, lambda _: (), 0, lambda _: "", 0))
    assert test.exact
    assert test.sql is not None
    statement = select(placement.c.uid).where(placement.c.mailbox_id == bindparam("mailbox_id"), test.sql)
    if _asks_message(test):
        statement = statement.join_from(placement, message, message.c.id == placement.c.message_id)
    found = statement.order_by(placement.c.uid).subquery()
    return Prepared(select(func.aggregate_strings(cast(found.c.uid, Text), SPACE)))


def _first_column(result: CursorResult[Any]) -> list[int]:
    """As the driver gives it: SQLAlchemy would take as long again to hand over each row."""
    assert result.cursor is not None
    found = [row[0] for row in result.cursor.fetchall()]
    result.close()
    return found


_PLACEMENT_COLUMNS = frozenset(("uid", "flags", "modseq", "internal_date", "zone", "saved_at", "message_id"))
_COLUMNS: dict[str, Any] = {
    **{name: placement.c[name] for name in _PLACEMENT_COLUMNS},
    **{name: message.c[name] for name in ("size", "sent_at", "thread_key")},
    "envelope": message_listing.c.envelope,
    **{name: message.c[name] for name in ("subject", "author_name", "author_address", "author_is_plain", "to_text")},
}


def _asks_message(test: Test) -> bool:
    """Whether its condition or its columns are of more than the placement."""
    return not _PLACEMENT_COLUMNS.issuperset(test.columns)


def _columns(test: Test) -> tuple[str, ...]:
    columns = {"uid", "header", *test.columns}
    if test.needs_body:
        columns |= {"parts", "format", "prefix_size", "digest", "text"}
    return tuple(sorted(columns))


def _decode(octets: bytes, charset: bytes | None) -> str:
    """RFC 9051 §6.4.4: without a charset it is UTF-8, of which IMAP4rev1's US-ASCII is a part."""
    encoding = "utf-8" if charset is None else _CHARSETS.get(charset)
    if encoding is None:
        raise UnknownCharset
    try:
        return octets.decode(encoding)
    except UnicodeDecodeError:
        raise UnknownCharset("The search text is not in the charset named") from None


def known_charset(charset: bytes | None) -> bool:
    return charset is None or charset in _CHARSETS


# What a key names


def uid_ranges(view: SelectedMailbox, key: Messages) -> list[tuple[int, int]]:
    """The UIDs of a set.  The view is loaded."""
    if key.by_uid or key.set.saved:
        return view.uid_ranges(view.spans(key.set, by_uid=True))
    # RFC 7377 §2: it must not be an error if a range goes beyond the end, or begins there.
    ranges = [(max(first, 1) - 1, min(last, view.count)) for first, last in key.set.resolve(view.count)]
    spans: Spans = [(start, end) for start, end in ranges if start < end]
    return view.uid_ranges(spans)


def walk(key: Key) -> list[Key]:
    """The key and all keys in it."""
    waiting, seen = [key], []
    while waiting:
        each = waiting.pop()
        seen.append(each)
        if isinstance(each, And):
            waiting += each.keys
        elif isinstance(each, Or):
            waiting += (each.left, each.right)
        elif isinstance(each, Not):
            waiting.append(each.key)
    return seen


def names(key: Key, kind: type) -> bool:
    return any(isinstance(each, kind) for each in walk(key))


def names_keyword(key: Key) -> bool:
    return any(isinstance(each, Flagged) and not system_bit(each.flag) for each in walk(key))


def names_modseq(key: Key) -> bool:
    return names(key, ChangedFrom)


def names_numbers(key: Key) -> bool:
    """Whether it names messages by their numbers."""
    return any(isinstance(each, Messages) and not each.by_uid and not each.set.saved for each in walk(key))


def learn_keywords(session: Session, key: Key) -> bytes:
    """A keyword that this client has not heard of may have come since: look."""
    view = session.view
    known = {keyword.lower() for keyword in view.flags.keywords}
    named = {each.flag.lower() for each in walk(key) if isinstance(each, Flagged)}
    if all(flag.startswith("\\") or flag in known for flag in named):
        return b""
    with session.services.store.read() as connection:
        return view.keywords_changed(connection)


def names_text(octets: bytes) -> bool:
    """Whether the command may read messages: for the guess of its weight."""
    upper = octets.upper()
    return any(word in upper for word in (b"TEXT", b"BODY", b"HEADER", b"CC ", b"FROM", b"TO "))


def names_subject(octets: bytes) -> int:
    """How many times it may ask for subjects, which columns tell."""
    return octets.upper().count(b"SUBJECT")
