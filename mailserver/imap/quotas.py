"""GETQUOTA, GETQUOTAROOT, SETQUOTA.  Every account is one quota root, which counts all of its mailboxes.

One's own root is ``User quota``; that of somebody else's mailboxes has the name under which they appear.
Administrators see every root and set its STORAGE, which is the account's quota in the directory.

Standards: RFC 9208 §3.2, §4.1, §5; RFC 4314 §6.
"""

from __future__ import annotations

from directory.mail import account_changes
from directory.mail.accounts import Account, find_account
from mailserver import access
from mailserver.access import Act
from mailserver.imap import places
from mailserver.imap.grammar.commands import GetQuota, OneMailbox
from mailserver.imap.grammar.quota import SetQuota
from mailserver.imap.grammar.responses import quoted
from mailserver.imap.grammar.syntax import MAX_NUMBER
from mailserver.imap.session import Session
from mailserver.imap.steps import InThread, Steps
from mailserver.refusals import CannotDo, NoSuchMailbox, NotPermitted
from mailserver.store import mailboxes, quota

QUOTA_ROOT = "User quota"


class NoSuchRoot(NoSuchMailbox):
    default_text = "No such quota root"


def get_quota(session: Session, command: GetQuota, tag: bytes) -> Steps[None]:
    owner = _owner(session, command.root)
    yield _quota(session, owner)


def get_quota_root(session: Session, command: OneMailbox, tag: bytes) -> Steps[None]:
    """RFC 9208 §4.1.2: a mailbox of one's own need not exist yet; another's must be one that one may read."""
    name = places.canonical(session, command.mailbox)
    with session.services.store.read() as connection:
        place = places.find(session, connection, command.mailbox)
        if name.partition(mailboxes.SEPARATOR)[0] in access.ROOTS:
            place = places.need(session, connection, command.mailbox, Act.READ)
    owner = session.member if place is None else place.owner
    yield b"* QUOTAROOT %b %b\r\n" % (session.encode_name(name), _root_text(session, owner))
    yield _quota(session, owner)


def set_quota(session: Session, command: SetQuota, tag: bytes) -> Steps[None]:
    """RFC 9208 §4.1.3: what is not named is no longer limited; only STORAGE can be limited."""
    if not session.member.is_admin:
        raise NotPermitted
    owner = _owner(session, command.root)
    limits = dict(command.limits)
    storage = limits.pop(b"STORAGE", 0) * 1024
    if limits:
        raise CannotDo("Only STORAGE can be limited")
    if b"STORAGE" in dict(command.limits) and not storage:
        raise CannotDo("A limit of nothing would refuse all mail; lock the account instead")
    directory, actor = session.services.directory, session.member.login

    def change() -> Account | None:
        with directory.write(origin=session.client) as conn:
            account_changes.set_quota(conn, actor, owner.id, storage)
            return find_account(conn, owner.id)

    changed = yield InThread(change)
    if changed.id == session.account_id:
        session.account = changed
    yield _quota(session, changed)


def _owner(session: Session, root: bytes) -> Account:
    """Whose root it is.  Raises NoSuchRoot, also for one that the client is not to know."""
    name = root.decode("utf-8", "replace")
    if name == QUOTA_ROOT:
        return session.member
    with session.services.store.read() as connection, session.services.directory.read() as directory:
        owner = access.owner_of_root(directory, name)
        if owner is not None:
            if session.member.is_admin:
                return owner
            seen = access.visible(directory, connection, session.member)
            if any(place.owner.id == owner.id and place.may(Act.READ) for place in seen):
                return owner
    raise NoSuchRoot


def _root_text(session: Session, owner: Account) -> bytes:
    if owner.id == session.account_id:
        return quoted(QUOTA_ROOT.encode())
    with session.services.directory.read() as directory:
        return quoted(access.root_of(directory, owner).encode())


def _quota(session: Session, owner: Account) -> bytes:
    """STORAGE, in units of 1024 octets, only where it has a limit; MESSAGE has that of UIDs (RFC 9208 §5)."""
    with session.services.store.read() as connection:
        used = quota.usage(connection, owner.id)
    resources = []
    if owner.quota_bytes:
        resources.append(b"STORAGE %d %d" % (-(-used.size // 1024), owner.quota_bytes // 1024))
    resources.append(b"MESSAGE %d %d" % (used.messages, MAX_NUMBER))
    resources.append(b"MAILBOX %d %d" % (used.mailboxes, mailboxes.MAX_MAILBOXES))
    return b"* QUOTA %b (%b)\r\n" % (_root_text(session, owner), b" ".join(resources))
