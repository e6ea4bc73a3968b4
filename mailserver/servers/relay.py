"""The relay: sends what waits in the spool to other servers.

It wakes when something is spooled and when a lane is ready, leases lanes (what waits for one domain), reads a little of
each, finds the domain's route, and gives the errands to one ``Destination`` for each set of hosts.  From a lane that
moves more is read, twice as much each time; one that does not costs a handful of rows and one attempt to connect.
``Desk`` writes down what became of the errands.

Several relays may work on one spool: a lane belongs to one of them at a time.  What has lost its lease (this process
slept, or the clock jumped) is dropped unsent, because somebody else may be sending it.

Standards: RFC 5321 §4.5.4, §5.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import ssl
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import uvloop

from mailserver.delivery import lanes, relay, spool
from mailserver.delivery.post_office import PostOffice
from mailserver.delivery.retry import next_attempt
from mailserver.delivery.routing import Route, Unroutable, find_route
from mailserver.delivery.settling import Attempt
from mailserver.refusals import Refusal
from mailserver.servers.asking import ask
from mailserver.servers.dns import Dns
from mailserver.servers.relay_connector import Connector
from mailserver.servers.relay_desk import Desk, Errand
from mailserver.servers.relay_destination import Destination
from mailserver.servers.relay_intake import Fetched, Intake, OpenLane
from mailserver.servers.relay_leases import Presence
from mailserver.servers.relay_peers import Peers
from mailserver.servers.sts import StsPolicies
from mailserver.smtp.replies import Reply, fault_reply
from mailserver.smtp.tls_policy import Demand

log = logging.getLogger("citymail.relay")

T = TypeVar("T")

# Recipients and lanes held at a time; more stay in the spool, where any relay may claim them.
CAPACITY = 10_000
MOST_LANES = 3000
# Lanes among these whose servers could not be reached last time.
MOST_FAILING = 500
# Connections that are being opened: most of them to servers that will never answer.
PROBES = 1000
# Without a wake-up the spool is looked at this often, so that a lost wake-up costs a minute at most.
LONGEST_SLEEP = 60.0
EXTEND_EVERY = lanes.LEASE_SECONDS / 3
# A process that was killed may be found dead only a moment later.
LOOK_FOR_THE_DEAD_EVERY = 15.0
# A lease with less left than this is not begun with.
LEAST_LEASE = 660.0
STORE_PAUSE = 5.0
# Seconds from one look to the next while mail keeps coming.
PACE = 0.03
_LAST_WORDS = 8.0


class RelayServer:
    """Everything one relay does, on one event loop."""

    def __init__(
        self, office: PostOffice, *, dns: Dns | None = None, tls_context: ssl.SSLContext | None = None
    ) -> None:
        self.office = office
        self._presence = Presence(office.config.data / "run")
        self.dns = dns or Dns.from_config(office.config)
        self.peers = Peers(office)
        self.connector = Connector(office.config, self.dns, self.peers, clock=office.clock, context=tls_context)
        self._policies = StsPolicies(office, self.dns)
        self.slots = asyncio.Semaphore(office.config.relay.concurrency)
        self.idle = 0  # connections without a message
        self.probes = asyncio.Semaphore(PROBES)
        self.desk = Desk(office, self._presence.owner, self._settled, self.wake)
        self.is_ending = False
        self._intake = Intake(office, self._presence.owner)
        self._lanes: dict[spool.LaneKey, OpenLane] = {}
        self._holding = 0
        self._wanting: set[spool.LaneKey] = set()  # lanes of which more is to be read
        self._judging: set[tuple[int, str]] = set()  # recipients whose deadline is being declared over
        self._destinations: dict[tuple[str, Demand], Destination] = {}
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="relay-reader")

    # -- the round

    async def run(self) -> None:
        """Until ``end`` is called."""
        watch = self.office.store.watch_spool(self._wake_from_any_thread)
        duties = (self._look_for_the_dead(), self._keep_leases(), self.peers.keep_writing())
        background = [self._loop.create_task(each) for each in duties]
        try:
            while not self.is_ending:
                self._wake.clear()
                began = self._loop.time()
                try:
                    pause = await self._round()
                except Refusal as refusal:  # the store cannot write now
                    log.error("the spool cannot be read: %s", refusal.reason)
                    pause = STORE_PAUSE
                except Exception:
                    log.exception("the relay stumbled")
                    pause = STORE_PAUSE
                if pause and not self.is_ending:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(pause):
                            await self._wake.wait()
                # What comes in quick succession is taken together.
                if not self._wanting and not self.is_ending:
                    await asyncio.sleep(max(0.0, began + PACE - self._loop.time()))
        finally:
            watch.close()
            for task in background:
                task.cancel()
            await self._finish()

    async def _round(self) -> float:
        """Read what there is room for; the seconds until the next look."""
        room = CAPACITY - self._holding
        free = MOST_LANES - len(self._lanes) if room > 0 else 0
        failing = sum(lane.failures > 0 for lane in self._lanes.values())
        wanting = [self._lanes[key] for key in self._wanting if key in self._lanes][: max(0, room)]
        self._wanting.difference_update(lane.key for lane in wanting)
        began = self._loop.time()
        for lane in wanting:
            lane.begin_reading()
        found = await self._loop.run_in_executor(
            self._reader,
            self._intake.fetch,
            wanting,
            max(0, min(free, room)),
            max(0, min(free, MOST_FAILING - failing)),
        )
        for key in found.news:
            if key in self._lanes:
                self.want(self._lanes[key])
        for lane, items, is_all in found.more:
            self._take(lane, items, is_all)
        for claim, items, is_all in found.claimed:
            lane = self._lanes[claim.key] = OpenLane(claim.key, claim.failures, began + lanes.LEASE_SECONDS)
            lane.begin_reading()
            self._begin(self._open(lane, items, is_all))
        self._declare_over(found)
        if self._wanting and room > 0:
            return 0.0
        return min(LONGEST_SLEEP, found.pause)

    def wake(self) -> None:
        self._wake.set()

    def _wake_from_any_thread(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nothing is left to be woken
            self._loop.call_soon_threadsafe(self._wake.set)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def end(self) -> None:
        """Finish what is being sent, give the rest back."""
        self.is_ending = True
        self._wake.set()
        for destination in self._destinations.values():
            destination.hurry()

    # -- lanes

    async def _open(self, lane: OpenLane, items: Sequence[spool.Item], is_all: bool) -> None:
        """Find the way of a lane's domain, and send the first of it."""
        fault: Reply | None = None
        try:
            if relay.is_ours(self.office, lane.key[0]):
                lane.is_ours = True
            else:
                lane.route = await self._route(lane.key[0])
        except Unroutable as unroutable:
            fault = unroutable.reply
        except Exception:
            reference = self.office.new_reference()
            log.exception("reference=%s domain=%s has no route", reference, lane.key[0])
            fault = fault_reply(reference)
        lane.fault = fault
        self._take(lane, items, is_all)

    async def _route(self, domain: str) -> Route:
        office = self.office
        asking = find_route(domain, office.config.relay, our_names=office.our_names, random=office.random)
        route = await self.dns.answer(asking)
        if route.is_fixed or not route.domain or not office.config.relay.mta_sts:
            return route
        policy = await self._policies.policy_of(route.domain)
        return route if policy is None else route.under(policy)

    def want(self, lane: OpenLane) -> None:
        """More of a lane is to be read, as soon as there is room."""
        if lane.may_read and not lane.is_resting:
            self._wanting.add(lane.key)
            self._wake.set()

    def _take(self, lane: OpenLane, items: Sequence[spool.Item], is_all: bool) -> None:
        """What was read of a lane goes its way."""
        lane.is_drained = is_all
        for item in lane.end_reading(items, self._judging):
            self._holding += len(item.recipients)
            errand = Errand(item, item.recipients)
            if item.objection is not None:
                self.return_all(errand, item.objection, "")
            elif lane.is_ours:
                self.desk.deliver_here(errand)
            elif lane.fault is not None:
                self._without_route(errand, lane.fault)
            else:
                self._destination(lane, item).add(lane.key, errand)
        self._look_after(lane)

    def _without_route(self, errand: Errand, fault: Reply) -> None:
        if fault.is_permanent:
            self.return_all(errand, fault, "")
        else:
            self.put_off(errand, fault, "")

    def _destination(self, lane: OpenLane, item: spool.Item) -> Destination:
        assert lane.route is not None
        demand = relay.demand_of(item)
        found = self._destinations.get((lane.route.key, demand))
        settings = self.office.config.relay
        if found is None:
            found = self._destinations[lane.route.key, demand] = Destination(
                self, lane.route, demand=demand, limit=settings.per_destination, per_minute=settings.per_minute
            )
        named = settings.limits.get(lane.key[0])
        if named is not None:
            connections, _, per_minute = named.partition("/")
            found.limit, found.per_minute = int(connections), int(per_minute)
        return found

    def dismiss(self, destination: Destination) -> None:
        """It has nothing to do any more."""
        key = destination.route.key, destination.demand
        if self._destinations.get(key) is destination:
            del self._destinations[key]

    def _look_after(self, lane: OpenLane) -> None:
        """Read on where little is left, give back what is done with."""
        if lane.is_reading or self._lanes.get(lane.key) is not lane:
            return
        if not lane.is_drained and not lane.is_resting and not self.is_ending:
            if len(lane.known) <= lane.batch // 2:
                self.want(lane)
        elif not lane.known and lane.key not in self._wanting:
            del self._lanes[lane.key]
            self.desk.give_back(lane.standing())

    # -- what becomes of errands

    def settle(self, errand: Errand, attempt: Attempt) -> None:
        """Have it written down."""
        if any(reply.is_positive for reply in attempt.replies.values()):
            for key in errand.lane_keys():
                lane = self._lanes.get(key)
                if lane is not None and lane.has_recovered():
                    self.desk.note_recovery(key)
        self.desk.settle(errand, attempt)

    def put_off(self, errand: Errand, reply: Reply, host: str) -> None:
        """None of its servers can be reached: its lane rests.  What else waits there is not touched."""
        office = self.office
        found = [self._lanes[key] for key in errand.lane_keys() if key in self._lanes]
        awake = [lane for lane in found if not lane.is_resting]
        for lane in awake:
            until = next_attempt(office.config.relay.schedule, lane.failures + 1, office.now(), office.random)
            lane.rest(until, str(reply))
        if not awake:
            self.forget(errand)
            return
        attempt = _same_for_all(errand, reply)
        until = max(lane.rest_until for lane in found)
        self.desk.settle(errand, Attempt(attempt.replies, host, rest_until=until))

    def return_all(self, errand: Errand, reply: Reply, host: str) -> None:
        self.desk.settle(errand, Attempt(_same_for_all(errand, reply).replies, host))

    def forget(self, errand: Errand) -> None:
        """It is not ours any more, or it is done with."""
        priority = errand.item.envelope.priority
        for recipient in errand.recipients:
            identity = errand.item.id, recipient.forward_path
            self._judging.discard(identity)
            lane = self._lanes.get((recipient.domain, priority))
            if lane is not None and lane.forget(identity):
                self._holding -= 1
        for key in errand.lane_keys():
            if key in self._lanes:
                self._look_after(self._lanes[key])

    def _settled(self, errand: Errand) -> None:
        self.forget(errand)

    def is_still_ours(self, errand: Errand) -> bool:
        """Whether the leases last long enough for a transaction."""
        now = self._loop.time()
        return not self.is_ending and all(
            key in self._lanes and self._lanes[key].leased_until - now > LEAST_LEASE for key in errand.lane_keys()
        )

    async def open_message(self, item: spool.Item) -> relay.Opening:
        return await ask(self.office, relay.open_message, self.office, item)

    def _declare_over(self, found: Fetched) -> None:
        """Deadlines that have come, of what nobody is sending."""
        for item in found.overdue:
            item.recipients = [
                each
                for each in item.recipients
                if (item.id, each.forward_path) not in self._judging and not self._is_held(item, each)
            ]
            if item.recipients:
                self._judging.update((item.id, each.forward_path) for each in item.recipients)
                self.desk.settle_overdue(Errand(item, item.recipients), self._intake.last_reply)

    def _is_held(self, item: spool.Item, recipient: spool.Waiting) -> bool:
        lane = self._lanes.get((recipient.domain, item.envelope.priority))
        return lane is not None and (item.id, recipient.forward_path) in lane.known

    # -- leases

    async def _look_for_the_dead(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self._presence.free_leases_of_the_dead, self.office.store)
            except Exception:
                log.exception("leases of relays that died could not be looked for")
            await asyncio.sleep(LOOK_FOR_THE_DEAD_EVERY)

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(EXTEND_EVERY)
            held = list(self._lanes.values())
            began = self._loop.time()
            try:
                kept = await self._on_disk(self.office.store.write(lambda tx: lanes.extend(tx, self._presence.owner)))
            except Exception:
                log.exception("leases could not be extended")
                continue
            for lane in held:
                lane.leased_until = began + lanes.LEASE_SECONDS if lane.key in kept else 0.0

    async def _finish(self) -> None:
        """Let what is under way come to its end, then give the rest back untried."""
        pending = [*self._tasks, *(task for each in self._destinations.values() for task in each.carriers)]
        if pending:
            _, late = await asyncio.wait(pending, timeout=_LAST_WORDS)
            for task in late:
                task.cancel()
        await self.desk.close(_LAST_WORDS)
        await self.peers.flush()
        self._reader.shutdown(wait=False)
        with contextlib.suppress(Exception):
            await self._on_disk(self.office.store.write(lambda tx: lanes.release(tx, self._presence.owner)))
        self._presence.end()

    async def _on_disk(self, future: Future[T]) -> T:
        return await asyncio.wrap_future(future)


def _same_for_all(errand: Errand, reply: Reply) -> Attempt:
    return Attempt({recipient.forward_path: reply for recipient in errand.recipients})


def run_relay(office: PostOffice, *, on_ready: Callable[[], None] = lambda: None) -> None:
    """The relay process's life: until SIGTERM."""

    async def live() -> None:
        server = RelayServer(office)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.end)
        loop.add_signal_handler(signal.SIGHUP, lambda: None)  # no certificate of its own
        on_ready()
        await server.run()

    uvloop.run(live())
