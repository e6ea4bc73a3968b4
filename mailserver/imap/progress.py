"""Signs of life from a long command, and turns for others while it runs.

Standards: RFC 9585 §4, §5 (INPROGRESS).
"""

from __future__ import annotations

from mailserver.imap.grammar.responses import UNTAGGED, ok, quoted
from mailserver.imap.services import SessionServices
from mailserver.imap.steps import Pause, Steps

# Seconds between notices to the client; between looks whether it is still there, while others get the thread.
NOTICE = 10.0
TURN = 1.0


class Progress:
    """Of one command.  Its notices leave at once, and a client that has gone away ends the command there."""

    __slots__ = ("_noted_at", "_services", "_tag", "_turned_at", "done", "goal")

    def __init__(self, services: SessionServices, tag: bytes, goal: int = 0) -> None:
        self._services = services
        self._tag = tag
        self._noted_at = self._turned_at = services.clock()
        self.done = 0
        self.goal = goal  # 0 for not known

    def step(self, count: int) -> Steps[None]:
        """So many more messages have been looked at."""
        self.done += count
        now = self._services.clock()
        if now - self._turned_at < TURN:
            return
        self._turned_at = now
        if now - self._noted_at >= NOTICE:
            self._noted_at = now
            # The goal must lie beyond what is done, and is not moved (RFC 9585 §4).
            goal = b"%d" % self.goal if self.goal > self.done else b"NIL"
            # A tag with a bracket in it would end the code for who looks for that (RFC 9585 §4).
            tag = b"NIL" if b"]" in self._tag else quoted(self._tag)
            code = b"INPROGRESS (%b %d %b)" % (tag, self.done, goal)
            yield ok(UNTAGGED, "Still at it", code)
        yield Pause(0)
