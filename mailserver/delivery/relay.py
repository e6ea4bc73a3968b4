"""The relay's decisions, without a socket: what is claimed, what a reply means, what is written down.

``servers.relay`` asks here what to send where, sends it, and comes back with replies.  Everything that
follows from them (the next try, the return of a message, the note of a delay) is one transaction.

Standards: RFC 5321 §4.5.4.1 (retries), §6.1 (who is told), RFC 3461 §5.2 (reports asked for), RFC 3464.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from directory.accounts import find_account
from directory.addresses import is_local_domain
from mailserver.delivery import bounce, spool
from mailserver.delivery.inbound import look_up
from mailserver.delivery.post_office import PostOffice
from mailserver.delivery.retry import is_over, next_attempt
from mailserver.delivery.trace import RETURN_PATH
from mailserver.message.report import DELAYED, DELIVERED, FAILED, RELAYED, Outcome
from mailserver.refusals import NoSuchRecipient, NotPermitted
from mailserver.smtp.client import Envelope, ForwardPath
from mailserver.smtp.replies import Reply
from mailserver.store.database import Transaction
from mailserver.store.messages import Target, place

log = logging.getLogger("citymail.relay")

CHUNK = 256 * 1024
UNTRIED = Reply(451, "4.4.2", "The connection ended before the message was taken")


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one try brought: the final reply of each recipient, and the host that gave it.

    ``passes_dsn``: it promised to report; ``is_final``: the host was ourselves.
    """

    replies: Mapping[str, Reply]
    host: str = ""
    passes_dsn: bool = False
    is_final: bool = False


def claim(office: PostOffice, owner: str, limit: int) -> Future[list[spool.Item]]:
    """Take what is due, up to so many recipients."""
    return office.store.write(lambda tx: spool.claim_due(tx, owner, limit))


def by_domain(item: spool.Item) -> dict[str, list[spool.Waiting]]:
    domains: dict[str, list[spool.Waiting]] = {}
    for recipient in item.recipients:
        domains.setdefault(recipient.domain, []).append(recipient)
    return domains


def is_ours(office: PostOffice, domain: str) -> bool:
    with office.directory.read() as people:
        return is_local_domain(people, domain)


def envelope_for(item: spool.Item, recipients: Sequence[spool.Waiting], skipped: int) -> Envelope:
    """The envelope of one transaction; ``skipped`` octets of the kept message are not sent."""
    paths = tuple(ForwardPath(each.forward_path, each.notify, each.original_recipient) for each in recipients)
    needs_utf8 = not item.envelope.reverse_path.isascii() or any(not each.address.isascii() for each in paths)
    return Envelope(
        reverse_path=item.envelope.reverse_path,
        forward_paths=paths,
        size=item.size - skipped,
        is_8bit=item.envelope.eight_bit,
        needs_smtputf8=item.envelope.smtputf8 or needs_utf8,
        ret=item.envelope.ret,
        envelope_id=item.envelope.envelope_id,
    )


def own_prefix(office: PostOffice, item: spool.Item) -> int:
    """How many octets of the kept message are our Return-Path, which is not sent on (RFC 5321 §4.4)."""
    with office.store.read() as connection:
        start = office.store.octets(connection, item.message_id, 0, 2048)
    return start.index(b"\r\n") + 2 if start.startswith(RETURN_PATH) else 0


def chunks(office: PostOffice, item: spool.Item, start: int) -> Iterator[bytes]:
    """The message from ``start`` on; each chunk from a read of its own, so that no snapshot waits for the
    network.
    """
    while start < item.size:
        with office.store.read() as connection:
            chunk = office.store.octets(connection, item.message_id, start, min(start + CHUNK, item.size))
        if not chunk:
            return
        start += len(chunk)
        yield chunk


