"""CATENATE: a message put together from texts and from parts of messages that are here already.

Standards: RFC 4469 §3, §4; RFC 5092 §6, §7 (which URLs: ``grammar.urls``).
Limits: pieces come to ``[imap] append_limit`` together at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from directory.mail import custody
from mailserver import access
from mailserver.access import Act, Place
from mailserver.imap import sections
from mailserver.imap.bodies import COLUMNS, MessageBody, Stretch
from mailserver.imap.grammar.appending import Piece, Url
from mailserver.imap.grammar.responses import BadUrl
from mailserver.imap.grammar.syntax import SyntaxFault
from mailserver.imap.grammar.urls import MessageUrl, parse_url
from mailserver.imap.session import Session
from mailserver.imap.spooled import Spooled
from mailserver.imap.steps import AnswerBroken
from mailserver.refusals import Refusal, TooLarge, TryLater
from mailserver.store import reading, unscanned
from mailserver.store.mailboxes import SEPARATOR

# Beyond this many octets the pieces are joined in a file.
_IN_MEMORY = 1 << 20
_COPY = 1 << 18

# How many octets a piece has, and how to get them.
_Source = tuple[int, Callable[[], Iterable[bytes]]]


def catenate(session: Session, pieces: tuple[Piece, ...], limit: int) -> bytes | Spooled:
    """The pieces' octets one behind the other.  Raises BadUrl, TooLarge, TryLater."""
    try:
        sources = [_source(session, piece) for piece in pieces]
        size = sum(size for size, _ in sources)
        if size > limit:
            raise TooLarge  # RFC 4469 §4.2
        if size <= _IN_MEMORY:
            return b"".join([octets for _, read in sources for octets in read()])
        return _in_file(session, sources)
    except (OSError, AnswerBroken) as fault:
        raise TryLater(reason=f"CATENATE could not read its pieces: {fault}") from fault


def _in_file(session: Session, sources: list[_Source]) -> Spooled:
    whole = Spooled(session.services.store.blobs.new_file())
    try:
        for _, read in sources:
            for octets in read():
                whole.write(octets)
    except BaseException:
        whole.discard()
        raise
    whole.finish()
    return whole


def _source(session: Session, piece: Piece) -> _Source:
    if isinstance(piece, bytes):
        return len(piece), lambda: (piece,)
    if isinstance(piece, Url):
        return _part(session, piece.octets)
    assert isinstance(piece, Spooled)
    piece.check()
    return piece.size, partial(_spooled, piece)


def _spooled(piece: Spooled) -> Iterator[bytes]:
    with open(piece.path, "rb") as file:
        while octets := file.read(_COPY):
            yield octets


def _part(session: Session, octets: bytes) -> _Source:
    """The octets that a URL names, as BODY.PEEK would give them (RFC 4469 §3)."""
    try:
        url = parse_url(octets)
        place = _mailbox(session, url)
        if place.owner.status == "closed":
            custody.note_reading(session.services.directory, session.member, place.owner, session.client)
    except (SyntaxFault, Refusal) as fault:
        raise BadUrl(octets, str(fault)) from None
    store, looks_into = session.services.store, sections.needs_tree(url.section)
    columns = (*COLUMNS, "parts") if looks_into else COLUMNS
    where = unscanned.among(place.key, url.uid, url.uid)
    with store.read_scanned(where) if looks_into else store.read() as connection:
        row = next(reading.fetch(connection, place.key, [(url.uid, url.uid)], columns), None)
    if row is None or url.uid_validity not in (None, place.mailbox.uid_validity):
        raise BadUrl(octets)
    body = MessageBody(store, row)
    found = body.section(url.section)
    if found is None:
        raise BadUrl(octets, "The message has no such part")
    if isinstance(found, Stretch):
        return found.size, partial(body.slices, found)
    return sum(map(len, found)), lambda: found


def _mailbox(session: Session, url: MessageUrl) -> Place:
    """RFC 4469 §3: relative to the selected mailbox, if there is one."""
    name = url.path
    if not url.absolute and session.place is not None:
        selected = session.place.mailbox.name
        name = selected.rpartition(SEPARATOR)[0] + SEPARATOR + name if name and SEPARATOR in selected else name
        name = name or selected
    with session.services.store.read() as connection, session.services.directory.read() as directory:
        return access.need(directory, connection, session.member, name, Act.READ)
