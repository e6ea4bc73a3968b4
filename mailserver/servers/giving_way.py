"""Work in the background that gives way: to whoever wants a processor, and to whoever is being answered on another one.

To stand behind everybody for the processor (Linux SCHED_IDLE) is not enough: who is answered beside such work was
measured to take twice as long, for answering is sleeping and waking, and who wakes finds the processor's caches full of
it.  So it is done in small pieces.  After a piece that the other processes of the installation were busy beside, it
rests three times as long as that took, or until they no longer are: it is felt by a quarter of the commands at most,
and has a quarter of the time however long they are busy.  With nobody to answer it never rests.

How busy they are the kernel says, who counts their processor time in nanoseconds: nothing is asked of them.

Limits: other servers on the machine (a database, scanners) are not looked at; they are busy when the installation is.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable

# Seconds of a piece at the least: looking around takes some thousandth of that.
PIECE = 0.010
# So many times as long as a piece took is the rest; no piece counts for more seconds, however long it had to wait.
_REST = 3
_LONGEST = 0.25
# Seconds of a rest after which it is asked whether it has to go on, and the share of a processor that is "busy": much
# more than timers take, and much less than it takes to answer somebody.
_LOOK = 0.020
_BUSY = 0.05


def stand_back() -> None:
    """This thread, and the processes that it starts, get what nobody else wants."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
    with contextlib.suppress(OSError, AttributeError):  # where there is no such class, niceness has to do
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


class GivingWay:
    """To be called again and again, wherever the work may be interrupted and nothing is held."""

    def __init__(
        self,
        sleep: Callable[[float], object],
        used: Callable[[], float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``used`` is the processor time in seconds that others have had by now."""
        self._sleep = sleep
        self._used = used or Siblings().used
        self._clock = clock
        self._begin()

    def __call__(self) -> None:
        piece = self._clock() - self._began_at
        if piece < PIECE:
            return
        if self._used() - self._used_before > _BUSY * piece:
            self._rest(_REST * min(piece, _LONGEST))
        self._begin()

    def _begin(self) -> None:
        self._began_at, self._used_before = self._clock(), self._used()

    def _rest(self, seconds: float) -> None:
        until, used = self._clock() + seconds, self._used()
        while (left := until - self._clock()) > 0:
            self._sleep(step := min(left, _LOOK))
            before, used = used, self._used()
            if used - before <= _BUSY * step:
                return


class Siblings:
    """The processes that have the same parent: those of the supervisor."""

    def __init__(self) -> None:
        self._times: dict[int, float] = {}

    def used(self) -> float:
        """Processor time of all that there were; of those that are gone, as far as it was seen."""
        for pid in _siblings():
            with contextlib.suppress(OSError):  # gone by now
                self._times[pid] = time.clock_gettime(_clock_of(pid))
        return sum(self._times.values())


def _siblings() -> list[int]:
    parent = os.getppid()
    try:
        with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as children:
            return [pid for pid in map(int, children.read().split()) if pid != os.getpid()]
    except OSError:  # a kernel that does not tell: then there is nobody to give way to
        return []


def _clock_of(pid: int) -> int:
    """The clock of a process's processor time: clock_getcpuclockid(3), which Python lacks."""
    return ~pid << 3 | 2
