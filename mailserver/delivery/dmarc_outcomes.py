"""What DMARC made of messages from outside, counted by day until their authors' domains are told.

Only what a domain asks for is counted (``rua``), in the transaction that writes down the message's trace.

Standards: RFC 9990 §3.1 (what a report tells), §3.2 (by policy domain), §3.1.1 (at most so many signatures), §3.6
(reasons).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, select, text

from mailserver.config import Reports
from mailserver.delivery.tls_reports import day_of
from mailserver.delivery.verdict import Action, Judgement
from mailserver.store.database import Transaction
from mailserver.store.peer_tables import dmarc_outcome
from mailserver.store.prepared import Prepared
from security.dkim.results import DkimResult
from security.dmarc import Dmarc, DmarcResult, Policy, PolicyRecord

MOST_SIGNATURES = 10
_LONGEST = 255

_ADD = Prepared(
    text(
        "INSERT INTO dmarc_outcome (day, domain, digest, policy, detail, messages)"
        " VALUES (:day, :domain, :digest, :policy, :detail, 1)"
        " ON CONFLICT (day, domain, digest) DO UPDATE SET messages = dmarc_outcome.messages + 1"
    )
)

Outcome = dict[str, Any]


def outcome_of(settings: Reports, client: str, judgement: Judgement | None, now: int) -> Outcome | None:
    """What to count of a message; None where nobody asked, or nothing is decided yet."""
    if judgement is None or not settings.dmarc:
        return None
    dmarc, verdict = judgement.found.dmarc, judgement.verdict
    if dmarc is None or dmarc.record is None or not dmarc.record.aggregate_to or verdict.action is Action.DEFER:
        return None
    if dmarc.status not in (Dmarc.PASS, Dmarc.FAIL):
        return None
    disposition, reason = _disposition(dmarc, judgement)
    spf = judgement.found.mail_from
    detail = {
        "source": client,
        "disposition": disposition,
        "reason": reason,
        "dkim": dmarc.aligned_dkim,
        "spf": dmarc.aligned_spf,
        "header_from": dmarc.domain[:_LONGEST],
        "spf_domain": spf.domain[:_LONGEST] if spf else "",
        "spf_result": spf.status.value if spf else "",
        "signatures": _signatures(judgement.found.dkim, dmarc.domain),
    }
    policy, told = _published(dmarc.record), json.dumps(detail, sort_keys=True)
    digest = hashlib.sha256(f"{policy}\n{told}".encode()).hexdigest()
    return {"day": day_of(now), "domain": dmarc.record.domain, "digest": digest, "policy": policy, "detail": told}


def _disposition(dmarc: DmarcResult, judgement: Judgement) -> tuple[str, str]:
    """What was done because of the policy, and why it was something else (§3.6)."""
    if dmarc.status is Dmarc.PASS:
        return "pass", ""
    action = judgement.verdict.action
    if action is Action.REFUSE:
        done = Policy.REJECT
    else:
        done = Policy.QUARANTINE if action in (Action.JUNK, Action.QUARANTINE) else Policy.NONE
    if judgement.verdict.sealer:
        return done.value, "trusted_forwarder"
    if dmarc.sampled_out:
        return done.value, "policy_test_mode"
    return done.value, "" if done is dmarc.policy else "local_policy"


def _signatures(results: Sequence[DkimResult], author: str) -> list[list[str]]:
    """Those first that say most about the author (§3.3)."""

    def worth(result: DkimResult) -> tuple[bool, bool]:
        return (result.status != "pass", result.domain != author)

    known = [each for each in results if each.domain]
    return [
        [each.domain[:_LONGEST], each.selector[:_LONGEST], each.status]
        for each in sorted(known, key=worth)[:MOST_SIGNATURES]
    ]


def _published(record: PolicyRecord) -> str:
    policy = {
        "domain": record.domain,
        "p": record.policy.value,
        "sp": (record.subdomains or record.policy).value,
        "np": (record.missing or record.subdomains or record.policy).value,
        "adkim": "s" if record.strict_dkim else "r",
        "aspf": "s" if record.strict_spf else "r",
        "testing": "y" if record.testing else "n",
        "rua": list(record.aggregate_to[:MOST_SIGNATURES]),
    }
    return json.dumps(policy, sort_keys=True)


def add(tx: Transaction, outcome: Outcome | None) -> None:
    """Count one message."""
    if outcome is not None:
        _ADD.run(tx.connection, outcome)


def days_waiting(connection: Connection, before: str) -> list[tuple[str, str]]:
    """(day, domain) of what was counted on days before this one, oldest first."""
    columns = dmarc_outcome.c
    wanted = select(columns.day, columns.domain).where(columns.day < before).distinct()
    return [(row.day, row.domain) for row in connection.execute(wanted.order_by(columns.day, columns.domain))]


def policies_of(connection: Connection, day: str, domain: str) -> list[str]:
    """Those that were seen on a day, the most frequent first."""
    columns = dmarc_outcome.c
    wanted = select(columns.policy).where(columns.day == day, columns.domain == domain).group_by(columns.policy)
    rows = connection.execute(wanted.order_by(func.sum(columns.messages).desc(), columns.policy))
    return [row.policy for row in rows]


def clear(tx: Transaction, day: str, domain: str, policy: str) -> int:
    """Forget what was reported; how many rows.  None: somebody else was faster."""
    columns = dmarc_outcome.c
    return tx.connection.execute(
        delete(dmarc_outcome).where(columns.day == day, columns.domain == domain, columns.policy == policy)
    ).rowcount
