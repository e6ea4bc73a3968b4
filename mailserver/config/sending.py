"""Section of the configuration that bounds what one login may send."""

from __future__ import annotations

from dataclasses import dataclass

from mailserver.config.options import ADDRESS, option


@dataclass(frozen=True, slots=True)
class Sending:
    messages_per_hour: int = option(
        500,
        "Messages that one login may send within an hour, from its mail program and the webmail together.\n"
        "Beyond that they are refused, and postmaster is told: the password may be stolen. 0: no limit.",
        low=0,
    )
    recipients_per_hour: int = option(
        1000,
        "Different addresses that one login may write to within an hour; a group counts as one. 0: no limit.",
        low=0,
    )
    unlimited: tuple[str, ...] = option(
        (), "Logins without these limits, as the addresses of programs that write to many.", form=ADDRESS
    )
