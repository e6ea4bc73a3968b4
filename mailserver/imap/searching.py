"""SEARCH: run the tests of a key over the mailbox, and answer in the form that was asked for.

Candidates come from the database in UID order; those that only their own text can decide are read in batches.

Standards: RFC 9051 §6.4.4, §7.3.4; RFC 3501 §7.2.5 (SEARCH); RFC 4731 (ESEARCH), RFC 5182 (SAVE), RFC 7162 §3.1.5.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from mailserver.imap.criteria import Context, Ranges, Test, compile_key
from mailserver.imap.found import FoundMessage
from mailserver.imap.grammar.responses import UnknownCharset, astring, number_set
from mailserver.imap.grammar.search import And, ChangedFrom, Flagged, Key, Messages, Not, Or, Search
from mailserver.imap.grammar.syntax import NumbersRefused
from mailserver.imap.message_commands import load
from mailserver.imap.selected import SelectedMailbox
from mailserver.imap.session import Reply, Session
from mailserver.imap.steps import Steps
from mailserver.store import reading
from mailserver.store.reading import as_ranges, slice_octets
from mailserver.store.tables import message, placement

# Messages whose text is read at a time.
BATCH = 200
_CHARSETS = {b"UTF-8": "utf-8", b"US-ASCII": "ascii"}


def search(session: Session, command: Search, tag: bytes) -> Steps[Reply]:
    uses_numbers = _names_numbers(command.key)
    if uses_numbers and session.manner.uid_only:
        raise NumbersRefused
    saves = command.returns is not None and b"SAVE" in command.returns
    view = session.view
    if _names_modseq(command.key):
        yield session.enable_condstore()
    yield _learn_keywords(session, command.key)
    try:
        found = _find(session, command)
    except UnknownCharset:
        if saves:
            view.saved = ()  # RFC 9051 §6.4.4.1
        raise
    modseq = _highest(session, command, found) if _names_modseq(command.key) else 0
    numbers = found if command.by_uid else _numbers(view, found)
    if saves:
        view.saved = _saved(command, found)
    yield _answer(session, command, tag, numbers, modseq)
    # UID SEARCH may tell expunges, but not when it names messages by number (RFC 9051 §7.5.1).
    return Reply(keeps_numbers=uses_numbers)


# Finding


def _learn_keywords(session: Session, key: Key) -> bytes:
    """A keyword that this client has not heard of may have come since: look."""
    view = session.view
    known = {keyword.lower() for keyword in view.flags.keywords}
    named = {each.flag.lower() for each in _walk(key) if isinstance(each, Flagged)}
    if all(flag.startswith("\\") or flag in known for flag in named):
        return b""
    with session.services.store.read() as connection:
        return view.keywords_changed(connection)


def _find(session: Session, command: Search) -> list[int]:
    """UIDs, ascending, of messages that the client knows."""
    view, store = session.view, session.services.store
    # Numbers name places among the UIDs; a search that names none can do without them.
    if not command.by_uid or _names_messages(command.key):
        load(session)

    def uid_ranges(key: Messages) -> Ranges:
        return view.uid_ranges(view.spans(key.set, key.by_uid))

    def decode(octets: bytes) -> str:
        return _decode(octets, command.charset)

    context = Context(view.flags.keywords, uid_ranges, session.services.utc_offset, decode)
    test = compile_key(command.key, context)
    with store.read() as connection:
        certain, open_ = _candidates(connection, view, test)
    for start in range(0, len(open_), BATCH):
        batch = open_[start : start + BATCH]
        with store.read() as connection:
            rows = list(reading.fetch(connection, view.mailbox_id, as_ranges(batch), _columns(test)))
        for row in rows:
            if test.by_message(FoundMessage(row, _reader(session))):
                certain.append(row.uid)
    if open_:
        certain.sort()
    # What arrived since the client was last told is not its to know yet.
    del certain[bisect_left(certain, view.uid_next) :]
    return certain


def _candidates(connection: Connection, view: SelectedMailbox, test: Test) -> tuple[list[int], list[int]]:
    """UIDs that match for certain, and those that only their text decides."""
    columns = [placement.c.uid]
    if not test.exact:
        columns += [_COLUMNS[name] for name in sorted(test.columns)]
    statement = select(*columns).where(placement.c.mailbox_id == view.mailbox_id).order_by(placement.c.uid)
    if test.sql is not None:
        statement = statement.where(test.sql)
    if message in statement.get_final_froms():
        statement = statement.join_from(placement, message, message.c.id == placement.c.message_id)
    rows = connection.execute(statement)
    if test.exact:
        return list(rows.scalars()), []
    certain: list[int] = []
    open_: list[int] = []
    for row in rows:
        outcome = test.by_row(row)
        if outcome:
            certain.append(row.uid)
        elif outcome is None:
            open_.append(row.uid)
    return certain, open_


_PLACEMENT_COLUMNS = frozenset(("uid", "flags", "modseq", "internal_date", "message_id"))
_COLUMNS: dict[str, Any] = {
    **{name: placement.c[name] for name in _PLACEMENT_COLUMNS},
    **{name: message.c[name] for name in ("size", "sent_at", "envelope", "thread_key")},
    **{name: message.c[name] for name in ("subject", "author_name", "author_address", "to_text")},
}


def _columns(test: Test) -> tuple[str, ...]:
    columns = {"uid", "header", *test.columns}
    if test.needs_body:
        columns |= {"parts", "format", "prefix_size", "digest", "text"}
    return tuple(sorted(columns))


def _reader(session: Session) -> Any:
    read_file = session.services.store.blobs.read

    def read(row: Any, start: int, stop: int) -> bytes:
        return slice_octets(row, read_file, start, stop)

    return read


def _decode(octets: bytes, charset: bytes | None) -> str:
    """RFC 9051 §6.4.4: without a charset it is UTF-8, of which IMAP4rev1's US-ASCII is a part."""
    encoding = "utf-8" if charset is None else _CHARSETS.get(charset)
    if encoding is None:
        raise UnknownCharset
    try:
        return octets.decode(encoding)
    except UnicodeDecodeError:
        raise UnknownCharset("The search text is not in the charset named") from None


