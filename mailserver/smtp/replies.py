"""SMTP replies as values, and the one table that turns a refusal into a code.

Standards: RFC 5321 §4.2 (replies), RFC 2034 (ENHANCEDSTATUSCODES), RFC 3463 and RFC 5248 (enhanced codes).
Limits: a reply read from a peer has at most 128 lines of 2,048 octets (RFC 5321 §4.5.3.1.5 asks for 512 a
line).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailserver.refusals import (
    CannotDo,
    Distrusted,
    Forged,
    LimitReached,
    MailboxExists,
    MalformedMessage,
    NoLongerUsed,
    NoSuchMailbox,
    NoSuchMessage,
    NoSuchRecipient,
    NotPermitted,
    OverQuota,
    PutOff,
    Refusal,
    SendingLimit,
    TooLarge,
    TryLater,
    Unwanted,
)

MAX_REPLY_LINES = 128
MAX_REPLY_LINE = 2048
_MAX_TEXT = 480  # with code, enhanced code and CRLF a line stays within 512 octets

# status-code = class "." subject "." detail (RFC 3463 §2)
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:[ \t]+|$)")
# Control characters in a text could forge a further reply line.
_UNPRINTABLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply; ``text`` may have several lines, divided by ``\\n``."""

    code: int
    enhanced: str
    text: str

    @property
    def is_positive(self) -> bool:
        return self.code < 400

    @property
    def is_permanent(self) -> bool:
        return self.code >= 500

    @property
    def status(self) -> str:
        """The enhanced code, made up from the class of the code where the peer gave none (RFC 3464 §2.3.4)."""
        return self.enhanced or f"{str(self.code)[0]}.0.0"

    @property
    def octets(self) -> bytes:
        """The reply as it goes over the wire, CRLF included."""
        lead = f"{self.enhanced} " if self.enhanced else ""
        lines = [_UNPRINTABLE.sub(" ", line)[:_MAX_TEXT] for line in self.text.split("\n")]
        wire = [f"{self.code}-{lead}{line}\r\n" for line in lines[:-1]]
        wire.append(f"{self.code} {lead}{lines[-1]}\r\n")
        return "".join(wire).encode("utf-8", "replace")

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.code), self.enhanced, self.text.replace("\n", " ")) if part)


# Which code a refusal gets.  RFC 5321 §4.2.3 for the basic codes, RFC 3463 §3 for the enhanced ones.
REFUSALS: dict[type[Refusal], tuple[int, str]] = {
    NoSuchRecipient: (550, "5.1.1"),
    NoLongerUsed: (550, "5.1.6"),
    NoSuchMailbox: (550, "5.1.1"),
    MailboxExists: (550, "5.2.0"),
    NoSuchMessage: (550, "5.0.0"),
    OverQuota: (452, "4.2.2"),
    NotPermitted: (550, "5.7.1"),
    CannotDo: (554, "5.3.0"),
    LimitReached: (452, "4.5.3"),
    SendingLimit: (451, "4.7.1"),
    TooLarge: (552, "5.3.4"),
    MalformedMessage: (554, "5.6.0"),
    Distrusted: (550, "5.7.1"),
    Unwanted: (554, "5.7.1"),
    Forged: (550, "5.7.26"),  # RFC 7372 §3.4
    TryLater: (451, "4.3.0"),
    PutOff: (451, "4.7.1"),
    Refusal: (550, "5.0.0"),
}


def refusal_reply(refusal: Refusal) -> Reply:
    """The reply for a refusal: its client text, and the codes of the nearest class in the table."""
    for kind in type(refusal).__mro__:
        if kind in REFUSALS:
            code, enhanced = REFUSALS[kind]
            return Reply(code, enhanced, refusal.client_text)
    raise TypeError(f"{type(refusal).__name__} is not a refusal")


def fault_reply(reference: str) -> Reply:
    """A bug or a broken machine: never permanent, never our exception's text, but a number that is in the
    log.
    """
    return Reply(451, "4.3.0", f"Internal fault, reference {reference}; try again later")


class ReplyFault(ValueError):
    """The peer's octets are not a reply."""


class ReplyReader:
    """Octets of a peer → replies.  Any split of the octets gives the same replies."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._lines: list[str] = []
        self._code = 0

    @property
    def has_unread(self) -> bool:
        """Octets are waiting that were not asked for (RFC 3207 §4.2: fatal behind STARTTLS)."""
        return bool(self._buffer)

    def feed(self, octets: bytes) -> None:
        self._buffer += octets

    def next_reply(self) -> Reply | None:
        """The next whole reply, or None until more octets come.  Raises ReplyFault."""
        while (end := self._buffer.find(b"\n")) >= 0:
            if end > MAX_REPLY_LINE:
                raise ReplyFault("reply line is too long")
            line = bytes(self._buffer[:end]).rstrip(b"\r").decode("utf-8", "replace")
            del self._buffer[: end + 1]
            # Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
            if len(line) < 3 or not (line[:3].isascii() and line[:3].isdigit()) or line[3:4] not in ("", " ", "-"):
                raise ReplyFault(f"not a reply: {line[:80]!r}")
            code = int(line[:3])
            if not 200 <= code <= 599 or (self._lines and code != self._code):
                raise ReplyFault(f"not a reply code: {line[:80]!r}")
            self._code = code
            self._lines.append(line[4:])
            if line[3:4] != "-":
                lines, self._lines = self._lines, []
                return _assemble(code, lines)
            if len(self._lines) >= MAX_REPLY_LINES:
                raise ReplyFault("reply has too many lines")
        if len(self._buffer) > MAX_REPLY_LINE:
            raise ReplyFault("reply line is too long")
        return None


def _assemble(code: int, lines: list[str]) -> Reply:
    found = _ENHANCED.match(lines[-1]) or _ENHANCED.match(lines[0])
    # RFC 2034 §4: a class that disagrees with the code is no enhanced code.
    if found is None or found[1][0] != str(code)[0]:
        return Reply(code, "", "\n".join(lines))
    enhanced = found[1]
    texts = [line[len(enhanced) :].lstrip() if line.startswith(enhanced) else line for line in lines]
    return Reply(code, enhanced, "\n".join(texts))
