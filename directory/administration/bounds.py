"""Who administers what, and where in the city somebody or something is: what
``directory.administration.roles`` decides upon.
"""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import bindparam, case, or_, select

from directory.administration.roles import LOWEST_RANK, NO_STANDING, ROLES, Delegation, Role, Subject
from directory.database import Question, Reading, Writing
from directory.mail.addresses import normalise
from directory.tables import (
    account,
    address,
    appointment,
    delegation,
    group_moderator,
    mail_group,
    position,
    unit_version,
)

OWNER_OF = Question(select(address.c.account_id, address.c.group_id).where(address.c.address == bindparam("key")))
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
# A post ranks as high as its position, whatever place in the list its holder was given.
_POSTS = Question(
    select(
        appointment.c.unit_id,
        case((appointment.c.rank < position.c.rank, appointment.c.rank), else_=position.c.rank),
        appointment.c.valid_until,
    )
    .join(position, position.c.id == appointment.c.position_id)
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


def is_governed(conn: Reading | Writing) -> bool:
    """Whether the city has administrators: from then on what is done without them is an emergency."""
    return conn.row(_CITY_ADMIN) is not None or conn.row(_ADMIN) is not None


def is_same_person(conn: Reading | Writing, one: str, other: str) -> bool:
    """Whether two names in the record are of one account: an address is never given to anybody else."""
    if one.casefold() == other.casefold():
        return True
    first, second = conn.row(OWNER_OF, key=normalise(one)), conn.row(OWNER_OF, key=normalise(other))
    return first is not None and second is not None and first[0] is not None and first[0] == second[0]


def moderates(conn: Reading | Writing, account_id: str, group_address: str) -> bool:
    owner = conn.row(OWNER_OF, key=group_address)
    row = conn.row(_ACCOUNT, key=account_id)
    if owner is None or owner[1] is None or row is None or row[1] != "active":
        return False
    return conn.row(_MODERATES, group=owner[1], account=account_id) is not None


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
    owner = conn.row(OWNER_OF, key=key)
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
