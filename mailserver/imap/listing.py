"""LIST, LSUB, STATUS.

Standards: RFC 9051 §6.3.9, §6.3.11, §7.3.1; RFC 5258, RFC 5819, RFC 6154 §2; RFC 3501 §6.3.9 (LSUB);
RFC 8438 (SIZE), RFC 7889 (APPENDLIMIT), RFC 9208 §4.1.4 (DELETED-STORAGE), RFC 8474 §4.3 (MAILBOXID).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable

from sqlalchemy import Connection

from mailserver.imap.grammar.listing import List, Lsub, Status
from mailserver.imap.grammar.responses import quoted
from mailserver.imap.patterns import matcher
from mailserver.imap.session import Session
from mailserver.imap.steps import Steps
from mailserver.refusals import NoSuchMailbox, Refusal
from mailserver.store import mailboxes, reading
from mailserver.store.flags import DELETED
from mailserver.store.mailboxes import SEPARATOR, Mailbox


def list_(session: Session, command: List, tag: bytes) -> Steps[None]:
    if not command.extended and command.patterns == (b"",):
        # A request for the separator and the root (RFC 9051 §6.3.9).
        yield b'* LIST (\\Noselect) "/" ""\r\n'
        return
    matches = _matcher(session, command.reference, command.patterns)
    if matches is None:
        return
    account_id = session.account_id
    with session.services.store.read() as connection:
        found = mailboxes.list_mailboxes(connection, account_id)
        subscribed = set(mailboxes.list_subscribed(connection, account_id))
        answer = _Listing(command, found, subscribed)
        lines = []
        for name in answer.names(matches):
            lines.append(answer.line(session, name))
            mailbox = answer.mailboxes.get(name)
            if command.status and mailbox is not None:
                lines.append(status_line(session, connection, mailbox, command.status))
    yield b"".join(lines)


def _matcher(session: Session, reference: bytes, patterns: Iterable[bytes]) -> Callable[[str], bool] | None:
    """Whether a name matches one of the patterns; None if none of them can be read (they match nothing)."""
    readable = []
    for pattern in patterns:
        # Clients should leave the reference empty; what it means is our choice (RFC 9051 §6.3.9): a prefix.
        try:
            name = session.decode_name(reference + pattern)
        except Refusal:
            continue
        if pattern:
            readable.append(matcher(unicodedata.normalize("NFC", name)))
    if not readable:
        return None
    return readable[0] if len(readable) == 1 else lambda name: any(matches(name) for matches in readable)


class _Listing:
    """Which names a LIST answers with, and with which attributes (RFC 9051 §6.3.9.6, table 3)."""

    def __init__(self, command: List, found: list[Mailbox], subscribed: set[str]) -> None:
        self.command = command
        self.mailboxes = {mailbox.name: mailbox for mailbox in found}
        self.subscribed = subscribed
        self.parents = parents_of(self.mailboxes)
        self.selecting = command.selection & {b"SUBSCRIBED", b"SPECIAL-USE"}
        self.recursive = b"RECURSIVEMATCH" in command.selection
        self.shows_subscribed = b"SUBSCRIBED" in command.selection | command.returns
        self.chosen: set[str] = set()
        self.parents_of_chosen: set[str] = set()

    def names(self, matches: Callable[[str], bool]) -> list[str]:
        every = list(self.mailboxes)
        if not self.selecting:
            return [name for name in every if matches(name)]
        if b"SUBSCRIBED" in self.selecting:
            every += sorted(self.subscribed - self.mailboxes.keys())
        chosen = {name for name in every if self._is_chosen(name)}
        self.chosen = chosen
        self.parents_of_chosen = parents_of(chosen)
        listed = [name for name in every if name in chosen and matches(name)]
        if self.recursive:
            # A parent that is not chosen is told only for the sake of children that are not told themselves.
            untold = parents_of(name for name in chosen if not matches(name))
            listed += sorted(name for name in untold - chosen if matches(name))
        return listed

    def _is_chosen(self, name: str) -> bool:
        if b"SUBSCRIBED" in self.selecting and name not in self.subscribed:
            return False
        mailbox = self.mailboxes.get(name)
        return b"SPECIAL-USE" not in self.selecting or (mailbox is not None and mailbox.special_use is not None)

    def line(self, session: Session, name: str) -> bytes:
        attributes = attributes_of(name, self.mailboxes.get(name), self.parents)
        if self.shows_subscribed and name in self.subscribed:
            attributes.append(b"\\Subscribed")
        extended = b""
        if self.recursive and name in self.parents_of_chosen:
            options = b" ".join(b'"%b"' % option for option in sorted(self.selecting))
            extended = b' ("CHILDINFO" (%b))' % options
        return b'* LIST (%b) "/" %b%b\r\n' % (b" ".join(attributes), session.encode_name(name), extended)


def parents_of(names: Iterable[str]) -> set[str]:
    """Every name that has one of these below it."""
    parents: set[str] = set()
    for name in names:
        while SEPARATOR in name:
            name = name.rpartition(SEPARATOR)[0]
            if name in parents:
                break
            parents.add(name)
    return parents


def attributes_of(name: str, mailbox: Mailbox | None, parents: set[str]) -> list[bytes]:
    attributes = [b"\\HasChildren" if name in parents else b"\\HasNoChildren"]
    if mailbox is None:
        attributes.append(b"\\NonExistent")
    elif mailbox.special_use:
        attributes.append(mailbox.special_use.encode("ascii"))
    return attributes


def mailbox_line(session: Session, connection: Connection, mailbox: Mailbox, given: str) -> bytes:
    """The LIST response that IMAP4rev2 wants with SELECT (RFC 9051 §6.3.2)."""
    names = [each.name for each in mailboxes.list_mailboxes(connection, mailbox.account_id)]
    attributes = attributes_of(mailbox.name, mailbox, parents_of(names))
    old_name = b""
    if given != mailbox.name and given.upper() != mailboxes.INBOX:
        old_name = b' ("OLDNAME" (%b))' % quoted(given.encode("utf-8"), session.utf8)
    return b'* LIST (%b) "/" %b%b\r\n' % (b" ".join(attributes), session.encode_name(mailbox.name), old_name)


def lsub(session: Session, command: Lsub, tag: bytes) -> Steps[None]:
    """RFC 3501 §6.3.9: subscribed names; with ``%`` also a level above one, as \\Noselect."""
    matches = _matcher(session, command.reference, (command.pattern,))
    if matches is None:
        return
    account_id = session.account_id
    with session.services.store.read() as connection:
        subscribed = mailboxes.list_subscribed(connection, account_id)
    lines = [
        b'* LSUB () "/" %b\r\n' % session.encode_name(name)
        for name in sorted(subscribed, key=lambda name: (name != mailboxes.INBOX, name))
        if matches(name)
    ]
    if b"%" in command.pattern:
        above = parents_of(name for name in subscribed if not matches(name)) - set(subscribed)
        lines += [
            b'* LSUB (\\Noselect) "/" %b\r\n' % session.encode_name(name) for name in sorted(above) if matches(name)
        ]
    yield b"".join(lines)


def status(session: Session, command: Status, tag: bytes) -> Steps[None]:
    name = session.decode_name(command.mailbox)
    if b"HIGHESTMODSEQ" in command.items:
        yield session.enable_condstore()  # RFC 7162 §3.1
    with session.services.store.read() as connection:
        mailbox = mailboxes.find_mailbox(connection, session.account_id, name)
        if mailbox is None:
            raise NoSuchMailbox
        line = status_line(session, connection, mailbox, command.items)
    yield line


def status_line(session: Session, connection: Connection, mailbox: Mailbox, items: Iterable[bytes]) -> bytes:
    values = [item + b" " + _STATUS[item](session, connection, mailbox) for item in items]
    return b"* STATUS %b (%b)\r\n" % (session.encode_name(mailbox.name), b" ".join(values))


def _deleted_storage(connection: Connection, mailbox: Mailbox) -> int:
    if not mailbox.deleted:
        return 0
    rows = reading.fetch(connection, mailbox.id, [(1, mailbox.uid_next)], ("uid", "flags", "size"))
    return sum(size for _, mask, size in rows if mask & DELETED)


_STATUS: dict[bytes, Callable[[Session, Connection, Mailbox], bytes]] = {
    b"MESSAGES": lambda session, connection, mailbox: b"%d" % mailbox.messages,
    b"UIDNEXT": lambda session, connection, mailbox: b"%d" % mailbox.uid_next,
    b"UIDVALIDITY": lambda session, connection, mailbox: b"%d" % mailbox.uid_validity,
    b"UNSEEN": lambda session, connection, mailbox: b"%d" % mailbox.unseen,
    b"DELETED": lambda session, connection, mailbox: b"%d" % mailbox.deleted,
    b"SIZE": lambda session, connection, mailbox: b"%d" % mailbox.size,
    b"RECENT": lambda session, connection, mailbox: b"0",
    b"HIGHESTMODSEQ": lambda session, connection, mailbox: b"%d" % mailbox.highest_modseq,
    b"APPENDLIMIT": lambda session, connection, mailbox: b"%d" % session.services.config.imap.append_limit,
    b"DELETED-STORAGE": lambda session, connection, mailbox: b"%d" % _deleted_storage(connection, mailbox),
    b"MAILBOXID": lambda session, connection, mailbox: b"(F%d)" % mailbox.id,
}
