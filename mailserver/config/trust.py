"""Sections of the configuration for what is believed of others: the DNS, and mail from outside."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from mailserver.config.options import DOMAIN, RESOLVER, Network, option

_LOOPBACK: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
WEIGHT = (r"refuse|[1-9]\d{0,3}", '"refuse" or points, as "3"')


@dataclass(frozen=True, slots=True)
class Dns:
    resolvers: tuple[str, ...] = option(
        (),
        "Addresses of DNS resolvers that validate (DNSSEC), as 127.0.0.1 or 127.0.0.1:5353; what they call secure is\n"
        "believed, so the way to them must be safe: on this machine at best. Empty: the system's, which are not\n"
        "believed that, and without which there is no DANE.",
        form=RESOLVER,
    )
    timeout: int = option(10, "Seconds for one question, all servers and repetitions together.", low=1, high=60)
    cache_entries: int = option(50_000, "Answers that each process keeps.", low=100)


@dataclass(frozen=True, slots=True)
class Trust:
    networks: tuple[Network, ...] = option(
        _LOOPBACK, "Networks whose mail is taken unchecked: our own relays and machines."
    )
    spf_fail: str = option(
        "junk",
        'Mail that SPF says is not from its sender\'s servers, and that DMARC does not vouch for: "accept", "junk" or\n'
        '"refuse" (that also what a forwarder sends on).',
        choices=("accept", "junk", "refuse"),
    )
    dmarc: str = option(
        "obey",
        'Mail that fails its author\'s DMARC policy: "obey" (reject is refused, quarantine goes to Junk), "junk"\n'
        '(both go to Junk) or "accept". What claims one of our own domains and fails is refused in any case.',
        choices=("obey", "junk", "accept"),
    )
    dns_failure: str = option(
        "defer",
        'Mail of which DMARC cannot be known because the DNS does not answer: "defer" (the sender tries again later)\n'
        'or "accept".',
        choices=("defer", "accept"),
    )
    sealers: tuple[str, ...] = option(
        (),
        "Domains whose ARC seals are believed: forwarders, lists. What they found out counts as if we had.",
        form=DOMAIN,
    )
    address_lists: Mapping[str, str] = option(
        {},
        'Lists of addresses in the DNS: { "list.example" = "refuse", "other.example" = "3" } (points).',
        form=WEIGHT,
    )
    domain_lists: Mapping[str, str] = option(
        {}, "Lists of domains, in which senders and authors are looked up; the same.", form=WEIGHT
    )
    junk_points: int = option(5, "Points of lists from which on a message goes to Junk.", low=1)
    check_seconds: int = option(
        20, "Seconds for the DNS of a message's checks (RFC 7208 §4.6.4: 20 at least).", low=20, high=120
    )
    greylisting: bool = option(
        False, "Put strangers off at their first try: real servers come again. Whom SPF vouches for is let in at once."
    )
    grey_delay: int = option(300, "Seconds for which a stranger is put off.", low=1)
    grey_hours: int = option(48, "Hours within which he must have come again.", low=1)
    grey_days: int = option(36, "Days for which one who came again is remembered.", low=1)
    trace_days: int = option(30, "Days for which it is kept what became of each message (0.6 KB each).", low=1)
