"""Sections of the configuration for what is believed of others: the DNS, and mail from outside."""

from __future__ import annotations

from dataclasses import dataclass

from mailserver.config.options import RESOLVER, option


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