def _names_messages(key: Key) -> bool:
    return any(isinstance(each, Messages) for each in _walk(key))


def _names_numbers(key: Key) -> bool:
    return any(isinstance(each, Messages) and not each.by_uid and not each.set.saved for each in _walk(key))


def _names_modseq(key: Key) -> bool:
    return any(isinstance(each, ChangedFrom) for each in _walk(key))


def _walk(key: Key) -> list[Key]:
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


# Answering


def _numbers(view: SelectedMailbox, found: Sequence[int]) -> list[int]:
    if len(found) * 8 < view.count:
        return [view.msn_of(uid) for uid in found]
    wanted = set(found)
    return [number for number, uid in enumerate(view.uids, 1) if uid in wanted]


def _saved(command: Search, found: list[int]) -> Sequence[int]:
    """What "$" is to mean (RFC 9051 §6.4.4.1, table 4)."""
    assert command.returns is not None
    ends = command.returns & {b"MIN", b"MAX"}
    if not found or not ends or command.returns & {b"ALL", b"COUNT"}:
        return found
    return sorted({found[0] if end == b"MIN" else found[-1] for end in ends})


def _highest(session: Session, command: Search, found: list[int]) -> int:
    """The modseq to tell: of the messages that are told (RFC 4731 §3.2)."""
    told = found
    if found and command.returns and not command.returns & {b"ALL", b"COUNT"} and command.returns & {b"MIN", b"MAX"}:
        told = list(_saved(command, found))
    if not told:
        return 0
    with session.services.store.read() as connection:
        rows = reading.fetch(connection, session.view.mailbox_id, as_ranges(told), ("modseq",))
        return max((row.modseq for row in rows), default=0)


def _answer(session: Session, command: Search, tag: bytes, numbers: Sequence[int], modseq: int) -> bytes:
    returns = command.returns
    if returns is None and not session.rev2:
        line = " ".join(["* SEARCH", *map(str, numbers)]).encode("ascii")
        return line + (b" (MODSEQ %d)\r\n" % modseq if modseq else b"\r\n")
    if returns == frozenset((b"SAVE",)):
        return b""
    wanted = returns or {b"ALL"}
    words = [b"* ESEARCH (TAG %b)" % astring(tag)]
    if command.by_uid:
        words.append(b"UID")
    if numbers:
        if b"MIN" in wanted:
            words.append(b"MIN %d" % min(numbers))
        if b"MAX" in wanted:
            words.append(b"MAX %d" % max(numbers))
        if b"ALL" in wanted:
            words.append(b"ALL " + number_set(numbers))
    if b"COUNT" in wanted:
        words.append(b"COUNT %d" % len(numbers))
    if modseq and numbers:
        words.append(b"MODSEQ %d" % modseq)
    return b" ".join(words) + b"\r\n"


def names_text(octets: bytes) -> bool:
    """Whether the command may read messages: for the guess of its weight."""
    upper = octets.upper()
    return any(word in upper for word in (b"TEXT", b"BODY", b"HEADER", b"CC ", b"FROM", b"TO ", b"SUBJECT"))
