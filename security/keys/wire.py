"""What is said to the key process: a request is an operation and its arguments, an answer how it went and what came of
it.  Both are lists of fields of octets, each behind its length, and the list behind the length of all.

Nothing is parsed that has a structure of its own, nothing is resolved or called by name: a field is what the operation
takes it for, or the request is refused.

Limits: a message has at most ``MOST_OCTETS`` and ``MOST_FIELDS`` fields.
"""

from __future__ import annotations

import enum
import socket
from collections.abc import Sequence

LENGTH = 4
MOST_OCTETS = 1 << 20
MOST_FIELDS = 4096


class Refusal(enum.StrEnum):
    """Why the key process does not do something; ``AWAY`` is said by who did not reach it."""

    LOCKED = "locked"  # sealed: its owner's password opens it
    FORMER_PASSWORD = "former-password"  # noqa: S105 - sealed under one that was changed since: that, or a recovery
    WRONG_PASSWORD = "wrong-password"  # noqa: S105 - a word for programs
    WRONG_CODE = "wrong-code"  # of the second factor
    NO_KEY = "no-key"
    REVOKED = "revoked"
    NOT_ALLOWED = "not-allowed"
    UNPROVEN = "unproven"  # for another's mailbox: whoever signs has to prove anew who he is
    SIGNED_OUT = "signed-out"  # the session is over
    TOO_OFTEN = "too-often"
    NOT_UNDERSTOOD = "not-understood"
    NOT_DONE = "not-done"  # an operation that the key, or what was given to it, does not admit
    FAILED = "failed"  # a fault of ours, or of the token: the log says which
    AWAY = "away"


class WireFault(Exception):
    """Not a message of this protocol."""


def pack(fields: Sequence[bytes]) -> bytes:
    """A message, with its length before it.  Raises WireFault."""
    body = b"".join(len(field).to_bytes(LENGTH) + field for field in fields)
    if len(body) > MOST_OCTETS or len(fields) > MOST_FIELDS:
        raise WireFault("too much for one message")
    return len(body).to_bytes(LENGTH) + body


def body_length(head: bytes) -> int:
    """How many octets follow these four.  Raises WireFault."""
    length = int.from_bytes(head)
    if len(head) != LENGTH or length > MOST_OCTETS:
        raise WireFault("no length of a message")
    return length


def unpack(body: bytes) -> list[bytes]:
    """The fields of what stood behind the length.  Raises WireFault."""
    fields: list[bytes] = []
    at = 0
    while at < len(body):
        end = at + LENGTH + int.from_bytes(body[at : at + LENGTH])
        if at + LENGTH > len(body) or end > len(body) or len(fields) == MOST_FIELDS:
            raise WireFault("a field ends beyond its message")
        fields.append(body[at + LENGTH : end])
        at = end
    return fields


def exactly(line: socket.socket, count: int) -> bytes:
    """So many octets from a connection.  Raises OSError."""
    parts = bytearray()
    while len(parts) < count:
        piece = line.recv(count - len(parts))
        if not piece:
            raise ConnectionResetError("hung up in a message")
        parts += piece
    return bytes(parts)
