"""What the relay sends, without a socket: envelopes and octets from the spool, and delivery to ourselves.

``servers.relay`` asks here what to send where, sends it, and brings the replies to ``delivery.settling``.

Standards: RFC 5321 §4.4 (Return-Path stays here), RFC 6152 §3 and RFC 3030 §3 (what a server without 8BITMIME or
BINARYMIME may be sent).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from directory.mail.accounts import find_account
from directory.mail.addresses import is_local_domain
from directory.mail.recipients import closed_to
from mailserver.delivery import answering, bounce, forwarding, local, moderation, spool
from mailserver.delivery.inbound import Addressee, look_up, look_up_way_back, member_notify
from mailserver.delivery.post_office import PostOffice
from mailserver.delivery.settling import Attempt, Judgement, judge
from mailserver.delivery.trace import without_return_path
from mailserver.refusals import NoSuchRecipient, NotPermitted
from mailserver.smtp.client import Envelope, ForwardPath
from mailserver.smtp.replies import Reply
from mailserver.smtp.tls_policy import Demand
from mailserver.store.database import Transaction

CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Opening:
    """The beginning of a message as it is sent: its first octets, and where the rest goes on."""

    octets: bytes
    size: int  # of all that is sent
    rest: int


def is_ours(office: PostOffice, domain: str) -> bool:
    with office.directory.read() as people:
        return is_local_domain(people, domain)


def open_message(office: PostOffice, item: spool.Item) -> Opening:
    """The first octets of a message without our Return-Path, which is not sent on (RFC 5321 §4.4).  For most messages
    that is everything.
    """
    with office.store.read() as connection:
        kept = office.store.octets(connection, item.message_id, 0, min(CHUNK, item.size))
    octets = without_return_path(kept)
    return Opening(octets, item.size - (len(kept) - len(octets)), len(kept))


def rest_of(office: PostOffice, item: spool.Item, opening: Opening) -> Iterator[bytes]:
    """The message; each chunk from a read of its own, so that no snapshot waits for the network."""
    yield opening.octets
    start = opening.rest
    while start < item.size:
        with office.store.read() as connection:
            chunk = office.store.octets(connection, item.message_id, start, min(start + CHUNK, item.size))
        if not chunk:
            return
        start += len(chunk)
        yield chunk


def demand_of(item: spool.Item) -> Demand:
    """RFC 8689 §4.2.1: a report about a message that required TLS need not find it everywhere."""
    if item.envelope.require_tls and item.envelope.reverse_path:
        return Demand.REQUIRED
    return Demand.OPTIONAL if item.envelope.tls_optional else Demand.USUAL


def envelope_for(item: spool.Item, recipients: Sequence[spool.Waiting], size: int, now: int) -> Envelope:
    """The envelope of one transaction."""
    kept = item.envelope
    paths = tuple(ForwardPath(each.forward_path, each.notify, each.original_recipient) for each in recipients)
    needs_utf8 = kept.smtputf8 or not kept.reverse_path.isascii() or any(not each.address.isascii() for each in paths)
    return Envelope(
        reverse_path=kept.reverse_path,
        forward_paths=paths,
        size=size,
        body="BINARYMIME" if kept.is_binary else "8BITMIME" if kept.eight_bit else "7BIT",
        needs_smtputf8=needs_utf8,
        require_tls=demand_of(item) is Demand.REQUIRED,
        ret=kept.ret,
        envelope_id=kept.envelope_id,
        priority=kept.priority,
        deliver_within=kept.deliver_by - now if kept.deliver_by else None,
        deliver_mode=kept.deliver_by_mode,
    )


def deliver_here(office: PostOffice, item: spool.Item, recipients: Sequence[spool.Waiting]) -> Judgement:
    """Recipients in a domain of ours: those from whom the message was held back, members whose mailbox was full, and
    domains that became ours meanwhile.  A member of a group who has no room waits by himself.
    """
    replies: dict[str, Reply] = {}
    accounts: set[str] = set()
    moderated: dict[str, spool.SpoolRecipient] = {}
    onward: dict[str, spool.SpoolRecipient] = {}
    reached: list[Addressee] = []
    for recipient in recipients:
        with office.directory.read() as people:
            closed = closed_to(people, item.envelope.submitter or None) - moderation.opened(people, item)
            try:
                addressee = look_up_way_back(office, recipient.forward_path) or forwarding.only_permitted(
                    office, look_up(people, recipient.forward_path, office.config.city.domain, closed)
                )
            except (NoSuchRecipient, NotPermitted):
                replies[recipient.forward_path] = Reply(550, "5.1.1", "No such recipient here")
                continue
            found = addressee.recipients
            owners = [] if addressee.is_group else [find_account(people, account_id) for account_id in found.accounts]
        if any(each and not office.has_room(each.id, each.quota_bytes, item.size) for each in owners):
            replies[recipient.forward_path] = Reply(452, "4.2.2", "Mailbox is full")
            continue
        replies[recipient.forward_path] = Reply(250, "2.1.5", "Delivered")
        reached.append(addressee)
        accounts |= found.accounts
        for address in found.external:
            notify = member_notify(recipient.notify) if addressee.is_group else recipient.notify
            onward.setdefault(address, spool.SpoolRecipient(address, notify, recipient.original_recipient))
        for address in sorted(found.held):
            waits = spool.SpoolRecipient(address, recipient.notify, recipient.original_recipient)
            moderated.setdefault(address, waits)
    who = local.plan(
        office,
        accounts - moderation.already_reached(office.store, item),
        onward.values(),
        size=item.size,
        is_junk=item.envelope.is_junk,
        moderated=tuple(moderated.values()),
    )
    who.remote_sender = forwarding.sender_for(office, item.envelope.reverse_path)

    notices = [] if who.is_junk else moderation.notices_of_kept(office, who.moderated, item)
    answers: list[answering.Answer] = []
    if item.envelope.submitter:
        answers = answering.answers_to(
            office,
            item.envelope.reverse_path,
            reached,
            lambda: open_message(office, item).octets.partition(b"\r\n\r\n")[0],
            is_colleague=True,
        )

    def job(tx: Transaction) -> None:
        local.deliver_kept(tx, item.message_id, item.size, who, item.envelope)
        bounce.deliver(tx, notices)
        answering.deliver(tx, answers)

    attempt = Attempt(replies, office.config.city.hostname, is_final=True)
    return judge(office, item, recipients, attempt, also=job)
