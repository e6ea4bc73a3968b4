"""Section of the configuration for what others may rely on when they send to us."""

from __future__ import annotations

from dataclasses import dataclass

from mailserver.config.options import option

_HOST = (r"(?:\*\.)?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", "a host name, or *. and a domain")


@dataclass(frozen=True, slots=True)
class MtaSts:
    mode: str = option(
        "none",
        "Our MTA-STS policy, served by the webmail to the host name mta-sts.DOMAIN: none, testing\n"
        "(others only report what would fail) or enforce. `citymail doctor` says what the DNS needs for it.",
        choices=("none", "testing", "enforce"),
    )
    hosts: tuple[str, ...] = option((), "Hosts that take our mail. Empty: this server's name.", form=_HOST)
    max_age: int = option(
        604_800,
        "Seconds for which others keep the policy; a day while it is new, weeks later.",
        low=86_400,
        high=31_557_600,
    )
