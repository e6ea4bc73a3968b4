"""The report on a day's TLS to one domain, made of what was counted (``delivery.tls_outcomes``).

Standards: RFC 8460 §4.1 (a day), §4.4 (the report as JSON), §4.5 (policies without a failure are reported too).
Limits: of a day's failures with one domain the most frequent are told one by one, and all are counted.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, select

from mailserver.message.aggregate import TLS, Document, report_id
from mailserver.store.database import Transaction
from mailserver.store.peer_tables import tls_outcome

DAY = 86_400
MOST_FAILURES = 1000


def days_waiting(connection: Connection, before: str) -> list[tuple[str, str]]:
    """(day, domain) of what was counted on days before this one, oldest first."""
    columns = tls_outcome.c
    rows = connection.execute(
        select(columns.day, columns.domain).where(columns.day < before).distinct().order_by(columns.day, columns.domain)
    )
    return [(row.day, row.domain) for row in rows]


def make(
    connection: Connection, day: str, domain: str, *, organization: str, submitter: str, contact: str
) -> Document | None:
    """None if nothing was counted."""
    columns = tls_outcome.c
    rows = connection.execute(
        select(tls_outcome).where(columns.day == day, columns.domain == domain).order_by(columns.sessions.desc())
    ).all()
    if not rows:
        return None
    begin = seconds_of(day)
    identifier = report_id(TLS, day, domain, submitter)
    report = {
        "organization-name": organization,
        "date-range": {"start-datetime": _moment(begin), "end-datetime": _moment(begin + DAY - 1)},
        "contact-info": contact,
        "report-id": identifier,
        "policies": [_policy(policy, rows) for policy in dict.fromkeys(row.policy for row in rows)],
    }
    octets = gzip.compress(json.dumps(report, ensure_ascii=False, separators=(",", ":")).encode(), mtime=begin)
    return Document(TLS, domain, submitter, identifier, begin, begin + DAY - 1, octets)


def _policy(policy: str, rows: Sequence[Any]) -> dict[str, Any]:
    mine = [row for row in rows if row.policy == policy]
    failures = [row for row in mine if row.result]
    found: dict[str, Any] = {
        "policy": json.loads(policy),
        "summary": {
            "total-successful-session-count": sum(row.sessions for row in mine if not row.result),
            "total-failure-session-count": sum(row.sessions for row in failures),
        },
    }
    if failures:
        found["failure-details"] = [_failure(row) for row in failures[:MOST_FAILURES]]
    return found


def _failure(row: Any) -> dict[str, Any]:
    told = {
        "result-type": row.result,
        "receiving-mx-hostname": row.host,
        "receiving-ip": row.address,
        "failed-session-count": row.sessions,
        "failure-reason-code": row.detail,
    }
    return {name: value for name, value in told.items() if value != ""}


def clear(tx: Transaction, day: str, domain: str) -> int:
    """Forget what was reported; how many rows.  None: somebody else was faster."""
    columns = tls_outcome.c
    return tx.connection.execute(delete(tls_outcome).where(columns.day == day, columns.domain == domain)).rowcount


def seconds_of(day: str) -> int:
    """When a day in UTC begins."""
    return int(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())


def day_of(now: int) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")


def _moment(seconds: int) -> str:
    """RFC 3339, as §4.4 has it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
