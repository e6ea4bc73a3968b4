"""What an operation asks of its shell, one step after the other.

The shell sends a step's result back into the generator, or throws what the call raised.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from directory.signing_in.sasl_login import Away, Wait


@dataclass(frozen=True, slots=True)
class Send:
    """Write, and wait while the client does not read."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Look:
    """Run on a thread: it reads the database.  ``is_light``: in less time than the way to the thread takes, where the
    database is in the process.
    """

    call: Callable[[], Any]
    is_light: bool = False


@dataclass(frozen=True, slots=True)
class StartTls:
    """After this answer the connection goes on under TLS."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Close:
    octets: bytes


Step = Send | Look | StartTls | Close | Away | Wait
Steps = Generator[Step, Any, Any]
