"""Mailboxes: the named places of an account.

Names are NFC with ``/`` between levels; INBOX is one name in any case (RFC 9051 §5.1).  A removed mailbox keeps
its row, under a name nobody can type, until what was in it can no longer be brought back.

Standards: RFC 9051 §5.1, §6.3.4–6.3.8, RFC 6154 (special uses).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, insert, select, text, update

from mailserver.refusals import CannotDo, LimitReached, MailboxExists, NoSuchMailbox
from mailserver.store import readers, rights
from mailserver.store.database import Transaction
from mailserver.store.metadata import copy as copy_metadata
from mailserver.store.metadata import forget as forget_metadata
from mailserver.store.prepared import SPACE, Prepared
from mailserver.store.reading import EVERYTHING
from mailserver.store.tables import (
    declined_mailbox,
    expunged,
    mailbox,
    mailbox_keyword,
    placement,
    sequence,
    subscription,
)

SEPARATOR = "/"
INBOX = "INBOX"
MAX_NAME = 500  # octets of UTF-8
MAX_DEPTH = 20
MAX_MAILBOXES = 10_000

# What every account has from its first day (RFC 6154 §2).
STANDARD_MAILBOXES: tuple[tuple[str, str | None], ...] = (
    (INBOX, None),
    ("Drafts", "\\Drafts"),
    ("Sent", "\\Sent"),
    ("Junk", "\\Junk"),
    ("Trash", "\\Trash"),
    ("Archive", "\\Archive"),
)
SPECIAL_USES = frozenset({"\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Snoozed", "\\Trash"})


class Mailbox(NamedTuple):
    """One mailbox and its counters, as of the snapshot it was read in.  ``size`` is in octets."""

    id: int
    account_id: str
    name: str
    special_use: str | None
    uid_validity: int
    uid_next: int
    highest_modseq: int
    vanished_horizon: int
    messages: int
    unseen: int
    deleted: int
    size: int
    recent_uid: int
    subscribed: bool
    keywords: tuple[str, ...]


_COLUMNS = (
    mailbox.c.id,
    mailbox.c.account_id,
    mailbox.c.name,
    mailbox.c.special_use,
    mailbox.c.uid_validity,
    mailbox.c.uid_next,
    mailbox.c.highest_modseq,
    mailbox.c.vanished_horizon,
    mailbox.c.messages,
    mailbox.c.unseen,
    mailbox.c.deleted,
    mailbox.c.size,
    mailbox.c.recent_uid,
)
_SUBSCRIBED = (
    select(subscription.c.name)
    .where(subscription.c.account_id == mailbox.c.account_id, subscription.c.name == mailbox.c.name)
    .exists()
    .label("subscribed")
)
_ITS_KEYWORDS = (
    select(mailbox_keyword.c.name)
    .where(mailbox_keyword.c.mailbox_id == mailbox.c.id)
    .order_by(mailbox_keyword.c.bit)
    .correlate(mailbox)
    .subquery()
)
# In one statement with the mailbox: at SELECT each costs more than what it finds.  No keyword has a space in it.
_KEYWORDS = select(func.aggregate_strings(_ITS_KEYWORDS.c.name, SPACE)).correlate(mailbox).scalar_subquery()
_LIVING = select(*_COLUMNS, _SUBSCRIBED, _KEYWORDS).where(mailbox.c.removed_at.is_(None))
_BY_ACCOUNT = _LIVING.where(mailbox.c.account_id == bindparam("account_id"))
_ALL = Prepared(_BY_ACCOUNT)
_BY_NAME = Prepared(_BY_ACCOUNT.where(mailbox.c.name == bindparam("name")))
_BY_USE = Prepared(_BY_ACCOUNT.where(mailbox.c.special_use == bindparam("special_use")))
_BY_ID = Prepared(_LIVING.where(mailbox.c.id == bindparam("id")))


@lru_cache(maxsize=256)  # nearly always INBOX
def normalise_name(name: str) -> str:
    """The one form of a mailbox name.  Raises CannotDo for a name that no mailbox may have."""
    name = unicodedata.normalize("NFC", name)
    first, separator, rest = name.partition(SEPARATOR)
    if first.isascii() and first.upper() == INBOX:
        name = INBOX + separator + rest
    levels = name.split(SEPARATOR)
    if not all(levels):
        raise CannotDo("A mailbox name must not be empty or have an empty level")
    if any(unicodedata.category(character) in ("Cc", "Cs") or character in "\u2028\u2029\ufeff" for character in name):
        raise CannotDo("A mailbox name must not contain control characters")
    if any(level != level.strip() or level in (".", "..") for level in levels):
        raise CannotDo("A level of a mailbox name must not begin or end with a space")
    if len(name.encode()) > MAX_NAME or len(levels) > MAX_DEPTH:
        raise LimitReached("The mailbox name is too long")
    return name


# Reading


def list_mailboxes(connection: Connection, account_id: str) -> list[Mailbox]:
    """All mailboxes of an account, INBOX first, then by name."""
    found = [_mailbox(row) for row in _ALL.rows(connection, {"account_id": account_id})]
    found.sort(key=lambda each: (each.name != INBOX, each.name.split(SEPARATOR)))
    return found


def find_mailbox(connection: Connection, account_id: str, name: str) -> Mailbox | None:
    """The mailbox of that name; a name no mailbox may have finds None."""
    try:
        name = normalise_name(name)
    except (CannotDo, LimitReached):
        return None
    return _one(connection, _BY_NAME, {"account_id": account_id, "name": name})


def get_mailbox(connection: Connection, mailbox_id: int) -> Mailbox | None:
    return _one(connection, _BY_ID, {"id": mailbox_id})


def special_mailbox(connection: Connection, account_id: str, special_use: str) -> Mailbox | None:
    """The account's mailbox for ``\\Sent``, ``\\Trash`` …"""
    return _one(connection, _BY_USE, {"account_id": account_id, "special_use": special_use})


