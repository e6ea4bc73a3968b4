"""Messages put off until a moment: out of the way in a mailbox of their own, and back at the top when it comes.

A snoozed message lies in the account's ``\\Snoozed`` mailbox, where mail programs see it too; when it is to come back,
and where to, stands in a table that all processes share.  The steward wakes what is due (``wake_due``), and what was
answered meanwhile: a message of the same conversation that came in after it was put off.  Coming back is a move like
any other, so the message has a new UID and stands at the top.  Whoever moves it out of there by hand has woken it.

Standards: RFC 6851 (MOVE); ``\\Snoozed`` is an attribute in the manner of RFC 6154, which mail programs know.
Limits: ``LONGEST`` seconds; ``_AT_ONCE`` messages a transaction.  Each look costs a probe of an index for every
message that is put off.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from mailserver.refusals import CannotDo, Refusal, TryLater
from mailserver.store import bulk, mailboxes, messages, reading
from mailserver.store.bulk import Places
from mailserver.store.database import Transaction
from mailserver.store.mailboxes import INBOX, create_mailbox, ensure_maildrop, get_mailbox, special_mailbox
from mailserver.store.reading import as_ranges
from mailserver.store.store import Store
from mailserver.store.tables import mailbox, message, placement
from mailserver.store.work_tables import snoozed

log = logging.getLogger("citymail.store")

USE = "\\Snoozed"
LONGEST = 366 * 86_400
_AT_ONCE = 500
# Mail that is no answer to anything: one's own, and what was thrown away.
_ASIDE = ("\\Sent", "\\Drafts", "\\Junk", "\\Trash", USE)


def snooze(store: Store, account_id: str, places: Places, wake_at: int, *, unread: bool, token: str) -> int:
    """How many messages are put off; ``token`` takes it back (``store.bulk``).

    ``unread``: they come back as if nobody had read them.  Raises CannotDo for a moment that is past or too far away.
    """
    box = store.write(partial(_mailbox, account_id=account_id)).result(bulk.PATIENCE)
    given = {mailbox_id: uids for mailbox_id, uids in places.items() if mailbox_id != box}
    note = partial(_note, account_id=account_id, box=box, wake_at=wake_at, unread=unread)
    return bulk.change(store, account_id, given, bulk.Move(box, note), token)


def _mailbox(tx: Transaction, account_id: str) -> int:
    ensure_maildrop(tx, account_id)
    found = special_mailbox(tx.connection, account_id, USE)
    if found is not None:
        return found.id
    taken = {each.name for each in mailboxes.list_mailboxes(tx.connection, account_id)}
    name = next(each for each in ("Snoozed", *(f"Snoozed {n}" for n in range(2, len(taken) + 3))) if each not in taken)
    made = create_mailbox(tx, account_id, name, USE)
    mailboxes.subscribe(tx, account_id, [made.name])
    return made.id


def _note(
    tx: Transaction, home_id: int, moved: Sequence[tuple[int, int]], *, account_id: str, box: int, wake_at: int,
    unread: bool,
) -> None:  # fmt: skip
    if not tx.now < wake_at <= tx.now + LONGEST:
        raise CannotDo("A message is put off until a later moment, within a year")
    uids = as_ranges(new for _old, new in moved)
    newest = reading.newest_id(tx.connection)
    rows = [
        {
            "mailbox_id": box,
            "uid": row.uid,
            "account_id": account_id,
            "home_id": home_id,
            "wake_at": wake_at,
            "unread": unread,
            "thread_key": row.thread_key,
            "newest": newest,
        }
        for row in reading.fetch(tx.connection, box, uids, ("uid", "thread_key"))
    ]
    if rows:
        tx.connection.execute(insert(snoozed), rows)


def moments_of(connection: Connection, mailbox_id: int) -> dict[int, int]:
    """When each message of a ``\\Snoozed`` mailbox comes back, by UID."""
    statement = select(snoozed.c.uid, snoozed.c.wake_at).where(snoozed.c.mailbox_id == mailbox_id)
    return {row.uid: row.wake_at for row in connection.execute(statement)}


def wake_due(store: Store, now: int) -> int:
    """How many messages came back."""
    with store.read() as connection:
        due = _due(connection, now) | _answered(connection)
    return _wake(store, sorted(due))


def wake(store: Store, places: Places) -> int:
    """Have messages of ``\\Snoozed`` mailboxes come back at once; how many."""
    return _wake(store, [(mailbox_id, uid) for mailbox_id, uids in places.items() for uid in uids])


def _due(connection: Connection, now: int) -> set[tuple[int, int]]:
    rows = connection.execute(select(snoozed.c.mailbox_id, snoozed.c.uid).where(snoozed.c.wake_at <= now))
    return {(mailbox_id, uid) for mailbox_id, uid in rows}


def _answered(connection: Connection) -> set[tuple[int, int]]:
    newer = (message.c.thread_key == snoozed.c.thread_key) & (message.c.id > snoozed.c.newest)
    theirs = (
        select(placement.c.uid)
        .join(mailbox, mailbox.c.id == placement.c.mailbox_id)
        .where(
            placement.c.message_id == message.c.id,
            mailbox.c.account_id == snoozed.c.account_id,
            mailbox.c.special_use.is_(None) | mailbox.c.special_use.not_in(_ASIDE),
        )
    )
    rows = connection.execute(
        select(snoozed.c.mailbox_id, snoozed.c.uid).where(
            snoozed.c.thread_key != "", select(message.c.id).where(newer, theirs.exists()).exists()
        )
    )
    return {(mailbox_id, uid) for mailbox_id, uid in rows}


def _wake(store: Store, places: Sequence[tuple[int, int]]) -> int:
    woken = 0
    for start in range(0, len(places), _AT_ONCE):
        some = places[start : start + _AT_ONCE]
        try:
            woken += _woken(store, some)
        except Refusal:  # somebody's message cannot come back, and nobody else's shall wait for it
            woken += sum(_wake_one(store, each) for each in some)
    return woken


def _woken(store: Store, places: Sequence[tuple[int, int]]) -> int:
    return store.write(partial(_wake_some, places=places), heavy=True).result(bulk.PATIENCE)


def _wake_one(store: Store, place: tuple[int, int]) -> int:
    try:
        return _woken(store, [place])
    except TryLater:
        raise
    except Refusal as refusal:
        log.warning("mailbox=%d uid=%d stays snoozed: %s", *place, refusal)
        mailbox_id, uid = place
        store.write(partial(_forget, mailbox_id=mailbox_id, uid=uid)).result(bulk.PATIENCE)
        return 0


def _forget(tx: Transaction, mailbox_id: int, uid: int) -> None:
    tx.connection.execute(delete(snoozed).where(snoozed.c.mailbox_id == mailbox_id, snoozed.c.uid == uid))


def _wake_some(tx: Transaction, places: Iterable[tuple[int, int]]) -> int:
    groups: dict[tuple[int, int, bool], list[int]] = {}
    for mailbox_id, uid in places:
        here = snoozed.c.mailbox_id == mailbox_id, snoozed.c.uid == uid
        row = tx.connection.execute(delete(snoozed).where(*here).returning(snoozed.c.home_id, snoozed.c.unread)).first()
        # Put there by hand, it has no row, and no place to go back to but INBOX.
        home, unread = (row.home_id, bool(row.unread)) if row is not None else (0, False)
        groups.setdefault((mailbox_id, home, unread), []).append(uid)
    return sum(_come_back(tx, *group, uids) for group, uids in sorted(groups.items()))


def _come_back(tx: Transaction, mailbox_id: int, home_id: int, unread: bool, uids: list[int]) -> int:
    box = get_mailbox(tx.connection, mailbox_id)
    if box is None or box.special_use != USE:
        return 0
    home: Any = get_mailbox(tx.connection, home_id) or mailboxes.find_mailbox(tx.connection, box.account_id, INBOX)
    moved = messages.move(tx, mailbox_id, as_ranges(uids), home.id)
    if unread and moved:
        messages.set_flags(tx, home.id, as_ranges(new for _old, new in moved), "remove", ["\\Seen"], tell="nothing")
    return len(moved)
