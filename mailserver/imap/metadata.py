"""GETMETADATA, SETMETADATA: annotations of mailboxes and of the server.

Of the server, ``/shared/admin`` is what the configuration says and cannot be set; other shared entries of the server
are set by administrators, private ones by everybody for himself.

Standards: RFC 5464 §3.3, §4; RFC 4314.
Limits: those of ``mailserver.store.metadata``.
"""

from __future__ import annotations

from mailserver.imap import places
from mailserver.imap.grammar.metadata import GetMetadata, SetMetadata, metadata_values
from mailserver.imap.rights import may_annotate
from mailserver.imap.session import Reply, Session
from mailserver.imap.steps import Steps
from mailserver.refusals import CannotDo, NoSuchMailbox, NotPermitted
from mailserver.store import metadata
from mailserver.store.metadata import AnnotationTooLarge, TooManyAnnotations

_ADMIN = "/shared/admin"


def get_metadata(session: Session, command: GetMetadata, tag: bytes) -> Steps[Reply]:
    mailbox_id, name = _place(session, command.mailbox)
    with session.services.store.read() as connection:
        kept = metadata.values(connection, mailbox_id, session.account_id)
    if mailbox_id == metadata.SERVER:
        kept[_ADMIN] = f"mailto:postmaster@{session.services.config.city.domain}".encode()
    # Who asks for an entry by its name is told of one that is not there, too (§4.2: the response is required).
    found: dict[str, bytes | None] = {entry: kept.get(entry) for entry in command.entries if not command.depth}
    found |= {
        entry: value
        for entry, value in kept.items()
        if any(_is_meant(entry, wanted, command.depth) for wanted in command.entries)
    }
    limit = command.max_size
    long = [len(value) for value in found.values() if value is not None and limit is not None and len(value) > limit]
    told = {entry: value for entry, value in found.items() if value is None or limit is None or len(value) <= limit}
    if told:
        yield metadata_values(name, told)
    if long:
        return Reply(code=b"METADATA LONGENTRIES %d" % max(long))
    return Reply()


def set_metadata(session: Session, command: SetMetadata, tag: bytes) -> Steps[Reply]:
    mailbox_id, _ = _place(session, command.mailbox)
    wanted = dict(command.values)
    if mailbox_id == metadata.SERVER:
        if _ADMIN in wanted:
            raise CannotDo("That entry cannot be set")
        if any(entry.startswith(metadata.SHARED_PREFIX) for entry in wanted) and not session.member.is_admin:
            raise NotPermitted
    account_id = session.account_id
    try:
        yield session.services.store.write(
            lambda tx: metadata.change(tx, mailbox_id, account_id, wanted), [mailbox_id] if mailbox_id else []
        )
    except TooManyAnnotations as refusal:
        return Reply(refusal.client_text, b"METADATA TOOMANY", is_no=True)
    except AnnotationTooLarge as refusal:
        return Reply(refusal.client_text, b"METADATA MAXSIZE %d" % metadata.MAX_VALUE, is_no=True)
    return Reply()


def _is_meant(entry: str, wanted: str, depth: int) -> bool:
    """Whether an entry is the wanted one, or below it within ``depth`` levels (§4.2.2)."""
    if entry == wanted:
        return True
    return entry.startswith(wanted + "/") and entry.count("/") - wanted.count("/") <= depth


def _place(session: Session, mailbox: bytes) -> tuple[int, bytes]:
    """Where annotations are kept, and the mailbox as it is written.  Raises NoSuchMailbox, NotPermitted."""
    if not mailbox:
        return metadata.SERVER, b'""'
    with session.services.store.read() as connection:
        place = places.find(session, connection, mailbox)
    if place is None or "l" not in place.rights:
        raise NoSuchMailbox
    if not may_annotate(place):
        raise NotPermitted
    return place.mailbox.id, session.encode_name(place.mailbox.name)
