"""APPEND: one message or several, all or none; and REPLACE, which takes one away in the same moment.

A large literal is a file already (``Spooled``), and is taken over from there.  Messages are put together, scanned, and
large bodies made safe, before the transaction begins; in it only rows are written.  Of many at once the scan is put off
(``store.unscanned``).

Standards: RFC 9051 §6.3.12; RFC 3502 (MULTIAPPEND), RFC 4469 (CATENATE), RFC 8508 (REPLACE), RFC 7889 (APPENDLIMIT),
RFC 3516 §4.4 (literal8), RFC 4315 §3 (APPENDUID).  RFC 6855 §4 wants messages with 8-bit header fields refused unless
UTF-8 was enabled; we take them, for programs that bring old mail over write what they found, and refusing loses it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mailserver.access import Place
from mailserver.imap.binary import without_nul
from mailserver.imap.catenate import catenate
from mailserver.imap.grammar.appending import Append, Appended, Replace
from mailserver.imap.grammar.responses import Expunged, NoSuchTarget, ReadOnly, number_set, ok
from mailserver.imap.grammar.syntax import STAR, SyntaxFault
from mailserver.imap.message_commands import bracketed, expunged_at, insertable, known_flags, load
from mailserver.imap.message_limit import check_appended
from mailserver.imap.rights import permitted
from mailserver.imap.session import Reply, Session
from mailserver.imap.spooled import Spooled
from mailserver.imap.steps import Steps
from mailserver.refusals import MalformedMessage, NoSuchMailbox, NoSuchMessage, OverQuota, TooLarge, TryLater
from mailserver.store import messages, quota, reading, unscanned
from mailserver.store.content import Content
from mailserver.store.database import Transaction
from mailserver.store.messages import Target


def append(session: Session, command: Append, tag: bytes) -> Steps[Reply]:
    check_appended(session, len(command.messages))
    target = insertable(session, command.mailbox)
    with session.services.store.glance() as connection:
        may_wait = unscanned.may_wait(connection, target.key, len(command.messages))
    contents = [prepare(session, message, scans=place >= may_wait) for place, message in enumerate(command.messages)]
    job = _appending(session, target, command.messages, contents)
    try:
        kept = yield session.services.store.write(job, [target.key])
    except NoSuchMailbox:
        raise NoSuchTarget from None
    return Reply(code=_append_uid(kept))


def replace(session: Session, command: Replace, tag: bytes) -> Steps[Reply]:
    """RFC 8508 §3.4: the quota sees only the difference, and nobody sees the state between."""
    if session.view.read_only:
        raise ReadOnly
    view = load(session)
    uid = _addressed(session, command)
    target = insertable(session, command.mailbox)
    content = prepare(session, command.message)
    with session.services.store.read() as connection:
        row = next(reading.fetch(connection, view.mailbox_id, [(uid, uid)], ("size",)), None)
    appending = _appending(session, target, [command.message], [content], freed=0 if row is None else row.size)

    def job(tx: Transaction) -> list[messages.Appended]:
        tx.hold(*sorted({view.mailbox_id, target.key}))
        kept = appending(tx)
        if not messages.remove(tx, view.mailbox_id, [(uid, uid)]):
            raise Expunged  # somebody was faster; nothing of this is kept
        return kept

    try:
        done = yield session.services.store.write(
            bracketed(view.mailbox_id, job), sorted({view.mailbox_id, target.key})
        )
    except NoSuchMailbox:
        raise NoSuchTarget from None
    # RFC 8508 §4.3: before the EXPUNGE, so that the client knows what took its place.
    yield ok(b"*", "Replacement message ready", _append_uid(done.result))
    return Reply(code=expunged_at(session, done.after))


def _addressed(session: Session, command: Replace) -> int:
    """The UID of the message to be replaced."""
    view = session.view
    if command.by_uid and command.number != STAR:
        if not view.msn_of(command.number):
            raise NoSuchMessage
        return command.number
    number = view.count if command.number == STAR else command.number
    if not 1 <= number <= view.count:
        raise SyntaxFault(f"There are only {view.count} messages")
    return view.uids[number - 1]


def _appending(
    session: Session, target: Place, appended: Sequence[Appended], contents: Sequence[Content], freed: int = 0
) -> Callable[[Transaction], list[messages.Appended]]:
    """A job that keeps the messages; ``freed`` octets go in the same transaction."""
    owner = target.owner
    if session.place is None or session.place.owner.id != owner.id:
        freed = 0  # that is another's room
    size = sum(content.size for content in contents) - freed
    allowed = target.allowed_flags
    places = [
        Target(target.key, permitted(known_flags(each.flags), allowed), each.date, each.zone) for each in appended
    ]

    def job(tx: Transaction) -> list[messages.Appended]:
        if size > 0 and not quota.room_for(tx.connection, owner.id, owner.quota_bytes, size):
            raise OverQuota
        return messages.append_many(tx, list(zip(contents, places, strict=True)))

    return job


def _append_uid(kept: Sequence[messages.Appended]) -> bytes:
    return b"APPENDUID %d %b" % (kept[0].uid_validity, number_set([each.uid for each in kept]))


def prepare(session: Session, message: Appended, *, scans: bool = True) -> Content:
    """Scan a message, unless that is put off.  Raises TooLarge, MalformedMessage, UnknownEncoding, BadUrl, TryLater."""
    store, limit = session.services.store, session.services.config.imap.append_limit
    content = message.content
    if isinstance(content, tuple):
        content = catenate(session, content, limit)
    try:
        source, size, has_nul = _look(content)
        if size > limit:
            raise TooLarge
        if not size:
            # RFC 3502 §3: an empty literal takes back the whole command.
            raise MalformedMessage("An empty message cannot be appended")
        if has_nul:
            if not message.binary:
                raise MalformedMessage("NUL octets are not allowed in a message")
            source = without_nul(source if isinstance(source, bytes) else source.read_bytes())
            if len(source) > limit:
                raise TooLarge
        return store.prepare(source, scans=scans)
    except OSError as fault:
        raise TryLater(reason=f"APPEND could not be kept: {fault}") from fault
    finally:
        if isinstance(content, Spooled):
            content.discard()


def _look(content: object) -> tuple[bytes | Path, int, bool]:
    """Where the octets are, how many, and whether there is a NUL among them."""
    if isinstance(content, Spooled):
        content.check()
        return content.path, content.size, content.has_nul
    assert isinstance(content, bytes)
    return content, len(content), b"\x00" in content
