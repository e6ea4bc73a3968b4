"""What a command asks of the shell while it runs.

Commands are generators.  They yield octets to send, and values that ask for something only the shell can do: to wait
for a commit, to run a call on another thread, to let time pass, to hear the client's next line.  The shell sends the
outcome back in, or throws the exception that came of it.  So a session needs no event loop, and tests drive it with
a plain loop (``drive``).

A generator never yields inside a read of the store: no snapshot is open while a slow client drinks.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class InThread:
    """Run this away from the event loop; its result is sent back in.

    ``judges``: it is a login.  Those have threads of their own, so that however many come, mail does not wait for them.
    """

    call: Callable[[], Any]
    judges: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """Go on after this many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Prompt:
    """Send ``octets``, then send the client's next line back in (as ``Framed``, or None for one over a limit)."""

    octets: bytes


class AnswerBroken(Exception):
    """An answer failed in the middle of a literal: nothing can be said any more, the connection must end."""


Step = bytes | Future[Any] | InThread | Pause | Prompt
Steps = Generator[Step, Any, T]
# Octets gathered from a command before they are written.
GATHER = 384 * 1024
# What comes after a command's last step.
DONE = object()


def drive(
    steps: Steps[T], lines: Callable[[], Any] = lambda: None, pause: Callable[[float], None] = lambda _: None
) -> bytes:
    """Run steps to their end on this thread; what they sent.  ``lines`` gives the client's next line."""
    sent = []
    try:
        step = next(steps)
        while True:
            outcome: Any = None
            fault: BaseException | None = None
            if isinstance(step, bytes):
                sent.append(step)
            elif isinstance(step, Prompt):
                sent.append(step.octets)
                outcome = lines()
            elif isinstance(step, Pause):
                pause(step.seconds)
            else:
                try:
                    outcome = step.result() if isinstance(step, Future) else step.call()
                except Exception as raised:
                    fault = raised
            step = steps.throw(fault) if fault is not None else steps.send(outcome)
    except StopIteration:
        return b"".join(sent)


def take_steps(steps: Steps[None], value: Any, fault: BaseException | None) -> tuple[list[bytes], Any]:
    """Run a command until it has to wait for something, ends (``DONE``), or has enough to be sent (None)."""
    octets: list[bytes] = []
    size = 0
    try:
        step = steps.throw(fault) if fault is not None else steps.send(value)
        while True:
            if isinstance(step, bytes):
                if step:
                    octets.append(step)
                    size += len(step)
                if size >= GATHER:
                    return octets, None
                step = steps.send(None)
            elif isinstance(step, Future) and step.done():
                fault = step.exception()
                step = steps.throw(fault) if fault is not None else steps.send(step.result())
            else:
                return octets, step
    except StopIteration:
        return octets, DONE
