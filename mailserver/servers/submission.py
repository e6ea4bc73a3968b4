"""Mail from our own people: port 587 with STARTTLS, port 465 under TLS from the start; nothing without a
login.

The conversation of a login is ``directory.signing_in.sasl_login``, the same as IMAP's; what it wants waited for or
run elsewhere is done here, where waiting costs nothing.

Standards: RFC 6409, RFC 8314, RFC 4954 (AUTH).
"""

from __future__ import annotations

import asyncio
import functools
import logging
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from directory.mail.accounts import Account
from directory.signing_in.admission import Admission
from directory.signing_in.login import LoginRefused
from directory.signing_in.sasl_login import Away, Conversation, Wait, converse
from mailserver.delivery import inbound, scanning, submission
from mailserver.delivery.binary_mail import as_kept
from mailserver.delivery.envelopes import may_raise_priority
from mailserver.servers.smtp_session import HELLO_FIRST, SmtpSession
from mailserver.servers.smtp_stream import Hangup
from mailserver.servers.smtp_transaction import Offer, SmtpServices
from mailserver.smtp.commands import MailCommand, RcptCommand, SyntaxFault
from mailserver.smtp.data import MessageSink
from mailserver.smtp.replies import Reply
from security import sasl
from security.peer import Peer

log = logging.getLogger("citymail.smtp")

TLS_FIRST = Reply(530, "5.7.0", "Say STARTTLS first")
AUTH_NEEDS_TLS = Reply(538, "5.7.11", "Passwords are taken only under TLS; say STARTTLS first")
LOGIN_FIRST = Reply(530, "5.7.0", "Log in first")
LOGGED_IN_ALREADY = Reply(503, "5.5.1", "You are logged in already")
NOT_IN_TRANSACTION = Reply(503, "5.5.1", "AUTH is not possible within a transaction")
UNKNOWN_MECHANISM = Reply(504, "5.5.4", "That mechanism is not offered; EHLO tells which are")
AUTH_SYNTAX = Reply(501, "5.5.4", "Syntax: AUTH mechanism [initial-response]")
CANCELLED = Reply(501, "5.7.0", "Login cancelled")
WELCOME = Reply(235, "2.7.0", "Welcome")
LOGIN_OVER = Reply(530, "5.7.0", "Your login does not hold any more; log in again")
TOO_MANY_OF_LOGIN = Reply(421, "4.7.0", "Too many connections of your login; goodbye")
EXTENDED_ONLY = Reply(503, "5.5.1", "AUTH needs EHLO")


class Answered(Exception):
    """What the client said in the exchange was no line of it, and has been answered."""


