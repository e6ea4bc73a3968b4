"""What the SMTP verbs mean, the same for all our SMTP servers.

``mx``, ``submission`` and ``lmtp`` add who may do what.  The questions themselves (is this recipient ours, may this
login send as that) are answered by ``mailserver.delivery``, which is synchronous: in place where the database is
embedded (a look-up costs microseconds), in a worker thread where it is not, or where the message is large.

Standards: RFC 5321 §3, §4.1.1; RFC 1870; RFC 2034; RFC 2852; RFC 2920; RFC 3030; RFC 3461; RFC 4865; RFC 6152; RFC
6531; RFC 6710; RFC 8689; RFC 9422.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from mailserver.delivery.envelopes import release_time
from mailserver.delivery.post_office import Origin
from mailserver.refusals import LimitReached, NoSuchRecipient, TooLarge
from mailserver.servers.smtp import TOO_MANY_CONNECTIONS
from mailserver.servers.smtp_stream import Hangup
from mailserver.servers.smtp_transaction import IN_CHUNKS, MAIL_FIRST, NO_PARAMETER, Offer, TransactionWire
from mailserver.servers.smtp_transaction import SmtpServices as SmtpServices
from mailserver.smtp.commands import MailCommand, RcptCommand, parse_mail, parse_rcpt
from mailserver.smtp.replies import Reply
from mailserver.smtp.xclient import ATTRIBUTES, parse_xclient
from security.networks import is_within

log = logging.getLogger("citymail.smtp")

DAY = 86_400
# Answers to EHLO that are kept; there is one for each server, state and day.
HELLO_REPLIES = 100

HELLO_FIRST = Reply(503, "5.5.1", "Say EHLO first")
HELLO_NAME = Reply(501, "5.5.4", "EHLO and HELO take a host name")
MAIL_AGAIN = Reply(503, "5.5.1", "A transaction is open; RSET ends it")
NO_EXTENSIONS = Reply(555, "5.5.4", "Parameters need EHLO")
NO_DSN = Reply(555, "5.5.4", "DSN is not offered here")
NO_XCLIENT = Reply(550, "5.7.0", "XCLIENT is not for you")
XCLIENT_LATE = Reply(503, "5.5.1", "A transaction is open; XCLIENT comes before it")
NEEDS_TLS = Reply(530, "5.7.10", "REQUIRETLS is taken only under TLS; say STARTTLS first")
NO_HOLDING = Reply(555, "5.5.4", "Messages are not held back here")
HELD_TOO_LONG = Reply(501, "5.5.4", "That is longer than messages are held back; EHLO tells how long")
GOODBYE = Reply(221, "2.0.0", "Goodbye")
HARVESTING = Reply(450, "4.7.1", "Too many unknown recipients from your address; try again in a while")
CANNOT_VERIFY = Reply(252, "2.5.0", "Cannot say whether that address exists; send, and see")
VERIFY_WHAT = Reply(501, "5.5.4", "VRFY takes an address")
NO_EXPANSION = Reply(502, "5.5.1", "EXPN is not given here")
MAIL_OK = b"250 2.1.0 Sender OK\r\n"
PRIORITY_LOWERED = b"250 2.3.6 0 is the priority of this message; higher ones are not for you\r\n"
RCPT_OK = b"250 2.1.5 Recipient OK\r\n"
OK = b"250 2.0.0 OK\r\n"


class SmtpSession(TransactionWire):
    """The verbs.  Subclasses answer ``check_sender``, ``offer`` and ``receive``."""

    # Whether who asks for unknown recipients may be looking for known ones.
    serves_strangers = False

    @property
    def offers_dsn(self) -> bool:
        return False

    @property
    def hold_days(self) -> int:
        """For how many days a message may be held back (RFC 4865 §2: for submission only); 0: not offered."""
        return 0

    # -- to be answered by each server

    async def check_sender(self, mail: MailCommand) -> None:
        """Raises Refusal when this client may not send from there."""

    async def offer(self, mail: MailCommand, rcpt: RcptCommand) -> Any:
        """Raises Refusal when the recipient is not taken; returns what ``receive`` will want to know of it."""
        raise NotImplementedError

    @property
    def offers_xclient(self) -> bool:
        """Whether who is at the other end may say for whom it speaks."""
        return is_within(self.neighbour, self.office.config.reception.xclient_networks)

    def may_raise_priority(self) -> bool:
        """RFC 6710 §4.1: whether this client's messages may go before others'."""
        return False

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
        today = self.office.now() // DAY if self.hold_days else 0
        key = (type(self), self.secured, self.tls_context is not None, self.mechanisms(), self.offers_xclient, today)
        octets = self.services.hello_replies.get(key)
        if octets is None:
            if len(self.services.hello_replies) > HELLO_REPLIES:
                self.services.hello_replies.clear()
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
            "CHUNKING",
            "BINARYMIME",
            "DELIVERBY",
            "MT-PRIORITY",
            f"LIMITS RCPTMAX={min(self.office.config.smtp.max_recipients, 999_999)}",  # RFC 9422 §3: 6 digits
        ]
        if self.offers_dsn:
            lines.append("DSN")
        if self.hold_days:
            # RFC 4865 §4: the longest time, and the last moment; that of the day's beginning is kept for the day.
            last = datetime.fromtimestamp((self.office.now() // DAY + self.hold_days) * DAY, UTC)
            lines.append(f"FUTURERELEASE {self.hold_days * DAY} {last:%Y-%m-%dT%H:%M:%SZ}")
        if self.secured:
            lines.append("REQUIRETLS")  # RFC 8689 §2: only under TLS
        if self.tls_context is not None and not self.secured:
            lines.append("STARTTLS")
        if self.offers_xclient:
            lines.append("XCLIENT " + " ".join(ATTRIBUTES))
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

    async def smtp_XCLIENT(self, arg: str | None) -> None:  # noqa: N802
        if not self.offers_xclient:
            log.warning("client=%s is not allowed XCLIENT", self.client)
            self.say(NO_XCLIENT)
            return
        if self.transaction.mail is not None:
            self.say(XCLIENT_LATE)
            return
        facts = parse_xclient(arg or "")
        if facts.address is not None:
            self.clients.release(self.client, self)
            self.client = facts.address
            if not self.clients.admit(self.client, self):
                self.say(TOO_MANY_CONNECTIONS)
                raise Hangup
        log.info("neighbour=%s speaks for client=%s name=%s", self.neighbour, self.client, facts.name or "-")
        # As if the client had just connected: whatever was said before was said by another.
        self.forget_session()
        self.session.host_name = facts.hello or None
        self.session.extended_smtp = facts.protocol == "ESMTP"
        await self.greet()

    # -- the transaction

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        if not self.session.host_name:
            self.say(HELLO_FIRST)
            return
        if self.transaction.mail is not None:
            self.say(MAIL_AGAIN)
            return
        mail = parse_mail(arg or "")
        fault = self._why_unfit(mail)
        if fault is not None:
            self.say(fault)
            return
        limit = self.office.config.smtp.max_message_size
        if mail.size > limit:  # RFC 1870 §6.1: refused before the message is sent
            raise TooLarge(f"Message of {mail.size} octets; {limit} are taken")
        await self.check_sender(mail)
        self.transaction.mail = mail
        if mail.priority is not None and mail.priority > 0 and not self.may_raise_priority():
            mail.priority = 0
            self._out.append(PRIORITY_LOWERED)
        else:
            self._out.append(MAIL_OK)

    def _why_unfit(self, mail: MailCommand) -> Reply | None:
        """What asks for more than is offered here and now."""
        if not mail.given:
            return None
        if not self.session.extended_smtp:
            return NO_EXTENSIONS
        if (mail.ret or mail.envelope_id) and not self.offers_dsn:
            return NO_DSN
        if mail.require_tls and not self.secured:
            return NEEDS_TLS
        if mail.hold_for or mail.hold_until:
            if not self.hold_days:
                return NO_HOLDING
            now = self.office.now()
            if release_time(mail, now) > now + self.hold_days * DAY:
                return HELD_TOO_LONG
        return None

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        transaction = self.transaction
        if transaction.mail is None:
            self.say(MAIL_FIRST)
            return
        if transaction.chunks is not None or transaction.has_failed:
            self.say(IN_CHUNKS)
            return
        rcpt = parse_rcpt(arg or "", smtputf8=transaction.mail.smtputf8)
        if rcpt.notify or rcpt.original_recipient:
            if not self.session.extended_smtp:
                self.say(NO_EXTENSIONS)
                return
            if not self.offers_dsn:
                self.say(NO_DSN)
                return
        if len(transaction.offers) >= self.office.config.smtp.max_recipients:
            # RFC 5321 §4.5.3.1.10: 452, so that the client sends the rest in another transaction.
            self.commands += 1
            raise LimitReached("Too many recipients in one transaction")
        if self.serves_strangers and self.clients.is_harvesting(self.client):
            self.errors += 1  # however often it asks
            self.say(HARVESTING)
            return
        try:
            answer = await self.offer(transaction.mail, rcpt)
        except NoSuchRecipient:
            if self.serves_strangers:
                self.clients.asked_unknown(self.client)
            raise
        if rcpt.forward_path not in transaction.offers or self.is_lmtp:
            transaction.offers[self._offer_key(rcpt)] = Offer(rcpt, answer)
        else:
            self.commands += 1  # it leads nowhere
        self._out.append(RCPT_OK)

    def _offer_key(self, rcpt: RcptCommand) -> str:
        """LMTP owes a reply for every accepted RCPT, also for one that was given twice (RFC 2033 §4.2)."""
        if self.is_lmtp:
            return f"{len(self.transaction.offers)} {rcpt.forward_path}"
        return rcpt.forward_path

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
        hidden = set() if self.offers_xclient else {"XCLIENT"}
        verbs = " ".join(sorted(self.VERBS.keys() - hidden))
        self.say(Reply(214, "2.0.0", f"Commands: {verbs}\nRFC 5321 tells what they do"))

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
        hello = self.session.host_name or ""
        if not mail.smtputf8:
            # RFC 6531 §3.7.1 wants A-labels, but people's computers have names too; the header stays ASCII.
            hello = hello.encode("ascii", "replace").decode()
        return Origin(client=self.client, hello=hello, protocol=protocol, priority=mail.priority)
