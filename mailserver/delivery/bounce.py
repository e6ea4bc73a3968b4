"""Reports on delivery: who is told what, and how the report itself is delivered.

A report has the null reverse-path and none is ever made about a message that has it itself, so that no report
causes another.  A sender of ours gets it straight into the mailbox; another one by way of the spool.

Standards: RFC 5321 §4.5.5, §6.1; RFC 3461 §5.2, §6; RFC 3464; RFC 3834 (Auto-Submitted).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from directory.mail.addresses import is_local_domain
from mailserver.delivery import forwarding, local, signing, spool
from mailserver.delivery.post_office import PostOffice
from mailserver.delivery.trace import without_return_path
from mailserver.message.report import DELIVERED, EXPANDED, FAILED, Outcome, delivery_report
from mailserver.refusals import Refusal
from mailserver.smtp.commands import MailCommand
from mailserver.store.content import Content
from mailserver.store.database import Transaction

if TYPE_CHECKING:
    from mailserver.delivery.inbound import Taken

log = logging.getLogger("citymail.delivery")

# RFC 3461 §6.2: a message that is not asked for whole is returned whole only if it is small.
_WHOLE_LIMIT = 50_000
_HEADER_LIMIT = 64 * 1024


_FROM_NOBODY = spool.Envelope(reverse_path="")


@dataclass(frozen=True, slots=True)
class Report:
    """A report that is ready to be delivered."""

    content: Content
    who: local.Distribution
    envelope: spool.Envelope = _FROM_NOBODY


def report(office: PostOffice, item: spool.Item, outcomes: Sequence[Outcome]) -> list[Report]:
    """The report on some recipients of a spooled message; none for the null sender."""
    if not outcomes or not item.envelope.reverse_path:
        return []
    failed = any(outcome.action == FAILED for outcome in outcomes)
    small = not item.envelope.ret and item.size <= _WHOLE_LIMIT
    # RFC 8689 §5: of a message that required TLS never more than the header; and the report requires it too.
    whole = failed and (item.envelope.ret == "FULL" or small) and not item.envelope.require_tls
    with office.store.read() as connection:
        stop = item.size if whole else min(item.size, _HEADER_LIMIT)
        original = office.store.octets(connection, item.message_id, 0, stop)
    return _make(
        office,
        item.envelope.reverse_path,
        outcomes,
        without_return_path(original),
        envelope_id=item.envelope.envelope_id,
        arrival=item.created_at,
        whole=whole,
        require_tls=item.envelope.require_tls,
    )


def report_success(office: PostOffice, mail: MailCommand, taken: Sequence[Taken], header: bytes) -> list[Report]:
    """The report on local recipients for whom NOTIFY=SUCCESS was asked (RFC 3461 §5.2.6, §5.2.7)."""
    if not mail.reverse_path or not any("SUCCESS" in each.rcpt.notify for each in taken):
        return []
    outcomes = []
    for each in taken:
        recipients = each.addressee.recipients
        goes_on = recipients.held or (recipients.external and not each.addressee.is_group)
        if "SUCCESS" not in each.rcpt.notify or goes_on:
            continue  # what goes elsewhere is reported from there, or by the relay
        outcomes.append(
            Outcome(
                recipient=each.rcpt.forward_path,
                action=EXPANDED if each.addressee.is_group else DELIVERED,
                status="2.1.5",
                original_recipient=each.rcpt.original_recipient,
            )
        )
    if not outcomes:
        return []
    return _make(office, mail.reverse_path, outcomes, header, envelope_id=mail.envelope_id, arrival=office.now())


def deliver(tx: Transaction, reports: Sequence[Report]) -> None:
    """Deliver reports in the transaction that gave rise to them."""
    for each in reports:
        local.deliver(tx, each.content, each.who, each.envelope)


def _make(
    office: PostOffice,
    reverse_path: str,
    outcomes: Sequence[Outcome],
    original: bytes,
    *,
    envelope_id: str,
    arrival: int,
    whole: bool = False,
    require_tls: bool = False,
) -> list[Report]:
    who = whom_to_tell(office, reverse_path) or _dead_letter_office(office)
    if who is None:
        return []
    city = office.config.city
    octets = delivery_report(
        outcomes,
        original,
        reverse_path=reverse_path,
        reporting_mta=city.hostname,
        postmaster=f"postmaster@{city.domain}",
        message_id=f"<{office.new_reference()}.{office.now()}@{city.hostname}>",
        date=office.now(),
        envelope_id=envelope_id,
        arrival=arrival,
        return_whole=whole,
    )
    return [ready(office, octets, who, require_tls=require_tls)]


def ready(
    office: PostOffice,
    octets: bytes,
    who: tuple[frozenset[str], list[spool.SpoolRecipient]],
    *,
    require_tls: bool = False,
) -> Report:
    """What we write ourselves, from nobody, to accounts and to addresses elsewhere; signed for the latter."""
    accounts, remote = who
    prefix = b"Return-Path: <>\r\n"
    if remote:
        signed = signing.sign_ours(office, octets, at=office.now())
        assert isinstance(signed.octets, bytes)
        octets, prefix = signed.octets, signing.below_return_path(prefix, signed.fields)
    content = office.store.prepare(octets, prefix=prefix)
    envelope = spool.Envelope(reverse_path="", eight_bit=not octets.isascii(), require_tls=require_tls)
    return Report(content, local.plan(office, accounts, remote, size=content.size), envelope)


def dead_letter(office: PostOffice, item: spool.Item) -> list[Report]:
    """A message from nobody that cannot be delivered: most often a report of ours to somebody who is not there.  Nobody
    may be told (RFC 5321 §6.1), but somebody of ours may have it, if the configuration names him.
    """
    who = _dead_letter_office(office)
    if who is None:
        return []
    with office.store.read() as connection:
        octets = office.store.octets(connection, item.message_id)
    content = office.store.prepare(without_return_path(octets), prefix=b"Return-Path: <>\r\n")
    return [Report(content, local.plan(office, who[0], (), size=content.size))]


def _dead_letter_office(office: PostOffice) -> tuple[frozenset[str], list[spool.SpoolRecipient]] | None:
    """The accounts that get what can be delivered to nobody; None without any."""
    from mailserver.delivery.inbound import look_up

    address = office.config.relay.dead_letters
    if not address:
        return None
    with office.directory.read() as people:
        try:
            accounts = look_up(people, address, office.config.city.domain).recipients.accounts
        except Refusal as refusal:
            log.error("[relay] dead_letters = %r reaches nobody: %s", address, refusal.reason)
            return None
    return (accounts, []) if accounts else None


def whom_to_tell(office: PostOffice, reverse_path: str) -> tuple[frozenset[str], list[spool.SpoolRecipient]] | None:
    """Accounts and outside addresses behind a reverse-path; None when there is nobody to tell."""
    from mailserver.delivery.inbound import look_up  # inbound reports successes through this module

    with office.directory.read() as people:
        if not is_local_domain(people, reverse_path.rpartition("@")[2]):
            # RFC 3461 §5.2: a report asks for no report.
            return frozenset(), [spool.SpoolRecipient(reverse_path, notify="NEVER")]
        try:
            original = forwarding.original_sender(office, reverse_path)
            if original is not None:
                return frozenset(), [spool.SpoolRecipient(original, notify="NEVER")]
            found = look_up(people, reverse_path, office.config.city.domain)
        except Refusal as refusal:
            log.warning("report to <%s> dropped: %s", reverse_path, refusal.reason)
            return None
    if found.is_group:  # nobody sends as a group; a forged sender must not reach thousands
        log.warning("report to <%s> dropped: it is a group", reverse_path)
        return None
    external = [spool.SpoolRecipient(address, notify="NEVER") for address in found.recipients.external]
    return found.recipients.accounts, external
