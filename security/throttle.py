"""Slows down who guesses passwords, and nobody else.

What counts is wrong passwords, first per client network (one IPv4 address, one IPv6 /64), then per login:

- *pair* (network, login): after ``FREE_PER_PAIR`` wrong passwords the next attempts from there on that login
are refused unjudged for a time that doubles;
- *network*: after ``FREE_PER_NETWORK`` wrong passwords the same holds for every login tried from there,
except for those that have signed in from this network before;
- *login*: wrong passwords from networks where the login is a stranger make attempts from such networks wait a
few seconds.  They are judged all the same.

So an attacker elsewhere can keep no one out: he exhausts his own network's budget.  One who shares the
victim's address (an office behind one address) can delay only who never signed in from there since the service
began. The same wrong password again is not another guess: the telephone with last month's password
costs one.

Counts halve every ``HALF_LIFE`` seconds.  All memory is bounded; what an attacker can flood is kept apart
from what only a right password can enter.  Processes that share a ``ThrottleMemory`` count together.

Limits: nothing is kept over a restart of the service.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import ip_network

from security.networks import IpNetwork, is_within, network_of
from security.shared_table import SharedTable

FREE_PER_PAIR = 5
FREE_PER_NETWORK = 30
FREE_PER_LOGIN = 20
HALF_LIFE = 1800.0
KNOWN_FOR = 30 * 86400.0

LONGEST_WAIT = 300.0
LONGEST_WAIT_WHERE_KNOWN = 60.0  # somebody else at the owner's own address
LONGEST_WAIT_OF_NETWORK = 60.0
LONGEST_PAUSE = 5.0
FAILURE_DELAY = 1.0

_CAPACITY = 65_536
_REMEMBERED_GUESSES = 4
_GUESS = 8  # octets of a guess's hash


@dataclass(frozen=True, slots=True)
class _Budget:
    """``guesses``: hashes of the last wrong passwords, one after the other."""

    count: float = 0.0
    counted_at: float = 0.0
    not_before: float = 0.0
    guesses: bytes = b""

    def at(self, now: float) -> float:
        return self.count * math.exp2(-max(0.0, now - self.counted_at) / HALF_LIFE)

    def knows(self, guess: bytes) -> bool:
        return any(self.guesses[at : at + _GUESS] == guess for at in range(0, len(self.guesses), _GUESS))


@dataclass(frozen=True, slots=True)
class _Limit:
    """``free`` wrong passwords cost nothing; the wait for those beyond doubles with every ``slope`` of them."""

    free: int
    longest: float
    slope: float = 1.0

    def wait(self, count: float) -> float:
        over = count - self.free
        return min(self.longest, 2.0 ** min(over / self.slope, 20.0)) if over > 0 else 0.0


_PAIR = _Limit(FREE_PER_PAIR, LONGEST_WAIT)
_PAIR_WHERE_KNOWN = _Limit(FREE_PER_PAIR, LONGEST_WAIT_WHERE_KNOWN)
_NETWORK = _Limit(FREE_PER_NETWORK, LONGEST_WAIT_OF_NETWORK, slope=4.0)
_LOGIN = _Limit(FREE_PER_LOGIN, 0.0)  # nobody is refused for what others do: ``Throttle.delay``

_BUDGET = f"ddd{_GUESS * _REMEMBERED_GUESSES}s"


class ThrottleMemory:
    """What is counted.  Made before processes are forked, it is one for all of them."""

    __slots__ = ("known", "logins", "networks", "pairs")

    def __init__(self, capacity: int = _CAPACITY) -> None:
        self.pairs = SharedTable(_BUDGET, capacity)
        self.networks = SharedTable(_BUDGET, capacity)
        self.logins = SharedTable(_BUDGET, capacity)
        self.known = SharedTable("d", capacity)


class Throttle:
    """One per process.  ``never_slowed``: networks whose clients are never refused nor delayed.

    ``monotonic`` is a clock that all processes with the same ``memory`` have in common.
    """

    def __init__(
        self,
        never_slowed: Iterable[str] = (),
        *,
        monotonic: Callable[[], float],
        memory: ThrottleMemory | None = None,
    ) -> None:
        self._never_slowed: tuple[IpNetwork, ...] = tuple(ip_network(network, strict=False) for network in never_slowed)
        self._monotonic = monotonic
        self._memory = memory or ThrottleMemory()

    def blocked(self, client: str, login: str) -> float:
        """For how many seconds this client's attempts on this login are refused unjudged; 0: judge."""
        if self._is_exempt(client):
            return 0.0
        network, login = network_of(client), login.lower()
        now = self._monotonic()
        wait = _read(self._memory.pairs, network, login).not_before - now
        if not self._is_known(network, login, now):
            wait = max(wait, _read(self._memory.networks, network).not_before - now)
        return max(0.0, wait)

    def delay(self, client: str, login: str) -> float:
        """What an attempt waits before it is judged: seconds, for a login that strangers are guessing at."""
        if self._is_exempt(client):
            return 0.0
        network, login = network_of(client), login.lower()
        now = self._monotonic()
        if self._is_known(network, login, now):
            return 0.0
        count = _read(self._memory.logins, login).at(now)
        return min(LONGEST_PAUSE, max(0.0, (count - FREE_PER_LOGIN) * 0.1))

    def failed(self, client: str, login: str, guess: bytes = b"") -> float:
        """Count a wrong password; what to wait before saying so.

        ``guess`` is a keyed digest of the password: the same one again from the same place is not counted
        twice.
        """
        if self._is_exempt(client):
            return 0.0
        network, login = network_of(client), login.lower()
        now = self._monotonic()
        known = self._is_known(network, login, now)
        mark = hashlib.blake2b(guess, digest_size=_GUESS).digest() if guess else b""
        is_new = _count(self._memory.pairs, now, _PAIR_WHERE_KNOWN if known else _PAIR, (network, login), mark)
        if is_new and not known:
            _count(self._memory.networks, now, _NETWORK, (network,))
            _count(self._memory.logins, now, _LOGIN, (login,))
        return FAILURE_DELAY

    def succeeded(self, client: str, login: str) -> None:
        """A right password: from now on this login is at home in this network."""
        if self._is_exempt(client):
            return
        network, login = network_of(client), login.lower()
        now = self._monotonic()
        with self._memory.known.lock():
            self._memory.known.put(now, (now,), network, login)
        with self._memory.pairs.lock():
            self._memory.pairs.drop(network, login)

    def _is_exempt(self, client: str) -> bool:
        return bool(self._never_slowed) and is_within(client, self._never_slowed)

    def _is_known(self, network: str, login: str, now: float) -> bool:
        found = self._memory.known.get(network, login)
        return found is not None and now - found[0] < KNOWN_FOR


def _read(table: SharedTable, *key: str) -> _Budget:
    found = table.get(*key)
    return _Budget() if found is None else _Budget(*found)


def _count(table: SharedTable, now: float, limit: _Limit, key: tuple[str, ...], guess: bytes = b"") -> bool:
    """One more wrong password; False if this very one was counted before."""
    with table.lock():
        found = table.get(*key)
        before = _Budget() if found is None else _Budget(*found)
        if guess and before.knows(guess):
            table.put(now, found or (), *key)
            return False
        count = before.at(now) + 1.0
        guesses = (guess + before.guesses)[: _GUESS * _REMEMBERED_GUESSES]
        table.put(now, (count, now, max(before.not_before, now + limit.wait(count)), guesses), *key)
    return True