def settle(
    office: PostOffice,
    owner: str,
    item: spool.Item,
    recipients: Sequence[spool.Waiting],
    attempt: Attempt,
    also: Callable[[Transaction], None] | None = None,
) -> Future[None]:
    """Write down what a try brought for these recipients, and whatever follows from it, in one transaction."""
    now = office.now()
    results: list[spool.Result] = []
    outcomes: list[Outcome] = []
    for recipient in recipients:
        reply = attempt.replies.get(recipient.forward_path, UNTRIED)
        result, outcome = _judge(office, item, recipient, reply, attempt, now)
        results.append(result)
        if outcome is not None:
            outcomes.append(outcome)
        log.info(
            "spool=%d from=<%s> to=<%s> host=%s %s: %s",
            item.id, item.envelope.reverse_path, recipient.forward_path, attempt.host or "-", result.state, reply,
        )  # fmt: skip
    reports = bounce.report(office, item, outcomes)
    tells_delay = any(outcome.action == DELAYED for outcome in outcomes)
    tells_more = any(outcome.action != DELAYED for outcome in outcomes)

    def job(tx: Transaction) -> None:
        if also is not None:
            also(tx)
        spool.record(tx, owner, results)
        # Of two relays that hold recipients of one item, one tells of the delay.
        if not tells_delay or spool.mark_delay_reported(tx, item.id) or tells_more:
            bounce.deliver(tx, reports)
        spool.remove_finished(tx, [item.id])

    return office.store.write(job)


def _judge(
    office: PostOffice,
    item: spool.Item,
    recipient: spool.Waiting,
    reply: Reply,
    attempt: Attempt,
    now: int,
) -> tuple[spool.Result, Outcome | None]:
    """The new state of a recipient, and what its sender is told, if anything."""
    settings = office.config.relay
    notify = recipient.notify

    def told(action: str, said: Reply, until: int | None = None) -> Outcome:
        return Outcome(
            recipient=recipient.forward_path,
            action=action,
            status=said.status,
            diagnostic=str(said),
            remote_mta=attempt.host,
            original_recipient=recipient.original_recipient,
            last_attempt=now,
            will_retry_until=until,
        )

    if reply.is_positive:
        # RFC 3461 §5.2.2: where the next server does not promise the report, we say how far the message came.
        relayed = "SUCCESS" in notify and not attempt.passes_dsn
        return (
            spool.Result(item.id, recipient.forward_path, spool.SENT, str(reply)),
            told(DELIVERED if attempt.is_final else RELAYED, reply) if relayed else None,
        )
    wants_failure = notify == "" or "FAILURE" in notify
    expired = is_over(item.created_at, now, settings.give_up_after)
    if reply.is_permanent or expired:
        said = reply if reply.is_permanent else Reply(554, "5.4.7", f"Given up; the last answer was: {reply}")
        return (
            spool.Result(item.id, recipient.forward_path, spool.FAILED, str(reply)),
            told(FAILED, said) if wants_failure else None,
        )
    at = next_attempt(settings.schedule, recipient.attempts + 1, now, office.random)
    overdue = settings.warn_after and now - item.created_at >= settings.warn_after and not item.delay_reported
    wants_delay = notify == "" or "DELAY" in notify
    return (
        spool.Result(item.id, recipient.forward_path, spool.DUE, str(reply), at),
        told(DELAYED, reply, item.created_at + settings.give_up_after) if overdue and wants_delay else None,
    )


def deliver_here(office: PostOffice, owner: str, item: spool.Item, recipients: Sequence[spool.Waiting]) -> Future[None]:
    """Recipients in a domain of ours: members whose mailbox was full, and domains that became ours meanwhile."""
    replies: dict[str, Reply] = {}
    accounts: set[str] = set()
    onward: dict[str, spool.SpoolRecipient] = {}
    for recipient in recipients:
        with office.directory.read() as people:
            try:
                found = look_up(people, recipient.forward_path, office.config.city.domain).recipients
            except (NoSuchRecipient, NotPermitted):
                replies[recipient.forward_path] = Reply(550, "5.1.1", "No such recipient here")
                continue
            members = [find_account(people, account_id) for account_id in found.accounts]
        if any(each and not office.has_room(each.id, each.quota_bytes, item.size) for each in members):
            replies[recipient.forward_path] = Reply(452, "4.2.2", "Mailbox is full")
            continue
        replies[recipient.forward_path] = Reply(250, "2.1.5", "Delivered")
        accounts |= found.accounts
        for address in found.external:
            onward[address] = spool.SpoolRecipient(address, recipient.notify, recipient.original_recipient)
    inboxes = {office.inbox_of(account_id) for account_id in accounts}

    def job(tx: Transaction) -> None:
        for inbox in sorted(inboxes):
            place(tx, item.message_id, item.size, Target(inbox))
        if onward:
            spool.put(tx, item.message_id, item.envelope, onward.values())

    attempt = Attempt(replies, office.config.city.hostname, is_final=True)
    return settle(office, owner, item, recipients, attempt, also=job)
