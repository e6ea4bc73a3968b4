"""Octets of a connection → whole commands, with literals split off before any grammar looks at them.

``Framer.feed(octets)``, then ``next_event()`` until it gives None.  Any split of the octets gives the same
events.  A command comes as one text in which each literal is replaced by a NUL octet (which no line may contain,
RFC 9051 §9), and the literals beside it; so literal octets can never be taken for syntax.

All size limits are enforced here.  What is over a limit is announced once (``Rejected``) and then skipped in
step: its remaining lines and literals are read and dropped, and the next command is found where it begins.  A
large literal of APPEND flows into a sink, everything else is kept in memory and therefore held small.

Standards: RFC 9051 §2.2.1, §4.3 (literals), RFC 7888 (LITERAL+, LITERAL-), RFC 3516 / RFC 4466 (literal8).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Sink(Protocol):
    """Takes a large literal; ``discard`` forgets it, also after ``finish``."""

    def write(self, octets: bytes | memoryview) -> object: ...
    def finish(self) -> None: ...
    def discard(self) -> None: ...


Literal = bytes | Sink

# literal = "{" number64 ["+"] "}" CRLF *CHAR8;  literal8 = "~{" number64 ["+"] "}" CRLF *OCTET
_LITERAL = re.compile(rb"~?\{(\d{1,20})(\+?)\}\Z")
# tag = 1*<any ASTRING-CHAR except "+">, and the space behind it
TAG = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\+]{1,100}(?= )")
_APPEND = re.compile(rb"[^ ]+ (?:APPEND|REPLACE|UID REPLACE) ", re.IGNORECASE)
# Enough of a dropped line's end to see the literal that it announces.
_TAIL = 32


@dataclass(frozen=True, slots=True)
class Limits:
    """What one command may take, in octets; ``literals`` is a number."""

    line: int
    literal: int
    literals: int
    memory: int  # lines and literals together; beyond it a literal of APPEND goes to a sink
    append: int  # largest literal of APPEND; 0: no more than any other
    skip: int  # largest non-synchronizing literal that is read only to be dropped
    unasked: int = 1 << 63  # largest non-synchronizing literal


# Before login nothing needs more than a name and a password.
STRANGER = Limits(line=8192, literal=1024, literals=8, memory=16_384, append=0, skip=16_384)


# What LITERAL- lets a client send without asking (RFC 7888 §5).
LITERAL_MINUS = 4096


def member_limits(append_limit: int, *, literal_plus: bool = True) -> Limits:
    """Limits after login.  RFC 7162 §4 asks for lines of 8192 octets at least; sets of UIDs grow long."""
    return Limits(
        line=65_536,
        literal=65_536,
        literals=5000,
        memory=1_048_576,
        append=append_limit,
        skip=4 * append_limit,
        unasked=1 << 63 if literal_plus else LITERAL_MINUS,
    )


class Excess(Enum):
    """Why a command was dropped."""

    LINE = "Line is too long"
    LITERAL = "Literal is too large"
    MESSAGE = "Message is too large"
    LITERALS = "Too many literals"
    UNASKED = "Literal is too large to be sent without asking"
    MEMORY = "Command is too large"
    NUL = "NUL octets are not allowed"


@dataclass(frozen=True, slots=True)
class Framed:
    """A whole command without its CRLF; each NUL in ``text`` stands for the next of ``literals``."""

    text: bytes
    literals: tuple[Literal, ...] = ()


@dataclass(frozen=True, slots=True)
class LiteralWanted:
    """The client waits for leave to send a literal (RFC 9051 §7.6)."""

    size: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """A command over a limit; the rest of it is being skipped.  ``tag`` is empty if it had none."""

    tag: bytes
    excess: Excess


@dataclass(frozen=True, slots=True)
class Broken:
    """The stream cannot be followed at a bearable price: say BYE (RFC 7888 §4)."""

    excess: Excess


Event = Framed | LiteralWanted | Rejected | Broken


class Framer:
    __slots__ = (
        "_buffer",
        "_chunks",
        "_is_broken",
        "_literals",
        "_open_sink",
        "_remaining",
        "_scanned",
        "_sink",
        "_skipping",
        "_text",
        "_total",
        "limits",
    )

    def __init__(self, limits: Limits, open_sink: Callable[[int], Sink] | None = None) -> None:
        self.limits = limits
        self._open_sink = open_sink
        self._buffer = bytearray()
        self._scanned = 0  # octets of the buffer known to hold no line end
        self._text = b""
        self._literals: list[Literal] = []
        self._total = 0
        self._remaining = -1  # octets of a literal still to come; -1: reading a line
        self._sink: Sink | None = None
        self._chunks: list[bytes] = []
        self._skipping = False
        self._is_broken = False

    @property
    def has_unread(self) -> bool:
        """Octets or half a command are waiting."""
        return bool(self._buffer) or bool(self._text) or self._remaining >= 0

    @property
    def buffered(self) -> int:
        return len(self._buffer)

    def feed(self, octets: bytes) -> None:
        if self._remaining > 0 and not self._buffer:
            # The usual way of a literal: not through the buffer.
            head = octets[: self._remaining]
            self._take(head)
            if len(head) == len(octets):
                return
            octets = octets[len(head) :]
        self._buffer += octets

    def next_event(self) -> Event | None:
        if self._is_broken:
            return Broken(Excess.LITERAL)
        while True:
            if self._remaining >= 0:
                if self._remaining and self._buffer:
                    head = bytes(self._buffer[: self._remaining])
                    del self._buffer[: len(head)]
                    self._take(head)
                if self._remaining:
                    return None
                self._end_literal()
            end = self._buffer.find(b"\n", self._scanned)
            if end < 0:
                return self._half_a_line()
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._scanned = 0
            event = self._line(line[:-1] if line.endswith(b"\r") else line)
            if event is not None:
                return event

    def close(self) -> None:
        """The connection ended: forget what is half read."""
        if self._sink is not None:
            self._sink.discard()
        discard(self._literals)
        self._reset()
        self._buffer.clear()

    def _half_a_line(self) -> Event | None:
        """No line end yet.  A line that is already too long is dropped but for its end."""
        self._scanned = len(self._buffer)
        if self._scanned <= self.limits.line:
            return None
        event = None if self._skipping else self._reject(Excess.LINE, self._buffer)
        del self._buffer[:-_TAIL]
        self._scanned = len(self._buffer)
        return event

    def _line(self, line: bytes) -> Event | None:
        announced = _LITERAL.search(line) if line.endswith(b"}") else None
        if not self._skipping:
            fault = self._judge(line)
            if fault is None and announced is None:
                framed = Framed(self._text + line, tuple(self._literals))
                self._reset()
                return framed
            rejected = self._reject(fault, line) if fault is not None else None
        else:
            rejected = None
        if announced is None:
            # The end of a command that is being skipped.
            self._reset()
            return rejected
        return self._announced(line, announced, rejected)

    def _judge(self, line: bytes) -> Excess | None:
        self._total += len(line)
        if len(line) > self.limits.line:
            return Excess.LINE
        if self._total > self.limits.memory + self.limits.line:
            return Excess.MEMORY
        return Excess.NUL if 0 in line else None

    def _announced(self, line: bytes, announced: re.Match[bytes], rejected: Rejected | None) -> Event | None:
        size, synchronizing = int(announced[1]), not announced[2]
        if not self._skipping:
            text = self._text + line[: announced.start()]
            if announced[0].startswith(b"~"):
                text += b"~"
            is_unasked = not synchronizing and size > self.limits.unasked
            fault = Excess.UNASKED if is_unasked else self._admit(text, size)
            if fault is None:
                self._text = text + b"\x00"
                self._remaining = size
                return LiteralWanted(size) if synchronizing else None
            rejected = self._reject(fault, self._text + line)
        if synchronizing:
            # The tagged answer stands in for the continuation: the client will not send it (RFC 9051 §4.3).
            self._reset()
            return rejected
        if size > self.limits.skip:
            self.close()
            self._is_broken = True
            return rejected or Broken(Excess.LITERAL)
        self._remaining = size
        return rejected

    def _admit(self, text: bytes, size: int) -> Excess | None:
        """May this literal come, and where does it go?"""
        limits = self.limits
        if len(self._literals) >= limits.literals:
            return Excess.LITERALS
        if limits.append and _APPEND.match(text):
            if size > limits.append:
                return Excess.MESSAGE
            if (size > limits.literal or self._total + size > limits.memory) and self._open_sink is not None:
                self._sink = self._open_sink(size)
                return None
        if size > limits.literal:
            return Excess.LITERAL
        self._total += size
        return Excess.MEMORY if self._total > limits.memory else None

    def _take(self, octets: bytes) -> None:
        self._remaining -= len(octets)
        if self._sink is not None:
            self._sink.write(octets)
        elif not self._skipping:
            self._chunks.append(octets)

    def _end_literal(self) -> None:
        self._remaining = -1
        if self._skipping:
            return
        if self._sink is not None:
            self._sink.finish()
            self._literals.append(self._sink)
            self._sink = None
        else:
            self._literals.append(self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks))
            self._chunks = []

    def _reject(self, excess: Excess, line: bytes | bytearray) -> Rejected:
        # Only so much of the line as is there in any split of the octets.
        tag = TAG.match(self._text or bytes(line[: min(200, self.limits.line)]))
        discard(self._literals)
        self._literals = []
        self._text = b""
        self._skipping = True
        return Rejected(tag[0] if tag else b"", excess)

    def _reset(self) -> None:
        self._text = b""
        self._literals = []
        self._chunks = []
        self._total = 0
        self._remaining = -1
        self._sink = None
        self._skipping = False


def discard(literals: tuple[Literal, ...] | list[Literal]) -> None:
    """Forget the sinks among literals that nobody needs any more."""
    for literal in literals:
        if not isinstance(literal, bytes):
            literal.discard()
