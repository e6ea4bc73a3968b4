"""APPEND: one message or several, all or none.

A large literal is on its way into a file of the store's ``incoming`` folder while it arrives (``Spooled``), and is
taken over from there.  Messages are scanned, and large bodies made safe, before the transaction begins.

Standards: RFC 9051 §6.3.12, RFC 3502 (MULTIAPPEND), RFC 7889 (APPENDLIMIT), RFC 3516 §4.4 (literal8), RFC 4315 §3.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from mailserver.imap.grammar.commands import Append, Appended
from mailserver.imap.grammar.responses import NoSuchTarget, UnknownEncoding, number_set
from mailserver.imap.message_commands import known_flags
from mailserver.imap.session import Reply, Session
from mailserver.imap.steps import Steps
from mailserver.refusals import MalformedMessage, NoSuchMailbox, OverQuota, TooLarge, TryLater
from mailserver.store import Store, mailboxes, messages, quota
from mailserver.store.content import Content
from mailserver.store.database import Transaction
from mailserver.store.messages import Target


class Spooled:
    """A large literal, written to a file as it comes."""

    __slots__ = ("_broken", "_file", "has_nul", "path", "size")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.has_nul = False
        self._broken: OSError | None = None
        self._file = open(path, "wb", buffering=0)  # noqa: SIM115  (closed by finish or discard)

    def write(self, octets: bytes | memoryview) -> None:
        self.size += len(octets)
        if self._broken is not None:
            return
        self.has_nul = self.has_nul or b"\x00" in bytes(octets)
        try:
            self._file.write(octets)
        except OSError as fault:  # the disk is full: read on, and refuse when the command is whole
            self._broken = fault

    def finish(self) -> None:
        self._file.close()

    def discard(self) -> None:
        self._file.close()
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()

    def check(self) -> None:
        if self._broken is not None:
            raise TryLater(reason=f"APPEND could not be spooled: {self._broken}")


def append(session: Session, command: Append, tag: bytes) -> Steps[Reply]:
    account = session.account
    assert account is not None
    name = session.decode_name(command.mailbox)
    with session.services.store.read() as connection:
        target = mailboxes.find_mailbox(connection, account.id, name)
    if target is None:
        raise NoSuchTarget
    limit = session.services.config.imap.append_limit
    contents = [prepare(session.services.store, message, limit) for message in command.messages]
    size = sum(content.size for content in contents)
    targets = [Target(target.id, known_flags(message.flags), message.date) for message in command.messages]
    mailbox_id = target.id

    def job(tx: Transaction) -> tuple[int, list[int]]:
        if not quota.room_for(tx.connection, account.id, account.quota_bytes, size):
            raise OverQuota
        kept = [messages.append(tx, content, [place])[0] for content, place in zip(contents, targets, strict=True)]
        return kept[0].uid_validity, [each.uid for each in kept]

    try:
        uid_validity, uids = yield session.services.store.write(job, [mailbox_id])
    except NoSuchMailbox:
        raise NoSuchTarget from None
    return Reply(code=b"APPENDUID %d %b" % (uid_validity, number_set(uids)))


def prepare(store: Store, message: Appended, limit: int) -> Content:
    """Scan a message.  Raises TooLarge, MalformedMessage, UnknownEncoding, TryLater."""
    octets = message.octets
    if isinstance(octets, Spooled):
        octets.check()
        size, has_nul = octets.size, octets.has_nul
        source: bytes | Path = octets.path
    else:
        assert isinstance(octets, bytes)
        size, has_nul = len(octets), b"\x00" in octets
        source = octets
    if size > limit:
        raise TooLarge
    if not size:
        # RFC 3502 §3: an empty literal takes back the whole command.
        raise MalformedMessage("An empty message cannot be appended")
    if has_nul:
        # RFC 3516 §4.4: what cannot be kept as it is must be refused.
        raise UnknownEncoding if message.binary else MalformedMessage("NUL octets are not allowed in a message")
    try:
        return store.prepare(source)
    except OSError as fault:
        raise TryLater(reason=f"APPEND could not be kept: {fault}") from fault
