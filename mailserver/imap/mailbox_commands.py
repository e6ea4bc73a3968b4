"""Mailboxes as a whole: SELECT, CREATE, DELETE, RENAME, SUBSCRIBE, CLOSE.

Standards: RFC 9051 §6.3, §6.4.1, §6.4.2; RFC 3501 §6.3.1 (RECENT, UNSEEN); RFC 7162 §3.1.2, §3.1.8,
§3.2.5, §3.2.8; RFC 8474 §4 (MAILBOXID), RFC 6154 §3; RFC 4314 §4 (rights).
"""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import Connection

from mailserver import access
from mailserver.access import Act
from mailserver.imap import places, resync, rights
from mailserver.imap.grammar.commands import Bare, Create, OneMailbox, Rename
from mailserver.imap.grammar.responses import HasChildren, UseRefused, ok, quoted
from mailserver.imap.grammar.selecting import Select
from mailserver.imap.grammar.syntax import NumbersRefused, SyntaxFault
from mailserver.imap.listing import mailbox_line
from mailserver.imap.recent import Recents
from mailserver.imap.selected import SelectedMailbox, flag_lists
from mailserver.imap.session import Reply, Session
from mailserver.imap.steps import Steps
from mailserver.refusals import CannotDo, MailboxExists, NoSuchMailbox, NotPermitted
from mailserver.store import mailboxes, messages, recent
from mailserver.store.database import Transaction
from mailserver.store.mailboxes import SEPARATOR, Mailbox


def mailbox_id(mailbox: Mailbox) -> bytes:
    """An objectid (RFC 8474 §4): it stays when the mailbox is renamed."""
    return b"F%d" % mailbox.id


_NUMBERS = (
    b"* OK [UIDVALIDITY %d] UIDs valid\r\n"
    b"* OK [UIDNEXT %d] Predicted next UID\r\n"
    b"* OK [HIGHESTMODSEQ %d] Highest\r\n"
    b"* OK [MAILBOXID (%b)] Ok\r\n"
)
_SELECTED = Reply("SELECT completed", b"READ-WRITE")
_SELECTED_TO_READ = Reply("SELECT completed", b"READ-ONLY")
_EXAMINED = Reply("EXAMINE completed", b"READ-ONLY")


def select(session: Session, command: Select, tag: bytes) -> Steps[Reply]:
    """SELECT and EXAMINE.  One that fails leaves no mailbox selected (RFC 9051 §6.3.2)."""
    if command.resync is not None:
        # RFC 7162 §3.2.5; RFC 9586 §3.7: no message numbers, not even to be compared.
        if not session.manner.vanished:
            raise SyntaxFault("QRESYNC is not enabled")
        if session.manner.uid_only and command.resync.samples is not None:
            raise NumbersRefused
    if session.selected is not None:
        session.select(None)
        yield ok(b"*", "Previous mailbox is now closed", b"CLOSED")
    if command.condstore:
        session.enable_condstore()
    name = session.decode_name(command.mailbox)
    first_unseen = None
    with session.services.store.read() as connection:
        place = places.need(session, connection, command.mailbox, Act.READ)
        mailbox = place.mailbox
        view = SelectedMailbox(mailbox, command.read_only)
        view.mailbox_id = place.key
        recents = _recents(session, connection, mailbox, takes=not command.read_only)
        if not session.rev2:
            view.recents = recents
        if not session.rev2 and not session.manner.uid_only:
            first_unseen = session.services.unseen.first(connection, place.key, mailbox)
        attributes = mailbox_line(session, connection, place, name) if session.rev2 else b""
        missed = b""
        if command.resync is not None:
            missed = resync.answer(connection, view, command.resync, session.manner)
    yield from places.note_reading(session, place)
    session.select(view, place)
    if recents.count and not command.read_only:
        # A comfort that nobody waits for (store.recent), nor for a commit of it that waits for the disk.
        session.services.store.write(lambda tx: recent.mark_told(tx, mailbox.id, mailbox.uid_next), lasting=False)
    told = None if view.recents is None else view.recents.count
    yield _opened(mailbox, 0 if command.read_only else place.allowed_flags, told, first_unseen) + attributes + missed
    if command.read_only:
        return _EXAMINED
    return _SELECTED_TO_READ if rights.is_read_only(place) else _SELECTED


@lru_cache(maxsize=256)
def _opened(mailbox: Mailbox, allowed: int, told: int | None, first_unseen: int | None) -> bytes:
    """What is said of a mailbox that is opened: the same as long as all is as it was.  ``told`` are the recent ones,
    None in IMAP4rev2."""
    lines = [
        flag_lists(mailbox.keywords).line,
        rights.permanent_flags(allowed, mailbox.keywords),
        b"* %d EXISTS\r\n" % mailbox.messages,
    ]
    if told is not None:
        lines.append(b"* %d RECENT\r\n" % told)
    if first_unseen:
        lines.append(b"* OK [UNSEEN %d] First unseen\r\n" % first_unseen)
    lines.append(_NUMBERS % (mailbox.uid_validity, mailbox.uid_next, mailbox.highest_modseq, mailbox_id(mailbox)))
    return b"".join(lines)


def _recents(session: Session, connection: Connection, mailbox: Mailbox, *, takes: bool) -> Recents:
    """What is recent to a session that selects (RFC 3501 §6.3.1); one that examines takes it from nobody."""
    recents = Recents(session.services.recent, mailbox.id, mailbox.recent_uid, takes=takes)
    first = recents.first_look(mailbox.uid_next)
    if first < mailbox.uid_next:
        recents.count = recent.count_from(connection, mailbox.id, first)
    return recents


