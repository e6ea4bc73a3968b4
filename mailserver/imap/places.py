"""Names that a client writes → mailboxes with what it may do in them.

Standards: RFC 4314 §4, §6; RFC 2342.
"""

from __future__ import annotations

from sqlalchemy import Connection

from directory.mail import custody
from mailserver import access
from mailserver.access import Act, Place
from mailserver.imap.session import Session
from mailserver.imap.steps import InThread, Steps
from mailserver.store.mailboxes import SEPARATOR


def name_of(session: Session, octets: bytes) -> str:
    """A trailing separator only says that children are meant (RFC 9051 §6.3.4).

    Clients that learnt it from CREATE write it elsewhere too, Thunderbird among them; no mailbox is called so.
    """
    return session.decode_name(octets).removesuffix(SEPARATOR)


def need(session: Session, connection: Connection, octets: bytes, act: Act) -> Place:
    """The mailbox that the client names.  Raises NoSuchMailbox, NotPermitted, CannotDo."""
    name = name_of(session, octets)
    own = access.find_own(connection, session.member, name)
    if own is not None:
        return own
    with session.services.directory.read() as directory:
        return access.need(directory, connection, session.member, name, act)


def note_reading(session: Session, place: Place) -> Steps[None]:
    """That a custodian opens what was left behind is on record before he sees any of it: on another thread, for the
    directory may be busy.
    """
    if place.owner.status == "closed":
        directory, reader, origin = session.services.directory, session.member, session.client
        yield InThread(lambda: custody.note_reading(directory, reader, place.owner, origin))


def find(session: Session, connection: Connection, octets: bytes) -> Place | None:
    """The same whatever the rights are."""
    return find_name(session, connection, name_of(session, octets))


def find_name(session: Session, connection: Connection, name: str) -> Place | None:
    """The same for a name as we list it."""
    with session.services.directory.read() as directory:
        return access.find(directory, connection, session.member, name)


def visible(session: Session, connection: Connection) -> list[Place]:
    """What LIST may name."""
    with session.services.directory.read() as directory:
        return access.visible(directory, connection, session.member)


def canonical(session: Session, octets: bytes) -> str:
    """The one form of a name.  Raises CannotDo, LimitReached."""
    name = name_of(session, octets)
    with session.services.directory.read() as directory:
        return access.canonical(directory, session.member, name)