def _one(connection: Connection, statement: Prepared, values: Mapping[str, Any]) -> Mailbox | None:
    row = statement.row(connection, values)
    return None if row is None else _mailbox(row)


def _mailbox(row: Any) -> Mailbox:
    *columns, subscribed, keywords = row
    return Mailbox._make((*columns, bool(subscribed), tuple(keywords.split(" ")) if keywords else ()))


_HAS_STANDARD = Prepared(
    select(mailbox.c.id)
    .where(mailbox.c.account_id == bindparam("account_id"), mailbox.c.special_use.isnot(None))
    .limit(1)
)


def has_standard(connection: Connection, account_id: str) -> bool:
    """Whether the account was given its standard mailboxes: a broadcast makes an INBOX alone."""
    return _HAS_STANDARD.row(connection, {"account_id": account_id}) is not None


def list_subscribed(connection: Connection, account_id: str) -> list[str]:
    """Subscribed names, which may name no mailbox (RFC 9051 §6.3.7)."""
    rows = connection.execute(select(subscription.c.name).where(subscription.c.account_id == account_id))
    return sorted(row[0] for row in rows)


def list_declined(connection: Connection, account_id: str) -> set[str]:
    """Names of others' mailboxes that the account unsubscribed."""
    rows = connection.execute(select(declined_mailbox.c.name).where(declined_mailbox.c.account_id == account_id))
    return {row[0] for row in rows}


# Changing


def ensure_maildrop(tx: Transaction, account_id: str) -> Mailbox:
    """Make the standard mailboxes that an account lacks; its INBOX."""
    names = {
        row[0]: row[1]
        for row in tx.connection.execute(
            select(mailbox.c.name, mailbox.c.special_use).where(
                mailbox.c.account_id == account_id, mailbox.c.removed_at.is_(None)
            )
        )
    }
    uses = set(names.values())
    lacking = [
        (name, use) for name, use in STANDARD_MAILBOXES if name not in names and (use is None or use not in uses)
    ]
    # A person who deleted one of them is not given it again: only a maildrop without any is new.
    if any(names.values()):
        lacking = [(name, use) for name, use in lacking if name == INBOX]
    if lacking:
        _insert(tx, account_id, lacking)
        subscribe(tx, account_id, [name for name, _ in lacking])
    inbox = find_mailbox(tx.connection, account_id, INBOX)
    assert inbox is not None
    return inbox


def create_mailbox(tx: Transaction, account_id: str, name: str, special_use: str | None = None) -> Mailbox:
    """Make a mailbox and the parents it lacks (RFC 9051 §6.3.4).

    Raises MailboxExists, CannotDo, LimitReached.
    """
    name = normalise_name(name)
    if special_use is not None:
        if special_use not in SPECIAL_USES:
            raise CannotDo(f"No such special use: {special_use}")
        if special_mailbox(tx.connection, account_id, special_use):
            raise CannotDo(f"Another mailbox is {special_use} already")
    _hold_account(tx, account_id)
    existing = {each.name: each for each in list_mailboxes(tx.connection, account_id)}
    if name in existing:
        raise MailboxExists
    levels = name.split(SEPARATOR)
    parents = [SEPARATOR.join(levels[:depth]) for depth in range(1, len(levels))]
    new: list[tuple[str, str | None]] = [(parent, None) for parent in parents if parent not in existing]
    new.append((name, special_use))
    if len(existing) + len(new) > MAX_MAILBOXES:
        raise LimitReached("Too many mailboxes")
    _insert(tx, account_id, new)
    _inherit(tx, account_id, existing.values(), [each for each, _ in new])
    made = find_mailbox(tx.connection, account_id, name)
    assert made is not None
    return made


