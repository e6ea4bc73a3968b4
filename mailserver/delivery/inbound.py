"""Mail that comes to us: who takes it, and whether it is fit.

The first is decided at RCPT, the second at the end of DATA, both in the session.  What is refused is refused to the
peer, while it listens; so there is no backscatter.

Standards: RFC 5321 §3.3, §3.6 (no relaying for strangers), §4.4, §6.3; RFC 3461.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from directory.database import Reading
from directory.mail.accounts import find_account
from directory.mail.addresses import normalise, owner_row
from directory.mail.recipients import Recipients, closed_to, is_local_domain, may_post, resolve
from mailserver.delivery import (
    answering,
    bounce,
    dmarc_outcomes,
    forwarding,
    local,
    moderation,
    scanning,
    signing,
    spool,
)
from mailserver.delivery.envelopes import envelope_of
from mailserver.delivery.occasions import Move
from mailserver.delivery.post_office import Origin, PostOffice
from mailserver.delivery.trace import read_header, refuse_loops, trace_fields, without_claims
from mailserver.delivery.tracing import Fate, Trace, record, record_refusal
from mailserver.delivery.verdict import Action, Judgement
from mailserver.refusals import NoLongerUsed, NoSuchRecipient, NotPermitted, OverQuota, TooLarge
from mailserver.scanning.opinion import Opinion
from mailserver.smtp.commands import MailCommand, RcptCommand
from mailserver.store.database import Transaction
from security.authresults import field_octets, render_results
from security.spf import Spf

log = logging.getLogger("citymail.delivery")


@dataclass(frozen=True, slots=True)
class Addressee:
    """Whom one forward-path reaches."""

    address: str
    recipients: Recipients
    is_group: bool
    move: Move | None = None  # its owner is gone, and it leads to another address


@dataclass(frozen=True, slots=True)
class Taken:
    """A recipient that was accepted at RCPT."""

    rcpt: RcptCommand
    addressee: Addressee


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that is on disk."""

    reference: str
    message_id: int
    accounts: int
    remote: int


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a message that is taken gets in front, and the name it goes by."""

    reference: str
    trace: bytes


def look_up(people: Reading, forward_path: str, primary_domain: str, closed: frozenset[str] = frozenset()) -> Addressee:
    """Whom an address of ours reaches, but for groups that are ``closed`` (``recipients.closed_to``).  Raises
    NotPermitted for a foreign domain, NoSuchRecipient.
    """
    shelf = people.memory.shelf("addressees")
    key = (forward_path, closed)
    found: Addressee | None = shelf.get(key)
    if found is not None:
        return found
    address = forward_path if "@" in forward_path else f"{forward_path}@{primary_domain}"
    if not is_local_domain(people, address.rpartition("@")[2]):
        raise NotPermitted("We do not relay to that domain for you", reason=f"relaying to <{address}> denied")
    recipients = resolve(people, address, closed)
    row = owner_row(people, normalise(address))
    if recipients is None and row is not None and row.is_quarantined(people.today):
        raise NoLongerUsed(reason=f"<{address}> is no longer in use")
    if recipients is None or not (recipients.accounts or recipients.external or recipients.held):
        raise NoSuchRecipient(reason=f"<{address}> is unknown")
    move = None
    if row is not None and row.state == "redirect" and row.forward_to is not None:
        move = Move(row.address, row.forward_to, row.until)
    found = shelf[key] = Addressee(address, recipients, row is not None and row.group_id is not None, move)
    return found


def look_up_way_back(office: PostOffice, forward_path: str) -> Addressee | None:
    """The sender whom a bounce to an address of ``forwarding.sender_for`` reaches; None for any other address.  Raises
    NoSuchRecipient.
    """
    original = forwarding.original_sender(office, forward_path)
    if original is None:
        return None
    return Addressee(forward_path, Recipients(frozenset(), frozenset((original,))), is_group=False)


def is_known(office: PostOffice, forward_path: str) -> bool:
    """Whether ``offer_recipient`` will find the answer in memory, and not have to expand a group of
    thousands.
    """
    with office.directory.read() as people:
        if (forward_path, closed_to(people, None)) in people.memory.shelf("addressees"):
            return True
        row = owner_row(people, normalise(forward_path))
        return row is None or row.group_id is None


def offer_recipient(office: PostOffice, mail: MailCommand, rcpt: RcptCommand) -> Taken:
    """Decide about one recipient of a stranger's message.  Raises Refusal."""
    way_back = look_up_way_back(office, rcpt.forward_path)
    if way_back is not None:
        if mail.reverse_path:
            raise NotPermitted("Only reports on delivery are taken for this address")
        return Taken(rcpt, way_back)
    with office.directory.read() as people:
        addressee = look_up(people, rcpt.forward_path, office.config.city.domain, closed_to(people, None))
        addressee = forwarding.only_permitted(office, addressee)
        if addressee.is_group:
            if not may_post(people, addressee.address, None):
                raise NotPermitted(
                    "You may not write to this group",
                    reason=f"<{mail.reverse_path}> to <{addressee.address}>",
                )
        else:
            check_room(office, people, addressee.recipients, mail.size)
    return Taken(rcpt, addressee)


