"""How many messages one command may work on, where the installation sets a limit.

What goes beyond it is left for the client to ask for again: the newest are done, and the answer names the lowest UID
that was.  COPY and APPEND are all or nothing, and are refused.  EXPUNGE, CLOSE and STATUS have no limit.

Standards: RFC 9738 §3 (MESSAGELIMIT, SAVELIMIT), §3.1, §3.3, §3.4.
"""

from __future__ import annotations

from dataclasses import replace

from mailserver.imap.grammar.responses import TooMany, no
from mailserver.imap.grammar.search import And, Key, Messages
from mailserver.imap.grammar.syntax import MAX_NUMBER, SequenceSet
from mailserver.imap.selected import SelectedMailbox
from mailserver.imap.session import Reply, Session
from mailserver.imap.spans import Spans, count_of, intersection
from mailserver.imap.steps import Steps
from mailserver.store.reading import as_ranges

TEXT = "Only the newest were done"
_IN_ONE_PIECE = frozenset((b"SORT", b"UID SORT", b"THREAD", b"UID THREAD"))


def check(session: Session, name: bytes) -> None:
    """RFC 9738 §3.3: what needs the whole mailbox at once cannot be had of one that is too large."""
    limit = session.services.config.imap.message_limit
    if limit and name in _IN_ONE_PIECE and session.selected is not None and session.selected.count > limit:
        raise TooMany(b"MESSAGELIMIT %d" % limit)


def check_part(session: Session, count: int) -> None:
    """RFC 9738 §3.1: a part (PARTIAL, RFC 9394) that is larger is refused as a whole."""
    limit = session.services.config.imap.message_limit
    if limit and count > limit:
        raise TooMany(b"MESSAGELIMIT %d" % limit)


def check_saved(session: Session, view: SelectedMailbox, spans: Spans) -> None:
    """Before COPY, which does all or nothing."""
    limit, count = _saved(session), count_of(spans)
    if limit and count > limit:
        lowest = view.uids_of(spans)[-limit]
        raise TooMany(b"MESSAGELIMIT %d %d" % (limit, lowest))


def check_appended(session: Session, count: int) -> None:
    """Before APPEND, which does all or nothing (RFC 3502)."""
    limit = _saved(session)
    if limit and count > limit:
        raise TooMany(b"MESSAGELIMIT %d" % limit)


def _saved(session: Session) -> int:
    settings = session.services.config.imap
    return settings.message_limit or settings.save_limit


def newest(session: Session, view: SelectedMailbox, spans: Spans) -> tuple[Spans, bytes]:
    """Of some places those that the command works on, and the response code if others are left."""
    limit = session.services.config.imap.message_limit
    if not limit or count_of(spans) <= limit:
        return spans, b""
    kept: Spans = []
    room = limit
    for start, end in reversed(spans):
        kept.append((max(start, end - room), end))
        room -= end - kept[-1][0]
        if not room:
            break
    kept.reverse()
    return kept, b"MESSAGELIMIT %d %d" % (limit, view.uids[kept[0][0]])


def newest_uids(session: Session, uids: list[int]) -> tuple[list[tuple[int, int]], bytes]:
    """The same of UIDs in ascending order, as ranges."""
    limit = session.services.config.imap.message_limit
    if not limit or len(uids) <= limit:
        return as_ranges(uids), b""
    return as_ranges(uids[-limit:]), b"MESSAGELIMIT %d %d" % (limit, uids[-limit])


def told(reply: Reply, code: bytes) -> Steps[Reply]:
    """The reply with the response code; where it has one already, in an untagged response (RFC 9738 §3.1)."""
    if code and reply.code:
        yield no(b"*", TEXT, code)
        return reply
    return replace(reply, text=reply.text or TEXT, code=code) if code else reply


def narrowed(session: Session, view: SelectedMailbox, key: Key) -> tuple[Key, bytes]:
    """A search that looks at no more messages, counting those that it looks at, not those that it finds."""
    spans: Spans = [(0, view.count)]
    for each in key.keys if isinstance(key, And) else (key,):
        if isinstance(each, Messages):
            spans = intersection(spans, view.spans(each.set, each.by_uid))
    kept, code = newest(session, view, spans)
    if not code:
        return key, b""
    return And((Messages(SequenceSet(((view.uids[kept[0][0]], MAX_NUMBER),)), by_uid=True), key)), code
