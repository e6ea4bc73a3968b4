"""STORE, COPY, MOVE, EXPUNGE.

Each is one transaction: all of it happens, or nothing.  Messages that are gone but not yet told to this client
(RFC 2180 §4): COPY and MOVE by number refuse with EXPUNGEISSUED, STORE does the rest and says so.

Standards: RFC 9051 §6.4.3, §6.4.6, §6.4.7, §6.4.8, §6.4.9; RFC 7162 §3.1.3 (UNCHANGEDSINCE); RFC 4315, RFC 6851.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from mailserver.access import Act, Place
from mailserver.imap import message_limit, places
from mailserver.imap.grammar.commands import Change, Copy, Expunge, Store
from mailserver.imap.grammar.responses import Expunged, NoSuchTarget, ReadOnly, number_set, ok
from mailserver.imap.rights import permitted
from mailserver.imap.selected import KeywordsGrew, SelectedMailbox
from mailserver.imap.session import Reply, Session
from mailserver.imap.spans import count_of
from mailserver.imap.steps import Steps
from mailserver.refusals import NoSuchMailbox, NotPermitted, OverQuota
from mailserver.store import changes, messages, quota, reading
from mailserver.store.database import NotNow, Transaction
from mailserver.store.flags import DELETED, known_mask
from mailserver.store.messages import ALL_FLAGS, FlagsResult, Tell
from mailserver.store.reading import Ranges

T = TypeVar("T")

# So few are changed at once.  Where that has to wait they are looked at first: a commit for nothing would hold up
# everybody.
FEW = 20
# So many messages at once are not held back behind others' commits, nor hold theirs back.  Neither do more than few
# ranges, each of which is a statement.
HEAVY_WRITE = 5000

Pairs = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Bracketed(Generic[T]):
    """What a job gave, and the selected mailbox's modseq before and after it, in the same transaction."""

    result: T
    before: int
    after: int


def bracketed(mailbox_id: int, job: Callable[[Transaction], T]) -> Callable[[Transaction], Bracketed[T]]:
    def run(tx: Transaction) -> Bracketed[T]:
        before = changes.state(tx.connection, mailbox_id)
        if before is None:
            raise NoSuchMailbox
        result = job(tx)
        after = changes.state(tx.connection, mailbox_id)
        return Bracketed(result, before.highest_modseq, after.highest_modseq)

    return run


def set_few(
    mailbox_id: int,
    ranges: Ranges,
    operation: Operation,
    flags: Collection[str],
    unchanged_since: int | None = None,
    allowed: int = ALL_FLAGS,
) -> Callable[[Transaction], Bracketed[FlagsResult]]:
    """As ``bracketed``, without asking: what changed tells the mailbox's modseq.  If nothing did, there is no telling,
    and no need."""

    def run(tx: Transaction) -> Bracketed[FlagsResult]:
        result = messages.set_flags(tx, mailbox_id, ranges, operation, flags, unchanged_since, allowed, tell="earlier")
        return Bracketed(result, result.modseq - 1, result.modseq)

    return run


def load(session: Session) -> SelectedMailbox:
    """The view, its UIDs known."""
    view = session.view
    if not view.is_loaded:
        with session.services.store.read() as connection:
            view.load(connection)
    return view


Operation = Literal["add", "remove", "replace"]
_OPERATIONS: dict[Change, Operation] = {
    Change.ADD: "add",
    Change.REMOVE: "remove",
    Change.REPLACE: "replace",
}


def known_flags(flags: Sequence[str]) -> list[str]:
    """Without system flags that nobody defined: what cannot be kept is passed over (RFC 9051 §7.1, PERMANENTFLAGS)."""
    return [flag for flag in flags if not flag.startswith("\\") or flag.lower() in _SYSTEM]


_SYSTEM = frozenset(("\\answered", "\\flagged", "\\deleted", "\\seen", "\\draft"))


def allowed_flags(session: Session) -> int:
    """Flags that may be changed in the selected mailbox."""
    return ALL_FLAGS if session.place is None else session.place.allowed_flags


