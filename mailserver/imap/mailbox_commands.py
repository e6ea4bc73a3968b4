"""Mailboxes as a whole: SELECT, CREATE, DELETE, RENAME, SUBSCRIBE, CLOSE, quota.

Standards: RFC 9051 §6.3, §6.4.1, §6.4.2; RFC 3501 §6.3.1 (RECENT, UNSEEN); RFC 7162 §3.1.2, §3.1.8,
§3.2.5, §3.2.8; RFC 8474 §4 (MAILBOXID), RFC 9208 (QUOTA), RFC 6154 §3.
"""

from __future__ import annotations

from mailserver.imap import resync
from mailserver.imap.grammar.commands import Bare, Create, GetQuota, OneMailbox, Rename
from mailserver.imap.grammar.responses import HasChildren, UseRefused, flag_list, ok, quoted
from mailserver.imap.grammar.selecting import Select
from mailserver.imap.grammar.syntax import MAX_NUMBER, NumbersRefused, SyntaxFault
from mailserver.imap.listing import mailbox_line
from mailserver.imap.selected import SelectedMailbox
from mailserver.imap.session import Reply, Session
from mailserver.imap.steps import Steps
from mailserver.refusals import NoSuchMailbox
from mailserver.store import mailboxes, messages, quota, reading
from mailserver.store.database import Transaction
from mailserver.store.flags import SYSTEM_FLAGS
from mailserver.store.mailboxes import SEPARATOR, Mailbox

QUOTA_ROOT = "User quota"
# UNSEEN needs a walk through the mailbox.  A client may not rely on it (RFC 3501 §7.1), so a large one is not walked.
_COUNTED_FOR_UNSEEN = 1000


def mailbox_id(mailbox: Mailbox) -> bytes:
    """An objectid (RFC 8474 §4): it stays when the mailbox is renamed."""
    return b"F%d" % mailbox.id


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
        mailbox = mailboxes.find_mailbox(connection, session.account_id, name)
        if mailbox is None:
            raise NoSuchMailbox
        view = SelectedMailbox(mailbox, command.read_only)
        if (
            mailbox.unseen
            and not session.rev2
            and not session.manner.uid_only
            and mailbox.messages <= _COUNTED_FOR_UNSEEN
        ):
            uid = reading.first_unseen(connection, mailbox.id)
            if uid is not None:
                view.load(connection)
                first_unseen = view.msn_of(uid)
        attributes = mailbox_line(session, connection, mailbox, name) if session.rev2 else b""
        missed = b""
        if command.resync is not None:
            missed = resync.answer(connection, view, command.resync, session.manner)
    session.select(view)
    flags = (*SYSTEM_FLAGS, *mailbox.keywords)
    # A keyword not listed may be made by storing it; in a mailbox open for reading only, nothing can be stored.
    permanent = b"()" if command.read_only else flag_list((*flags, "\\*"))
    lines = [
        b"* FLAGS %b\r\n" % flag_list(flags),
        b"* OK [PERMANENTFLAGS %b] Flags permitted\r\n" % permanent,
        b"* %d EXISTS\r\n" % mailbox.messages,
    ]
    if not session.rev2:
        # IMAP4rev1 requires RECENT; we keep no such flag, as IMAP4rev2 does not (RFC 9051 Appendix E).
        lines.append(b"* 0 RECENT\r\n")
        if first_unseen:
            lines.append(b"* OK [UNSEEN %d] First unseen\r\n" % first_unseen)
    lines += [
        b"* OK [UIDVALIDITY %d] UIDs valid\r\n" % mailbox.uid_validity,
        b"* OK [UIDNEXT %d] Predicted next UID\r\n" % mailbox.uid_next,
        b"* OK [HIGHESTMODSEQ %d] Highest\r\n" % mailbox.highest_modseq,
        b"* OK [MAILBOXID (%b)] Ok\r\n" % mailbox_id(mailbox),
        attributes,
        missed,
    ]
    yield b"".join(lines)
    if command.read_only:
        return Reply("EXAMINE completed", b"READ-ONLY")
    return Reply("SELECT completed", b"READ-WRITE")


def create(session: Session, command: Create, tag: bytes) -> Steps[Reply]:
    # A trailing separator only says that children are meant (RFC 9051 §6.3.4).
    name = session.decode_name(command.mailbox).removesuffix(SEPARATOR)
    if len(command.special_uses) > 1:
        raise UseRefused
    use = command.special_uses[0] if command.special_uses else None
    if use is not None:
        by_folded = {known.lower(): known for known in mailboxes.SPECIAL_USES}
        use = by_folded.get(use.lower(), use)
    account_id = session.account_id

    def job(tx: Transaction) -> Mailbox:
        if use is not None and (
            use not in mailboxes.SPECIAL_USES or mailboxes.special_mailbox(tx.connection, account_id, use)
        ):
            raise UseRefused
        return mailboxes.create_mailbox(tx, account_id, name, use)

    made = yield session.services.store.write(job)
    if made.name != name:
        yield _renamed_line(session, command.mailbox, made.name)
    return Reply("CREATE completed", b"MAILBOXID (%b)" % mailbox_id(made))


