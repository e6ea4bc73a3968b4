"""What the SMTP verbs mean, the same for all our SMTP servers.

``mx``, ``submission`` and ``lmtp`` add who may do what.  The questions themselves (is this recipient ours, may this
login send as that) are answered by ``mailserver.delivery``, which is synchronous: in place where the database is
embedded (a look-up costs microseconds), in a worker thread where it is not, or where the message is large.

Standards: RFC 5321 §3, §4.1.1; RFC 1870; RFC 2034; RFC 2920; RFC 3461; RFC 6152; RFC 6531.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiosmtpd.smtp import Envelope

from directory.login import Gate
from mailserver.delivery.post_office import Origin, PostOffice
from mailserver.refusals import LimitReached, MalformedMessage, Refusal, TooLarge, TryLater
from mailserver.servers.smtp import Hangup, SmtpWire
from mailserver.servers.smtp_clients import Clients
from mailserver.smtp.commands import MailCommand, RcptCommand, parse_mail, parse_rcpt
from mailserver.smtp.data import DotSink
from mailserver.smtp.replies import Reply, fault_reply, refusal_reply

log = logging.getLogger("citymail.smtp")

T = TypeVar("T")

# A message up to this size is worked on in place: cheaper than the way to a thread and back (80 µs).
IN_PLACE_SIZE = 64 * 1024
# More recipients than this are looked at in a thread, that nobody else on the loop waits for them.
IN_PLACE_RECIPIENTS = 20

HELLO_FIRST = Reply(503, "5.5.1", "Say EHLO first")
HELLO_NAME = Reply(501, "5.5.4", "EHLO and HELO take a host name")
MAIL_AGAIN = Reply(503, "5.5.1", "A transaction is open; RSET ends it")
MAIL_FIRST = Reply(503, "5.5.1", "Say MAIL first")
RCPT_FIRST = Reply(503, "5.5.1", "No valid recipient; say RCPT first")
NO_PARAMETER = Reply(501, "5.5.4", "The command takes no parameter")
NO_EXTENSIONS = Reply(555, "5.5.4", "Parameters need EHLO")
NO_DSN = Reply(555, "5.5.4", "DSN is not offered here")
GOODBYE = Reply(221, "2.0.0", "Goodbye")
CANNOT_VERIFY = Reply(252, "2.5.0", "Cannot say whether that address exists; send, and see")
VERIFY_WHAT = Reply(501, "5.5.4", "VRFY takes an address")
NO_EXPANSION = Reply(502, "5.5.1", "EXPN is not given here")
DISK_FULL = Reply(452, "4.3.1", "No room to take the message now")
MAIL_OK = b"250 2.1.0 Sender OK\r\n"
RCPT_OK = b"250 2.1.5 Recipient OK\r\n"
OK = b"250 2.0.0 OK\r\n"


@dataclass(slots=True)
class SmtpServices:
    """What all SMTP sessions of a process share; wiring fills it.

    Logins are judged on threads of their own, so that however many come, mail does not wait for them.
    """

    office: PostOffice
    gate: Gate
    tls_context: ssl.SSLContext | None
    clients: Clients
    executor: Executor | None = None
    login_executor: Executor | None = None
    hello_replies: dict[tuple[type, bool, bool, tuple[str, ...]], bytes] = field(default_factory=dict)


@dataclass(slots=True)
class Offer:
    """A recipient that was accepted; ``answer`` is what the delivery side found about it, for its own use at
    the end of DATA.
    """

    rcpt: RcptCommand
    answer: Any


class MailTransaction(Envelope):
    """One transaction, from MAIL to the end of DATA (RFC 5321 §3.3)."""

    def __init__(self) -> None:
        super().__init__()
        self.mail: MailCommand | None = None
        self.offers: dict[str, Offer] = {}


class SmtpSession(SmtpWire):
    """The verbs.  Subclasses answer ``check_sender``, ``offer`` and ``receive``."""

    is_lmtp = False
    # Reports of success go only to senders whom we know: anybody else could have them sent to a victim.
    offers_dsn = False

    def __init__(self, services: SmtpServices, *, offers_tls: bool) -> None:
        office = services.office
        super().__init__(
            hostname=office.config.city.hostname,
            clients=services.clients,
            tls_context=services.tls_context if offers_tls else None,
        )
        self.services = services
        self.office = office

    # -- to be answered by each server

    async def check_sender(self, mail: MailCommand) -> None:
        """Raises Refusal when this client may not send from there."""

    async def offer(self, mail: MailCommand, rcpt: RcptCommand) -> Any:
        """Raises Refusal when the recipient is not taken; returns what ``receive`` will want to know of it."""
        raise NotImplementedError

    async def receive(self, mail: MailCommand, offers: Sequence[Offer], sink: DotSink) -> Sequence[Reply]:
        """Take the message; one reply, or for LMTP one for each offer."""
        raise NotImplementedError

    # -- running the synchronous core

    async def ask(self, function: Callable[..., T], *arguments: Any) -> T:
        """A short question to the directory or the store."""
        if self.office.in_place:
            return function(*arguments)
        return await self.loop.run_in_executor(self.services.executor, function, *arguments)

    async def work(self, sink: DotSink, recipients: int, function: Callable[[], Future[T]]) -> T:
        """Prepare a message, in place when it is small, and wait until it is on disk."""
        if (
            self.office.in_place
            and sink.path is None
            and sink.size <= IN_PLACE_SIZE
            and recipients <= IN_PLACE_RECIPIENTS
        ):
            future = function()
        else:
            future = await self.loop.run_in_executor(self.services.executor, function)
        return await asyncio.wrap_future(future, loop=self.loop)

    def new_reference(self) -> str:
        return self.office.new_reference()

    # -- greetings

    async def _hello(self, arg: str | None, *, extended: bool) -> None:
        if not arg or not arg.isprintable():
            self.say(HELLO_NAME)
            return
        self._set_rset_state()
        self.session.host_name = arg
        self.session.extended_smtp = extended
        if not extended:
            self._out.append(f"250 {self.hostname}\r\n".encode())
            return
        key = (type(self), self.secured, self.tls_context is not None, self.mechanisms())
        octets = self.services.hello_replies.get(key)
        if octets is None:
            octets = self.services.hello_replies[key] = Reply(250, "", "\n".join(self.extensions())).octets
        self._out.append(octets)

    def extensions(self) -> list[str]:
        lines = [
            self.hostname,
            "PIPELINING",
            f"SIZE {self.office.config.smtp.max_message_size}",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
        ]
        if self.offers_dsn:
            lines.append("DSN")
        if self.tls_context is not None and not self.secured:
            lines.append("STARTTLS")
        mechanisms = self.mechanisms()
        if mechanisms:
            lines.append("AUTH " + " ".join(mechanisms))
        return lines

    def mechanisms(self) -> tuple[str, ...]:
        """How to log in here and now."""
        return ()

    async def smtp_EHLO(self, arg: str | None) -> None:  # noqa: N802
        await self._hello(arg, extended=True)

    async def smtp_HELO(self, arg: str | None) -> None:  # noqa: N802
        await self._hello(arg, extended=False)

    # -- the transaction

    def _create_envelope(self) -> MailTransaction:
        return MailTransaction()

    @property
    def transaction(self) -> MailTransaction:
        envelope = self.envelope
        assert isinstance(envelope, MailTransaction)
        return envelope

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        if not self.session.host_name:
            self.say(HELLO_FIRST)
            return
        if self.transaction.mail is not None:
            self.say(MAIL_AGAIN)
            return
        mail = parse_mail(arg or "")
        if not self.session.extended_smtp and (mail.size or mail.smtputf8 or mail.ret or mail.envelope_id):
            self.say(NO_EXTENSIONS)
            return
        if (mail.ret or mail.envelope_id) and not self.offers_dsn:
            self.say(NO_DSN)
            return
        limit = self.office.config.smtp.max_message_size
        if mail.size > limit:  # RFC 1870 §6.1: refused before the message is sent
            raise TooLarge(f"Message of {mail.size} octets; {limit} are taken")
        await self.check_sender(mail)
        self.transaction.mail = mail
        self._out.append(MAIL_OK)

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        transaction = self.transaction
        if transaction.mail is None:
            self.say(MAIL_FIRST)
            return
        rcpt = parse_rcpt(arg or "", smtputf8=transaction.mail.smtputf8)
        if (rcpt.notify or rcpt.original_recipient) and not self.offers_dsn:
            self.say(NO_DSN)
            return
        if len(transaction.offers) >= self.office.config.smtp.max_recipients:
            # RFC 5321 §4.5.3.1.10: 452, so that the client sends the rest in another transaction.
            raise LimitReached("Too many recipients in one transaction")
        answer = await self.offer(transaction.mail, rcpt)
        if rcpt.forward_path not in transaction.offers or self.is_lmtp:
            transaction.offers[self._offer_key(rcpt)] = Offer(rcpt, answer)
        self._out.append(RCPT_OK)

    def _offer_key(self, rcpt: RcptCommand) -> str:
        """LMTP owes a reply for every accepted RCPT, also for one that was given twice (RFC 2033 §4.2)."""
        if self.is_lmtp:
            return f"{len(self.transaction.offers)} {rcpt.forward_path}"
        return rcpt.forward_path

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802
        transaction = self.transaction
        if arg:
            self.say(NO_PARAMETER)
            return
        if transaction.mail is None or not transaction.offers:
            self.say(RCPT_FIRST if transaction.mail is not None else MAIL_FIRST)
            return
        offers = list(transaction.offers.values())
        sink = DotSink(self.office.config.smtp.max_message_size, self.office.incoming)
        try:
            if not await self.read_data(sink):
                raise Hangup
            sink.finish()
            for reply in await self._take(transaction.mail, offers, sink):
                self.say(reply)
        finally:
            sink.discard()
            self._set_post_data_state()

    async def _take(self, mail: MailCommand, offers: Sequence[Offer], sink: DotSink) -> Sequence[Reply]:
        """The reply to the end of the data.  LMTP gets the same refusal for each recipient when the message
        itself is unfit.
        """
        try:
            refuse_unfit(sink)
            replies = await self.receive(mail, offers, sink)
        except Refusal as refusal:
            log.info("client=%s from=<%s> refused: %s", self.client, mail.reverse_path, refusal.reason)
            replies = [refusal_reply(refusal)]
        except Exception:
            reference = self.new_reference()
            log.exception("client=%s reference=%s DATA failed", self.client, reference)
            replies = [fault_reply(reference)]
        if any(reply.is_positive for reply in replies):
            self.renew_budgets()
        if self.is_lmtp and len(replies) != len(offers):
            replies = [replies[0]] * len(offers)
        return replies

    async def smtp_RSET(self, arg: str | None) -> None:  # noqa: N802
        if arg:
            self.say(NO_PARAMETER)
            return
        self._set_rset_state()
        self._out.append(OK)

    async def smtp_NOOP(self, arg: str | None) -> None:  # noqa: N802
        self._out.append(OK)  # RFC 5321 §4.1.1.9: a parameter is ignored

    async def smtp_QUIT(self, arg: str | None) -> None:  # noqa: N802
        if arg:
            self.say(NO_PARAMETER)
            return
        self.say(GOODBYE)
        raise Hangup

    async def smtp_VRFY(self, arg: str | None) -> None:  # noqa: N802
        # RFC 5321 §7.3: addresses are not for harvesting; 252 is the answer that says nothing.
        self.say(CANNOT_VERIFY if arg else VERIFY_WHAT)

    async def smtp_EXPN(self, arg: str | None) -> None:  # noqa: N802
        self.say(NO_EXPANSION)

    async def smtp_HELP(self, arg: str | None) -> None:  # noqa: N802
        self.say(Reply(214, "2.0.0", f"Commands: {' '.join(sorted(self.VERBS))}\nRFC 5321 tells what they do"))

    async def smtp_AUTH(self, arg: str | None) -> None:  # noqa: N802
        self.say(Reply(502, "5.5.1", "AUTH is not offered here; send your mail through the submission port"))

    # -- where it comes from

    def origin(self, mail: MailCommand) -> Origin:
        """The facts for the Received field (RFC 5321 §4.4; the protocol names of RFC 3848 and RFC 6531 §4.3)."""
        if self.is_lmtp:
            protocol = "LMTP"
        elif self.session.extended_smtp:
            protocol = "ESMTP"
        else:
            protocol = "SMTP"
        if mail.smtputf8:
            protocol = f"UTF8{protocol.removeprefix('E')}"
        if protocol != "SMTP":
            protocol += ("S" if self.secured else "") + ("A" if self.session.authenticated else "")
        return Origin(client=self.client, hello=self.session.host_name or "", protocol=protocol)


def refuse_unfit(sink: DotSink) -> None:
    """Raises Refusal for octets that are no message, whoever sent them."""
    if sink.fault is not None:
        raise TryLater(DISK_FULL.text, reason=f"spooling a message failed: {sink.fault}")
    if sink.too_large:
        raise TooLarge
    if sink.has_bare_line_end:
        # RFC 5321 §2.3.8.  Passing it on would let the next server see two messages where we saw one.
        raise MalformedMessage("Message has a bare CR or LF; lines end in CRLF")
    if sink.has_nul:
        raise MalformedMessage("Message has a NUL octet")