def store(session: Session, command: Store, tag: bytes) -> Steps[Reply | None]:
    if session.view.read_only:
        raise ReadOnly
    if command.unchanged_since is not None:
        yield session.enable_condstore()
    view = load(session)
    spans, limited = message_limit.newest(session, view, view.spans(command.messages, command.by_uid))
    wanted = count_of(spans)
    if not wanted:
        return None
    ranges, operation = view.uid_ranges(spans), _OPERATIONS[command.change]
    allowed = allowed_flags(session)
    named = known_flags(command.flags)
    flags = permitted(named, allowed)
    if not allowed or (named and not flags):
        # RFC 4314 §4: with the right to one of the flags that are named, the command does what it may.
        raise NotPermitted

    # Of many messages that are all there the flags are read afterwards, as FETCH reads them.
    in_bulk = wanted > FEW and command.unchanged_since is None and not command.silent and not view.has_untold_expunges

    def set_many(tx: Transaction) -> FlagsResult:
        tell: Tell = "rows"
        if command.silent or in_bulk:
            state = changes.state(tx.connection, view.mailbox_id)
            is_current = state is not None and state.highest_modseq == view.modseq
            if in_bulk:
                tell = "nothing" if is_current else "rows"
            else:
                tell = ("rows" if session.condstore else "nothing") if is_current else "earlier"
        return messages.set_flags(tx, view.mailbox_id, ranges, operation, flags, command.unchanged_since, allowed, tell)

    done = None
    if wanted <= FEW:
        job = set_few(view.mailbox_id, ranges, operation, flags, command.unchanged_since, allowed)
        with suppress(NotNow):
            done = session.services.store.do_at_once(job)
        if done is None and command.unchanged_since is None:
            answer = _already_so(session, command, ranges, wanted, flags)
            if answer is not None:
                yield answer
                return (yield from message_limit.told(Reply(), limited))
    else:
        job = bracketed(view.mailbox_id, set_many)
    if done is None:
        done = yield session.services.store.write(
            job, [view.mailbox_id], heavy=wanted > HEAVY_WRITE or len(ranges) > FEW, lasting=False
        )
    result = done.result
    if in_bulk and done.before == view.modseq:
        view.own_change(done.before, done.after)
        with session.services.store.read() as connection:
            answer = view.keywords_changed(connection) if known_mask(flags, view.flags.keywords) is None else b""
            lines, found = view.read_flags(connection, spans, session.manner, with_uid=command.by_uid)
        yield answer + lines
        return (yield from _told(command, found, wanted, b"", limited))
    try:
        answer = _stored(session, command, result)
    except KeywordsGrew:
        with session.services.store.read() as connection:
            answer = view.keywords_changed(connection)
        answer += _stored(session, command, result)
    is_alone = done.before == view.modseq
    if is_alone:
        known: Iterable[tuple[int, int]] = ()
    elif command.silent:
        # The client knows the flags only if nobody else changed them since it was last told.
        told = zip(result.changed, result.earlier, strict=True)
        known = ((uid, modseq) for (uid, _, modseq), earlier in told if earlier <= view.modseq)
    else:
        known = ((uid, modseq) for uid, _, modseq in result.changed)
    view.own_change(done.before, done.after, known)
    yield answer
    found = len(result.changed) + len(result.refused) + len(result.unchanged)
    code = b""
    if result.refused:
        refused = [uid if command.by_uid else view.msn_of(uid) for uid, _, _ in result.refused]
        code = b"MODIFIED " + number_set(sorted(refused))
    is_current = is_alone and session.watcher is None and not view.holds_news
    return (yield from _told(command, found, wanted, code, limited, is_current))


def _told(
    command: Store, found: int, wanted: int, code: bytes, limited: bytes, is_current: bool = False
) -> Steps[Reply]:
    if found < wanted and not command.by_uid and not command.silent:
        # RFC 2180 §4.2.3; RFC 7162 §3.1.3, example 11
        gone = Reply(Expunged.default_text, code or b"EXPUNGEISSUED", is_no=True)
        return (yield from message_limit.told(gone, limited))
    return (yield from message_limit.told(Reply(code=code, is_current=is_current), limited))


def _already_so(session: Session, command: Store, ranges: Ranges, wanted: int, flags: Sequence[str]) -> bytes | None:
    """The answer if all messages have the flags that the command would give them; None if there is work to do."""
    view, allowed = session.view, allowed_flags(session)
    mask = known_mask(flags, view.flags.keywords)
    if mask is None:
        return None
    store = session.services.store
    with store.glance() if len(ranges) == 1 else store.read() as connection:
        rows = reading.tuples(connection, view.mailbox_id, ranges, ("uid", "flags", "modseq"))
    affected = allowed if command.change is Change.REPLACE else mask & allowed
    having = 0 if command.change is Change.REMOVE else mask & allowed
    if len(rows) < wanted or any(old & affected != having for _, old, _ in rows):
        return None
    if command.silent:
        return b""
    try:
        return view.render_flags(rows, session.manner, with_uid=command.by_uid)
    except KeywordsGrew:
        return None


def _stored(session: Session, command: Store, result: FlagsResult) -> bytes:
    """The FETCH responses: as if the flags were fetched (RFC 9051 §6.4.6), or only MODSEQ for .SILENT."""
    view = session.view
    # RFC 7162 §3.1.3: better told now why they were refused than asked for again.
    if command.silent:
        return _modseqs(session, command, result.changed) + view.render_flags(result.refused, session.manner)
    rows = result.changed
    if result.unchanged or result.refused:
        rows = sorted([*rows, *result.unchanged, *result.refused])
    return view.render_flags(rows, session.manner, with_uid=command.by_uid)


def _modseqs(session: Session, command: Store, rows: list[tuple[int, int, int]]) -> bytes:
    if not session.condstore:
        return b""
    return session.view.render_flags(rows, session.manner, with_uid=command.by_uid, with_flags=False)


