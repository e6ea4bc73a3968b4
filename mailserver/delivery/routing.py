"""Which hosts to give a domain's mail to, in which order.

Without a socket: it is a function that asks (``security.dns.Asking``).  ``servers.dns`` asks a real resolver, the
tests a table.

Standards: RFC 5321 §5.1 (MX, implicit MX, preference, random choice among equals, our own host among them),
RFC 7505 (null MX), RFC 3463 for what is reported.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from mailserver.address import AddressFault, domain_to_ascii
from mailserver.config import Relay
from mailserver.smtp.replies import Reply
from security.dns import Asking, Mx, Status, ask
from security.mta_sts import Policy

VIA = "via:"  # in the place of a domain: what an operator sent another way (``delivery.queue.reroute``)
MAX_HOSTS = 12  # of one domain; more are not tried (RFC 5321 §5.1 asks for two at least)
MAX_ADDRESSES = 6  # of one host


class Unroutable(Exception):
    """There is nowhere to send to; ``reply`` is what the sender is told, permanent or not."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__(str(reply))


@dataclass(frozen=True, slots=True)
class Host:
    name: str
    port: int


@dataclass(frozen=True, slots=True)
class Route:
    """Hosts to try, best first.  ``key`` is the same for all domains that are served by the same hosts.

    ``is_fixed``: the configuration names it, not the DNS.  ``is_validated``: DNSSEC vouches that these are the domain's
    hosts.  ``sts`` is the policy that the ``domain`` has published, if it binds.
    """

    key: str
    hosts: tuple[Host, ...]
    is_fixed: bool = False
    is_validated: bool = False
    domain: str = ""
    sts: Policy | None = None

    def under(self, policy: Policy) -> Route:
        """The route of a domain with an MTA-STS policy: not to be shared with domains that have none."""
        return replace(self, key=f"{self.key} sts {self.domain}", sts=policy)


def fixed_route(settings: Relay, domain: str) -> Route | None:
    """The route that the configuration gives: its own for the domain, or the smarthost for all."""
    target = _table(settings.routes).get(domain) or settings.smarthost
    return _parse_target(target, settings.port) if target else None


# The last table of routes that was asked for, as it stands in the configuration and as it is looked up.
_tables: list[tuple[Mapping[str, str], dict[str, str]]] = []


def _table(routes: Mapping[str, str]) -> dict[str, str]:
    """The names of routes were written by a person, in any case and any script."""
    for written, known in _tables:
        if written is routes:
            return known
    known = {_ascii_name(name): target for name, target in routes.items()}
    _tables[:] = [(routes, known)]
    return known


def find_route(
    domain: str, settings: Relay, *, our_names: frozenset[str], random: Callable[[], float]
) -> Asking[Route]:
    """The hosts for a domain.  Raises Unroutable."""
    if domain.startswith(VIA):
        return _parse_target(domain.removeprefix(VIA), settings.port)
    fixed = fixed_route(settings, domain)
    if fixed is not None:
        return fixed
    if domain.startswith("["):
        return Route(domain, (Host(_literal_address(domain), settings.port),))
    try:
        name = domain_to_ascii(domain)
    except AddressFault:
        raise _no_such_domain(domain) from None
    answer = yield from ask(name, "MX")
    if answer.status is Status.NO_NAME:
        raise _no_such_domain(domain)
    if answer.failed:
        raise Unroutable(Reply(451, "4.4.3", f"The name servers of {domain} do not answer ({answer.fault})"))
    records: Sequence[Mx] = answer.exchangers
    if not records:
        records = [Mx(0, name)]  # RFC 5321 §5.1: the implicit MX
    elif len(records) == 1 and records[0].host in ("", "."):
        raise Unroutable(Reply(556, "5.1.10", f"The domain {domain} takes no mail (RFC 7505)"))
    hosts = order_hosts(records, our_names, random)
    if not hosts:
        raise Unroutable(Reply(554, "5.4.6", f"The mail of {domain} is led to this server, which does not take it"))
    ordered = tuple(Host(host, settings.port) for host in hosts)
    key = ",".join(sorted(hosts)) + f":{settings.port}"
    if answer.validated:
        # What is proven of a host is proven for this domain (RFC 7672 §3.2.2).
        return Route(f"{key} dane {name}", ordered, is_validated=True, domain=name)
    return Route(key, ordered, domain=name)


def order_hosts(records: Sequence[Mx], our_names: frozenset[str], random: Callable[[], float]) -> list[str]:
    """MX hosts by preference, those of the same preference in random order (RFC 5321 §5.1).

    If we are among them, only the better ones are left: sending to an equal or a worse one could come back to
    us.
    """
    cleaned = [(record.preference, record.host.rstrip(".").lower()) for record in records]
    ours = [preference for preference, name in cleaned if name in our_names]
    usable = [entry for entry in cleaned if entry[1] and (not ours or entry[0] < min(ours))]
    shuffled = sorted(usable, key=lambda entry: (entry[0], random()))
    return list(dict.fromkeys(name for _, name in shuffled))[:MAX_HOSTS]


def _no_such_domain(domain: str) -> Unroutable:
    return Unroutable(Reply(550, "5.1.2", f"The domain {domain} does not exist"))


def _ascii_name(name: str) -> str:
    try:
        return domain_to_ascii(name)
    except AddressFault:
        return name.lower()


def is_ip_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _parse_target(target: str, default_port: int) -> Route:
    """``host:port``, ``host``, ``[v6]:port`` of the configuration."""
    if target.startswith("["):
        name, _, port = target[1:].partition("]")
        port = port.removeprefix(":")
    elif target.count(":") > 1:
        name, port = target, ""
    else:
        name, _, port = target.partition(":")
    number = int(port) if port else default_port
    name = name.lower()
    return Route(f"{name}:{number}", (Host(name, number),), is_fixed=True)


def _literal_address(domain: str) -> str:
    """``[192.0.2.1]`` or ``[IPv6:2001:db8::1]`` (RFC 5321 §4.1.3) → the address."""
    inner = domain[1:-1]
    return inner[5:] if inner.lower().startswith("ipv6:") else inner
