"""The relay process: sends what waits in the spool to other servers.

It wakes when something is spooled and when the next try is due, claims what it has room for, finds the route
of each domain, and gives the errands to one ``Destination`` for each set of hosts.  A destination opens few
connections and sends many messages on each; when none of its hosts can be reached, everything that waits for
it is put off together.

A claim is a lease.  What is still waiting here has its lease extended; what has lost it (this process slept,
or the clock jumped) is dropped unsent, because somebody else may be sending it.

Standards: RFC 5321 §4.5.4, §5.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

import uvloop

from mailserver.delivery import relay, spool
from mailserver.delivery.post_office import PostOffice
from mailserver.delivery.relay import Attempt
from mailserver.delivery.routing import Route, Unroutable, find_route
from mailserver.refusals import Refusal
from mailserver.servers.dns import Dns
from mailserver.servers.relay_connection import Connection, Connector, NoHost, OutOfFiles
from mailserver.smtp.client import ConnectionLost
from mailserver.smtp.replies import Reply, fault_reply
from security.tls import client_context

log = logging.getLogger("citymail.relay")

T = TypeVar("T")

# Recipients held at a time; more stay in the spool, where any relay may claim them.
CAPACITY = 2000
# An idle connection is kept this long for the next message to the same hosts.
LINGER = 2.0
# Without a wake-up the spool is looked at this often, so that a lost wake-up costs a minute at most.
LONGEST_SLEEP = 60.0
EXTEND_EVERY = spool.LEASE_SECONDS / 3
# A lease with less left than this is not begun with.
LEAST_LEASE = 660.0
EXHAUSTED_PAUSE = 5.0
STORE_PAUSE = 5.0


@dataclass(slots=True)
class Errand:
    """One message for some of its recipients, all served by the same hosts."""

    item: spool.Item
    recipients: list[spool.Waiting]
    leased_until: float  # of the loop's clock


class Destination:
    """The errands for one set of hosts, and the few connections that carry them."""

    def __init__(self, relay_: RelayServer, route: Route) -> None:
        self._relay = relay_
        self.route = route
        self._errands: deque[Errand] = deque()
        self._arrived = asyncio.Event()
        self._carriers: set[asyncio.Task[None]] = set()

    @property
    def is_idle(self) -> bool:
        return not self._carriers and not self._errands

    def add(self, errand: Errand) -> None:
        self._errands.append(errand)
        self._arrived.set()
        self._staff()

    def hurry(self) -> None:
        """The relay is ending: nobody is to wait for more."""
        self._arrived.set()

    @property
    def carriers(self) -> frozenset[asyncio.Task[None]]:
        return frozenset(self._carriers)

    def _staff(self) -> None:
        """As many carriers as there is work for, within the limit."""
        limit = self._relay.office.config.relay.per_destination
        if len(self._carriers) < min(limit, len(self._errands)):
            carrier = asyncio.get_running_loop().create_task(self._carry())
            self._carriers.add(carrier)
            carrier.add_done_callback(self._carrier_done)

    def _carrier_done(self, carrier: asyncio.Task[None]) -> None:
        self._carriers.discard(carrier)
        # An errand may have come after it stopped looking.
        self._staff()
        self._relay.look_for_room()

    async def _carry(self) -> None:
        """One connection's life: open, send while there is something to send, close."""
        async with self._relay.connections:
            connection: Connection | None = None
            try:
                while (errand := await self._next(connection)) is not None:
                    try:
                        connection = await self._connected(connection)
                    except NoHost as none:
                        await self._put_off([errand, *self._take_all()], none.reply)
                        return
                    except OutOfFiles as exhausted:
                        log.warning("cannot connect now: %s", exhausted)
                        self._errands.appendleft(errand)
                        await asyncio.sleep(EXHAUSTED_PAUSE)
                        continue
                    await self._send(connection, errand)
            except Exception:
                log.exception("route=%s a carrier failed; its errands come again when their lease ends", self.route.key)
            finally:
                if connection is not None:
                    await connection.close()

    async def _next(self, connection: Connection | None) -> Errand | None:
        """The next errand; with a connection in hand, one that comes within the linger."""
        while True:
            while self._errands:
                errand = self._errands.popleft()
                if self._relay.is_still_ours(errand):
                    return errand
                self._relay.forget(errand)
            if connection is None or not connection.client.alive or self._relay.is_ending:
                return None
            self._arrived.clear()
            try:
                async with asyncio.timeout(LINGER):
                    await self._arrived.wait()
            except TimeoutError:
                return None

    async def _connected(self, connection: Connection | None) -> Connection:
        if connection is not None:
            if connection.client.alive:
                return connection
            await connection.close()
        return await self._relay.connector.connect(self.route)

    async def _send(self, connection: Connection, errand: Errand) -> None:
        """One message, in as many transactions as the server wants for its recipients."""
        office = self._relay.office
        replies: dict[str, Reply] = {}
        try:
            skipped = relay.own_prefix(office, errand.item)
            waiting = errand.recipients
            while waiting and connection.client.alive:
                envelope = relay.envelope_for(errand.item, waiting, skipped)
                message = relay.chunks(office, errand.item, skipped)
                outcomes = await connection.run(connection.client.send(envelope, message))
                replies |= outcomes.replies
                again = {path.address for path in outcomes.untried}
                waiting = [each for each in waiting if each.forward_path in again]
        except ConnectionLost as loss:
            connection.client.alive = False
            lost = Reply(451, "4.4.2", f"{connection.host}[{connection.address}]: {loss}")
            for recipient in errand.recipients:
                replies.setdefault(recipient.forward_path, lost)
        except Exception:
            connection.client.alive = False
            reference = office.new_reference()
            log.exception("reference=%s spool=%d sending failed", reference, errand.item.id)
            for recipient in errand.recipients:
                replies.setdefault(recipient.forward_path, fault_reply(reference))
        passes_dsn = "DSN" in connection.client.extensions
        await self._relay.settle(errand, Attempt(replies, connection.host, passes_dsn))

    def _take_all(self) -> list[Errand]:
        errands = list(self._errands)
        self._errands.clear()
        return errands

    async def _put_off(self, errands: Sequence[Errand], reply: Reply) -> None:
        for errand in errands:
            replies = {recipient.forward_path: reply for recipient in errand.recipients}
            await self._relay.settle(errand, Attempt(replies, self.route.hosts[0].name if self.route.hosts else ""))


