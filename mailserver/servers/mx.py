"""Mail from other servers, on port 25: STARTTLS but no login, nothing relayed for strangers.

Standards: RFC 5321, RFC 3207.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from mailserver.delivery import inbound
from mailserver.refusals import NoSuchRecipient
from mailserver.servers.smtp_clients import is_within
from mailserver.servers.smtp_session import SmtpSession
from mailserver.servers.smtp_transaction import Offer, SmtpServices
from mailserver.smtp.commands import MailCommand, RcptCommand, SyntaxFault
from mailserver.smtp.data import MessageSink
from mailserver.smtp.replies import Reply

HARVESTING = Reply(450, "4.7.1", "Too many unknown recipients from your address; try again in a while")


class MxSession(SmtpSession):
    @property
    def offers_dsn(self) -> bool:
        return self.office.config.reception.dsn

    def may_raise_priority(self) -> bool:
        return is_within(self.client, self.office.config.reception.priority_networks)

    async def offer(self, mail: MailCommand, rcpt: RcptCommand) -> inbound.Taken:
        office = self.office
        if not self.is_lmtp and self.clients.is_harvesting(self.client):
            raise SyntaxFault(HARVESTING)
        try:
            if office.in_place and not inbound.is_known(office, rcpt.forward_path):
                # The first look at a group of thousands takes a while; nobody else waits for it.
                return await self.loop.run_in_executor(
                    self.services.executor, inbound.offer_recipient, office, mail, rcpt
                )
            return await self.ask(inbound.offer_recipient, office, mail, rcpt)
        except NoSuchRecipient:
            if not self.is_lmtp:
                self.clients.asked_unknown(self.client)
            raise

    async def receive(self, mail: MailCommand, offers: Sequence[Offer], sink: MessageSink) -> Sequence[Reply]:
        taken = [offer.answer for offer in offers]
        reach = sum(len(each.addressee.recipients.accounts) for each in taken)
        arrival = await self.work(
            sink,
            reach,
            lambda: inbound.receive(self.office, self.origin(mail), mail, taken, sink.hand_over()),
        )
        return [Reply(250, "2.0.0", f"Taken as {arrival.reference}")]


def protocol_factory(services: SmtpServices) -> Callable[[], asyncio.Protocol]:
    """Protocols for connections from other servers."""
    return lambda: MxSession(services, offers_tls=True)
