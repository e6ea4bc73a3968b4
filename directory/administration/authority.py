"""Who may do what to whom: the question, and the check that every change passes.

``directory.administration.roles`` is the policy, ``directory.administration.bounds`` knows the facts.

Every change is recorded, and whoever records it is judged first (``record.Recorder``).  What he may not do is undone as
a whole, and his attempt is in the record.  The subject must be his to administer as it was before the change and as it
is after it: nobody draws people into his part of the city, or makes them what he could not make them.

One of three answers for a change (``Writing.administrator``): an account that acts as administrator; ``OWNER``, whoever
owns the installation on the machine, who may do everything, and whose every change is marked as an emergency; and
nobody, where people change what is their own, the system does its work, or a city has no administrators yet.

Operations that a rule names are done only once a second administrator has approved them, word for word: the first does
it again then, or the second stands by while it is done in the first one's name (``Directory.second``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import bindparam, insert, or_, select, update

from directory.administration.bounds import OWNER_OF, delegations_of, moderates, own_rank, subject_of
from directory.administration.roles import Decision, Subject, decide
from directory.database import OWNER, Question, Reading, Writing
from directory.faults import Refused
from directory.mail.addresses import normalise
from directory.mail.recipients import is_reached, mailboxes_of
from directory.tables import approval_request, approval_rule

# What the machine's owner looks after, by timers too.
_OF_THE_MACHINE = ("dkim.", "queue.", "quarantine.", "index.")
# A request that nobody has approved and used by then is void.
APPROVAL_SECONDS = 3 * 86_400
# Whose mail it is, and his auditors, will ask why.
_NEEDS_REASON = frozenset(
    (
        *("mailbox.passwd", "mailbox.restore", "mailbox.share", "mailbox.grant", "mailbox.entrust", "mailbox.import"),
        *("mailbox.second-factor", "app-password.add"),
        *("audit.export", "official.export", "unit.export", "mailbox.export", "group.export"),
    )
)
# What is judged part by part, wherever in the city the parts are.
_IN_PARTS = frozenset(("official.import-file", "unit.import-file", "mailbox.import-file", "group.import-file"))
# Details, or details of what is after it, that name whom an operation lets into somebody's mail: never himself.
_LETS_IN = {
    "mailbox.grant": ("to",),
    "mailbox.share": ("to",),
    "mailbox.entrust": ("to", "head_of"),
    "official.leave": ("redirect_to",),
    "official.leave.order": ("redirect_to",),
    "mailbox.close": ("redirect_to",),
    "mailbox.close.order": ("redirect_to",),
}
# Those that name what must be in his part of the city too; where it is not named, the whole city is meant.
_WITHIN = {
    "mailbox.grant": ("to",),
    "mailbox.share": ("to",),
    "mailbox.entrust": ("to", "head_of"),
    "mailbox.attach": ("unit",),
    "group.rule.add": ("unit",),
    "group.nest": ("member",),
}

_RULE = Question(select(approval_rule.c.from_rank).where(approval_rule.c.operation == bindparam("operation")))
_REQUESTS = Question(
    select(
        *(approval_request.c.id, approval_request.c.state, approval_request.c.details),
        *(approval_request.c.decided_by, approval_request.c.rests_on),
    )
    .where(
        approval_request.c.account_id == bindparam("account"),
        approval_request.c.operation == bindparam("operation"),
        approval_request.c.subject == bindparam("subject"),
        or_(approval_request.c.state == "asked", approval_request.c.state == "approved"),
        approval_request.c.expires_at > bindparam("now"),
    )
    .order_by(approval_request.c.state)
)


# --- the question


def may(conn: Reading | Writing, actor_id: str, operation: str, subject: str, at: str | None = None) -> Decision:
    """Whether an account may do something, as administrator, to an account, a group, a unit (by login, address or id)
    or to what is the city's; on a day, or today.
    """
    return _decide(conn, actor_id, operation, subject_of(conn, subject) or _without_place(operation), subject, at)


def require(conn: Writing, actor: str, operation: str, subject: str = "") -> None:
    """For what an administrator only looks at.  Raises Refused."""
    if conn.is_delegated:
        decision = may(conn, conn.administrator, operation, subject)
        if not decision.allowed:
            raise refuse(conn, actor, f"may-not-{decision.reason}", operation, subject)


def check(conn: Writing, actor: str, operation: str, subject: str, details: Mapping[str, Any]) -> dict[str, Any]:
    """Judge a change that was just made, before it is recorded; what the record is to say of it besides.  Raises
    Refused, and nothing of the transaction is kept.
    """
    who = conn.administrator
    if not who or conn.is_settled:
        return {}
    if who == OWNER:
        return {} if operation.startswith(_OF_THE_MACHINE) else {"emergency": True}
    with conn.before() as past:
        before = subject_of(past, subject)
        could_read = mailboxes_of(past, who)
    after = subject_of(conn, subject)
    views = _views(operation, subject, before, after)
    lets_himself_in = after is not None and after.account_id in mailboxes_of(conn, who) - could_read
    # nor has he a key to a person's mail in his own hand
    if lets_himself_in or (operation == "app-password.add" and views[-1].rank is not None):
        raise refuse(conn, actor, "may-not-himself", operation, subject)
    for view in views + _others(conn, operation, details):
        decision = _decide(conn, who, operation, view, subject, None)
        if not decision.allowed:
            raise refuse(conn, actor, f"may-not-{decision.reason}", operation, subject)
    if operation in _NEEDS_REASON and not conn.reason.strip():
        raise refuse(conn, actor, "reason-missing", operation, subject)
    role = {"as_role": decision.by.role} if decision.by is not None else {}
    return role | _approval(conn, actor, operation, subject, views[0], details)


@contextmanager
def settled(conn: Writing) -> Iterator[None]:
    """What is recorded within follows from something that was judged already."""
    before = conn.is_settled
    conn.is_settled = True
    try:
        yield
    finally:
        conn.is_settled = before


def require_second(conn: Writing, actor: str, who: str, asked_by: str, operation: str, subject: str) -> None:
    """An approval is another one's, who might do it himself.  Raises Refused."""
    if who in ("", OWNER):
        return
    if who == asked_by:
        raise refuse(conn, actor, "approval-author", "approval.approve", subject)
    with conn.before() as past:
        decision = may(past, who, operation, subject)
    if not decision.allowed:
        raise refuse(conn, actor, f"may-not-{decision.reason}", operation, subject)