def check_room(office: PostOffice, people: Reading, recipients: Recipients, size: int) -> None:
    """Raises OverQuota when a person has no room now, TooLarge when the message could never fit."""
    for account_id in recipients.accounts:
        account = find_account(people, account_id)
        if account is None or not account.quota_bytes:
            continue
        if size > account.quota_bytes:
            raise TooLarge("Message is larger than the whole mailbox", reason=f"{size} octets for {account.login}")
        if not office.has_room(account_id, account.quota_bytes, size):
            raise OverQuota(reason=f"the mailbox of {account.login} is full")


def stamp(
    office: PostOffice,
    origin: Origin,
    mail: MailCommand,
    taken: Sequence[Taken],
    header: bytes,
    judgement: Judgement | None = None,
) -> Stamp:
    """Raises Refusal for a message that goes in circles."""
    refuse_loops(header, office.config.smtp.max_hops)
    reference = office.new_reference()
    hostname = office.config.city.hostname
    trace = trace_fields(
        origin,
        hostname=hostname,
        reference=reference,
        reverse_path=mail.reverse_path,
        forward_path=taken[0].rcpt.forward_path if len(taken) == 1 else "",
        now=office.now(),
        results=field_octets(hostname, judgement.results) if judgement is not None else b"",
    )
    return Stamp(reference, trace)


def receive(
    office: PostOffice,
    origin: Origin,
    mail: MailCommand,
    taken: Sequence[Taken],
    octets: bytes | Path,
    judgement: Judgement | None = None,
    opinions: Sequence[Opinion] = (),
) -> Future[Arrival]:
    """Take a stranger's message for accepted recipients: all of them in one transaction.

    ``judgement`` is None for whom we trust; ``opinions`` are the scanners', who have had their say in it.  Raises
    Refusal.  The future has a result once everything is on disk.
    """
    stamped = stamp(office, origin, mail, taken, read_header(octets), judgement)
    octets = without_claims(octets, our_names(office) if judgement is not None else ())
    octets = scanning.apply(octets, opinions)
    accounts, remote = gather(taken)
    front = stamped.trace
    if remote and judgement is not None and judgement.found.arc is not None:  # a group or an alias leads it outside
        results = render_results(office.config.city.hostname, judgement.results)
        seal = signing.seal_foreign(office, octets, judgement.found.arc, results)
        front = signing.below_return_path(front, seal)
    content = office.store.prepare(octets, prefix=front)
    is_junk = judgement is not None and judgement.verdict.action is Action.JUNK
    if judgement is not None and judgement.verdict.action is Action.QUARANTINE:
        who = local.Distribution(quarantined=held_back(taken), quarantine=judgement.verdict.reason)
    else:
        who = local.plan(
            office,
            accounts,
            remote,
            size=content.size,
            may_wait=may_wait(taken, remote),
            is_junk=is_junk,
            moderated=held_by_moderators(taken),
        )
    who.remote_sender = forwarding.sender_for(office, mail.reverse_path)
    envelope = envelope_of(mail, content.text, content.header, now=office.now())
    reports = [] if is_junk else moderation.notices_of(office, who.moderated, content)
    answers: list[answering.Answer] = []
    if _may_be_told(judgement):
        reports += bounce.report_success(office, mail, taken, content.header)
        answers = answering.answers_to(
            office,
            mail.reverse_path,
            (each.addressee for each in taken),
            lambda: content.header,
            # whoever writes from one of our domains without having signed in may be anybody
            is_colleague=False,
        )
    trace = trace_of(stamped.reference, origin, mail, content.size, judgement, fates_of(taken, who))
    outcome = dmarc_outcomes.outcome_of(office.config.reports, origin.client, judgement, office.now())

    def job(tx: Transaction) -> Arrival:
        message_id = local.deliver(tx, content, who, envelope)
        bounce.deliver(tx, reports)
        answering.deliver(tx, answers)
        record(tx, trace, message_id)
        dmarc_outcomes.add(tx, outcome)
        return Arrival(stamped.reference, message_id, len(who.accounts) + len(who.full), len(who.remote))

    future = office.store.write(job, sorted(who.inboxes.values()), heavy=len(who.accounts) > local.FEW)
    future.add_done_callback(lambda done: _note(done, mail, origin, content.size, trace))
    return future


def note_refusal(
    office: PostOffice, origin: Origin, mail: MailCommand, paths: Sequence[str], size: int, judgement: Judgement
) -> None:
    """Write down a message that the verdict does not let in."""
    fates = tuple(Fate(path, judgement.verdict.action.value) for path in paths)
    outcome = dmarc_outcomes.outcome_of(office.config.reports, origin.client, judgement, office.now())
    trace = trace_of(office.new_reference(), origin, mail, size, judgement, fates)
    record_refusal(office, trace, lambda tx: dmarc_outcomes.add(tx, outcome))


