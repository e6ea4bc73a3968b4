"""Lists of addresses and domains in the DNS: is this client, or this domain, on one?

Standards: RFC 5782 §2.1 (IPv4), §2.2 (TXT says why), §2.3 (A in 127.0.0.0/8 says that it is listed), §2.4 (IPv6),
§3 (domains), §5 (what a list of the whole world answers: 127.0.0.1 is never listed).
Limits: an answer outside 127.0.0.0/8 is none: a resolver that invents addresses, or a list whose domain was sold.
An answer in 127.255.255.0/24 means, at the lists that are used most, that they do not answer us; it is none, either.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from security.dns import Answer, Asking, Question, reverse_name
from security.networks import IpAddress, plain_address

LONGEST_REASON = 200
_LISTED = ipaddress.ip_network("127.0.0.0/8")
_REFUSED = ipaddress.ip_network("127.255.255.0/24")
_NEVER = ipaddress.ip_address("127.0.0.1")


@dataclass(frozen=True, slots=True)
class Listing:
    """``codes`` are the addresses that the list answered, ``reason`` its own words."""

    zone: str
    subject: str
    codes: tuple[str, ...]
    reason: str = ""


def look_up_address(client: IpAddress, zones: Sequence[str]) -> Asking[tuple[Listing, ...]]:
    """The lists that name the address; those that do not answer name nobody."""
    address = plain_address(client)
    return (yield from _look_up(tuple((zone, str(address), reverse_name(address, zone)) for zone in zones)))


def look_up_domains(domains: Sequence[str], zones: Sequence[str]) -> Asking[tuple[Listing, ...]]:
    """The lists that name one of the domains (§3)."""
    return (
        yield from _look_up(
            tuple((zone, domain, f"{domain}.{zone}") for zone in zones for domain in dict.fromkeys(domains) if domain)
        )
    )


def _look_up(wanted: tuple[tuple[str, str, str], ...]) -> Asking[tuple[Listing, ...]]:
    if not wanted:
        return ()
    answers = yield tuple(Question(name, "A") for _, _, name in wanted)
    listed = [(*each, codes) for each, answer in zip(wanted, answers, strict=True) if (codes := _codes(answer))]
    if not listed:
        return ()
    reasons = yield tuple(Question(name, "TXT") for _, _, name, _ in listed)
    return tuple(
        Listing(zone, subject, codes, _reason(answer))
        for (zone, subject, _, codes), answer in zip(listed, reasons, strict=True)
    )


def _codes(answer: Answer) -> tuple[str, ...]:
    codes = (ipaddress.ip_address(text) for text in answer.names)
    return tuple(str(code) for code in codes if code in _LISTED and code not in _REFUSED and code != _NEVER)


def _reason(answer: Answer) -> str:
    text = answer.texts[0].decode("ascii", "replace") if answer.texts else ""
    return "".join(character if " " <= character <= "~" else "?" for character in text[:LONGEST_REASON])
