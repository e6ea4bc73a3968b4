"""What an outbound conversation wants of whoever owns its socket, and how it can end.

Standards: RFC 5321 §4.5.3.2 (time-outs).
"""

from __future__ import annotations

from dataclasses import dataclass

from mailserver.smtp.replies import Reply

# RFC 5321 §4.5.3.2: the least time to wait, in seconds.
TIMEOUTS = {
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
    """The handshake after STARTTLS failed: the connection is of no more use, but another without TLS may be.

    ``result`` is what a report calls it (RFC 8460 §4.3).
    """

    def __init__(self, text: str, result: str = "validation-failure") -> None:
        self.result = result
        super().__init__(text)


class HostRefused(ConnectionLost):
    """The host does not want to talk to us now (greeting, EHLO or 421); ``reply`` is what it said."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__(str(reply))


class LoginRefused(ConnectionLost):
    """The host does not take our login, or offers no way to show it."""