def trace_of(
    reference: str,
    origin: Origin,
    mail: MailCommand,
    size: int,
    judgement: Judgement | None,
    fates: tuple[Fate, ...],
) -> Trace:
    if judgement is None:
        return Trace(reference, origin, mail.reverse_path, fates, size, Action.ACCEPT.value, "trusted")
    verdict, letter = judgement.verdict, judgement.found.letter
    return Trace(
        reference=reference,
        origin=origin,
        reverse_path=mail.reverse_path,
        fates=fates,
        size=size,
        action=verdict.action.value,
        reason=verdict.reason,
        results="; ".join(judgement.results),
        author=letter.author if letter is not None else "",
        message_id_header=letter.message_id if letter is not None else "",
    )


def fates_of(taken: Sequence[Taken], who: local.Distribution) -> tuple[Fate, ...]:
    """What becomes of the message for each forward-path, for the trace."""
    place = "junk" if who.is_junk else "inbox"
    fates = []
    for each in taken:
        accounts = each.addressee.recipients.accounts
        if who.quarantined:
            outcome = "quarantine"
        elif accounts:
            outcome = place if not who.accounts.isdisjoint(accounts) else "waiting"
        elif each.addressee.recipients.held and not each.addressee.recipients.external:
            outcome = "moderation"
        else:
            outcome = "relay"
        only = next(iter(accounts)) if len(accounts) == 1 else ""
        fates.append(Fate(each.rcpt.forward_path, outcome, only))
    return tuple(fates)


def our_names(office: PostOffice) -> frozenset[str]:
    """Whoever speaks of results under one of these speaks in our name."""
    city = office.config.city
    return frozenset(name.lower() for name in (city.hostname, city.domain, *city.domains))


def _may_be_told(judgement: Judgement | None) -> bool:
    """Deviation from RFC 3461 §5.2.6: no report of success goes where a forger wants it, to a sender whose own domain
    disowns the message (SPF), or whose message is junk.
    """
    if judgement is None:
        return True
    sender = judgement.found.mail_from
    disowned = sender is not None and sender.status in (Spf.FAIL, Spf.SOFTFAIL)
    return judgement.verdict.action is Action.ACCEPT and not disowned


def _note(done: Future[Arrival], mail: MailCommand, origin: Origin, size: int, trace: Trace) -> None:
    """The line in the log, once it is true."""
    if not done.cancelled() and done.exception() is None:
        arrival = done.result()
        log.info(
            "reference=%s message=%d from=<%s> accounts=%d remote=%d size=%d client=%s received: %s%s",
            *(arrival.reference, arrival.message_id, mail.reverse_path, arrival.accounts, arrival.remote),
            *(size, origin.client, trace.action, f" ({trace.reason})" if trace.reason else ""),
        )


def gather(taken: Sequence[Taken]) -> tuple[set[str], list[spool.SpoolRecipient]]:
    """Everybody whom the accepted recipients reach, each once: accounts, and addresses elsewhere."""
    accounts: set[str] = set()
    remote: dict[str, spool.SpoolRecipient] = {}
    for each in taken:
        recipients = each.addressee.recipients
        accounts |= recipients.accounts
        for address in recipients.external:
            notify = member_notify(each.rcpt.notify) if each.addressee.is_group else each.rcpt.notify
            remote.setdefault(address, spool.SpoolRecipient(address, notify, original_recipient(each.rcpt)))
    return accounts, list(remote.values())


def member_notify(notify: str) -> str:
    """RFC 3461 §5.2.7.3 (c): a success was told when the group was expanded; all else is asked of its members too."""
    if not notify:
        return ""
    return ",".join(word for word in notify.split(",") if word != "SUCCESS") or "NEVER"


def held_back(taken: Sequence[Taken]) -> tuple[spool.SpoolRecipient, ...]:
    """Those who get a message later wait as they were named; whom that reaches is looked up then."""
    return tuple(
        spool.SpoolRecipient(each.addressee.address, each.rcpt.notify, original_recipient(each.rcpt)) for each in taken
    )


def held_by_moderators(taken: Iterable[Taken]) -> tuple[spool.SpoolRecipient, ...]:
    """The groups for which accepted recipients have to wait, each once."""
    found: dict[str, spool.SpoolRecipient] = {}
    for each in taken:
        notify = member_notify(each.rcpt.notify) if each.addressee.is_group else each.rcpt.notify
        for address in sorted(each.addressee.recipients.held):
            found.setdefault(address, spool.SpoolRecipient(address, notify, original_recipient(each.rcpt)))
    return tuple(found.values())


def may_wait(taken: Sequence[Taken], remote: Sequence[spool.SpoolRecipient]) -> bool:
    """Whether the message must be taken although no mailbox has room: somebody else gets it, or a group took it."""
    return bool(remote) or any(each.addressee.is_group or each.addressee.recipients.held for each in taken)


def original_recipient(rcpt: RcptCommand) -> str:
    """ORCPT as given, or the forward-path itself (RFC 3461 §4.2)."""
    return rcpt.original_recipient or f"rfc822;{rcpt.forward_path}"