def refuse(conn: Writing, actor: str, code: str, operation: str, subject: str) -> Refused:
    """To be raised: dooms the transaction, and is recorded after it."""

    def note(again: Writing) -> None:
        from directory.record import record  # read late: it asks this module

        record(again, actor, "admin.refused", subject, operation=operation, why=code)

    conn.refused = Refused(code, note, actor=actor, operation=operation, subject=subject)
    return conn.refused


def _views(operation: str, key: str, before: Subject | None, after: Subject | None) -> list[Subject]:
    """What must be his to administer: the subject as it was and as it is, as far as it was and is."""
    views = [view for view in (before, after) if view is not None] or [_without_place(operation)]
    if operation.startswith("unit."):
        # a unit is changed from above: nobody moves his own part of the city elsewhere
        return [replace(view, paths=tuple(path - {key} for path in view.paths)) for view in views]
    return views


def _without_place(operation: str) -> Subject:
    return Subject(is_anywhere=operation in _IN_PARTS)


def _others(conn: Writing, operation: str, details: Mapping[str, Any]) -> list[Subject]:
    """Whom or what it concerns beside its subject: not himself, or in his part of the city."""
    after = details.get("after")
    told = {**details, **(after if isinstance(after, dict) else {})}

    def named(names: tuple[str, ...]) -> str:
        return next((str(told[name]) for name in names if told.get(name)), "")

    found = []
    if operation in _LETS_IN and _includes(conn, named(_LETS_IN[operation]), conn.administrator):
        found.append(Subject(conn.administrator))
    if operation in _WITHIN:
        about = subject_of(conn, named(_WITHIN[operation])) or Subject()
        found.append(Subject(paths=about.paths))
    return found


