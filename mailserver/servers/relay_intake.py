"""What the relay takes out of the spool: claims and readings, on a thread, and the lanes it holds.

Nothing here is asked more than once at a time; everything it asks is answered from an index, in time that depends on
what is taken and not on what waits.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from mailserver.delivery import lanes, postponing, spool
from mailserver.delivery.lanes import Lane, Standing
from mailserver.delivery.post_office import PostOffice
from mailserver.delivery.routing import Route
from mailserver.smtp.replies import Reply

# Recipients that are read of a lane: at first, and at most when its messages are taken.
FIRST_BATCH = 8
LARGEST_BATCH = 256
# Lanes that are claimed and read in one go, so that the first need not wait for the last.
_LANES_AT_ONCE = 200
# Seconds between looks for deadlines, and how many are looked at.
_SWEEP = 30
_SWEPT = 500
_NOTHING_TAKEN = 1.0


@dataclass(slots=True, eq=False)
class OpenLane:
    """A lane that this relay has leased, and what it holds of it."""

    key: spool.LaneKey
    failures: int
    leased_until: float  # of the loop's clock
    batch: int = FIRST_BATCH
    route: Route | None = None
    fault: Reply | None = None  # why there is no route
    is_ours: bool = False
    is_drained: bool = False  # the last reading found everything
    is_reading: bool = False
    rest_until: int = 0
    last_reply: str = ""
    known: set[tuple[int, str]] = field(default_factory=set)
    # What was settled during a reading, which may have seen it before.
    _ghosts: set[tuple[int, str]] = field(default_factory=set)

    @property
    def is_resting(self) -> bool:
        return self.rest_until > 0

    @property
    def may_read(self) -> bool:
        return not self.is_reading and (self.route is not None or self.is_ours or self.fault is not None)

    def begin_reading(self) -> None:
        self.is_reading = True
        self._ghosts.clear()

    def end_reading(self, items: Sequence[spool.Item], also_known: Collection[tuple[int, str]]) -> list[spool.Item]:
        """What is new in it."""
        self.is_reading = False
        fresh = []
        for item in items:
            item.recipients = [
                each for each in item.recipients if not self._has(item.id, each.forward_path, also_known)
            ]
            if item.recipients:
                self.known.update((item.id, each.forward_path) for each in item.recipients)
                fresh.append(item)
        self._ghosts.clear()
        return fresh

    def _has(self, item_id: int, path: str, also_known: Collection[tuple[int, str]]) -> bool:
        identity = item_id, path
        return identity in self.known or identity in self._ghosts or identity in also_known

    def forget(self, identity: tuple[int, str]) -> bool:
        """Whether it was held."""
        if identity not in self.known:
            return False
        self.known.discard(identity)
        if self.is_reading:
            self._ghosts.add(identity)
        return True

    def has_recovered(self) -> bool:
        """Its servers take messages: more is read at a time.  Whether they did not before."""
        self.batch = min(self.batch * 2, LARGEST_BATCH)
        was_failing, self.failures = self.failures > 0, 0
        return was_failing

    def rest(self, until: int, reply: str) -> None:
        self.failures += 1
        self.rest_until = until
        self.last_reply = reply

    def standing(self) -> Standing:
        return Standing(self.key, self.failures, self.rest_until, self.last_reply)


@dataclass(slots=True)
class Fetched:
    news: list[spool.LaneKey] = field(default_factory=list)
    more: list[tuple[OpenLane, list[spool.Item], bool]] = field(default_factory=list)
    claimed: list[tuple[Lane, list[spool.Item], bool]] = field(default_factory=list)
    overdue: list[spool.Item] = field(default_factory=list)
    pause: float = 0.0


class Intake:
    def __init__(self, office: PostOffice, owner: str) -> None:
        self._office = office
        self._owner = owner
        self._sweep_at = 0

    def fetch(self, wanting: Sequence[OpenLane], free: int, failing: int) -> Fetched:
        """One visit to the spool: what was added to our lanes, more of some of them, new lanes, deadlines."""
        store, owner = self._office.store, self._owner
        now = self._office.now()
        found = Fetched()
        with store.read() as connection:
            has_news = lanes.has_news(connection, owner)
            ready_at = lanes.next_ready_at(connection)
            for lane in wanting:
                found.more.append((lane, *lanes.load_due(connection, lane.key, now, lane.batch, frozenset(lane.known))))
            if now >= self._sweep_at or now < self._sweep_at - _SWEEP:
                found.overdue = lanes.overdue(connection, owner, now, _SWEPT)
                self._sweep_at = now + (_SWEEP if len(found.overdue) < _SWEPT else 1)
        if has_news:
            found.news = store.write(lambda tx: lanes.take_news(tx, owner)).result()
        if free > 0 and ready_at is not None and ready_at <= now:
            count = min(free, _LANES_AT_ONCE)
            claims = store.write(lambda tx: lanes.claim(tx, owner, count, min(failing, _LANES_AT_ONCE))).result()
            with store.read() as connection:
                for claim in claims:
                    due = lanes.load_due(connection, claim.key, self._office.now(), FIRST_BATCH)
                    found.claimed.append((claim, *due))
        postponing.judge_again(self._office, [item for _, items, _ in (*found.more, *found.claimed) for item in items])
        found.pause = self._pause(found, ready_at)
        return found

    def _pause(self, found: Fetched, ready_at: int | None) -> float:
        """The seconds until there is something to take again."""
        if found.claimed or found.news:
            return 0.0
        sweep_in = max(0.0, self._sweep_at - self._office.clock())
        if ready_at is None:
            return sweep_in
        left = min(ready_at - self._office.clock(), sweep_in + _NOTHING_TAKEN)
        # What is ready and was not claimed is another's, or there was no room for it.
        return left if left > 0 else _NOTHING_TAKEN

    def last_reply(self, recipient: spool.Waiting) -> str:
        """What the servers of a recipient's domain last failed with."""
        with self._office.store.read() as connection:
            return lanes.last_reply(connection, recipient.domain)
