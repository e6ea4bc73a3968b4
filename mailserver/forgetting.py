"""What the steward forgets every hour: removed mail, old traces, strangers, reports, quarantine, mail left behind,
links to files; and what waited too long for a moderator.
"""

from __future__ import annotations

import logging

from mailserver.delivery import (
    allowance,
    answering,
    greylist,
    left_mail,
    moderation,
    peers,
    queue,
    received_reports,
    tracing,
)
from mailserver.delivery.queue import QUARANTINED, Choice
from mailserver.store import bulk, links
from mailserver.wiring import System

log = logging.getLogger("citymail.processes")


def forget(system: System, now: int) -> None:
    """Whatever nobody needs any longer; in steps, so that nobody's acknowledgement waits long."""
    links_gone = 0
    while count := system.store.write(lambda tx: links.sweep(tx, now)).result():
        links_gone += count
    gone = system.store.housekeep() | {"links": links_gone}  # after the links, whose files go with it
    system.store.write(allowance.sweep).result()
    system.store.write(bulk.sweep).result()
    system.store.write(lambda tx: answering.sweep(tx, now)).result()
    if days := system.config.scanners.quarantine_days:
        old = Choice(before=now - days * 86_400, state=QUARANTINED)
        if count := queue.remove(system.store, old):
            log.info("housekeeping: %d messages gone from quarantine", count)
    moderation.remind(system.office)
    gone["undecided"] = moderation.expire(system.office)
    remember_days = system.config.relay.remember_tls_days
    system.store.write(lambda tx: peers.sweep(tx, remember_days)).result()
    trust = system.config.trust
    before = now - trust.trace_days * 86_400
    gone["traces"] = gone["strangers"] = 0
    while count := system.store.write(lambda tx: tracing.sweep(tx, before), heavy=True).result():
        gone["traces"] += count
    while count := system.store.write(lambda tx: greylist.sweep(tx, trust), heavy=True).result():
        gone["strangers"] += count
    oldest = now - system.config.reports.keep_days * 86_400
    gone["reports"] = system.store.write(lambda tx: received_reports.sweep(tx, oldest)).result()
    gone["left behind"] = left_mail.remove(
        system.directory, system.store, now, keep_days=system.config.storage.leavers_days
    )
    if any(gone.values()):
        log.info("housekeeping: %s", ", ".join(f"{count} {kind}" for kind, count in gone.items() if count))
