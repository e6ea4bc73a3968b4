"""Section of the configuration for scanners of other makers."""

from __future__ import annotations

from dataclasses import dataclass

from mailserver.config.options import MEBIBYTE, SCANNER, option


@dataclass(frozen=True, slots=True)
class Scanners:
    clamav: str = option(
        "",
        "Where clamd listens: host:port, or the path of its socket. Empty: it is not asked.",
        form=SCANNER,
        empty=True,
    )
    rspamd: str = option(
        "", "Where rspamd's normal worker listens, in the same way (port 11333).", form=SCANNER, empty=True
    )
    milters: tuple[str, ...] = option((), "Filters that speak the milter protocol, in this order.", form=SCANNER)
    seconds: int = option(30, "How long each may take for a message.", low=1, high=600)
    if_it_fails: str = option(
        "defer",
        '"defer": a message that a scanner could not look at is to be sent again later. "accept": it is taken unseen,\n'
        "and the log says so.",
        choices=("defer", "accept"),
    )
    on_virus: str = option(
        "refuse",
        '"refuse": whoever sends a virus is told so. "quarantine": the message is taken, and kept for administrators.',
        choices=("refuse", "quarantine"),
    )
    max_size: int = option(
        50 * MEBIBYTE,
        "Larger messages are not shown to scanners, octets; clamd's StreamMaxLength should be more.",
        low=1,
    )
    quarantine_days: int = option(
        30, "Days for which messages in quarantine are kept. 0: until somebody decides.", low=0
    )
    own_mail: bool = option(True, "Scan also what our own officials send.")