class SubmissionSession(SmtpSession):
    _counted = ""  # the account whose connections this one is counted among

    @property
    def offers_dsn(self) -> bool:
        return True

    @property
    def hold_days(self) -> int:
        return self.office.config.reception.hold_days

    def may_raise_priority(self) -> bool:
        account = self.account
        return account is not None and may_raise_priority(self.office, account)

    @property
    def account(self) -> Account | None:
        admission: Admission | None = self.session.auth_data
        return admission.account if admission is not None else None

    @property
    def peer(self) -> Peer:
        tls: ssl.SSLObject | None = None
        if self.secured and self.transport is not None:
            tls = self.transport.get_extra_info("ssl_object")
        return Peer(self.client, "smtp", tls)

    def mechanisms(self) -> tuple[str, ...]:
        """Nobody is offered to log in without TLS (RFC 4954 §4, RFC 8314 §3)."""
        return self.services.gate.mechanisms(self.peer) if self.secured else ()

    async def check_sender(self, mail: MailCommand) -> None:
        account = self.account
        if account is None:
            raise SyntaxFault(LOGIN_FIRST if self.secured else TLS_FIRST)
        if await self.ask(self.services.gate.still_holds, self.session.auth_data) is None:
            # locked, another password, a revoked one: from one message to the next
            self._log_out()
            raise SyntaxFault(LOGIN_OVER)
        await self.ask(submission.check_sender, self.office, account, mail.reverse_path)

    async def offer(self, mail: MailCommand, rcpt: RcptCommand) -> inbound.Taken:
        account = self.account
        assert account is not None  # MAIL was taken
        office = self.office
        arguments = (office, account, mail.size, rcpt)
        if office.in_place and not inbound.is_known(office, rcpt.forward_path):
            return await self.loop.run_in_executor(
                self.services.executor, functools.partial(submission.offer_recipient, *arguments)
            )
        return await self.ask(submission.offer_recipient, *arguments)

    async def receive(self, mail: MailCommand, offers: Sequence[Offer], sink: MessageSink) -> Sequence[Reply]:
        account = self.account
        assert account is not None
        taken = [offer.answer for offer in offers]
        reach = sum(len(each.addressee.recipients.accounts) for each in taken)
        opinions = None
        if self.office.panel:
            ask = functools.partial(
                scanning.ask,
                self.office,
                self.origin(mail),
                sink.path or sink.octets,
                reverse_path=mail.reverse_path,
                recipients=[offer.rcpt.forward_path for offer in offers],
                login=account.login,
                since=self.office.panel.now(),
            )
            opinions = await self.loop.run_in_executor(self.services.scan_executor, ask)

        def send() -> Future[submission.Submitted]:
            kept, octets = as_kept(mail, sink.hand_over())
            order = submission.Submission(
                submitter=account,
                reverse_path=mail.reverse_path,
                forward_paths=tuple(offer.rcpt.forward_path for offer in offers),
                octets=octets,
                origin="smtp",
                client=self.client,
                mail=kept,
                trace=self.origin(mail),
                opinions=opinions,
            )
            return submission.send(self.office, order, taken)

        submitted = await self.work(sink, reach, send)
        return [Reply(250, "2.0.0", f"Taken as {submitted.reference}")]

    # -- login

    async def smtp_AUTH(self, arg: str | None) -> None:  # noqa: N802
        refusal = self._why_not_now()
        if refusal is not None:
            self.say(refusal)
            return
        words = (arg or "").split()
        if not 1 <= len(words) <= 2:
            self.say(AUTH_SYNTAX)
            return
        gate = self.services.gate
        exchange = gate.begin(words[0], self.peer)
        if exchange is None:
            self.say(UNKNOWN_MECHANISM)
            return
        try:
            initial = sasl.decode_initial(words[1].encode()) if len(words) == 2 else None
            admission = await self._talk(converse(gate, exchange, initial, self.peer))
        except Answered:
            pass
        except sasl.SaslCancelled:
            self.say(CANCELLED)
        except sasl.SaslFault as fault:
            self.say(Reply(501, "5.5.2", str(fault).capitalize()))
        except LoginRefused as refused:
            log.info("client=%s login refused: %s", self.client, refused.reason)
            self.say(Reply(535, "5.7.8", refused.client_text))
        else:
            if not self.clients.log_in(admission.account.id):
                log.info("client=%s login=%s has too many connections", self.client, admission.account.login)
                self.say(TOO_MANY_OF_LOGIN)
                raise Hangup
            self._counted = admission.account.id
            self.session.authenticated = True
            self.session.auth_data = admission  # type: ignore[assignment]  # aiosmtpd types it as None
            log.info("client=%s login=%s logged in by %s", self.client, admission.account.login, admission.means)
            self.say(WELCOME)

    def _log_out(self) -> None:
        if self._counted:
            self.clients.log_out(self._counted)
            self._counted = ""
        self.session.authenticated = False
        self.session.auth_data = None

    def forget_session(self) -> None:
        self._log_out()
        super().forget_session()

    def ended(self) -> None:
        self._log_out()
        super().ended()

    def _why_not_now(self) -> Reply | None:
        if not self.session.host_name:
            return HELLO_FIRST
        if not self.session.extended_smtp:
            return EXTENDED_ONLY
        if not self.secured:
            return AUTH_NEEDS_TLS
        if self.account is not None:
            return LOGGED_IN_ALREADY  # RFC 4954 §4
        if self.transaction.mail is not None:
            return NOT_IN_TRANSACTION
        return None

    async def _answer_to(self, challenge: sasl.Challenge) -> bytes:
        self._out.append(b"334 " + sasl.encode_challenge(challenge) + b"\r\n")
        line = await self.read_answer()
        if line is None:
            raise Answered
        return line.encode()

    async def _talk(self, conversation: Conversation) -> Admission:
        answer: Any = None
        refused: LoginRefused | None = None
        while True:
            try:
                step = conversation.throw(refused) if refused is not None else conversation.send(answer)
            except StopIteration as end:
                admission: Admission = end.value
                return admission
            answer = refused = None
            if isinstance(step, sasl.Challenge):
                answer = sasl.decode_response(await self._answer_to(step))
            elif isinstance(step, Wait):
                await asyncio.sleep(step.seconds)
            else:
                assert isinstance(step, Away)
                try:
                    answer = await self.loop.run_in_executor(self.services.login_executor, step.call)
                except LoginRefused as fault:
                    refused = fault


def protocol_factory(services: SmtpServices, *, tls: bool) -> Callable[[], asyncio.Protocol]:
    """Protocols for submission; with ``tls`` the transport is secured already, and STARTTLS is not offered."""
    return lambda: SubmissionSession(services, offers_tls=not tls)
