"""Sending reports to other domains: when they are due, and how one goes out once and no more.

A report is put into the spool, and what it was made of is removed, in one transaction: whoever comes second, after a
crash or in another process, finds nothing to report.  Reports go out signed; without a key of ours none is mailed,
since nobody would believe it (RFC 8460 §5.3).

Standards: RFC 8460 §4.1 (some time after the day's end), §5.3, §5.5 (a day of tries); RFC 9990 §3.5 (sizes); RFC 5321
§4.5.5 (from nobody: nothing comes back about a report).
Limits: the sessions that carry reports are counted as others are.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Sequence

from mailserver.address import AddressFault, domain_to_ascii
from mailserver.config import Config
from mailserver.delivery import local, signing, spool
from mailserver.delivery.post_office import PostOffice
from mailserver.delivery.tls_reports import DAY, seconds_of
from mailserver.message.aggregate import TLS, Document, aggregate_message
from mailserver.store.database import Transaction
from security.report_uris import Destination, organization_of

log = logging.getLogger("citymail.reports")

# Not before everybody has written down what he counted, and not all the world at the same moment.
_SOONEST, _SPREAD = 900, 4 * 3600
# So many domains of one organization, and so many policies of one domain, get reports on a day: who makes up names by
# the thousand, or a new policy for each message, does not have us send as many reports.
MOST_DOMAINS, MOST_POLICIES = 50, 5
# What could not be reported by then is forgotten.
GIVE_UP_AFTER = _SPREAD + DAY


def contact_of(config: Config) -> str:
    """Whom reports come from."""
    return in_ascii(config.reports.contact or f"postmaster@{config.city.domain}")


def in_ascii(address: str) -> str:
    """An address whose domain is in A-labels: reports are for programs, which read nothing else."""
    local_part, _, domain = address.rpartition("@")
    return f"{local_part}@{name_in_ascii(domain)}"


def name_in_ascii(domain: str) -> str:
    """A configured name in A-labels; one that has none as it is."""
    try:
        return domain_to_ascii(domain).rstrip(".")
    except AddressFault:
        return domain.lower()


def delay_of(hostname: str, day: str) -> int:
    """Seconds after the day's end: by chance, but the same after a restart."""
    digest = hashlib.sha256(f"{hostname} {day}".encode()).digest()
    return _SOONEST + int.from_bytes(digest[:4], "big") % (_SPREAD - _SOONEST)


def is_due(hostname: str, day: str, now: int) -> bool:
    return now >= seconds_of(day) + DAY + delay_of(hostname, day)


def is_too_late(day: str, now: int) -> bool:
    return now >= seconds_of(day) + DAY + GIVE_UP_AFTER


def moderate(days: Sequence[tuple[str, str]]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(day, domain) of those that get reports, and of those beyond what is reasonable."""
    counted: Counter[tuple[str, str]] = Counter()
    kept: list[tuple[str, str]] = []
    beyond: list[tuple[str, str]] = []
    for day, domain in days:
        key = (day, organization_of(domain))
        counted[key] += 1
        (kept if counted[key] <= MOST_DOMAINS else beyond).append((day, domain))
    return kept, beyond


def mail(
    office: PostOffice,
    document: Document,
    destinations: Sequence[Destination],
    clear: Callable[[Transaction], int],
) -> bool:
    """Send a report and forget what it was made of; whether it was sent, and by us."""
    now = office.now()
    everybody = [each.address for each in destinations]
    octets = aggregate_message(document, author=contact_of(office.config), to=everybody, date=now)
    # RFC 9990 §3.5: the limit counts what is sent, encoded
    fitting = [each.address for each in destinations if not each.limit or len(octets) <= each.limit]
    if not fitting:
        log.info(
            "domain=%s its %s report of %d octets is larger than it takes", document.domain, document.kind, len(octets)
        )
        forget(office, clear)
        return False
    if fitting != everybody:
        octets = aggregate_message(document, author=contact_of(office.config), to=fitting, date=now)
    signed = signing.sign_ours(office, octets, at=now)
    if not signed.fields:
        log.warning("domain=%s gets no %s report: we have no DKIM key to sign it with", document.domain, document.kind)
        forget(office, clear)
        return False
    content = office.store.prepare(signed.octets, prefix=signed.fields)
    who = local.Distribution(remote=tuple(spool.SpoolRecipient(address, notify="NEVER") for address in fitting))
    envelope = spool.Envelope(reverse_path="", tls_optional=document.kind == TLS)

    def job(tx: Transaction) -> bool:
        if not clear(tx):
            return False
        local.deliver(tx, content, who, envelope)
        return True

    sent: bool = office.store.write(job).result()
    if sent:
        log.info("domain=%s gets its %s report: %s", document.domain, document.kind, ", ".join(fitting))
    return sent


def forget(office: PostOffice, clear: Callable[[Transaction], int]) -> None:
    office.store.write(clear).result()