def create(session: Session, command: Create, tag: bytes) -> Steps[Reply]:
    name = places.name_of(session, command.mailbox)
    if len(command.special_uses) > 1:
        raise UseRefused
    use = command.special_uses[0] if command.special_uses else None
    if use is not None:
        by_folded = {known.lower(): known for known in mailboxes.SPECIAL_USES}
        use = by_folded.get(use.lower(), use)
    with session.services.store.read() as connection, session.services.directory.read() as directory:
        owner, own_name = access.room_for_name(directory, connection, session.member, name)
    account_id = owner.id

    def job(tx: Transaction) -> Mailbox:
        if use is not None and (
            use not in mailboxes.SPECIAL_USES or mailboxes.special_mailbox(tx.connection, account_id, use)
        ):
            raise UseRefused
        return mailboxes.create_mailbox(tx, account_id, own_name, use)

    made = yield session.services.store.write(job)
    if made.name != own_name:
        yield _renamed_line(session, command.mailbox, places.canonical(session, command.mailbox))
    return Reply("CREATE completed", b"MAILBOXID (%b)" % mailbox_id(made))


def _renamed_line(session: Session, given: bytes, name: str) -> bytes:
    """The name was brought into its one form: say so (RFC 9051 §6.3.9.7)."""
    if not session.rev2:
        return b""
    return b'* LIST () "/" %b ("OLDNAME" (%b))\r\n' % (session.encode_name(name), quoted(given, session.utf8))


def delete(session: Session, command: OneMailbox, tag: bytes) -> Steps[None]:
    with session.services.store.read() as connection:
        place = places.need(session, connection, command.mailbox, Act.DELETE)
        below = place.mailbox.name + SEPARATOR
        has_visible = any(each.mailbox.name.startswith(below) for each in places.visible(session, connection))
    account_id = place.owner.id

    def job(tx: Transaction) -> int:
        doomed = mailboxes.find_mailbox(tx.connection, account_id, place.own_name)
        if doomed is None:
            raise NoSuchMailbox
        below = doomed.name + SEPARATOR
        if any(each.name.startswith(below) for each in mailboxes.list_mailboxes(tx.connection, account_id)):
            # Of mailboxes below that the client may not see, it is not told (RFC 4314 §6).
            raise HasChildren if has_visible or place.owner.id == session.account_id else NotPermitted
        mailboxes.delete_mailbox(tx, account_id, doomed.name)
        return doomed.id

    gone = yield session.services.store.write(job)
    yield _leave(session, gone)


def rename(session: Session, command: Rename, tag: bytes) -> Steps[None]:
    new_name = places.name_of(session, command.new_name)
    with session.services.store.read() as connection, session.services.directory.read() as directory:
        owner, own_name = access.room_for_name(directory, connection, session.member, new_name)
        place = places.need(session, connection, command.mailbox, Act.DELETE)
    if owner.id != place.owner.id:
        raise CannotDo("A mailbox stays with its owner; copy the messages instead")
    old_name = place.own_name
    try:
        yield session.services.store.write(lambda tx: mailboxes.rename_mailbox(tx, owner.id, old_name, own_name))
    except MailboxExists:
        if owner.id == session.account_id:
            raise
        # What is in the way may be a mailbox that the client may not see, with a name that it may not know.
        raise NotPermitted from None


def _leave(session: Session, gone: int) -> bytes:
    """The client itself removed its mailbox: it knows, so it stays connected, with nothing selected."""
    if session.selected is None or session.selected.mailbox_id != gone:
        return b""
    session.select(None)
    return ok(b"*", "The selected mailbox is closed", b"CLOSED")


def subscribe(session: Session, command: OneMailbox, tag: bytes) -> Steps[None]:
    """RFC 9051 §6.3.7: the name need not be of a mailbox that exists, so no right is asked for (RFC 4314 §4)."""
    yield from _set_subscribed(session, command, True)


def unsubscribe(session: Session, command: OneMailbox, tag: bytes) -> Steps[None]:
    yield from _set_subscribed(session, command, False)


def _set_subscribed(session: Session, command: OneMailbox, subscribed: bool) -> Steps[None]:
    name = places.canonical(session, command.mailbox)
    account_id, of_others = session.account_id, access.is_of_others(name)
    yield session.services.store.write(
        lambda tx: mailboxes.set_subscribed(tx, account_id, name, subscribed, of_others=of_others)
    )


def close(session: Session, command: Bare, tag: bytes) -> Steps[None]:
    """Expunge without a word, and leave (RFC 9051 §6.4.1)."""
    view = session.view
    # Without the right the mailbox is closed all the same (RFC 4314 §4).
    if not view.read_only and (session.place is None or session.place.may(Act.EXPUNGE)):
        mailbox = view.mailbox_id
        with session.services.store.read() as connection:
            any_deleted = messages.has_deleted(connection, mailbox)
        if any_deleted:
            yield session.services.store.write(lambda tx: messages.expunge(tx, mailbox), [mailbox])
    session.select(None)


def unselect(session: Session, command: Bare, tag: bytes) -> Steps[None]:
    session.select(None)
    yield b""


def check(session: Session, command: Bare, tag: bytes) -> Steps[None]:
    """RFC 3501 §6.4.1: a checkpoint.  Everything acknowledged is on disk already."""
    yield b""
