"""SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS.

Identifiers are addresses of the city (an official's, a unit's, a group's) and ``anyone``; with a dash before them they
take rights away.  The owner has every right always and is not in the list; that colleagues who are appointed to a
unit's mailbox work in it comes from the directory, and can only be narrowed here, by negative rights.

Standards: RFC 4314 §3, §4, §6.
"""

from __future__ import annotations

import logging

from directory.record import record
from mailserver import access
from mailserver.access import Act, Place
from mailserver.imap import places
from mailserver.imap.grammar.acl import Change, DeleteAcl, ListRights, SetAcl, each_right, rights_text
from mailserver.imap.grammar.commands import OneMailbox
from mailserver.imap.grammar.responses import astring, quoted
from mailserver.imap.grammar.syntax import SyntaxFault
from mailserver.imap.session import Session
from mailserver.imap.steps import InThread, Steps
from mailserver.refusals import CannotDo, NoSuchMailbox
from mailserver.store import rights
from mailserver.store.database import Transaction
from mailserver.store.rights import ALL, Entry, Rights

log = logging.getLogger("citymail.imap")


class NoSuchIdentifier(CannotDo):
    default_text = "No official, unit or group of the city has this address"


def set_acl(session: Session, command: SetAcl, tag: bytes) -> Steps[None]:
    place = _administered(session, command.mailbox)
    identifier, negative = _identifier(session, command.identifier)
    if identifier == f"a:{place.owner.id}" and not negative:
        raise CannotDo("The owner has every right, and keeps it")

    def job(tx: Transaction) -> Rights:
        tx.hold(place.mailbox.id)
        before = next(
            (
                each.rights
                for each in rights.entries(tx.connection, place.mailbox.id)
                if (each.identifier, each.negative) == (identifier, negative)
            ),
            rights.NONE,
        )
        after = {
            Change.REPLACE: command.rights,
            Change.ADD: before | command.rights,
            Change.REMOVE: before - command.rights,
        }[command.change]
        access.give(tx, place.mailbox.id, Entry(identifier, negative, after))
        return after

    yield _recording(session, place, command.identifier, _SIGNS[command.change] + access.ordered(command.rights))
    after = yield session.services.store.write(job, [place.mailbox.id])
    _note(session, place, command.identifier, access.ordered(after))


def delete_acl(session: Session, command: DeleteAcl, tag: bytes) -> Steps[None]:
    """That there was no such entry is no failure: the list is as was wished."""
    place = _administered(session, command.mailbox)
    identifier, negative = _identifier(session, command.identifier)
    mailbox_id = place.mailbox.id

    entry = Entry(identifier, negative, rights.NONE)
    yield _recording(session, place, command.identifier, "")
    yield session.services.store.write(lambda tx: access.give(tx, mailbox_id, entry), [mailbox_id])
    _note(session, place, command.identifier, "")


def get_acl(session: Session, command: OneMailbox, tag: bytes) -> Steps[None]:
    place = _administered(session, command.mailbox)
    words = [session.encode_name(place.mailbox.name), astring(place.owner.login.encode()), rights_text(ALL)]
    with session.services.store.read() as connection, session.services.directory.read() as directory:
        for entry in rights.entries(connection, place.mailbox.id):
            shown = access.show_identifier(directory, entry)
            if shown is not None:
                words += [quoted(shown.encode(), session.utf8), rights_text(entry.rights)]
    yield b"* ACL %b\r\n" % b" ".join(words)


def list_rights(session: Session, command: ListRights, tag: bytes) -> Steps[None]:
    """The identifier is written back as it came (RFC 4314 §3.4)."""
    place = _administered(session, command.mailbox)
    identifier, negative = _identifier(session, command.identifier)
    is_owner = identifier == f"a:{place.owner.id}" and not negative
    granted = rights_text(ALL) if is_owner else b'"" ' + each_right()
    yield b"* LISTRIGHTS %b %b %b\r\n" % (
        session.encode_name(place.mailbox.name), quoted(command.identifier, session.utf8), granted
    )  # fmt: skip


def my_rights(session: Session, command: OneMailbox, tag: bytes) -> Steps[None]:
    """RFC 4314 §4: any of the rights that show the mailbox is enough."""
    with session.services.store.read() as connection:
        place = places.find(session, connection, command.mailbox)
    if place is None or place.rights.isdisjoint(access.ANY_RIGHT):
        raise NoSuchMailbox
    yield b"* MYRIGHTS %b %b\r\n" % (session.encode_name(place.mailbox.name), rights_text(place.rights))


def _administered(session: Session, mailbox: bytes) -> Place:
    with session.services.store.read() as connection:
        return places.need(session, connection, mailbox, Act.ADMINISTER)


def _identifier(session: Session, octets: bytes) -> tuple[str, bool]:
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise SyntaxFault("An identifier is UTF-8") from None
    with session.services.directory.read() as directory:
        found = access.parse_identifier(directory, text)
    if found is None:
        raise NoSuchIdentifier
    return found


_SIGNS = {Change.REPLACE: "", Change.ADD: "+", Change.REMOVE: "-"}


def _recording(session: Session, place: Place, identifier: bytes, change: str) -> InThread:
    """The entry in the audit record.  It is made before the change, in another database: no right is ever given that
    nobody can find out about.
    """
    actor, owner, name, origin = session.member.login, place.owner.login, place.own_name, session.client
    directory, whom = session.services.directory, identifier.decode("utf-8", "replace")

    def write() -> None:
        with directory.write(origin=origin) as conn:
            record(conn, actor, "mailbox.share", owner, to=whom, rights=change, mailboxes=[name])

    return InThread(write)


def _note(session: Session, place: Place, identifier: bytes, after: str) -> None:
    log.info(
        "rights in mailbox %d of %s: %r has %r; %s",
        place.mailbox.id, place.owner.login, identifier.decode("utf-8", "replace"), after, session,
    )  # fmt: skip
