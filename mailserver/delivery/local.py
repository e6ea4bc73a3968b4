"""Into mailboxes: one transaction for all recipients of a message, its octets kept once.

A message for a few is put into each INBOX; a message for many is a set operation
(``store.broadcast.place_with_accounts``).  A recipient of a group whose mailbox is full is picked out before, and
waits in the spool: the group took the message, so it must not be lost, nor be refused to the others.

Junk goes to each recipient's \\Junk mailbox (RFC 6154 §2), to INBOX where he has none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from directory.mail.accounts import find_account, smallest_quota
from mailserver.delivery import spool
from mailserver.delivery.post_office import PostOffice
from mailserver.refusals import OverQuota
from mailserver.store.broadcast import place_with_accounts
from mailserver.store.content import Content
from mailserver.store.database import Transaction
from mailserver.store.messages import Target, append, insert_message, place
from mailserver.store.quota import using_more_than

# Up to so many recipients each INBOX is written by itself; above, the set operation is cheaper.
FEW = 20
# Above so many, sizes are read for everybody at once instead of account by account.
_MANY = 2000
FULL_RETRY_SECONDS = 900
JUNK = "\\Junk"


@dataclass(slots=True)
class Distribution:
    """Who gets one message: mailboxes here, addresses elsewhere, and those who have to wait."""

    accounts: frozenset[str] = frozenset()
    remote: tuple[spool.SpoolRecipient, ...] = ()
    full: tuple[spool.SpoolRecipient, ...] = ()  # local, no room now
    also: tuple[Target, ...] = ()  # further mailboxes, such as the submitter's Sent
    inboxes: dict[str, int] = field(default_factory=dict)
    remote_sender: str | None = None  # the reverse-path for those elsewhere, if it is another
    is_junk: bool = False
    quarantined: tuple[spool.SpoolRecipient, ...] = ()  # everybody, until an administrator has looked at it
    quarantine: str = ""  # why
    moderated: tuple[spool.SpoolRecipient, ...] = ()  # groups, each until its moderators have decided


def plan(
    office: PostOffice,
    accounts: Collection[str],
    remote: Iterable[spool.SpoolRecipient],
    *,
    size: int,
    may_wait: bool = True,
    also: Iterable[Target] = (),
    is_junk: bool = False,
    moderated: tuple[spool.SpoolRecipient, ...] = (),
) -> Distribution:
    """Look up everything that the transaction will need.

    Raises OverQuota if nobody has room and the message ``may_wait`` for nobody.
    """
    members = frozenset(accounts)
    full = _without_room(office, members, size)
    fit = members.difference(account_id for account_id, _ in full)
    if full and not fit and not may_wait:
        raise OverQuota(reason=f"no room for {size} octets: {', '.join(login for _, login in full)}")
    inboxes = {account_id: office.inbox_of(account_id) for account_id in fit} if len(fit) <= FEW else {}
    return Distribution(
        accounts=fit,
        remote=tuple(remote),
        full=tuple(spool.SpoolRecipient(login) for _, login in full),
        also=tuple(also),
        inboxes=inboxes,
        is_junk=is_junk,
        moderated=moderated,
    )


def deliver(tx: Transaction, content: Content, who: Distribution, envelope: spool.Envelope) -> int:
    """Put the message wherever it goes, all in this transaction; the message's id."""
    if who.is_junk and who.accounts:
        # As a set, also for few: which mailbox that is may have changed since the plan.
        message_id = insert_message(tx, content)
        place_with_accounts(tx, message_id, content.size, who.accounts, special_use=JUNK)
    elif who.inboxes or (who.also and not who.accounts):
        targets = [*(Target(inbox) for inbox in who.inboxes.values()), *who.also]
        message_id = append(tx, content, targets)[0].message_id
    else:
        message_id = insert_message(tx, content)
        if who.accounts:
            place_with_accounts(tx, message_id, content.size, who.accounts)
        for target in who.also:
            place(tx, message_id, content.size, target)
    _let_wait(tx, message_id, envelope, who)
    return message_id


def deliver_kept(tx: Transaction, message_id: int, size: int, who: Distribution, envelope: spool.Envelope) -> None:
    """The same for a message that the store has already, since it waited."""
    if who.is_junk and who.accounts:
        place_with_accounts(tx, message_id, size, who.accounts, special_use=JUNK)
    else:
        for inbox in sorted(who.inboxes.values()):
            place(tx, message_id, size, Target(inbox))
        if who.accounts and not who.inboxes:
            place_with_accounts(tx, message_id, size, who.accounts)
    _let_wait(tx, message_id, envelope, who)


def _let_wait(tx: Transaction, message_id: int, envelope: spool.Envelope, who: Distribution) -> None:
    """Whom this does not reach now waits in the spool: those elsewhere, and those without room."""
    if who.quarantined:
        spool.put(tx, message_id, envelope, who.quarantined, quarantine=who.quarantine)
    for group in who.moderated:
        kept = replace(envelope, is_junk=who.is_junk)
        spool.put(tx, message_id, kept, (group,), moderation=group.forward_path)
    if who.remote:
        sender = envelope.reverse_path if who.remote_sender is None else who.remote_sender
        spool.put(tx, message_id, replace(envelope, reverse_path=sender), who.remote)
    if who.full:
        spool.put(
            tx,
            message_id,
            replace(envelope, is_junk=who.is_junk),
            who.full,
            due_at=tx.now + FULL_RETRY_SECONDS,
            reply="452 4.2.2 Mailbox is full",
        )


def _without_room(office: PostOffice, accounts: Collection[str], size: int) -> list[tuple[str, str]]:
    """(account id, primary address) of those who have no room for ``size`` octets."""
    if len(accounts) > _MANY:
        with office.directory.read() as people:
            smallest = smallest_quota(people)
        if not smallest:
            return []
        if size <= smallest:
            with office.store.read() as connection:
                accounts = using_more_than(connection, smallest - size).intersection(accounts)
    full = []
    for account_id in accounts:
        with office.directory.read() as people:
            account = find_account(people, account_id)
        if account is None or not account.quota_bytes:
            continue
        if office.has_room(account_id, account.quota_bytes, size):
            office.use_room(account_id, size)
        else:
            full.append((account_id, account.login))
    return full
