"""The errands for one set of hosts, and the few connections that carry them.

It begins with one connection, and opens more as messages are taken and while more wait than the open ones can carry
soon.  Domains take turns, higher priorities first.  A destination that cannot be reached puts off everything that
waits for it; one that only refuses more connections keeps those it has.

Standards: RFC 5321 §4.5.4.1, RFC 6710 §4.1.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mailserver.delivery import downgrade, relay, spool
from mailserver.delivery.routing import Route
from mailserver.delivery.settling import Attempt
from mailserver.servers.relay_connection import Connection
from mailserver.servers.relay_connector import NoHost, OutOfFiles
from mailserver.servers.relay_desk import Errand
from mailserver.smtp.replies import Reply, fault_reply
from mailserver.smtp.steps import ConnectionLost
from mailserver.smtp.tls_policy import Demand

if TYPE_CHECKING:
    from mailserver.servers.relay import RelayServer

log = logging.getLogger("citymail.relay")

# An idle connection is kept this long for the next message to the same hosts.
LINGER = 4.0
# So many connections are kept idle at a time.
MOST_IDLE = 1000
# Messages that a connection carries before it queues up for its place again.
TURN = 30
# Messages that wait for each open connection before another is opened, and seconds that they may wait.
_BACKLOG = 10
_IMPATIENCE = 1.0
# Recipients of one transaction (RFC 5321 §4.5.3.1.8: every server takes so many).
_MOST_RECIPIENTS = 100
EXHAUSTED_PAUSE = 5.0


class Destination:
    def __init__(self, server: RelayServer, route: Route, *, demand: Demand, limit: int, per_minute: int) -> None:
        self._server = server
        self.route = route
        self.limit = limit
        self.per_minute = per_minute
        self.demand = demand
        self._queues: dict[spool.LaneKey, deque[Errand]] = {}
        self._turns: dict[int, deque[spool.LaneKey]] = {}  # by priority
        self._unbegun: dict[int, Errand] = {}  # by item, to which recipients of other domains may be added
        self._waiting = 0
        self._allowed = 1
        self._open = 0
        self._next_start = 0.0
        self._impatient_since = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._arrived = asyncio.Event()
        self._carriers: set[asyncio.Task[None]] = set()

    @property
    def is_idle(self) -> bool:
        return not self._carriers and not self._waiting

    @property
    def carriers(self) -> frozenset[asyncio.Task[None]]:
        return frozenset(self._carriers)

    def add(self, key: spool.LaneKey, errand: Errand) -> None:
        same = self._unbegun.get(errand.item.id)
        if same is not None and len(same.recipients) + len(errand.recipients) <= _MOST_RECIPIENTS:
            same.recipients += errand.recipients
            return
        for start in range(0, len(errand.recipients), _MOST_RECIPIENTS):
            part = Errand(errand.item, errand.recipients[start : start + _MOST_RECIPIENTS])
            self._queue(key).append(part)
            self._unbegun[part.item.id] = part
            self._waiting += 1
        self._arrived.set()
        self._staff()

    def hurry(self) -> None:
        """The relay is ending: nobody is to wait for more."""
        self._arrived.set()

    def _queue(self, key: spool.LaneKey) -> deque[Errand]:
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = deque()
            self._turns.setdefault(key[1], deque()).append(key)
        return queue

    def _pop(self) -> Errand | None:
        """The next errand of the domain whose turn it is, among those of the highest priority."""
        if not self._waiting:
            return None
        priority = max(self._turns)
        turns = self._turns[priority]
        key = turns.popleft()
        queue = self._queues[key]
        errand = queue.popleft()
        if queue:
            turns.append(key)
        else:
            del self._queues[key]
            if not turns:
                del self._turns[priority]
        self._waiting -= 1
        if self._unbegun.get(errand.item.id) is errand:
            del self._unbegun[errand.item.id]
        return errand

    def _put_first(self, errand: Errand) -> None:
        key = (errand.recipients[0].domain, errand.item.envelope.priority)
        self._queue(key).appendleft(errand)
        self._waiting += 1

    # -- carriers

    def _staff(self) -> None:
        """As many carriers as there is work for."""
        if not self._waiting or self._server.is_ending:
            self._impatient_since = 0.0
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._impatient_since = self._impatient_since or now
        patience_lost = int((now - self._impatient_since) / _IMPATIENCE)
        wanted = min(self.limit, self._allowed, 1 + self._waiting // _BACKLOG + patience_lost)
        if len(self._carriers) < min(wanted, len(self._carriers) + self._waiting):
            carrier = loop.create_task(self._carry())
            self._carriers.add(carrier)
            carrier.add_done_callback(self._carrier_done)
        if self._alarm is None:
            self._alarm = loop.call_later(_IMPATIENCE, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._staff()

    def _carrier_done(self, carrier: asyncio.Task[None]) -> None:
        self._carriers.discard(carrier)
        # An errand may have come after it stopped looking.
        self._staff()
        if self.is_idle:
            if self._alarm is not None:
                self._alarm.cancel()
            self._server.dismiss(self)

    async def _carry(self) -> None:
        """One connection's life: open, send while there is something to send, close."""
        server = self._server
        connection: Connection | None = None
        try:
            async with server.probes:
                connection = await self._connect()
            if connection is None:
                return
            self._open += 1
            errand = await self._next(connection)
            while errand is not None:
                async with server.slots:
                    for _ in range(TURN):
                        if not await self._send(connection, errand):
                            return
                        errand = await self._next(connection, patience=0.0)
                        if errand is None:
                            break
                # Idle, it takes nobody's place.
                errand = errand or await self._next(connection)
        except Exception:
            log.exception("route=%s a carrier failed", self.route.key)
        finally:
            if connection is not None:
                self._open -= 1
                await connection.close()

    async def _connect(self) -> Connection | None:
        """A connection; None if there is nothing to send any more, or nobody to send it to."""
        while self._waiting and not self._server.is_ending:
            try:
                return await self._server.connector.connect(self.route, demand=self.demand)
            except NoHost as none:
                if self._open:  # it talks to us, but not on so many connections
                    self._allowed = max(1, self._open)
                else:
                    self._fail(none)
                return None
            except OutOfFiles as exhausted:
                log.warning("cannot connect now: %s", exhausted)
                await asyncio.sleep(EXHAUSTED_PAUSE)
        return None

    def _fail(self, none: NoHost) -> None:
        """Nobody is there: everything waits.  Who requires TLS that is not to be had is told at once."""
        self._allowed = 1
        # RFC 8689 §4.2.1: a message that requires TLS is returned where it cannot be had.
        lacks_tls = self.demand is Demand.REQUIRED and none.reply.enhanced == "4.7.5"
        while (errand := self._pop()) is not None:
            if lacks_tls:
                self._server.return_all(
                    errand, Reply(554, "5.7.10", f"Encryption needed: {none.reply.text}"), none.host
                )
            else:
                self._server.put_off(errand, none.reply, none.host)

    async def _next(self, connection: Connection, patience: float | None = None) -> Errand | None:
        """The next errand, or one that comes within the linger."""
        server = self._server
        patience = LINGER if patience is None else patience
        while True:
            if not connection.is_open or server.is_ending:
                return None
            await server.desk.has_room()
            while (errand := self._pop()) is not None:
                if server.is_still_ours(errand):
                    await self._pace()
                    return errand
                server.forget(errand)
            if not patience or server.idle >= MOST_IDLE:
                return None
            self._arrived.clear()
            server.idle += 1
            try:
                async with asyncio.timeout(patience):
                    await self._arrived.wait()
            except TimeoutError:
                return None
            finally:
                server.idle -= 1

    async def _pace(self) -> None:
        """Not more than so many a minute."""
        if self.per_minute:
            now = asyncio.get_running_loop().time()
            at = max(self._next_start, now)
            self._next_start = at + 60.0 / self.per_minute
            if at > now:
                await asyncio.sleep(at - now)

    async def _send(self, connection: Connection, errand: Errand) -> bool:
        """One message, in as many transactions as the server wants for its recipients.  False if the connection is of
        no more use.
        """
        server = self._server
        office = server.office
        client = connection.client
        replies: dict[str, Reply] = {}
        try:
            opening = await server.open_message(errand.item)
            waiting = errand.recipients
            while waiting and connection.is_open:
                envelope = relay.envelope_for(errand.item, waiting, opening.size, office.now())
                message: Iterable[bytes] = relay.rest_of(office, errand.item, opening)
                if not client.takes(envelope.body):
                    envelope, message = downgrade.for_seven_bit(envelope, message)
                outcomes = await connection.run(client.send(envelope, message))
                replies |= outcomes.replies
                again = {path.address for path in outcomes.untried}
                waiting = [each for each in waiting if each.forward_path in again]
        except ConnectionLost as loss:
            client.alive = False
            if connection.messages and not client.has_accepted:
                # It had gone away while nothing was to be sent: nobody has taken this message.
                self._put_first(errand)
                return False
            lost = Reply(451, "4.4.2", f"{connection.host}[{connection.address}]: {loss}")
            for recipient in errand.recipients:
                replies.setdefault(recipient.forward_path, lost)
        except Exception:
            client.alive = False
            reference = office.new_reference()
            log.exception("reference=%s spool=%d sending failed", reference, errand.item.id)
            for recipient in errand.recipients:
                replies.setdefault(recipient.forward_path, fault_reply(reference))
        if connection.messages and not client.has_accepted and all(reply.code == 421 for reply in replies.values()):
            self._put_first(errand)  # it has had enough of this connection, not of us
            return False
        connection.messages += 1
        if any(reply.is_positive for reply in replies.values()):
            self._allowed = min(self.limit, self._allowed + 1)
            self._staff()
        offered = client.extensions
        attempt = Attempt(replies, connection.host, passes_dsn="DSN" in offered, passes_deadline="DELIVERBY" in offered)
        server.settle(errand, attempt)
        return connection.is_open
