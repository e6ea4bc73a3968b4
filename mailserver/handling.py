"""Who is answering what in a mailbox that several read: assigned, done, with notes that only they see.

What is handled is a conversation.  It belongs to nobody, or to one of those who have the mailbox; it is open, or done
until somebody writes again.  Notes never leave this server and are in no message.  Everything that is said or decided
here is kept as an event with its author, which nobody changes or takes away, and shown beside the conversation.

Whoever may act for the mailbox may do all of this, and nobody else (``directory.mail.recipients.mailboxes_of``); a
personal mailbox has nothing to share out.  Every change wakes who watches the mailbox, so that two officials see each
other's decisions at once.

Limits: ``MOST_EVENTS`` for a conversation, ``LONGEST_NOTE`` characters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, func, insert, select, update
from sqlalchemy.sql import ColumnElement

from directory.database import Directory
from directory.mail.recipients import mailboxes_of
from directory.words.names import tidy
from mailserver.access import is_narrowed
from mailserver.refusals import CannotDo, LimitReached, NoSuchMessage, NotPermitted
from mailserver.store import Store, threads
from mailserver.store.database import Transaction
from mailserver.store.mailboxes import ensure_maildrop
from mailserver.store.reading import newest_id
from mailserver.store.tables import mailbox, message, placement
from mailserver.store.work_tables import handled_thread, handling_event

ASSIGNED, NOTED, FINISHED, REOPENED = "assign", "note", "done", "reopen"
MOST_EVENTS = 1000
LONGEST_NOTE = 2000
PATIENCE = 60
# Mail that is nobody's answer: one's own, and what was thrown away.
_ASIDE = ("\\Sent", "\\Drafts", "\\Junk", "\\Trash")
OPEN_TO_ALL, MINE, DONE = "unassigned", "mine", "done"


@dataclass(frozen=True, slots=True)
class Handling:
    """``assignee`` is an account's id, empty for nobody."""

    assignee: str = ""
    is_done: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    at: int
    actor: str
    kind: str
    whom: str
    text: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """One in a shared mailbox, and who does something about it."""

    mailbox_account: str
    thread_key: str
    actor: str


# Changing


def assign(directory: Directory, store: Store, what: Conversation, to: str) -> None:
    """Give it to somebody who has the mailbox; empty for nobody.  Raises NotPermitted, NoSuchMessage."""
    _allow(directory, store, what.mailbox_account, what.actor, *([to] if to else []))

    def job(tx: Transaction) -> None:
        _note(tx, what, ASSIGNED, whom=to)
        _set(tx, what, assignee=to, done_at=0)

    _do(store, what, job)


def note(directory: Directory, store: Store, what: Conversation, text: str) -> None:
    """Raises NotPermitted, NoSuchMessage, CannotDo for no words, LimitReached for too many."""
    text = "\n".join(filter(None, map(tidy, text.splitlines())))
    if not text:
        raise CannotDo("A note has words")
    if len(text) > LONGEST_NOTE:
        raise LimitReached("The note is too long")
    _allow(directory, store, what.mailbox_account, what.actor)

    def job(tx: Transaction) -> None:
        _note(tx, what, NOTED, text=text)

    _do(store, what, job)


def finish(directory: Directory, store: Store, what: Conversation) -> None:
    """Done, until somebody writes again.  Raises NotPermitted, NoSuchMessage."""
    _allow(directory, store, what.mailbox_account, what.actor)

    def job(tx: Transaction) -> None:
        _note(tx, what, FINISHED)
        _set(tx, what, done_at=newest_id(tx.connection))

    _do(store, what, job)


def reopen(directory: Directory, store: Store, what: Conversation) -> None:
    """Raises NotPermitted, NoSuchMessage."""
    _allow(directory, store, what.mailbox_account, what.actor)

    def job(tx: Transaction) -> None:
        _note(tx, what, REOPENED)
        _set(tx, what, done_at=0)

    _do(store, what, job)


def _allow(directory: Directory, store: Store, mailbox_account: str, *people: str) -> None:
    with directory.read() as conn, store.read() as connection:
        for each in people:
            may = mailbox_account in mailboxes_of(conn, each, "read")
            if not may or is_narrowed(conn, connection, each, mailbox_account):
                raise NotPermitted("Only who has the mailbox takes part in its work")


def _do(store: Store, what: Conversation, job: Callable[[Transaction], None]) -> None:
    def run(tx: Transaction) -> None:
        inbox = ensure_maildrop(tx, what.mailbox_account)
        tx.hold(inbox.id)  # one decision after the other
        if not what.thread_key or not threads.members(tx.connection, what.mailbox_account, what.thread_key):
            raise NoSuchMessage("There is no such conversation")
        job(tx)
        tx.touch(inbox.id)

    store.write(run).result(PATIENCE)


