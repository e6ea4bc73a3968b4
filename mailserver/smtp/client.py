"""One outbound SMTP or LMTP conversation, without a socket: a generator that says what it wants next.

Each function yields steps and gets their outcome back: ``Send`` (octets to write), ``Receive`` (gets octets;
``b""`` is the end of the connection), ``StartTls`` (gets nothing once the handshake has succeeded).  Whoever
owns the socket runs the steps, and throws ``ConnectionLost`` in at the step that failed
(``servers.relay_connection``).

    client = Client("mail.city.example")
    yield from client.open()
    outcomes = yield from client.send(envelope, message)     # as often as there are messages
    yield from client.quit()

Standards: RFC 5321 §3, §4.5.3.2 (time-outs); RFC 2033 (LMTP); RFC 2920 (PIPELINING); RFC 1870 (SIZE); RFC
6152 (8BITMIME); RFC 3030 (CHUNKING, BINARYMIME); RFC 6531 (SMTPUTF8); RFC 3207 (STARTTLS); RFC 3461 (DSN); RFC 4954
(AUTH); RFC 8689 (REQUIRETLS); RFC 6710 (MT-PRIORITY); RFC 2852 (DELIVERBY).
Limits: messages are not converted here; what a server cannot take is refused.  AUTH knows PLAIN and LOGIN, and only
under TLS.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal

from mailserver.smtp.commands import encode_xtext
from mailserver.smtp.data import DotStuffer
from mailserver.smtp.replies import Reply, ReplyFault, ReplyReader
from mailserver.smtp.steps import (
    TIMEOUTS,
    ConnectionLost,
    HostRefused,
    LoginRefused,
    Receive,
    Send,
    StartTls,
    Step,
    TlsFailed,
)
from mailserver.smtp.tls_policy import OPPORTUNISTIC, Encryption, TlsPolicy


@dataclass(frozen=True, slots=True)
class Credentials:
    login: str
    password: str


@dataclass(frozen=True, slots=True)
class ForwardPath:
    """A recipient of one transaction, with its DSN parameters (RFC 3461 §4.1, §4.2)."""

    address: str
    notify: str = ""
    original_recipient: str = ""


Body = Literal["7BIT", "8BITMIME", "BINARYMIME"]


@dataclass(frozen=True, slots=True)
class Envelope:
    reverse_path: str
    forward_paths: tuple[ForwardPath, ...]
    size: int = 0
    body: Body = "7BIT"
    needs_smtputf8: bool = False
    require_tls: bool = False  # RFC 8689
    ret: str = ""
    envelope_id: str = ""
    priority: int = 0  # RFC 6710
    deliver_within: int | None = None  # RFC 2852: seconds, less than none when they have passed
    deliver_mode: str = ""


@dataclass(slots=True)
class Outcomes:
    """What became of each recipient of one transaction."""

    replies: dict[str, Reply] = field(default_factory=dict)  # final word by address
    untried: list[ForwardPath] = field(default_factory=list)  # the server took some and wants the rest apart


Steps = Generator[Step, bytes, None]


class Client:
    """A connection to one host.  ``alive`` turns false when nothing more can be sent on it."""

    def __init__(
        self,
        hostname: str,
        *,
        protocol: Literal["smtp", "lmtp"] = "smtp",
        tls: TlsPolicy = OPPORTUNISTIC,
        credentials: Credentials | None = None,
    ) -> None:
        self.hostname = hostname
        self.protocol = protocol
        self.tls = tls
        self.credentials = credentials
        self.secured = False
        self.alive = False
        # Whether the server has taken a recipient of the last message: if not, it does not have the message either.
        self.has_accepted = False
        self.extensions: dict[str, str] = {}
        self._replies = ReplyReader()

    # -- opening and closing

    def open(self) -> Steps:
        """Greeting, EHLO, STARTTLS, AUTH.  Raises HostRefused, TlsFailed, LoginRefused, ConnectionLost."""
        if self.tls.is_implicit:
            yield StartTls()
            self.secured = True
        greeting = yield from self._reply(TIMEOUTS["greeting"])
        if greeting.code != 220:
            raise HostRefused(greeting)
        yield from self._hello()
        if not self.secured and self.tls.encryption is not Encryption.NEVER:
            yield from self._start_tls()
        if self.credentials is not None:
            yield from self._log_in(self.credentials)
        self.alive = True

    def _hello(self) -> Steps:
        verb = "LHLO" if self.protocol == "lmtp" else "EHLO"
        reply = yield from self._command(f"{verb} {self.hostname}", TIMEOUTS["hello"])
        self.extensions = {}
        if reply.code == 250:
            for line in reply.text.split("\n")[1:]:
                keyword, _, parameters = line.partition(" ")
                self.extensions[keyword.upper()] = parameters
            return
        if reply.is_permanent and self.protocol == "smtp":
            # RFC 5321 §3.2: a server that does not know EHLO is greeted with HELO.
            reply = yield from self._command(f"HELO {self.hostname}", TIMEOUTS["hello"])
        if reply.code != 250:
            raise HostRefused(reply)

    def _start_tls(self) -> Steps:
        if "STARTTLS" in self.extensions:
            reply = yield from self._command("STARTTLS", TIMEOUTS["starttls"])
            if reply.code == 220:
                if self._replies.has_unread:
                    # RFC 3207 §4.2: whatever came in clear behind the 220 was not said by the server we are
                    # about to meet.
                    raise TlsFailed("octets in clear behind the reply to STARTTLS")
                yield StartTls()
                self.secured = True
                yield from self._hello()
                return
        if self.tls.encryption is Encryption.REQUIRED:
            raise TlsFailed("the server does not offer STARTTLS", "starttls-not-supported")

    def _log_in(self, credentials: Credentials) -> Steps:
        if not self.secured:  # RFC 4954 §9: no password in clear
            raise LoginRefused("the connection is not encrypted, so no password is sent")
        offered = self.extensions.get("AUTH", "").upper().split()
        if "PLAIN" in offered:
            answer = f"\0{credentials.login}\0{credentials.password}"  # RFC 4616 §2
            reply = yield from self._command(f"AUTH PLAIN {_base64(answer)}", TIMEOUTS["hello"])
        elif "LOGIN" in offered:
            reply = yield from self._command("AUTH LOGIN", TIMEOUTS["hello"])
            for answer in (credentials.login, credentials.password):
                if reply.code != 334:
                    break
                reply = yield from self._command(_base64(answer), TIMEOUTS["hello"])
        else:
            raise LoginRefused("the server offers neither AUTH PLAIN nor LOGIN")
        if reply.code != 235:
            raise LoginRefused(f"the server refused the login: {reply}")

    def quit(self) -> Steps:
        """Say goodbye; the answer does not matter (RFC 5321 §4.1.1.10 wants us to wait for it)."""
        self.alive = False
        yield from self._command("QUIT", TIMEOUTS["quit"])

    # -- one transaction

    def send(self, envelope: Envelope, message: Iterable[bytes]) -> Generator[Step, bytes, Outcomes]:
        """Send one message to its recipients and tell what became of each.

        Raises ConnectionLost only before anything was decided; recipients whose fate is unknown then are
        simply not in the outcome.
        """
        outcomes = Outcomes()
        self.has_accepted = False
        unfit = self.why_unfit(envelope)
        if unfit is not None:
            outcomes.replies = {path.address: unfit for path in envelope.forward_paths}
            return outcomes
        try:
            yield from self._transaction(envelope, message, outcomes)
        except ConnectionLost as loss:
            self.alive = False
            if isinstance(loss, HostRefused):  # 421 in the middle: nothing said about the rest
                for path in envelope.forward_paths:
                    outcomes.replies.setdefault(path.address, loss.reply)
            elif not outcomes.replies:
                raise
        return outcomes

    def _transaction(self, envelope: Envelope, message: Iterable[bytes], outcomes: Outcomes) -> Steps:
        octets = iter(message)
        opening = [self._mail_line(envelope), *(self._rcpt_line(path) for path in envelope.forward_paths)]
        first = b""
        if "CHUNKING" in self.extensions and self.protocol == "smtp":
            first = next(octets, b"")
            if envelope.body == "BINARYMIME" or self._fits_one_flight(envelope, first):
                yield from self._in_chunks(envelope, opening, chain((first,), octets), outcomes, len(first))
                return
        is_pipelined = "PIPELINING" in self.extensions
        if is_pipelined:
            # RFC 2920 §3.1: DATA ends the group, and the replies are read in order.
            yield Send(_lines(*opening, "DATA"), TIMEOUTS["rcpt"])
        accepted = yield from self._recipients(envelope, opening, outcomes, is_pipelined=is_pipelined)
        if is_pipelined:
            data = yield from self._reply(TIMEOUTS["data"])
        elif accepted:
            data = yield from self._command("DATA", TIMEOUTS["data"])
        else:
            yield from self._reset()
            return
        if data.code != 354:
            for path in accepted:
                outcomes.replies[path.address] = data if data.code >= 400 else _NOT_SMTP
            if data.code < 400:
                raise ConnectionLost(f"{data} in answer to DATA")
            yield from self._reset()
            return
        if not accepted:
            # RFC 2920 §3.1: a server may say 354 although no recipient is left; it then gets an empty message
            # to refuse.
            yield Send(b".\r\n")
            if self.protocol == "lmtp":
                raise ConnectionLost("354 without a recipient")  # RFC 2033 §4.2 gives no reply to wait for
            yield from self._reply(TIMEOUTS["end"])
            yield from self._reset()
            return
        yield from self._body(chain((first,), octets) if first else octets)
        if self.protocol == "lmtp":
            for path in accepted:  # RFC 2033 §4.2: one reply for each, in the order of RCPT
                outcomes.replies[path.address] = yield from self._reply(TIMEOUTS["end"])
        else:
            final = yield from self._reply(TIMEOUTS["end"])
            for path in accepted:
                outcomes.replies[path.address] = final

    def _recipients(
        self, envelope: Envelope, opening: Sequence[str], outcomes: Outcomes, *, is_pipelined: bool
    ) -> Generator[Step, bytes, list[ForwardPath]]:
        """MAIL and every RCPT, or the replies to them; who was accepted."""
        if is_pipelined:
            mail = yield from self._reply(TIMEOUTS["mail"])
        else:
            mail = yield from self._command(opening[0], TIMEOUTS["mail"])
        accepted: list[ForwardPath] = []
        for path, line in zip(envelope.forward_paths, opening[1:], strict=True):
            if is_pipelined:
                reply = yield from self._reply(TIMEOUTS["rcpt"])
            elif mail.is_positive:
                reply = yield from self._command(line, TIMEOUTS["rcpt"])
            else:
                break
            if mail.is_positive:
                if reply.is_positive:
                    self.has_accepted = True
                    accepted.append(path)
                elif accepted and _is_too_many(reply):
                    outcomes.untried.append(path)
                else:
                    outcomes.replies[path.address] = reply
        if not mail.is_positive:
            outcomes.replies = {path.address: mail for path in envelope.forward_paths}
        return accepted

    def _body(self, message: Iterable[bytes]) -> Steps:
        stuffer = DotStuffer()
        held = b""
        for chunk in message:
            if held:
                yield Send(held)
            held = stuffer.feed(chunk)
        yield Send(held + stuffer.finish())

    def _fits_one_flight(self, envelope: Envelope, first: bytes) -> bool:
        """Whether the whole transaction may go out at once: it is small, and has nothing in it that DATA would mend."""
        return (
            "PIPELINING" in self.extensions
            and envelope.size <= min(len(first), _ONE_FLIGHT)
            and first.endswith(b"\r\n")
            and first.count(b"\r\n") == first.count(b"\r") == first.count(b"\n")
        )

    def _in_chunks(
        self, envelope: Envelope, opening: Sequence[str], message: Iterable[bytes], outcomes: Outcomes, first_size: int
    ) -> Steps:
        """BDAT instead of DATA (RFC 3030 §2): no dots, any octets; a small message in one flight with its envelope."""
        left = envelope.size
        in_one = "PIPELINING" in self.extensions and left <= min(first_size, _ONE_FLIGHT)
        if in_one:
            chunk = b"".join(message)
            yield Send(_lines(*opening, f"BDAT {len(chunk)} LAST") + chunk)
            accepted = yield from self._recipients(envelope, opening, outcomes, is_pipelined=True)
            final = yield from self._reply(TIMEOUTS["end"])
        else:
            accepted = yield from self._recipients(envelope, opening, outcomes, is_pipelined=False)
            if not accepted:
                yield from self._reset()
                return
            for chunk in message:
                left -= len(chunk)
                last = " LAST" if left <= 0 else ""
                yield Send(f"BDAT {len(chunk)}{last}\r\n".encode() + chunk)
                final = yield from self._reply(TIMEOUTS["end"])
                if not final.is_positive or last:
                    break
            else:
                raise ConnectionLost("the message is shorter than it was said to be")
        for path in accepted:
            outcomes.replies[path.address] = final
        if not final.is_positive:
            # RFC 3030 §4.2: after a refused BDAT the transaction must be begun anew.
            yield from self._reset()
        elif not accepted:
            raise ConnectionLost("a message was taken for nobody")

    def _reset(self) -> Steps:
        reply = yield from self._command("RSET", TIMEOUTS["mail"])
        if not reply.is_positive:
            self.alive = False

    def takes(self, body: Body) -> bool:
        """Whether the server takes a body of this kind."""
        if body == "BINARYMIME":  # RFC 3030 §3: only in chunks
            return "BINARYMIME" in self.extensions and "CHUNKING" in self.extensions
        return body == "7BIT" or "8BITMIME" in self.extensions

    def why_unfit(self, envelope: Envelope) -> Reply | None:
        """What this server cannot take, found before a single octet is sent."""
        limit = self.extensions.get("SIZE", "")
        if limit.isascii() and limit.isdigit() and 0 < int(limit) < envelope.size:
            return Reply(552, "5.3.4", f"Message of {envelope.size} octets; the server takes {limit} (RFC 1870 §6.1)")
        if envelope.needs_smtputf8 and "SMTPUTF8" not in self.extensions:
            return Reply(553, "5.6.7", "The server does not know SMTPUTF8, which this message needs (RFC 6531 §3.6)")
        if not self.takes(envelope.body):
            kind = "binary" if envelope.body == "BINARYMIME" else "8-bit"
            return Reply(554, "5.6.3", f"The server does not take {kind} messages (RFC 6152 §3, RFC 3030 §3)")
        if envelope.require_tls:
            if not (self.secured and self.tls.verifies):
                return Reply(554, "5.7.10", "The sender requires verified encryption (RFC 8689 §4.2.1)")
            if "REQUIRETLS" not in self.extensions:
                return Reply(554, "5.7.30", "The server does not know REQUIRETLS (RFC 8689 §4.2.1)")
        return self._why_too_late(envelope)

    def _why_too_late(self, envelope: Envelope) -> Reply | None:
        """RFC 2852 §4: who must return what is late must not give it to somebody who would not."""
        within = envelope.deliver_within
        if within is None or "R" not in envelope.deliver_mode:
            return None
        if "DELIVERBY" not in self.extensions:
            return Reply(554, "5.3.3", "The server keeps no deadlines, and the sender set one (RFC 2852)")
        least = self.extensions["DELIVERBY"]
        if within <= 0 or (least.isascii() and least.isdigit() and within < int(least)):
            return Reply(554, "5.4.7", f"The server does not promise delivery within {within} seconds (RFC 2852)")
        return None

    def _mail_line(self, envelope: Envelope) -> str:
        words = [f"MAIL FROM:<{envelope.reverse_path}>"]
        if "SIZE" in self.extensions and envelope.size:
            words.append(f"SIZE={envelope.size}")
        if envelope.body != "7BIT":
            words.append(f"BODY={envelope.body}")
        if envelope.needs_smtputf8:
            words.append("SMTPUTF8")
        if envelope.require_tls:
            words.append("REQUIRETLS")
        if envelope.priority and "MT-PRIORITY" in self.extensions:
            words.append(f"MT-PRIORITY={envelope.priority}")
        if envelope.deliver_within is not None and "DELIVERBY" in self.extensions:
            # RFC 2852 §4: nine digits at most, and less than nothing once the time is over
            words.append(f"BY={max(-999_999_999, min(envelope.deliver_within, 999_999_999))};{envelope.deliver_mode}")
        if "DSN" in self.extensions:
            if envelope.ret:
                words.append(f"RET={envelope.ret}")
            if envelope.envelope_id:
                words.append(f"ENVID={encode_xtext(envelope.envelope_id)}")
        return " ".join(words)

    def _rcpt_line(self, path: ForwardPath) -> str:
        words = [f"RCPT TO:<{path.address}>"]
        if "DSN" in self.extensions:
            if path.notify:
                words.append(f"NOTIFY={path.notify}")
            if path.original_recipient:
                kind, _, address = path.original_recipient.partition(";")
                if address.isascii():
                    words.append(f"ORCPT={kind};{encode_xtext(address)}")
        return " ".join(words)

    # -- lines and replies

    def _command(self, line: str, timeout: float) -> Generator[Step, bytes, Reply]:
        yield Send(line.encode() + b"\r\n", timeout)
        return (yield from self._reply(timeout))

    def _reply(self, timeout: float) -> Generator[Step, bytes, Reply]:
        try:
            while (reply := self._replies.next_reply()) is None:
                octets = yield Receive(timeout)
                if not octets:
                    raise ConnectionLost("the server closed the connection")
                self._replies.feed(octets)
        except ReplyFault as fault:
            raise ConnectionLost(str(fault)) from None
        if reply.code == 421:  # RFC 5321 §3.8: said at any time, and the connection is about to end
            raise HostRefused(reply)
        return reply


# A transaction up to this many octets goes out at once where the server takes chunks.
_ONE_FLIGHT = 64 * 1024
_NOT_SMTP = Reply(451, "4.5.0", "The server does not follow the protocol")


def _is_too_many(reply: Reply) -> bool:
    """RFC 5321 §4.5.3.1.10: 452, and 552 from old servers, mean that this transaction has recipients enough."""
    return (reply.code == 452 and reply.enhanced in ("", "4.5.3")) or (reply.code == 552 and reply.enhanced == "5.5.3")


def _lines(*lines: str) -> bytes:
    return "".join([f"{line}\r\n" for line in lines]).encode()


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()
