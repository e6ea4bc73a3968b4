"""Who may do what to whom: the facts that ``directory.roles`` decides upon, and the check that every change passes.

Every change is recorded, and whoever records it is judged first (``record.Recorder``).  What he may not do is undone as
a whole, and his attempt is in the record.  The subject must be his to administer as it was before the change and as it
is after it: nobody draws people into his part of the city, or makes them what he could not make them.

One of three answers for a change (``Writing.administrator``): an account that acts as administrator; ``OWNER``, whoever
owns the installation on the machine, who may do everything, and whose every change is marked as an emergency; and
nobody, where people change what is their own, the system does its work, or a city has no administrators yet.

Operations that a rule names are done only once a second administrator has approved them, word for word.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from sqlalchemy import bindparam, insert, or_, select, update

from directory.addresses import normalise
from directory.database import OWNER as OWNER
from directory.database import Question, Reading, Writing
from directory.faults import Fault, Refused
from directory.recipients import is_reached, mailboxes_of
from directory.roles import LOWEST_RANK, NO_STANDING, ROLES, Decision, Delegation, Role, Subject, decide
from directory.tables import (
    account,
    address,
    appointment,
    approval_request,
    approval_rule,
    delegation,
    group_moderator,
    mail_group,
    unit_version,
)

# What the machine's owner looks after, by timers too.
_OF_THE_MACHINE = ("dkim.",)
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
# Who or what else an operation concerns: by which of its details, or of what is after it.
_ALSO = {
    "mailbox.grant": ("to",),
    "mailbox.share": ("to",),
    "mailbox.entrust": ("to", "head_of"),
    "group.rule.add": ("unit",),
    "group.nest": ("member",),
}

_OWNER_OF = Question(select(address.c.account_id, address.c.group_id).where(address.c.address == bindparam("key")))
_ACCOUNT = Question(
    select(account.c.id, account.c.status, account.c.is_admin, account.c.person_id, account.c.unit_id, account.c.login)
    .where(or_(account.c.id == bindparam("key"), account.c.login == bindparam("key")))
    .limit(1)
)
_GROUP = Question(select(mail_group.c.id, mail_group.c.unit_id).where(mail_group.c.id == bindparam("group")))
_MODERATES = Question(
    select(group_moderator.c.account_id).where(
        group_moderator.c.group_id == bindparam("group"), group_moderator.c.account_id == bindparam("account")
    )
)
_POSTS = Question(
    select(appointment.c.unit_id, appointment.c.rank, appointment.c.valid_until)
    .where(appointment.c.person_id == bindparam("person"))
    .order_by(appointment.c.valid_from)
)
_PARENTS = Question(
    select(unit_version.c.parent_id, unit_version.c.valid_from, unit_version.c.valid_until)
    .where(unit_version.c.unit_id == bindparam("unit"))
    .order_by(unit_version.c.valid_from)
)
DELEGATION_COLUMNS = (
    delegation.c.id,
    delegation.c.account_id,
    delegation.c.role,
    delegation.c.unit_id,
    delegation.c.attributes,
    delegation.c.below_rank,
    delegation.c.valid_until,
    delegation.c.granted_by,
    delegation.c.granted_at,
)
_HELD = Question(
    select(*DELEGATION_COLUMNS).where(delegation.c.account_id == bindparam("account")).order_by(delegation.c.id)
)
_CITY_ADMIN = Question(select(delegation.c.id).where(delegation.c.role == "city-admin").limit(1))
_ADMIN = Question(select(account.c.id).where(account.c.is_admin.is_(True), account.c.status == "active").limit(1))
_RULE = Question(select(approval_rule.c.from_rank).where(approval_rule.c.operation == bindparam("operation")))
_REQUESTS = Question(
    select(approval_request.c.id, approval_request.c.state, approval_request.c.details, approval_request.c.decided_by)
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
    if after is not None and after.account_id in mailboxes_of(conn, who) - could_read:
        raise refuse(conn, actor, "may-not-himself", operation, subject)  # lets himself into it, by whatever way
    views = [view for view in (before, after) if view is not None] or [_without_place(operation)]
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


def refuse(conn: Writing, actor: str, code: str, operation: str, subject: str) -> Refused:
    """To be raised: dooms the transaction, and is recorded after it."""

    def note(again: Writing) -> None:
        from directory.record import record  # read late: it asks this module

        record(again, actor, "admin.refused", subject, operation=operation, why=code)

    conn.refused = Refused(code, note, actor=actor, operation=operation, subject=subject)
    return conn.refused


def is_governed(conn: Reading | Writing) -> bool:
    """Whether the city has administrators: from then on what is done without them is an emergency."""
    return conn.row(_CITY_ADMIN) is not None or conn.row(_ADMIN) is not None


def is_same_person(conn: Reading | Writing, one: str, other: str) -> bool:
    """Whether two names in the record are of one account: an address is never given to anybody else."""
    if one.casefold() == other.casefold():
        return True
    first, second = conn.row(_OWNER_OF, key=normalise(one)), conn.row(_OWNER_OF, key=normalise(other))
    return first is not None and second is not None and first[0] is not None and first[0] == second[0]


# --- the facts


def delegations_of(conn: Reading | Writing, account_id: str) -> list[Delegation]:
    """What an account was given; whoever is marked as administrator has the whole city without an end."""
    row = conn.row(_ACCOUNT, key=account_id)
    if row is None or row[1] != "active":
        return []
    held = [delegation_from_row(found) for found in conn.rows(_HELD, account=row[0])]
    if row[2]:
        held.insert(0, whole_city(row[0]))
    return held


def whole_city(account_id: str) -> Delegation:
    """What being marked as administrator is worth."""
    return Delegation("", account_id, "city-admin", None, frozenset(), 0, None)


def delegation_from_row(row: Any) -> Delegation:
    """From DELEGATION_COLUMNS, in that order."""
    found, account_id, role, unit_id, attributes, below_rank, until, by, at = row
    return Delegation(
        found, account_id, cast("Role", role), unit_id, frozenset(attributes.split()), below_rank, until, by, at
    )


def subject_of(conn: Reading | Writing, key: str) -> Subject | None:
    """None: nothing that has a place in the city."""
    if not key:
        return None
    owner = conn.row(_OWNER_OF, key=key)
    account_id, group_id = owner if owner is not None else (None, None)
    if group_id is None:
        row = conn.row(_ACCOUNT, key=account_id or key)
        if row is not None:
            return _account_subject(conn, row)
    group = conn.row(_GROUP, group=group_id or key)
    if group is not None:
        return Subject(paths=paths_of(conn, group[1]) if group[1] else ())
    paths = paths_of(conn, key)
    return Subject(paths=paths) if paths else None


def _without_place(operation: str) -> Subject:
    return Subject(is_anywhere=operation in _IN_PARTS)


def own_rank(conn: Reading | Writing, account_id: str) -> int:
    row = conn.row(_ACCOUNT, key=account_id)
    found = _account_subject(conn, row).rank if row is not None else None
    return LOWEST_RANK if found is None else found


def paths_of(conn: Reading | Writing, unit_id: str) -> tuple[frozenset[str], ...]:
    """The unit with all above it, for each parent that it has or will have; empty if there is no such unit."""
    versions = conn.rows(_PARENTS, unit=unit_id)
    lasting = [row for row in versions if row[2] is None or row[2] >= conn.today] or versions[-1:]
    return tuple({_above(conn, parent) | {unit_id} for parent, _, _ in lasting})


def _above(conn: Reading | Writing, unit_id: str | None) -> frozenset[str]:
    path: set[str] = set()
    while unit_id is not None and unit_id not in path:
        path.add(unit_id)
        versions = conn.rows(_PARENTS, unit=unit_id)
        now = [row for row in versions if row[1] <= conn.today and (row[2] is None or row[2] >= conn.today)]
        found = now or versions[-1:]
        unit_id = found[0][0] if found else None
    return frozenset(path)


def _account_subject(conn: Reading | Writing, row: tuple[Any, ...]) -> Subject:
    account_id, _, is_admin, person_id, unit_id, _ = row
    standings = [
        ROLES[each.role].standing
        for each in map(delegation_from_row, conn.rows(_HELD, account=account_id))
        if each.valid_until is None or each.valid_until >= conn.today
    ]
    standing = min([NO_STANDING, *standings, *([1] if is_admin else [])])
    if person_id is None:
        return Subject(account_id, None, standing, paths_of(conn, unit_id) if unit_id else ())
    posts = conn.rows(_POSTS, person=person_id)
    lasting = [post for post in posts if post[2] is None or post[2] >= conn.today]
    # where somebody is remembered who has left
    counted = lasting or sorted(posts, key=lambda post: post[2] or "")[-1:]
    paths = {path for post in counted for path in paths_of(conn, post[0])}
    return Subject(account_id, min((post[1] for post in counted), default=LOWEST_RANK), standing, tuple(paths))


def _others(conn: Writing, operation: str, details: Mapping[str, Any]) -> list[Subject]:
    """Whom or what it concerns beside its subject: not himself, and in his part of the city."""
    if operation not in _ALSO:
        return []
    told = {**details, **(details.get("after") or {})}
    key = next((str(told[name]) for name in _ALSO[operation] if told.get(name)), "")
    found = subject_of(conn, key) or Subject()
    lets_in = operation.startswith("mailbox.") and _includes(conn, key, conn.administrator)
    account_id = conn.administrator if lets_in else found.account_id
    return [Subject(account_id, None, NO_STANDING, found.paths)]


def _includes(conn: Writing, key: str, account_id: str) -> bool:
    """Whether rights that are given to an address come to an account: by a group, or a mailbox that it reads."""
    if key == "anyone":
        return True
    owner = conn.row(_OWNER_OF, key=key)
    if owner is None:
        return False
    if owner[1] is not None:
        return is_reached(conn, owner[1], account_id)
    return owner[0] in mailboxes_of(conn, account_id)


def _decide(
    conn: Reading | Writing, actor_id: str, operation: str, subject: Subject, key: str, at: str | None
) -> Decision:
    held = delegations_of(conn, actor_id)
    decision = decide(actor_id, own_rank(conn, actor_id), held, operation, subject, at or conn.today)
    if not decision.allowed and operation in ("group.approve", "group.reject") and _moderates(conn, actor_id, key):
        return Decision(True)
    return decision


def _moderates(conn: Reading | Writing, account_id: str, group_address: str) -> bool:
    owner = conn.row(_OWNER_OF, key=group_address)
    row = conn.row(_ACCOUNT, key=account_id)
    if owner is None or owner[1] is None or row is None or row[1] != "active":
        return False
    return conn.row(_MODERATES, group=owner[1], account=account_id) is not None


# --- approval by a second one


def _approval(
    conn: Writing, actor: str, operation: str, subject: str, about: Subject, details: Mapping[str, Any]
) -> dict[str, Any]:
    rule = conn.row(_RULE, operation=operation)
    if rule is None or (rule[0] is not None and (about.rank is None or about.rank > rule[0])):
        return {}
    exact = json.dumps(
        {name: value for name, value in details.items() if name != "before" and value not in (None, "", [], {})},
        ensure_ascii=False,
        sort_keys=True,
    )
    who = conn.administrator
    for request_id, state, asked, decided_by in conn.rows(
        _REQUESTS, account=who, operation=operation, subject=subject, now=conn.now
    ):
        if asked != exact:
            continue
        if state == "asked":
            raise _stopped(conn, Fault("approval-waiting", request=request_id))
        conn.execute(update(approval_request).where(approval_request.c.id == request_id).values(state="done"))
        return {"request": request_id, "approved_by": decided_by}
    request_id = conn.new_id()
    reason = conn.reason

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
            },
        )
        record(again, actor, "approval.ask", subject, operation=operation, request=request_id)

    conn.refused = Refused("approval-needed", ask, operation=operation, subject=subject, request=request_id)
    raise conn.refused


def _stopped(conn: Writing, fault: Fault) -> Refused:
    """Dooms the transaction, and leaves no further mark."""
    conn.refused = Refused(fault.code, lambda again: None, **fault.values)
    return conn.refused
