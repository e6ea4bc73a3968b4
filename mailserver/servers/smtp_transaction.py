"""One SMTP transaction, and how its message comes in: DATA, or BDAT in chunks.

The verbs around it (greetings, MAIL, RCPT) are in ``smtp_session``.  Once BDAT has begun, or has failed, nothing but
RSET, EHLO or a further chunk makes sense; chunks that a client sent before it knew of a failure are taken, thrown away
and answered, and are never looked at for commands.

Standards: RFC 5321 §3.3, §4.1.1.4; RFC 3030 §2 (CHUNKING), §3 (BINARYMIME); RFC 2033 §4.2 (LMTP: a reply for each
recipient).
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

from directory.signing_in.login import Gate
from mailserver.address import domain_to_ascii
from mailserver.delivery.post_office import PostOffice
from mailserver.delivery.trace import read_header
from mailserver.refusals import MalformedMessage, Refusal, TooLarge, TryLater
from mailserver.servers.asking import ask
from mailserver.servers.smtp import SmtpWire
from mailserver.servers.smtp_clients import Clients
from mailserver.servers.smtp_stream import TIMED_OUT, Hangup
from mailserver.smtp.chunking import ChunkSink, Skipped
from mailserver.smtp.commands import MailCommand, RcptCommand, parse_chunk
from mailserver.smtp.data import DotSink, MessageSink
from mailserver.smtp.replies import Reply, fault_reply, refusal_reply

log = logging.getLogger("citymail.smtp")

T = TypeVar("T")

# A message up to this size is worked on in place: cheaper than the way to a thread and back (80 µs).
IN_PLACE_SIZE = 64 * 1024
# More recipients than this are looked at in a thread, that nobody else on the loop waits for them.
IN_PLACE_RECIPIENTS = 20
# A chunk that is smaller counts as a command that gets nowhere.
SMALL_CHUNK = 512
# Who sends so many times what may be sent, and so many octets, does not mean a message.
MOST_DATA = 8
LEAST_MOST = 32 * 1024 * 1024

MAIL_FIRST = Reply(503, "5.5.1", "Say MAIL first")
RCPT_FIRST = Reply(503, "5.5.1", "No valid recipient; say RCPT first")
NO_PARAMETER = Reply(501, "5.5.4", "The command takes no parameter")
CHUNK_SYNTAX = Reply(501, "5.5.4", "Syntax: BDAT octets [LAST]; goodbye")
IN_CHUNKS = Reply(503, "5.5.1", "The message comes by BDAT; RSET ends the transaction")
BINARY_IN_CHUNKS = Reply(503, "5.5.1", "BODY=BINARYMIME comes by BDAT, not by DATA")
HAS_FAILED = Reply(503, "5.5.1", "The transaction has failed; RSET ends it")
DISK_FULL = Reply(452, "4.3.1", "No room to take the message now")


@dataclass(slots=True)
class SmtpServices:
    """What all SMTP sessions of a process share; wiring fills it.

    Logins are judged on threads of their own, so that however many come, mail does not wait for them; and scanners are
    waited for on others.
    """

    office: PostOffice
    gate: Gate
    tls_context: ssl.SSLContext | None
    clients: Clients
    executor: Executor | None = None
    login_executor: Executor | None = None
    scan_executor: Executor | None = None
    hello_replies: dict[tuple[Any, ...], bytes] = field(default_factory=dict)


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
        self.chunks: ChunkSink | None = None  # once BDAT has begun
        self.chunks_began = 0.0
        self.has_failed = False


class TransactionWire(SmtpWire):
    """DATA and BDAT.  Subclasses say what is to become of a message: ``receive``."""

    is_lmtp = False

    def __init__(self, services: SmtpServices, *, offers_tls: bool) -> None:
        office = services.office
        super().__init__(
            hostname=domain_to_ascii(office.config.city.hostname),  # RFC 6531 §3.7.1
            clients=services.clients,
            tls_context=services.tls_context if offers_tls else None,
        )
        self.services = services
        self.office = office
        self.most_data = max(LEAST_MOST, MOST_DATA * office.config.smtp.max_message_size)
        self.tarpit = office.config.reception.tarpit_milliseconds / 1000

    async def receive(self, mail: MailCommand, offers: Sequence[Offer], sink: MessageSink) -> Sequence[Reply]:
        """Take the message; one reply, or for LMTP one for each offer."""
        raise NotImplementedError

    # -- running the synchronous core

    async def ask(self, function: Callable[..., T], *arguments: Any) -> T:
        """A short question to the directory or the store."""
        return await ask(self.office, function, *arguments, executor=self.services.executor)

    async def work(self, sink: MessageSink, recipients: int, function: Callable[[], Future[T]]) -> T:
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

    # -- the transaction

    def _create_envelope(self) -> MailTransaction:
        return MailTransaction()

    def _set_rset_state(self) -> None:
        self._forget_chunks()
        super()._set_rset_state()

    def _forget_chunks(self) -> None:
        if isinstance(self.envelope, MailTransaction) and self.envelope.chunks is not None:
            self.envelope.chunks.discard()

    def ended(self) -> None:
        self._forget_chunks()

    @property
    def transaction(self) -> MailTransaction:
        envelope = self.envelope
        assert isinstance(envelope, MailTransaction)
        return envelope

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802
        transaction = self.transaction
        if arg:
            self.say(NO_PARAMETER)
            return
        if transaction.chunks is not None or transaction.has_failed:
            self.say(IN_CHUNKS)  # RFC 3030 §2: the two are not mixed
            return
        if transaction.mail is None or not transaction.offers:
            self.say(RCPT_FIRST if transaction.mail is not None else MAIL_FIRST)
            return
        if transaction.mail.body == "BINARYMIME":
            self.say(BINARY_IN_CHUNKS)  # RFC 3030 §3
            return
        sink = DotSink(self.office.config.smtp.max_message_size, self.office.incoming)
        try:
            if not await self.read_data(sink):
                raise Hangup
            await self._take(transaction.mail, sink)
        finally:
            sink.discard()
            self._set_post_data_state()

    async def smtp_BDAT(self, arg: str | None) -> None:  # noqa: N802
        chunk = parse_chunk(arg or "")
        if chunk is None:
            # Nobody can tell where the octets end and commands begin again.
            self.say(CHUNK_SYNTAX)
            raise Hangup
        self.commands -= chunk.size >= SMALL_CHUNK
        transaction = self.transaction
        mail = transaction.mail
        if mail is None or transaction.has_failed or not transaction.offers:
            # RFC 3030 §2: taken and thrown away; the client could not know.
            if not await self.read_chunk(Skipped(), chunk.size):
                raise Hangup
            self.commands += chunk.size >= SMALL_CHUNK
            if mail is None:
                self.say(MAIL_FIRST)
            elif transaction.has_failed:
                self._out.append(HAS_FAILED.octets)  # the error was counted when it happened
            else:
                transaction.has_failed = True
                self.say(RCPT_FIRST)
            return
        sink = transaction.chunks
        if sink is None:
            sink = transaction.chunks = ChunkSink(self.office.config.smtp.max_message_size, self.office.incoming)
            transaction.chunks_began = self.loop.time()
        elif self.is_too_slow(sink, transaction.chunks_began):
            self.say(TIMED_OUT)
            raise Hangup
        if not await self.read_chunk(sink, chunk.size):
            raise Hangup
        if chunk.is_last:
            try:
                await self._take(mail, sink)
            finally:
                sink.discard()
                self._set_post_data_state()
        elif sink.too_large or sink.fault is not None:
            sink.discard()
            transaction.has_failed = True
            self.say(refusal_reply(TooLarge()) if sink.too_large else DISK_FULL)
        else:
            self._out.append(b"250 2.0.0 %d octets taken\r\n" % chunk.size)

    async def _take(self, mail: MailCommand, sink: MessageSink) -> None:
        """Answer the end of the message."""
        sink.finish()
        offers = list(self.transaction.offers.values())
        for reply in await self._replies(mail, offers, sink):
            self.say(reply)

    async def _replies(self, mail: MailCommand, offers: Sequence[Offer], sink: MessageSink) -> Sequence[Reply]:
        """LMTP gets the same refusal for each recipient when the message itself is unfit."""
        try:
            refuse_unfit(sink, is_binary=mail.body == "BINARYMIME")
            replies = await self.receive(mail, offers, sink)
        except Refusal as refusal:
            log.info("client=%s from=<%s> refused: %s", self.client, mail.reverse_path, refusal.reason)
            replies = [refusal_reply(refusal)]
        except Exception:
            reference = self.new_reference()
            log.exception("client=%s reference=%s taking a message failed", self.client, reference)
            replies = [fault_reply(reference)]
        if any(reply.is_positive for reply in replies):
            self.renew_budgets()
        if self.is_lmtp and len(replies) != len(offers):
            replies = [replies[0]] * len(offers)
        return replies


def refuse_unfit(sink: MessageSink, *, is_binary: bool) -> None:
    """Raises Refusal for octets that are no message, whoever sent them."""
    if sink.fault is not None:
        raise TryLater(DISK_FULL.text, reason=f"spooling a message failed: {sink.fault}")
    if sink.too_large:
        raise TooLarge
    if not sink.has_bare_line_end and not sink.has_nul:
        return
    if is_binary:
        # RFC 3030 §3: any octets in the body; the header is lines of text all the same.
        header = read_header(sink.path or sink.octets)
        if header.count(b"\r\n") == header.count(b"\r") == header.count(b"\n") and b"\0" not in header:
            return
    if sink.has_bare_line_end:
        # RFC 5321 §2.3.8.  Passing it on would let the next server see two messages where we saw one.
        raise MalformedMessage("Message has a bare CR or LF; lines end in CRLF")
    raise MalformedMessage("Message has a NUL octet")
