"""LIST, LSUB, STATUS, NAMESPACE: one's own mailboxes, and those of others that one may see.

Standards: RFC 9051 §6.3.9, §6.3.11, §7.3.1; RFC 5258, RFC 5819, RFC 6154 §2; RFC 8440 (MYRIGHTS), RFC 9590 (METADATA);
RFC 2342; RFC 3501 §6.3.9 (LSUB); RFC 8438 (SIZE), RFC 7889 (APPENDLIMIT), RFC 9208 §4.1.4 (DELETED-STORAGE),
RFC 8474 §4.3 (MAILBOXID); RFC 4314 §4.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator

from sqlalchemy import Connection

from mailserver import access
from mailserver.access import Act, Place
from mailserver.imap import places
from mailserver.imap.grammar.acl import rights_text
from mailserver.imap.grammar.commands import Bare
from mailserver.imap.grammar.listing import List, Lsub, Status
from mailserver.imap.grammar.metadata import metadata_values
from mailserver.imap.grammar.responses import quoted
from mailserver.imap.patterns import matcher
from mailserver.imap.rights import may_annotate
from mailserver.imap.session import Session
from mailserver.imap.steps import Steps
from mailserver.refusals import Refusal
from mailserver.store import mailboxes, metadata, reading, recent
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
    # Levels that are no mailboxes are told to one who looks level by level (RFC 3501 §6.3.8).
    by_level = _matcher(session, command.reference, [each for each in command.patterns if each.endswith(b"%")])
    with session.services.store.read() as connection:
        found = places.visible(session, connection)
        subscribed = access.subscribed_names(connection, session.member, found)
        answer = _Listing(command, found, subscribed)
        lines = []
        for name in answer.names(matches, by_level):
            lines.append(answer.line(session, name))
            place = answer.places.get(name)
            if place is not None and answer.is_meant(name):
                lines += _more(session, connection, place, command)
    yield b"".join(lines)


def _more(session: Session, connection: Connection, place: Place, command: List) -> Iterator[bytes]:
    """What RETURN asks for besides the LIST response of a mailbox, as far as the client may know it."""
    name = session.encode_name(place.mailbox.name)
    if command.status and place.may(Act.READ):
        yield status_line(session, connection, place, command.status)
    if b"MYRIGHTS" in command.returns:
        yield b"* MYRIGHTS %b %b\r\n" % (name, rights_text(place.rights))
    if command.metadata and may_annotate(place):
        kept = metadata.values(connection, place.mailbox.id, session.account_id)
        # RFC 9590 §3: an entry without a value is told as NIL.
        yield metadata_values(name, {entry: kept.get(entry) for entry in command.metadata})


def namespace(session: Session, command: Bare, tag: bytes) -> Steps[None]:
    """RFC 2342 §5, RFC 9051 §6.3.10."""
    others = b" ".join(b'(("%b/" "/"))' % root.encode("ascii") for root in access.ROOTS)
    yield b'* NAMESPACE (("" "/")) %b\r\n' % others


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

    def __init__(self, command: List, found: list[Place], subscribed: set[str]) -> None:
        self.command = command
        self.places = {place.mailbox.name: place for place in found}
        self.subscribed = subscribed
        self.parents = parents_of(self.places)
        self.selecting = command.selection & {b"SUBSCRIBED", b"SPECIAL-USE"}
        self.recursive = b"RECURSIVEMATCH" in command.selection
        self.shows_subscribed = b"SUBSCRIBED" in command.selection | command.returns
        self.chosen: set[str] = set()
        self.parents_of_chosen: set[str] = set()

    def names(self, matches: Callable[[str], bool], by_level: Callable[[str], bool] | None) -> list[str]:
        every = list(self.places)
        if not self.selecting:
            levels = sorted(self.parents - self.places.keys()) if by_level is not None else []
            return [name for name in every if matches(name)] + [name for name in levels if by_level and by_level(name)]
        if b"SUBSCRIBED" in self.selecting:
            every += sorted(self.subscribed - self.places.keys())
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
        place = self.places.get(name)
        return b"SPECIAL-USE" not in self.selecting or (place is not None and place.mailbox.special_use is not None)

    def is_meant(self, name: str) -> bool:
        """Whether a name is told for its own sake, not for that of mailboxes below it (RFC 8440 §4)."""
        return not self.selecting or name in self.chosen

    def line(self, session: Session, name: str) -> bytes:
        attributes = attributes_of(name, self.places.get(name), self.parents)
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


def attributes_of(name: str, place: Place | None, parents: set[str]) -> list[bytes]:
    attributes = [b"\\HasChildren" if name in parents else b"\\HasNoChildren"]
    if place is None:
        attributes.append(b"\\NonExistent")
        if name in parents:
            # What RFC 5258 says with \\NonExistent, older clients only know as this.
            attributes.append(b"\\Noselect")
        return attributes
    if not place.may(Act.READ):
        attributes.append(b"\\Noselect")
    if place.mailbox.special_use:
        attributes.append(place.mailbox.special_use.encode("ascii"))
    return attributes


def mailbox_line(session: Session, connection: Connection, place: Place, given: str) -> bytes:
    """The LIST response that IMAP4rev2 wants with SELECT (RFC 9051 §6.3.2)."""
    mailbox = place.mailbox
    if place.owner.id == session.account_id:
        names = [each.name for each in mailboxes.list_mailboxes(connection, session.account_id)]
    else:
        names = [each.mailbox.name for each in places.visible(session, connection)]
    attributes = attributes_of(mailbox.name, place, parents_of(names))
    old_name = b""
    if given != mailbox.name and given.upper() != mailboxes.INBOX:
        old_name = b' ("OLDNAME" (%b))' % quoted(given.encode("utf-8"), session.utf8)
    return b'* LIST (%b) "/" %b%b\r\n' % (b" ".join(attributes), session.encode_name(mailbox.name), old_name)


def lsub(session: Session, command: Lsub, tag: bytes) -> Steps[None]:
    """RFC 3501 §6.3.9: subscribed names; with ``%`` also a level above one, as \\Noselect."""
    matches = _matcher(session, command.reference, (command.pattern,))
    if matches is None:
        return
    with session.services.store.read() as connection:
        subscribed = access.subscribed_names(connection, session.member, places.visible(session, connection))
    lines = [
        b'* LSUB () "/" %b\r\n' % session.encode_name(name)
        for name in sorted(subscribed, key=lambda name: (name != mailboxes.INBOX, name))
        if matches(name)
    ]
    if b"%" in command.pattern:
        above = parents_of(name for name in subscribed if not matches(name)) - subscribed
        lines += [
            b'* LSUB (\\Noselect) "/" %b\r\n' % session.encode_name(name) for name in sorted(above) if matches(name)
        ]
    yield b"".join(lines)


def status(session: Session, command: Status, tag: bytes) -> Steps[None]:
    if b"HIGHESTMODSEQ" in command.items:
        yield session.enable_condstore()  # RFC 7162 §3.1
    with session.services.store.read() as connection:
        place = places.need(session, connection, command.mailbox, Act.READ)
        line = status_line(session, connection, place, command.items)
    yield line


def status_line(session: Session, connection: Connection, place: Place, items: Iterable[bytes]) -> bytes:
    values = [item + b" " + _STATUS[item](session, connection, place.mailbox) for item in items]
    return b"* STATUS %b (%b)\r\n" % (session.encode_name(place.mailbox.name), b" ".join(values))


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
    b"RECENT": lambda session, connection, mailbox: b"%d" % _recent(session, connection, mailbox),
    b"HIGHESTMODSEQ": lambda session, connection, mailbox: b"%d" % mailbox.highest_modseq,
    b"APPENDLIMIT": lambda session, connection, mailbox: b"%d" % session.services.config.imap.append_limit,
    b"DELETED-STORAGE": lambda session, connection, mailbox: b"%d" % _deleted_storage(connection, mailbox),
    b"MAILBOXID": lambda session, connection, mailbox: b"(F%d)" % mailbox.id,
}


def _recent(session: Session, connection: Connection, mailbox: Mailbox) -> int:
    """How many messages no session was told of (RFC 3501 §6.3.10)."""
    first = session.services.recent.first(mailbox.id, mailbox.recent_uid)
    return recent.count_from(connection, mailbox.id, first) if first < mailbox.uid_next else 0