def _includes(conn: Writing, key: str, account_id: str) -> bool:
    """Whether what is given to an address comes to an account: its own, by a group, or in a mailbox that it reads."""
    if key == "anyone":
        return True
    owner = conn.row(OWNER_OF, key=normalise(key)) if key else None
    if owner is None:
        return False
    if owner[1] is not None:
        return is_reached(conn, owner[1], account_id)
    return owner[0] == account_id or owner[0] in mailboxes_of(conn, account_id)


def _decide(
    conn: Reading | Writing, actor_id: str, operation: str, subject: Subject, key: str, at: str | None
) -> Decision:
    held = delegations_of(conn, actor_id)
    decision = decide(actor_id, own_rank(conn, actor_id), held, operation, subject, at or conn.today)
    if not decision.allowed and operation in ("group.approve", "group.reject") and moderates(conn, actor_id, key):
        return Decision(True)
    return decision


# --- approval by a second one


def _approval(
    conn: Writing, actor: str, operation: str, subject: str, about: Subject, details: Mapping[str, Any]
) -> dict[str, Any]:
    rule = conn.row(_RULE, operation=operation)
    if rule is None or (rule[0] is not None and (about.rank is None or about.rank > rule[0])):
        return {}
    exact = _told({name: value for name, value in details.items() if name != "before"})
    rests_on = _told({"before": details.get("before")})
    who, second = conn.administrator, conn.second
    for request_id, state, asked, decided_by, rested_on in conn.rows(
        _REQUESTS, account=who, operation=operation, subject=subject, now=conn.now
    ):
        is_seconded = second is not None and second.request_id == request_id
        if asked != exact or (is_seconded and rested_on != rests_on):
            continue
        if state == "approved":
            conn.execute(update(approval_request).where(approval_request.c.id == request_id).values(state="done"))
            return {"request": request_id, "approved_by": decided_by}
        if second is None or not is_seconded:
            conn.refused = Refused("approval-waiting", _tell_nothing, request=request_id)
            raise conn.refused
        require_second(conn, second.name, second.account_id, who, operation, subject)
        conn.execute(
            update(approval_request)
            .where(approval_request.c.id == request_id)
            .values(state="done", decided_by=second.name[:254], decided_at=conn.now)
        )
        emergency = {"emergency": True} if second.account_id == OWNER else {}
        return {"request": request_id, "approved_by": second.name, **emergency}
    if second is not None and (second.operation, second.subject) == (operation, subject):
        conn.refused = Refused("approval-changed", _tell_nothing, request=second.request_id)
        raise conn.refused
    request_id = conn.new_id()
    reason, command = conn.reason, conn.command

    def ask(again: Writing) -> None:
        from directory.record import record  # read late: it asks this module

        again.execute(
            insert(approval_request),
            {
                "id": request_id,
                "account_id": who,
                "operation": operation,
                "subject": subject,
                "details": exact,
                "reason": reason,
                "asked_at": again.now,
                "expires_at": again.now + APPROVAL_SECONDS,
                "state": "asked",
                "decided_by": "",
                "decided_at": None,
                "command": json.dumps(command, ensure_ascii=False) if command else "",
                "rests_on": rests_on,
                "told": "",
            },
        )
        record(again, actor, "approval.ask", subject, operation=operation, request=request_id)

    conn.refused = Refused("approval-needed", ask, operation=operation, subject=subject, request=request_id)
    raise conn.refused


def _told(details: Mapping[str, Any]) -> str:
    return json.dumps(
        {name: value for name, value in details.items() if value not in (None, "", [], {})},
        ensure_ascii=False,
        sort_keys=True,
    )


def _tell_nothing(_again: Writing) -> None:
    """Of what was refused for now, and is on record already as a request."""