def copy(session: Session, command: Copy, tag: bytes) -> Steps[Reply]:
    done = yield from _transfer(session, command, moves=False)
    return Reply(code=_copyuid(done.uid_validity, done.pairs))


def move(session: Session, command: Copy, tag: bytes) -> Steps[Reply]:
    """RFC 6851 §4.3: COPYUID comes before the EXPUNGEs, in an untagged OK."""
    if session.view.read_only:
        raise ReadOnly
    done = yield from _transfer(session, command, moves=True)
    if done.pairs:
        yield ok(b"*", "Moved", _copyuid(done.uid_validity, done.pairs))
    code = expunged_at(session, done.modseq) if done.pairs else b""
    return (yield from message_limit.told(Reply(code=code), done.limited))


def _copyuid(uid_validity: int, pairs: Pairs) -> bytes:
    if not pairs:
        return b""
    return b"COPYUID %d %b %b" % (
        uid_validity, number_set([old for old, _ in pairs]), number_set([new for _, new in pairs])
    )  # fmt: skip


def insertable(session: Session, octets: bytes) -> Place:
    """The mailbox to append, copy or move to.  Raises NoSuchTarget, NotPermitted."""
    try:
        with session.services.store.read() as connection:
            return places.need(session, connection, octets, Act.INSERT)
    except NoSuchMailbox:
        raise NoSuchTarget from None


@dataclass(frozen=True, slots=True)
class _Transferred:
    """Old and new UIDs, the target's UIDVALIDITY, the modseq of the selected mailbox after it, and the response code
    if not all were done."""

    pairs: Pairs
    uid_validity: int
    modseq: int
    limited: bytes = b""


def _transfer(session: Session, command: Copy, *, moves: bool) -> Steps[_Transferred]:
    view = load(session)
    spans = view.spans(command.messages, command.by_uid)
    limited = b""
    if moves:
        spans, limited = message_limit.newest(session, view, spans)
    else:
        message_limit.check_saved(session, view, spans)
    place = insertable(session, command.mailbox)
    target, owner = place.mailbox, place.owner
    wanted = count_of(spans)
    if not wanted:
        return _Transferred([], target.uid_validity, view.modseq)
    ranges = view.uid_ranges(spans)
    exact = not command.by_uid

    def job(tx: Transaction) -> Pairs:
        # The quota counts what a message takes in each mailbox, so that MOVE among one's own never needs room.
        if owner.quota_bytes and not (moves and session.place is not None and session.place.owner.id == owner.id):
            size = sum(size for (size,) in reading.tuples(tx.connection, view.mailbox_id, ranges, ("size",)))
            if not quota.room_for(tx.connection, owner.id, owner.quota_bytes, size):
                raise OverQuota
        transfer = messages.move if moves else messages.copy
        pairs = transfer(tx, view.mailbox_id, ranges, place.key, place.allowed_flags)
        if exact and len(pairs) < wanted:
            # RFC 2180 §4.4.1: all of what the client named, or nothing.
            raise Expunged
        return pairs

    try:
        done = yield session.services.store.write(
            bracketed(view.mailbox_id, job), sorted({view.mailbox_id, target.id}), heavy=wanted > HEAVY_WRITE
        )
    except NoSuchMailbox:
        raise NoSuchTarget from None
    if moves and target.id != view.mailbox_id:
        view.own_expunge(done.before, done.after, [old for old, _ in done.result])
    return _Transferred(done.result, target.uid_validity, done.after, limited)


def expunge(session: Session, command: Expunge, tag: bytes) -> Steps[Reply]:
    """The client is told by the news that follow every command."""
    if session.view.read_only:
        raise ReadOnly
    view = load(session)
    ranges = None
    limited = b""
    if command.uids is not None:
        ranges, limited = _marked(session, view, view.uid_ranges(view.spans(command.uids, by_uid=True)))
        if not ranges:
            return Reply()
    with session.services.store.read() as connection:
        if not messages.has_deleted(connection, view.mailbox_id):
            return Reply()
    done = yield session.services.store.write(
        bracketed(view.mailbox_id, lambda tx: messages.expunge(tx, view.mailbox_id, ranges)), [view.mailbox_id]
    )
    view.own_expunge(done.before, done.after, done.result)
    code = expunged_at(session, done.after) if done.result else b""
    return (yield from message_limit.told(Reply(code=code), limited))


def _marked(session: Session, view: SelectedMailbox, ranges: Ranges) -> tuple[Ranges, bytes]:
    """What UID EXPUNGE may take away at once: the limit counts those that are marked (RFC 9738 §3.1)."""
    if not session.services.config.imap.message_limit:
        return ranges, b""
    with session.services.store.read() as connection:
        rows = reading.tuples(connection, view.mailbox_id, ranges, ("uid", "flags"))
    return message_limit.newest_uids(session, [uid for uid, mask in rows if mask & DELETED])


def expunged_at(session: Session, modseq: int) -> bytes:
    """RFC 7162 §3.2.7, §3.2.9: so that a client's cache can keep step."""
    return b"HIGHESTMODSEQ %d" % modseq if session.condstore else b""
