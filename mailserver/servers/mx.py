"""Mail from other servers, on port 25: STARTTLS but no login, nothing relayed for strangers, everything checked.

The checks of the envelope begin with MAIL and go on while the message comes; only what may refuse a recipient (lists
that refuse, greylisting) is waited for at RCPT.  The DNS is asked without holding up anybody else on the loop.

Standards: RFC 5321, RFC 3207; RFC 7208 §2.5 (checked in the session).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial

from mailserver.delivery import greylist, inbound, scanning
from mailserver.delivery.binary_mail import as_kept
from mailserver.delivery.checks import (
    Findings,
    Subject,
    envelope_subject,
    look_at_envelope,
    look_at_octets,
)
from mailserver.delivery.verdict import Action, Judgement, Verdict, judge, judge_envelope
from mailserver.refusals import PutOff
from mailserver.scanning.opinion import Opinion
from mailserver.servers.dns import Dns
from mailserver.servers.smtp_session import SmtpSession
from mailserver.servers.smtp_transaction import IN_PLACE_SIZE, Offer, SmtpServices
from mailserver.smtp.commands import MailCommand, RcptCommand
from mailserver.smtp.data import MessageSink
from mailserver.smtp.replies import Reply, refusal_reply
from security.networks import is_within
from security.spf import Spf


class MxSession(SmtpSession):
    """``dns`` is None where nobody is checked."""

    serves_strangers = True

    def __init__(self, services: SmtpServices, *, offers_tls: bool, dns: Dns | None = None) -> None:
        super().__init__(services, offers_tls=offers_tls)
        self._dns = dns
        self._subject: Subject | None = None
        self._looking: asyncio.Task[Findings] | None = None
        self._is_noted = False  # that a list refused this transaction's recipients

    @property
    def offers_dsn(self) -> bool:
        return self.office.config.reception.dsn

    def may_raise_priority(self) -> bool:
        return is_within(self.client, self.office.config.reception.priority_networks)

    # -- the envelope

    async def check_sender(self, mail: MailCommand) -> None:
        trust = self.office.config.trust
        self._forget_checks()
        if self._dns is None or is_within(self.client, trust.networks):
            return
        self._subject = envelope_subject(self.office, self.origin(mail), mail.reverse_path)
        if self._subject is not None:
            looking = self._dns.answer(look_at_envelope(self._subject, trust), within=trust.check_seconds)
            self._looking = self.loop.create_task(looking)
            self._looking.add_done_callback(_see)

    async def offer(self, mail: MailCommand, rcpt: RcptCommand) -> inbound.Taken:
        office = self.office
        if office.in_place and not inbound.is_known(office, rcpt.forward_path):
            # The first look at a group of thousands takes a while; nobody else waits for it.
            taken = await self.loop.run_in_executor(self.services.executor, inbound.offer_recipient, office, mail, rcpt)
        else:
            taken = await self.ask(inbound.offer_recipient, office, mail, rcpt)
        await self._check_recipient(mail, rcpt)
        return taken

    async def _check_recipient(self, mail: MailCommand, rcpt: RcptCommand) -> None:
        """Raises Refusal for whom we do not want to hear any more of."""
        trust = self.office.config.trust
        if self._looking is None or not (trust.greylisting or "refuse" in trust.address_lists.values()):
            return
        if _is_for_postmaster(rcpt.forward_path):
            return
        found = await self._looking
        verdict = judge_envelope(found, trust)
        if verdict.is_taken and trust.greylisting and not await self._is_known(mail, rcpt, found):
            delay = PutOff(f"You are new here; come again in {trust.grey_delay} seconds", reason="greylisted")
            verdict = Verdict(Action.DEFER, delay.reason, delay)
        if verdict.refusal is not None:
            # One record for all recipients whom a list's word concerns alike; each has his own with greylisting.
            if not self._is_noted:
                judgement = Judgement(found, verdict)
                inbound.note_refusal(self.office, self.origin(mail), mail, [rcpt.forward_path], mail.size, judgement)
            self._is_noted = verdict.action is Action.REFUSE
            raise verdict.refusal

    async def _is_known(self, mail: MailCommand, rcpt: RcptCommand, found: Findings) -> bool:
        """Whether greylisting lets the client in: it came again, or SPF vouches for it."""
        if self._subject is None or (found.mail_from is not None and found.mail_from.status is Spf.PASS):
            return True
        office, trust = self.office, self.office.config.trust
        triplet = (greylist.neighbourhood(self._subject.client), mail.reverse_path, rcpt.forward_path)

        def look() -> bool:
            with office.store.read() as connection:
                return greylist.is_known(connection, trust, *triplet, office.now())

        if await self.ask(look):
            return True
        future = office.store.write(lambda tx: greylist.consider(tx, trust, *triplet))
        return await asyncio.wrap_future(future, loop=self.loop)

    # -- the message

    async def receive(self, mail: MailCommand, offers: Sequence[Offer], sink: MessageSink) -> Sequence[Reply]:
        taken = [offer.answer for offer in offers]
        paths = [offer.rcpt.forward_path for offer in offers]
        judgement = await self._judge(sink, may_be_listed=all(map(_is_for_postmaster, paths)))
        opinions: tuple[Opinion, ...] = ()
        if self.office.panel and (judgement is None or judgement.verdict.is_taken):
            opinions = await self._scan(mail, paths, sink)
            judgement = _weigh(judgement, scanning.verdict_of(opinions))
        if judgement is not None and judgement.verdict.refusal is not None:
            inbound.note_refusal(self.office, self.origin(mail), mail, paths, sink.size, judgement)
            return [refusal_reply(judgement.verdict.refusal)]
        reach = sum(len(each.addressee.recipients.accounts) for each in taken)

        def take() -> Future[inbound.Arrival]:
            kept, octets = as_kept(mail, sink.hand_over())
            return inbound.receive(self.office, self.origin(mail), kept, taken, octets, judgement, opinions)

        arrival = await self.work(sink, reach, take)
        return [Reply(250, "2.0.0", f"Taken as {arrival.reference}")]

    async def _judge(self, sink: MessageSink, *, may_be_listed: bool) -> Judgement | None:
        """What becomes of the message; None where nothing is checked."""
        if self._looking is None or self._subject is None or self._dns is None:
            return None
        trust = self.office.config.trust
        found = await self._looking
        if may_be_listed:
            found = replace(found, addresses=())
        # A large message is hashed on a thread, so that nobody else on the loop waits for it.
        is_small = sink.path is None and sink.size <= IN_PLACE_SIZE
        executor = None if is_small and self.office.in_place else self.services.executor
        look = look_at_octets(self.office, self._subject, sink.path or sink.octets, found)
        found = await self._dns.answer(look, within=trust.check_seconds, executor=executor)
        return judge(found, trust)

    async def _scan(self, mail: MailCommand, paths: Sequence[str], sink: MessageSink) -> tuple[Opinion, ...]:
        """Scanners are waited for on a thread."""
        ask = partial(
            scanning.ask,
            self.office,
            self.origin(mail),
            sink.path or sink.octets,
            reverse_path=mail.reverse_path,
            recipients=paths,
            since=self.office.panel.now() if self.office.panel else None,
        )
        return await self.loop.run_in_executor(self.services.scan_executor, ask)

    def ended(self) -> None:
        self._forget_checks()
        super().ended()

    def _forget_checks(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
        self._looking = self._subject = None
        self._is_noted = False


def _weigh(judgement: Judgement | None, scanned: Verdict) -> Judgement | None:
    """The checks' judgement with the scanners' verdict; whom we trust is judged by scanners alone."""
    if judgement is not None:
        return replace(judgement, verdict=scanning.graver(judgement.verdict, scanned))
    return None if scanned.action is Action.ACCEPT else Judgement(Findings(), scanned)


def _is_for_postmaster(forward_path: str) -> bool:
    """RFC 5321 §4.5.1, RFC 2142 §4: whoever is on a list must be able to tell somebody."""
    return forward_path.partition("@")[0].lower() in ("postmaster", "abuse")


def _see(looking: asyncio.Task[Findings]) -> None:
    """What went wrong with checks that nobody waited for is no news."""
    if not looking.cancelled():
        looking.exception()


def protocol_factory(services: SmtpServices) -> Callable[[], asyncio.Protocol]:
    """Protocols for connections from other servers."""
    dns = Dns.from_config(services.office.config)
    return lambda: MxSession(services, offers_tls=True, dns=dns)
