"""Approval by a second administrator: which operations need it, and what waits for it.

Who does such an operation finds it refused, and a request made of it, word for word
(``directory.administration.authority``).  A second one, who might do it himself, approves.  Where the words that do it
hold no secret and name no file, the request keeps them, and it is carried out as it is approved: in one transaction, in
the name of who asked, judged anew, and only if it still does exactly what was asked to exactly what was there
(``stand_by``).  Else the first does it again, once, before the request expires.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, insert, select, update

from directory.administration.authority import may, require_second, settled
from directory.administration.bounds import delegations_of
from directory.administration.delegations import list_delegations
from directory.administration.roles import ROLES
from directory.database import OWNER, Directory, Reading, Second, Writing
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
    command: tuple[str, ...]  # the words that do it again; none: only who asks can do it
    answer: str  # what was said with the decision
    before: Any  # what was there when it was asked


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
    approval_request.c.command,
    approval_request.c.answer,
    approval_request.c.rests_on,
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


def stand_by(directory: Directory, actor: str, request_id: str) -> Request:
    """Let the request be carried out by whoever writes to this directory next, in the name of who asked: he is the
    administrator from now on, and who was it, his second.  Raises Fault.
    """
    with directory.read() as conn:
        found = find_request(conn, request_id)
    if found.state != "asked" or not found.command:
        raise Fault("approval-state", request=found.id, state=found.state)
    directory.second = Second(found.id, found.operation, found.subject, directory.administrator or OWNER, actor)
    directory.administrator = found.account_id
    return found


def decide(conn: Writing, actor: str, request_id: str, *, approved: bool) -> Request:
    """By another administrator who might do it himself; the first may take his own request back.  Raises Fault."""
    found = find_request(conn, request_id)
    if found.state != "asked":
        raise Fault("approval-state", request=found.id, state=found.state)
    who = conn.administrator
    if approved or who != found.account_id:
        require_second(conn, actor, who, found.account_id, found.operation, found.subject)
    state = "approved" if approved else "declined"
    conn.execute(
        update(approval_request)
        .where(approval_request.c.id == found.id)
        .values(state=state, decided_by=actor[:254], decided_at=conn.now, answer=conn.reason)
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


def approvers(conn: Reading | Writing, request: Request) -> list[str]:
    """Accounts that may approve it; who administers least of the city first."""
    holders = sorted(list_delegations(conn), key=lambda each: -ROLES[each.delegation.role].standing)
    found = dict.fromkeys(each.delegation.account_id for each in holders)
    return [
        who for who in found if who != request.account_id and may(conn, who, request.operation, request.subject).allowed
    ]


def waiting_for(conn: Reading | Writing, account_id: str) -> list[Request]:
    """What this account may approve; asks nothing more for whoever administers nothing."""
    if not delegations_of(conn, account_id):
        return []
    return [
        each
        for each in requests(conn)
        if each.state == "asked"
        and each.account_id != account_id
        and may(conn, account_id, each.operation, each.subject).allowed
    ]


def asked_by(conn: Reading | Writing, account_id: str, limit: int) -> list[Request]:
    """The latest of somebody's own, whatever became of them."""
    found = _REQUESTS.where(approval_request.c.account_id == account_id).order_by(approval_request.c.asked_at.desc())
    return [_request(conn, row) for row in conn.execute(found.limit(limit))]


def untold(conn: Reading | Writing) -> list[Request]:
    """Those with news for others: who asked, and used his approval himself, needs none."""
    told, state = approval_request.c.told, approval_request.c.state
    expired = state.in_(("asked", "approved")) & (approval_request.c.expires_at <= conn.now)
    used = (state == "done") & (told == "approved")
    news = (expired & (told != "expired")) | (~expired & (told != state) & ~used)
    return [_request(conn, row) for row in conn.execute(_REQUESTS.where(news).order_by(approval_request.c.id))]


def mark_told(conn: Writing, request: Request) -> None:
    conn.execute(update(approval_request).where(approval_request.c.id == request.id).values(told=request.state))


def _request(conn: Reading | Writing, row: Any) -> Request:
    is_over = row.state in ("asked", "approved") and row.expires_at <= conn.now
    return Request(
        id=row.id,
        account_id=row.account_id,
        login=row.login,
        operation=row.operation,
        subject=row.subject,
        details=json.loads(row.details),
        reason=row.reason,
        asked_at=row.asked_at,
        expires_at=row.expires_at,
        state="expired" if is_over else row.state,
        decided_by=row.decided_by,
        command=tuple(json.loads(row.command)) if row.command else (),
        answer=row.answer,
        before=json.loads(row.rests_on).get("before"),
    )