def _inherit(tx: Transaction, account_id: str, existing: Iterable[Mailbox], made: list[str]) -> None:
    """New mailboxes are shared as the nearest that was above them (RFC 4314 §4, CREATE)."""
    by_name = {each.name: each.id for each in existing}
    levels = made[0].split(SEPARATOR)
    above = [by_name.get(SEPARATOR.join(levels[:depth])) for depth in range(1, len(levels))]
    parent = next((each for each in reversed(above) if each is not None), None)
    if parent is not None:
        found = [find_mailbox(tx.connection, account_id, name) for name in made]
        children = [each.id for each in found if each is not None]
        rights.inherit(tx, parent, children)
        readers.inherit(tx, parent, children)


def rename_mailbox(tx: Transaction, account_id: str, old_name: str, new_name: str) -> None:
    """Rename a mailbox with its children; INBOX hands its messages over and stays (RFC 9051 §6.3.6).

    Raises NoSuchMailbox, MailboxExists, CannotDo, LimitReached.
    """
    from mailserver.store import messages  # messages stands on mailboxes; only RENAME INBOX looks back

    _hold_account(tx, account_id)
    source = find_mailbox(tx.connection, account_id, old_name)
    if source is None:
        raise NoSuchMailbox
    new_name = normalise_name(new_name)
    everything = {each.name: each for each in list_mailboxes(tx.connection, account_id)}
    if new_name in everything:
        raise MailboxExists
    if source.name == INBOX:
        target = create_mailbox(tx, account_id, new_name)
        messages.move(tx, source.id, EVERYTHING, target.id)
        copy_metadata(tx, source.id, target.id)
        return
    if new_name.startswith(source.name + SEPARATOR):
        raise CannotDo("A mailbox cannot become its own child")
    prefix = source.name + SEPARATOR
    family = [each for each in everything.values() if each.id == source.id or each.name.startswith(prefix)]
    renamed = {each.id: normalise_name(new_name + each.name[len(source.name) :]) for each in family}
    if taken := set(renamed.values()) & set(everything):
        raise MailboxExists(f"{min(taken)} exists already")
    levels = new_name.split(SEPARATOR)
    parents = [SEPARATOR.join(levels[:depth]) for depth in range(1, len(levels))]
    new = [(parent, None) for parent in parents if parent not in everything]
    if len(everything) + len(new) > MAX_MAILBOXES:
        raise LimitReached("Too many mailboxes")
    if new:
        _insert(tx, account_id, new)
        _inherit(tx, account_id, everything.values(), [each for each, _ in new])
    # A client may know the old name's UIDs under the new name from before: give a UIDVALIDITY never used.
    uid_validity = _next_uid_validity(tx)
    for mailbox_id, name in renamed.items():
        tx.connection.execute(
            update(mailbox).where(mailbox.c.id == mailbox_id).values(name=name, uid_validity=uid_validity)
        )
        tx.touch(mailbox_id)
    # The new name may be subscribed already: names need no mailbox (RFC 9051 §6.3.7).
    followed = [each for each in family if each.subscribed]
    for each in followed:
        set_subscribed(tx, account_id, each.name, False)
    subscribe(tx, account_id, [renamed[each.id] for each in followed])


def delete_mailbox(tx: Transaction, account_id: str, name: str) -> None:
    """Remove a mailbox; its messages can be brought back for a while.

    Raises NoSuchMailbox, and CannotDo for INBOX and for a mailbox with children (RFC 9051 §6.3.5).
    """
    from mailserver.store import messages

    _hold_account(tx, account_id)
    doomed = find_mailbox(tx.connection, account_id, name)
    if doomed is None:
        raise NoSuchMailbox
    if doomed.name == INBOX:
        raise CannotDo("INBOX cannot be deleted")
    prefix = doomed.name + SEPARATOR
    if any(each.name.startswith(prefix) for each in list_mailboxes(tx.connection, account_id)):
        raise CannotDo("The mailbox has mailboxes below it")
    messages.remove(tx, doomed.id, EVERYTHING)
    for forget in (rights.forget, readers.forget, forget_metadata):
        forget(tx, doomed.id)
    tx.connection.execute(
        update(mailbox)
        .where(mailbox.c.id == doomed.id)
        .values(name=f"{doomed.name}\x01{doomed.id}", special_use=None, removed_at=tx.now)
    )
    tx.touch(doomed.id)


