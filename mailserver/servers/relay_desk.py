"""Where the relay's results are written down: many in one transaction, off the event loop.

What came in while one transaction was under way goes into the next.  A result that cannot be written now (a full disk)
is kept until it can be: what was sent must not be sent again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from mailserver.delivery import lanes, relay, spool
from mailserver.delivery.lanes import Standing
from mailserver.delivery.post_office import PostOffice
from mailserver.delivery.settling import Attempt, Judgement, judge, judge_overdue, write_down
from mailserver.refusals import Refusal
from mailserver.store.database import Transaction

log = logging.getLogger("citymail.relay")

# Errands in one transaction, and errands that may wait to be written down before whoever sends has to wait.  The less,
# the fewer messages are sent twice after a crash.
MOST_AT_ONCE = 400
MOST_WAITING = 128
# Errands for which a transaction is begun at once, and seconds to wait for so many.
_WORTH_WRITING = 32
GATHER = 0.01
STORE_PAUSE = 5.0


@dataclass(slots=True, eq=False)
class Errand:
    """One message for some of its recipients, all served by the same hosts."""

    item: spool.Item
    recipients: list[spool.Waiting]

    def lane_keys(self) -> set[spool.LaneKey]:
        return {(each.domain, self.item.envelope.priority) for each in self.recipients}


@dataclass(slots=True)
class _Pile:
    """What goes into one transaction."""

    settled: list[tuple[Errand, Callable[[], Judgement]]] = field(default_factory=list)
    standings: list[Standing] = field(default_factory=list)
    recovered: set[spool.LaneKey] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.settled or self.standings or self.recovered)


class Desk:
    """``on_settled`` is called on the loop for every errand that is on disk, ``on_given_back`` for lanes."""

    def __init__(
        self,
        office: PostOffice,
        owner: str,
        on_settled: Callable[[Errand], None],
        on_given_back: Callable[[], None],
    ) -> None:
        self._office = office
        self._owner = owner
        self._on_settled = on_settled
        self._on_given_back = on_given_back
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="relay-desk")
        self._pile = _Pile()
        self._waiting = 0
        self._writing: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self._room.set()
        self._is_closing = False

    # -- what is handed in

    def settle(self, errand: Errand, attempt: Attempt) -> None:
        office = self._office
        self._add(errand, lambda: judge(office, errand.item, errand.recipients, attempt))

    def settle_overdue(self, errand: Errand, last_reply: Callable[[spool.Waiting], str]) -> None:
        office = self._office
        self._add(errand, lambda: judge_overdue(office, errand.item, last_reply))

    def deliver_here(self, errand: Errand) -> None:
        office = self._office
        self._add(errand, lambda: relay.deliver_here(office, errand.item, errand.recipients))

    def give_back(self, standing: Standing) -> None:
        self._pile.standings.append(standing)
        self._begin()

    def note_recovery(self, key: spool.LaneKey) -> None:
        self._pile.recovered.add(key)
        self._begin()

    async def has_room(self) -> None:
        await self._room.wait()

    async def close(self, patience: float) -> None:
        """Write down what is left, or give up after so many seconds."""
        self._is_closing = True
        if self._writing is not None:
            await asyncio.wait([self._writing], timeout=patience)
        self._thread.shutdown(wait=False)

    # -- writing

    def _add(self, errand: Errand, verdict: Callable[[], Judgement]) -> None:
        self._pile.settled.append((errand, verdict))
        self._waiting += 1
        if self._waiting >= MOST_WAITING:
            self._room.clear()
        self._begin()

    def _begin(self) -> None:
        if self._writing is None:
            self._writing = self._loop.create_task(self._work())

    async def _work(self) -> None:
        try:
            while self._pile:
                if len(self._pile.settled) < _WORTH_WRITING and not self._is_closing:
                    await asyncio.sleep(GATHER)
                pile, self._pile = self._pile, _Pile()
                self._pile.settled = pile.settled[MOST_AT_ONCE:]
                del pile.settled[MOST_AT_ONCE:]
                while not await self._write(pile):
                    if self._is_closing:
                        return
                    await asyncio.sleep(STORE_PAUSE)
        finally:
            self._writing = None

    async def _write(self, pile: _Pile) -> bool:
        """False if it has to be tried again."""
        try:
            done = await self._loop.run_in_executor(self._thread, self._write_down, pile)
        except Refusal as refusal:
            log.error("results cannot be written down now: %s", refusal.reason)
            return False
        except Exception:
            log.exception("results could not be written down; trying again")
            return False
        for errand in done:
            self._on_settled(errand)
        self._waiting -= len(pile.settled)
        if self._waiting < MOST_WAITING:
            self._room.set()
        if pile.standings:
            self._on_given_back()
        return True

    def _write_down(self, pile: _Pile) -> list[Errand]:
        judgements: list[Judgement] = []
        done: list[Errand] = []
        for errand, verdict in pile.settled:
            try:
                judgements.append(verdict())
                done.append(errand)
            except Refusal:
                raise
            except Exception:
                # It stays leased and is not sent again before the next start: better than without end.
                log.exception("spool=%d its result cannot be judged", errand.item.id)
        _write(self._office, self._owner, judgements, pile)
        return done


def _write(office: PostOffice, owner: str, judgements: Sequence[Judgement], pile: _Pile) -> None:
    def job(tx: Transaction) -> None:
        write_down(tx, owner, judgements)
        lanes.note_recovery(tx, owner, pile.recovered)
        lanes.give_back(tx, owner, pile.standings)

    office.store.write(job).result()
