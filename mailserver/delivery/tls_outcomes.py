"""How TLS to other servers went, counted by day until it is reported to them.

Only domains that have a policy are counted: whoever publishes neither MTA-STS nor DANE wishes for nothing that could
fail.

Standards: RFC 8460 §4.1 (a day in UTC), §4.2 (policies), §4.3 (results).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text

from mailserver.delivery.routing import Route
from mailserver.smtp.tls_policy import Basis, TlsPolicy
from mailserver.store.database import Transaction
from mailserver.store.prepared import Prepared
from security.dns import Tlsa
from security.mta_sts import Policy, write_policy

# Different outcomes that are kept in memory; of more only the total of a domain would be lost.
MOST = 10_000
_DETAIL = 200

_ADD = Prepared(
    text(
        "INSERT INTO tls_outcome (day, domain, policy, result, host, address, detail, sessions)"
        " VALUES (:day, :domain, :policy, :result, :host, :address, :detail, :sessions)"
        " ON CONFLICT (day, domain, policy, result, host, address, detail)"
        " DO UPDATE SET sessions = tls_outcome.sessions + excluded.sessions"
    )
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """``result`` is empty for a success; ``policy`` is JSON."""

    day: str
    domain: str
    policy: str
    result: str = ""
    host: str = ""
    address: str = ""
    detail: str = ""


def outcome_of(
    now: int, route: Route, policy: TlsPolicy, host: str, address: str, result: str = "", detail: str = ""
) -> Outcome | None:
    """One session; None for a domain without a policy.  Where it succeeded does not matter to the report."""
    if policy.basis is Basis.DANE:
        described = _describe_dane(policy.records, route.domain)
    elif route.sts is not None:
        described = _describe_sts(route.sts, route.domain)
    else:
        return None
    day = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")
    if not result:
        return Outcome(day, route.domain, described)
    return Outcome(day, route.domain, described, result, host, address, detail[:_DETAIL])


def _describe_sts(policy: Policy, domain: str) -> str:
    lines = write_policy(policy).split("\r\n")[:-1]
    return json.dumps(
        {"policy-type": "sts", "policy-string": lines, "policy-domain": domain, "mx-host": list(policy.hosts)}
    )


def _describe_dane(records: tuple[Tlsa, ...], domain: str) -> str:
    lines = [f"{each.usage} {each.selector} {each.matching} {each.data.hex()}" for each in records]
    return json.dumps({"policy-type": "tlsa", "policy-string": lines, "policy-domain": domain})


def add(tx: Transaction, counted: Mapping[Outcome, int]) -> None:
    """Add what was counted since the last time."""
    _ADD.run_many(
        tx.connection,
        [
            {
                "day": each.day,
                "domain": each.domain,
                "policy": each.policy,
                "result": each.result,
                "host": each.host,
                "address": each.address,
                "detail": each.detail,
                "sessions": count,
            }
            for each, count in sorted(counted.items(), key=lambda entry: str(entry[0]))
        ],
    )


class Tally:
    """Outcomes in memory."""

    def __init__(self) -> None:
        self._counted: Counter[Outcome] = Counter()

    def count(self, outcome: Outcome | None) -> None:
        if outcome is not None and (outcome in self._counted or len(self._counted) < MOST):
            self._counted[outcome] += 1

    def take(self) -> Counter[Outcome]:
        """Everything counted; begins anew."""
        counted, self._counted = self._counted, Counter()
        return counted