def subscribe(tx: Transaction, account_id: str, names: Iterable[str]) -> None:
    have = set(list_subscribed(tx.connection, account_id))
    rows = [{"account_id": account_id, "name": name} for name in names if name not in have]
    if rows:
        tx.connection.execute(insert(subscription), rows)


def set_subscribed(tx: Transaction, account_id: str, name: str, subscribed: bool, *, of_others: bool = False) -> None:
    """``of_others``: what is unsubscribed is another's mailbox, and would count as subscribed without a word."""
    name = normalise_name(name)
    inbox = find_mailbox(tx.connection, account_id, INBOX)
    if inbox is not None:
        tx.touch(inbox.id)
    if subscribed:
        subscribe(tx, account_id, [name])
    else:
        tx.connection.execute(
            delete(subscription).where(subscription.c.account_id == account_id, subscription.c.name == name)
        )
    if of_others:
        tx.connection.execute(
            delete(declined_mailbox).where(declined_mailbox.c.account_id == account_id, declined_mailbox.c.name == name)
        )
        if not subscribed:
            tx.connection.execute(insert(declined_mailbox).values(account_id=account_id, name=name))


def _hold_account(tx: Transaction, account_id: str) -> None:
    """Let an account's mailboxes be made, renamed and removed one after the other: whoever does so holds its INBOX."""
    inbox = find_mailbox(tx.connection, account_id, INBOX)
    if inbox is not None:
        tx.hold(inbox.id)
        tx.touch(inbox.id)  # whoever watches the account's mailboxes looks again


def create_inboxes(tx: Transaction, account_ids: Collection[str]) -> None:
    """An INBOX for each of many accounts that have none yet; the rest comes at their first login."""
    _insert_rows(tx, [(account_id, INBOX, None) for account_id in account_ids])


def _insert(tx: Transaction, account_id: str, new: Sequence[tuple[str, str | None]]) -> None:
    _insert_rows(tx, [(account_id, name, use) for name, use in new])


def _insert_rows(tx: Transaction, new: list[tuple[str, str, str | None]]) -> None:
    last = take_numbers(tx, "mailbox", len(new))
    uid_validity = _next_uid_validity(tx)
    tx.connection.execute(
        insert(mailbox),
        [
            {
                "id": last - len(new) + 1 + position,
                "account_id": account_id,
                "name": name,
                "special_use": use,
                "uid_validity": uid_validity,
                "uid_next": 1,
                "highest_modseq": 1,  # RFC 7162 §3.1.2.1: never 0 for a mailbox that keeps them
                "vanished_horizon": 1,
                "messages": 0,
                "unseen": 0,
                "deleted": 0,
                "size": 0,
                "created_at": tx.now,
            }
            for position, (account_id, name, use) in enumerate(new)
        ],
    )


_TAKE = Prepared(text("UPDATE sequence SET value = value + :count WHERE name = :name RETURNING value"))
_TAKE_TIME = text(
    "UPDATE sequence SET value = CASE WHEN value >= :now THEN value + 1 ELSE :now END "
    "WHERE name = 'uid_validity' RETURNING value"
)


def take_numbers(tx: Transaction, name: str, count: int) -> int:
    """The last of ``count`` numbers never given out before."""
    tx.must_last()
    return int(_TAKE.row(tx.connection, {"name": name, "count": count})[0])


def _next_uid_validity(tx: Transaction) -> int:
    """RFC 9051 §2.3.1.1 suggests the time; a clock set back, or two in one second, still only goes up."""
    return int(tx.connection.execute(_TAKE_TIME, {"now": tx.now}).scalar_one())


def purge_removed(tx: Transaction, before: int) -> int:
    """Forget mailboxes removed before a time whose last tombstones are gone.  How many went."""
    empty = (
        select(mailbox.c.id)
        .where(mailbox.c.removed_at < before)
        .where(~select(expunged.c.uid).where(expunged.c.mailbox_id == mailbox.c.id).exists())
        .where(~select(placement.c.uid).where(placement.c.mailbox_id == mailbox.c.id).exists())
    )
    gone = [row[0] for row in tx.connection.execute(empty)]
    if gone:
        tx.connection.execute(delete(mailbox_keyword).where(mailbox_keyword.c.mailbox_id.in_(gone)))
        tx.connection.execute(delete(mailbox).where(mailbox.c.id.in_(gone)))
    return len(gone)


# Sequences a new database begins with.
SEQUENCES = ("annotation", "mailbox", "message", "spool_item", "uid_validity")


def begin_sequences(connection: Connection) -> None:
    connection.execute(insert(sequence), [{"name": name, "value": 0} for name in SEQUENCES])
