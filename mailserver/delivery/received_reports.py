"""Reports about our domains that came to ``[reports] received_at``: read out of those mailboxes, and kept.

The steward reads what is new in each INBOX; the messages stay as they are.  A report that comes twice is kept once.
Whether somebody vouches for the message is told by our own Authentication-Results: who is not vouched for may have
made everything up.

Standards: RFC 8460 §5.3, RFC 9990 §3.5.4 (duplicates), RFC 8601 §4.1.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, delete, select, text

from mailserver.delivery.inbound import look_up
from mailserver.delivery.post_office import PostOffice
from mailserver.delivery.reporting import name_in_ascii
from mailserver.message.headers import find_all, header_end
from mailserver.message.received_reports import PACKED_LIMIT, Report, Unreadable, find_reports
from mailserver.refusals import Refusal
from mailserver.store.database import Transaction
from mailserver.store.peer_tables import received_report, report_mailbox
from mailserver.store.reading import fetch
from security.authresults import parse_results

log = logging.getLogger("citymail.reports")

_LOT = 200
_LAST_UID = 2**32 - 1
_LARGEST = PACKED_LIMIT * 2
_HEADER_LIMIT = 256 * 1024
# Characters that are kept of a report: a small file unpacks to a large one, and not everybody may fill our disk so.
VOUCHED_LIMIT, UNVOUCHED_LIMIT = 4 << 20, 256 << 10

_KEEP = text(
    "INSERT INTO received_report (digest, kind, domain, reporter, begin_at, end_at, received_at, sender, content)"
    " VALUES (:digest, :kind, :domain, :reporter, :begin_at, :end_at, :received_at, :sender, :content)"
    " ON CONFLICT (digest) DO NOTHING"
)
_READ_TO = text(
    "INSERT INTO report_mailbox (mailbox_id, read_to) VALUES (:mailbox_id, :uid)"
    " ON CONFLICT (mailbox_id) DO UPDATE SET read_to = excluded.read_to"
)


def read_new(office: PostOffice, is_ending: Callable[[], bool] = lambda: False) -> int:
    """Read what has come; how many reports that were."""
    count = 0
    for account_id in sorted(_accounts(office)):
        inbox = office.inbox_of(account_id)
        while lot := _new_messages(office, inbox):
            for uid, message_id, size in lot:
                if is_ending():
                    return count
                count += _read(office, inbox, uid, message_id, size)
    return count


def _accounts(office: PostOffice) -> set[str]:
    found: set[str] = set()
    with office.directory.read() as people:
        for address in office.config.reports.received_at:
            try:
                found |= look_up(people, address, office.config.city.domain).recipients.accounts
            except Refusal as refusal:
                log.error("[reports] received_at = %r reaches nobody: %s", address, refusal.reason)
    return found


def _new_messages(office: PostOffice, mailbox_id: int) -> list[tuple[int, int, int]]:
    with office.store.read() as connection:
        wanted = select(report_mailbox.c.read_to).where(report_mailbox.c.mailbox_id == mailbox_id)
        read_to = connection.execute(wanted).scalar() or 0
        rows = fetch(connection, mailbox_id, [(read_to + 1, _LAST_UID)], ("uid", "message_id", "size"))
        return [(row.uid, row.message_id, row.size) for row, _ in zip(rows, range(_LOT), strict=False)]


def _read(office: PostOffice, mailbox_id: int, uid: int, message_id: int, size: int) -> int:
    reports: list[Report] = []
    sender = ""
    if size <= _LARGEST:
        try:
            with office.store.read() as connection:
                octets = office.store.octets(connection, message_id)
            sender, reports = look_through(office, octets, message_id)
        except Exception:  # one message must not keep us from those behind it
            log.exception("message=%d could not be looked through for reports", message_id)
    rows = [_as_row(report, sender, office.now()) for report in reports]

    def job(tx: Transaction) -> None:
        for row in rows:
            tx.connection.execute(_KEEP, row)
        tx.connection.execute(_READ_TO, {"mailbox_id": mailbox_id, "uid": uid})

    office.store.write(job).result()
    return len(rows)


def look_through(office: PostOffice, octets: bytes, message_id: int) -> tuple[str, list[Report]]:
    """Who vouches for a message, and the reports about us in it."""
    reports = []
    for found in find_reports(octets):
        if isinstance(found, Unreadable):
            log.info("message=%d what looks like a report cannot be read: %s", message_id, found)
        elif is_about_us(office, found.domain):
            reports.append(found)
        else:
            log.info("message=%d a report on %s, which is not ours", message_id, found.domain)
    return vouching_domain(office, octets), reports


def is_about_us(office: PostOffice, domain: str) -> bool:
    ours = [name_in_ascii(name) for name in office.config.city.all_domains]
    return any(domain == name or domain.endswith(f".{name}") for name in ours)


def vouching_domain(office: PostOffice, octets: bytes) -> str:
    """Whose message it is, as we found when it came (DMARC); empty if nobody vouches for it."""
    header = octets[: header_end(octets[:_HEADER_LIMIT])]
    ours = office.config.city.hostname.lower()
    for value in find_all(header, "authentication-results"):
        statement = parse_results(value)
        if statement is None or statement.service != ours:
            continue
        for result in statement.results:
            if result.method == "dmarc" and result.status == "pass":
                return result.value_of("header.from").lower()
    return ""


def _as_row(report: Report, sender: str, now: int) -> dict[str, Any]:
    content = _bounded(report.rows, VOUCHED_LIMIT if sender else UNVOUCHED_LIMIT)
    told = "\0".join((report.kind, report.reporter, report.domain, report.report_id))
    return {
        "digest": hashlib.sha256(told.encode("utf-8", "replace")).hexdigest(),
        "kind": report.kind,
        "domain": report.domain,
        "reporter": report.reporter,
        "begin_at": report.begin or now,
        "end_at": report.end or now,
        "received_at": now,
        "sender": sender,
        "content": content,
    }


def _bounded(rows: list[dict[str, Any]], limit: int) -> str:
    """The rows as JSON, as many as there is room for."""
    kept: list[str] = []
    size = 2
    for row in rows:
        told = json.dumps(row)
        size += len(told) + 2
        if size > limit:
            log.info("a report is kept only as far as there is room: %d of %d rows", len(kept), len(rows))
            break
        kept.append(told)
    return f"[{', '.join(kept)}]"


def find(connection: Connection, *, kind: str = "", domain: str = "", since: int = 0) -> list[dict[str, Any]]:
    """Reports that reach beyond a moment, oldest first; ``rows`` as they were told."""
    columns = received_report.c
    statement = select(received_report).where(columns.end_at >= since).order_by(columns.begin_at, columns.digest)
    if kind:
        statement = statement.where(columns.kind == kind)
    if domain:
        statement = statement.where(columns.domain == domain.lower())
    found = []
    for row in connection.execute(statement).mappings():
        values = dict(row)
        values["rows"] = json.loads(values.pop("content"))
        found.append(values)
    return found


def sweep(tx: Transaction, before: int) -> int:
    """Forget what is older; how many."""
    return tx.connection.execute(delete(received_report).where(received_report.c.received_at < before)).rowcount
