"""Slows down who guesses passwords, and nobody else.

What counts is wrong passwords, first per client network (one IPv4 address, one IPv6 /64), then per login:

- *pair* (network, login): after ``FREE_PER_PAIR`` wrong passwords the next attempts from there on that login
are refused unjudged for a time that doubles;
- *network*: after ``FREE_PER_NETWORK`` wrong passwords the same holds for every login tried from there,
except for those that have signed in from this network before;
- *login*: wrong passwords from networks where the login is a stranger make attempts from such networks wait a
few seconds.  They are judged all the same.

So an attacker elsewhere can keep no one out: he exhausts his own network's budget.  One who shares the
victim's address (an office behind one address) can delay only who never signed in from there since this
process began. The same wrong password again is not another guess: the telephone with last month's password
costs one.

Counts halve every ``HALF_LIFE`` seconds.  All memory is bounded; what an attacker can flood is kept apart
from what only a right password can enter.

Limits: each process counts for itself, nothing is kept over a restart.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Generic, TypeVar

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

_CAPACITY = 50_000
_REMEMBERED_GUESSES = 4

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(slots=True)
class _Budget:
    count: float = 0.0
    counted_at: float = 0.0
    not_before: float = 0.0
    guesses: list[bytes] = field(default_factory=list)

    def add(self, now: float) -> float:
        self.count = self.at(now) + 1.0
        self.counted_at = now
        return self.count

    def at(self, now: float) -> float:
        return self.count * math.exp2(-max(0.0, now - self.counted_at) / HALF_LIFE)


class _Bounded(OrderedDict[K, V], Generic[K, V]):
    """Forgets what was not touched for longest."""

    def keep(self, key: K, value: V) -> V:
        self[key] = value
        self.move_to_end(key)
        while len(self) > _CAPACITY:
            self.popitem(last=False)
        return value


@lru_cache(maxsize=16384)
def network_of(client: str) -> str:
    """The network that answers for a client's address; what is no address answers for itself."""
    address = _address_of(client)
    if address is None:
        return client
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return str(address)


def _address_of(client: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(client.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


class Throttle:
    """One per process.  ``never_slowed``: networks whose clients are never refused nor delayed."""

    def __init__(self, never_slowed: Iterable[str] = (), *, monotonic: Callable[[], float]) -> None:
        self._never_slowed: tuple[IPv4Network | IPv6Network, ...] = tuple(
            ip_network(network, strict=False) for network in never_slowed
        )
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._pairs: _Bounded[tuple[str, str], _Budget] = _Bounded()
        self._networks: _Bounded[str, _Budget] = _Bounded()
        self._logins: _Bounded[str, _Budget] = _Bounded()
        self._known: _Bounded[tuple[str, str], float] = _Bounded()

    def blocked(self, client: str, login: str) -> float:
        """For how many seconds this client's attempts on this login are refused unjudged; 0: judge."""
        if self._is_exempt(client):
            return 0.0
        network, login = network_of(client), login.lower()
        now = self._monotonic()
        with self._lock:
            pair = self._pairs.get((network, login))
            wait = pair.not_before - now if pair else 0.0
            if not self._is_known(network, login, now):
                budget = self._networks.get(network)
                if budget is not None:
                    wait = max(wait, budget.not_before - now)
        return max(0.0, wait)

    def delay(self, client: str, login: str) -> float:
        """What an attempt waits before it is judged: seconds, for a login that strangers are guessing at."""
        if self._is_exempt(client):
            return 0.0
        network, login = network_of(client), login.lower()
        now = self._monotonic()
        with self._lock:
            if self._is_known(network, login, now):
                return 0.0
            budget = self._logins.get(login)
            count = budget.at(now) if budget else 0.0
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
        with self._lock:
            known = self._is_known(network, login, now)
            pair = self._touched(self._pairs, (network, login))
            if guess and guess in pair.guesses:
                return FAILURE_DELAY
            if guess:
                pair.guesses = [*pair.guesses, guess][-_REMEMBERED_GUESSES:]
            over = pair.add(now) - FREE_PER_PAIR
            if over > 0:
                longest = LONGEST_WAIT_WHERE_KNOWN if known else LONGEST_WAIT
                pair.not_before = now + min(longest, 2.0 ** min(over, 20.0))
            if not known:
                budget = self._touched(self._networks, network)
                over = budget.add(now) - FREE_PER_NETWORK
                if over > 0:
                    budget.not_before = now + min(LONGEST_WAIT_OF_NETWORK, 2.0 ** min(over / 4.0, 20.0))
                self._touched(self._logins, login).add(now)
        return FAILURE_DELAY

    def succeeded(self, client: str, login: str) -> None:
        """A right password: from now on this login is at home in this network."""
        if self._is_exempt(client):
            return
        network, login = network_of(client), login.lower()
        with self._lock:
            self._known.keep((network, login), self._monotonic())
            self._pairs.pop((network, login), None)

    def _is_exempt(self, client: str) -> bool:
        return bool(self._never_slowed) and _lies_within(client, self._never_slowed)

    def _is_known(self, network: str, login: str, now: float) -> bool:
        since = self._known.get((network, login))
        return since is not None and now - since < KNOWN_FOR

    def _touched(self, budgets: _Bounded[K, _Budget], key: K) -> _Budget:
        return budgets.keep(key, budgets.get(key) or _Budget())


@lru_cache(maxsize=16384)
def _lies_within(client: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    address = _address_of(client)
    return address is not None and any(address in network for network in networks)
