"""Section of the configuration for reports between domains: those that we send, and those about us."""

from __future__ import annotations

from dataclasses import dataclass

from mailserver.config.options import ADDRESS, option


@dataclass(frozen=True, slots=True)
class Reports:
    tls: bool = option(
        True, "Tell domains that ask for it (TLS-RPT) each day how TLS to their servers went; needs DKIM keys."
    )
    dmarc: bool = option(
        True, "Tell domains that ask for it (DMARC rua) each day who sent here in their name; needs DKIM keys."
    )
    contact: str = option(
        "",
        "Address of ours that reports come from, and that others may write to. Empty: postmaster of the city's domain.",
        form=ADDRESS,
        empty=True,
    )
    received_at: tuple[str, ...] = option(
        (),
        "Addresses of ours that get others' reports (rua of our TLS-RPT and DMARC records). What comes to their\n"
        "mailboxes is read, and shown by `citymail reports`; the messages stay where they are.",
        form=ADDRESS,
    )
    keep_days: int = option(400, "Days for which others' reports are kept.", low=1)
