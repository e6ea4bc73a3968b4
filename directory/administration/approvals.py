"""Approval by a second administrator: which operations need it, and what waits for it.

Who does such an operation finds it refused, and a request made of it, word for word
(``directory.administration.authority``).  A second one, who might do it himself, approves; then the first does it
again, once, before the request expires.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, insert, select, update

from directory.administration.authority import may, refuse, settled
from directory.database import OWNER, Reading, Writing
from directory.faults import Fault
from directory.record import record
from directory.tables import account, approval_request, approval_rule


@dataclass(frozen=True, slots=True)
class Request:
    id: str
    account_id: str
    login: str  # who asks
    operation: str
    subject: str
    details: dict[str, Any]
    reason: str
    asked_at: int
    expires_at: int
    state: str
    decided_by: str


@dataclass(frozen=True, slots=True)
class Rule:
    """An operation that needs a second one; ``from_rank``: only on people of that protocol rank and above."""

    operation: str
    from_rank: int | None


_REQUESTS: Select[Any] = select(
    approval_request.c.id,
    approval_request.c.account_id,
    account.c.login,
    approval_request.c.operation,
    approval_request.c.subject,
    approval_request.c.details,
    approval_request.c.reason,
    approval_request.c.asked_at,
    approval_request.c.expires_at,
    approval_request.c.state,
    approval_request.c.decided_by,
).join_from(approval_request, account, account.c.id == approval_request.c.account_id)


def rules(conn: Reading | Writing) -> list[Rule]:
    found = conn.execute(
        select(approval_rule.c.operation, approval_rule.c.from_rank).order_by(approval_rule.c.operation)
    )
    return [Rule(*tuple(row)) for row in found]


def set_rule(conn: Writing, actor: str, operation: str, *, from_rank: int | None = None, needed: bool = True) -> None:
    """Raises Fault."""
    before = next((rule for rule in rules(conn) if rule.operation == operation), None)
    conn.execute(delete(approval_rule).where(approval_rule.c.operation == operation))
    if needed:
        conn.execute(insert(approval_rule), {"operation": operation, "from_rank": from_rank})
    elif before is None:
        raise Fault("value-invalid", value=operation, what="operation with a rule")
    record(
        conn,
        actor,
        "approval.rule",
        "",
        operation=operation,
        before={"from_rank": before.from_rank} if before is not None else None,
        after={"from_rank": from_rank} if needed else None,
    )


def requests(conn: Reading | Writing, *, everything: bool = False) -> list[Request]:
    """What waits or may still be done, oldest first; or all there ever was."""
    statement = _REQUESTS.order_by(approval_request.c.id)
    if not everything:
        statement = statement.where(
            approval_request.c.state.in_(("asked", "approved")), approval_request.c.expires_at > conn.now
        )
    return [_request(conn, row) for row in conn.execute(statement)]


def find_request(conn: Reading | Writing, request_id: str) -> Request:
    """Raises Fault."""
    row = conn.execute(_REQUESTS.where(approval_request.c.id == request_id.strip().lower())).first()
    if row is None:
        raise Fault("approval-unknown", request=request_id)
    return _request(conn, row)


def decide(conn: Writing, actor: str, request_id: str, *, approved: bool) -> Request:
    """By another administrator who might do it himself; the first may take his own request back.  Raises Fault."""
    found = find_request(conn, request_id)
    if found.state != "asked":
        raise Fault("approval-state", request=found.id, state=found.state)
    who = conn.administrator
    if conn.is_delegated:
        if approved and who == found.account_id:
            raise refuse(conn, actor, "approval-author", "approval.approve", found.subject)
        if who != found.account_id:
            decision = may(conn, who, found.operation, found.subject)
            if not decision.allowed:
                raise refuse(conn, actor, f"may-not-{decision.reason}", found.operation, found.subject)
    state = "approved" if approved else "declined"
    conn.execute(
        update(approval_request)
        .where(approval_request.c.id == found.id)
        .values(state=state, decided_by=actor[:254], decided_at=conn.now)
    )
    emergency = {"emergency": True} if who == OWNER else {}
    with settled(conn):
        record(
            conn,
            actor,
            "approval.approve" if approved else "approval.decline",
            found.subject,
            operation=found.operation,
            request=found.id,
            asked_by=found.login,
            **emergency,
        )
    return find_request(conn, found.id)


def _request(conn: Reading | Writing, row: Any) -> Request:
    request_id, account_id, login, operation, subject, details, reason, asked_at, expires_at, state, by = row
    if state in ("asked", "approved") and expires_at <= conn.now:
        state = "expired"
    return Request(
        request_id, account_id, login, operation, subject, json.loads(details), reason, asked_at, expires_at, state, by
    )