class RelayServer:
    """Everything the relay does, on one event loop."""

    def __init__(
        self,
        office: PostOffice,
        *,
        dns: Dns | None = None,
        tls_context: ssl.SSLContext | None = None,
        connect_timeout: float = 0.0,
    ) -> None:
        settings = office.config.relay
        self.office = office
        self.owner = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(8)}"
        self.dns = dns or Dns.from_config(office.config)
        self.connector = Connector(
            office.config.city.hostname,
            self.dns,
            tls_context or client_context(verify=False),
            connect_timeout=connect_timeout,
        )
        self.connections = asyncio.Semaphore(settings.concurrency)
        self.is_ending = False
        self._destinations: dict[str, Destination] = {}
        self._held: dict[int, list[Errand]] = {}  # by item, until settled
        self._holding = 0
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()

    # -- the round

    async def run(self) -> None:
        """Until ``end`` is called."""
        watch = self.office.store.watch_spool(self._wake_from_any_thread)
        extender = self._loop.create_task(self._keep_leases())
        try:
            await self._free_leases_of_the_dead()
            while not self.is_ending:
                self._wake.clear()
                try:
                    pause = await self._round()
                except Refusal as refusal:  # the store cannot write now
                    log.error("the spool cannot be read: %s", refusal.reason)
                    pause = STORE_PAUSE
                except Exception:
                    log.exception("the relay stumbled")
                    pause = STORE_PAUSE
                if not self.is_ending:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(pause):
                            await self._wake.wait()
        finally:
            watch.close()
            extender.cancel()
            await self._finish()

    async def _free_leases_of_the_dead(self) -> None:
        """What a killed process of this machine held need not wait for its lease to run out."""
        with contextlib.suppress(Refusal):
            with self.office.store.read() as connection:
                owners = spool.lease_owners(connection)
            for owner in filter(_is_dead, owners):
                log.warning("the relay %s died; what it held is tried again", owner)
                await self._on_disk(self.office.store.write(lambda tx, owner=owner: spool.release(tx, owner)))  # type: ignore[misc]

    def end(self) -> None:
        """Finish what is being sent, give the rest back."""
        self.is_ending = True
        self._wake.set()
        for destination in self._destinations.values():
            destination.hurry()

    def look_for_room(self) -> None:
        """A carrier is done: there may be room for more."""
        for key, destination in list(self._destinations.items()):
            if destination.is_idle:
                del self._destinations[key]
        self._wake.set()

    def _wake_from_any_thread(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nothing is left to be woken
            self._loop.call_soon_threadsafe(self._wake.set)

    async def _round(self) -> float:
        """Claim what there is room for; the seconds until the next look."""
        room = CAPACITY - self._holding
        if room <= 0:
            return LONGEST_SLEEP  # ``look_for_room`` wakes us; asking the spool now would be a hot loop
        pause = self._pause()
        if pause > 0:
            return pause
        items = await self._on_disk(relay.claim(self.office, self.owner, room))
        leased_until = self._loop.time() + spool.LEASE_SECONDS
        for item in items:
            for recipients in relay.by_domain(item).values():
                errand = Errand(item, recipients, leased_until)
                self._hold(errand)
                task = self._loop.create_task(self._dispatch(errand))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        # Another relay may have been quicker; then there is no hurry.
        return 0.0 if items else 1.0

    def _pause(self) -> float:
        """The seconds until something is due; 0 when something is."""
        with self.office.store.read() as connection:
            due_at = spool.next_due_at(connection, self.office.now())
        if due_at is None:
            return LONGEST_SLEEP
        return min(LONGEST_SLEEP, max(0.0, due_at - self.office.clock()))

    async def _dispatch(self, errand: Errand) -> None:
        """Give an errand to whoever goes there."""
        domain = errand.recipients[0].domain
        try:
            if relay.is_ours(self.office, domain):
                await self._deliver_here(errand)
                return
            route = await self.dns.answer(
                find_route(domain, self.office.config.relay, our_names=self.office.our_names, random=self.office.random)
            )
        except Unroutable as fault:
            await self.settle(errand, _same_for_all(errand, fault.reply))
            return
        except Exception:
            reference = self.office.new_reference()
            log.exception("reference=%s spool=%d dispatch failed", reference, errand.item.id)
            await self.settle(errand, _same_for_all(errand, fault_reply(reference)))
            return
        destination = self._destinations.get(route.key)
        if destination is None:
            destination = self._destinations[route.key] = Destination(self, route)
        destination.add(errand)

    async def _deliver_here(self, errand: Errand) -> None:
        try:
            future = await self._loop.run_in_executor(
                None, relay.deliver_here, self.office, self.owner, errand.item, errand.recipients
            )
            await self._on_disk(future)
        finally:
            self.forget(errand)

    # -- what is held

    def _hold(self, errand: Errand) -> None:
        self._held.setdefault(errand.item.id, []).append(errand)
        self._holding += len(errand.recipients)

    def forget(self, errand: Errand) -> None:
        errands = self._held.get(errand.item.id, [])
        if errand in errands:
            errands.remove(errand)
            self._holding -= len(errand.recipients)
            if not errands:
                del self._held[errand.item.id]

    def is_still_ours(self, errand: Errand) -> bool:
        """Whether the lease lasts long enough for a transaction."""
        return errand.leased_until - self._loop.time() > LEAST_LEASE and not self.is_ending

    async def settle(self, errand: Errand, attempt: Attempt) -> None:
        """Write down what came of an errand.  If that fails, the lease runs out and it comes again."""
        try:
            await self._on_disk(relay.settle(self.office, self.owner, errand.item, errand.recipients, attempt))
        except Exception:
            log.exception("spool=%d its result could not be written down", errand.item.id)
        finally:
            self.forget(errand)

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(EXTEND_EVERY)
            ids = list(self._held)
            if not ids:
                continue
            errands = [errand for held in self._held.values() for errand in held]
            began = self._loop.time()
            try:
                await self._on_disk(
                    self.office.store.write(lambda tx, ids=ids: spool.extend_leases(tx, self.owner, ids))  # type: ignore[misc]
                )
            except Exception:
                log.exception("leases could not be extended")
                continue
            for errand in errands:
                errand.leased_until = began + spool.LEASE_SECONDS

    async def _finish(self) -> None:
        """Let what is under way come to its end, then give the rest back untried."""
        pending = [*self._tasks, *(task for each in self._destinations.values() for task in each.carriers)]
        if pending:
            _, late = await asyncio.wait(pending, timeout=8.0)
            for task in late:
                task.cancel()
        with contextlib.suppress(Exception):
            await self._on_disk(self.office.store.write(lambda tx: spool.release(tx, self.owner)))

    async def _on_disk(self, future: Future[T]) -> T:
        return await asyncio.wrap_future(future)


def _is_dead(owner: str) -> bool:
    """Whether a lease's owner was a process of this machine that is no more.  Of another machine we cannot say."""
    machine, _, rest = owner.partition("/")
    number, _, _ = rest.partition("/")
    if machine != socket.gethostname() or not number.isdigit():
        return False
    if int(number) == os.getpid():
        return True  # our number, and not us: we have only just begun
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


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