def _renamed_line(session: Session, given: bytes, name: str) -> bytes:
    """The name was brought into its one form: say so (RFC 9051 §6.3.9.7)."""
    if not session.rev2:
        return b""
    return b'* LIST () "/" %b ("OLDNAME" (%b))\r\n' % (session.encode_name(name), quoted(given, session.utf8))


def delete(session: Session, command: OneMailbox, tag: bytes) -> Steps[None]:
    name = session.decode_name(command.mailbox)
    account_id = session.account_id

    def job(tx: Transaction) -> int:
        doomed = mailboxes.find_mailbox(tx.connection, account_id, name)
        if doomed is None:
            raise NoSuchMailbox
        below = doomed.name + SEPARATOR
        if any(each.name.startswith(below) for each in mailboxes.list_mailboxes(tx.connection, account_id)):
            raise HasChildren
        mailboxes.delete_mailbox(tx, account_id, name)
        return doomed.id

    gone = yield session.services.store.write(job)
    yield _leave(session, gone)


def rename(session: Session, command: Rename, tag: bytes) -> Steps[None]:
    old_name = session.decode_name(command.mailbox)
    new_name = session.decode_name(command.new_name).removesuffix(SEPARATOR)
    account_id = session.account_id

    yield session.services.store.write(lambda tx: mailboxes.rename_mailbox(tx, account_id, old_name, new_name))


def _leave(session: Session, gone: int) -> bytes:
    """The client itself removed its mailbox: it knows, so it stays connected, with nothing selected."""
    if session.selected is None or session.selected.mailbox_id != gone:
        return b""
    session.select(None)
    return ok(b"*", "The selected mailbox is closed", b"CLOSED")


def subscribe(session: Session, command: OneMailbox, tag: bytes) -> Steps[None]:
    """RFC 9051 §6.3.7: the name need not be of a mailbox that exists."""
    name = session.decode_name(command.mailbox)
    account_id = session.account_id
    yield session.services.store.write(lambda tx: mailboxes.set_subscribed(tx, account_id, name, True))


def unsubscribe(session: Session, command: OneMailbox, tag: bytes) -> Steps[None]:
    name = session.decode_name(command.mailbox)
    account_id = session.account_id
    yield session.services.store.write(lambda tx: mailboxes.set_subscribed(tx, account_id, name, False))


def close(session: Session, command: Bare, tag: bytes) -> Steps[None]:
    """Expunge without a word, and leave (RFC 9051 §6.4.1)."""
    view = session.view
    if not view.read_only:
        mailbox = view.mailbox_id
        yield session.services.store.write(lambda tx: messages.expunge(tx, mailbox), [mailbox])
    session.select(None)


def unselect(session: Session, command: Bare, tag: bytes) -> Steps[None]:
    session.select(None)
    yield b""


def check(session: Session, command: Bare, tag: bytes) -> Steps[None]:
    """RFC 3501 §6.4.1: a checkpoint.  Everything acknowledged is on disk already."""
    yield b""


def get_quota(session: Session, command: GetQuota, tag: bytes) -> Steps[None]:
    if command.root.decode("utf-8", "replace") != QUOTA_ROOT:
        raise NoSuchMailbox("No such quota root")
    yield _quota(session)


def get_quota_root(session: Session, command: OneMailbox, tag: bytes) -> Steps[None]:
    """RFC 9208 §4.1.2: the mailbox need not exist yet."""
    name = mailboxes.normalise_name(session.decode_name(command.mailbox))
    yield b"* QUOTAROOT %b %b\r\n" % (session.encode_name(name), quoted(QUOTA_ROOT.encode()))
    yield _quota(session)


def _quota(session: Session) -> bytes:
    """STORAGE, in units of 1024 octets, only where it has a limit; MESSAGE has that of UIDs (RFC 9208 §5)."""
    account = session.account
    assert account is not None
    with session.services.store.read() as connection:
        used = quota.usage(connection, account.id)
    resources = []
    if account.quota_bytes:
        resources.append(b"STORAGE %d %d" % (-(-used.size // 1024), account.quota_bytes // 1024))
    resources.append(b"MESSAGE %d %d" % (used.messages, MAX_NUMBER))
    return b"* QUOTA %b (%b)\r\n" % (quoted(QUOTA_ROOT.encode()), b" ".join(resources))
