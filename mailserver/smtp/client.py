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
6152 (8BITMIME); RFC 6531 (SMTPUTF8); RFC 3207 (STARTTLS); RFC 3461 (DSN).
Limits: an 8-bit message is not converted for a server without 8BITMIME, it is refused (RFC 6152 §3 allows either).
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from mailserver.smtp.commands import encode_xtext
from mailserver.smtp.data import DotStuffer
from mailserver.smtp.replies import Reply, ReplyFault, ReplyReader

# RFC 5321 §4.5.3.2: the least time to wait, in seconds.
TIMEOUTS = {
    "connect": 60,
    "greeting": 300,
    "hello": 300,
    "starttls": 120,
    "mail": 300,
    "rcpt": 300,
    "data": 120,
    "block": 180,
    "end": 600,
    "quit": 30,
}


@dataclass(frozen=True, slots=True)
class Send:
    octets: bytes
    timeout: float = TIMEOUTS["block"]


@dataclass(frozen=True, slots=True)
class Receive:
    timeout: float


@dataclass(frozen=True, slots=True)
class StartTls:
    timeout: float = TIMEOUTS["starttls"]


Step = Send | Receive | StartTls


class ConnectionLost(Exception):
    """The connection ended, timed out, or its peer does not speak SMTP."""


class TlsFailed(ConnectionLost):
    """The handshake after STARTTLS failed: the connection is of no more use, but another without TLS may be."""


class HostRefused(ConnectionLost):
    """The host does not want to talk to us now (greeting, EHLO or 421); ``reply`` is what it said."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__(str(reply))


class TlsPolicy(Enum):
    NEVER = "never"
    OPPORTUNISTIC = "opportunistic"  # RFC 7435: encrypted if the server can, whoever it may be
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class ForwardPath:
    """A recipient of one transaction, with its DSN parameters (RFC 3461 §4.1, §4.2)."""

    address: str
    notify: str = ""
    original_recipient: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    reverse_path: str
    forward_paths: tuple[ForwardPath, ...]
    size: int = 0
    is_8bit: bool = False
    needs_smtputf8: bool = False
    ret: str = ""
    envelope_id: str = ""


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
        tls: TlsPolicy = TlsPolicy.OPPORTUNISTIC,
    ) -> None:
        self.hostname = hostname
        self.protocol = protocol
        self.tls = tls
        self.secured = False
        self.alive = False
        self.extensions: dict[str, str] = {}
        self._replies = ReplyReader()

    # -- opening and closing

    def open(self) -> Steps:
        """Greeting, EHLO, STARTTLS.  Raises HostRefused, TlsFailed, ConnectionLost."""
        greeting = yield from self._reply(TIMEOUTS["greeting"])
        if greeting.code != 220:
            raise HostRefused(greeting)
        yield from self._hello()
        if self.tls is not TlsPolicy.NEVER:
            yield from self._start_tls()
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
        if self.tls is TlsPolicy.REQUIRED:
            raise TlsFailed("the server does not offer STARTTLS")

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
        unfit = self._why_unfit(envelope)
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
        opening = [self._mail_line(envelope), *(self._rcpt_line(path) for path in envelope.forward_paths)]
        pipelining = "PIPELINING" in self.extensions
        if pipelining:
            # RFC 2920 §3.1: DATA ends the group, and the replies are read in order.
            yield Send(b"".join(line.encode() + b"\r\n" for line in (*opening, "DATA")), TIMEOUTS["rcpt"])
            mail = yield from self._reply(TIMEOUTS["mail"])
        else:
            mail = yield from self._command(opening[0], TIMEOUTS["mail"])
        accepted: list[ForwardPath] = []
        for path, line in zip(envelope.forward_paths, opening[1:], strict=True):
            if pipelining:
                reply = yield from self._reply(TIMEOUTS["rcpt"])
            elif mail.is_positive:
                reply = yield from self._command(line, TIMEOUTS["rcpt"])
            else:
                break
            if mail.is_positive:
                if reply.is_positive:
                    accepted.append(path)
                elif accepted and _is_too_many(reply):
                    outcomes.untried.append(path)
                else:
                    outcomes.replies[path.address] = reply
        if not mail.is_positive:
            outcomes.replies = {path.address: mail for path in envelope.forward_paths}
        if pipelining:
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
        yield from self._body(message)
        if self.protocol == "lmtp":
            for path in accepted:  # RFC 2033 §4.2: one reply for each, in the order of RCPT
                outcomes.replies[path.address] = yield from self._reply(TIMEOUTS["end"])
        else:
            final = yield from self._reply(TIMEOUTS["end"])
            for path in accepted:
                outcomes.replies[path.address] = final

    def _body(self, message: Iterable[bytes]) -> Steps:
        stuffer = DotStuffer()
        held = b""
        for chunk in message:
            if held:
                yield Send(held)
            held = stuffer.feed(chunk)
        yield Send(held + stuffer.finish())

    def _reset(self) -> Steps:
        reply = yield from self._command("RSET", TIMEOUTS["mail"])
        if not reply.is_positive:
            self.alive = False

    def _why_unfit(self, envelope: Envelope) -> Reply | None:
        """What this server cannot take, found before a single octet is sent."""
        limit = self.extensions.get("SIZE", "")
        if limit.isascii() and limit.isdigit() and 0 < int(limit) < envelope.size:
            return Reply(552, "5.3.4", f"Message of {envelope.size} octets; the server takes {limit} (RFC 1870 §6.1)")
        if envelope.needs_smtputf8 and "SMTPUTF8" not in self.extensions:
            return Reply(553, "5.6.7", "The server does not know SMTPUTF8, which this message needs (RFC 6531 §3.6)")
        if envelope.is_8bit and "8BITMIME" not in self.extensions and self.extensions:
            return Reply(554, "5.6.3", "The server does not take 8-bit messages (RFC 6152 §3)")
        return None

    def _mail_line(self, envelope: Envelope) -> str:
        words = [f"MAIL FROM:<{envelope.reverse_path}>"]
        if "SIZE" in self.extensions and envelope.size:
            words.append(f"SIZE={envelope.size}")
        if envelope.is_8bit and "8BITMIME" in self.extensions:
            words.append("BODY=8BITMIME")
        if envelope.needs_smtputf8:
            words.append("SMTPUTF8")
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


_NOT_SMTP = Reply(451, "4.5.0", "The server does not follow the protocol")


def _is_too_many(reply: Reply) -> bool:
    """RFC 5321 §4.5.3.1.10: 452, and 552 from old servers, mean that this transaction has recipients enough."""
    return (reply.code == 452 and reply.enhanced in ("", "4.5.3")) or (reply.code == 552 and reply.enhanced == "5.5.3")


def describe(paths: Sequence[ForwardPath]) -> str:
    """For the log: the recipients, the first few of them."""
    shown = ", ".join(path.address for path in paths[:3])
    return f"{shown} and {len(paths) - 3} more" if len(paths) > 3 else shown
