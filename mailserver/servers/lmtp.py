"""LMTP, for programs inside the house that deliver to our mailboxes: a reply for each recipient.

Only the networks named in the configuration may connect; nobody else gets more than a refusal.

Standards: RFC 2033.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from mailserver.servers.mx import MxSession
from mailserver.servers.smtp_stream import Hangup
from mailserver.servers.smtp_transaction import Offer, SmtpServices
from mailserver.smtp.commands import MailCommand
from mailserver.smtp.data import MessageSink
from mailserver.smtp.replies import Reply
from security.networks import is_within

NOT_YOU = Reply(554, "5.7.1", "LMTP is not for your network")
SAY_LHLO = Reply(500, "5.5.1", "This is LMTP; say LHLO")


class LmtpSession(MxSession):
    is_lmtp = True
    serves_strangers = False
    error_budget = 1000

    def __init__(self, services: SmtpServices, *, offers_tls: bool) -> None:
        super().__init__(services, offers_tls=offers_tls)
        self.tarpit = 0.0

    @property
    def offers_xclient(self) -> bool:
        return False  # who may come at all is decided by where it comes from

    @property
    def offers_dsn(self) -> bool:
        return True

    def may_raise_priority(self) -> bool:
        return True

    async def greet(self) -> None:
        if not is_within(self.client, self.office.config.smtp.lmtp_networks):
            self.say(NOT_YOU)
            raise Hangup
        self.say(Reply(220, "", f"{self.hostname} LMTP CityMail"))

    async def smtp_LHLO(self, arg: str | None) -> None:  # noqa: N802
        await self._hello(arg, extended=True)

    async def smtp_EHLO(self, arg: str | None) -> None:  # noqa: N802
        # RFC 2033 §4.1: HELO and EHLO must not work here.
        self.say(SAY_LHLO)

    async def smtp_HELO(self, arg: str | None) -> None:  # noqa: N802
        self.say(SAY_LHLO)

    async def receive(self, mail: MailCommand, offers: Sequence[Offer], sink: MessageSink) -> Sequence[Reply]:
        """One transaction for all, so they all get the same answer, each its own time (RFC 2033 §4.2)."""
        (reply,) = await super().receive(mail, offers, sink)
        return [reply] * len(offers)


def protocol_factory(services: SmtpServices) -> Callable[[], asyncio.Protocol]:
    """Protocols for local delivery programs."""
    return lambda: LmtpSession(services, offers_tls=True)