def _note(tx: Transaction, what: Conversation, kind: str, *, whom: str = "", text: str = "") -> None:
    here = handling_event.c.account_id == what.mailbox_account
    count = tx.connection.execute(
        select(func.count()).where(here, handling_event.c.thread_key == what.thread_key)
    ).scalar_one()
    if count >= MOST_EVENTS:
        raise LimitReached("Too much was said of this conversation")
    last = tx.connection.execute(select(func.max(handling_event.c.number)).where(here)).scalar_one() or 0
    tx.connection.execute(
        insert(handling_event).values(
            account_id=what.mailbox_account,
            number=last + 1,
            thread_key=what.thread_key,
            at=tx.now,
            actor=what.actor,
            kind=kind,
            whom=whom,
            text=text,
        )
    )


def _set(tx: Transaction, what: Conversation, **values: Any) -> None:
    here = (
        handled_thread.c.account_id == what.mailbox_account,
        handled_thread.c.thread_key == what.thread_key,
    )
    if not tx.connection.execute(update(handled_thread).where(*here).values(**values)).rowcount:
        row = {"assignee": "", "done_at": 0, **values}
        tx.connection.execute(
            insert(handled_thread).values(account_id=what.mailbox_account, thread_key=what.thread_key, **row)
        )


# Looking


def _answered() -> ColumnElement[bool]:
    """Whether somebody has written in a conversation since it was done."""
    newer, place, box = message.alias(), placement.alias(), mailbox.alias()
    return (
        select(newer.c.id)
        .join(place, place.c.message_id == newer.c.id)
        .join(box, box.c.id == place.c.mailbox_id)
        .where(
            newer.c.thread_key == handled_thread.c.thread_key,
            newer.c.id > handled_thread.c.done_at,
            box.c.account_id == handled_thread.c.account_id,
            box.c.special_use.is_(None) | box.c.special_use.not_in(_ASIDE),
        )
        .exists()
    )


_IS_DONE = and_(handled_thread.c.done_at > 0, ~_answered())


def of_threads(connection: Connection, mailbox_account: str, thread_keys: Iterable[str]) -> dict[str, Handling]:
    """What is known of these conversations; of others nothing was ever decided."""
    rows = connection.execute(
        select(handled_thread.c.thread_key, handled_thread.c.assignee, _IS_DONE.label("is_done")).where(
            handled_thread.c.account_id == mailbox_account, handled_thread.c.thread_key.in_(list(thread_keys))
        )
    )
    return {row.thread_key: Handling(row.assignee, bool(row.is_done)) for row in rows}


def of_messages(
    connection: Connection, mailbox_account: str, mailbox_id: int, uids: Sequence[int]
) -> dict[int, Handling]:
    """The same for messages of one mailbox, by UID."""
    statement = (
        select(placement.c.uid, message.c.thread_key)
        .join(message, message.c.id == placement.c.message_id)
        .where(placement.c.mailbox_id == mailbox_id, placement.c.uid.in_(list(uids)))
    )
    keys = {row.uid: row.thread_key for row in connection.execute(statement)}
    known = of_threads(connection, mailbox_account, set(keys.values()))
    return {uid: known[key] for uid, key in keys.items() if key in known}


def events_of(connection: Connection, mailbox_account: str, thread_key: str) -> list[Event]:
    """Oldest first."""
    rows = connection.execute(
        select(*(handling_event.c[name] for name in ("at", "actor", "kind", "whom", "text")))
        .where(handling_event.c.account_id == mailbox_account, handling_event.c.thread_key == thread_key)
        .order_by(handling_event.c.number)
    )
    return [Event(*row) for row in rows]


def version(connection: Connection, mailbox_account: str) -> int:
    """Another number after every change."""
    statement = select(func.max(handling_event.c.number)).where(handling_event.c.account_id == mailbox_account)
    return connection.execute(statement).scalar_one() or 0


def uids(connection: Connection, mailbox_account: str, mailbox_id: int, which: str, me: str, limit: int) -> list[int]:
    """Messages of a mailbox whose conversation is ``MINE``, ``OPEN_TO_ALL`` or ``DONE``; the newest first."""
    here = and_(handled_thread.c.account_id == mailbox_account, handled_thread.c.thread_key == message.c.thread_key)
    found: Select[Any] = (
        select(placement.c.uid)
        .join(message, message.c.id == placement.c.message_id)
        .where(placement.c.mailbox_id == mailbox_id)
        .order_by(placement.c.uid.desc())
        .limit(limit)
    )
    if which == OPEN_TO_ALL:
        taken = select(handled_thread.c.thread_key).where(here, (handled_thread.c.assignee != "") | _IS_DONE)
        found = found.where(~taken.exists())
    else:
        condition = _IS_DONE if which == DONE else and_(handled_thread.c.assignee == me, ~_IS_DONE)
        found = found.where(select(handled_thread.c.thread_key).where(here, condition).exists())
    return list(connection.execute(found).scalars())
